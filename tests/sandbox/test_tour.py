"""The tour in the terminal: scenes in their order, a failure by its words, and its exit code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.tour.printer import Pages

ROOT = Path(__file__).parents[2]


def tour(*words: str) -> subprocess.CompletedProcess[str]:
    """The tour as one types it."""
    return subprocess.run(
        [sys.executable, "-m", "sandbox.tour", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_scenes_are_printed_in_order_however_they_are_played(capsys: pytest.CaptureFixture[str]) -> None:
    """The second one waits for the end of the first, and the third for both."""
    pages = Pages(3)
    first, second, third = (pages.writer(position) for position in range(3))
    third("c1")
    second("b1")
    first("a1")
    pages.close(2)
    pages.close(0)
    second("b2")
    pages.close(1)

    assert capsys.readouterr().out.split() == ["a1", "b1", "b2", "c1"]


def test_a_failure_is_printed_before_its_turn(capsys: pytest.CaptureFixture[str]) -> None:
    """What is known of the scene that failed is not lost with those before it."""
    pages = Pages(2)
    pages.writer(1)("b1")
    pages.fail(1)

    assert capsys.readouterr().out.split() == ["b1"]


def test_a_scene_is_played_with_the_real_bot() -> None:
    """One that is named is told from its story to what it has shown."""
    played = tour("refusals")

    assert (played.returncode, played.stderr) == (0, "")
    assert "eve presses [ Deploy to production ]" in played.stdout
    assert "other_workspace" in played.stdout
    assert "1 scenes" not in played.stdout


def test_a_scene_that_does_not_exist_is_said() -> None:
    """Exit code 2, and what was probably meant."""
    refused = tour("refusal")

    assert refused.returncode == 2
    assert "Did you mean refusals?" in refused.stderr


def test_a_step_that_does_not_hold_fails_the_tour_by_its_words() -> None:
    """Exit code 1 with the scene, the step and what should have happened."""
    program = (
        "import sys, dataclasses\n"
        "from sandbox.scenes import cast, stage\n"
        "from sandbox.tour import __main__ as tour\n"
        "stage.PATIENCE_S = stage.PATIENCE_REAL_S = 0.1\n"
        "scene = cast.named('refusals')\n"
        "step = dataclasses.replace(scene.steps[0], holds=lambda _: False)\n"
        "tour.named = lambda _: dataclasses.replace(scene, steps=(step,))\n"
        "sys.exit(tour.main(['refusals']))\n"
    )

    failed = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)

    assert failed.returncode == 1
    assert "Refusals explain themselves, step 1" in failed.stderr
    assert "did not come to this: A slip of the finger" in failed.stderr
