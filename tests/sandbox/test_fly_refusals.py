"""The simulated Fly refuses what Fly refuses, and several callers at once see one world."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sandbox.clock import Clock
from sandbox.fly import FlySimulator
from tests.sandbox.fly_client import APP, FIXTURES, IAD, LIVE, NEXT, SJC, Fly, Stage

MACHINE = f"/v1/apps/{APP}/machines/{IAD}"
CONFIG = {"image": f"registry.fly.io/{APP}:{NEXT}"}

fly_stage, fly = FIXTURES


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", f"/v1/apps/{APP}/machines/none", None, 404),
        ("POST", f"/v1/apps/{APP}/machines", None, 400),
        ("POST", f"/v1/apps/{APP}/machines", [], 400),
        ("POST", f"/v1/apps/{APP}/machines", {"config": CONFIG, "region": "moon"}, 400),
        ("POST", f"/v1/apps/{APP}/machines", {"config": {**CONFIG, "mounts": [{"volume": "vol_x"}]}}, 404),
        ("POST", f"{MACHINE}/signal", {"signal": "SIGNOTHING"}, 400),
        ("POST", f"{MACHINE}/stop", {"timeout": "ten seconds"}, 400),
        ("POST", f"{MACHINE}/restart?timeout=soon", None, 400),
        ("POST", f"{MACHINE}/exec", {"command": "ls"}, 400),
        ("GET", f"{MACHINE}/events?limit=0", None, 400),
        ("GET", f"{MACHINE}/metadata/none", None, 404),
        ("POST", f"{MACHINE}/metadata/a", {"value": 1}, 400),
        ("PUT", f"{MACHINE}/metadata", {"metadata": {"a": 1}}, 400),
        ("POST", f"/v1/apps/{APP}/secrets", {"values": ["A"]}, 400),
        ("GET", f"/v1/apps/{APP}/secrets?min_version=99", None, 412),
        ("GET", f"/v1/apps/{APP}/volumes/none", None, 404),
        ("POST", f"/v1/apps/{APP}/volumes", {"name": "data"}, 400),
        ("DELETE", f"/v1/apps/{APP}/ip_assignments/1.2.3.4", None, 404),
        ("POST", f"/v1/apps/{APP}/ip_assignments", {"type": "v6", "network": "other"}, 400),
        ("GET", "/v1/orgs/reify-studio-production/machines?limit=1001", None, 400),
        ("GET", "/v1/orgs/reify-studio-production/machines?updated_after=yesterday", None, 400),
        ("GET", "/v1/orgs/reify-studio-staging/machines", None, 403),
    ],
)
async def test_a_call_is_refused(fly: Fly, method: str, path: str, body: Any, status: int) -> None:
    """The status is Fly's and the answer has a sentence; nothing was created."""
    answer = await fly.call(method, path, body)

    assert answer.status_code == status
    assert answer.json()["error"]
    assert len(fly.sim.app(APP).machines) == 2


@pytest.mark.parametrize("action", ["start", "stop", "restart", "suspend", "cordon", "lease"])
async def test_a_destroyed_machine_cannot_be_changed(fly: Fly, action: str) -> None:
    """It is readable, and 404 for everything else."""
    await fly.call("DELETE", MACHINE, params={"force": "true"})
    fly.clock.advance(5)

    answer = await fly.call("POST", f"{MACHINE}/{action}", {})

    assert answer.status_code == 404


async def test_two_clients_want_one_lease(fly: Fly) -> None:
    """Of many requests at once exactly one gets it."""
    answers = await asyncio.gather(*(fly.call("POST", f"{MACHINE}/lease", {"ttl": 13}) for _ in range(8)))

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7


async def test_a_wait_ends_when_somebody_else_acts(fly_stage: Stage) -> None:
    """A waiting request wakes up for what another request brings about."""
    async with fly_stage.fly(clock=Clock(50)) as fly:
        version = (await fly.machine())["instance_id"]
        query = {"state": "stopped", "version": version, "timeout": 60}
        waiting = asyncio.ensure_future(fly.http.get(f"{MACHINE}/wait", params=query))
        await fly.call("POST", f"{MACHINE}/stop", {})
        answer = await waiting

    assert answer.json()["state"] == "stopped"


async def test_two_updates_run_side_by_side(fly_stage: Stage) -> None:
    """Machines of an app are updated at the same time, each to its own version."""
    async with fly_stage.fly(clock=Clock(50)) as fly:
        updates = await asyncio.gather(*(fly.update(machine) for machine in (IAD, SJC)))
        waits = [
            fly.get(f"/v1/apps/{APP}/machines/{u.json()['id']}/wait", version=u.json()["instance_id"]) for u in updates
        ]
        states = [answer["state"] for answer in await asyncio.gather(*waits)]

    assert states == ["started", "started"]
    assert fly.sim.labels(APP) == {NEXT}


async def test_a_drop_after_the_write_leaves_the_write(fly: Fly) -> None:
    """The client sees a broken connection, the Machine was created all the same and is found by its mark."""
    fly.fault("drop_after", method="POST", path=f"/v1/apps/{APP}/machines$", times=1)

    with pytest.raises(Exception, match="disconnected"):
        await fly.create({"metadata": {"flytower_mark": "01ABC"}})
    found = await fly.get(f"/v1/apps/{APP}/machines", **{"metadata.flytower_mark": "01ABC"})

    assert len(found) == 1


def test_a_seed_with_an_unknown_duration_is_refused() -> None:
    """A misspelt key is named instead of ignored."""
    with pytest.raises(ValueError, match="boot_seconds"):
        FlySimulator({"durations": {"boot_seconds": 1}})


def test_two_simulators_of_one_seed_are_alike() -> None:
    """The same seed gives the same ids, digests and labels."""
    first, second = FlySimulator(), FlySimulator()

    assert first.world.registry.state() == second.world.registry.state()
    assert [app.id for app in first.world.apps.values()] == [app.id for app in second.world.apps.values()]
    assert first.labels(APP) == {LIVE}
