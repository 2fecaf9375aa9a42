"""What a scaling would do, and what speaks against it: facts in, decision out. Pure.

Counts are per region and absolute: what is not named stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bot.domain import scale_deeds
from bot.domain.approval import ApprovalNeed, Cause
from bot.domain.deployment import Blocker
from bot.domain.model import Machine
from bot.domain.proof import is_well
from bot.domain.scale import Cost, Creation, Mending, Place, Removal, ScaledMachine
from bot.domain.scale_deeds import Look, ScaleFacts, faced, models
from bot.domain.size import Size, size_problem
from bot.domain.text import quoted
from bot.errors import Reason

# One Machine more or less is no reason to look at a long list.
NAMED = 5


@dataclass(frozen=True)
class ScaleDecision:
    """What a scaling does, and the policy's answer: no blocker means yes, where there is an `approval`, with that."""

    places: tuple[Place, ...] = ()
    machines: tuple[ScaledMachine, ...] = ()
    creations: tuple[Creation, ...] = ()
    mendings: tuple[Mending, ...] = ()
    starts: tuple[str, ...] = ()
    removals: tuple[Removal, ...] = ()
    cost: Cost = field(default=Cost(None, None, ""))
    blockers: tuple[Blocker, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    approval: ApprovalNeed | None = None


def decide_scaling(facts: ScaleFacts) -> ScaleDecision:
    """What this scaling would do now, whether it may, and what a person should know before."""
    look = Look(facts)
    removed, only_copies = scale_deeds.removals(look)
    going = {removal.machine for removal in removed}
    made = tuple(scale_deeds.creations(look))
    mended = tuple(scale_deeds.mendings(look, going))
    started = tuple(scale_deeds.starts(look, going))
    blockers = [blocker for rule in RULES for blocker in rule(look)]
    blockers += [_only_copy(machine) for machine in only_copies]
    if not (made or mended or started or removed or blockers):
        blockers.append(_nothing_to_do(look))
    approval, missing = _approval(facts)
    return ScaleDecision(
        places=look.places,
        machines=tuple(_scaled(machine) for machine in facts.machines),
        creations=made,
        mendings=mended,
        starts=started,
        removals=removed,
        cost=scale_deeds.cost(look, made, going),
        blockers=(*blockers, *missing),
        warnings=tuple(_warnings(look, mended)),
        notes=tuple(_notes(look, removed)),
        approval=approval,
    )


def _scaled(machine: Machine) -> ScaledMachine:
    return ScaledMachine(
        id=machine.id,
        group=machine.group,
        region=machine.region,
        state=machine.state,
        version=machine.version,
        image=machine.image,
        size=Size.of(machine.config),
        is_standby=machine.is_standby,
        has_volume=machine.has_volume,
        is_healthy=machine.is_healthy,
        host_status=machine.host_status,
    )


def _approval(facts: ScaleFacts) -> tuple[ApprovalNeed | None, list[Blocker]]:
    environment = facts.environment
    if environment.released_by == "tag":
        because = f"Scaling `{environment.name}` always needs a second person."
    elif environment.policy.approve_scaling:
        because = f"Every scaling of `{environment.name}` needs an approval."
    else:
        return None, []
    if environment.policy.approvers:
        return ApprovalNeed(environment.policy.approvers, (Cause.SCALING,), (because,)), []
    message = f"{because} No approvers are configured."
    return None, [Blocker(Reason.APPROVERS_MISSING, message, "Set `policy.approvers` in flytower.toml.")]


def _nobody_else_is_at_it(look: Look) -> Iterator[Blocker]:
    if look.facts.running:
        yield Blocker(Reason.OPERATION_RUNNING, look.facts.running, "Wait until it ends, or cancel it on its card.")
    for lease in look.facts.leases:
        until = f" until {lease.expires_at:%H:%M:%S} UTC" if lease.expires_at else ""
        yield Blocker(
            Reason.LEASE_HELD,
            f"Machine {lease.machine_id} is leased by {lease.owner or 'somebody else'}{until}.",
            "Something outside Flytower is probably changing it; ask again when it is over.",
        )


def _groups_are_known(look: Look) -> Iterator[Blocker]:
    if not look.machines:
        yield Blocker(
            Reason.NO_MACHINES,
            f"`{look.facts.environment.app}` has no Machines, so there is none that another could be like.",
            "The first deployment of an app is made by its workflow, which creates them.",
        )
        return
    known = ", ".join(f"`{group}`" for group in look.groups)
    if look.is_ambiguous:
        yield Blocker(
            Reason.GROUP_UNNAMED,
            f"`{look.facts.environment.app}` has several process groups: {known}.",
            f"Say which: `{look.groups[0]}:iad=2`.",
        )
    for group in look.unknown_groups:
        yield Blocker(Reason.GROUP_UNKNOWN, f"There is no process group {quoted(group)}.", f"There is {known}.")


def _regions_are_known(look: Look) -> Iterator[Blocker]:
    there = {machine.region for machine in look.machines}
    for region in sorted({count.region for count in look.counts} - look.facts.regions - there):
        yield Blocker(
            Reason.REGION_UNKNOWN,
            f"Fly has no region {quoted(region)}.",
            "`fly platform regions` lists them: `iad`, `sjc`, `fra`, …",
        )


def _sizes_exist(look: Look) -> Iterator[Blocker]:
    problems = dict.fromkeys(
        problem
        for machine in look.machines
        if look.wish(machine.group) is not None and (size := look.size_then(machine))
        if (problem := size_problem(size))
    )
    for problem in problems:
        yield Blocker(Reason.SIZE_UNKNOWN, problem, "Ask for a size that Fly has.")


def _numbers_are_allowed(look: Look) -> Iterator[Blocker]:
    policy, places = look.facts.environment.policy, look.places
    serving = {machine.group for machine in faced(look.machines)}
    before = sum(place.now for place in places if place.group in serving)
    total = sum(place.then for place in places if place.group in serving)
    if total < min(before, policy.scale_min):
        yield Blocker(
            Reason.BELOW_MINIMUM,
            f"`{look.facts.environment.name}` keeps at least {policy.scale_min} "
            f"{'Machine' if policy.scale_min == 1 else 'Machines'}, and this would leave {total}.",
            "Ask for more, or change `policy.scale_min` in flytower.toml.",
        )
    everything = sum(place.then for place in places)
    grows = any(place.then > place.now for place in places)
    if everything > policy.scale_max and grows:
        yield Blocker(
            Reason.ABOVE_MAXIMUM,
            f"`{look.facts.environment.name}` has at most {policy.scale_max} Machines, and this would make "
            f"{everything}.",
            "Ask for fewer, or change `policy.scale_max` in flytower.toml.",
        )


def _models_exist(look: Look) -> Iterator[Blocker]:
    for group in look.groups:
        grows = any(place.then > place.now for place in look.places if place.group == group)
        like = models(look, group, "") if grows else []
        if grows and (not like or Size.of(like[0].config) is None):
            yield Blocker(
                Reason.NO_HEALTHY_MODEL,
                f"No Machine of the process group {quoted(group)} is healthy, so none can be made like it.",
                "See why they are unwell (`/deploy status`), then ask again.",
            )


def _only_copy(machine: Machine) -> Blocker:
    return Blocker(
        Reason.VOLUME_ONLY_COPY,
        f"Machine {machine.id} ({machine.region}) holds the only copy of its volume: Flytower does not destroy it.",
        "Copy the data first; then destroy the Machine with flyctl.",
    )


def _nothing_to_do(look: Look) -> Blocker:
    there = ", ".join(f"{place.region} {place.now}" for place in look.places)
    return Blocker(
        Reason.NOTHING_TO_SCALE,
        f"Nothing to do: `{look.facts.environment.name}` is like that already ({there}).",
        "Name a count or a size that is another one.",
    )


def _warnings(look: Look, mendings: Sequence[Mending]) -> Iterator[str]:
    ground, machines = look.facts.ground, {machine.id: machine for machine in look.machines}
    if ground.lock_problem:
        yield f"There is a lock that cannot be read ({quoted(ground.lock_problem)})."
    for lock in ground.locks:
        if lock.holds_at(ground.now):
            yield f"{lock.holder.mention} keeps `{lock.scope or 'everything'}` locked: {quoted(lock.why)}"
    if ground.incident is not None:
        yield f"There is an incident ({quoted(ground.incident.why)})."
    restarted = [machines[mending.machine] for mending in mendings if machines[mending.machine].is_warm]
    serving = [machine for machine in look.machines if machine.is_warm]
    if restarted and len(serving) == 1:
        yield "The only started Machine restarts: for some seconds nothing answers."
    unwell = [m for m in look.machines if not is_well(m, was_asleep=False)]
    if unwell:
        named = ", ".join(f"{m.id} ({m.region}) is {m.state}" for m in unwell[:NAMED])
        yield f"Not all Machines are well now: {named}."
    digests = {machine.image.digest for machine in look.machines}
    if len(digests) > 1:
        yield f"The Machines run {len(digests)} different images now; new ones get that of most."


def _notes(look: Look, removals: Sequence[Removal]) -> Iterator[str]:
    sizes: Mapping[str, int] = {volume.id: volume.size_gb for volume in look.facts.volumes}
    for removal in removals:
        if removal.volume_id:
            yield (
                f"The volume {removal.volume_id} ({sizes.get(removal.volume_id, 0)} GB) of Machine {removal.machine} "
                "stays and goes on costing."
            )
    if any(machine.is_standby for machine in look.facts.machines):
        yield "Standby Machines are left alone."


RULES: tuple[Callable[[Look], Iterator[Blocker]], ...] = (
    _nobody_else_is_at_it,
    _groups_are_known,
    _regions_are_known,
    _sizes_exist,
    _numbers_are_allowed,
    _models_exist,
)
