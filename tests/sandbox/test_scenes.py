"""The guided scenes: each is complete, can be set up and played, and says so where it cannot go on."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.kit import ControlError
from sandbox.scenes.cast import SCENES, after, named
from sandbox.scenes.director import Director
from sandbox.scenes.play import Play
from sandbox.scenes.scene import NAMES, Scene, Step
from sandbox.scenes.stage import Unexpected
from sandbox.workbench import Workbench
from tests.sandbox.scene_theatre import act_out, theatre

STEPS = [(scene, step) for scene in SCENES for step in scene.steps]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Workbench]:
    """A workbench in one process, on time that jumps."""
    async with theatre(tmp_path) as workbench:
        yield workbench


def a_scene(*steps: Step, **more: object) -> Scene:
    """A scene with nothing but these steps."""
    words = dict.fromkeys(("title", "summary", "story", "shown"), "x")
    return Scene(name="x", minutes=1, steps=steps, **words, **more)  # type: ignore[arg-type]


def test_names_and_titles_are_unique() -> None:
    """Each can be named on the command line and told from the others in the list."""
    assert len({scene.name for scene in SCENES}) == len({scene.title for scene in SCENES}) == len(SCENES)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_scene_is_short_and_tells_all_that_a_newcomer_needs(scene: Scene) -> None:
    """One to three minutes, a lower-case name, a story, and what it has shown at its end."""
    assert re.fullmatch(r"[a-z]+", scene.name)
    assert 1 <= scene.minutes <= 3
    assert all(text.endswith(".") for text in (scene.summary, scene.story.rstrip(")"), scene.shown))
    assert 2 <= len(scene.steps) <= 9


@pytest.mark.parametrize(("scene", "step"), STEPS, ids=lambda part: getattr(part, "name", ""))
def test_a_step_says_what_to_try_and_what_happens(scene: Scene, step: Step) -> None:
    """Its marks are in pairs, it names whose hands it takes, and what it leads to is a sentence."""
    assert all(text.count(mark) % 2 == 0 for text in (step.say, step.then) for mark in "`*")
    assert not step.say.endswith(".")
    assert step.then.endswith(".")
    assert set(step.by) <= set(NAMES)
    assert not (step.by and step.panel), scene.name


def test_every_scene_leads_to_the_next_one() -> None:
    """Who follows them from the first sees all of them."""
    seen = [SCENES[0]]
    while (following := after(seen[-1])) is not None:
        seen.append(following)

    assert tuple(seen) == SCENES


def test_a_name_that_is_none_is_answered_with_what_was_meant() -> None:
    """`--scene kil` is told of `kill`."""
    with pytest.raises(ControlError, match="Did you mean kill"):
        named("kil")


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
async def test_a_scene_can_be_set_up_again_and_played_to_its_end(bench: Workbench, scene: Scene) -> None:
    """Set up twice in a row, no step holds before it is done, and all of them hold in the end."""
    director = Director(bench)
    await director.start(scene.name)
    await director.start(scene.name)
    play = director.play
    assert play is not None
    play.look()
    held_before = play.held

    await act_out(play)
    director.leave()

    assert held_before == 0
    assert play.is_over
    assert play.trouble == ""


async def test_a_step_counts_only_after_those_before_it(bench: Workbench) -> None:
    """What holds already waits for its turn."""
    is_open: list[bool] = []
    play = Play(a_scene(Step("a", "b.", lambda _: bool(is_open)), Step("c", "d.", lambda _: True)), bench)
    await play.begin()
    play.look()
    closed = play.held
    is_open.append(True)
    play.look()

    assert (closed, play.held) == (0, 2)


async def test_a_world_that_is_set_back_ends_the_scene(bench: Workbench) -> None:
    """Somebody resets the sandbox in the middle: the scene says so, and ticks off nothing any more."""
    play = Play(a_scene(Step("a", "b.", lambda _: True), Step("c", "d.", lambda _: False)), bench)
    await play.begin()
    await bench.reset()
    play.look()

    assert "set back" in play.trouble
    assert play.held == 0
    with pytest.raises(ControlError, match="set back"):
        await play.do(0)


async def test_only_the_step_whose_turn_it_is_can_be_done(bench: Workbench) -> None:
    """Another one, one without hands, or one of a scene that nobody plays, is refused in a sentence."""
    director = Director(bench)
    with pytest.raises(ControlError, match="No scene"):
        await director.do(0)
    await director.start("night")

    with pytest.raises(ControlError, match="turn of step 1"):
        await director.do(3)
    play = Play(a_scene(Step("a", "b.", lambda _: False)), bench)
    await play.begin()
    with pytest.raises(ControlError, match="nothing to do here but wait"):
        await play.do(0)


async def test_what_does_not_come_to_pass_is_said(bench: Workbench) -> None:
    """A step that cannot be done now is answered with what was missing."""

    async def fails(_: object) -> None:
        raise Unexpected("the button is there")

    play = Play(a_scene(Step("a", "b.", lambda _: False, fails)), bench)
    await play.begin()

    with pytest.raises(ControlError, match="the button is there"):
        await play.do(0)


async def test_a_set_up_that_fails_is_told_and_another_scene_can_begin(bench: Workbench) -> None:
    """Its trouble stands there, and does not keep the next one out."""

    async def fails(_: object) -> None:
        raise ControlError("no pull request 12")

    play = Play(a_scene(Step("a", "b.", lambda _: False), set_up=fails), bench)
    with pytest.raises(ControlError, match="no pull request 12"):
        await play.begin()
    director = Director(bench)
    director.play = play
    await director.start("first")

    assert director.play.is_ready


async def test_a_scene_that_is_left_while_it_begins_is_off(bench: Workbench) -> None:
    """Its set-up is given up, and it says that it was left."""
    play = Play(named("approvers"), bench)
    beginning = asyncio.create_task(play.begin())
    await bench.simulators.clock.sleep(1)
    play.leave()

    with pytest.raises(ControlError, match="left"):
        await beginning
    assert not play.is_ready


async def test_two_scenes_do_not_begin_at_once(bench: Workbench) -> None:
    """The second one is told to wait."""
    director = Director(bench)
    first = asyncio.create_task(director.start("approvers"))
    await bench.simulators.clock.sleep(1)

    with pytest.raises(ControlError, match="being set up"):
        await director.start("first")
    await first


async def test_fate_that_fails_is_told(bench: Workbench) -> None:
    """What should have happened by itself and did not ends the scene with a sentence."""

    async def fails(_: object) -> None:
        raise ControlError("no machine 1")

    play = Play(a_scene(Step("a", "b.", lambda _: False), fate=fails), bench)
    await play.begin()
    await bench.simulators.clock.sleep(1)

    assert "no machine 1" in play.trouble


async def test_a_scene_that_was_played_to_its_end_is_remembered(bench: Workbench) -> None:
    """Also after it was left."""
    director = Director(bench)
    await director.start("orphan")
    assert director.play is not None
    await act_out(director.play)
    director.look()
    director.leave()

    assert director.played == {"orphan"}


async def test_a_form_that_was_closed_cannot_be_filled_in(bench: Workbench) -> None:
    """Its person closed it before the page did the next step for them: said, and nothing else happens."""
    director = Director(bench)
    await director.start("cockpit")
    for step in range(5):
        await director.do(step)
        assert director.play is not None
        await director.play.stage.until(lambda step=step: _counts(director, step), "the step holds")  # type: ignore[misc]
    await bench.simulators.slack.close_view(user="U0ANA")

    with pytest.raises(ControlError, match="a form with a button to submit it is open"):
        await director.do(5)


def _counts(director: Director, step: int) -> bool:
    director.look()
    return director.play is not None and director.play.held > step
