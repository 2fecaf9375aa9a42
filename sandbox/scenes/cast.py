"""All scenes, in the order in which a newcomer meets them."""

from __future__ import annotations

import difflib

from sandbox.kit import ControlError
from sandbox.scenes import (
    approvers,
    bluegreen,
    build,
    cockpit,
    drift,
    first,
    held,
    kill,
    launch,
    locked,
    migration,
    night,
    orphan,
    past,
    refusals,
    scaling,
    weather,
)
from sandbox.scenes.scene import Scene

SCENES: tuple[Scene, ...] = (
    first.SCENE,
    night.SCENE,
    kill.SCENE,
    approvers.SCENE,
    held.SCENE,
    locked.SCENE,
    migration.SCENE,
    scaling.SCENE,
    launch.SCENE,
    drift.SCENE,
    refusals.SCENE,
    build.SCENE,
    cockpit.SCENE,
    bluegreen.SCENE,
    past.SCENE,
    weather.SCENE,
    orphan.SCENE,
)


def named(name: str) -> Scene:
    """The scene of this name; ControlError with what was probably meant."""
    by_name = {scene.name: scene for scene in SCENES}
    if name in by_name:
        return by_name[name]
    close = difflib.get_close_matches(name, by_name, n=1)
    meant = f" Did you mean {close[0]}?" if close else ""
    raise ControlError(f"There is no scene {name!r}.{meant} There are {', '.join(by_name)}.")


def after(scene: Scene) -> Scene | None:
    """The scene that comes next; None after the last."""
    position = SCENES.index(scene) + 1
    return SCENES[position] if position < len(SCENES) else None
