"""The beat of the watch: a look every 15 s while something is watched, and nothing at all otherwise.

No job of the schedule: its claims would write a row for each look, and what a look may do only once is claimed by
the watch itself.
"""

from __future__ import annotations

import asyncio

import structlog

from bot.operations.watch import LOOK_EVERY_S, Watching
from bot.ports import Clock

log = structlog.get_logger()


class WatchBeat:
    """Calls `Watching.tick` at the right times, from `start` to `stop`."""

    def __init__(self, watching: Watching, clock: Clock) -> None:
        self._watching = watching
        self._clock = clock
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin at once: something may have succeeded just before the bot stopped."""
        self._task = asyncio.create_task(self._beat(), name="watch")

    async def stop(self) -> None:
        """Look no more; every watch goes on at the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def wake(self) -> None:
        """Something changed that may have to be watched."""
        self._woken.set()

    async def _beat(self) -> None:
        while True:
            pause_s = await self._tick()
            if pause_s is None:
                await self._woken.wait()
            self._woken.clear()
            await self._clock.sleep(pause_s or LOOK_EVERY_S)

    async def _tick(self) -> float | None:
        try:
            return await self._watching.tick()
        except Exception:
            # The watch of all must outlive a defect in the watch of one.
            log.exception("a look failed unexpectedly")
            return LOOK_EVERY_S
