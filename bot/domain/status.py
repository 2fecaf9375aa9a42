"""What stands in an environment at one moment, as `/deploy status` tells it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.domain.drift import Drift
from bot.domain.freeze import Frozen
from bot.domain.hold import Hold
from bot.domain.incident import Incident
from bot.domain.lock import Lock
from bot.domain.model import ASLEEP, Comparison, Environment, Image, Machine, Relation, Release
from bot.domain.operation import Operation


@dataclass(frozen=True)
class Live:
    """The image that most Machines run: the tag or short commit that it is, since when, and who brought it.

    `by` is a mention, or the name that Fly's books give, which is other people's text. What is not known is empty.
    `on` of `machines` Machines run it.
    """

    image: Image
    ref: str
    title: str = ""
    since: datetime | None = None
    by: str = ""
    on: int = 1
    machines: int = 1

    @property
    def is_mixed(self) -> bool:
        return self.on < self.machines


@dataclass(frozen=True)
class Lag:
    """How an environment lies to `other`, the one that commits reach before it.

    `commits` of the other are missing here, the oldest since `oldest_at`; `why` says why that is not known, if so.
    """

    other: str
    relation: Relation = Relation.UNKNOWN
    commits: int = 0
    oldest_at: datetime | None = None
    why: str = ""


@dataclass(frozen=True)
class RegionSummary:
    """The Machines of one region: started and asleep ones, `other` states by name, checks of the started ones."""

    region: str
    started: int
    asleep: int
    other: dict[str, int]
    checks_passing: int
    checks: int

    @property
    def is_well(self) -> bool:
        return not self.other and self.checks_passing == self.checks


@dataclass(frozen=True)
class Rules:
    """What people and the calendar say of an environment now, whatever somebody wants to deploy there.

    `lock_problem` says what is wrong with a lock that cannot be read. A lock of the whole and an incident stand in
    every environment.
    """

    locks: tuple[Lock, ...] = ()
    lock_problem: str = ""
    holds: tuple[Hold, ...] = ()
    frozen: Frozen | None = None
    incident: Incident | None = None


NO_RULES = Rules()


@dataclass(frozen=True)
class EnvironmentStatus:
    """One environment. `label` is what to call it; `machines` is None where Fly did not tell them.

    `waiting` are plans that wait for a button, their requester's or an approver's. `outside` is a release that
    somebody else is bringing there just now; `problems` say what could not be asked.
    """

    environment: Environment
    label: str
    machines: tuple[Machine, ...] | None
    live: Live | None = None
    lag: Lag | None = None
    drifts: tuple[Drift, ...] = ()
    running: Operation | None = None
    waiting: tuple[Operation, ...] = ()
    outside: Release | None = None
    problems: tuple[str, ...] = field(default=())
    rules: Rules = NO_RULES


def lag_of(other: str, comparison: Comparison) -> Lag:
    """How far the base of a comparison is behind its head. The days are unknown where commits are left out."""
    is_whole = len(comparison.commits) >= comparison.total_commits
    instants = [commit.committed_at for commit in comparison.commits if commit.committed_at]
    oldest_at = min(instants, default=None) if is_whole else None
    return Lag(other, comparison.relation, comparison.total_commits, oldest_at)


def regions(machines: Sequence[Machine]) -> list[RegionSummary]:
    """The serving Machines by region."""
    serving = [machine for machine in machines if machine.is_serving]
    return [_region(name, [m for m in serving if m.region == name]) for name in sorted({m.region for m in serving})]


def _region(name: str, machines: Sequence[Machine]) -> RegionSummary:
    started = [machine for machine in machines if machine.is_warm]
    return RegionSummary(
        region=name,
        started=len(started),
        asleep=sum(machine.state in ASLEEP for machine in machines),
        other=dict(Counter(m.state for m in machines if not m.is_warm and m.state not in ASLEEP)),
        checks_passing=sum(machine.checks_passing for machine in started),
        checks=sum(max(machine.checks_expected, len(machine.checks)) for machine in started),
    )
