"""Blue-green: a new Machine (green) for each one that serves (blue), one switch, and the old ones go.

green → cut_over → retire. Until the first blue is stopped everything can be undone (bot/operations/extras.py,
`clean_up`). Source: superfly/flyctl internal/command/deploy/strategy_bluegreen.go.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from bot.domain.deployment import DeploymentPlan, PlannedMachine
from bot.domain.model import ASLEEP, Machine
from bot.domain.operation import StepStatus
from bot.domain.rollout import Action, Step
from bot.errors import Reason, RemoteRejected, StepFailed
from bot.operations.engine import Run
from bot.operations.extras import ROUTES_S, made_before, make, model_of, see_healthy
from bot.operations.facts import serving_machines
from bot.operations.health import gone, pause, refuse_crash
from bot.operations.steps import is_to_run, put_to_sleep, side_by_side, undone


async def greens(run: Run, plan: DeploymentPlan, action: Action) -> None:
    """Boot a green for each blue, without requests, and see it healthy; asleep where its blue sleeps."""
    blues = [plan.machine(machine_id) for machine_id in undone(run, action)]
    await _lease(run, blues)
    fleet = await serving_machines(run.fly, plan.app)
    before = await made_before(run, Step.GREEN, [blue.id for blue in blues])
    await side_by_side(_green(run, plan, blue, fleet, before.get(blue.id)) for blue in blues)


async def _green(
    run: Run, plan: DeploymentPlan, planned: PlannedMachine, fleet: Sequence[Machine], made: Machine | None
) -> None:
    blue = _unchanged(planned, fleet)
    model = model_of(planned, fleet)
    green = made or await make(run, plan, Step.GREEN, planned.id, planned=planned, model=model, region=planned.region)
    sleeps = not is_to_run(blue)
    await see_healthy(run, plan, green, then_sleeps=sleeps)
    await run.done(Step.GREEN, planned.id, machine=green.id, asleep=sleeps)


async def cut_over(run: Run, plan: DeploymentPlan, action: Action) -> None:
    """Send people to the greens as well, then to them alone, and see that they bear it."""
    blues = [plan.machine(machine_id) for machine_id in action.machines]
    await _lease(run, blues)
    fleet = await serving_machines(run.fly, plan.app)
    for planned in blues:
        _unchanged(planned, fleet)
    if run.operation.row(Step.CUT_OVER) is None:
        await run.record(Step.CUT_OVER, StepStatus.STARTED)
    await side_by_side(run.fly.uncordon(plan.app, green) for green in _greens_of(run, action))
    await pause(run, ROUTES_S)
    await side_by_side([_cordon(run, plan, planned.id) for planned in blues])
    await pause(run, ROUTES_S)
    _refuse_unwell(run, await serving_machines(run.fly, plan.app), action)
    await run.done(Step.CUT_OVER)


async def retire(run: Run, plan: DeploymentPlan, action: Action) -> None:
    """Stop and destroy the blues, that nobody is sent to any more. From here on there is no way back."""
    blues = [plan.machine(machine_id) for machine_id in undone(run, action)]
    there = {machine.id: machine for machine in await serving_machines(run.fly, plan.app)}
    await _lease(run, [planned for planned in blues if planned.id in there])
    for planned in blues:
        if run.operation.row(Step.RETIRE, planned.id) is None:
            await run.record(Step.RETIRE, StepStatus.STARTED, target=planned.id)
    await side_by_side(_retire(run, planned, there.get(planned.id)) for planned in blues)


async def _retire(run: Run, planned: PlannedMachine, blue: Machine | None) -> None:
    if blue is not None:
        nonce = await run.leases.nonce_if_held(blue.id)
        if blue.host_status == "ok" and blue.state not in ASLEEP:
            # It may finish what it is at; what does not stop is destroyed all the same.
            with contextlib.suppress(RemoteRejected):
                await put_to_sleep(run, blue, nonce=nonce)
        await run.fly.destroy_machine(blue.app, blue.id, nonce=await run.leases.nonce_if_held(blue.id))
        run.leases.forget(blue.id)
    await run.done(Step.RETIRE, planned.id)


async def _lease(run: Run, blues: Sequence[PlannedMachine]) -> None:
    await run.leases.take(machine.id for machine in blues if machine.host_status == "ok")


def _greens_of(run: Run, action: Action) -> list[str]:
    rows = run.operation.rows(Step.GREEN)
    return [rows[blue].detail["machine"] for blue in action.machines]


def _unchanged(planned: PlannedMachine, fleet: Sequence[Machine]) -> Machine:
    """The blue as it is now; StepFailed where it is gone or somebody else changed it."""
    blue = next((machine for machine in fleet if machine.id == planned.id), None)
    if blue is None:
        raise gone(planned.id)
    if blue.image.digest != planned.image.digest:
        raise StepFailed(
            f"Machine {blue.id} was changed by somebody else while the operation ran.", reason=Reason.CHANGED_OUTSIDE
        )
    return blue


def _refuse_unwell(run: Run, fleet: Sequence[Machine], action: Action) -> None:
    there, rows = {machine.id: machine for machine in fleet}, run.operation.rows(Step.GREEN)
    for blue, green in zip(action.machines, _greens_of(run, action), strict=True):
        if green not in there:
            raise gone(green)
        refuse_crash(there[green])
        # One that slept may be booting for a request just now; it was seen healthy before.
        is_awake = there[green].state not in ASLEEP and not rows[blue].detail.get("asleep")
        if is_awake and not there[green].is_healthy:
            raise StepFailed(
                f"Machine {green} ({there[green].region}) is {there[green].state} and not healthy since requests "
                "reach it.",
                reason=Reason.MACHINE_UNHEALTHY,
            )


async def _cordon(run: Run, plan: DeploymentPlan, machine_id: str) -> None:
    await run.fly.cordon(plan.app, machine_id, nonce=await run.leases.nonce_if_held(machine_id))
