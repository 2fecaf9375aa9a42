"""From the start of the process to the first acknowledged command, bytecode compiled."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import MEMBER, request
from sandbox.stack import BotProcess, Simulators

POLL_S = 0.005


@dataclass(frozen=True)
class Start:
    """Real seconds: with a new database, and over all later starts on that database."""

    new_database_s: float
    median_s: float
    best_s: float


async def measure(times: int) -> Start:
    """The first start compiles what is not compiled yet and is not counted."""
    with tempfile.TemporaryDirectory() as folder:
        async with Simulators() as simulators:
            await _start(BotProcess(simulators, _made(folder, "compiled")))
            bot = BotProcess(simulators, _made(folder, "counted"))
            new = await _start(bot)
            again = [await _start(bot) for _ in range(times)]
    return Start(new, statistics.median(again), min(again))


def _made(folder: str, name: str) -> Path:
    path = Path(folder) / name
    path.mkdir()
    return path


async def _start(bot: BotProcess) -> float:
    started = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(bot.start())
        acknowledged = tasks.create_task(_first_acknowledgement(bot.port))
    await bot.stop()
    return acknowledged.result() - started


async def _first_acknowledgement(port: int) -> float:
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(POLL_S)
            continue
        writer.write(request("help", MEMBER).encode())
        status = await reader.readline()
        at = time.perf_counter()
        writer.close()
        await writer.wait_closed()
        if b" 200 " not in status:
            raise RuntimeError(f"The first command was answered {status!r}")
        return at
