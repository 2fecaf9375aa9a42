"""A workbench for scenes in one process: the bot is in it too, and time jumps."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

from bot.app import Application
from sandbox.kit import serving
from sandbox.scenes.play import Play
from sandbox.stack import BotProcess, Simulators
from sandbox.workbench import Workbench
from tests.virtual_time import BotClock, VirtualClock, VirtualLoop
from tests.world import settings


class BotInside:
    """The bot in this process, with what a workbench asks of one that is a process of its own."""

    def __init__(self, simulators: Simulators, folder: Path) -> None:
        self._simulators = simulators
        self._up: contextlib.AsyncExitStack | None = None
        self._starts = 0
        self.database = folder / "flytower.db"
        self.app: Application | None = None
        self.exit_code: int | None = None

    @property
    def is_running(self) -> bool:
        return self._up is not None

    @property
    def pid(self) -> int | None:
        return self._starts if self.is_running else None

    @property
    def is_busy(self) -> bool:
        """Whether a thread of its works for the loop."""
        return self.app is not None and self.app.store.is_busy

    async def start(self) -> None:
        self._starts += 1
        self.exit_code = None
        app = Application(settings(self._simulators, self.database), clock=BotClock(self._simulators.clock))
        async with contextlib.AsyncExitStack() as up:
            up.push_async_callback(app.stop)
            await app.start()
            url = await up.enter_async_context(serving(app.asgi))
            self._simulators.slack.request_url = f"{url}/slack/events"
            self.app, self._up = app, up.pop_all()

    async def kill(self) -> None:
        await self._end(-signal.SIGKILL)

    async def stop(self) -> None:
        await self._end(0)

    async def _end(self, code: int) -> None:
        if self._up is not None:
            up, self._up, self.exit_code = self._up, None, code
            await up.aclose()
            self.app = None

    def forget(self) -> None:
        for end in ("", "-wal", "-shm"):
            self.database.with_name(self.database.name + end).unlink(missing_ok=True)


@contextlib.asynccontextmanager
async def theatre(folder: Path) -> AsyncIterator[Workbench]:
    """A workbench whose bot runs."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    async with Simulators(clock=VirtualClock()) as simulators:
        bot = BotInside(simulators, folder)
        with loop.jumping(lambda: bot.is_busy):
            await bot.start()
            try:
                yield Workbench(simulators, cast("BotProcess", bot), folder)
            finally:
                await bot.kill()


async def act_out(play: Play) -> None:
    """Do what is to be done, step by step, until every step holds."""
    for number, step in enumerate(play.scene.steps):
        if step.do is not None:
            await play.do(number)
        await play.stage.until(lambda number=number: _holds(play, number), step.then)  # type: ignore[misc]


def _holds(play: Play, number: int) -> bool:
    play.look()
    assert not play.trouble
    return play.held > number
