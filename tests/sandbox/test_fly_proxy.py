"""The proxy of the simulated Fly: it wakes Machines for requests and stops those that nobody needs."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.fly.proxy import named_in, reached_by
from tests.sandbox.fly_client import APP, FIXTURES, IAD, SJC, STAGING, Fly

fly_stage, fly = FIXTURES
STAGING_APP = "reify-studio-staging"
PASS_S = 300.0


def states(fly: Fly, app: str = APP) -> dict[str, str]:
    return {machine.id: machine.state for machine in fly.sim.machines(app)}


async def set_service(fly: Fly, *machines: str, **service: Any) -> None:
    """Change the service of production Machines, which boot again for it."""
    for machine in machines:
        config = (await fly.machine(machine))["config"]
        config["services"][0] |= service
        await fly.call("POST", f"/v1/apps/{APP}/machines/{machine}", {"config": config})
    fly.clock.advance(20)
    fly.sim.world.settle()


async def test_an_idle_machine_sleeps_after_some_minutes(fly: Fly) -> None:
    """A visit wakes it; without another one it is stopped again, by the proxy, which says so in the log."""
    await fly.do("visit", app=STAGING_APP)
    fly.clock.advance(10)
    awake = states(fly, STAGING_APP)
    fly.clock.advance(2 * PASS_S + 10)
    asleep = fly.sim.machine(STAGING)
    lines = [line.message for line in fly.sim.app(STAGING_APP).logs if line.provider == "proxy"]

    assert awake == {STAGING: "started"}
    assert asleep.state == "stopped"
    assert [event["source"] for event in asleep.events if event["status"] == "stopping"] == ["proxy"]
    excess = f"App {STAGING_APP} has excess capacity, autostopping machine {STAGING}."
    left = "0 out of 1 machines left running (region=iad, process group=app)"
    assert lines == ["Starting machine", f"{excess} {left}"]


async def test_visits_keep_a_machine_awake(fly: Fly) -> None:
    """As long as somebody comes within the time between two looks."""
    for _ in range(8):
        await fly.do("visit", app=STAGING_APP)
        fly.clock.advance(PASS_S * 0.6)

    assert states(fly, STAGING_APP) == {STAGING: "started"}


async def test_machines_without_autostop_never_sleep(fly: Fly) -> None:
    """Production's setting is off."""
    fly.clock.advance(24 * 3600)

    assert set(states(fly).values()) == {"started"}


async def test_suspend_keeps_the_memory(fly: Fly) -> None:
    """With that setting an idle Machine ends as suspended."""
    await set_service(fly, IAD, autostop="suspend", min_machines_running=0)
    fly.clock.advance(3 * PASS_S)

    assert states(fly)[IAD] == "suspended"


async def test_the_minimum_counts_in_the_primary_region_only(fly: Fly) -> None:
    """One stays in iad; the one in sjc goes to sleep."""
    await set_service(fly, IAD, SJC, autostop="stop", min_machines_running=1)
    fly.clock.advance(4 * PASS_S)

    assert states(fly) == {IAD: "started", SJC: "stopped"}


async def test_one_machine_of_a_region_is_stopped_at_a_time(fly: Fly) -> None:
    """Three of a region take three looks."""
    await set_service(fly, IAD, autostop="stop", min_machines_running=0)
    config = (await fly.machine(IAD))["config"]
    for _ in range(2):
        await fly.call("POST", f"/v1/apps/{APP}/machines", {"config": config, "region": "iad"})
    counts = []
    for _ in range(6):
        fly.clock.advance(PASS_S)
        found = states(fly)
        counts.append(sum(state == "started" for machine, state in found.items() if machine != SJC))

    assert counts[-1] == 0
    assert all(earlier - later <= 1 for earlier, later in zip([3, *counts], counts, strict=False))


async def test_a_busy_region_keeps_one_machine(fly: Fly) -> None:
    """Visits fill no Machine, so that all but one are excess."""
    await set_service(fly, IAD, autostop="stop", min_machines_running=0)
    config = (await fly.machine(IAD))["config"]
    await fly.call("POST", f"/v1/apps/{APP}/machines", {"config": config, "region": "iad"})
    for _ in range(10):
        fly.clock.advance(PASS_S / 2)
        await fly.do("visit", app=APP)

    assert sorted(state for machine, state in states(fly).items() if machine != SJC) == ["started", "stopped"]


async def test_a_machine_under_a_lease_is_left_alone(fly: Fly) -> None:
    """Somebody works on it."""
    await fly.do("visit", app=STAGING_APP)
    fly.clock.advance(10)
    await fly.do("lease", machine=STAGING, seconds=10_000)
    fly.clock.advance(3 * PASS_S)

    assert states(fly, STAGING_APP) == {STAGING: "started"}


async def test_a_seed_may_do_without_the_proxy_stopping_anything(fly_stage: Any) -> None:
    """`proxy_pass_s` 0 switches its looks off."""
    async with fly_stage.fly(durations={"proxy_pass_s": 0}) as fly:
        await fly.do("visit", app=STAGING_APP)
        fly.clock.advance(24 * 3600)

        assert states(fly, STAGING_APP) == {STAGING: "started"}


@pytest.mark.parametrize("hindrance", ["no_capacity", "host_unreachable"])
async def test_nobody_wakes_where_that_cannot_be(fly: Fly, hindrance: str) -> None:
    """The request finds no Machine."""
    fly.fault(hindrance, target=STAGING)
    await fly.do("visit", app=STAGING_APP)

    assert states(fly, STAGING_APP) == {STAGING: "stopped"}


URLS = {
    "postgres://u:p@reify-db.flycast:5432/x?sslmode=disable": ("reify-db", "reify-db"),
    "http://reify-api.flycast": ("reify-api", "reify-api"),
    "postgres://u:p@top2.nearest.of.reify-db.internal:5432/x": (None, "reify-db"),
    "postgres://u:p@reify-db.internal:5432/x": (None, "reify-db"),
    "postgres://u:p@ep-cool.neon.tech/x": (None, None),
    "flycast": (None, None),
}


@pytest.mark.parametrize("value", URLS)
def test_a_secret_says_which_app_it_reaches(value: str) -> None:
    """Behind the proxy, and by name."""
    assert (reached_by(value), named_in(value)) == URLS[value]
