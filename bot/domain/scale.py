"""A scaling: what was asked, the plan that a person reads before it runs, and what makes two plans the same. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

from bot.domain.approval import ApprovalNeed
from bot.domain.deployment import Blocker
from bot.domain.model import Image
from bot.domain.size import Size


@dataclass(frozen=True)
class Count:
    """So many Machines of a process group in a region; an empty group means the only one that there is."""

    region: str
    count: int
    group: str = ""


@dataclass(frozen=True)
class SizeWish:
    """What the Machines of a process group shall have; what is 0 or empty stays. Memory in MB."""

    group: str = ""
    memory_mb: int = 0
    cpus: int = 0
    cpu_kind: str = ""

    def of(self, size: Size) -> Size:
        """The size that a Machine of this size gets."""
        return Size(self.cpu_kind or size.cpu_kind, self.cpus or size.cpus, self.memory_mb or size.memory_mb)

    @property
    def words(self) -> str:
        """As it is typed: `memory=2048mb cpus=2`."""
        said = [f"memory={self.memory_mb}mb"] if self.memory_mb else []
        said += [f"cpus={self.cpus}"] if self.cpus else []
        said += [f"cpu-kind={self.cpu_kind}"] if self.cpu_kind else []
        return " ".join(f"{self.group}:{each}" if self.group else each for each in said)


@dataclass(frozen=True)
class ScaleRequest:
    """What was asked for. What is not named stays as it is: regions without a count, sizes without a wish.

    `lasts_s`: for so long, then back. `back_from` is the scaling whose end of `lasts_s` asks for this. `as_configured`
    asks that Machines sleep and wake as the config says, too; `differences` says in whole sentences what is mended.
    """

    environment: str
    counts: tuple[Count, ...] = ()
    sizes: tuple[SizeWish, ...] = ()
    lasts_s: float = 0.0
    why: str = ""
    back_from: str = ""
    as_configured: bool = False
    differences: tuple[str, ...] = ()
    retry_of: str = ""
    seen_hash: str = ""

    @property
    def ref(self) -> str:
        """What is asked for in short, where other operations name a ref."""
        counts = [f"{c.group}:{c.region}={c.count}" if c.group else f"{c.region}={c.count}" for c in self.counts]
        return " ".join([*counts, *(wish.words for wish in self.sizes)]) or "as configured"


@dataclass(frozen=True)
class Place:
    """How many Machines of a process group there are in a region, and shall be. `is_named`: somebody asked for it."""

    group: str
    region: str
    now: int
    then: int
    is_named: bool = False


@dataclass(frozen=True)
class ScaledMachine:
    """A Machine as it stood when the plan was made. `version` is Fly's, which changes with each of its configs."""

    id: str
    group: str
    region: str
    state: str
    version: str
    image: Image
    size: Size | None
    is_standby: bool = False
    has_volume: bool = False
    is_healthy: bool = True
    host_status: str = "ok"


@dataclass(frozen=True)
class Creation:
    """A Machine to make: `slot` names its place among those of this plan, `model` is the Machine that it is like.

    `volume` is the name of the volume that it needs; `volume_id` one that is there and unattached.
    """

    slot: str
    group: str
    region: str
    model: str
    size: Size
    volume: str = ""
    volume_id: str = ""
    volume_gb: int = 0


@dataclass(frozen=True)
class Mending:
    """A Machine whose config changes: its size, or what keeps it awake. What is None stays."""

    machine: str
    size: Size | None = None
    auto_stop: str | None = None
    min_machines: int | None = None


@dataclass(frozen=True)
class Removal:
    """A Machine to destroy. `volume_id` is the volume that it leaves behind, which goes on costing."""

    machine: str
    volume_id: str = ""


@dataclass(frozen=True)
class Undoing:
    """What the next deployment undoes: what the fly.toml of the live commit says, and the line to change."""

    what: str
    file: str = ""
    line: int = 0
    change: str = ""


@dataclass(frozen=True)
class Cost:
    """USD for a month, now and then; None where a price is not known. `as_of` is the day of the prices."""

    now: float | None
    then: float | None
    as_of: str


@dataclass(frozen=True)
class Standing:
    """How an environment stands, for somebody who is about to scale it: `then` of the places is what the config wants.

    `auto_stop` and `memory_mb` are the config's; `cost` has no `then` but the config's counts in the sizes of now.
    `needs_approval`: a second person has to agree. `running` describes the operation that holds the app; `ends` are
    when scalings for some hours are over.
    """

    environment: str
    app: str
    places: tuple[Place, ...]
    machines: tuple[ScaledMachine, ...]
    memory_mb: int
    auto_stop: str
    cost: Cost
    needs_approval: bool = True
    running: str = ""
    ends: tuple[datetime, ...] = ()

    @property
    def groups(self) -> tuple[str, ...]:
        """The process groups that there are."""
        return tuple(dict.fromkeys(place.group for place in self.places))


@dataclass(frozen=True)
class ScalePlan:
    """Everything a person should know before a scaling, and everything the run needs. Durations in seconds.

    `configured` is what the config said of the counts; `differences` are what a proposal of the bot mends, whole
    sentences. A plan that wants nothing is blocked.
    """

    environment: str
    app: str
    url: str
    ref: str
    places: tuple[Place, ...]
    machines: tuple[ScaledMachine, ...]
    creations: tuple[Creation, ...] = ()
    mendings: tuple[Mending, ...] = ()
    starts: tuple[str, ...] = ()
    removals: tuple[Removal, ...] = ()
    cost: Cost = Cost(None, None, "")
    undone_by: tuple[Undoing, ...] = ()
    image: Image | None = None
    lasts_s: float = 0.0
    why: str = ""
    differences: tuple[str, ...] = ()
    configured: tuple[Count, ...] = ()
    back_from: str = ""
    max_unavailable: float = 0.33
    wait_timeout_s: float = 300.0
    smoke_s: float = 10.0
    needs_confirmation: bool = True
    blockers: tuple[Blocker, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    approval: ApprovalNeed | None = None
    waived: str = ""
    rules_revision: int = 0

    def machine(self, machine_id: str) -> ScaledMachine:
        """One of the plan's Machines."""
        return next(machine for machine in self.machines if machine.id == machine_id)

    @property
    def sizes_decided(self) -> tuple[tuple[str, Size], ...]:
        """Each process group whose size this changes, with the size that it gets."""
        sized = ((self.machine(each.machine).group, each.size) for each in self.mendings)
        return tuple(dict.fromkeys((group, size) for group, size in sized if size is not None))

    @property
    def is_blocked(self) -> bool:
        return bool(self.blockers)

    @property
    def hash(self) -> str:
        """Changes exactly when something changed that a person should see before saying yes again.

        A Machine that fell asleep or woke up is not such a thing, nor is its health, unless the plan starts it.
        """
        facts = {
            "app": self.app,
            "machines": _standing(self),
            "creations": [[c.slot, c.group, c.region, c.size.words, c.volume] for c in self.creations],
            "mendings": [
                [m.machine, m.size.words if m.size else "", m.auto_stop, m.min_machines] for m in self.mendings
            ],
            "starts": sorted(self.starts),
            "removals": sorted(removal.machine for removal in self.removals),
            "lasts_s": self.lasts_s,
            "blockers": sorted(blocker.reason for blocker in self.blockers),
            "warnings": sorted(self.warnings),
            "approval": [*self.approval.approvers, *self.approval.causes] if self.approval else [self.waived],
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]

    def difference(self, newer: ScalePlan) -> str:
        """What changed since this plan was shown, in words; empty where nothing that matters did."""
        if self.hash == newer.hash:
            return ""
        pairs = [
            (_standing(self) != _standing(newer), "the Machines changed"),
            (_deeds(self) != _deeds(newer), "what has to be done changed"),
            (self.blockers != newer.blockers, "what blocks the scaling changed"),
            (sorted(self.warnings) != sorted(newer.warnings), "what the plan warns of changed"),
            (self.approval != newer.approval, "who has to approve it, or why, changed"),
        ]
        return "; ".join(text for changed, text in pairs if changed) or "the plan changed"


def _standing(plan: ScalePlan) -> list[list[str]]:
    image = (m.image.digest or m.image.reference for m in plan.machines)
    return sorted(
        [m.id, m.group, m.region, m.size.words if m.size else "", each]
        for m, each in zip(plan.machines, image, strict=True)
    )


def _deeds(plan: ScalePlan) -> tuple[object, ...]:
    return (plan.creations, plan.mendings, plan.starts, plan.removals)
