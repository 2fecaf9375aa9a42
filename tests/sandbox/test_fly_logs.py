"""The log API of the simulated Fly: late, in pages of 100, for one Machine or all."""

from __future__ import annotations

from typing import Any

from tests.sandbox.fly_client import APP, FIXTURES, IAD, SJC, Fly

fly_stage, fly = FIXTURES
PATH = f"/api/v1/apps/{APP}/logs"


async def page(fly: Fly, **query: Any) -> tuple[list[str], str]:
    """Messages of a page, and the token of the next one."""
    answer = await fly.get(PATH, **query)
    return [line["attributes"]["message"] for line in answer["data"]], answer["meta"]["next_token"]


async def test_lines_arrive_seconds_after_they_were_written(fly: Fly) -> None:
    """Who asks at once gets nothing; the token stays good for the next question."""
    _, token = await page(fly)
    fly.clock.advance(5)
    fly.sim.world.log(fly.sim.machine(IAD), fly.clock.now(), "hello")
    early, again = await page(fly, next_token=token)
    fly.clock.advance(5)
    late, _ = await page(fly, next_token=again)

    assert (early, late) == ([], ["hello"])


async def test_pages_follow_one_another_without_gaps(fly: Fly) -> None:
    """A hundred lines each, oldest first, also where they were written in the same instant."""
    _, token = await page(fly)
    fly.clock.advance(5)
    for number in range(250):
        fly.sim.world.log(fly.sim.machine(IAD), fly.clock.now(), f"line {number}")
    fly.clock.advance(5)
    pages = []
    for _ in range(4):
        lines, token = await page(fly, next_token=token)
        pages.append(lines)

    assert [len(lines) for lines in pages] == [100, 100, 50, 0]
    assert [line for lines in pages for line in lines] == [f"line {number}" for number in range(250)]


async def test_without_a_token_the_newest_lines_of_a_day_come(fly: Fly) -> None:
    """Older ones do not."""
    fly.sim.world.log(fly.sim.machine(IAD), fly.clock.now(), "yesterday")
    fly.clock.advance(25 * 3600)
    fly.sim.world.log(fly.sim.machine(IAD), fly.clock.now(), "today")
    fly.clock.advance(5)

    assert (await page(fly))[0] == ["today"]


async def test_the_lines_of_one_machine_or_region(fly: Fly) -> None:
    """Either narrows the page."""
    for machine in (IAD, SJC):
        fly.sim.world.log(fly.sim.machine(machine), fly.clock.now(), machine)
    fly.clock.advance(5)

    assert (await page(fly, instance=SJC))[0] == [SJC]
    assert (await page(fly, region="iad"))[0] == [IAD]


async def test_a_release_command_leaves_its_lines_and_its_end(fly: Fly) -> None:
    """What it printed, and the marker that says it is over."""
    config = {"auto_destroy": True, "init": {"cmd": ["/app/bin/migrate"]}, "restart": {"policy": "no"}}
    made = (await fly.create(config)).json()["id"]
    fly.clock.advance(60)
    lines, _ = await page(fly, instance=made)

    assert " INFO Preparing to run: `/app/bin/migrate` as nobody" in lines
    assert any("Migrated" in line for line in lines)
    assert " INFO Main child exited normally with code: 0" in lines


async def test_a_token_without_the_right_gets_no_logs(fly: Fly) -> None:
    """401, in the shape of that API."""
    refused = await fly.call("GET", PATH, headers=fly.token("fm2_sandbox_quiet", logs=False))

    assert refused.status_code == 401
    assert "errors" in refused.json()
