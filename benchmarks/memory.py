"""Resident memory of the bot: at rest after its start, and after thousands of commands, one of ten stored."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bars import Bar, Row
from benchmarks.load import Job, at_rest, fire, helps, rss_mb, stored
from sandbox.stack import BotProcess, Simulators, stack

CONNECTIONS = 8
IDLE = Bar("", 85, " MB")
GROWTH = Bar("", 5, " MB")


@dataclass(frozen=True)
class Memory:
    """Megabytes (1,000,000 bytes): at rest, after the first tenth of the commands, after all of them."""

    commands: int
    idle_mb: float
    warm_mb: float
    after_mb: float

    def rows(self) -> list[Row]:
        growth = self.after_mb - self.idle_mb
        parts = f"{growth:+.1f} MB, of that {self.after_mb - self.warm_mb:+.1f} MB after the first tenth"
        return [
            Row("memory at rest", f"{self.idle_mb:.1f} MB", ((self.idle_mb, IDLE),)),
            Row(f"growth over {self.commands:,} commands", parts, ((growth, GROWTH),)),
        ]


async def measure(commands: int) -> Memory:
    """A fresh bot before and after so many commands, a multiple of 100."""
    with tempfile.TemporaryDirectory() as folder:
        async with stack(Path(folder)) as (simulators, bot):
            idle = await _resting_mb(bot)
            await _send(simulators, bot, commands // 10)
            # Caches and pools are full by now: what grows from here on would go on growing.
            warm = await _resting_mb(bot)
            await _send(simulators, bot, commands * 9 // 10)
            return Memory(commands, idle, warm, await _resting_mb(bot))


async def _send(simulators: Simulators, bot: BotProcess, count: int) -> None:
    rows = stored(count // 10, simulators.slack.world)
    await fire(Job(bot.port, helps(count - len(rows)), connections=CONNECTIONS))
    await fire(Job(bot.port, rows, "staging", CONNECTIONS))


async def _resting_mb(bot: BotProcess) -> float:
    assert bot.pid is not None
    await at_rest(bot.pid)
    return rss_mb(bot.pid)
