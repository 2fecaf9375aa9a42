"""A production deployment, each of Fly's answers 80 ms away: calls by kind, and real time."""

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

from benchmarks import worlds
from benchmarks.load import CHANNEL
from sandbox.flyctl import Flyctl
from sandbox.kit import Json
from sandbox.stack import CI_TOKENS, BotProcess, Simulators

DELAY_MS = 80.0
# The image of v1.4.2.
LABEL = "sha-844d6008b85920b87c9f6767ee5ea0e879305a82"
WAIT_S = 300.0
POLL_S = 0.02


@dataclass(frozen=True)
class Deployment:
    """Calls of Fly by kind and real seconds, of a deployment that succeeded."""

    machines: int
    calls: Counter[str]
    seconds: float


async def measure(machines: int = 2, *, delay_ms: float = DELAY_MS, speed: float = 1.0) -> Deployment:
    """From `/deploy` to the last word in Slack, confirmed as soon as the plan is shown; RuntimeError where it fails."""
    with tempfile.TemporaryDirectory() as folder:
        simulators, config = worlds.with_machines(machines, Path(folder), speed=speed)
        simulators.fly.delay_ms = delay_ms
        bot = BotProcess(simulators, Path(folder), config=config)
        async with simulators:
            await bot.start()
            try:
                started = time.perf_counter()
                await _deploy(simulators, bot)
                return _deployed(machines, simulators, started)
            finally:
                await bot.stop()


async def flyctl(machines: int = 2, *, delay_ms: float = DELAY_MS, speed: float = 1.0) -> Deployment:
    """The same by the sandbox's flyctl, which makes the calls that the source of flyctl makes."""
    with tempfile.TemporaryDirectory() as folder:
        simulators, _ = worlds.with_machines(machines, Path(folder), speed=speed)
        simulators.fly.delay_ms = delay_ms
        said: list[str] = []
        async with simulators:
            started = time.perf_counter()
            ctl = Flyctl(simulators.fly.url, CI_TOKENS, simulators.clock)
            if await ctl.deploy("production", worlds.APP, LABEL, {}, said.append):
                raise RuntimeError(said[-1])
            return _deployed(machines, simulators, started)


def _deployed(machines: int, simulators: Simulators, started: float) -> Deployment:
    return Deployment(machines, Counter(map(kind, simulators.fly.calls.all())), time.perf_counter() - started)


async def _deploy(simulators: Simulators, bot: BotProcess) -> None:
    slack = simulators.slack
    await slack.command(user="U0ANA", channel=CHANNEL, text="/deploy production v1.4.2")
    row = await _until(bot.database, "card_ts != ''")
    await slack.click(user="U0ANA", channel=CHANNEL, ts=row["card_ts"], action_id="deployment_confirm")
    row = await _until(bot.database, "announced = 1")
    if row["state"] != "succeeded":
        raise RuntimeError(f"The deployment ended {row['state']}: {row['outcome']}")


async def _until(database: Path, condition: str) -> dict[str, Any]:
    async with asyncio.timeout(WAIT_S):
        while True:
            with closing(sqlite3.connect(database)) as db:
                db.row_factory = sqlite3.Row
                row = db.execute(f"SELECT * FROM operation WHERE {condition}").fetchone()
            if row is not None:
                return dict(row)
            await asyncio.sleep(POLL_S)


# What a call is for, by its method and path, and in what order a report tells it.
KINDS = {
    "take, refresh and give back leases": r"(POST|DELETE) /v1/apps/…/machines/…/lease",
    "look at a lease": r"GET /v1/apps/…/machines/…/lease",
    "look at a Machine": r"GET /v1/apps/…/machines/…$",
    "list the Machines": r"GET /v1/apps/…/machines$",
    "wait for a state": r"GET /v1/apps/…/machines/…/wait",
    "update a Machine": r"POST /v1/apps/…/machines/…$",
    "start, stop, cordon": r"POST /v1/apps/…/machines/…/(start|stop|cordon|uncordon)$",
    "create a Machine": r"POST /v1/apps/…/machines$",
    "releases": r"[A-Z]+ /api/v1/",
    "find the image": r"HEAD /v2/|GET /v2/",
    "GraphQL": r"POST /graphql",
    "note the secrets": r"GET /v1/apps/…/secrets$",
}
OTHER = "other calls"


def kind(call: Json) -> str:
    """What a call of the Machines API, of `api/v1`, of GraphQL or of the registry is for."""
    path = re.sub(r"/(apps|machines|releases|manifests)/[^/]+", r"/\1/…", call["path"])
    asked = f"{call['method']} {path}"
    return next((name for name, pattern in KINDS.items() if re.match(pattern, asked)), OTHER)
