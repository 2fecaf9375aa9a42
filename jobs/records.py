"""The beat of the records at GitHub: soon after something changed, again while GitHub is down, and else never."""

from __future__ import annotations

import asyncio

import structlog

from bot.operations.records import Recorder
from bot.ports import Clock

log = structlog.get_logger()

# A deployment changes many times in a row, and GitHub is told of few of them.
SETTLES_S = 1.0
AFTER_A_DEFECT_S = 60.0


class RecordBeat:
    """Calls `Recorder.tick` at the right times, from `start` to `stop`."""

    def __init__(self, recorder: Recorder, clock: Clock) -> None:
        self._recorder = recorder
        self._clock = clock
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin at once: something may have ended just before the bot stopped."""
        self._task = asyncio.create_task(self._beat(), name="records")

    async def stop(self) -> None:
        """Tell no more; what is left is told after the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def wake(self) -> None:
        """Something changed that GitHub may have to be told of."""
        self._woken.set()

    async def _beat(self) -> None:
        while True:
            await self._wait(await self._tick())
            await self._clock.sleep(SETTLES_S)
            self._woken.clear()

    async def _tick(self) -> float | None:
        try:
            return await self._recorder.tick()
        except Exception:
            # The records of all must outlive a defect in the record of one.
            log.exception("recording at GitHub failed unexpectedly")
            return AFTER_A_DEFECT_S

    async def _wait(self, pause_s: float | None) -> None:
        """Until the pause is over or something changed, whichever comes first."""
        waits: set[asyncio.Task[object]] = {asyncio.create_task(self._woken.wait())}
        if pause_s is not None:
            waits.add(asyncio.create_task(self._clock.sleep(pause_s)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
