"""The clock of a running bot. A sandbox may let it run faster; nothing else may."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime


class SystemClock:
    """Wall-clock time; with `speed` N, so many seconds pass per real second, counted from the Unix time `since`."""

    def __init__(self, speed: float = 1.0, since: float = 0.0) -> None:
        self._speed = speed
        self._since = since or time.time()

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        real = time.time()
        return datetime.fromtimestamp(self._since + (real - self._since) * self._speed, UTC)

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds of this clock."""
        await asyncio.sleep(max(0.0, seconds) / self._speed)
