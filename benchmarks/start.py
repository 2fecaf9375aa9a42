"""From the start of the process to the first acknowledged command, on an existing database, bytecode compiled."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bars import Bar, Row
from benchmarks.load import Job, cpu_s, helps, run
from sandbox.stack import BotProcess, Simulators

BAR = Bar("median", 0.7, " s")


@dataclass(frozen=True)
class Start:
    """Real seconds of the best and the median start; processor seconds of the median."""

    best_s: float
    median_s: float
    cpu_s: float

    def row(self) -> Row:
        value = f"median {self.median_s:.2f} s, best {self.best_s:.2f} s, {self.cpu_s:.2f} s CPU"
        return Row("start of the process to the first acknowledgement", value, ((self.median_s, BAR),))


async def measure(times: int) -> Start:
    """One start that compiles what was not compiled yet and makes the database, then `times` that count."""
    with tempfile.TemporaryDirectory() as folder:
        async with Simulators() as simulators:
            bot = BotProcess(simulators, Path(folder))
            samples = [await _start(bot) for _ in range(1 + times)][1:]
    real, cpu = zip(*samples, strict=True)
    return Start(min(real), statistics.median(real), statistics.median(cpu))


async def _start(bot: BotProcess) -> tuple[float, float]:
    started = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(bot.start())
        await asyncio.to_thread(run, Job(bot.port, helps(1)))
        seconds = time.perf_counter() - started
        assert bot.pid is not None
        cpu = cpu_s(bot.pid)
    await bot.stop()
    return seconds, cpu
