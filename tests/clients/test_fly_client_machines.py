"""Machines through the client, against the simulated Fly on a socket."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest

from bot.clients.fly import FlyClient
from bot.clients.fly.machines import contains
from bot.domain.model import Machine
from bot.errors import Conflict, LeaseHeld, NotFound, Reason, RemoteError, RemoteRejected, RemoteUnavailable
from sandbox.faults import Fault
from tests.clients.fly_world import APP, IAD, SJC, V140, V142, FlyWorld

MACHINE = f"/machines/{IAD}$"
MACHINES = "/machines$"


def on_image(machine: Machine, label: str) -> dict[str, Any]:
    """The Machine's config with another image and nothing else changed."""
    config = copy.deepcopy(dict(machine.config))
    config["image"] = f"registry.fly.io/{APP}:{label}"
    return config


def marked(value: str) -> dict[str, Any]:
    """The config of a small Machine that can be recognised."""
    return {
        "image": f"registry.fly.io/{APP}:{V142}",
        "metadata": {"flytower_operation": value},
        "init": {"cmd": ["true"]},
    }


async def test_the_machines_of_an_app_are_listed(fly: FlyClient) -> None:
    """Both, with their config as Fly holds it, their image with its digest, and their checks."""
    machines = await fly.machines(APP)

    assert {(m.id, m.region, m.state) for m in machines} == {(IAD, "iad", "started"), (SJC, "sjc", "started")}
    assert all(m.is_managed and m.is_healthy for m in machines)
    assert all(m.image.digest.startswith("sha256:") for m in machines)
    assert machines[0].config["services"][0]["internal_port"] == 4000


async def test_one_machine_is_read(fly: FlyClient) -> None:
    """The same value as in the list."""
    machine = await fly.machine(APP, IAD)

    assert machine in await fly.machines(APP)


async def test_an_unknown_machine_is_not_found(fly: FlyClient) -> None:
    """NotFound with a reason that a step can act on."""
    with pytest.raises(NotFound) as caught:
        await fly.machine(APP, "0000")

    assert caught.value.reason is Reason.MACHINE_GONE


async def test_another_organisations_app_is_refused(world: FlyWorld) -> None:
    """The token of staging cannot even read production; Fly's words and request id are told."""
    async with world.client("FlyV1 fm2_sandbox_staging") as staging:
        with pytest.raises(RemoteRejected) as caught:
            await staging.machines(APP)

    assert (caught.value.status, caught.value.message) == (403, "unauthorized")
    assert caught.value.request_id.endswith("-iad")


async def test_a_machine_is_created_as_asked(fly: FlyClient, world: FlyWorld) -> None:
    """Region and config arrive untouched, unknown keys too; with skip_launch it does not start."""
    config = marked("op-1") | {"files": [{"guest_path": "/x", "raw_value": "eA=="}]}

    machine = await fly.create_machine(APP, config=config, region="sjc", skip_launch=True)

    stored = world.simulator.machine(machine.id)
    assert (stored.region, stored.wants_to_run) == ("sjc", False)
    assert stored.config["files"] == config["files"]
    assert machine.metadata == {"flytower_operation": "op-1"}


@pytest.mark.parametrize(("kind", "status"), [("drop_after", 0), ("status", 503), ("status", 408)])
async def test_a_creation_with_a_lost_answer_is_not_repeated(
    fly: FlyClient, world: FlyWorld, kind: str, status: int
) -> None:
    """The error says that it may have been worked, and Fly was asked once."""
    world.goes_wrong(kind, "POST", MACHINES, status=status)

    with pytest.raises(RemoteError) as caught:
        await fly.create_machine(APP, config=marked("op-1"), region="iad")

    assert caught.value.sent
    assert len(world.calls("POST", MACHINES)) == 1


async def test_a_creation_that_was_limited_is_repeated(fly: FlyClient, world: FlyWorld) -> None:
    """429 means that nothing was done."""
    world.goes_wrong("status", "POST", MACHINES, status=429)

    machine = await fly.create_machine(APP, config=marked("op-1"), region="iad")

    assert [m.id for m in await fly.marked_machines(APP, "flytower_operation", "op-1")] == [machine.id]


async def test_a_marker_finds_a_machine_and_no_other(fly: FlyClient) -> None:
    """What a lost answer hid is found by its marker, also after it was destroyed; `machines` leaves it out."""
    ours = await fly.create_machine(APP, config=marked("op-1"), region="iad")
    await fly.create_machine(APP, config=marked("op-12"), region="iad")
    await fly.destroy_machine(APP, ours.id)
    await fly.wait_for_state(APP, ours.id, "destroyed", timeout_s=30)

    found = await fly.marked_machines(APP, "flytower_operation", "op-1")

    assert [(m.id, m.state) for m in found] == [(ours.id, "destroyed")]
    assert ours.id not in {m.id for m in await fly.machines(APP)}


async def test_a_filter_that_fly_ignores_finds_nobody_else(fly: FlyClient, world: FlyWorld) -> None:
    """Somebody else's Machine is never taken for ours, whatever the list holds; one without a config may be ours."""
    listed = [{"id": "1", "config": {"metadata": {}}}, {"id": "2", "config": {"image": "x"}}, {"id": "3"}]
    world.goes_wrong("status", "GET", MACHINES, status=200, body=listed)

    found = await fly.marked_machines(APP, "flytower_operation", "op-1")

    assert [m.id for m in found] == ["3"]


async def test_an_update_changes_what_was_changed(fly: FlyClient, world: FlyWorld) -> None:
    """Under the lease, the new image with the whole old config makes a new version."""
    lease = await fly.acquire_lease(APP, IAD, ttl_s=60, description="op-1")
    before = await fly.machine(APP, IAD)

    after = await fly.update_machine(before, config=on_image(before, V142), nonce=lease.nonce, skip_launch=False)

    assert (after.id, after.image.label) == (IAD, V142)
    assert after.version != before.version
    assert {k: v for k, v in after.config.items() if k != "image"} == {
        k: v for k, v in before.config.items() if k != "image"
    }
    assert world.simulator.machine(IAD).image.tag == V142


async def test_an_update_of_an_older_version_is_refused(fly: FlyClient, world: FlyWorld) -> None:
    """Somebody else was quicker: nothing is overwritten."""
    read = await fly.machine(APP, IAD)
    await fly.update_machine(read, config=on_image(read, V142), nonce="", skip_launch=False)

    with pytest.raises(RemoteRejected) as caught:
        await fly.update_machine(read, config=on_image(read, V140), nonce="", skip_launch=False)

    assert caught.value.status == 412
    assert world.simulator.machine(IAD).image.tag == V142


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
async def test_an_update_with_a_lost_answer_has_one_effect(fly: FlyClient, world: FlyWorld, kind: str) -> None:
    """Whether the request or its answer was lost: the Machine is updated once, and returned as it is."""
    before = await fly.machine(APP, IAD)
    world.goes_wrong(kind, "POST", MACHINE)

    after = await fly.update_machine(before, config=on_image(before, V142), nonce="", skip_launch=False)

    assert after.image.label == V142
    assert after.version == world.simulator.machine(IAD).instance_id
    assert world.simulator.machine(IAD).counts["updates"] == 1


async def test_somebody_elses_update_is_not_taken_for_ours(fly: FlyClient, world: FlyWorld) -> None:
    """Our request was lost and somebody else changed the Machine meanwhile: the refusal is raised."""
    before = await fly.machine(APP, IAD)
    await fly.update_machine(before, config=on_image(before, V140), nonce="", skip_launch=False)
    world.goes_wrong("drop_before", "POST", MACHINE)

    with pytest.raises(RemoteRejected):
        await fly.update_machine(before, config=on_image(before, V142), nonce="", skip_launch=False)

    assert world.simulator.machine(IAD).image.tag == V140


async def test_an_update_gives_up(fly: FlyClient, world: FlyWorld) -> None:
    """After three lost answers the caller has to look."""
    before = await fly.machine(APP, IAD)
    world.goes_wrong("drop_before", "POST", MACHINE, times=None)

    with pytest.raises(RemoteUnavailable) as caught:
        await fly.update_machine(before, config=on_image(before, V142), nonce="", skip_launch=False)

    assert caught.value.sent
    assert len(world.calls("POST", MACHINE)) == 3


async def test_an_update_under_somebody_elses_lease_names_them(fly: FlyClient, world: FlyWorld) -> None:
    """LeaseHeld with owner and end, so that the person knows whom to ask."""
    before = await fly.machine(APP, IAD)
    world.simulator.control.lease(IAD, owner="bo@reify.example", seconds=60)

    with pytest.raises(LeaseHeld) as caught:
        await fly.update_machine(before, config=on_image(before, V142), nonce="", skip_launch=False)

    assert (caught.value.machine, caught.value.owner) == (IAD, "bo@reify.example")
    assert caught.value.expires_at is not None


async def test_an_unreachable_machine_is_not_written(fly: FlyClient, world: FlyWorld) -> None:
    """Its config is unknown, so writing would lose it: refused here, before Fly is asked."""
    world.simulator.faults.add(Fault("host_unreachable", target=IAD))
    before = await fly.machine(APP, IAD)

    with pytest.raises(Conflict) as caught:
        await fly.update_machine(before, config={"image": "registry.fly.io/x:y"}, nonce="", skip_launch=False)

    assert (before.host_status, caught.value.reason) == ("unreachable", Reason.HOST_UNREACHABLE)
    assert world.calls("POST", MACHINE) == []


async def test_a_machine_is_stopped_and_started(fly: FlyClient, world: FlyWorld) -> None:
    """Under our lease, with its nonce."""
    lease = await fly.acquire_lease(APP, IAD, ttl_s=120, description="op-1")
    version = (await fly.machine(APP, IAD)).version

    await fly.stop_machine(APP, IAD, nonce=lease.nonce)
    await fly.wait_for_state(APP, IAD, "stopped", version=version, timeout_s=30)
    await world.time.sleep(5)
    await fly.start_machine(APP, IAD, nonce=lease.nonce)
    await fly.wait_for_state(APP, IAD, "started", version=version, timeout_s=30)

    assert (await fly.machine(APP, IAD)).started_at is not None


async def test_an_exit_is_told(fly: FlyClient, world: FlyWorld) -> None:
    """A crash shows its code, and that nobody asked for it."""
    world.simulator.control.crash(IAD, exit_code=3)

    last = (await fly.machine(APP, IAD)).exit

    assert last is not None
    assert (last.exit_code, last.requested_stop) == (3, False)


async def test_a_start_with_a_lost_answer_is_not_repeated(fly: FlyClient, world: FlyWorld) -> None:
    """A release command must not run twice."""
    world.goes_wrong("drop_after", "POST", "/start$")

    with pytest.raises(RemoteUnavailable):
        await fly.start_machine(APP, IAD)

    assert len(world.calls("POST", "/start$")) == 1


async def test_a_stop_with_a_lost_answer_is_repeated(fly: FlyClient, world: FlyWorld) -> None:
    """Stopping twice is stopping once."""
    world.goes_wrong("drop_before", "POST", "/stop$")

    await fly.stop_machine(APP, IAD)

    assert world.simulator.machine(IAD).counts["stops"] == 1


@pytest.mark.parametrize("kind", ["", "drop_before", "drop_after"])
async def test_destroying_ends_with_no_machine(fly: FlyClient, world: FlyWorld, kind: str) -> None:
    """A running Machine is destroyed by force, with or without its answer; twice is as good as once."""
    if kind:
        world.goes_wrong(kind, "DELETE", MACHINE)

    await fly.destroy_machine(APP, IAD)
    await fly.wait_for_state(APP, IAD, "destroyed", timeout_s=30)
    await fly.destroy_machine(APP, IAD)

    assert [m.id for m in await fly.machines(APP)] == [SJC]
    assert world.calls("DELETE", MACHINE)[0]["query"] == {"force": "true"}


async def test_destroying_what_never_was_is_fine(fly: FlyClient) -> None:
    """What is not there counts as destroyed."""
    await fly.destroy_machine(APP, "0000")

    assert len(await fly.machines(APP)) == 2


async def test_many_reads_keep_to_flys_limits(fly: FlyClient, world: FlyWorld) -> None:
    """More reads of one Machine than its burst take as long as Fly wants, and none is refused."""
    await asyncio.gather(*(fly.machine(APP, IAD) for _ in range(13)))

    assert {call["status"] for call in world.calls("GET", MACHINE)} == {200}
    assert sum(world.time.slept) > 0


@pytest.mark.parametrize(
    ("stored", "sent", "expected"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"a": 1}, {"a": 2}, False),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"a": 1}, {"a": 1, "b": {}, "c": None, "d": [], "e": False}, True),
        ({"a": {"x": 1}}, {"a": {}}, True),
        ({"a": [{"x": 1, "y": 2}]}, {"a": [{"x": 1}]}, True),
        ({"a": [1, 2]}, {"a": [1]}, False),
        ({"a": "text"}, {"a": [1]}, False),
        ({"a": "text"}, {"a": {"b": 1}}, False),
        ({"a": 1}, {"a": 0}, False),
    ],
)
def test_what_fly_adds_does_not_hide_what_was_sent(stored: Any, sent: Any, expected: bool) -> None:
    """Keys of Fly's own and empty values it leaves out are no difference; everything else is."""
    assert contains(stored, sent) is expected


async def test_a_machine_is_kept_from_requests_until_it_is_uncordoned(fly: FlyClient, world: FlyWorld) -> None:
    """Created without service registration, uncordoned, cordoned again: each done twice does no harm."""
    machine = await fly.create_machine(APP, config=marked("op-1"), region="iad", skip_service_registration=True)

    cordoned = [world.simulator.machine(machine.id).cordoned]
    for act in (fly.uncordon, fly.cordon):
        for _ in range(2):
            await act(APP, machine.id)
        cordoned.append(world.simulator.machine(machine.id).cordoned)

    assert cordoned == [True, False, True]


async def test_a_cordon_needs_the_lease_where_there_is_one(fly: FlyClient) -> None:
    """Somebody else's lease keeps the proxy's registration as it is; our nonce opens it."""
    lease = await fly.acquire_lease(APP, IAD, ttl_s=30, description="op-1")

    with pytest.raises(LeaseHeld):
        await fly.cordon(APP, IAD)

    await fly.cordon(APP, IAD, nonce=lease.nonce)
