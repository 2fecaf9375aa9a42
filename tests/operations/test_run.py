"""One run of an operation, and its leases, where many steps go side by side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.domain.model import Lease
from bot.domain.operation import Operation
from bot.errors import BotError, LeaseHeld, RemoteUnavailable
from bot.operations.engine import Run
from bot.operations.leases import Leases
from bot.store import Store
from tests.builders import NOW, new_operation
from tests.operations.test_build import Clock


class Hesitating(Store):
    """A store whose next read of an operation arrives when a test lets it."""

    def __init__(self, store: Store) -> None:
        self._files = store._files
        self.has_read, self.goes_on = asyncio.Event(), asyncio.Event()

    async def operation(self, operation_id: str) -> Operation:
        """As ever, but a while ago by the time the caller has it."""
        read = await super().operation(operation_id)
        self.has_read.set()
        await self.goes_on.wait()
        return read


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """A database of its own."""
    opened = Store(str(tmp_path / "flytower.db"))
    await opened.open()
    yield opened
    await opened.close()


async def test_a_row_that_was_written_meanwhile_is_not_forgotten(store: Store) -> None:
    """One Machine's step reads the operation, another's writes: the older reading arrives last and changes nothing."""
    operation, _ = await store.create_operation(new_operation(), NOW)
    fly: Any = None
    slow = Hesitating(store)
    run = Run(operation, fly, Clock(), slow, lambda _: None)
    reading = asyncio.create_task(run.reload())
    await slow.has_read.wait()

    await run.done("update", "m1")
    slow.goes_on.set()
    await reading

    assert run.operation.done("update", "m1")


class Turning(Clock):
    """Time that passes only in sleeps, and lets others go on in them."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        await asyncio.sleep(0)


class Fly:
    """Leases on whatever is asked for; `meanwhile` happens at the first refresh of all."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.refreshed: list[str] = []
        self.is_held_on = asyncio.Event()
        self.refreshing: list[BotError] = []
        self.acquiring: list[BotError] = []
        self.meanwhile: Callable[[], None] = lambda: None

    async def acquire_lease(self, app: str, machine_id: str, *, ttl_s: int, description: str) -> Lease:
        del app
        if self.acquiring:
            raise self.acquiring.pop()
        return Lease(machine_id, "nonce", "", description, self.clock.now() + timedelta(seconds=ttl_s))

    async def refresh_lease(self, app: str, lease: Lease, *, ttl_s: int) -> Lease:
        self.meanwhile()
        self.refreshed.append(lease.machine_id)
        if self.refreshed.count("m1") > 1:
            self.is_held_on.set()
        if self.refreshing:
            raise self.refreshing.pop()
        return await self.acquire_lease(app, lease.machine_id, ttl_s=ttl_s, description=lease.description)

    async def release_lease(self, app: str, lease: Lease) -> None:
        del app, lease


async def test_leases_are_refreshed_on_when_one_of_them_goes_at_that_moment() -> None:
    """A Machine is destroyed just when all leases are due: the other one is held for as long as it takes."""
    clock = Turning()
    fly: Any = Fly(clock)
    async with Leases(fly, clock, "app", "flytower test") as leases:
        fly.meanwhile = lambda: leases.forget("m2")
        await leases.take(["m1", "m2"])

        async with asyncio.timeout(5):
            await fly.is_held_on.wait()


async def test_a_lease_that_is_gone_while_fly_is_silent_is_not_lost() -> None:
    """Fly does not know our lease any more, and does not answer when it is taken anew: the next round takes it."""
    clock = Turning()
    fly: Any = Fly(clock)
    async with Leases(fly, clock, "app", "flytower test") as leases:
        await leases.take(["m1"])
        fly.refreshing.append(LeaseHeld("m1", "", None))
        fly.acquiring.append(RemoteUnavailable("no answer", service="Fly"))

        async with asyncio.timeout(5):
            await fly.is_held_on.wait()

        assert await leases.nonce("m1") == "nonce"
