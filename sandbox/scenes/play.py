"""A scene that is being played: set up, ticked off step by step, helped along, left."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from sandbox.kit import ControlError
from sandbox.scenes.scene import Scene
from sandbox.scenes.stage import Stage, Teller, Unexpected
from sandbox.workbench import Workbench

SET_BACK = "The world was set back, so this scene is over."
LEFT = "The scene was left meanwhile."


class Play:
    """One scene on one workbench, from its set-up until it is left; `tell` hears what hands do after the set-up.

    Steps hold in their order: one counts only when those before it have held.
    """

    def __init__(self, scene: Scene, workbench: Workbench, tell: Teller = lambda _: None) -> None:
        self.scene = scene
        self.stage = Stage(workbench)
        self.held = 0
        self.is_ready = False
        # Why the scene cannot go on; empty while it can.
        self.trouble = ""
        self._is_left = False
        self._tell = tell
        self._workbench = workbench
        self._world: object = None
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def is_over(self) -> bool:
        """Whether every step has held."""
        return self.held == len(self.scene.steps)

    async def begin(self) -> None:
        """Bring the world to where the scene begins; ControlError where that does not work, or it was left."""
        try:
            await self._set_up()
        except ControlError as error:
            self.trouble = str(error)
            raise
        self.stage.begin()
        self.stage.tell = self._tell
        self.is_ready = True
        self._start(self._fate())

    async def _set_up(self) -> None:
        # Not to be broken off by somebody who leaves: half a reset is no world.
        await self._workbench.reset()
        if not self._workbench.bot.is_running:
            await self._workbench.start_bot()
        # GitHub's world is another object after each reset, whoever asks for one.
        self._world = self._workbench.simulators.github.world
        if self._is_left:
            raise ControlError(LEFT)
        await self._finished(self.scene.set_up(self.stage))

    def look(self) -> None:
        """Tick off what holds now."""
        if not self.is_ready or self.trouble:
            return
        if self._workbench.simulators.github.world is not self._world:
            self.trouble = SET_BACK
            self.leave()
            return
        while not self.is_over and self.scene.steps[self.held].holds(self.stage):
            self.held += 1

    async def do(self, number: int) -> None:
        """Do step `number` (from 0) for the person; ControlError where it is not its turn, or cannot be done now."""
        self.look()
        if not self.is_ready or self.trouble or self.is_over:
            raise ControlError(self.trouble or "No step waits to be done.")
        if number != self.held:
            raise ControlError(f"It is the turn of step {self.held + 1}.")
        do = self.scene.steps[number].do
        if do is None:
            raise ControlError("There is nothing to do here but wait.")
        await self._finished(do(self.stage))

    def leave(self) -> None:
        """Stop what is being done and what would happen by itself; the world stays as it is."""
        self.is_ready, self._is_left = False, True
        for task in self._tasks:
            task.cancel()

    async def _fate(self) -> None:
        try:
            await self.scene.fate(self.stage)
        except ControlError as error:
            self.trouble = f"What should have happened by itself did not: {error}"

    async def _finished(self, work: Coroutine[Any, Any, object]) -> None:
        """Do work that ends where the scene is left."""
        task = self._start(work)
        await asyncio.wait({task})
        if task.cancelled():
            raise ControlError(LEFT)
        try:
            task.result()
        except Unexpected as error:
            raise ControlError(f"It did not come to this: {error}.") from None

    def _start(self, work: Coroutine[Any, Any, object]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
