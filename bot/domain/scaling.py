"""The order of a scaling: from the plan and the journal to the one step that comes next. Pure.

check → create (all side by side, each seen healthy before it serves) → mend (in each process group the first Machine
alone, the rest in batches) → wake → remove → receipt. A recorded failure turns the way: clean_up (what was made and was
not seen healthy goes) → receipt. Nothing is destroyed before all that is new is healthy; once the first removal began,
nothing is left to cancel.
"""

from __future__ import annotations

from collections.abc import Iterable

from bot.domain.operation import Operation, StepStatus
from bot.domain.rollout import Action, Step, batch_size, failure, is_past_cancel
from bot.domain.scale import ScalePlan


def next_action(operation: Operation, plan: ScalePlan) -> Action | None:
    """The step to take now, or None when there is nothing left to do."""
    if failure(operation) is not None:
        return _after_failure(operation)
    if operation.cancel_requested_by and not is_past_cancel(operation):
        return Action(Step.FAILURE)
    if not operation.done(Step.CHECK):
        return Action(Step.CHECK)
    if creations := _undone(operation, Step.CREATE, (creation.slot for creation in plan.creations)):
        return Action(Step.CREATE, creations)
    if mendings := _next_mendings(operation, plan):
        return Action(Step.MEND, mendings)
    if starts := _undone(operation, Step.WAKE, plan.starts):
        return Action(Step.WAKE, starts)
    if removals := _undone(operation, Step.REMOVE, (removal.machine for removal in plan.removals)):
        return Action(Step.REMOVE, removals)
    return None if operation.done(Step.RECEIPT) else Action(Step.RECEIPT)


def _next_mendings(operation: Operation, plan: ScalePlan) -> tuple[str, ...]:
    """The first Machine of each process group alone; when that is well, as many as may be away at once."""
    batch: list[str] = []
    for group in dict.fromkeys(plan.machine(mending.machine).group for mending in plan.mendings):
        wanted = [mending.machine for mending in plan.mendings if plan.machine(mending.machine).group == group]
        left = _undone(operation, Step.MEND, wanted)
        size = sum(machine.group == group and not machine.is_standby for machine in plan.machines)
        batch += left[: 1 if len(left) == len(wanted) else batch_size(size, plan.max_unavailable)]
    return tuple(batch)


def _after_failure(operation: Operation) -> Action | None:
    given_up = {row.detail["step"] for row in operation.journal if row.step == Step.FAILURE}
    if unproven(operation) and not operation.done(Step.CLEAN_UP) and Step.CLEAN_UP not in given_up:
        return Action(Step.CLEAN_UP)
    is_told = any(row.step == Step.RECEIPT for row in operation.journal)
    return None if is_told or Step.RECEIPT in given_up else Action(Step.RECEIPT)


def unproven(operation: Operation) -> tuple[str, ...]:
    """The places for which a Machine was made, or may have been, that was not seen healthy."""
    rows = operation.rows(Step.CREATE)
    return tuple(slot for slot, row in rows.items() if row.status is not StepStatus.DONE)


def _undone(operation: Operation, step: Step, targets: Iterable[str]) -> tuple[str, ...]:
    return tuple(target for target in targets if not operation.done(step, target))
