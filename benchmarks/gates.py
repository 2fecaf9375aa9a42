"""What CI refuses: more calls, more processor time per request or more memory than these. No gate looks at a clock.

Processor time is counted in that of bare Starlette, measured in the same run, since a shared runner may be slow. The
limits leave room for another processor, another Python and calls that are repeated because a runner was slow; a limit
that is reached for a good reason is raised here, in the same commit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks import acknowledgement, deployment, memory
from benchmarks.acknowledgement import BARE, MANY, READ, STORED, Counts
from benchmarks.deployment import KINDS, OTHER

COUNTS = Counts(rounds=2, single=500, paused=50, many=4000, many_stored=800)
COMMANDS = 3000
# Fast enough for CI, and slow enough that a call's own time does not count much.
SPEED = 8.0

READ_CPU, STORED_CPU = "processor time of a read command", "processor time of a stored command"
IDLE, GROWTH = "memory at rest", f"growth of memory over {COMMANDS:,} commands"
CALLS = "calls of a deployment on two Machines"
LIMITS: Mapping[str, tuple[float, str]] = {
    READ_CPU: (7, " × bare Starlette"),
    STORED_CPU: (36, " × bare Starlette"),
    IDLE: (95, " MB"),
    GROWTH: (6, " MB"),
    CALLS: (45, ""),
    "take, refresh and give back leases": (12, ""),
    "look at a lease": (8, ""),
    "look at a Machine": (10, ""),
    "list the Machines": (8, ""),
    "wait for a state": (8, ""),
    "update a Machine": (2, ""),
    "start, stop, cordon": (1, ""),
    "create a Machine": (1, ""),
    "releases": (5, ""),
    "find the image": (3, ""),
    "GraphQL": (2, ""),
    "note the secrets": (2, ""),
    "other calls": (2, ""),
}


@dataclass(frozen=True)
class Verdict:
    """One figure beside what is allowed."""

    what: str
    measured: float
    allowed: float
    unit: str

    @property
    def is_met(self) -> bool:
        # What could not be measured passes no gate.
        return math.isfinite(self.measured) and self.measured <= self.allowed

    def __str__(self) -> str:
        sign = "ok  " if self.is_met else "FAIL"
        return f"{sign} {self.what}: measured {self.measured:.4g}{self.unit}, allowed {self.allowed:g}{self.unit}"


def judge(figures: Mapping[str, float]) -> list[Verdict]:
    """Each figure beside its limit, in the limits' order; one that is missing fails, KeyError for one without limit."""
    if unknown := sorted(figures.keys() - LIMITS.keys()):
        raise KeyError(f"no limit for {', '.join(unknown)}")
    return [Verdict(what, figures.get(what, math.nan), *limit) for what, limit in LIMITS.items()]


async def measured() -> dict[str, float]:
    """All figures that have a limit; about a minute."""
    lines = {(line.what, line.connections): line.cpu_us for line in await acknowledgement.measure(COUNTS)}
    used = await memory.measure(COMMANDS)
    calls = (await deployment.measure(speed=SPEED, delay_ms=0)).calls
    floor = lines[BARE, MANY]
    return {
        READ_CPU: lines[READ, MANY] / floor,
        STORED_CPU: lines[STORED, MANY] / floor,
        IDLE: used.idle_mb,
        GROWTH: used.after_mb - used.idle_mb,
        CALLS: calls.total(),
        **{kind: calls[kind] for kind in (*KINDS, OTHER)},
    }
