"""`make tour`: plays every scene with the real bot, or those that are named; fails where one ends otherwise.

The bot is a process of its own, told nothing but flytower.example.toml and environment variables; the
people's commands and clicks reach it as signed HTTP requests of the simulated Slack.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

from sandbox.kit import ControlError
from sandbox.scenes.cast import SCENES, named
from sandbox.scenes.play import Play
from sandbox.scenes.scene import Scene, Step
from sandbox.scenes.stage import Unexpected
from sandbox.stack import stack
from sandbox.terminal import mrkdwn
from sandbox.tour.printer import Pages, Printer
from sandbox.workbench import Workbench

SPEED = 20.0
# Sandboxes side by side: a scene waits most of the time.
SANDBOXES = 2

Queue = Iterator[tuple[int, Scene]]


async def play(scenes: Sequence[Scene]) -> None:
    """Play these scenes; Unexpected where one goes otherwise than it says."""
    started = time.monotonic()
    queue, pages = iter(list(enumerate(scenes))), Pages(len(scenes))
    with tempfile.TemporaryDirectory(prefix="flytower-tour-") as folder:
        print(f"Simulated Fly, GitHub and Slack, and the real bot beside them. Time runs {SPEED:.0f} × faster.")
        folders = _folders(Path(folder), min(SANDBOXES, len(scenes)))
        await _side_by_side([_sandbox(each, queue, pages) for each in folders])
    steps = sum(len(scene.steps) for scene in scenes)
    many = "1 scene" if len(scenes) == 1 else f"{len(scenes)} scenes"
    print(f"\n{many}, {steps} steps, each ended as expected, in {time.monotonic() - started:.0f} s.")


def _folders(parent: Path, count: int) -> list[Path]:
    made = [parent / str(number) for number in range(count)]
    for each in made:
        each.mkdir()
    return made


async def _side_by_side(lanes: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Run all to their end; the first failure ends the others."""
    tasks = [asyncio.create_task(lane) for lane in lanes]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _sandbox(folder: Path, queue: Queue, pages: Pages) -> None:
    """A sandbox that plays what nobody plays yet, one scene after the other."""
    async with stack(folder, speed=SPEED) as (simulators, bot):
        workbench = Workbench(simulators, bot, folder)
        for position, scene in queue:
            printer = Printer(scene, position + 1, pages.writer(position))
            try:
                await _play(Play(scene, workbench, printer.did), printer)
            except (ControlError, Unexpected):
                pages.fail(position)
                raise
            pages.close(position)


async def _play(playing: Play, printer: Printer) -> None:
    printer.title()
    try:
        await playing.begin()
        for number, step in enumerate(playing.scene.steps):
            await _take(playing, number, step)
            printer.held(step, playing.stage)
        printer.shown()
    finally:
        playing.leave()


async def _take(playing: Play, number: int, step: Step) -> None:
    """Do a step and wait until it holds. One that holds before it is done shows nothing."""
    try:
        if step.do is not None:
            await playing.do(number)
        await playing.stage.until(lambda: _holds(playing, number), mrkdwn(step.then, {}))
    except (ControlError, Unexpected) as error:
        where = f"{playing.scene.title}, step {number + 1} “{mrkdwn(step.say, {})}”"
        raise Unexpected(f"{where} did not come to this: {error}") from error


def _holds(playing: Play, number: int) -> bool:
    playing.look()
    if playing.trouble:
        raise Unexpected(playing.trouble)
    return playing.held > number


def main(words: list[str] | None = None) -> int:
    """Play the tour; 1 where a step did not end as expected, 2 for a scene that does not exist."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.tour", description="Plays scenes in the terminal.")
    names = ", ".join(scene.name for scene in SCENES)
    parser.add_argument("scenes", nargs="*", metavar="SCENE", help=f"{names}; all of them without any")
    chosen = parser.parse_args(words).scenes
    try:
        scenes = [named(name) for name in chosen] or SCENES
    except ControlError as error:
        parser.error(str(error))
    try:
        asyncio.run(play(scenes))
    except (ControlError, Unexpected) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
