"""Turns under a provider's rate limit, on the injected clock, with the urgent first."""

from __future__ import annotations

import asyncio
import bisect
import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.ports import Clock


def _never() -> bool:
    return False


@dataclass(order=True)
class _Place:
    """A place in the queue: the urgent first, then by age."""

    can_wait: bool
    number: int
    called: asyncio.Event = field(default_factory=asyncio.Event, compare=False)


class Pacer:
    """At most `limit` turns in any `period`, of which `reserve` are kept for the urgent."""

    def __init__(self, clock: Clock, *, limit: int, period: timedelta, reserve: int = 0) -> None:
        self._clock = clock
        self._limit = limit
        self._period = period
        self._reserve = reserve
        self._taken: deque[datetime] = deque(maxlen=limit)
        self._queue: list[_Place] = []
        self._numbers = itertools.count()
        self._held_until: datetime | None = None

    async def turn(self, *, urgent: bool = False, unless: Callable[[], bool] = _never) -> bool:
        """Wait for a turn and take it; false, and no turn is used, once `unless` holds."""
        place = _Place(not urgent, next(self._numbers))
        bisect.insort(self._queue, place)
        try:
            while not unless():
                if self._queue[0] is not place:
                    place.called.clear()
                    await place.called.wait()
                elif wait_s := self._wait_s(urgent=urgent):
                    await self._clock.sleep(wait_s)
                else:
                    self._taken.append(self._clock.now())
                    return True
            return False
        finally:
            self._queue.remove(place)
            if self._queue:
                self._queue[0].called.set()

    def hold(self, pause: timedelta) -> None:
        """Give no turn for so long: the provider said so. A longer pause that is under way stays."""
        until = self._clock.now() + pause
        self._held_until = max(self._held_until or until, until)

    def _wait_s(self, *, urgent: bool) -> float:
        """Seconds until the next turn of this kind, as things stand."""
        now = self._clock.now()
        free_at = [self._held_until] if self._held_until else []
        limit = self._limit if urgent else self._limit - self._reserve
        if len(self._taken) >= limit:
            free_at.append(self._taken[-limit] + self._period)
        return max([0.0, *((instant - now).total_seconds() for instant in free_at)])
