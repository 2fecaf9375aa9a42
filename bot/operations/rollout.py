"""The steps of a rollout. Each looks at Fly before it acts, so that taking it again does no harm.

Follows what `fly deploy --image` does, except that it changes nothing but the image and the release
metadata of a Machine, and that it reads everything back. Source: Fly Machines API; superfly/flyctl,
internal/command/deploy.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from bot.domain.deployment import DeploymentPlan
from bot.domain.model import NO_RELEASE, Image, Machine, Release
from bot.domain.operation import Event, Operation, State, StepStatus
from bot.domain.rollout import AFTER_UPDATES, Action, Step, failure, failure_reason, next_action, restore_refusal
from bot.domain.text import quoted
from bot.errors import (
    BotError,
    LeaseHeld,
    RateLimited,
    Reason,
    RemoteError,
    RemoteTimeout,
    RemoteUnavailable,
    StepFailed,
)
from bot.operations.engine import Run, Verdict
from bot.operations.health import MARKER, cancelled, prove_healthy, read_machine, start_stopped
from bot.operations.plans import plan_of
from bot.operations.release_command import end_release_command, run_release_command

# States in which an update launches the Machine; any other state is left as it is (flyctl, shouldSkipLaunch).
LAUNCHED_STATES = frozenset({"started", "starting", "failed"})
STARTING_STATES = frozenset({"started", "starting", "replacing", "restarting"})
RELEASE_KEYS = ("fly_release_id", "fly_release_version", MARKER)
BOOKKEEPING_TRIES = 3
BOOKKEEPING_WAIT_S = 1.0
SLEEP_WAIT_S = 30.0
RECEIPT_LOOKS = 10
RECEIPT_WAIT_S = 1.0

StepFunction = Callable[[Run, DeploymentPlan, Action], Awaitable[None]]


class Rollout:
    """Brings one image to the Machines of one app."""

    def __init__(self) -> None:
        self._steps: Mapping[Step, StepFunction] = {
            Step.CHECK: _check,
            Step.RECORD_RELEASE: _record_release,
            Step.RELEASE_COMMAND: _release_command,
            Step.END_RELEASE_COMMAND: _end_release_command,
            Step.UPDATE: _update_batch,
            Step.PROVE_IMAGE: _prove_image,
            Step.CLOSE_RELEASE: _close_release,
            Step.RECEIPT: _receipt,
            Step.RESTORE: _restore_batch,
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


async def _check(run: Run, plan: DeploymentPlan, _: Action) -> None:
    """Refuse before anything is touched: Machines changed since the plan, or somebody else's lease."""
    machines = {m.id: m for m in await run.fly.machines(plan.app) if m.is_serving}
    planned = {m.id: m for m in plan.machines}
    changed = [i for i in planned if i not in machines or machines[i].image.digest != planned[i].image.digest]
    if changed or machines.keys() - planned.keys():
        raise StepFailed(
            "The Machines changed between the plan and the start; nothing was touched.",
            hint="Ask for a new plan.",
            reason=Reason.CHANGED_OUTSIDE,
        )
    for lease in await asyncio.gather(*(run.fly.lease(plan.app, machine) for machine in planned)):
        if lease is not None and lease.description != run.leases.description:
            raise LeaseHeld(lease.machine_id, lease.owner, lease.expires_at)
    await run.done(Step.CHECK, machines=len(machines))


async def _record_release(run: Run, plan: DeploymentPlan, _: Action) -> None:
    """Write the release into Fly's books. They are not the deployment: a failure here is a warning."""
    problem = ""
    for _try in range(BOOKKEEPING_TRIES):
        try:
            release = await _open_release(run, plan)
        except RemoteError as error:
            problem = str(error)
            await run.clock.sleep(BOOKKEEPING_WAIT_S)
        else:
            warning = "" if release.id else "Fly shows no fly.toml of an earlier release, so none was recorded."
            await run.done(Step.RECORD_RELEASE, release_id=release.id, version=release.version, warning=warning)
            return
    # Where the attempt began, a release may have come of it after all: closing the books looks for it.
    begun = run.operation.row(Step.RECORD_RELEASE)
    warning = f"Fly's release record could not be written: {problem}"
    await run.done(Step.RECORD_RELEASE, release_id="", version=0, warning=warning, **(begun.detail if begun else {}))


async def _open_release(run: Run, plan: DeploymentPlan) -> Release:
    started = run.operation.row(Step.RECORD_RELEASE)
    if started is None:
        newest = next(iter(await run.fly.releases(plan.app, limit=1)), NO_RELEASE)
        await run.record(Step.RECORD_RELEASE, StepStatus.STARTED, detail={"after": newest.version})
        release = None
    else:
        release = await _own_release(run, plan, started.detail["after"])
    if release is None:
        definition = await run.fly.definition(plan.app)
        if definition is None:
            # A record with an empty fly.toml would be taken for the app's own by the next `fly deploy`.
            return NO_RELEASE
        release = await run.fly.create_release(plan.app, image=_image(plan), definition=definition, strategy="ROLLING")
    await run.fly.set_release_status(release.id, "running")
    return release


async def _own_release(run: Run, plan: DeploymentPlan, after: int) -> Release | None:
    # A create whose answer was lost may have happened: it is the first newer release of our image.
    releases = await run.fly.releases(plan.app, limit=10)
    ours = [r for r in releases if r.version > after and r.image.digest == _image(plan).digest]
    return min(ours, key=lambda r: r.version, default=None)


async def _release_command(run: Run, plan: DeploymentPlan, _: Action) -> None:
    await run_release_command(run, plan)


async def _end_release_command(run: Run, plan: DeploymentPlan, _: Action) -> None:
    await end_release_command(run, plan)


async def _update_batch(run: Run, plan: DeploymentPlan, action: Action) -> None:
    await run.leases.take(machine.id for machine in plan.machines)
    await _all(_update(run, plan, m) for m in action.machines if not run.operation.done(Step.UPDATE, m))


async def _update(run: Run, plan: DeploymentPlan, machine_id: str) -> None:
    machine = await read_machine(run, machine_id)
    started = run.operation.row(Step.UPDATE, machine_id)
    if not _is_moved(run, plan, machine):
        planned = plan.machine(machine_id)
        if machine.image.digest != planned.image.digest:
            raise StepFailed(
                f"Machine {machine_id} was changed by somebody else while the operation ran.",
                reason=Reason.CHANGED_OUTSIDE,
            )
        if started is None:
            previous = {key: machine.metadata.get(key) for key in RELEASE_KEYS}
            detail = {"launch": machine.state in LAUNCHED_STATES, "previous": previous}
            await run.record(Step.UPDATE, StepStatus.STARTED, target=machine_id, detail=detail)
        launch = run.operation.rows(Step.UPDATE)[machine_id].detail["launch"]
        machine = await _move(run, machine, _image(plan), _release_metadata(run), launch=launch)
    launched = run.operation.rows(Step.UPDATE)[machine_id].detail["launch"]
    if launched:
        machine = await prove_healthy(run, plan, machine)
    await run.done(Step.UPDATE, machine_id, version=machine.version, launch=launched, proven=launched)


async def _move(
    run: Run, machine: Machine, image: Image, metadata: Mapping[str, str | None], *, launch: bool
) -> Machine:
    config = copy.deepcopy(dict(machine.config))
    config["image"] = image.reference
    merged = {**config.get("metadata", {}), **metadata}
    config["metadata"] = {key: value for key, value in merged.items() if value is not None}
    nonce = await run.leases.nonce(machine.id)
    return await run.fly.update_machine(machine, config=config, nonce=nonce, skip_launch=not launch)


def _release_metadata(run: Run) -> dict[str, str | None]:
    release = run.operation.row(Step.RECORD_RELEASE)
    metadata: dict[str, str | None] = {MARKER: run.operation.id}
    if release is not None and release.detail.get("release_id"):
        metadata["fly_release_id"] = release.detail["release_id"]
        metadata["fly_release_version"] = str(release.detail["version"])
    return metadata


def _is_moved(run: Run, plan: DeploymentPlan, machine: Machine) -> bool:
    is_marked = machine.metadata.get(MARKER) == run.operation.id
    return is_marked and machine.image.digest == _image(plan).digest


async def _prove_image(run: Run, plan: DeploymentPlan, action: Action) -> None:
    """Boot one sleeping Machine on the new image, see it healthy, and let it sleep again."""
    (machine_id,) = action.machines
    await run.leases.take(machine.id for machine in plan.machines)
    machine = await read_machine(run, machine_id)
    await run.record(Step.PROVE_IMAGE, StepStatus.STARTED, target=machine_id)
    if machine.state not in LAUNCHED_STATES:
        await start_stopped(run, machine, nonce=await run.leases.nonce(machine_id))
    try:
        await prove_healthy(run, plan, machine)
    except BotError:
        with contextlib.suppress(BotError):
            await _put_to_sleep(run, machine)
        raise
    await _put_to_sleep(run, machine)
    await run.done(Step.PROVE_IMAGE, machine=machine_id)


async def _put_to_sleep(run: Run, machine: Machine) -> None:
    await run.fly.stop_machine(machine.app, machine.id, nonce=await run.leases.nonce(machine.id))
    # The receipt shall show it asleep; one that takes longer to stop is no failure of the image.
    with contextlib.suppress(RemoteTimeout):
        await run.fly.wait_for_state(
            machine.app, machine.id, "stopped", version=machine.version, timeout_s=SLEEP_WAIT_S
        )


async def _close_release(run: Run, plan: DeploymentPlan, _: Action) -> None:
    """Tell Fly's books how it ended. A failure here is a warning."""
    first = failure(run.operation)
    status = "complete" if first is None else _failed_status(run.operation)
    warning = ""
    try:
        if release_id := await _release_id(run, plan):
            error = first.detail["message"] if first else ""
            await run.fly.set_release_status(release_id, status, error=error)
    except RemoteError as problem:
        warning = f"Fly's release record could not be closed: {problem}"
    await run.done(Step.CLOSE_RELEASE, status=status, warning=warning)


async def _release_id(run: Run, plan: DeploymentPlan) -> str:
    release = run.operation.row(Step.RECORD_RELEASE)
    # The books are closed only where opening them was tried.
    assert release is not None
    if release.detail.get("release_id"):
        return str(release.detail["release_id"])
    found = await _own_release(run, plan, release.detail["after"]) if "after" in release.detail else None
    return found.id if found else ""


def _failed_status(operation: Operation) -> str:
    return "interrupted" if failure_reason(operation) is Reason.CANCELLED else "failed"


async def _receipt(run: Run, plan: DeploymentPlan, _: Action) -> None:
    """Give the leases back, then read every Machine's digest back: only what was seen is called done."""
    await run.leases.give_back()
    machines = await _settled_machines(run, plan)
    lines = [_receipt_line(plan, machines.get(m.id), m.id, m.region) for m in plan.machines]
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


async def _settled_machines(run: Run, plan: DeploymentPlan) -> dict[str, Machine]:
    """The app's Machines by id, once none is between two states, or as they are after some looks."""
    for _ in range(RECEIPT_LOOKS):
        machines = {m.id: m for m in await run.fly.machines(plan.app) if m.is_serving}
        if not any(machine.is_in_transit for machine in machines.values()):
            break
        await run.clock.sleep(RECEIPT_WAIT_S)
    return machines


def _receipt_line(plan: DeploymentPlan, machine: Machine | None, machine_id: str, region: str) -> dict[str, Any]:
    if machine is None:
        return {"id": machine_id, "region": region, "state": "gone", "on_image": False, "label": "", "digest": ""}
    return {
        "id": machine_id,
        "region": machine.region,
        "state": machine.state,
        "label": machine.image.label,
        "digest": machine.image.digest,
        "on_image": machine.image.digest == _image(plan).digest,
        "checks_passing": machine.checks_passing,
        "checks": max(machine.checks_expected, len(machine.checks)),
    }


async def _restore_batch(run: Run, plan: DeploymentPlan, action: Action) -> None:
    """Put the previous image back. What fails is recorded, since there is nothing to fall back to."""
    await _all(_restore_or_record(run, plan, machine) for machine in action.machines)


async def _restore_or_record(run: Run, plan: DeploymentPlan, machine_id: str) -> None:
    try:
        await run.leases.take([machine_id])
        await _restore(run, plan, machine_id)
    except (RemoteUnavailable, RemoteTimeout, RateLimited):
        # Worth the engine's patience: the Machine may be restored a minute later.
        raise
    except BotError as error:
        await run.record(Step.RESTORE, StepStatus.FAILED, target=machine_id, detail={"message": quoted(str(error))})


async def _restore(run: Run, plan: DeploymentPlan, machine_id: str) -> None:
    machine = found = await read_machine(run, machine_id)
    planned = plan.machine(machine_id)
    started = run.operation.row(Step.RESTORE, machine_id)
    if machine.metadata.get(MARKER) != run.operation.id and started is None:
        await run.done(Step.RESTORE, machine_id, note="not moved by this operation")
        return
    # How the update found the Machine is how the restore leaves it: asleep or running.
    begun = next(r for r in run.operation.journal if r.step == Step.UPDATE and r.target == machine_id)
    if started is None:
        await run.record(Step.RESTORE, StepStatus.STARTED, target=machine_id)
    if machine.image.digest != planned.image.digest:
        machine = await _move(run, machine, planned.image, begun.detail["previous"], launch=begun.detail["launch"])
    if begun.detail["launch"]:
        if found.state not in STARTING_STATES:
            # Fly leaves a Machine stopped that was not running when it was updated.
            await start_stopped(run, machine, nonce=await run.leases.nonce(machine_id))
        await prove_healthy(run, plan, machine, may_cancel=False)
    await run.done(Step.RESTORE, machine_id, image=planned.image.label or planned.image.digest)


def _image(plan: DeploymentPlan) -> Image:
    # A plan without an image is blocked, and a blocked plan never starts.
    assert plan.image is not None
    return plan.image


async def _all(steps: Any) -> None:
    """Run side by side; let all come to an end, then raise the first error, so that each is recorded."""
    results = await asyncio.gather(*steps, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
