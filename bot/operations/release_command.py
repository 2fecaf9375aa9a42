"""The release command: once, in a Machine of its own on the new image, before any other Machine is touched.

create (skip_launch) → stopped → start → destroyed → exit code. The Machine carries our marker, so that a
create or a start whose answer was lost is found again and never repeated.
Source: Fly.io docs, "Fly Launch configuration: release_command"; superfly/flyctl
internal/command/deploy/machines_releasecommand.go.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from bot.domain.deployment import DeploymentPlan
from bot.domain.model import RELEASE_COMMAND_GROUP, Exit, Machine
from bot.domain.operation import StepStatus
from bot.domain.redact import redact
from bot.domain.rollout import Step
from bot.errors import BotError, NotFound, Reason, RemoteTimeout, StepFailed
from bot.operations.engine import Run
from bot.operations.facts import serving_machines
from bot.operations.health import MARKER, start_stopped

LOOKUPS = 3
LOOKUP_WAIT_S = 1.0
WAIT_SLICE_S = 15.0
EXIT_LOOKS = 10
# Logs arrive some seconds after they were written; flyctl waits up to 20 s for them.
LOG_LOOKS = 20
LOG_WAIT_S = 1.0
TAIL_LINES = 30
# flyctl gives a release Machine this size where the app has no Machine to go by (shared-cpu-2x).
DEFAULT_GUEST = {"cpu_kind": "shared", "cpus": 2, "memory_mb": 512}


async def run_release_command(run: Run, plan: DeploymentPlan, fleet: Sequence[Machine] | None = None) -> None:
    """Run the release command to its end, exactly once; StepFailed when it did not exit with 0.

    `fleet` is what runs for the app, if that was read a moment ago; else it is asked for.
    """
    machine = await _release_machine(run, plan, fleet)
    if run.operation.row(Step.RELEASE_COMMAND) is None or not _was_started(machine):
        # Its time begins here, also where an earlier start came to nothing.
        detail = {"command": plan.release_command, "machine": machine.id}
        await run.record(Step.RELEASE_COMMAND, StepStatus.STARTED, detail=detail)
    if not _was_started(machine):
        await start_stopped(run, machine)
    await _wait_for_end(run, plan, machine)
    ended = await _exit(run, plan, machine)
    if ended is not None and ended.exit_code == 0:
        await run.done(Step.RELEASE_COMMAND, exit_code=0, seconds=_seconds(run), command=plan.release_command)
        return
    await _fail(run, plan, machine, ended)


async def end_release_command(run: Run, plan: DeploymentPlan) -> None:
    """See to it that nothing runs on when the operation has failed or was cancelled meanwhile, and record it."""
    machine = await _existing_machine(run, plan)
    if machine is not None and not machine.is_gone:
        await run.fly.destroy_machine(plan.app, machine.id)
    ended = machine.exit if machine else None
    tail = await _tail(run, plan, machine) if machine else []
    detail = {"exit_code": ended.exit_code if ended else None, "tail": tail, "command": plan.release_command}
    await run.record(Step.RELEASE_COMMAND, StepStatus.FAILED, detail=detail)


async def _existing_machine(run: Run, plan: DeploymentPlan) -> Machine | None:
    made = run.operation.row(Step.RELEASE_MACHINE)
    if made is None or made.status is StepStatus.STARTED:
        return await _look_for_marker(run, plan)
    try:
        return await run.fly.machine(plan.app, made.detail["machine"])
    except NotFound:
        return None


async def _release_machine(run: Run, plan: DeploymentPlan, fleet: Sequence[Machine] | None) -> Machine:
    row = run.operation.row(Step.RELEASE_MACHINE)
    if row is not None and row.status is StepStatus.DONE:
        return await _created_machine(run, plan, row.detail["machine"])
    found = await _look_for_marker(run, plan) if row is not None else None
    if row is None:
        await run.record(Step.RELEASE_MACHINE, StepStatus.STARTED)
    if found is None and fleet is None:
        fleet = await serving_machines(run.fly, plan.app)
    machine = found or await run.fly.create_machine(
        plan.app, config=_config(run, plan, fleet or []), region=plan.primary_region, skip_launch=True
    )
    await run.done(Step.RELEASE_MACHINE, machine=machine.id)
    return machine


async def _created_machine(run: Run, plan: DeploymentPlan, machine_id: str) -> Machine:
    try:
        return await run.fly.machine(plan.app, machine_id)
    except NotFound:
        raise StepFailed(
            f"The release command's Machine {machine_id} is gone and Fly no longer tells how it ended.",
            hint="Look at the app's logs for what it did before deploying again.",
            reason=Reason.RELEASE_COMMAND_FAILED,
        ) from None


async def _look_for_marker(run: Run, plan: DeploymentPlan) -> Machine | None:
    # A Machine that was just created may take a moment to be listed.
    for _ in range(LOOKUPS):
        marked = await run.fly.marked_machines(plan.app, MARKER, run.operation.id)
        found = next((m for m in marked if m.group == RELEASE_COMMAND_GROUP), None)
        if found is not None:
            return found
        await run.clock.sleep(LOOKUP_WAIT_S)
    return None


def _config(run: Run, plan: DeploymentPlan, fleet: Sequence[Machine]) -> dict[str, Any]:
    assert plan.image is not None
    model = max(fleet, key=lambda m: m.config.get("guest", {}).get("memory_mb", 0), default=None)
    config = model.config if model else {}
    release = run.operation.row(Step.RECORD_RELEASE)
    release_id = release.detail.get("release_id", "") if release else ""
    recorded = {"fly_release_id": release_id, "fly_release_version": str(release.detail["version"])} if release else {}
    return {
        "image": plan.image.reference,
        "init": {"cmd": shlex.split(plan.release_command)},
        "env": dict(config.get("env") or {})
        | {
            "RELEASE_COMMAND": "1",
            "FLY_PROCESS_GROUP": RELEASE_COMMAND_GROUP,
            "PRIMARY_REGION": plan.primary_region,
        },
        "guest": dict(config.get("guest") or DEFAULT_GUEST),
        "restart": {"policy": "no"},
        "auto_destroy": True,
        "dns": {"skip_registration": True},
        "metadata": {
            "fly_platform_version": "v2",
            "fly_process_group": RELEASE_COMMAND_GROUP,
            MARKER: run.operation.id,
        }
        | (recorded if release_id else {}),
    }


def _was_started(machine: Machine) -> bool:
    if machine.started_at is not None or machine.exit is not None:
        return True
    return machine.state not in {"created", "creating", "stopped"}


async def _wait_for_end(run: Run, plan: DeploymentPlan, machine: Machine) -> None:
    started = run.operation.row(Step.RELEASE_COMMAND)
    assert started is not None
    deadline = started.at + timedelta(seconds=plan.release_command_timeout_s)
    while True:
        left = (deadline - run.clock.now()).total_seconds()
        try:
            await run.fly.wait_for_state(plan.app, machine.id, "destroyed", timeout_s=max(1.0, min(left, WAIT_SLICE_S)))
        except RemoteTimeout:
            await run.reload()
            if run.operation.cancel_requested_by:
                await _end_early(
                    run, plan, machine, Reason.CANCELLED, "was stopped because the deployment was cancelled"
                )
            if run.clock.now() >= deadline:
                limit = f"did not end within {plan.release_command_timeout_s:.0f} s and was stopped"
                await _end_early(run, plan, machine, Reason.RELEASE_COMMAND_TIMEOUT, limit)
        else:
            return


async def _end_early(run: Run, plan: DeploymentPlan, machine: Machine, reason: Reason, what: str) -> None:
    # A command that nobody waits for any more would go on changing the database.
    await run.fly.destroy_machine(plan.app, machine.id)
    detail = {"exit_code": None, "tail": await _tail(run, plan, machine), "command": plan.release_command}
    await run.record(Step.RELEASE_COMMAND, StepStatus.FAILED, detail=detail)
    raise StepFailed(
        f"The release command `{plan.release_command}` {what}; no other Machine was touched.",
        hint="It may have done part of its work: look at the database before deploying again.",
        reason=reason,
    )


async def _exit(run: Run, plan: DeploymentPlan, machine: Machine) -> Exit | None:
    for _ in range(EXIT_LOOKS):
        try:
            seen = await run.fly.machine(plan.app, machine.id)
        except NotFound:
            return None
        if seen.exit is not None:
            return seen.exit
        await run.clock.sleep(LOOKUP_WAIT_S)
    return None


async def _fail(run: Run, plan: DeploymentPlan, machine: Machine, ended: Exit | None) -> None:
    code = ended.exit_code if ended else None
    tail = await _tail(run, plan, machine)
    detail = {"exit_code": code, "seconds": _seconds(run), "tail": tail, "command": plan.release_command}
    await run.record(Step.RELEASE_COMMAND, StepStatus.FAILED, detail=detail)
    how = f"exited with {code}" if code is not None else "ended without telling its exit code"
    memory = " (out of memory)" if ended and ended.oom_killed else ""
    raise StepFailed(
        f"The release command `{plan.release_command}` {how}{memory}; no other Machine was touched.",
        hint="The old version keeps running. The schema may be half migrated: read the log in the thread.",
        reason=Reason.RELEASE_COMMAND_FAILED,
    )


async def _tail(run: Run, plan: DeploymentPlan, machine: Machine) -> list[str]:
    """The last lines the command logged, credentials taken out; a sentence where they cannot be read."""
    since = run.operation.created_at - timedelta(seconds=5)
    lines: list[str] = []
    try:
        for _ in range(LOG_LOOKS):
            seen = [redact(line.message) for line in await run.fly.logs(plan.app, machine.id, since=since)]
            if seen and len(seen) == len(lines):
                break
            lines = seen
            await run.clock.sleep(LOG_WAIT_S)
    except BotError as error:
        link = f"https://fly.io/apps/{plan.app}/monitoring?instance={machine.id}"
        return [f"The log could not be read: {error}", f"See {link}"]
    return lines[-TAIL_LINES:]


def _seconds(run: Run) -> float:
    started = run.operation.row(Step.RELEASE_COMMAND)
    assert started is not None
    return round((run.clock.now() - started.at).total_seconds(), 1)
