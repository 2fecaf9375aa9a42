"""Simulated time, which all three simulators share."""

from __future__ import annotations

import asyncio
import math
import time

# A longer sleep would not notice that somebody changed the clock.
LONGEST_SLEEP_REAL_S = 0.25


class Clock:
    """Simulated time: `speed` simulated seconds pass per real second."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        self._real = time.monotonic()
        self._simulated = time.time()

    @property
    def speed(self) -> float:
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        if not 0 < speed < math.inf:
            raise ValueError("speed must be a number greater than 0")
        self._simulated, self._real, self._speed = self.now(), time.monotonic(), speed

    @property
    def since(self) -> float:
        """The Unix time at which a clock that always ran at this speed would have been right."""
        if self._speed == 1:
            return time.time()
        return (time.time() * self._speed - self.now()) / (self._speed - 1)

    def now(self) -> float:
        """Simulated Unix time in seconds."""
        return self._simulated + (time.monotonic() - self._real) * self._speed

    def skip(self, seconds: float) -> None:
        """Jump ahead by simulated seconds: who sleeps wakes soon after; ValueError for a jump back."""
        if not seconds >= 0:
            raise ValueError("time goes ahead only")
        self._simulated += seconds

    def show(self, at: float) -> None:
        """Show this Unix time from now on, as a world that was saved then does; nobody may be asleep."""
        self._simulated, self._real = at, time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Sleep for simulated seconds, also where the clock is changed meanwhile."""
        left = max(0.0, seconds)
        until = self.now() + left
        while True:
            await asyncio.sleep(min(left / self._speed, LONGEST_SLEEP_REAL_S))
            left = until - self.now()
            if left <= 0:
                return
