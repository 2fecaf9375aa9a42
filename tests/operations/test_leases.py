"""Leases of one operation against the simulated Fly: one left behind, one that a refresh took first, one lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from bot.clients.fly import FlyClient
from bot.errors import LeaseHeld
from bot.operations.leases import TTL_S, Leases
from sandbox.faults import Fault
from tests.clients.fly_world import APP, IAD, FlyWorld, fly_world

OURS = "flytower operation one"


@pytest.fixture
async def world() -> AsyncIterator[FlyWorld]:
    async with fly_world() as made:
        made.begin()
        yield made


@pytest.fixture
async def fly(world: FlyWorld) -> AsyncIterator[FlyClient]:
    async with world.client() as client:
        yield client


async def test_a_lease_that_our_dead_process_left_behind_is_waited_out(fly: FlyClient, world: FlyWorld) -> None:
    """The nonce died with the process: the next one waits until Fly frees the Machine, and no longer."""
    left = await fly.acquire_lease(APP, IAD, ttl_s=TTL_S, description=OURS)
    began = world.time.now()

    async with Leases(fly, world.time, APP, OURS) as leases:
        await leases.take([IAD])
        taken_after_s = (world.time.now() - began).total_seconds()
        nonce = await leases.nonce(IAD)

    assert nonce != left.nonce
    assert TTL_S - 1 <= taken_after_s <= TTL_S + 6


async def test_somebody_elses_lease_is_not_waited_for(fly: FlyClient, world: FlyWorld) -> None:
    """Another description is another one's work: told at once."""
    await fly.acquire_lease(APP, IAD, ttl_s=600, description="flyctl")
    began = world.time.now()

    with pytest.raises(LeaseHeld):
        async with Leases(fly, world.time, APP, OURS) as leases:
            await leases.take([IAD])

    assert (world.time.now() - began).total_seconds() < 5


async def test_a_lease_that_two_of_us_take_anew_at_once_is_taken_once(fly: FlyClient, world: FlyWorld) -> None:
    """It ran out while Fly answered nothing; two writes ask for it together, and both get the same nonce."""
    async with Leases(fly, world.time, APP, OURS) as leases:
        await leases.take([IAD])
        world.simulator.faults.add(Fault("status", method="POST", path=f"{IAD}/lease", status=503))
        await world.time.sleep(2 * TTL_S)
        world.simulator.faults.clear()

        nonces = await asyncio.gather(leases.nonce(IAD), leases.nonce(IAD))

    assert len(set(nonces)) == 1
