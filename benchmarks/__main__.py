"""`python -m benchmarks`: measures everything and prints one table. docs/performance.md says what it means."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

from benchmarks import acknowledgement, deployment, memory, start
from benchmarks.acknowledgement import Counts, Figures
from benchmarks.deployment import Deployment

QUICK = Counts(rounds=1, single=500, paused=100, many=1000, many_stored=500)
QUICK_SPEED = 20.0
Rows = AsyncIterator[tuple[str, str]]


async def rows(*, quick: bool, full: bool) -> Rows:
    """What was measured and its figures, as they come."""
    for line in await acknowledgement.measure(QUICK if quick else Counts()):
        yield _acknowledged(line)
    used = await memory.measure(50_000 if full else 1_000 if quick else 5_000)
    yield "memory at rest", f"{used.idle_mb:.1f} MB"
    growth = (
        f"{used.after_mb - used.idle_mb:+.1f} MB, of that {used.after_mb - used.warm_mb:+.1f} after the first tenth"
    )
    yield f"memory after {used.commands:,} commands", f"{used.after_mb:.1f} MB ({growth})"
    began = await start.measure(2 if quick else 7)
    yield "start to first acknowledgement", f"best {began.best_s:.2f} s, median {began.median_s:.2f} s"
    yield "its processor time", f"{began.cpu_s:.2f} s"
    deployed = await deployment.measure(speed=QUICK_SPEED if quick else 1.0)
    clock = f" on a clock × {QUICK_SPEED:.0f}: compares with nothing" if quick else ""
    yield "deployment of 2 Machines, button to end", f"{deployed.seconds:.1f} s{clock}"
    for row in _calls(deployed):
        yield row


def _acknowledged(line: Figures) -> tuple[str, str]:
    how = f"{line.connections} connections" if line.connections > 1 else "1 connection"
    rate = "" if line.is_paused else f", {line.per_second:,.0f}/s"
    figures = f"p50 {line.p50_ms:.2f} ms, p99 {line.p99_ms:.2f} ms{rate}, {line.cpu_us:.0f} µs CPU"
    return f"{line.what}, {how}{', paused' if line.is_paused else ''}", figures


def _calls(deployed: Deployment) -> Iterator[tuple[str, str]]:
    yield "calls of Fly, to the plan + button to end", f"{deployed.planning.total()} + {deployed.rollout.total()}"
    for kind in sorted({*deployed.planning, *deployed.rollout}):
        yield kind, f"{deployed.planning[kind]} + {deployed.rollout[kind]}"


async def report(table: Rows, *, markdown: bool) -> None:
    """Print each row as soon as it is known."""
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {machine}\n")
    if markdown:
        print("| measured | figures |\n|---|---|")
    async for what, figures in table:
        print(f"| {what} | {figures} |" if markdown else f"{what:<48}{figures}", flush=True)


def main() -> None:
    """Read the options and report. Needs Linux, whose /proc tells processor time and memory."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Speed, calls and memory of the bot.")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="small numbers, half a minute")
    size.add_argument("--full", action="store_true", help="memory over 50,000 commands")
    parser.add_argument("--markdown", action="store_true", help="a table for docs/performance.md")
    options = parser.parse_args()
    asyncio.run(report(rows(quick=options.quick, full=options.full), markdown=options.markdown))


if __name__ == "__main__":
    main()
