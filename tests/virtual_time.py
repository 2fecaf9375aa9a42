"""An event loop whose time jumps: where nothing is ready it does not wait for the next timer, it is there.

Simulators and bot live on one loop and talk over loopback sockets, where whatever was sent can be received at
once. So when nothing can be received and no thread works for the loop, nothing happens before the next
timer, and the time until then may be left out. A deployment of a minute takes as long as its computing, and
a loaded machine cannot make a lease run out.
"""

from __future__ import annotations

import asyncio
import contextlib
import selectors
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from sandbox.clock import Clock

# Real time for the threads that write and read the database, where one of them is at work.
THREAD_S = 0.05

Events = list[tuple[selectors.SelectorKey, int]]


class JumpingSelector(selectors.DefaultSelector):
    """Tells what is ready; where `jumps` is set it lets `jump` leave out the time that it would wait."""

    def __init__(self) -> None:
        super().__init__()
        self.jumps = False
        self.jump: Callable[[float], None] = lambda _: None
        self.is_busy: Callable[[], bool] = lambda: False

    def select(self, timeout: float | None = None) -> Events:
        if not self.jumps or timeout == 0:
            return super().select(timeout)
        ready = super().select(0)
        while not ready and self.is_busy():
            ready = super().select(THREAD_S)
        if ready:
            return ready
        if timeout is None:
            return super().select(None)
        self.jump(timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An asyncio loop whose time is real until `jumping()`."""

    def __init__(self) -> None:
        self._skipped = 0.0
        self._jumping = JumpingSelector()
        super().__init__(self._jumping)
        self._jumping.jump = self._skip

    @contextlib.contextmanager
    def jumping(self, is_busy: Callable[[], bool]) -> Iterator[None]:
        """Leave waiting out, except while `is_busy` says that a thread works for the loop."""
        self._jumping.jumps, self._jumping.is_busy = True, is_busy
        try:
            yield
        finally:
            self._jumping.jumps = False

    @property
    def is_jumping(self) -> bool:
        return self._jumping.jumps

    def time(self) -> float:
        return super().time() + self._skipped

    def _skip(self, seconds: float) -> None:
        self._skipped += seconds


class VirtualClock(Clock):
    """The simulators' clock on the loop's time."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._offset = super().now() - self._loop.time()

    def now(self) -> float:
        return self._offset + self._loop.time()

    def skip(self, seconds: float) -> None:
        """Jump ahead without the loop, on which others may be asleep: nobody wakes."""
        self._offset += seconds

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


class BotClock:
    """The same time for the bot."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
