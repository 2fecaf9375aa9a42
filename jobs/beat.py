"""A beat: something that is called at the times that it names itself, sooner where something changed, or not at all.

No job of the schedule: its claims would write a row for each call, and what may happen only once is claimed in the
database by whatever is called.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from bot.ports import Clock

log = structlog.get_logger()

# The seconds until the next call, or None to wait for a change.
Tick = Callable[[], Awaitable[float | None]]


class Beat:
    """Calls `tick` again and again, from `start` to `stop`.

    The first call comes `begins_after_s` after the start. After a change it lets things settle for `settles_s`;
    `hurries` says whether a change also ends a pause. A defect is logged, and tried again after `after_defect_s`: what
    is done for all must outlive a defect with one.
    """

    def __init__(
        self,
        name: str,
        tick: Tick,
        clock: Clock,
        *,
        settles_s: float,
        after_defect_s: float,
        hurries: bool = False,
        begins_after_s: float = 0.0,
    ) -> None:
        self._name = name
        self._tick = tick
        self._clock = clock
        self._settles_s = settles_s
        self._after_defect_s = after_defect_s
        self._hurries = hurries
        self._begins_after_s = begins_after_s
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin: something may have changed just before the bot stopped."""
        self._task = asyncio.create_task(self._beat(), name=self._name)

    async def stop(self) -> None:
        """Call no more; what is left is done after the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def wake(self) -> None:
        """Something changed."""
        self._woken.set()

    async def _beat(self) -> None:
        await self._clock.sleep(self._begins_after_s)
        while True:
            pause_s = await self._guarded()
            if pause_s is None or self._hurries:
                await self._wait(pause_s)
                pause_s = self._settles_s
            await self._clock.sleep(pause_s)
            self._woken.clear()

    async def _guarded(self) -> float | None:
        try:
            return await self._tick()
        except Exception:
            log.exception("a beat failed unexpectedly", beat=self._name)
            return self._after_defect_s

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
