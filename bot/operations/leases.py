"""Fly's leases on the Machines of one operation: taken, refreshed while the work goes on, given back at the end.

flyctl holds 13 s and refreshes every 4 s, so that one that dies frees the Machines at once. Ours hold 30 s and
are refreshed when half of it is gone: a fourth of the requests, a refresh may fail twice before a lease runs out,
and Machines that a dead bot leaves behind are free within half a minute. Nonces live in memory only: after a
restart our own old lease is waited out.
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

TTL_S = 30
REFRESH_AT_S = TTL_S / 2
LOOK_S = 5.0
RETRY_S, LONGEST_RETRY_S = 1.0, 5.0
# What one request takes at most.
ANSWER_S = 15.0


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
        if missing and self._refresher is None:
            # Before all are had: one may have to be waited for longer than the others hold.
            self._refresher = asyncio.create_task(self._refresh(), name=f"leases {self._app}")
        await asyncio.gather(*(self._acquire(machine) for machine in missing))

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

    async def nonce_if_held(self, machine: str) -> str:
        """The nonce, or an empty string where no lease was taken: Fly grants none on a host that is unreachable."""
        return await self.nonce(machine) if machine in self._held or machine in self._lost else ""

    def forget(self, machine: str) -> None:
        """Hold no lease any more on a Machine that is destroyed."""
        self._held.pop(machine, None)

    async def give_back(self, machines: Iterable[str] | None = None) -> None:
        """Release these leases, or all; one that cannot be released runs out by itself within seconds."""
        if machines is None:
            await self._stop_refreshing()
            self._lost.clear()
        held = [self._held.pop(m) for m in list(self._held if machines is None else machines) if m in self._held]
        await asyncio.gather(*(self._release(each.lease) for each in held))

    async def _stop_refreshing(self) -> None:
        if self._refresher is not None:
            self._refresher.cancel()
            await asyncio.gather(self._refresher, return_exceptions=True)
            self._refresher = None

    async def _acquire(self, machine: str) -> None:
        deadline = self._clock.now() + timedelta(seconds=2 * TTL_S)
        while True:
            until = self._clock.now() + timedelta(seconds=TTL_S)
            try:
                lease = await self._fly.acquire_lease(self._app, machine, ttl_s=TTL_S, description=self.description)
            except LeaseHeld:
                if machine in self._held and self._held[machine].until > self._clock.now():
                    # A refresh was quicker.
                    return
                # Left behind by our own process that died: it runs out by itself, so wait for that.
                if self._clock.now() > deadline or (wait_s := await self._ours_ends_in(machine)) is None:
                    raise
                await self._clock.sleep(wait_s)
            else:
                # Where an answer was lost, the lease that nobody knows was waited out before this one began.
                began = self._clock.now() - timedelta(seconds=ANSWER_S)
                self._held[machine] = _Held(lease, max(until, began + timedelta(seconds=TTL_S)))
                return

    async def _ours_ends_in(self, machine: str) -> float | None:
        """Seconds to wait for our own old lease on a Machine, or None where somebody else holds it."""
        lease = await self._fly.lease(self._app, machine)
        if lease is not None and lease.description != self.description:
            return None
        left_s = (lease.expires_at - self._clock.now()).total_seconds() if lease and lease.expires_at else 0.0
        return max(RETRY_S, min(left_s, LONGEST_RETRY_S))

    async def _refresh(self) -> None:
        while True:
            await self._clock.sleep(LOOK_S)
            due = self._clock.now() + timedelta(seconds=REFRESH_AT_S)
            await asyncio.gather(*(self._refresh_one(m, held) for m, held in self._held.items() if held.until <= due))

    async def _refresh_one(self, machine: str, held: _Held) -> None:
        until = self._clock.now() + timedelta(seconds=TTL_S)
        try:
            lease = await self._fly.refresh_lease(self._app, held.lease, ttl_s=TTL_S)
        except LeaseHeld:
            # What was given back meanwhile is not ours to take anew.
            if self._held.get(machine) is held:
                await self._take_anew(machine)
        except RemoteError:
            # The next round tries again, and a write takes a lease that ran out anew.
            return
        else:
            if self._held.get(machine) is held:
                self._held[machine] = _Held(lease, until)
            else:
                await self._release(lease)

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
