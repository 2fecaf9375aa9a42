"""What an environment should look like by its config and by what people decided since, and how it differs. Pure.

A scaling that somebody decided is no difference any more: what it named counts until the config says something new.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.domain.model import ASLEEP, Environment, Machine
from bot.domain.scale import Count, Mending, Place, ScalePlan, ScaleRequest, SizeWish
from bot.domain.scale_deeds import ScaleFacts, configured_counts, configured_sizes, faced
from bot.domain.scale_policy import ScaleDecision, decide_scaling
from bot.domain.size import Prices, Size

# A Machine in another state is on its way to somewhere else.
AT_REST = ASLEEP | {"started"}
NAMED = 3


@dataclass(frozen=True)
class Difference:
    """How an environment differs from what is wanted: whole sentences, and the request that mends it."""

    words: tuple[str, ...]
    request: ScaleRequest
    hash: str


def is_moving(machines: Sequence[Machine]) -> bool:
    """Whether somebody is changing the Machines right now: states that pass, or several images."""
    serving = [machine for machine in machines if not machine.is_standby]
    images = {machine.image.digest or machine.image.reference for machine in serving}
    return len(images) > 1 or any(machine.state not in AT_REST for machine in serving if machine.host_status == "ok")


def difference(
    environment: Environment, machines: Sequence[Machine], decided: Sequence[ScalePlan], prices: Prices
) -> Difference | None:
    """What a scaling could mend, or None. `decided` are the plans of scalings that succeeded, the newest first."""
    expected = _expected(environment, machines, decided)
    decision = _decide(environment, machines, expected, prices)
    places = [place for place in decision.places if place.now != place.then]
    resized = {_group(decision, mending) for mending in decision.mendings if mending.size is not None}
    words = tuple(_words(decision, places))
    # As one would type it.
    is_one = len({place.group for place in decision.places}) == 1
    if not words:
        return None
    request = ScaleRequest(
        environment.title,
        counts=tuple(Count(place.region, place.then, "" if is_one else place.group) for place in places),
        sizes=tuple(
            dataclasses.replace(wish, group="") if is_one else wish for wish in expected.sizes if wish.group in resized
        ),
        as_configured=True,
        differences=words,
    )
    return Difference(words, request, _hash(decision, places))


def _expected(environment: Environment, machines: Sequence[Machine], decided: Sequence[ScalePlan]) -> ScaleRequest:
    configured = configured_counts(environment, machines)
    counts = {(count.group, count.region): count.count for count in configured}
    decisions: dict[tuple[str, str], int] = {}
    for plan in decided:
        if _named(plan.configured) != _named(configured):
            break
        for place in plan.places:
            if place.is_named:
                decisions.setdefault((place.group, place.region), place.then)
    wanted = counts | decisions
    return ScaleRequest(
        environment.title,
        counts=tuple(Count(region, count, group) for (group, region), count in sorted(wanted.items())),
        sizes=tuple(_sizes(environment, machines, decided)),
        as_configured=True,
    )


def _named(counts: Sequence[Count]) -> set[tuple[str, str, int]]:
    """What the config itself says; a zero only tells that there were Machines elsewhere."""
    return {(count.group, count.region, count.count) for count in counts if count.count}


def _sizes(environment: Environment, machines: Sequence[Machine], decided: Sequence[ScalePlan]) -> Iterator[SizeWish]:
    """The config's memory, but of a group whose Machines have the one that was decided, that."""
    decisions: dict[str, Size] = {}
    for plan in decided:
        for group, size in plan.sizes_decided:
            decisions.setdefault(group, size)
    there = faced(machines)
    for wish in configured_sizes(environment, machines):
        chosen = decisions.get(wish.group)
        sizes = {Size.of(machine.config) for machine in there if machine.group == wish.group}
        if chosen is not None and chosen in sizes:
            yield SizeWish(wish.group, chosen.memory_mb, chosen.cpus, chosen.cpu_kind)
        else:
            yield wish


def _decide(
    environment: Environment, machines: Sequence[Machine], request: ScaleRequest, prices: Prices
) -> ScaleDecision:
    regions = frozenset(count.region for count in request.counts)
    return decide_scaling(ScaleFacts(environment, request, tuple(machines), (), prices, regions))


def _group(decision: ScaleDecision, mending: Mending) -> str:
    return next(machine.group for machine in decision.machines if machine.id == mending.machine)


def _words(decision: ScaleDecision, places: Sequence[Place]) -> Iterator[str]:
    groups = {place.group for place in decision.places}
    for place in places:
        of = f" of {place.group}" if len(groups) > 1 else ""
        noun = "Machine" if place.now == 1 else "Machines"
        yield f"{place.region} has {place.now} {noun}{of}, and {place.then} should be there."
    resized = [mending.machine for mending in decision.mendings if mending.size is not None]
    if resized:
        wanted = next(m.size.words for m in decision.mendings if m.size is not None)
        yield f"{_listed(resized)} should have {wanted}."
    restless = [mending.machine for mending in decision.mendings if mending.auto_stop is not None]
    if restless:
        wanted = next(str(m.auto_stop) for m in decision.mendings if m.auto_stop is not None)
        yield f"Auto stop of {_listed(restless)} should be {wanted}."
    kept = [mending.machine for mending in decision.mendings if mending.min_machines is not None]
    if kept:
        number = next(m.min_machines for m in decision.mendings if m.min_machines is not None)
        yield f"By the config of {_listed(kept)} another number of Machines stays awake than {number}."
    if decision.starts:
        yield f"{_listed(decision.starts)} sleeps, and Machines never sleep here."


def _listed(machines: Sequence[str]) -> str:
    more = f" and {len(machines) - NAMED} more" if len(machines) > NAMED else ""
    return f"Machine {', '.join(machines[:NAMED])}{more}"


def _hash(decision: ScaleDecision, places: Sequence[Place]) -> str:
    facts = [
        [[place.group, place.region, place.now, place.then] for place in places],
        [
            [m.machine, m.size.words if m.size else "", m.auto_stop or "", -1 if m.min_machines is None else 0]
            for m in decision.mendings
        ],
        sorted(decision.starts),
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
