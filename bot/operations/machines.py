"""Machines that are moved where they are: update, prove_image, and restore, which goes the way back."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from bot.domain.deployment import DeploymentPlan, PlannedMachine
from bot.domain.model import ASLEEP, Image, Machine
from bot.domain.operation import JournalRow, StepStatus
from bot.domain.proof import crash
from bot.domain.rollout import Action, Step, blues, is_kept, successors
from bot.domain.text import quoted
from bot.domain.then_and_now import as_it_was, has_configuration
from bot.errors import (
    BotError,
    RateLimited,
    Reason,
    RemoteRejected,
    RemoteTimeout,
    RemoteUnavailable,
    StepFailed,
)
from bot.operations.engine import Run
from bot.operations.extras import replace
from bot.operations.health import MARKER, gone, prove_healthy, read_machine, refuse_crash, start_stopped
from bot.operations.steps import (
    LAUNCHED_STATES,
    config_for,
    config_of_version,
    config_with,
    image_of,
    is_moved,
    is_to_run,
    put_to_sleep,
    release_metadata,
    side_by_side,
    undone,
)

# From these an update or a restore leads to a start by Fly itself.
STARTING_STATES = LAUNCHED_STATES | {"replacing"}
RELEASE_KEYS = ("fly_release_id", "fly_release_version", MARKER)
# What Fly says where a Machine's own host cannot take it any more, and another can (flyctl, updateMachineEntry).
NO_ROOM = ("could not reserve resource for machine", "deploys to this host are temporarily disabled")


async def update_batch(run: Run, plan: DeploymentPlan, action: Action) -> None:
    """Move these Machines, once nobody else has a lease on any that is still to be moved.

    A Machine's lease is given back when it is done: nobody can take the rest for a deployment meanwhile.
    """
    await run.leases.take(_to_lease(run, plan))
    fleet = [machine for machine in await run.fly.machines(plan.app) if not machine.is_gone]
    await side_by_side(_update(run, plan, plan.machine(machine), fleet) for machine in undone(run, action))


def _to_lease(run: Run, plan: DeploymentPlan) -> list[str]:
    elsewhere = {machine.id for machine in blues(plan)} | set(run.operation.rows(Step.REPLACE))
    return [
        machine.id
        for machine in plan.machines
        if machine.id not in elsewhere
        and machine.host_status == "ok"
        and not run.operation.done(Step.UPDATE, machine.id)
    ]


async def _update(run: Run, plan: DeploymentPlan, planned: PlannedMachine, fleet: Sequence[Machine]) -> None:
    machine = next((machine for machine in fleet if machine.id == planned.id), None)
    if run.operation.row(Step.REPLACE, planned.id) is not None:
        return await replace(run, plan, planned, machine, fleet)
    if machine is None:
        raise gone(planned.id)
    if run.operation.row(Step.UPDATE, planned.id) is None and _is_kept(plan, machine):
        detail = {"launch": machine.is_warm, "proven": machine.is_healthy, "note": "already on the image"}
        await run.done(Step.UPDATE, planned.id, **detail)
    elif not await _move_to_image(run, plan, planned, machine):
        return await replace(run, plan, planned, machine, fleet)
    return await run.leases.give_back([planned.id])


def _is_kept(plan: DeploymentPlan, machine: Machine) -> bool:
    # One that Fly stopped because it crashed does not sleep.
    return is_kept(plan, PlannedMachine.of(machine)) and crash(machine) is None


async def _move_to_image(run: Run, plan: DeploymentPlan, planned: PlannedMachine, machine: Machine) -> bool:
    """Update a Machine and see it healthy where it runs; False where its host does not take it any more."""
    found = machine
    if not is_moved(run, plan, machine):
        if machine.image.digest != planned.image.digest:
            raise StepFailed(
                f"Machine {machine.id} was changed by somebody else while the operation ran.",
                reason=Reason.CHANGED_OUTSIDE,
            )
        config = await config_for(run, planned, machine.config)
        await _begin(run, machine)
        if machine.host_status != "ok":
            return False
        launch = run.operation.rows(Step.UPDATE)[machine.id].detail["launch"]
        try:
            machine = await _write(run, machine, config, image_of(plan), release_metadata(run), launch=launch)
        except RemoteRejected as error:
            if machine.has_volume or not any(words in error.message for words in NO_ROOM):
                raise
            return False
    launched = run.operation.rows(Step.UPDATE)[machine.id].detail["launch"]
    if launched:
        _refuse_crash_since(found, run.operation.rows(Step.UPDATE)[machine.id])
        if found.state in ASLEEP:
            # Fly leaves a Machine stopped that was not running when it was updated.
            await start_stopped(run, machine, nonce=await run.leases.nonce(machine.id))
        machine = await prove_healthy(run, plan, machine)
    await run.done(Step.UPDATE, machine.id, version=machine.version, launch=launched, proven=launched)
    return True


def _refuse_crash_since(machine: Machine, begun: JournalRow) -> None:
    # What crashed before may run on the new image; what crashed on it gets no second chance after a restart of ours.
    if (newest := crash(machine)) is not None and newest.at is not None and newest.at > begun.at:
        refuse_crash(machine)


async def _begin(run: Run, machine: Machine) -> None:
    if run.operation.row(Step.UPDATE, machine.id) is None:
        previous = {key: machine.metadata.get(key) for key in RELEASE_KEYS}
        detail = {"launch": is_to_run(machine), "previous": previous, "before": machine.version}
        await run.record(Step.UPDATE, StepStatus.STARTED, target=machine.id, detail=detail)


async def _write(
    run: Run,
    machine: Machine,
    config: Mapping[str, Any],
    image: Image,
    metadata: Mapping[str, str | None],
    *,
    launch: bool,
) -> Machine:
    changed = config_with(run, config, image, metadata)
    nonce = await run.leases.nonce(machine.id)
    return await run.fly.update_machine(machine, config=changed, nonce=nonce, skip_launch=not launch)


async def prove_images(run: Run, plan: DeploymentPlan, action: Action) -> None:
    """In process groups that sleep: boot one Machine of each, see it healthy, and let it sleep again."""
    machines = undone(run, action)
    await run.leases.take(machines)
    await side_by_side(_prove_image(run, plan, machine) for machine in machines)


async def _prove_image(run: Run, plan: DeploymentPlan, machine_id: str) -> None:
    machine = await read_machine(run, machine_id)
    sleeps = machine.state not in LAUNCHED_STATES
    if (begun := run.operation.row(Step.PROVE_IMAGE, machine_id)) is None:
        await run.record(Step.PROVE_IMAGE, StepStatus.STARTED, target=machine_id, detail={"slept": sleeps})
    if sleeps:
        await start_stopped(run, machine, nonce=await run.leases.nonce(machine_id))
    slept = begun.detail.get("slept", True) if begun else sleeps
    try:
        await prove_healthy(run, plan, machine)
    except BotError:
        with contextlib.suppress(BotError):
            await _leave_as_found(run, machine, slept=slept)
        raise
    # The receipt shall show it asleep.
    await _leave_as_found(run, machine, slept=slept)
    await run.done(Step.PROVE_IMAGE, machine_id)
    await run.leases.give_back([machine_id])


async def _leave_as_found(run: Run, machine: Machine, *, slept: bool) -> None:
    # What a request woke is not ours to stop.
    if slept:
        await put_to_sleep(run, machine, nonce=await run.leases.nonce(machine.id))


async def restore_batch(run: Run, plan: DeploymentPlan, action: Action) -> None:
    """Put the previous image back. What fails is recorded, since there is nothing to fall back to."""
    await side_by_side(_restore_or_record(run, plan, machine) for machine in action.machines)


async def _restore_or_record(run: Run, plan: DeploymentPlan, planned_id: str) -> None:
    machine_id = successors(run.operation).get(planned_id, planned_id)
    try:
        await _restore(run, plan, planned_id, machine_id)
    except (RemoteUnavailable, RemoteTimeout, RateLimited):
        # Worth the engine's patience: the Machine may be restored a minute later.
        raise
    except BotError as error:
        await run.record(Step.RESTORE, StepStatus.FAILED, target=planned_id, detail={"message": quoted(str(error))})


async def _restore(run: Run, plan: DeploymentPlan, planned_id: str, machine_id: str) -> None:
    machine = found = await read_machine(run, machine_id)
    planned = plan.machine(planned_id)
    started = run.operation.row(Step.RESTORE, planned_id)
    if machine.metadata.get(MARKER) != run.operation.id and started is None:
        await run.done(Step.RESTORE, planned_id, note="not moved by this operation")
        return
    await run.leases.take([machine_id])
    # How the update found the Machine is how the restore leaves it: asleep or running.
    begun = next(r for r in run.operation.journal if r.step == Step.UPDATE and r.target == planned_id)
    if started is None:
        await run.record(Step.RESTORE, StepStatus.STARTED, target=planned_id)
    config = await _config_before(run, planned, begun, machine)
    if machine.image.digest != planned.image.digest or not has_configuration(machine.config, config):
        previous, launch = begun.detail["previous"], begun.detail["launch"]
        machine = await _write(run, machine, config, planned.image, previous, launch=launch)
    if begun.detail["launch"]:
        if found.state not in STARTING_STATES:
            await start_stopped(run, machine, nonce=await run.leases.nonce(machine_id))
        await prove_healthy(run, plan, machine, may_cancel=False)
    await run.done(Step.RESTORE, planned_id, image=planned.image.label or planned.image.digest)
    await run.leases.give_back([machine_id])


async def _config_before(run: Run, planned: PlannedMachine, begun: JournalRow, machine: Machine) -> Mapping[str, Any]:
    """The Machine's config with what it had before the update, where that changed more than the image."""
    if not planned.config_from:
        return machine.config
    return as_it_was(machine.config, await config_of_version(run, planned.id, begun.detail["before"]))
