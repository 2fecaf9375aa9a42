"""Which scene is on at a workbench: one for all windows of its page."""

from __future__ import annotations

import httpx

from sandbox.kit import ControlError, tls
from sandbox.scenes.cast import named
from sandbox.scenes.play import Play
from sandbox.workbench import Workbench

# Real seconds: a reset, a start of the bot, and what a scene does before it begins.
BEGIN_S = 60.0


class Director:
    """Starts scenes, one at a time, and remembers which were played to their end."""

    def __init__(self, workbench: Workbench) -> None:
        self._workbench = workbench
        self.play: Play | None = None
        self.played: set[str] = set()

    async def start(self, name: str) -> None:
        """Begin a scene in a world set back; ControlError for a name that is not one, or while another one begins."""
        scene = named(name)
        if self.play is not None and not (self.play.is_ready or self.play.trouble):
            raise ControlError(f"“{self.play.scene.title}” is being set up; wait a moment.")
        self.leave()
        self.play = play = Play(scene, self._workbench)
        await play.begin()

    async def do(self, number: int) -> None:
        """Do a step of the scene for the person; ControlError where that cannot be."""
        if self.play is None:
            raise ControlError("No scene is being played.")
        await self.play.do(number)

    def leave(self) -> None:
        """The scene is off; the world stays as it is."""
        if self.play is not None:
            self.play.leave()
        self.play = None

    def look(self) -> None:
        """Tick off what holds now."""
        if self.play is not None:
            self.play.look()
            if self.play.is_over:
                self.played.add(self.play.scene.name)


async def begin(page_url: str, name: str) -> None:
    """Begin a scene at a page that is being served, as its button does; ControlError with what it says against it."""
    async with httpx.AsyncClient(base_url=page_url, timeout=BEGIN_S, trust_env=False, verify=tls()) as client:
        answer = await client.post("/api/scenes/start", json={"name": name})
    if answer.is_error:
        raise ControlError(answer.json()["error"])
