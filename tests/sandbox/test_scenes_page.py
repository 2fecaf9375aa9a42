"""The guided scenes as the page's server has them: what is listed, what can be done, what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.kit import ControlError, serving
from sandbox.page import Page
from sandbox.page.scenes_part import ScenesPart
from sandbox.scenes.cast import SCENES
from sandbox.scenes.director import begin
from sandbox.stack import stack
from sandbox.workbench import Workbench
from tests.sandbox.scene_theatre import theatre


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Workbench]:
    """A workbench in one process, on time that jumps."""
    async with theatre(tmp_path) as workbench:
        yield workbench


def playing(part: ScenesPart) -> dict[str, Any]:
    """What the page shows of the scene that is on."""
    shown: dict[str, Any] = part.items()["scenes/playing/playing"]
    return shown


def test_every_scene_is_listed_in_order(tmp_path: Path) -> None:
    """Title, minutes and a sentence each; nothing is played yet."""
    part = ScenesPart(None)  # type: ignore[arg-type]

    items = part.items()

    assert list(items) == [f"scenes/scene/{scene.name}" for scene in SCENES]
    assert all(item["title"] and item["minutes"] and item["summary"] for item in items.values())
    assert not any(item["was_played"] for item in items.values())


async def test_a_scene_is_started_done_and_left(bench: Workbench) -> None:
    """Its steps are ticked off as they happen, and the list remembers it."""
    part = ScenesPart(bench)
    await part.start({"name": "orphan"})
    began = playing(part)
    for step in range(len(began["steps"])):
        await part.do({"step": step})
        await bench.simulators.clock.sleep(60)
        part.items()
    ended = playing(part)
    await part.leave({})

    items = part.items()
    assert (began["held"], began["is_ready"], began["is_over"]) == (0, True, False)
    assert (ended["is_over"], ended["next"]) == (True, None)
    assert "scenes/playing/playing" not in items
    assert items["scenes/scene/orphan"]["was_played"]


async def test_a_step_names_hands_and_places(bench: Workbench) -> None:
    """Whom the page offers to be, where it leads to, and whether it can do the step."""
    part = ScenesPart(bench)
    await part.start({"name": "night"})

    steps = playing(part)["steps"]

    assert steps[0]["by"] == [{"id": "U0ANA", "name": "ana"}]
    assert [step["can_be_done"] for step in steps] == [True, True, False, True, True, True]
    assert {step["panel"] for step in steps} == {""}


@pytest.mark.parametrize(
    ("act", "body", "said"),
    [
        ("scenes/start", {}, "`name` is missing"),
        ("scenes/start", {"name": "nights"}, "Did you mean night"),
        ("scenes/do", {"step": "0"}, "not a whole number"),
        ("scenes/do", {"step": 0}, "No scene is being played"),
    ],
)
async def test_what_makes_no_sense_is_refused(bench: Workbench, act: str, body: dict[str, Any], said: str) -> None:
    """In a sentence, and no scene begins."""
    part = ScenesPart(bench)

    with pytest.raises(ControlError, match=said):
        await part.acts()[act](body)
    assert "scenes/playing/playing" not in part.items()


async def test_a_scene_begins_from_the_command_line(tmp_path: Path) -> None:
    """`--scene` does what the page's button does, and is told what speaks against a name."""
    async with stack(tmp_path, speed=20) as (simulators, bot):
        page = Page(Workbench(simulators, bot, tmp_path))
        async with serving(page.asgi()) as url:
            await begin(url, "refusals")
            with pytest.raises(ControlError, match="Did you mean kill"):
                await begin(url, "kil")

    assert page.news()["items"]["scenes/playing/playing"]["name"] == "refusals"
