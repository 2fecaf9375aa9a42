"""The Machines of a deployment on its card: a line each while it goes on, and where they stand in the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from bot.domain.deployment import DeploymentPlan, PlannedMachine
from bot.domain.operation import JournalRow, Operation, StepStatus
from bot.domain.rollout import Step, moved
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
    lines = [_machine_line(operation, machine) for machine in plan.machines]
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
    if operation.outcome.get("not_restored"):
        yield f"The previous image was not restored: {prose(operation.outcome['not_restored'])}."
        yield f"To go back: {code(f'/deploy {plan.environment} {plan.live_ref}')}"


def _what_runs(plan: DeploymentPlan, machines: list[Seen]) -> str:
    on_new = sum(machine["on_image"] for machine in machines)
    before = {machine.id: machine.image.digest for machine in plan.machines}
    mixed = f"*Mixed*: {on_new} of {len(machines)} Machines run the new image, the lines above say which"
    if all(machine["digest"] == before[machine["id"]] for machine in machines):
        what, has = f"{_all(machines)} what ran before", "the image from before is back or untouched"
    elif on_new == len(machines):
        what, has = f"{_all(machines)} the new image", "the new image is everywhere"
    else:
        what = has = mixed
    planned = {machine.id: machine for machine in plan.machines}
    unwell = [seen for seen in machines if _is_unwell(planned[seen["id"]], seen)]
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


def _is_unwell(planned: PlannedMachine, seen: Seen) -> bool:
    """Whether a Machine is not as it was found: asleep is well only for one that slept before."""
    if seen["state"] in SLEEPING:
        return planned.is_warm
    passing, checks = int(seen.get("checks_passing", 0)), int(seen.get("checks", 0))
    return seen["state"] != "started" or passing < checks


def _machine_line(operation: Operation, machine: PlannedMachine) -> str:
    name = f"{machine.region} {code(machine.id)}"
    restored = operation.row(Step.RESTORE, machine.id)
    is_unrestored = restored is not None and restored.status is StepStatus.FAILED
    if not is_unrestored and (seen := _read_back(operation, machine.id)) is not None:
        return f"{_read_back_icon(operation, machine, seen)} {name}  {_read_back_words(machine, seen)}"
    if restored is not None:
        return _restore_words(restored).replace("NAME", name)
    if operation.is_final:
        return f"{WARN} {name}  not read back"
    return _progress_line(operation, machine, name)


def _progress_line(operation: Operation, machine: PlannedMachine, name: str) -> str:
    proving = operation.row(Step.PROVE_IMAGE, machine.id)
    row = operation.row(Step.UPDATE, machine.id)
    if proving is not None and not operation.done(Step.PROVE_IMAGE):
        return f"{DOING} {name}  booting once to prove the image"
    if row is None:
        return f"{DOING} {name}  {machine.state} · waits"
    if row.status is StepStatus.STARTED:
        return f"{DOING} {name}  updating"
    return f"{DONE} {name}  updated, healthy" if row.detail["proven"] else f"{DONE} {name}  updated, asleep {ASLEEP}"


def _read_back(operation: Operation, machine_id: str) -> Seen | None:
    row = operation.row(Step.RECEIPT)
    machines: list[Seen] = row.detail["machines"] if row else []
    return next((machine for machine in machines if machine["id"] == machine_id), None)


def _read_back_icon(operation: Operation, machine: PlannedMachine, seen: Seen) -> str:
    is_restored = operation.done(Step.RESTORE, machine.id)
    if not seen["on_image"] and machine.id in moved(operation) and not is_restored:
        return BAD
    if _is_unwell(machine, seen):
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
