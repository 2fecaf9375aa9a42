"""The workbench: the bot's process and the worlds around it, set back, restarted, one thing at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.faults import Fault
from sandbox.kit import ControlError
from sandbox.stack import BotProcess, Simulators
from sandbox.workbench import Workbench
from tests.sandbox.page_visit import ANA, DEPLOYS, PRODUCTION, STAGING

SPEED = 40.0


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Workbench]:
    """A workbench whose bot does not run yet."""
    async with Simulators(speed=SPEED) as simulators:
        bench = Workbench(simulators, BotProcess(simulators, tmp_path), tmp_path)
        yield bench
        await bench.bot.kill()


def what_is(bench: Workbench) -> tuple[object, ...]:
    """What a reset promises to bring back."""
    world = bench.simulators
    github = next(iter(world.github.state()["repositories"].values()))
    return (
        [len(channel["messages"]) for channel in world.slack.state()["channels"]],
        world.slack.state()["views"],
        {name: [m["label"] for m in app["machines"]] for name, app in world.fly.state()["apps"].items()},
        (github["branches"], github["tags"], [run["id"] for run in github["runs"]]),
    )


async def test_a_reset_brings_the_three_worlds_back(bench: Workbench) -> None:
    """What people said, pushed and destroyed is undone; no fault is on, and no call is remembered."""
    before = what_is(bench)
    await bench.simulators.slack.say(user=ANA, channel=DEPLOYS, text="hello")
    await bench.simulators.fly.actions()["destroy_app"]({"name": STAGING})
    await bench.simulators.github.actions()["tag"]({"name": "v9", "sha": "main", "runs": True})
    for simulator in bench.simulators.all():
        simulator.faults.add(Fault("delay", seconds=1))
        simulator.calls.add({"method": "GET", "path": "/"})

    await bench.reset()

    assert what_is(bench) == before
    assert [simulator.faults.all() for simulator in bench.simulators.all()] == [[], [], []]
    assert [simulator.calls.all() for simulator in bench.simulators.all()] == [[], [], []]


async def test_a_reset_is_shown_to_those_who_look(bench: Workbench) -> None:
    """The workspace counts it as a change, so that no page goes on with what it knew."""
    before = bench.simulators.slack.world.revision

    await bench.reset()

    assert bench.simulators.slack.world.revision > before


async def test_a_reset_forgets_what_the_bot_knew_and_starts_it_again(bench: Workbench) -> None:
    """The bot runs on a fresh database; a bot that did not run stays off."""
    await bench.reset()
    was_off = not bench.bot.is_running
    await bench.start_bot()
    pid = bench.bot.pid

    await bench.reset()

    assert was_off
    assert bench.bot.is_running
    assert bench.bot.pid != pid


async def test_the_bot_hears_commands_after_a_restart(bench: Workbench) -> None:
    """Another process on the same database answers."""
    await bench.start_bot()
    before = (bench.bot.pid, bench.bot.database.stat().st_ino)

    await bench.restart_bot()

    answer = await bench.simulators.slack.command(user=ANA, channel=DEPLOYS, text="/deploy status")
    assert (before[0] != bench.bot.pid, before[1]) == (True, bench.bot.database.stat().st_ino)
    assert answer["outcome"] == "ok"


async def test_one_thing_at_a_time(bench: Workbench) -> None:
    """Who comes while a start is under way is told so, and the start goes on."""
    starting = asyncio.create_task(bench.start_bot())
    await asyncio.sleep(0)

    with pytest.raises(ControlError, match="Wait a moment: a start is under way"):
        await bench.reset()
    await starting

    assert bench.bot.is_running
    assert not bench.is_starting


async def test_a_running_bot_is_not_started_twice(bench: Workbench) -> None:
    """The second start is refused with a sentence."""
    await bench.start_bot()

    with pytest.raises(ControlError, match="running already"):
        await bench.start_bot()


async def test_a_bot_that_cannot_start_says_why(bench: Workbench, tmp_path: Path) -> None:
    """The refusal carries the end of its log."""
    bench.bot = BotProcess(bench.simulators, tmp_path, config=tmp_path / "missing.toml")

    with pytest.raises(ControlError, match=r"missing\.toml"):
        await bench.start_bot()

    assert PRODUCTION in bench.simulators.fly.state()["apps"]
