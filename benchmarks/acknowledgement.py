"""How long Slack waits for the acknowledgement of a command, and what it costs; bare Starlette beside it.

`/deploy help` is answered from memory. The stored command is acknowledged after its row and its audit event are
committed. No real command stops there: it is planned afterwards. So this one comes from another workspace and is
refused without asking anyone, which still costs a read, a second commit and a private answer to Slack. All that
is in its processor time, and at 32 connections in its latency; at one connection a pause keeps it out of the next
command's latency, and the read command is measured with the same pause.
"""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import floor
from benchmarks.load import Job, at_rest, fire, helps, stored
from sandbox.slack.world import World
from sandbox.stack import BotProcess, stack

BARE, READ, STORED = "bare Starlette", "/deploy help", "a stored command"
MANY = 32
PAUSE_S = 0.01
Case = tuple[str, int, Job]


@dataclass(frozen=True)
class Counts:
    """How many rounds there are, and how many requests of each kind a round has."""

    rounds: int = 3
    single: int = 3000
    paused: int = 200
    many: int = 6000
    many_stored: int = 1500


@dataclass(frozen=True)
class Figures:
    """One line of the report; `per_second` says nothing where the generator paused."""

    what: str
    connections: int
    is_paused: bool
    p50_ms: float
    p99_ms: float
    per_second: float
    cpu_us: float


async def measure(counts: Counts) -> list[Figures]:
    """All lines, of each the whole round with the lowest p50; rounds alternate, so all lines share the weather."""
    async with contextlib.AsyncExitStack() as open_:
        folder = open_.enter_context(tempfile.TemporaryDirectory())
        simulators, bot = await open_.enter_async_context(stack(Path(folder)))
        bare = await open_.enter_async_context(floor.running())
        world = simulators.slack.world
        rounds = [[await _figures(case) for case in _cases(counts, bare, bot, world)] for _ in range(counts.rounds)]
        _all_stored(bot.database, counts.rounds * (counts.paused + counts.many_stored))
    return [min(line, key=lambda figures: figures.p50_ms) for line in zip(*rounds, strict=True)]


def _cases(counts: Counts, bare: tuple[int, int], bot: BotProcess, world: World) -> Iterator[Case]:
    assert bot.pid is not None
    pid, port = bare
    yield BARE, pid, Job(port, helps(counts.single))
    yield READ, bot.pid, Job(bot.port, helps(counts.single))
    yield BARE, pid, Job(port, helps(counts.many), connections=MANY)
    yield READ, bot.pid, Job(bot.port, helps(counts.many), connections=MANY)
    yield READ, bot.pid, Job(bot.port, helps(counts.paused), pause_s=PAUSE_S)
    yield STORED, bot.pid, Job(bot.port, stored(counts.paused, world), "staging", pause_s=PAUSE_S)
    yield STORED, bot.pid, Job(bot.port, stored(counts.many_stored, world), "staging", MANY)


async def _figures(case: Case) -> Figures:
    what, pid, job = case
    before = await at_rest(pid)
    load = await fire(job)
    # What the commands left to be done afterwards is theirs too.
    cpu = await at_rest(pid) - before
    latencies = sorted(load["latencies"])
    count = len(latencies)
    return Figures(
        what=what,
        connections=job.connections,
        is_paused=job.pause_s > 0,
        p50_ms=latencies[count // 2] * 1000,
        p99_ms=latencies[count * 99 // 100] * 1000,
        per_second=count / load["seconds"],
        cpu_us=cpu / count * 1e6,
    )


def _all_stored(database: Path, count: int) -> None:
    with contextlib.closing(sqlite3.connect(database)) as db:
        (found,) = db.execute("SELECT count(*) FROM operation WHERE state = 'failed'").fetchone()
    if found != count:
        raise RuntimeError(f"{count} commands were acknowledged, {found} rows are stored and ended")
