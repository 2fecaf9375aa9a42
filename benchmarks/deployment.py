"""A production deployment on two Machines, each of Fly's answers 80 ms away: calls by kind, and real time."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import tempfile
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.load import CHANNEL
from sandbox.kit import Json
from sandbox.stack import BotProcess, Simulators

DELAY_MS = 80.0
WAIT_S = 120.0
POLL_S = 0.02


@dataclass(frozen=True)
class Deployment:
    """Calls until the plan was shown, calls from the button to the end, and the real seconds of the latter."""

    planning: Counter[str]
    rollout: Counter[str]
    seconds: float


async def measure(*, delay_ms: float = DELAY_MS, speed: float = 1.0) -> Deployment:
    """One deployment, confirmed as soon as its plan is shown; RuntimeError where it does not succeed."""
    with tempfile.TemporaryDirectory() as folder:
        simulators = Simulators(speed=speed)
        simulators.fly.delay_ms = delay_ms
        bot = BotProcess(simulators, Path(folder))
        async with simulators:
            await bot.start()
            try:
                return await _deploy(simulators, bot)
            finally:
                await bot.stop()


async def _deploy(simulators: Simulators, bot: BotProcess) -> Deployment:
    slack, calls = simulators.slack, simulators.fly.calls
    await slack.command(user="U0ANA", channel=CHANNEL, text="/deploy production v1.4.2")
    row = await _until(bot.database, "card_ts != ''")
    planning = Counter(map(kind, calls.all()))
    calls.clear()
    pressed = time.perf_counter()
    await slack.click(user="U0ANA", channel=CHANNEL, ts=row["card_ts"], action_id="deployment_confirm")
    row = await _until(bot.database, "announced = 1")
    if row["state"] != "succeeded":
        raise RuntimeError(f"The deployment ended {row['state']}: {row['outcome']}")
    return Deployment(planning, Counter(map(kind, calls.all())), time.perf_counter() - pressed)


async def _until(database: Path, condition: str) -> dict[str, Any]:
    async with asyncio.timeout(WAIT_S):
        while True:
            with closing(sqlite3.connect(database)) as db:
                db.row_factory = sqlite3.Row
                row = db.execute(f"SELECT * FROM operation WHERE {condition}").fetchone()
            if row is not None:
                return dict(row)
            await asyncio.sleep(POLL_S)


def kind(call: Json) -> str:
    """A call without names and numbers, with its status where it was refused."""
    path = re.sub(r"/(apps|machines|releases|manifests)/[^/]+", r"/\1/…", call["path"])
    return f"{call['method']} {path}" + (f" → {call['status']}" if call["status"] >= 400 else "")
