"""A scaling for some hours: when it goes back, to what, and what decides of its places in the meantime. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.domain.model import Actor
from bot.domain.operation import Card, Operation
from bot.domain.scale import Count, ScalePlan, ScaleRequest, SizeWish

# So long before its end people hear of it.
NOTICE = timedelta(minutes=15)


class BoxState(StrEnum):
    """How a time box stands. `asked`: going back is a scaling of its own now, which somebody has to agree to."""

    OPEN = "open"
    ASKED = "asked"
    KEPT = "kept"
    OVERTAKEN = "overtaken"


@dataclass(frozen=True)
class TimeBox:
    """The time box of a scaling that succeeded. `environment` is the unambiguous name.

    `by` pressed a button of the notice; `note` says what it waits for, or why it is over; `ref` is what going back asks
    for, in short, since people were told. `revision` counts its changes, of which Slack shows the one `shown`.
    """

    operation_id: str
    environment: str
    due_at: datetime
    state: BoxState = BoxState.OPEN
    by: Actor | None = None
    note: str = ""
    ref: str = ""
    asked_id: str = ""
    revision: int = 0
    shown: int = 0
    card: Card | None = None

    @property
    def is_told(self) -> bool:
        """Whether people are to hear of it: its end is near, or was."""
        return bool(self.ref)


def in_force(newer: Sequence[Operation]) -> list[Operation]:
    """The scalings that still decide: one that went back and the one from which it did cancel each other out."""
    ids = {operation.id for operation in newer}
    returned = {operation.request.get("back_from") for operation in newer}
    return [each for each in newer if each.id not in returned and each.request.get("back_from") not in ids]


def going_back(
    box: TimeBox, first: ScalePlan, last: ScalePlan, *, newer: Sequence[ScalePlan], overtaken: Sequence[ScalePlan]
) -> ScaleRequest | None:
    """The request that brings back what was before; None where newer scalings decide of all that was changed.

    `first` is the plan of the first try, `last` that of the one that succeeded. `overtaken` are the plans of earlier
    time boxes that this one took the place of, newest first: what they brought for some hours is not gone back to.
    """
    is_one = len({place.group for place in last.places}) == 1
    counts = tuple(_counts(first, last, newer, overtaken))
    sizes = tuple(_sizes(first, newer))
    if not counts and not sizes:
        return None
    return ScaleRequest(
        box.environment,
        counts=tuple(Count(c.region, c.count, "" if is_one else c.group) for c in counts),
        sizes=tuple(SizeWish("" if is_one else w.group, w.memory_mb, w.cpus, w.cpu_kind) for w in sizes),
        back_from=box.operation_id,
    )


def _counts(
    first: ScalePlan, last: ScalePlan, newer: Sequence[ScalePlan], overtaken: Sequence[ScalePlan]
) -> Iterator[Count]:
    decided = {(place.group, place.region) for plan in newer for place in plan.places if place.is_named}
    was = {(place.group, place.region): place.now for place in first.places}
    for place in last.places:
        key = place.group, place.region
        before = was.get(key, 0)
        for plan in overtaken:
            for earlier in plan.places:
                if (earlier.group, earlier.region) == key and earlier.is_named and earlier.then == before:
                    before = earlier.now
        if place.is_named and place.then != before and key not in decided:
            yield Count(place.region, before, place.group)


def _sizes(first: ScalePlan, newer: Sequence[ScalePlan]) -> Iterator[SizeWish]:
    decided = {group for plan in newer for group, _ in plan.sizes_decided}
    for mending in first.mendings:
        machine = first.machine(mending.machine)
        if mending.size is not None and machine.size is not None and machine.group not in decided:
            # One wish for each process group: its Machines have one size, or had none worth keeping apart.
            decided.add(machine.group)
            yield SizeWish(machine.group, machine.size.memory_mb, machine.size.cpus, machine.size.cpu_kind)
