"""A rollout: which step does what. Each looks at Fly before it acts, so that taking it again does no harm.

Follows what `fly deploy --image` does, except that it changes nothing but the image and the release
metadata of a Machine, and that it reads everything back. Source: Fly Machines API; superfly/flyctl,
internal/command/deploy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from bot.domain.deployment import DeploymentPlan
from bot.domain.model import Machine
from bot.domain.operation import Event, Operation, State
from bot.domain.rollout import (
    AFTER_UPDATES,
    Action,
    Step,
    failure,
    failure_reason,
    next_action,
    restore_refusal,
    successors,
)
from bot.errors import LeaseHeld, Reason, StepFailed
from bot.operations.bluegreen import cut_over, greens, retire
from bot.operations.books import close_release, record_release
from bot.operations.engine import Run, Verdict
from bot.operations.extras import canaries, clean_up
from bot.operations.health import MARKER, cancelled
from bot.operations.machines import prove_images, restore_batch, update_batch
from bot.operations.plans import plan_of
from bot.operations.release_command import end_release_command, run_release_command
from bot.operations.steps import image_of

RECEIPT_LOOKS = 10
RECEIPT_WAIT_S = 1.0

StepFunction = Callable[[Run, DeploymentPlan, Action], Awaitable[None]]


class Rollout:
    """Brings one image to the Machines of one app."""

    def __init__(self) -> None:
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
    fleet = [machine for machine in await run.fly.machines(plan.app) if machine.is_serving]
    machines = {m.id: m for m in fleet}
    planned = {m.id: m for m in plan.machines}
    changed = [i for i in planned if i not in machines or machines[i].image.digest != planned[i].image.digest]
    if changed or machines.keys() - planned.keys():
        raise StepFailed(
            "The Machines changed between the plan and the start; nothing was touched.",
            hint="Ask for a new plan.",
            reason=Reason.CHANGED_OUTSIDE,
        )
    # Fly grants no lease on a host that it does not reach.
    reachable = [machine.id for machine in plan.machines if machine.host_status == "ok"]
    for lease in await asyncio.gather(*(run.fly.lease(plan.app, machine) for machine in reachable)):
        if lease is not None and lease.description != run.leases.description:
            raise LeaseHeld(lease.machine_id, lease.owner, lease.expires_at)
    await run.done(Step.CHECK, machines=len(machines))
    return fleet


async def _end_release_command(run: Run, plan: DeploymentPlan, _: Action) -> None:
    await end_release_command(run, plan)


async def _receipt(run: Run, plan: DeploymentPlan, _: Action) -> None:
    """Give the leases back, then read every Machine's digest back: only what was seen is called done."""
    await run.leases.give_back()
    machines = await _settled_machines(run, plan)
    now = successors(run.operation)
    places = {now.get(planned.id, planned.id): planned.id for planned in plan.machines}
    lines = [_line(plan, machines.get(machine), machine, planned) for machine, planned in places.items()]
    lines += [
        _line(plan, machine, machine.id, "")
        for machine in machines.values()
        if machine.id not in places and _is_leftover(run, plan, machine)
    ]
    await run.done(Step.RECEIPT, machines=lines)
    if failure(run.operation) is not None:
        return
    wrong = [line["id"] for line in lines if not line["on_image"]]
    if wrong:
        raise StepFailed(
            f"Read back after the deployment, {len(wrong)} of {len(lines)} Machines do not run the image: "
            + ", ".join(wrong),
            reason=Reason.WRONG_IMAGE,
        )


def _is_leftover(run: Run, plan: DeploymentPlan, machine: Machine) -> bool:
    """Whether a Machine should be gone: one that another took the place of, or one made by this operation."""
    is_old = any(machine.id == planned.id for planned in plan.machines)
    return is_old or machine.metadata.get(MARKER) == run.operation.id


async def _settled_machines(run: Run, plan: DeploymentPlan) -> dict[str, Machine]:
    """The app's Machines by id, once none is between two states, or as they are after some looks."""
    for _ in range(RECEIPT_LOOKS):
        machines = {m.id: m for m in await run.fly.machines(plan.app) if m.is_serving}
        if not any(machine.is_in_transit for machine in machines.values()):
            break
        await run.clock.sleep(RECEIPT_WAIT_S)
    return machines


def _line(plan: DeploymentPlan, machine: Machine | None, machine_id: str, planned_id: str) -> dict[str, Any]:
    """A Machine as it was read back; `planned` is the one of the plan whose place it has, empty for a leftover."""
    line: dict[str, Any] = {"id": machine_id, "planned": planned_id}
    if machine is None:
        region = plan.machine(planned_id).region
        return line | {"region": region, "state": "gone", "on_image": False, "label": "", "digest": ""}
    return line | {
        "region": machine.region,
        "state": machine.state,
        "label": machine.image.label,
        "digest": machine.image.digest,
        "on_image": machine.image.digest == image_of(plan).digest,
        "checks_passing": machine.checks_passing,
        "checks": max(machine.checks_expected, len(machine.checks)),
    }
