"""A rollout: which step does what. Each looks at Fly before it acts, so that taking it again does no harm.

Follows what `fly deploy --image` does, except that it changes nothing but the image and the release
metadata of a Machine, and that it reads everything back. Source: Fly Machines API; superfly/flyctl,
internal/command/deploy.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from weakref import WeakKeyDictionary

from bot.domain.deployment import DeploymentPlan, PlannedMachine
from bot.domain.model import Machine
from bot.domain.operation import Event, Operation, State
from bot.domain.proof import Line, Reading, judged, line_of, missing_line
from bot.domain.rollout import (
    AFTER_UPDATES,
    Action,
    Step,
    failure,
    failure_reason,
    next_action,
    restore_refusal,
    successors,
    was_asleep,
)
from bot.errors import Reason, StepFailed
from bot.operations.bluegreen import cut_over, greens, retire
from bot.operations.books import close_release, record_release
from bot.operations.engine import Run, Verdict
from bot.operations.extras import canaries, clean_up
from bot.operations.facts import serving_machines
from bot.operations.health import MARKER, cancelled
from bot.operations.machines import prove_images, restore_batch, update_batch
from bot.operations.plans import plan_of
from bot.operations.receipt import write_receipt
from bot.operations.release_command import end_release_command, run_release_command
from bot.operations.steps import config_for, image_of, refuse_leases, side_by_side

StepFunction = Callable[[Run, DeploymentPlan, Action], Awaitable[None]]


class Rollout:
    """Brings one image to the Machines of one app; `hold` is the step that a rollback takes once all are moved."""

    def __init__(self, hold: StepFunction) -> None:
        # What the check read serves the release command of the same run as well.
        self._fleets: WeakKeyDictionary[Run, list[Machine]] = WeakKeyDictionary()
        self._steps: Mapping[Step, StepFunction] = {
            Step.CHECK: self._check,
            Step.RECORD_RELEASE: record_release,
            Step.RELEASE_COMMAND: self._release_command,
            Step.END_RELEASE_COMMAND: _end_release_command,
            Step.CANARY: canaries,
            Step.GREEN: greens,
            Step.CUT_OVER: cut_over,
            Step.RETIRE: retire,
            Step.CLEAN_UP: clean_up,
            Step.UPDATE: update_batch,
            Step.PROVE_IMAGE: prove_images,
            Step.HOLD: hold,
            Step.CLOSE_RELEASE: close_release,
            Step.RECEIPT: _receipt,
            Step.RESTORE: restore_batch,
            Step.FAILURE: _cancelled,
        }

    def next_action(self, operation: Operation) -> Action | None:
        """The step to take now; see bot.domain.rollout."""
        return next_action(operation, plan_of(operation))

    def phase(self, operation: Operation, action: Action) -> State:
        """Verifying begins when all Machines are moved and the books are closed."""
        is_end = action.step in AFTER_UPDATES
        return State.VERIFYING if is_end and failure(operation) is None else operation.state

    async def perform(self, run: Run, action: Action) -> None:
        """Take one step and record it."""
        await self._steps[action.step](run, plan_of(run.operation), action)

    async def _check(self, run: Run, plan: DeploymentPlan, _: Action) -> None:
        self._fleets[run] = await check(run, plan)

    async def _release_command(self, run: Run, plan: DeploymentPlan, _: Action) -> None:
        await run_release_command(run, plan, self._fleets.pop(run, None))

    def verdict(self, operation: Operation) -> Verdict:
        """Succeeded, failed or cancelled, with what the receipt saw."""
        first = failure(operation)
        if first is None:
            return Verdict(Event.SUCCEED)
        reason = failure_reason(operation)
        event = Event.CANCEL if reason is Reason.CANCELLED else Event.FAIL
        outcome = dict(first.detail) | {"not_restored": restore_refusal(operation, plan_of(operation))}
        return Verdict(event, str(reason), outcome)


async def _cancelled(run: Run, _: DeploymentPlan, action: Action) -> None:
    del action
    raise cancelled(run.operation)


async def check(run: Run, plan: DeploymentPlan) -> list[Machine]:
    """Refuse before anything is touched: Machines changed since the plan, or somebody else's lease."""
    fleet = await serving_machines(run.fly, plan.app)
    machines = {m.id: m for m in fleet}
    planned = {m.id: m for m in plan.machines}
    changed = [i for i in planned if i not in machines or machines[i].image.digest != planned[i].image.digest]
    if changed or machines.keys() - planned.keys():
        raise StepFailed(
            "The Machines changed between the plan and the start; nothing was touched.",
            hint="Ask for a new plan.",
            reason=Reason.CHANGED_OUTSIDE,
        )
    await side_by_side(_refuse_unknown_configuration(run, machine) for machine in plan.machines)
    # Fly grants no lease on a host that it does not reach.
    await refuse_leases(run, [machine.id for machine in plan.machines if machine.host_status == "ok"])
    await run.done(Step.CHECK, machines=len(machines))
    return fleet


async def _refuse_unknown_configuration(run: Run, planned: PlannedMachine) -> None:
    await config_for(run, planned, {})


async def _end_release_command(run: Run, plan: DeploymentPlan, _: Action) -> None:
    await end_release_command(run, plan)


async def _receipt(run: Run, plan: DeploymentPlan, _: Action) -> None:
    """Give the leases back, then read every Machine back: only what was seen is called done."""
    await run.leases.give_back()

    async def read(machines: Sequence[Machine]) -> Reading:
        return _reading(run, plan, machines)

    await write_receipt(run, plan, read)


def _reading(run: Run, plan: DeploymentPlan, machines: Sequence[Machine]) -> Reading:
    """The Machines as they are; a line's `planned` is the one of the plan whose place it has, empty for a leftover."""
    digest, now = image_of(plan).digest, successors(run.operation)
    there = {machine.id: machine for machine in machines}
    places = {now.get(planned.id, planned.id): planned for planned in plan.machines}
    lines = [_line(there.get(machine), machine, planned, digest) for machine, planned in places.items()]
    for machine in machines:
        if machine.id not in places:
            # Who was added by somebody else meanwhile has a place of its own.
            place = {"planned": ""} if _is_leftover(run, plan, machine) else {}
            lines.append(line_of(machine, digest) | place)
    awake = {machine for machine, planned in places.items() if not was_asleep(run.operation, planned)}
    return judged(lines, machines, there.keys() - awake, after="Read back after the deployment,")


def _line(machine: Machine | None, machine_id: str, planned: PlannedMachine, digest: str) -> Line:
    line = missing_line(planned, machine_id) if machine is None else line_of(machine, digest)
    return line | {"planned": planned.id}


def _is_leftover(run: Run, plan: DeploymentPlan, machine: Machine) -> bool:
    """Whether a Machine should be gone: one that another took the place of, or one made by this operation."""
    is_old = any(machine.id == planned.id for planned in plan.machines)
    return is_old or machine.metadata.get(MARKER) == run.operation.id
