"""Resident memory of the bot: at rest after its start, and after thousands of commands."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import CHANNEL, STRANGER, Job, fire, helps, stored
from benchmarks.process import at_rest, rss_mb
from sandbox.stack import BotProcess, Simulators, stack

CONNECTIONS = 8
# Of ten commands one is stored, with its refusal and its answer; the others only read.
STORED_SHARE = 0.1
# The first commands fill caches and pools; growth beyond them is what would go on.
WARM_SHARE = 0.1
# Signatures are good for five minutes, and a batch is held in memory as a whole.
BATCH = 5000


@dataclass(frozen=True)
class Memory:
    """Megabytes (1,000,000 bytes) resident: at rest, after a tenth of the commands, after all."""

    commands: int
    idle_mb: float
    warm_mb: float
    after_mb: float

    @property
    def growth_mb(self) -> float:
        """Since the bot was at rest."""
        return self.after_mb - self.idle_mb


async def measure(commands: int) -> Memory:
    """A fresh bot, measured before, during and after so many commands."""
    with tempfile.TemporaryDirectory() as folder:
        async with stack(Path(folder)) as (simulators, bot):
            idle = await _resting_mb(bot)
            warm_up = round(commands * WARM_SHARE)
            await _send(simulators, bot, warm_up)
            warm = await _resting_mb(bot)
            await _send(simulators, bot, commands - warm_up)
            return Memory(commands, idle, warm, await _resting_mb(bot))


async def _resting_mb(bot: BotProcess) -> float:
    assert bot.pid is not None
    await at_rest(bot.pid)
    return rss_mb(bot.pid)


async def _send(simulators: Simulators, bot: BotProcess, count: int) -> None:
    world = simulators.slack.world
    for first in range(0, count, BATCH):
        batch = min(BATCH, count - first)
        rows = round(batch * STORED_SHARE)
        url = lambda: world.new_response_url(STRANGER[0], world.channels[CHANNEL])
        requests = helps(batch - rows) + stored(rows, url)
        await fire(Job(bot.port, requests, "", CONNECTIONS))
