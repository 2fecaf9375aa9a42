"""`python -m benchmarks`: measures everything and prints tables; `gate` measures what CI refuses and says so."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sys
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import acknowledgement, deployment, gates, memory, page, start, status
from benchmarks.acknowledgement import Counts
from benchmarks.bars import Bar, Row, Table, judged
from benchmarks.deployment import KINDS, OTHER, Deployment
from benchmarks.load import others_cpu_s

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
BEGIN, END = "<!-- figures of `make bench` -->", "<!-- end of the figures -->"
QUICK = Counts(rounds=1, single=500, paused=50, many=1000, many_stored=300)
QUICK_SPEED = 20.0
MACHINES = (2, 10)


async def tables(*, quick: bool) -> AsyncIterator[Table]:
    """All tables, as they come."""
    counts = QUICK if quick else Counts()
    lines = await acknowledgement.measure(counts)
    yield judged("Acknowledgement", [*(line.row() for line in lines), *acknowledgement.disk_rows(counts)])
    used = await memory.measure(1_000 if quick else 50_000)
    began = await start.measure(2 if quick else 7)
    yield judged("Start and memory", [began.row(), *used.rows()])
    speed = QUICK_SPEED if quick else 1.0
    pairs = [(await deployment.measure(n, speed=speed), await deployment.flyctl(n, speed=speed)) for n in MACHINES]
    looked = await status.measure(2 if quick else 5)
    compared = [row for ours, theirs in pairs for row in _compared(ours, theirs)]
    title = f"With {deployment.DELAY_MS:.0f} ms for each call"
    yield judged(f"{title}, on a clock × {speed:.0f}" if quick else title, [*compared, *looked.rows()])
    yield _calls(pairs)
    seen = await page.measure(rounds=3 if quick else page.ROUNDS)
    if seen is not None:
        yield judged(f"The sandbox's page, {page.MESSAGES:,} messages and {page.APPS} apps", seen.rows())


def _compared(ours: Deployment, theirs: Deployment) -> Iterator[Row]:
    rest = (
        ("calls of Fly", ours.calls.total(), theirs.calls.total(), 60, ""),
        ("time", ours.seconds, theirs.seconds, 70, " s"),
    )
    for what, our, their, percent, unit in rest:
        share = 100 * our / their
        value = f"{our:.4g}{unit}, {share:.0f} % of flyctl's {their:.4g}{unit}"
        bar = Bar("", percent, " % of flyctl's")
        yield Row(f"deployment of {ours.machines} Machines, {what}", value, ((share, bar),))


def _calls(pairs: list[tuple[Deployment, Deployment]]) -> Table:
    header = ["calls of Fly"]
    for ours, _ in pairs:
        header += [f"{ours.machines} Machines", "flyctl"]
    rows = [[kind, *(str(each.calls[kind]) for pair in pairs for each in pair)] for kind in (*KINDS, OTHER)]
    return Table("Calls by kind", header, rows)


def conditions() -> str:
    """When and where the figures came about."""
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    return f"{datetime.now(UTC):%d %B %Y, %H:%M} UTC; {machine}."


class Others:
    """Counts what all processes but this one and its children take of the processors."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._before = others_cpu_s()

    def __str__(self) -> str:
        cores = max(0.0, others_cpu_s() - self._before) / (time.monotonic() - self._since)
        return (
            f"Meanwhile other processes took {cores:.1f} of the {os.cpu_count()} cores; from 0.2 on times are spoilt."
        )


async def report(*, quick: bool) -> str:
    """Print each table as soon as it is known; all of it as Markdown."""
    parts, others = [conditions()], Others()
    print(parts[0], flush=True)
    async for table in tables(quick=quick):
        parts.append(str(table))
        print(f"\n{table}", flush=True)
    parts.insert(1, str(others))
    print(f"\n{others}")
    return "\n\n".join(parts)


def written(page: str, figures: str) -> str:
    """The page with these figures between its marks; ValueError where it has none."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"no {BEGIN} … {END} in the page")
    return f"{before}{begin}\n\n{figures}\n\n{end}{after}"


def gate() -> int:
    """Print every gate; 1 where one is not met."""
    verdicts = gates.judge(asyncio.run(gates.measured()))
    print("\n".join(map(str, verdicts)))
    return 0 if all(verdict.is_met for verdict in verdicts) else 1


def main() -> None:
    """Read the options and report. Needs Linux, whose /proc tells processor time and memory."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Speed, calls and memory of the bot.")
    parser.add_argument("what", nargs="?", choices=["report", "gate"], default="report")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="small numbers, a minute; compares with nothing")
    size.add_argument("--write", action="store_true", help=f"put the tables into docs/{PAGE.name}")
    options = parser.parse_args()
    if options.what == "gate":
        sys.exit(gate())
    figures = asyncio.run(report(quick=options.quick))
    if options.write:
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), figures), encoding="utf-8")


if __name__ == "__main__":
    main()
