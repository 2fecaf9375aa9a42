"""How long Slack waits for the acknowledgement of a command, and what it costs; bare Starlette beside it.

Two commands: `/deploy help` is answered from memory; the stored one is acknowledged after its row and its audit
event are committed. No real command stops there: afterwards it is planned. So the stored command comes from
somebody of another workspace, whom the bot refuses without asking anyone. That still costs a read, a second
commit and a private answer to Slack, which therefore are in the processor time and in the figures of 32
connections. At one connection a pause keeps them out of the next command's latency.
"""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import floor
from benchmarks.load import CHANNEL, STRANGER, Job, Load, fire, helps, stored
from benchmarks.process import at_rest
from sandbox.stack import BotProcess, stack

HELP_WORDS, STORED_WORDS = "brings a commit", "staging"
BARE, READ, STORED = "bare Starlette", "/deploy help", "a stored command"
MANY = 32
PAUSE_S = 0.01


@dataclass(frozen=True)
class Counts:
    """How many requests a round sends, and how many rounds there are."""

    rounds: int = 3
    single: int = 4000
    paused: int = 300
    many: int = 8000
    many_stored: int = 2000


@dataclass(frozen=True)
class Figures:
    """One line of the report. `per_second` is None where the generator paused."""

    what: str
    connections: int
    is_paused: bool
    p50_ms: float
    p99_ms: float
    per_second: float | None
    cpu_us: float


@dataclass(frozen=True)
class Case:
    """One line, before it is measured."""

    what: str
    connections: int
    pause_s: float
    pid: int
    port: int
    requests: Callable[[], list[str]]
    expect: str

    async def measure(self) -> Figures:
        """One round."""
        job = Job(self.port, self.requests(), self.expect, self.connections, self.pause_s)
        before = await at_rest(self.pid)
        load = await fire(job)
        cpu = await at_rest(self.pid) - before
        return self._figures(load, cpu)

    def _figures(self, load: Load, cpu_s: float) -> Figures:
        return Figures(
            what=self.what,
            connections=self.connections,
            is_paused=self.pause_s > 0,
            p50_ms=load.percentile_ms(0.5),
            p99_ms=load.percentile_ms(0.99),
            per_second=None if self.pause_s else load.per_second,
            cpu_us=cpu_s / len(load.latencies) * 1e6,
        )


async def measure(counts: Counts) -> list[Figures]:
    """All lines; of each the whole round with the lowest p50. Rounds alternate, so all lines share the weather."""
    async with _cases(counts) as cases:
        rounds = [[await case.measure() for case in cases] for _ in range(counts.rounds)]
    return [min(figures, key=lambda f: f.p50_ms) for figures in zip(*rounds, strict=True)]


@contextlib.asynccontextmanager
async def _cases(counts: Counts) -> AsyncIterator[list[Case]]:
    with tempfile.TemporaryDirectory() as folder:
        async with stack(Path(folder)) as (simulators, bot), floor.running() as (floor_pid, floor_port):
            world = simulators.slack.world

            def response_url() -> str:
                return world.new_response_url(STRANGER[0], world.channels[CHANNEL])

            cases = list(_plan(counts, (floor_pid, floor_port), bot, response_url))
            yield cases
            _all_stored(bot.database, counts.rounds * (counts.paused + counts.many_stored))


def _plan(
    counts: Counts, bare: tuple[int, int], bot: BotProcess, response_url: Callable[[], str]
) -> Iterator[Case]:
    assert bot.pid is not None
    for count, connections in ((counts.single, 1), (counts.many, MANY)):
        yield Case(BARE, connections, 0, *bare, lambda n=count: helps(n), HELP_WORDS)
        yield Case(READ, connections, 0, bot.pid, bot.port, lambda n=count: helps(n), HELP_WORDS)
    yield Case(READ, 1, PAUSE_S, bot.pid, bot.port, lambda: helps(counts.paused), HELP_WORDS)
    for count, connections, pause_s in ((counts.paused, 1, PAUSE_S), (counts.many_stored, MANY, 0)):
        requests = lambda n=count: stored(n, response_url)
        yield Case(STORED, connections, pause_s, bot.pid, bot.port, requests, STORED_WORDS)


def _all_stored(database: Path, count: int) -> None:
    with contextlib.closing(sqlite3.connect(database)) as db:
        (found,) = db.execute("SELECT count(*) FROM operation WHERE state = 'failed'").fetchone()
    if found != count:
        raise RuntimeError(f"{count} commands were acknowledged, {found} rows are stored and ended")
