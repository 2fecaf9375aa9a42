"""The order of a rollout: from the plan and the journal to the one step that comes next. Pure.

check → record_release → release_command → [canary → clean_up | green → cut_over → retire] → update (in each process
group the first Machine alone, the rest in batches; where all of a group sleep, prove_image boots one; replace where
a Machine cannot be changed) → [hold, after a rollback] → close_release → receipt. A recorded failure turns the way:
clean_up (extra Machines destroyed, old ones serve again) → restore (where the policy allows it) → close_release →
receipt; end_release_command first, where one may still run. Once the first old Machine retires there is no way back,
and once a rollback holds what it came from, nothing is left to cancel.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.domain.deployment import DeploymentPlan, PlannedMachine
from bot.domain.model import ASLEEP, MigrationRisk, Strategy
from bot.domain.operation import JournalRow, Operation, StepStatus
from bot.errors import Reason

# flyctl updates so many sleeping Machines side by side (superfly/flyctl, internal/command/deploy).
COLD_BATCH = 30


class Step(StrEnum):
    """The steps of a rollout as they stand in the journal."""

    CHECK = "check"
    RECORD_RELEASE = "record_release"
    RELEASE_MACHINE = "release_machine"
    RELEASE_COMMAND = "release_command"
    END_RELEASE_COMMAND = "end_release_command"
    CANARY = "canary"
    GREEN = "green"
    CUT_OVER = "cut_over"
    RETIRE = "retire"
    CLEAN_UP = "clean_up"
    UPDATE = "update"
    REPLACE = "replace"
    PROVE_IMAGE = "prove_image"
    HOLD = "hold"
    CLOSE_RELEASE = "close_release"
    RECEIPT = "receipt"
    FAILURE = "failure"
    RESTORE = "restore"
    WAITING = "waiting"
    # The way through CI; see bot/domain/build.py.
    CREATE_TAG = "create_tag"
    DISPATCH = "dispatch"
    FIND_RUN = "find_run"
    FOLLOW = "follow"
    CANCEL_RUN = "cancel_run"
    # What a scaling does; see bot/domain/scaling.py.
    CREATE = "create"
    MEND = "mend"
    WAKE = "wake"
    REMOVE = "remove"


# What fails here fails on Machines that were all seen healthy on the new image: unless they are unwell by now,
# nothing is undone for it.
AFTER_UPDATES = frozenset({Step.HOLD, Step.CLOSE_RELEASE, Step.RECEIPT})
# The steps that make Machines beside those that serve.
EXTRAS = (Step.CANARY, Step.GREEN, Step.REPLACE)


@dataclass(frozen=True)
class Action:
    """One step to take now, with the Machines (of a canary: the process groups) that it is about."""

    step: Step
    machines: tuple[str, ...] = ()


def next_action(operation: Operation, plan: DeploymentPlan) -> Action | None:
    """The step to take now, or None when there is nothing left to do."""
    if operation.row(Step.FAILURE) is not None:
        return _after_failure(operation, plan)
    if operation.cancel_requested_by and not is_past_cancel(operation):
        return Action(Step.FAILURE)
    return _forward(operation, plan)


def is_past_cancel(operation: Operation) -> bool:
    """Whether a cancel changes nothing any more: old Machines are being destroyed, or all is moved, here or by CI."""
    all_moved = any(operation.done(step) for step in (Step.HOLD, Step.CLOSE_RELEASE, Step.FOLLOW))
    return all_moved or has_retired(operation)


def has_retired(operation: Operation) -> bool:
    """Whether the first old Machine is being destroyed, or may have been: from there it only goes forward."""
    return any(row.step in {Step.RETIRE, Step.REMOVE} for row in operation.journal)


def _forward(operation: Operation, plan: DeploymentPlan) -> Action | None:
    if not operation.done(Step.CHECK):
        return Action(Step.CHECK)
    if not operation.done(Step.RECORD_RELEASE):
        return Action(Step.RECORD_RELEASE)
    if plan.release_command and not operation.done(Step.RELEASE_COMMAND):
        return Action(Step.RELEASE_COMMAND)
    if extra := _next_canary(operation, plan) or _next_green(operation, plan):
        return extra
    if update := next_update(operation, plan):
        return update
    if plan.contract is not None and not operation.done(Step.HOLD):
        return Action(Step.HOLD)
    if not operation.done(Step.CLOSE_RELEASE):
        return Action(Step.CLOSE_RELEASE)
    return None if operation.done(Step.RECEIPT) else Action(Step.RECEIPT)


def is_kept(plan: DeploymentPlan, machine: PlannedMachine) -> bool:
    """Whether the plan leaves this Machine alone, as it runs the image already and is well, or sleeps."""
    # Its configuration may be another one than the plan brings back.
    is_current = plan.image is not None and machine.image.digest == plan.image.digest and not machine.config_from
    return plan.keeps_current and is_current and (machine.is_healthy or machine.state in ASLEEP)


def _next_canary(operation: Operation, plan: DeploymentPlan) -> Action | None:
    if plan.strategy is not Strategy.CANARY:
        return None
    groups = dict.fromkeys(m.group for m in plan.machines if not m.is_standby and not is_kept(plan, m))
    if missing := tuple(group for group in groups if not operation.done(Step.CANARY, group)):
        return Action(Step.CANARY, missing)
    return Action(Step.CLEAN_UP) if extras_are_open(operation, Step.CANARY) else None


def blues(plan: DeploymentPlan) -> tuple[PlannedMachine, ...]:
    """The Machines that blue-green puts others in the place of; the rest is updated where it is."""
    if plan.strategy is not Strategy.BLUEGREEN:
        return ()
    return tuple(m for m in plan.machines if not m.is_standby and not is_kept(plan, m))


def _next_green(operation: Operation, plan: DeploymentPlan) -> Action | None:
    blue = blues(plan)
    if missing := _undone(operation, Step.GREEN, blue):
        return Action(Step.GREEN, missing)
    if blue and not operation.done(Step.CUT_OVER):
        return Action(Step.CUT_OVER, _ids(blue))
    retiring = _undone(operation, Step.RETIRE, blue)
    return Action(Step.RETIRE, retiring) if retiring else None


def _undone(operation: Operation, step: Step, machines: Iterable[PlannedMachine]) -> tuple[str, ...]:
    return tuple(machine.id for machine in machines if not operation.done(step, machine.id))


def next_update(operation: Operation, plan: DeploymentPlan) -> Action | None:
    """The next Machines of every process group to move, or to prove the image; None when all is moved and proven."""
    blue = {machine.id for machine in blues(plan)}
    groups: dict[str, list[PlannedMachine]] = {}
    for machine in plan.machines:
        if machine.id not in blue:
            groups.setdefault(machine.group, []).append(machine)
    ways = [_next_in_group(operation, plan, machines) for machines in groups.values()]
    for step in (Step.UPDATE, Step.PROVE_IMAGE):
        if machines := tuple(m for way in ways if way is not None and way.step is step for m in way.machines):
            return Action(step, machines)
    return None


def _next_in_group(operation: Operation, plan: DeploymentPlan, machines: Sequence[PlannedMachine]) -> Action | None:
    # A standby comes last: what it stands by for may be replaced before it.
    remaining = sorted((m for m in machines if not operation.done(Step.UPDATE, m.id)), key=lambda m: m.is_standby)
    warm = [m for m in remaining if m.is_warm]
    proven = is_proven(operation, plan, machines[0].group)
    if plan.strategy is Strategy.IMMEDIATE and remaining:
        return Action(Step.UPDATE, _ids(remaining))
    # A first Machine that fell asleep meanwhile proved nothing: the next one goes alone, too.
    if len(remaining) == len(machines) or (warm and not proven):
        return Action(Step.UPDATE, _ids((warm or remaining)[:1]))
    if warm:
        count = sum(m.is_warm for m in machines)
        return Action(Step.UPDATE, _ids(warm[: batch_size(count, plan.max_unavailable)]))
    if not proven and (proof := _proof(operation, machines)):
        return proof
    return Action(Step.UPDATE, _ids(remaining[:COLD_BATCH])) if remaining else None


def is_proven(operation: Operation, plan: DeploymentPlan, group: str) -> bool:
    """Whether some Machine of a process group was seen healthy on the new image."""
    updates = operation.rows(Step.UPDATE)
    return operation.done(Step.CANARY, group) or any(
        operation.done(Step.PROVE_IMAGE, m.id)
        or operation.done(Step.GREEN, m.id)
        or (operation.done(Step.UPDATE, m.id) and updates[m.id].detail.get("proven"))
        for m in plan.machines
        if m.group == group
    )


def _proof(operation: Operation, machines: Sequence[PlannedMachine]) -> Action | None:
    """Boot a moved Machine of the group, or move one to boot; None where nobody but Fly may start any."""
    bootable = [m for m in machines if not m.is_standby]
    updated = [m for m in bootable if operation.done(Step.UPDATE, m.id)]
    if updated:
        return Action(Step.PROVE_IMAGE, _ids(updated[:1]))
    return Action(Step.UPDATE, _ids(bootable[:1])) if bootable else None


def batch_size(machines: int, max_unavailable: float) -> int:
    """How many Machines may be down at once: a share below 1, a number from 1 on, and never none."""
    if max_unavailable >= 1:
        return int(max_unavailable)
    return max(1, math.ceil(machines * max_unavailable))


def _after_failure(operation: Operation, plan: DeploymentPlan) -> Action | None:
    given_up = _given_up(operation)
    if release_command_is_open(operation) and Step.END_RELEASE_COMMAND not in given_up:
        return Action(Step.END_RELEASE_COMMAND)
    if extras_are_open(operation, *EXTRAS) and Step.CLEAN_UP not in given_up:
        return Action(Step.CLEAN_UP)
    if not restore_refusal(operation, plan) and (pending := _to_restore(operation, plan)):
        size = batch_size(len(plan.machines), plan.max_unavailable)
        return Action(Step.RESTORE, tuple(pending[:size]))
    if release_is_open(operation) and Step.CLOSE_RELEASE not in given_up:
        return Action(Step.CLOSE_RELEASE)
    return None if _receipt_is_current(operation) or Step.RECEIPT in given_up else Action(Step.RECEIPT)


def extras_are_open(operation: Operation, *steps: Step) -> bool:
    """Whether Machines were made in these steps, or may have been, that have no place after a failure."""
    for row in reversed(operation.journal):
        if row.step == Step.CLEAN_UP and row.status is StepStatus.DONE:
            return False
        if row.step in steps and not stays(operation, row):
            return True
    return False


def stays(operation: Operation, row: JournalRow) -> bool:
    """Whether the Machine that was made in this step is the app's own: proven in its place, or all there is."""
    if row.step == Step.GREEN:
        return has_retired(operation)
    return row.step == Step.REPLACE and operation.done(Step.REPLACE, row.target)


def successors(operation: Operation) -> dict[str, str]:
    """Who stands in the place of a planned Machine now, by its id: a replacement, or its green once blues retire."""
    steps = (Step.REPLACE, Step.GREEN) if has_retired(operation) else (Step.REPLACE,)
    rows = [row for row in operation.journal if row.step in steps and row.status is StepStatus.DONE]
    return {row.target: row.detail["machine"] for row in rows}


def was_asleep(operation: Operation, planned: PlannedMachine) -> bool:
    """Whether the operation found a Machine asleep that it moved, so that it may be left asleep."""
    green, update = operation.row(Step.GREEN, planned.id), operation.row(Step.UPDATE, planned.id)
    if green is not None:
        return bool(green.detail.get("asleep"))
    return not planned.is_warm if update is None else not update.detail["launch"]


def _given_up(operation: Operation) -> set[str]:
    """The steps that failed after the failure. None is tried again, or the operation would never end."""
    return {row.detail["step"] for row in _failures(operation)[1:]}


def _failures(operation: Operation) -> list[JournalRow]:
    return [row for row in operation.journal if row.step == Step.FAILURE]


def moved(operation: Operation) -> list[str]:
    """The Machines that were moved or may have been, in the order in which that began."""
    return list(dict.fromkeys(row.target for row in operation.journal if row.step == Step.UPDATE))


def _to_restore(operation: Operation, plan: DeploymentPlan) -> list[str]:
    settled = {row.target for row in operation.journal if row.step == Step.RESTORE and _is_settled(row)}
    for row in _failures(operation):
        settled |= set(row.detail["machines"]) if row.detail["step"] == Step.RESTORE else set()
    known = {machine.id for machine in plan.machines}
    return [machine for machine in moved(operation) if machine in known - settled]


def _is_settled(row: JournalRow) -> bool:
    return row.status is not StepStatus.STARTED


def restore_refusal(operation: Operation, plan: DeploymentPlan) -> str:
    """Why the previous image is not put back after a failure; empty where it is (or nothing was moved)."""
    if has_retired(operation):
        return "the new Machines serve already, and the old ones are destroyed or being destroyed"
    if not moved(operation):
        return ""
    if (first := failure(operation)) and first.detail["step"] in AFTER_UPDATES and not _is_unwell(first):
        return "every Machine had been moved and was healthy when this happened"
    if not plan.restore_on_failure:
        return "the policy of this environment does not restore by itself"
    if plan.contract is not None:
        # A rollback undoes no migration, so what ran before it still fits the schema.
        return ""
    if plan.migrations.risk is MigrationRisk.LISTED:
        return "a migration is in range, and the previous image may not fit the schema: a person decides"
    if plan.migrations.risk is MigrationRisk.UNKNOWN:
        return "it is unknown whether a migration is in range: a person decides"
    return ""


def _is_unwell(failed: JournalRow) -> bool:
    """Whether Machines on the new image are to blame, not the books or somebody else."""
    return Reason(failed.detail["reason"]) is Reason.MACHINE_UNHEALTHY


def release_command_is_open(operation: Operation) -> bool:
    """Whether a Machine was made for the release command, or may have been, and nobody saw how it ended."""
    command = operation.row(Step.RELEASE_COMMAND)
    is_ended = command is not None and command.status is not StepStatus.STARTED
    return operation.row(Step.RELEASE_MACHINE) is not None and not is_ended


def release_is_open(operation: Operation) -> bool:
    """Whether Fly's books still say something about this release that is not true."""
    release = operation.row(Step.RECORD_RELEASE)
    # A create whose answer was lost may have made a release; `after` says where to look for it.
    if release is None or not (release.detail.get("release_id") or "after" in release.detail):
        return False
    closed = operation.row(Step.CLOSE_RELEASE)
    return closed is None or closed.detail.get("status") == "complete"


def _receipt_is_current(operation: Operation) -> bool:
    steps = [row.step for row in operation.journal]
    after_failure = steps[len(steps) - steps[::-1].index(Step.FAILURE) :]
    return Step.RECEIPT in after_failure


def failure(operation: Operation) -> JournalRow | None:
    """The recorded failure, or None; of several the first, since the others came of it."""
    return next(iter(_failures(operation)), None)


def failure_reason(operation: Operation) -> Reason | None:
    """The reason code of the recorded failure, or None."""
    first = failure(operation)
    return Reason(first.detail["reason"]) if first else None


def _ids(machines: Sequence[PlannedMachine]) -> tuple[str, ...]:
    return tuple(machine.id for machine in machines)
