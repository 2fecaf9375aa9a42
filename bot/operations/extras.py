"""Machines that an operation makes: canaries, greens, replacements. Each carries the operation and what it is for.

By these marks one is found again after a lost answer or a restart, and never made twice. None gets requests from
Fly's proxy before it was seen healthy. Source: Fly Machines API, "Create a Machine"; superfly/flyctl
internal/command/deploy (deployCanaryMachines, updateMachineByReplace).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bot.domain.deployment import DeploymentPlan, PlannedMachine
from bot.domain.model import Machine
from bot.domain.operation import StepStatus
from bot.domain.rollout import EXTRAS, Action, Step, has_retired, stays, successors
from bot.domain.strategies import model_for
from bot.errors import Reason, StepFailed
from bot.operations.engine import Run
from bot.operations.facts import serving_machines
from bot.operations.health import MARKER, prove_healthy, refuse_crash, start_stopped
from bot.operations.steps import (
    FOR,
    config_for,
    config_with,
    image_of,
    put_to_sleep,
    release_metadata,
    side_by_side,
    undone,
)

LOOKUPS = 3
LOOKUP_WAIT_S = 1.0
# What Fly's proxy takes to send requests elsewhere (flyctl waits as long after each half of a switch).
ROUTES_S = 10.0
CANARY_METADATA = {"fly_canary": "true"}


async def made_before(run: Run, step: Step, targets: Iterable[str]) -> dict[str, Machine]:
    """What this operation has made for these targets already, by target: also where the answer was lost."""
    begun = {target for target in targets if run.operation.row(step, target) is not None}
    return {machine.metadata[FOR]: machine for machine in await _marked(run, begun)}


async def _marked(run: Run, wanted: set[str]) -> list[Machine]:
    made: list[Machine] = []
    # A Machine that was just created may take a moment to be listed.
    for looks_left in reversed(range(LOOKUPS if wanted else 0)):
        listed = await run.fly.marked_machines(run.operation.app, MARKER, run.operation.id)
        made = [machine for machine in listed if machine.metadata.get(FOR) in wanted]
        if wanted <= {machine.metadata[FOR] for machine in made}:
            break
        if looks_left:
            await run.clock.sleep(LOOKUP_WAIT_S)
    return made


async def make(
    run: Run,
    plan: DeploymentPlan,
    step: Step,
    target: str,
    *,
    planned: PlannedMachine,
    model: Machine,
    region: str,
    launch: bool = True,
    metadata: Mapping[str, str] | None = None,
    config: Mapping[str, Any] | None = None,
) -> Machine:
    """Create a Machine for `target` on the new image: with the model's config as the plan wants it for `planned`.

    `config` goes over it.
    """
    base = await config_for(run, planned, model.config)
    if run.operation.row(step, target) is None:
        await run.record(step, StepStatus.STARTED, target=target)
    marks = {**release_metadata(run), **(metadata or {}), FOR: target}
    return await run.fly.create_machine(
        plan.app,
        config=config_with(run, {**base, **(config or {})}, image_of(plan), marks),
        region=region,
        skip_launch=not launch,
        skip_service_registration=True,
    )


async def see_healthy(run: Run, plan: DeploymentPlan, machine: Machine, *, then_sleeps: bool) -> None:
    """See a new Machine healthy, and put it to sleep where the one before it slept."""
    refuse_crash(machine)
    if machine.state in {"stopped", "stopping"}:
        # It was seen healthy and sent to sleep before a restart that forgot it.
        await start_stopped(run, machine)
    await prove_healthy(run, plan, machine)
    if then_sleeps:
        await put_to_sleep(run, machine)


def model_of(planned: PlannedMachine, fleet: Sequence[Machine]) -> Machine:
    """The Machine whose config a new one gets in the place of `planned`; StepFailed where none shows one."""
    own = next((m for m in fleet if m.id == planned.id and m.host_status == "ok"), None)
    found = own or next((m for m in fleet if m.id == planned.id), None)
    model = own or (model_for(found, fleet) if found else None)
    if model is None:
        raise StepFailed(
            f"Machine {planned.id} ({planned.region}) shows no config, and no other of its process group shows what a "
            "new one would need.",
            hint="Wait until its host is back, then deploy again.",
            reason=Reason.HOST_UNREACHABLE,
        )
    return model


async def canaries(run: Run, plan: DeploymentPlan, action: Action) -> None:
    """Boot one extra Machine for each process group on the new image, and see it healthy; nobody is sent there."""
    fleet = await serving_machines(run.fly, plan.app)
    groups = undone(run, action)
    before = await made_before(run, Step.CANARY, groups)
    await side_by_side(_canary(run, plan, group, fleet, before.get(group)) for group in groups)


async def _canary(run: Run, plan: DeploymentPlan, group: str, fleet: Sequence[Machine], made: Machine | None) -> None:
    planned = next(m for m in plan.machines if m.group == group and not m.is_standby)
    model = model_of(planned, fleet)
    canary = made or await make(
        run,
        plan,
        Step.CANARY,
        group,
        planned=planned,
        model=model,
        region=model.region,
        metadata=CANARY_METADATA,
        config={"dns": {**model.config.get("dns", {}), "skip_registration": True}},
    )
    await see_healthy(run, plan, canary, then_sleeps=False)
    await run.done(Step.CANARY, group, machine=canary.id)


async def replace(
    run: Run, plan: DeploymentPlan, planned: PlannedMachine, old: Machine | None, fleet: Sequence[Machine]
) -> None:
    """Put a new Machine in the place of one that cannot be updated, see it healthy, destroy the old one."""
    if not run.operation.done(Step.REPLACE, planned.id):
        await _make_replacement(run, plan, planned, fleet)
    replacement = successors(run.operation)[planned.id]
    await run.fly.uncordon(plan.app, replacement)
    if old is not None:
        await run.fly.destroy_machine(plan.app, old.id, nonce=await run.leases.nonce_if_held(old.id))
        run.leases.forget(old.id)
    launch = run.operation.rows(Step.UPDATE)[planned.id].detail["launch"]
    await run.done(Step.UPDATE, planned.id, launch=launch, proven=not planned.is_standby, machine=replacement)


async def _make_replacement(run: Run, plan: DeploymentPlan, planned: PlannedMachine, fleet: Sequence[Machine]) -> None:
    before = await made_before(run, Step.REPLACE, [planned.id])
    new = before.get(planned.id) or await make(
        run,
        plan,
        Step.REPLACE,
        planned.id,
        planned=planned,
        model=model_of(planned, fleet),
        region=planned.region,
        launch=not planned.is_standby,
    )
    if not planned.is_standby:
        sleeps = not run.operation.rows(Step.UPDATE)[planned.id].detail["launch"]
        await see_healthy(run, plan, new, then_sleeps=sleeps)
    await run.done(Step.REPLACE, planned.id, machine=new.id)


async def clean_up(run: Run, plan: DeploymentPlan, _: Action) -> None:
    """Let the old Machines serve again where a switch had begun, then destroy what was made and has no place."""
    if run.operation.row(Step.CUT_OVER) is not None and not has_retired(run.operation):
        await _serve_again(run, plan)
    rows = [row for row in run.operation.journal if row.step in EXTRAS and not stays(run.operation, row)]
    own = {machine.id for machine in plan.machines} | set(successors(run.operation).values())
    made = await _marked(run, {row.target for row in rows})
    extra = [machine.id for machine in made if machine.id not in own and not machine.is_gone]
    await side_by_side(run.fly.destroy_machine(plan.app, machine_id) for machine_id in extra)
    await run.done(Step.CLEAN_UP, machines=extra)


async def _serve_again(run: Run, plan: DeploymentPlan) -> None:
    there = {machine.id for machine in await serving_machines(run.fly, plan.app)}
    old = [blue for blue in run.operation.rows(Step.GREEN) if blue in there]
    await run.leases.take(machine for machine in old if plan.machine(machine).host_status == "ok")
    await side_by_side([_uncordon(run, plan, machine) for machine in old])
    await run.clock.sleep(ROUTES_S)


async def _uncordon(run: Run, plan: DeploymentPlan, machine_id: str) -> None:
    await run.fly.uncordon(plan.app, machine_id, nonce=await run.leases.nonce_if_held(machine_id))
