"""The guided scenes on the page: which there are, the one that is being played, and the ticks of its steps."""

from __future__ import annotations

from typing import Any

from sandbox.kit import Json
from sandbox.page.bodies import Act, get
from sandbox.page.items import Items
from sandbox.scenes.cast import SCENES, after
from sandbox.scenes.director import Director
from sandbox.scenes.play import Play
from sandbox.scenes.scene import NAMES, Scene, Step
from sandbox.workbench import Workbench


class ScenesPart:
    """The list of scenes, and the one that is being played; each look ticks off what holds by then."""

    def __init__(self, workbench: Workbench) -> None:
        self._director = Director(workbench)
        self._stories = {scene.name: _story(scene) for scene in SCENES}

    def items(self) -> Items:
        self._director.look()
        played = self._director.played
        items: Items = {
            f"scenes/scene/{scene.name}": {
                "name": scene.name,
                "title": scene.title,
                "minutes": scene.minutes,
                "summary": scene.summary,
                "was_played": scene.name in played,
            }
            for scene in SCENES
        }
        if self._director.play is not None:
            items["scenes/playing/playing"] = self._playing(self._director.play)
        return items

    def acts(self) -> dict[str, Act]:
        return {"scenes/start": self.start, "scenes/do": self.do, "scenes/leave": self.leave}

    async def start(self, body: Json) -> Json:
        """Set the world back and begin the scene `name`; answered when it has begun."""
        await self._director.start(get(body, "name", str))
        return {}

    async def do(self, body: Json) -> Json:
        """Do the step `step` (from 0) of the scene for the person."""
        await self._director.do(get(body, "step", int))
        return {}

    async def leave(self, _: Json) -> Json:
        """The scene is off; the world stays as it is."""
        self._director.leave()
        return {}

    def _playing(self, play: Play) -> Json:
        state = {"held": play.held, "is_ready": play.is_ready, "is_over": play.is_over, "trouble": play.trouble}
        return self._stories[play.scene.name] | state


def _story(scene: Scene) -> Json:
    """What does not change while a scene is played."""
    following = after(scene)
    story: dict[str, Any] = {key: getattr(scene, key) for key in ("name", "title", "story", "shown")}
    next_one = {"name": following.name, "title": following.title} if following else None
    return story | {"steps": [_step(step) for step in scene.steps], "next": next_one}


def _step(step: Step) -> Json:
    people = [{"id": user, "name": NAMES[user]} for user in step.by]
    shown = {"say": step.say, "then": step.then, "panel": step.panel}
    return shown | {"by": people, "can_be_done": step.do is not None}
