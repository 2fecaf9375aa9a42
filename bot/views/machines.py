"""The Machines of a deployment on its card: a line each while it goes on, and where they stand in the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from bot.domain.deployment import DeploymentPlan, PlannedMachine
from bot.domain.operation import JournalRow, Operation, StepStatus
from bot.domain.rollout import Step, has_retired, moved, successors
from bot.views.blocks import clip, code, escape, prose

DONE, DOING, BAD, WARN, UNTOUCHED, ASLEEP = "✔", "…", "✖", "⚠", "•", "☾"
MACHINES_SHOWN = 12
# What a person looks for first, where not all lines fit.
URGENCY = (BAD, WARN, DOING, UNTOUCHED, DONE)
HIDDEN_WORDS = {BAD: "failed", WARN: "to look at", DOING: "under way or waiting", UNTOUCHED: "untouched", DONE: "done"}
SLEEPING = frozenset({"stopped", "suspended"})

Seen = dict[str, Any]


def machine_lines(operation: Operation, plan: DeploymentPlan) -> Iterator[str]:
    """A line for each Machine; of many those that need a look first, and the rest counted."""
    yield from _canary_lines(operation, plan)
    has_groups = len({machine.group for machine in plan.machines}) > 1
    lines = [_machine_line(operation, machine, has_groups=has_groups) for machine in plan.machines]
    lines += _other_lines(operation, plan)
    yield from most_urgent(lines)


def most_urgent(lines: Sequence[str]) -> Iterator[str]:
    """Of many lines those that need a look first, and the rest counted."""
    if len(lines) <= MACHINES_SHOWN:
        yield from lines
        return
    ordered = sorted(lines, key=lambda line: URGENCY.index(line[0]))
    yield from ordered[:MACHINES_SHOWN]
    rest = Counter(line[0] for line in ordered[MACHINES_SHOWN:])
    counts = ", ".join(f"{rest[icon]} {HIDDEN_WORDS[icon]}" for icon in URGENCY if rest[icon])
    yield f"… and {len(lines) - MACHINES_SHOWN} more Machines: {counts}"


def receipt_line(operation: Operation) -> str:
    """`Ship receipt: 2 of 2 Machines on the image.`, or an empty string before the Machines were read back."""
    row = operation.row(Step.RECEIPT)
    if row is None:
        return ""
    machines = row.detail["machines"]
    on_image = sum(machine["on_image"] for machine in machines)
    return f"Ship receipt: {on_image} of {len(machines)} Machines on the image."


def standing(operation: Operation, plan: DeploymentPlan) -> Iterator[str]:
    """Where the Machines stand after a deployment that did not succeed, and how to go back."""
    receipt = operation.row(Step.RECEIPT)
    if receipt is None:
        yield f"{WARN} The Machines could not be read back; look with `fly machine list -a {plan.app}`."
        return
    yield _what_runs(plan, receipt.detail["machines"])
    yield from _not_restored(operation, plan)
    for row in operation.journal:
        if row.step == Step.FAILURE and row.detail["step"] == Step.CLEAN_UP:
            yield f"{WARN} Not everything could be put back: {escape(row.detail['message'])}"
            if operation.row(Step.CUT_OVER) is not None:
                old = " ".join(operation.rows(Step.GREEN))
                uncordon = code(f"fly machine uncordon {old} -a {plan.app}")
                yield f"{WARN} Requests may reach the new Machines alone. Before you destroy those: {uncordon}"
    if operation.outcome.get("not_restored"):
        yield f"The previous image was not restored: {prose(operation.outcome['not_restored'])}."
        yield f"To go back: {code(f'/deploy {plan.environment} {plan.live_ref}')}"


def _what_runs(plan: DeploymentPlan, seen: list[Seen]) -> str:
    machines = [machine for machine in seen if _place(machine)]
    if not machines:
        return f"{WARN} The app has no Machines."
    on_new = sum(machine["on_image"] for machine in machines)
    # CI may have made Machines that the plan does not know.
    planned = {machine.id: machine for machine in plan.machines}
    before = {machine.id: machine.image.digest for machine in plan.machines}
    mixed = f"*Mixed*: {on_new} of {len(machines)} Machines run the new image, the lines above say which"
    if all(machine["digest"] == before.get(_place(machine)) for machine in machines):
        what, has = f"{_all(machines)} what ran before", "the image from before is back or untouched"
    elif on_new == len(machines):
        what, has = f"{_all(machines)} the new image", "the new image is everywhere"
    else:
        what = has = mixed
    unwell = [machine for machine in machines if is_unwell(planned.get(_place(machine)), machine)]
    if not unwell:
        return f"{what}."
    named = ", ".join(f"{seen['region']} {code(seen['id'])} ({escape(seen['state'])})" for seen in unwell[:5])
    more = f" and {len(unwell) - 5} more" if len(unwell) > 5 else ""
    return f"{WARN} {has[0].upper()}{has[1:]}, but not all Machines are well: {named}{more}."


def _not_restored(operation: Operation, plan: DeploymentPlan) -> Iterator[str]:
    regions = {machine.id: machine.region for machine in plan.machines}
    for machine_id, row in operation.rows(Step.RESTORE).items():
        if row.status is StepStatus.FAILED:
            yield _restore_words(row).replace("NAME", f"{regions[machine_id]} {code(machine_id)}")


def _all(machines: list[Seen]) -> str:
    return "The one Machine runs" if len(machines) == 1 else f"All {len(machines)} Machines run"


def is_unwell(planned: PlannedMachine | None, seen: Seen) -> bool:
    """Whether a Machine is not as it was found: asleep is well for one that slept before, or that CI lets sleep."""
    if seen["state"] in SLEEPING:
        return (planned is None or planned.is_warm) and not seen.get("may_sleep")
    passing, checks = int(seen.get("checks_passing", 0)), int(seen.get("checks", 0))
    return seen["state"] != "started" or passing < checks


def _machine_line(operation: Operation, machine: PlannedMachine, *, has_groups: bool) -> str:
    group = f" {escape(machine.group)}" if has_groups else ""
    now = successors(operation).get(machine.id, machine.id)
    name = f"{machine.region} {code(now)}{group}"
    restored = operation.row(Step.RESTORE, machine.id)
    is_unrestored = restored is not None and restored.status is StepStatus.FAILED
    if not is_unrestored and (seen := _read_back(operation, machine.id)) is not None:
        instead = f" · in place of {code(machine.id)}" if now != machine.id else ""
        return f"{_read_back_icon(operation, machine, seen)} {name}  {_read_back_words(machine, seen)}{instead}"
    if restored is not None:
        return _restore_words(restored).replace("NAME", name)
    if operation.is_final:
        return f"{WARN} {name}  not read back"
    return _progress_line(operation, machine, name)


def _progress_line(operation: Operation, machine: PlannedMachine, name: str) -> str:
    if operation.row(Step.GREEN, machine.id) is not None:
        return _green_line(operation, machine, name)
    if operation.row(Step.REPLACE, machine.id) is not None:
        return _replacement_line(operation, machine, name)
    proving = operation.row(Step.PROVE_IMAGE, machine.id)
    row = operation.row(Step.UPDATE, machine.id)
    if proving is not None and proving.status is StepStatus.STARTED:
        return f"{DOING} {name}  booting once to prove the image"
    if row is None:
        return f"{DOING} {name}  {machine.state} · waits"
    if row.status is StepStatus.STARTED:
        return f"{DOING} {name}  updating"
    what = escape(row.detail.get("note", "updated"))
    return f"{DONE} {name}  {what}, healthy" if row.detail["proven"] else f"{DONE} {name}  {what}, asleep {ASLEEP}"


def _green_line(operation: Operation, machine: PlannedMachine, name: str) -> str:
    if has_retired(operation):
        icon, what = (
            (DONE, "is destroyed") if operation.done(Step.RETIRE, machine.id) else (DOING, "is being destroyed")
        )
        return f"{icon} {name}  serves · {code(machine.id)} {what}"
    if not operation.done(Step.GREEN, machine.id):
        return f"{DOING} {name}  serves · the new Machine for it boots"
    made = code(operation.rows(Step.GREEN)[machine.id].detail["machine"])
    switching = "requests are being switched to it" if operation.row(Step.CUT_OVER) else "waits for the switch"
    return f"{DOING} {name}  serves · new Machine {made} is healthy, {switching}"


def _replacement_line(operation: Operation, machine: PlannedMachine, name: str) -> str:
    if not operation.done(Step.REPLACE, machine.id):
        return f"{DOING} {name}  cannot be updated on its host · a new Machine boots in its place"
    is_over = operation.done(Step.UPDATE, machine.id)
    return f"{DONE if is_over else DOING} {name}  healthy, in place of {code(machine.id)}"


def _canary_lines(operation: Operation, plan: DeploymentPlan) -> Iterator[str]:
    has_groups = len({machine.group for machine in plan.machines}) > 1
    for group, row in operation.rows(Step.CANARY).items():
        name = f"canary {escape(group)}" if has_groups else "canary"
        if row.status is StepStatus.DONE:
            yield f"{DONE} {name} {code(row.detail['machine'])}  was healthy"
        else:
            yield f"{DOING} {name}  boots" if operation.is_active else f"{BAD} {name}  was not seen healthy"


def _other_lines(operation: Operation, plan: DeploymentPlan) -> Iterator[str]:
    """Machines that should be gone by now, and those that somebody added while the deployment ran."""
    receipt, planned = operation.row(Step.RECEIPT), {machine.id for machine in plan.machines}
    for seen in receipt.detail["machines"] if receipt else []:
        if not _place(seen):
            destroy = code(f"fly machine destroy --force {seen['id']} -a {plan.app}")
            yield f"{WARN} {seen['region']} {code(seen['id'])}  {escape(seen['state'])} · left over: {destroy}"
        elif _place(seen) not in planned:
            yield f"{seen_line(seen, is_well=seen['on_image'])} · added by somebody else meanwhile"


def seen_line(seen: Seen, *, is_well: bool) -> str:
    """A Machine as the receipt saw it, also one that the plan does not know."""
    is_asleep = seen["state"] in SLEEPING
    checks = f" · {seen['checks_passing']}/{seen['checks']} checks" if seen["checks"] and not is_asleep else ""
    where = "on the image" if seen["on_image"] else f"on {code(clip(str(seen['label'] or seen['digest']), 16))}"
    icon = (DONE if seen["on_image"] else UNTOUCHED) if is_well else WARN
    state = f"{escape(str(seen['state']))}{f' {ASLEEP}' if is_asleep else checks}"
    return f"{icon} {escape(str(seen['region']))} {code(str(seen['id']))}  {state} · {where}"


def _place(seen: Seen) -> str:
    """The Machine of the plan whose place this one has; empty for one that is left over."""
    return str(seen.get("planned", seen["id"]))


def _read_back(operation: Operation, machine_id: str) -> Seen | None:
    row = operation.row(Step.RECEIPT)
    machines: list[Seen] = row.detail["machines"] if row else []
    return next((machine for machine in machines if _place(machine) == machine_id), None)


def _read_back_icon(operation: Operation, machine: PlannedMachine, seen: Seen) -> str:
    is_restored = operation.done(Step.RESTORE, machine.id)
    if not seen["on_image"] and machine.id in moved(operation) and not is_restored:
        return BAD
    if is_unwell(machine, seen):
        return WARN
    return DONE if seen["on_image"] else UNTOUCHED


def _read_back_words(machine: PlannedMachine, seen: Seen) -> str:
    checks = f" · {seen['checks_passing']}/{seen['checks']} checks" if seen.get("checks") else ""
    if seen["state"] in SLEEPING:
        checks = "" if machine.is_warm else f" {ASLEEP}"
    where = "on the image" if seen["on_image"] else f"on {code(clip(str(seen['label'] or seen['digest']), 16))}"
    return f"{escape(str(seen['state']))}{checks} · {where}"


def _restore_words(row: JournalRow) -> str:
    if row.status is StepStatus.STARTED:
        return f"{DOING} NAME  restoring the previous image"
    if row.status is StepStatus.FAILED:
        return f"{BAD} NAME  could not be restored: {escape(row.detail['message'])}"
    return f"{DONE} NAME  previous image restored"
