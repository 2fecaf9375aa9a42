"""A scaling: which step does what. Each looks at Fly before it acts, so that taking it again does no harm.

Unlike `fly scale count` it waits for each new Machine to be healthy, and destroys nothing before. Source: Fly Machines
API; superfly/flyctl, internal/command/scale.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

from bot.domain.model import ASLEEP, Machine
from bot.domain.operation import Event, Operation, State, StepStatus
from bot.domain.proof import Reading, is_well, line_of
from bot.domain.rollout import Action, Step, failure, failure_reason
from bot.domain.scale import Creation, Mending, Removal, ScalePlan
from bot.domain.scaling import next_action, unproven
from bot.domain.size import Size
from bot.errors import Reason, RemoteRejected, StepFailed
from bot.operations.engine import Run, Verdict
from bot.operations.extras import made_before
from bot.operations.facts import serving_machines
from bot.operations.health import MARKER, cancelled, gone, prove_healthy, read_machine, refuse_crash, start_stopped
from bot.operations.plans import scale_plan_of
from bot.operations.receipt import write_receipt
from bot.operations.steps import FOR, put_to_sleep, refuse_leases, side_by_side, undone

StepFunction = Callable[[Run, ScalePlan, Action], Awaitable[None]]
# What Fly says where a region or a host has no room for a Machine.
NO_ROOM = ("could not reserve resource", "insufficient resources", "no capacity")
# What only says something of the Machine that the config was copied from.
STANDBY_FOR = "FLY_STANDBY_FOR"


class Scaling:
    """Brings the Machines of one app to the counts and sizes of a plan."""

    def __init__(self) -> None:
        self._steps: Mapping[Step, StepFunction] = {
            Step.CHECK: _check,
            Step.CREATE: _create_all,
            Step.MEND: _mend_all,
            Step.WAKE: _wake_all,
            Step.REMOVE: _remove_all,
            Step.CLEAN_UP: _clean_up,
            Step.RECEIPT: _receipt,
            Step.FAILURE: _cancelled,
        }

    def next_action(self, operation: Operation) -> Action | None:
        """The step to take now; see bot.domain.scaling."""
        return next_action(operation, scale_plan_of(operation))

    def phase(self, operation: Operation, action: Action) -> State:
        """Verifying begins when everything was done."""
        is_end = action.step is Step.RECEIPT and failure(operation) is None
        return State.VERIFYING if is_end else operation.state

    async def perform(self, run: Run, action: Action) -> None:
        """Take one step and record it."""
        await self._steps[action.step](run, scale_plan_of(run.operation), action)

    def verdict(self, operation: Operation) -> Verdict:
        """Succeeded, failed or cancelled, with what the receipt saw."""
        first = failure(operation)
        if first is None:
            return Verdict(Event.SUCCEED)
        reason = failure_reason(operation)
        return Verdict(Event.CANCEL if reason is Reason.CANCELLED else Event.FAIL, str(reason), dict(first.detail))


async def _cancelled(run: Run, _: ScalePlan, action: Action) -> None:
    del action
    raise cancelled(run.operation)


async def _check(run: Run, plan: ScalePlan, _: Action) -> None:
    """Refuse before anything is touched: Machines changed since the plan, or somebody else's lease."""
    fleet = {machine.id: machine for machine in await serving_machines(run.fly, plan.app)}
    planned = {machine.id: machine for machine in plan.machines}
    changed = [i for i in planned if i not in fleet or fleet[i].image.digest != planned[i].image.digest]
    if changed or fleet.keys() - planned.keys():
        raise StepFailed(
            "The Machines changed between the plan and the start; nothing was touched.",
            hint="Ask for a new plan.",
            reason=Reason.CHANGED_OUTSIDE,
        )
    await refuse_leases(run, [machine.id for machine in plan.machines if machine.host_status == "ok"])
    await run.done(Step.CHECK, machines=len(fleet))


async def _create_all(run: Run, plan: ScalePlan, action: Action) -> None:
    slots = undone(run, action)
    fleet = await serving_machines(run.fly, plan.app)
    before = await made_before(run, Step.CREATE, slots)
    wanted = [creation for creation in plan.creations if creation.slot in slots]
    volumes = await _volumes(run, plan, [each for each in wanted if each.volume and each.slot not in before])

    async def create(creation: Creation) -> None:
        slot = creation.slot
        machine = before.get(slot) or await _make(run, plan, creation, fleet, volumes.get(slot, ""))
        await _create(run, plan, creation, machine)

    await side_by_side(create(creation) for creation in wanted)


async def _volumes(run: Run, plan: ScalePlan, creations: Sequence[Creation]) -> dict[str, str]:
    """The id of a volume for each place that needs one: one that nobody uses, or a new one.

    One after the other, so that two places never get the same. One that was made before a restart is unused, and so is
    found again.
    """
    free = [volume for volume in await run.fly.volumes(plan.app) if not volume.machine_id] if creations else []
    found = {}
    for creation in creations:
        volume = next((v for v in free if (v.name, v.region) == (creation.volume, creation.region)), None)
        if volume is not None:
            free.remove(volume)
        else:
            async with _room(creation):
                volume = await run.fly.create_volume(
                    plan.app, name=creation.volume, region=creation.region, size_gb=creation.volume_gb
                )
        found[creation.slot] = volume.id
    return found


async def _create(run: Run, plan: ScalePlan, creation: Creation, machine: Machine) -> None:
    refuse_crash(machine)
    if machine.state in {"stopped", "stopping"}:
        await start_stopped(run, machine)
    await prove_healthy(run, plan, machine)
    await run.fly.uncordon(plan.app, machine.id)
    await run.done(Step.CREATE, creation.slot, machine=machine.id, region=creation.region)


async def _make(run: Run, plan: ScalePlan, creation: Creation, fleet: Sequence[Machine], volume: str) -> Machine:
    model = next((machine for machine in fleet if machine.id == creation.model and machine.config), None)
    if model is None:
        raise gone(creation.model)
    if run.operation.row(Step.CREATE, creation.slot) is None:
        await run.record(Step.CREATE, StepStatus.STARTED, target=creation.slot)
    config = _like(model, creation.size, {MARKER: run.operation.id, FOR: creation.slot})
    if volume:
        config["mounts"] = [{**mount, "volume": volume} for mount in config["mounts"]]
    async with _room(creation):
        return await run.fly.create_machine(
            plan.app, config=config, region=creation.region, skip_service_registration=True
        )


@contextlib.asynccontextmanager
async def _room(creation: Creation) -> AsyncIterator[None]:
    """Fly's refusal for want of room, as the end of this scaling."""
    try:
        yield
    except RemoteRejected as error:
        if not any(words in error.message for words in NO_ROOM):
            raise
        raise StepFailed(
            f"Fly has no room in {creation.region} for another {creation.size.words} Machine: {error.message}",
            hint="Nothing was destroyed. Try another region, a smaller size, or later.",
            reason=Reason.NO_CAPACITY,
        ) from error


def _like(model: Machine, size: Size, marks: Mapping[str, str]) -> dict[str, Any]:
    """The config of a new Machine: the model's, without what only the model stands for."""
    config = copy.deepcopy(dict(model.config))
    config.pop("standbys", None)
    config["env"] = {key: value for key, value in (config.get("env") or {}).items() if key != STANDBY_FOR}
    config["guest"] = {**(config.get("guest") or {}), **size.guest}
    config["metadata"] = {**(config.get("metadata") or {}), **marks}
    return config


async def _mend_all(run: Run, plan: ScalePlan, action: Action) -> None:
    machines = undone(run, action)
    await run.leases.take(machines)
    mendings = [mending for mending in plan.mendings if mending.machine in machines]
    await side_by_side(_mend(run, plan, mending) for mending in mendings)


async def _mend(run: Run, plan: ScalePlan, mending: Mending) -> None:
    machine = await read_machine(run, mending.machine)
    if (begun := run.operation.row(Step.MEND, machine.id)) is None:
        runs = machine.state not in ASLEEP
        await run.record(Step.MEND, StepStatus.STARTED, target=machine.id, detail={"launch": runs})
    else:
        runs = bool(begun.detail["launch"])
    config = _mended(machine.config, mending)
    if config != machine.config:
        nonce = await run.leases.nonce(machine.id)
        machine = await run.fly.update_machine(machine, config=config, nonce=nonce, skip_launch=not runs)
    if runs:
        await prove_healthy(run, plan, machine)
    await run.done(Step.MEND, machine.id, launch=runs)
    await run.leases.give_back([machine.id])


def _mended(config: Mapping[str, Any], mending: Mending) -> dict[str, Any]:
    changed = copy.deepcopy(dict(config))
    if mending.size is not None:
        changed["guest"] = {**(changed.get("guest") or {}), **mending.size.guest}
    for service in changed.get("services") or []:
        if mending.auto_stop is not None:
            service["autostop"] = mending.auto_stop
        if mending.min_machines is not None:
            service["min_machines_running"] = mending.min_machines
    return changed


async def _wake_all(run: Run, plan: ScalePlan, action: Action) -> None:
    machines = undone(run, action)
    await run.leases.take(machines)
    await side_by_side(_wake(run, plan, machine) for machine in machines)


async def _wake(run: Run, plan: ScalePlan, machine_id: str) -> None:
    machine = await read_machine(run, machine_id)
    if machine.state in ASLEEP:
        await start_stopped(run, machine, nonce=await run.leases.nonce(machine_id))
    await prove_healthy(run, plan, machine)
    await run.done(Step.WAKE, machine_id)
    await run.leases.give_back([machine_id])


async def _remove_all(run: Run, plan: ScalePlan, action: Action) -> None:
    """Destroy what is too many, once everybody who stays was seen well again."""
    going = {removal.machine for removal in plan.removals}
    there = {machine.id: machine for machine in await serving_machines(run.fly, plan.app)}
    _refuse_to_strand(plan, [machine for machine in there.values() if machine.id not in going])
    removals = [removal for removal in plan.removals if removal.machine in undone(run, action)]
    await run.leases.take(removal.machine for removal in removals if removal.machine in there)
    for removal in removals:
        if run.operation.row(Step.REMOVE, removal.machine) is None:
            _refuse_changed(plan, there.get(removal.machine))
            await run.record(Step.REMOVE, StepStatus.STARTED, target=removal.machine)
    await side_by_side(_remove(run, removal, there.get(removal.machine)) for removal in removals)


def _refuse_to_strand(plan: ScalePlan, staying: Sequence[Machine]) -> None:
    """StepFailed where somebody of a group goes and nobody who stays of it is well."""
    for group in {plan.machine(removal.machine).group for removal in plan.removals}:
        left = [machine for machine in staying if machine.group == group and not machine.is_standby]
        wants_none = not any(place.then for place in plan.places if place.group == group)
        if not wants_none and not any(is_well(machine, was_asleep=False) for machine in left):
            raise StepFailed(
                f"No Machine of the process group {group} that would stay is healthy; nothing was destroyed.",
                hint="See why they are unwell, then ask again.",
                reason=Reason.MACHINE_UNHEALTHY,
            )


def _refuse_changed(plan: ScalePlan, machine: Machine | None) -> None:
    if machine is not None and machine.image.digest != plan.machine(machine.id).image.digest:
        raise StepFailed(
            f"Machine {machine.id} was changed by somebody else while the operation ran.", reason=Reason.CHANGED_OUTSIDE
        )


async def _remove(run: Run, removal: Removal, machine: Machine | None) -> None:
    if machine is not None:
        await run.fly.cordon(machine.app, machine.id, nonce=await run.leases.nonce(machine.id))
        if machine.state not in ASLEEP:
            # It may finish what it is at; what does not stop is destroyed all the same.
            with contextlib.suppress(RemoteRejected):
                await put_to_sleep(run, machine, nonce=await run.leases.nonce(machine.id))
        await run.fly.destroy_machine(machine.app, machine.id, nonce=await run.leases.nonce(machine.id))
        run.leases.forget(machine.id)
    await run.done(Step.REMOVE, removal.machine)


async def _clean_up(run: Run, plan: ScalePlan, _: Action) -> None:
    """Destroy what was made and never seen healthy; what was stays, and the receipt says so."""
    made = await made_before(run, Step.CREATE, unproven(run.operation))
    extra = [machine.id for machine in made.values() if not machine.is_gone]
    await side_by_side(run.fly.destroy_machine(plan.app, machine_id) for machine_id in extra)
    await run.done(Step.CLEAN_UP, machines=extra)


async def _receipt(run: Run, plan: ScalePlan, _: Action) -> None:
    """Give the leases back, then count what there is: only what was seen is called done."""
    await run.leases.give_back()

    async def read(machines: Sequence[Machine]) -> Reading:
        return _reading(plan, machines)

    await write_receipt(run, plan, read)


def _reading(plan: ScalePlan, machines: Sequence[Machine]) -> Reading:
    # Whoever runs what is not a scaling's business: each Machine is measured by its own image.
    lines = [line_of(machine, machine.image.digest) for machine in machines]
    serving = [machine for machine in machines if not machine.is_standby]
    wrong = [place for place in plan.places if place.then != _count(serving, place.group, place.region)]
    if wrong:
        told = ", ".join(f"{place.region} has {_count(serving, place.group, place.region)}" for place in wrong)
        text = f"Read back after the scaling, the number of Machines is not the planned one: {told}."
        return Reading(lines, StepFailed(text, reason=Reason.CHANGED_OUTSIDE))
    slept = {machine.id for machine in plan.machines if machine.state in ASLEEP and machine.id not in plan.starts}
    if unwell := [machine for machine in machines if not is_well(machine, was_asleep=machine.id in slept)]:
        named = ", ".join(f"{m.id} ({m.region}) is {m.state}, {m.checks_passing} checks pass" for m in unwell[:5])
        text = f"Read back after the scaling, not all Machines are well: {named}."
        return Reading(lines, StepFailed(text, reason=Reason.MACHINE_UNHEALTHY), may_mend=True)
    return Reading(lines)


def _count(machines: Sequence[Machine], group: str, region: str) -> int:
    return sum(machine.group == group and machine.region == region for machine in machines)
