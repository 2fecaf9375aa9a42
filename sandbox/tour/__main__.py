"""`make tour`: plays every scene with the real bot; fails where a step ends otherwise.

The bot is a process of its own, told nothing but flytower.example.toml and environment variables; the
people's commands and clicks reach it as signed HTTP requests of the simulated Slack.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from sandbox.stack import stack
from sandbox.tour import basics, cockpit, pipeline, trouble
from sandbox.tour.stage import SPEED, Tour, Unexpected

SCENES: tuple[Callable[[Tour], Awaitable[None]], ...] = (
    *basics.SCENES,
    *pipeline.SCENES,
    *cockpit.SCENES,
    *trouble.SCENES,
)


async def play() -> None:
    """Play all scenes; Unexpected where one ends otherwise."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="flytower-tour-") as folder:
        async with stack(Path(folder), speed=SPEED) as (simulators, bot):
            print(
                f"The simulated Fly, GitHub and Slack are up, and the bot beside them. Time runs {SPEED:.0f} × faster."
            )
            tour = Tour(simulators, bot)
            for scene in SCENES:
                await scene(tour)
    print(f"\n{tour.steps} steps, each ended as expected, in {time.monotonic() - started:.0f} s.")


def main() -> int:
    """Play the tour; 1 where a step did not end as expected."""
    try:
        asyncio.run(play())
    except Unexpected as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
