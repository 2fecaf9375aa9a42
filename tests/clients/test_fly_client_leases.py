"""Waiting for Machines, and leases on them, against the simulated Fly on a socket."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from bot.clients.fly import FlyClient
from bot.clients.http import CONCURRENCY
from bot.domain.model import Lease
from bot.errors import LeaseHeld, NotFound, RemoteRejected, RemoteTimeout, RemoteUnavailable
from tests.clients.fly_world import APP, IAD, STAGING_APP, FlyWorld

WAIT = "/wait$"
LEASE = "/lease$"
ASLEEP = "6e82dd4f7a1c08"


async def new_machine(fly: FlyClient, **config: object) -> str:
    """A Machine that runs one command and is gone."""
    whole = {"image": "registry.fly.io/reify-studio:sha-844d6008b85920b87c9f6767ee5ea0e879305a82", **config}
    return (await fly.create_machine(APP, config=whole, region="iad")).id


async def test_a_state_is_waited_for_in_one_request(fly: FlyClient, world: FlyWorld) -> None:
    """Fly waits, not we: a Machine that boots costs one request."""
    machine_id = await new_machine(fly)

    await fly.wait_for_state(APP, machine_id, "started", timeout_s=60)

    assert world.simulator.machine(machine_id).state == "started"
    assert len(world.calls("GET", WAIT)) == 1


async def test_a_wait_names_its_version(fly: FlyClient, world: FlyWorld) -> None:
    """The incarnation before the update does not count."""
    before = await fly.machine(APP, IAD)
    after = await fly.update_machine(before, config=before.config, nonce="", skip_launch=False)

    await fly.wait_for_state(APP, IAD, "started", version=after.version, timeout_s=60)

    assert world.calls("GET", WAIT)[0]["query"] == {"state": "started", "timeout": "60", "version": after.version}


async def test_a_long_wait_goes_in_slices(world: FlyWorld) -> None:
    """Fly cuts waits at 60 s: 130 s are three requests, and then RemoteTimeout."""
    async with world.client("fm2_sandbox_staging") as staging:
        with pytest.raises(RemoteTimeout) as caught:
            await staging.wait_for_state(STAGING_APP, ASLEEP, "started", timeout_s=130)

    slices = [int(call["query"]["timeout"]) for call in world.calls("GET", WAIT)]
    assert slices[:2] == [60, 60]
    assert max(slices) <= 60
    assert "is not started after 130 s" in caught.value.message


async def test_waiting_for_the_end_of_what_is_unknown_is_over(fly: FlyClient) -> None:
    """404 is what `destroyed` looks like once Fly has forgotten."""
    await fly.wait_for_state(APP, "0000", "destroyed", timeout_s=60)


async def test_a_machine_that_was_just_created_may_be_unknown(fly: FlyClient, world: FlyWorld) -> None:
    """Fly's copies lag: 404 in the first seconds is no end."""
    machine_id = await new_machine(fly)
    world.goes_wrong("status", "GET", f"{machine_id}", times=3, status=404)

    await fly.wait_for_state(APP, machine_id, "started", timeout_s=60)

    assert world.simulator.machine(machine_id).state == "started"


async def test_a_machine_that_stays_unknown_is_not_found(fly: FlyClient, world: FlyWorld) -> None:
    """After five seconds it is gone, however long the wait."""
    started = world.time.now()

    with pytest.raises(NotFound):
        await fly.wait_for_state(APP, "0000", "started", timeout_s=600)

    assert world.time.now() - started < timedelta(seconds=60)


async def test_a_machine_that_is_gone_ends_the_wait_at_once(fly: FlyClient, world: FlyWorld) -> None:
    """What was destroyed can still be read, so nobody waits for it to appear."""
    await fly.destroy_machine(APP, IAD)
    await fly.wait_for_state(APP, IAD, "destroyed", timeout_s=60)
    world.time.slept.clear()

    with pytest.raises(NotFound):
        await fly.wait_for_state(APP, IAD, "started", timeout_s=60)

    assert world.time.slept == []


@pytest.mark.parametrize(("kind", "status"), [("status", 503), ("status", 429), ("drop_before", 0)])
async def test_trouble_on_the_way_costs_time_only(fly: FlyClient, world: FlyWorld, kind: str, status: int) -> None:
    """A bad gateway in the middle of a release is no failed release."""
    machine_id = await new_machine(fly)
    world.goes_wrong(kind, "GET", WAIT, times=2, status=status)

    await fly.wait_for_state(APP, machine_id, "started", timeout_s=60)

    assert len(world.calls("GET", WAIT)) == 3


async def test_trouble_that_lasts_is_told(fly: FlyClient, world: FlyWorld) -> None:
    """When the time is up, the trouble is raised, not a time-out that hides it."""
    world.goes_wrong("status", "GET", WAIT, times=None, status=503)

    with pytest.raises(RemoteUnavailable):
        await fly.wait_for_state(APP, IAD, "stopped", version="01X", timeout_s=5)


async def test_a_refused_wait_is_not_repeated(fly: FlyClient, world: FlyWorld) -> None:
    """A wait that Fly does not accept is an error at once."""
    with pytest.raises(RemoteRejected):
        await fly.wait_for_state(APP, IAD, "happy", timeout_s=60)

    assert len(world.calls("GET", WAIT)) == 1


async def test_a_lease_is_taken(fly: FlyClient, world: FlyWorld) -> None:
    """With a nonce, a description that people see, and an end; the time goes in the query, too."""
    lease = await fly.acquire_lease(APP, IAD, ttl_s=60, description="Flytower op-1 by @ana")

    assert lease.nonce
    assert (lease.machine_id, lease.description) == (IAD, "Flytower op-1 by @ana")
    assert lease.expires_at is not None
    assert timedelta(seconds=30) < lease.expires_at - world.time.now() <= timedelta(seconds=61)
    assert world.calls("POST", LEASE)[0]["query"] == {"ttl": "60"}


async def test_whoever_holds_the_lease_can_be_asked(fly: FlyClient, world: FlyWorld) -> None:
    """Owner and description, but nobody's nonce; None where the Machine is free."""
    assert await fly.lease(APP, IAD) is None
    world.simulator.control.lease(IAD, owner="bo@reify.example")

    lease = await fly.lease(APP, IAD)

    assert lease is not None
    assert (lease.owner, lease.description, lease.nonce) == ("bo@reify.example", "flyctl deploy", "")


async def test_somebody_elses_lease_is_respected(fly: FlyClient, world: FlyWorld) -> None:
    """LeaseHeld names owner and end."""
    world.simulator.control.lease(IAD, owner="bo@reify.example", seconds=300)

    with pytest.raises(LeaseHeld) as caught:
        await fly.acquire_lease(APP, IAD, ttl_s=13, description="op-1")

    assert caught.value.owner == "bo@reify.example"
    assert caught.value.expires_at is not None
    assert caught.value.expires_at > world.time.now()


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
async def test_a_lease_whose_answer_was_lost_is_taken_in_the_end(fly: FlyClient, world: FlyWorld, kind: str) -> None:
    """A lease of ours without its nonce is waited out, and not taken for somebody else's."""
    world.goes_wrong(kind, "POST", LEASE)

    lease = await fly.acquire_lease(APP, IAD, ttl_s=13, description="op-1")

    held = world.simulator.machine(IAD).lease
    assert held is not None
    assert lease.nonce == held.nonce
    assert (sum(world.time.slept) >= 13) == (kind == "drop_after")


async def test_a_lost_answer_does_not_outwait_others(fly: FlyClient, world: FlyWorld) -> None:
    """Where the lease turns out to be somebody else's, that is told at once."""
    world.simulator.control.lease(IAD, seconds=300)
    world.goes_wrong("drop_before", "POST", LEASE)

    with pytest.raises(LeaseHeld):
        await fly.acquire_lease(APP, IAD, ttl_s=13, description="op-1")

    assert sum(world.time.slept) < 13


async def test_waiting_for_many_machines_keeps_no_lease_from_being_refreshed(fly: FlyClient, world: FlyWorld) -> None:
    """Waits and other slow calls have slots of their own."""
    lease = await fly.acquire_lease(APP, IAD, ttl_s=600, description="op-1")
    world.goes_wrong("delay", "GET", WAIT, times=None, seconds=50)
    waits = [
        asyncio.create_task(fly.wait_for_state(APP, f"{n}", "destroyed", timeout_s=60)) for n in range(CONCURRENCY)
    ]
    await asyncio.sleep(0)

    await fly.refresh_lease(APP, lease, ttl_s=600)

    assert not any(wait.done() for wait in waits)
    await asyncio.gather(*waits)


async def test_a_lease_is_refreshed(fly: FlyClient, world: FlyWorld) -> None:
    """Same nonce, later end; an answer that was lost is asked for again."""
    lease = await fly.acquire_lease(APP, IAD, ttl_s=60, description="op-1")
    world.goes_wrong("drop_after", "POST", LEASE)

    refreshed = await fly.refresh_lease(APP, lease, ttl_s=600)

    assert refreshed.nonce == lease.nonce
    assert refreshed.expires_at is not None
    assert lease.expires_at is not None
    assert refreshed.expires_at > lease.expires_at


async def test_a_lost_lease_is_not_refreshed(fly: FlyClient, world: FlyWorld) -> None:
    """Somebody else has it by now."""
    lease = await fly.acquire_lease(APP, IAD, ttl_s=60, description="op-1")
    world.simulator.control.lease(IAD, owner="bo@reify.example", seconds=300)

    with pytest.raises(LeaseHeld):
        await fly.refresh_lease(APP, lease, ttl_s=60)


async def test_the_lease_of_a_machine_that_is_gone_is_lost(fly: FlyClient) -> None:
    """Refreshing it says so, in the same way."""
    with pytest.raises(LeaseHeld):
        await fly.refresh_lease(APP, Lease("0000", "nonce", "", "", None), ttl_s=60)


async def test_a_lease_is_given_back(fly: FlyClient, world: FlyWorld) -> None:
    """The Machine is free, and giving it back again is fine."""
    lease = await fly.acquire_lease(APP, IAD, ttl_s=600, description="op-1")
    world.goes_wrong("drop_after", "DELETE", LEASE)

    await fly.release_lease(APP, lease)
    await fly.release_lease(APP, lease)

    assert world.simulator.machine(IAD).lease is None


async def test_giving_back_touches_no_other_lease(fly: FlyClient, world: FlyWorld) -> None:
    """Ours ran out and somebody else took it: theirs stays, and nobody is troubled."""
    world.simulator.control.lease(IAD, owner="bo@reify.example", seconds=300)

    await fly.release_lease(APP, Lease(IAD, "our-old-nonce", "", "", None))

    held = await fly.lease(APP, IAD)
    assert held is not None
    assert held.owner == "bo@reify.example"
