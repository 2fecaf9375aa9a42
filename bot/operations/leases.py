"""Fly's leases on the Machines of one operation: taken, refreshed while the work goes on, given back at the end.

A lease is short and refreshed often, as flyctl does (13 s, every 4 s), so that a bot that dies frees the
Machines within seconds. Nonces live in memory only: after a restart our own old lease is waited out.
Source: Fly Machines API, "Lease a Machine"; superfly/flyctl internal/command/deploy.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from bot.domain.model import Lease
from bot.errors import BotError, LeaseHeld, Reason, RemoteError, StepFailed
from bot.ports import Clock, Fly

TTL_S = 13
REFRESH_S = 4.0
RETRY_S = 1.0


@dataclass(frozen=True)
class _Held:
    """A lease of ours and until when it holds by our own clock: Fly's may tell another time."""

    lease: Lease
    until: datetime


class Leases:
    """The leases that one run of an operation holds. An async context manager: leaving gives them back."""

    def __init__(self, fly: Fly, clock: Clock, app: str, description: str) -> None:
        self._fly = fly
        self._clock = clock
        self._app = app
        self.description = description
        self._held: dict[str, _Held] = {}
        self._lost: dict[str, LeaseHeld] = {}
        self._refresher: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.give_back()

    async def take(self, machines: Iterable[str]) -> None:
        """Hold a lease on each of these Machines; LeaseHeld when somebody else has one."""
        missing = [machine for machine in machines if machine not in self._held]
        await asyncio.gather(*(self._acquire(machine) for machine in missing))
        if self._held and self._refresher is None:
            self._refresher = asyncio.create_task(self._refresh(), name=f"leases {self._app}")

    async def nonce(self, machine: str) -> str:
        """The nonce for a write to this Machine. A lease that ran out is taken anew, if nobody has it.

        Raises StepFailed when somebody else took it meanwhile, LeaseHeld when that is found out now.
        """
        if machine in self._lost:
            raise StepFailed(
                f"The lease on Machine {machine} was lost while the operation ran. {self._lost[machine].message}",
                hint=self._lost[machine].hint,
                reason=Reason.LEASE_LOST,
            )
        if self._held[machine].until <= self._clock.now():
            await self._acquire(machine)
        return self._held[machine].lease.nonce

    async def give_back(self) -> None:
        """Release every lease; one that cannot be released runs out by itself within seconds."""
        if self._refresher is not None:
            self._refresher.cancel()
            await asyncio.gather(self._refresher, return_exceptions=True)
            self._refresher = None
        held, self._held = list(self._held.values()), {}
        self._lost.clear()
        await asyncio.gather(*(self._release(each.lease) for each in held))

    async def _acquire(self, machine: str) -> None:
        deadline = self._clock.now() + timedelta(seconds=2 * TTL_S)
        while True:
            until = self._clock.now() + timedelta(seconds=TTL_S)
            try:
                lease = await self._fly.acquire_lease(self._app, machine, ttl_s=TTL_S, description=self.description)
            except LeaseHeld:
                # Left behind by our own process that died: it runs out by itself, so wait for that.
                if self._clock.now() > deadline or not await self._is_ours(machine):
                    raise
                await self._clock.sleep(RETRY_S)
            else:
                self._held[machine] = _Held(lease, until)
                return

    async def _is_ours(self, machine: str) -> bool:
        lease = await self._fly.lease(self._app, machine)
        return lease is None or lease.description == self.description

    async def _refresh(self) -> None:
        while True:
            await self._clock.sleep(REFRESH_S)
            await asyncio.gather(*(self._refresh_one(machine) for machine in self._held))

    async def _refresh_one(self, machine: str) -> None:
        until = self._clock.now() + timedelta(seconds=TTL_S)
        try:
            lease = await self._fly.refresh_lease(self._app, self._held[machine].lease, ttl_s=TTL_S)
        except LeaseHeld:
            await self._take_anew(machine)
        except RemoteError:
            # The next round tries again, and a write takes a lease that ran out anew.
            return
        else:
            self._held[machine] = _Held(lease, until)

    async def _take_anew(self, machine: str) -> None:
        """A lease of ours is gone: it ran out, which is no harm, or somebody else has it."""
        try:
            await self._acquire(machine)
        except LeaseHeld as error:
            self._lost[machine] = error
        except RemoteError:
            return

    async def _release(self, lease: Lease) -> None:
        with contextlib.suppress(BotError):
            await self._fly.release_lease(self._app, lease)
