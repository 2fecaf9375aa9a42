"""What a scene is: a story, a world to begin in, and steps that say what to try and what should happen.

One source for three readers: the page guides through it and ticks off what holds, the tour plays it and fails where
something does not hold, and the texts are what a newcomer reads. `code` and *strong words* stand in Slack's marks.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from sandbox.scenes.stage import ANA, BO, CLEO, CONFIRM, EVE, GUS, Stage

NAMES = {ANA: "ana", BO: "bo", CLEO: "cleo", GUS: "gus", EVE: "eve"}
DEPLOY = "Deploy to production"

Deed = Callable[[Stage], Coroutine[Any, Any, object]]
Check = Callable[[Stage], bool]


async def nothing(_: Stage) -> None:
    """The world stays as it is."""


@dataclass(frozen=True)
class Step:
    """`say` what to try, `then` what should happen and why it matters; `holds` tells whether it happened.

    `do` is the same done for the person; without it there is nothing to do but wait. `by` are the people whose hands
    it takes, `panel` the part of the page's world (`fly`, `github`) where it is done, empty for the conversation.
    """

    say: str
    then: str
    holds: Check
    do: Deed | None = None
    by: tuple[str, ...] = ()
    panel: str = ""


@dataclass(frozen=True)
class Scene:
    """A short story with the newcomer in it; `minutes` is what it takes somebody who reads.

    It begins in the world of the seeds, changed by `set_up`. `fate` is what happens by itself while it is played.
    `shown` says at the end what was seen.
    """

    name: str
    title: str
    minutes: int
    summary: str
    story: str
    shown: str
    steps: tuple[Step, ...]
    set_up: Deed = nothing
    fate: Deed = nothing


def typing(by: str, command: str, *, then: str, holds: Check) -> Step:
    """Somebody types a command in #deploys."""
    say = f"As *{NAMES[by]}*, type `{command}`"
    return Step(say, then, holds, lambda stage: stage.types(by, command), by=(by,))


def pressing(by: str, caption: str, action: str, *, then: str, holds: Check) -> Step:
    """Somebody presses a button in #deploys."""
    say = f"As *{NAMES[by]}*, press *{caption}*"
    return Step(say, then, holds, lambda stage: stage.presses(by, action), by=(by,))


def deploying(by: str, *, then: str, holds: Check) -> Step:
    """Somebody who has read the plan presses its button."""
    return pressing(by, DEPLOY, CONFIRM, then=then, holds=holds)
