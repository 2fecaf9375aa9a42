"""`/deploy status` of twelve apps, each answer of Fly and GitHub 80 ms away: its time beside the slowest call."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks import worlds
from benchmarks.bars import Bar, Row
from benchmarks.load import CHANNEL, request
from sandbox.kit import Json
from sandbox.stack import BotProcess, Simulators

PIPELINES = 6
DELAY_MS = 80.0
BAR = Bar("", 1.3, " × the slowest call")
WAIT_S = 30.0
POLL_S = 0.005
# Between two looks: who looks ten times in a second waits for Fly's limits.
PAUSE_S = 2.0


@dataclass(frozen=True)
class Look:
    """One look: milliseconds until the answer came to Slack, those of the slowest call, how many calls."""

    answered_ms: float
    slowest_ms: float
    calls: int

    @property
    def ratio(self) -> float:
        return self.answered_ms / self.slowest_ms


@dataclass(frozen=True)
class Status:
    """The first look of a new bot, and the median one of those after it."""

    first: Look
    later: Look

    def rows(self) -> list[Row]:
        looks = (("`/deploy status` of 12 apps, the first", self.first), ("the same, again", self.later))
        return [_row(what, look) for what, look in looks]


def _row(what: str, look: Look) -> Row:
    figures = f"{look.answered_ms:.0f} ms, {look.ratio:.2f} × the slowest of {look.calls} calls"
    return Row(what, figures, ((look.ratio, BAR),))


async def measure(looks: int, *, delay_ms: float = DELAY_MS) -> Status:
    """One look, and so many after it."""
    with tempfile.TemporaryDirectory() as folder:
        simulators, config = worlds.with_pipelines(PIPELINES, Path(folder))
        simulators.fly.delay_ms = simulators.github.delay_ms = delay_ms
        bot = BotProcess(simulators, Path(folder), config=config)
        async with simulators:
            await bot.start()
            try:
                first, *later = [await _look(simulators, bot) for _ in range(1 + looks)]
            finally:
                await bot.stop()
    return Status(first, sorted(later, key=lambda look: look.ratio)[len(later) // 2])


async def _look(simulators: Simulators, bot: BotProcess) -> Look:
    await asyncio.sleep(PAUSE_S)
    sides = (simulators.fly, simulators.github, simulators.slack)
    for side in sides:
        side.calls.clear()
    url = simulators.slack.world.new_response_url("U0ANA", simulators.slack.world.channels[CHANNEL])
    command = request("status", response_url=url).encode()
    _, writer = await asyncio.open_connection("127.0.0.1", bot.port)
    asked = simulators.clock.now()
    writer.write(command)
    answers = await asyncio.wait_for(_answers(simulators), WAIT_S)
    writer.close()
    await writer.wait_closed()
    if len(simulators.fly.calls.all()) < 2 * PIPELINES:
        raise RuntimeError("Not every app was asked for.")
    calls = [call for side in sides for call in side.calls.all() if call not in answers]
    return Look((answers[0]["at"] - asked) * 1000, max(call["ms"] for call in calls), len(calls))


async def _answers(simulators: Simulators) -> list[Json]:
    while True:
        if answers := simulators.slack.calls.find("POST", "^/response/"):
            return answers
        await asyncio.sleep(POLL_S)
