"""Whether a Machine really runs what it was told to: started on its new version, not crashing, checks passing.

Source: Fly Machines API, "Wait for a Machine to reach a specified state"; superfly/flyctl
internal/command/deploy (smoke check, health wait).
"""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import Protocol

from bot.domain.model import ASLEEP, Machine
from bot.domain.operation import Operation
from bot.domain.proof import crash, may_sleep
from bot.domain.rollout import is_past_cancel
from bot.domain.text import quoted
from bot.errors import NotFound, Reason, RemoteRejected, RemoteTimeout, StepFailed
from bot.operations.engine import Run

# Marks what an operation made or changed, so that it is recognised after a lost answer or a restart.
MARKER = "flytower_operation"
# A look when the Machine has had its time to crash; where checks are late, first soon and then more seldom.
FIRST_PAUSE_S, LONGEST_PAUSE_S, SLOWER = 2.0, 10.0, 1.5
CANCEL_LOOK_S = 2.0
WAIT_SLICE_S = 15.0
STOPPED_WAIT_S = 60.0
# After a stop Fly may refuse a start for up to about 8 s.
START_TRIES = 6
START_RETRY_S = 2.0


class Patience(Protocol):
    """What every plan says of how long its Machines may take. Durations in seconds."""

    @property
    def app(self) -> str: ...

    @property
    def wait_timeout_s(self) -> float: ...

    @property
    def smoke_s(self) -> float: ...


async def prove_healthy(run: Run, plan: Patience, machine: Machine, *, may_cancel: bool = True) -> Machine:
    """Return the Machine once it is started on this version, has stayed up, and all checks pass.

    Raises StepFailed: not started or not healthy within the plan's wait time, crashing, gone, or cancelled.
    """
    deadline = run.clock.now() + timedelta(seconds=plan.wait_timeout_s)
    await _wait_started(run, plan, machine, may_cancel=may_cancel)
    steady_at = run.clock.now() + timedelta(seconds=plan.smoke_s)
    pause_s = FIRST_PAUSE_S
    while True:
        steady_in_s = (steady_at - run.clock.now()).total_seconds()
        await pause(run, min(steady_in_s, LONGEST_PAUSE_S) if steady_in_s > 0 else pause_s, may_cancel=may_cancel)
        seen = await read_machine(run, machine.id)
        refuse_crash(seen)
        if seen.is_healthy and run.clock.now() >= steady_at:
            return seen
        if seen.state in ASLEEP and may_sleep(seen) and run.clock.now() < deadline:
            # Fly's proxy found nobody on it and stopped it in the middle of the proof.
            await start_stopped(run, seen, nonce=await run.leases.nonce_if_held(seen.id))
            await _wait_started(run, plan, seen, may_cancel=may_cancel)
            steady_at = run.clock.now() + timedelta(seconds=plan.smoke_s)
            continue
        if run.clock.now() >= deadline:
            raise StepFailed(_unhealthy(seen), reason=Reason.MACHINE_UNHEALTHY)
        pause_s = min(pause_s * SLOWER, LONGEST_PAUSE_S)


async def pause(run: Run, seconds: float, *, may_cancel: bool = True) -> None:
    """Wait; StepFailed as soon as somebody cancels."""
    until = run.clock.now() + timedelta(seconds=seconds)
    await stop_if_cancelled(run, may_cancel=may_cancel)
    while (left_s := (until - run.clock.now()).total_seconds()) > 0:
        await run.clock.sleep(min(left_s, CANCEL_LOOK_S))
        await stop_if_cancelled(run, may_cancel=may_cancel)


async def start_stopped(run: Run, machine: Machine, *, nonce: str = "") -> None:
    """Start a Machine that was created or updated without launching, once Fly has settled that.

    Fly refuses a start (412) while an update is under way, and for some seconds after a stop. Not repeated
    after a lost answer: the step that asked for it looks first.
    """
    if machine.state != "suspended":
        await run.fly.wait_for_state(
            machine.app, machine.id, "stopped", version=machine.version, timeout_s=STOPPED_WAIT_S
        )
    for _ in range(START_TRIES):
        try:
            return await run.fly.start_machine(machine.app, machine.id, nonce=nonce)
        except RemoteRejected as error:
            if error.status != HTTPStatus.PRECONDITION_FAILED:
                raise
            await run.clock.sleep(START_RETRY_S)
    return await run.fly.start_machine(machine.app, machine.id, nonce=nonce)


async def _wait_started(run: Run, plan: Patience, machine: Machine, *, may_cancel: bool) -> None:
    deadline = run.clock.now() + timedelta(seconds=plan.wait_timeout_s)
    while True:
        left = (deadline - run.clock.now()).total_seconds()
        try:
            await run.fly.wait_for_state(
                plan.app, machine.id, "started", version=machine.version, timeout_s=max(1.0, min(left, WAIT_SLICE_S))
            )
        except NotFound:
            raise gone(machine.id) from None
        except RemoteTimeout:
            seen = await read_machine(run, machine.id)
            refuse_crash(seen)
            if run.clock.now() >= deadline:
                raise StepFailed(
                    f"Machine {machine.id} ({machine.region}) did not start within {plan.wait_timeout_s:.0f} s: "
                    f"it is {seen.state}.",
                    reason=Reason.MACHINE_NOT_STARTED,
                ) from None
            await stop_if_cancelled(run, may_cancel=may_cancel)
        else:
            return


async def read_machine(run: Run, machine_id: str) -> Machine:
    """A Machine of the operation's app as it is now; StepFailed when it is gone."""
    try:
        machine = await run.fly.machine(run.operation.app, machine_id)
    except NotFound:
        raise gone(machine_id) from None
    if machine.is_gone:
        raise gone(machine_id)
    return machine


def gone(machine_id: str) -> StepFailed:
    """The failure of a step whose Machine is not there any more."""
    return StepFailed(f"Machine {machine_id} is gone.", reason=Reason.MACHINE_GONE)


def cancelled(operation: Operation) -> StepFailed:
    """The failure of a step that somebody asked to stop."""
    return StepFailed(f"Cancelled by <@{operation.cancel_requested_by}>.", reason=Reason.CANCELLED)


def refuse_crash(machine: Machine) -> None:
    """StepFailed where the Machine's newest exit was a crash that it does not come out of."""
    if (newest := crash(machine)) is not None:
        memory = ", out of memory" if newest.oom_killed else ""
        raise StepFailed(
            f"Machine {machine.id} ({machine.region}) is crashing: exit code {newest.exit_code}{memory}, "
            f"{newest.restart_count} restarts.",
            reason=Reason.MACHINE_CRASHED,
        )


def _unhealthy(machine: Machine) -> str:
    told = [(c, quoted(c.output)) for c in machine.checks if c.status != "passing"]
    failing = [f"{quoted(check.name)} is {quoted(check.status)}: {output}".strip(": ") for check, output in told]
    missing = machine.checks_expected - len(machine.checks)
    if missing > 0:
        failing.append(f"{missing} of {machine.checks_expected} checks have no result")
    return f"Machine {machine.id} ({machine.region}) is {machine.state} and not healthy: " + "; ".join(failing)


async def stop_if_cancelled(run: Run, *, may_cancel: bool = True) -> None:
    """StepFailed where somebody asked to cancel, and it is not too late."""
    await run.reload()
    if may_cancel and run.operation.cancel_requested_by and not is_past_cancel(run.operation):
        raise cancelled(run.operation)
