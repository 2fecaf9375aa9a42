"""How long Slack waits for the acknowledgement of a command, and what it costs; Starlette and Bolt beside it.

`/deploy help` is answered from memory. The stored command is acknowledged after its row and its audit event are
committed. No real command stops there: it is planned afterwards. So this one comes from another workspace and is
refused without asking anyone, which still costs a read, a second commit and a private answer to Slack. At 32
connections all that is in its latency; at one connection the next one waits until it is over, either with read
commands in between or with nothing at all, which finds processors and disk asleep.
"""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import disk, floor
from benchmarks.bars import Bar, Row
from benchmarks.floor import BOLT, STARLETTE, Floor
from benchmarks.load import Job, at_rest, fire, helps, stored
from sandbox.stack import Simulators, stack

BARE, BARE_BOLT, BARE_BOLT_ROW = "bare Starlette", "bare Bolt handler", "bare Bolt handler with a row"
READ, STORED, DISK = "`/deploy help`", "a stored command", "two inserts and a commit, alone"
MANY = 32
PAUSE_S = 0.01
# So many that what the command before left to be done is over by then.
READS = 12
BUSY, BETWEEN, PAUSED = "", "between reads", "after a pause"
BARS = {
    (READ, 1, BUSY): (Bar("p50", 0.35, " ms"), Bar("p99", 1, " ms")),
    (READ, MANY, BUSY): (Bar("", 2500, "/s", is_least=True), Bar("CPU", 450, " µs")),
    (STORED, 1, BETWEEN): (Bar("p50", 1, " ms"),),
}


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
    """One line of the report. Rate and processor time say nothing but for requests that follow each other."""

    what: str
    connections: int
    manner: str
    p50_ms: float
    p99_ms: float
    per_second: float
    cpu_us: float

    def row(self) -> Row:
        """The line as it stands in the table."""
        how = f"{self.connections} connections" if self.connections > 1 else "1 connection"
        costs = "" if self.manner else f", {self.per_second:,.0f}/s, {self.cpu_us:.0f} µs CPU"
        figures = {"p50": self.p50_ms, "p99": self.p99_ms, "": self.per_second, "CPU": self.cpu_us}
        bars = BARS.get((self.what, self.connections, self.manner), ())
        return Row(
            ", ".join(part for part in (self.what, how, self.manner) if part),
            f"p50 {self.p50_ms:.2f} ms, p99 {self.p99_ms:.2f} ms{costs}",
            tuple((figures[bar.of], bar) for bar in bars),
        )


@dataclass(frozen=True)
class _Case:
    what: str
    manner: str
    pid: int
    job: Job


async def measure(counts: Counts) -> list[Figures]:
    """All lines, of each the whole round with the lowest p50; rounds alternate, so all lines share the weather."""
    async with contextlib.AsyncExitStack() as open_:
        folder = open_.enter_context(tempfile.TemporaryDirectory())
        simulators, bot = await open_.enter_async_context(stack(Path(folder)))
        starlette = await open_.enter_async_context(floor.running(STARLETTE))
        bolt = await open_.enter_async_context(floor.running(BOLT))
        assert bot.pid is not None
        processes = (starlette, bolt, Floor(bot.pid, bot.port))
        rounds = [
            [await _figures(case) for case in _cases(counts, *processes, simulators)] for _ in range(counts.rounds)
        ]
        _all_stored(bot.database, counts.rounds * (2 * counts.paused + counts.many_stored))
    return [min(line, key=lambda figures: figures.p50_ms) for line in zip(*rounds, strict=True)]


def disk_rows(counts: Counts) -> list[Row]:
    """What no acknowledgement that waits for its row can be below."""
    alone = disk.measure(counts.paused, pause_s=PAUSE_S)
    return [Row(DISK, f"p50 {alone.busy_ms:.2f} ms"), Row(f"{DISK}, {PAUSED}", f"p50 {alone.paused_ms:.2f} ms")]


def _cases(counts: Counts, bare: Floor, bolt: Floor, bot: Floor, simulators: Simulators) -> Iterator[_Case]:
    def case(what: str, process: Floor, requests: list[str], *, manner: str = BUSY, many: int = 1) -> _Case:
        expect = "staging" if what in {STORED, BARE_BOLT_ROW} else "brings a commit"
        reads = helps(READS) if manner == BETWEEN else []
        pause_s = PAUSE_S if manner == PAUSED else 0.0
        return _Case(what, manner, process.pid, Job(process.port, requests, expect, many, pause_s, reads))

    def rows(count: int) -> list[str]:
        return stored(count, simulators.slack.world)

    for what, process in ((BARE, bare), (BARE_BOLT, bolt), (READ, bot)):
        yield case(what, process, helps(counts.single))
    for what, process in ((BARE_BOLT_ROW, bolt), (STORED, bot)):
        yield case(what, process, rows(counts.paused), manner=BETWEEN)
    yield case(READ, bot, helps(counts.paused), manner=PAUSED)
    yield case(STORED, bot, rows(counts.paused), manner=PAUSED)
    for what, process in ((BARE, bare), (BARE_BOLT, bolt), (READ, bot)):
        yield case(what, process, helps(counts.many), many=MANY)
    for what, process in ((BARE_BOLT_ROW, bolt), (STORED, bot)):
        yield case(what, process, rows(counts.many_stored), many=MANY)


async def _figures(case: _Case) -> Figures:
    before = await at_rest(case.pid)
    load = await fire(case.job)
    # What the commands left to be done afterwards is theirs too.
    cpu = await at_rest(case.pid) - before
    latencies = sorted(load["latencies"])
    count = len(latencies)
    return Figures(
        what=case.what,
        connections=case.job.connections,
        manner=case.manner,
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
