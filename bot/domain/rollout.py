"""The order of a rollout: from the plan and the journal to the one step that comes next. Pure.

check → record_release → release_command → update (the first Machine alone, the rest in batches; where all
sleep, prove_image boots one) → close_release → receipt. A recorded failure turns the way: restore (where
the policy allows it) → close_release → receipt; end_release_command first, where one may still run.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.domain.deployment import DeploymentPlan, PlannedMachine
from bot.domain.model import MigrationRisk
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
    UPDATE = "update"
    PROVE_IMAGE = "prove_image"
    CLOSE_RELEASE = "close_release"
    RECEIPT = "receipt"
    FAILURE = "failure"
    RESTORE = "restore"
    WAITING = "waiting"


# What fails here fails on Machines that were all seen healthy on the new image: nothing is undone for it.
AFTER_UPDATES = frozenset({Step.CLOSE_RELEASE, Step.RECEIPT})


@dataclass(frozen=True)
class Action:
    """One step to take now, with the Machines that it is about."""

    step: Step
    machines: tuple[str, ...] = ()


def next_action(operation: Operation, plan: DeploymentPlan) -> Action | None:
    """The step to take now, or None when there is nothing left to do."""
    if operation.row(Step.FAILURE) is not None:
        return _after_failure(operation, plan)
    if operation.cancel_requested_by and not operation.done(Step.CLOSE_RELEASE):
        return Action(Step.FAILURE)
    return _forward(operation, plan)


def _forward(operation: Operation, plan: DeploymentPlan) -> Action | None:
    if not operation.done(Step.CHECK):
        return Action(Step.CHECK)
    if not operation.done(Step.RECORD_RELEASE):
        return Action(Step.RECORD_RELEASE)
    if plan.release_command and not operation.done(Step.RELEASE_COMMAND):
        return Action(Step.RELEASE_COMMAND)
    if update := next_update(operation, plan):
        return update
    if not operation.done(Step.CLOSE_RELEASE):
        return Action(Step.CLOSE_RELEASE)
    return None if operation.done(Step.RECEIPT) else Action(Step.RECEIPT)


def next_update(operation: Operation, plan: DeploymentPlan) -> Action | None:
    """The next Machines to move, or the proof that the image boots; None when all is moved and proven."""
    rows = operation.rows(Step.UPDATE)
    updated = [m for m in plan.machines if operation.done(Step.UPDATE, m.id)]
    remaining = [m for m in plan.machines if not operation.done(Step.UPDATE, m.id)]
    warm = [m for m in remaining if m.is_warm]
    proven = any(rows[m.id].detail.get("proven") for m in updated) or operation.done(Step.PROVE_IMAGE)
    # A first Machine that fell asleep meanwhile proved nothing: the next one goes alone, too.
    if not updated or (warm and not proven):
        return Action(Step.UPDATE, ((warm or remaining)[0].id,))
    if warm:
        count = sum(m.is_warm for m in plan.machines)
        return Action(Step.UPDATE, _ids(warm[: batch_size(count, plan.max_unavailable)]))
    if not proven:
        return Action(Step.PROVE_IMAGE, (updated[0].id,))
    return Action(Step.UPDATE, _ids(remaining[:COLD_BATCH])) if remaining else None


def batch_size(machines: int, max_unavailable: float) -> int:
    """How many Machines may be down at once: a share below 1, a number from 1 on, and never none."""
    if max_unavailable >= 1:
        return int(max_unavailable)
    return max(1, math.ceil(machines * max_unavailable))


def _after_failure(operation: Operation, plan: DeploymentPlan) -> Action | None:
    given_up = _given_up(operation)
    if release_command_is_open(operation) and Step.END_RELEASE_COMMAND not in given_up:
        return Action(Step.END_RELEASE_COMMAND)
    if not restore_refusal(operation, plan) and (pending := _to_restore(operation, plan)):
        size = batch_size(len(plan.machines), plan.max_unavailable)
        return Action(Step.RESTORE, tuple(pending[:size]))
    if release_is_open(operation) and Step.CLOSE_RELEASE not in given_up:
        return Action(Step.CLOSE_RELEASE)
    return None if _receipt_is_current(operation) or Step.RECEIPT in given_up else Action(Step.RECEIPT)


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
    if not moved(operation):
        return ""
    if _failures(operation) and _failures(operation)[0].detail["step"] in AFTER_UPDATES:
        return "every Machine had been moved and was healthy when this happened"
    if not plan.restore_on_failure:
        return "the policy of this environment does not restore by itself"
    if plan.migrations.risk is MigrationRisk.LISTED:
        return "a migration is in range, and the previous image may not fit the schema: a person decides"
    if plan.migrations.risk is MigrationRisk.UNKNOWN:
        return "it is unknown whether a migration is in range: a person decides"
    return ""


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
