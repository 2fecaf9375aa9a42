"""What a scaling does, as a person reads it: places, Machines, money, and what undoes it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from bot.domain.scale import Cost, Mending, Place, ScaledMachine, ScalePlan, Standing, Undoing
from bot.views.blocks import clip_mrkdwn, code, escape, prose
from bot.views.machines import BAD, MACHINES_SHOWN, WARN
from bot.views.words import exactly, moment

PLACES_LIMIT, NOTES_LIMIT = 1500, 1500


def lines(plan: ScalePlan) -> Iterator[str]:
    """Everything that a person should know before saying yes, what blocks it left out."""
    for difference in plan.differences:
        yield f"{WARN} {prose(difference)}"
    yield clip_mrkdwn("\n".join(_places(plan)), PLACES_LIMIT)
    yield from _some(list(deeds(plan)))
    yield _cost(plan.cost)
    if plan.lasts_s:
        yield f"⏱ for {exactly(timedelta(seconds=plan.lasts_s))}, then back to what is now, after asking again"
    told = [*(f"{WARN} {prose(each)}" for each in plan.warnings), *map(_undoing, plan.undone_by)]
    if told := [*told, *(prose(each) for each in plan.notes)]:
        yield clip_mrkdwn("\n".join(told), NOTES_LIMIT)


def standing(found: Standing) -> Iterator[str]:
    """What there is, what the config wants of it, what it costs, and who stands in the way."""
    for group in found.groups:
        there = [place for place in found.places if place.group == group]
        told = ", ".join(_against_config(place) for place in there)
        yield f"• {escape(group)}: {told}"
    yield from _some([_standing_line(machine) for machine in found.machines])
    yield f"The configuration wants {found.memory_mb} MB of memory and auto stop `{escape(found.auto_stop)}`."
    yield _cost(found.cost)
    for end in found.ends:
        yield f"⏱ A scaling for some hours ends {moment(end)}."
    if found.needs_approval:
        yield "A scaling needs the approval of a second person."
    if found.running:
        yield f"{WARN} {prose(found.running)}"


def _against_config(place: Place) -> str:
    wanted = "" if place.now == place.then else f" (configured *{place.then}*)"
    return f"{place.region} {place.now}{wanted}"


def _standing_line(machine: ScaledMachine) -> str:
    size = machine.size.words if machine.size else "unknown size"
    kind = ", standby" if machine.is_standby else ""
    return f"{_name(machine)}   {escape(machine.state)}, {size}{kind}"


def example(found: Standing) -> str:
    """Counts as one would type them: those of the config where they differ."""
    wrong = [place for place in found.places if place.now != place.then] or list(found.places)
    prefix = {place: f"{place.group}:" if len(found.groups) > 1 else "" for place in wrong}
    return " ".join(f"{prefix[place]}{place.region}={place.then}" for place in wrong) or "iad=2"


def _some(lines: Sequence[str]) -> Iterator[str]:
    yield from lines[:MACHINES_SHOWN]
    if len(lines) > MACHINES_SHOWN:
        yield f"… and {len(lines) - MACHINES_SHOWN} more Machines"


def _places(plan: ScalePlan) -> Iterator[str]:
    groups = dict.fromkeys(place.group for place in plan.places)
    for group in groups:
        there = [place for place in plan.places if place.group == group]
        told = ", ".join(
            f"{place.region} {place.now} → *{place.then}*" if place.now != place.then else f"{place.region} {place.now}"
            for place in there
        )
        yield f"• {escape(group)}: {told}" if len(groups) > 1 else f"• {told}"


def deeds(plan: ScalePlan) -> Iterator[str]:
    """A line for each Machine that is made, changed, started or destroyed."""
    for creation in plan.creations:
        volume = _volume_words(creation.volume, creation.volume_id, creation.volume_gb)
        yield f"➕ {creation.region} new   {creation.size.words}, like {code(creation.model)}{volume}"
    for mending in plan.mendings:
        machine = plan.machine(mending.machine)
        yield f"🔧 {_name(machine)}   {', '.join(_changes(machine, mending))}"
    for machine_id in plan.starts:
        yield f"▶️ {_name(plan.machine(machine_id))}   is started"
    for removal in plan.removals:
        yield f"➖ {_name(plan.machine(removal.machine))}   is destroyed, after the others are healthy"


def _volume_words(name: str, volume_id: str, size_gb: int) -> str:
    if not name:
        return ""
    found = f"the unattached {code(volume_id)}" if volume_id else f"new, empty, {size_gb} GB"
    return f", volume {code(name)}: {found}"


def _changes(machine: ScaledMachine, mending: Mending) -> Iterator[str]:
    if mending.size is not None:
        yield f"{machine.size.words if machine.size else 'unknown size'} → *{mending.size.words}*, restarts"
    if mending.auto_stop is not None:
        yield f"auto stop → *{escape(mending.auto_stop)}*"
    if mending.min_machines is not None:
        yield f"stay awake → *{mending.min_machines}*"


def _name(machine: ScaledMachine) -> str:
    return f"{machine.region} {code(machine.id)}"


def _cost(cost: Cost) -> str:
    day = f"prices of {cost.as_of}, without tax"
    if cost.now is None or cost.then is None:
        known = next((f"now ${each:.2f}; " for each in [cost.now] if each is not None), "")
        return f"💵 {known}not every price is known ({day})"
    if cost.now == cost.then:
        return f"💵 ${cost.now:.2f} a month, as now ({day})"
    return f"💵 ${cost.now:.2f} → *${cost.then:.2f}* a month ({cost.then - cost.now:+.2f}; {day})"


def _undoing(undoing: Undoing) -> str:
    place = f"{undoing.file}:{undoing.line}" if undoing.line else undoing.file
    told = f"{WARN} {prose(undoing.what)}"
    if not undoing.change:
        return f"{told} {code(place)}"
    changes = " ".join(code(line.strip(), 120) for line in undoing.change.splitlines())
    return f"{told} To keep it, in {code(place)}: {changes}"


def blockers(plan: ScalePlan) -> Iterator[str]:
    """Every rule that says no, and what lifts it."""
    for blocker in plan.blockers:
        yield f"{BAD} {prose(blocker.message)} (`{blocker.reason}`)\n      {prose(blocker.lift)}"
