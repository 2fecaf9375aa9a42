"""The leases of an operation: one that a dead process left, somebody else's, one that two of us want at once."""

from __future__ import annotations

import asyncio

import pytest

from bot.clients.fly import FlyClient
from bot.errors import LeaseHeld
from bot.operations.leases import TTL_S, Leases
from sandbox.faults import Fault
from tests.clients.fly_world import IAD
from tests.world import PRODUCTION, World

OURS = "flytower operation one"


def fly_of(world: World) -> FlyClient:
    """The bot's client for production."""
    return world.bot.fly[world.bot.settings.environment("production").organisation]


def leases_of(world: World) -> Leases:
    """What a run of our operation takes leases with."""
    return Leases(fly_of(world), world.bot.clock, PRODUCTION, OURS)


async def test_a_lease_that_our_dead_process_left_behind_is_waited_out(world: World) -> None:
    """The nonce died with the process: the next one waits until Fly frees the Machine, and no longer."""
    left = await fly_of(world).acquire_lease(PRODUCTION, IAD, ttl_s=TTL_S, description=OURS)
    began = world.bot.clock.now()

    async with leases_of(world) as leases:
        await leases.take([IAD])
        taken_after_s = (world.bot.clock.now() - began).total_seconds()
        nonce = await leases.nonce(IAD)

    assert nonce != left.nonce
    assert TTL_S - 1 <= taken_after_s <= TTL_S + 6


async def test_somebody_elses_lease_is_not_waited_for(world: World) -> None:
    """Another description is another one's work: told long before it ends."""
    await fly_of(world).acquire_lease(PRODUCTION, IAD, ttl_s=600, description="flyctl")
    began = world.bot.clock.now()

    with pytest.raises(LeaseHeld):
        async with leases_of(world) as leases:
            await leases.take([IAD])

    assert (world.bot.clock.now() - began).total_seconds() < TTL_S


async def test_a_lease_that_two_of_us_take_anew_at_once_is_taken_once(world: World) -> None:
    """It ran out while Fly answered nothing; two writes ask for it together, and both get the same nonce."""
    async with leases_of(world) as leases:
        await leases.take([IAD])
        world.fly.faults.add(Fault("status", method="POST", path=f"{IAD}/lease", status=503))
        await world.simulators.clock.sleep(2 * TTL_S)
        world.fly.faults.clear()

        nonces = await asyncio.gather(leases.nonce(IAD), leases.nonce(IAD))

    assert len(set(nonces)) == 1
