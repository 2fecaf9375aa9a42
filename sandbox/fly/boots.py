"""How a start goes: the faults that a person switched on, and the jobs that exit by themselves."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.fly.machine import Boot, Machine, Sickness
from sandbox.fly.model import App
from sandbox.fly.world import World

CRASH_AFTER_S = 1.0
# What a shell reports for a process that SIGKILL ended.
KILLED = 137


@dataclass(frozen=True)
class Job:
    """A command that exits by itself after `seconds` (None: never)."""

    seconds: float | None
    exit_code: int
    lines: list[str]


def boot_of(world: World, machine: Machine, *, updated: bool) -> Boot:
    """How the next start of a Machine goes; `updated` if it is the first of a new version."""
    durations = world.durations
    boot = Boot(durations.boot_s, durations.listen_s)
    if machine.is_job:
        return boot
    targets = machine.fault_targets
    slow = world.faults.take("slow_boot", *targets)
    if slow is not None:
        if slow.detail.get("phase") == "healthy":
            boot.listens_after_s += slow.seconds
        else:
            boot.seconds += slow.seconds
    boot.fails = world.faults.take("fails_to_start", *targets) is not None
    crash = world.faults.take("crash_loop", *targets)
    if crash is not None:
        boot.exit_after_s = crash.detail.get("after", CRASH_AFTER_S)
        boot.exit_code = crash.detail.get("exit_code", 1)
    # A database under memory pressure says so in its checks, and goes on.
    starved = None if machine.vitals else world.faults.take("out_of_memory", *targets)
    if starved is not None:
        boot.exit_after_s, boot.exit_code = starved.detail.get("after", CRASH_AFTER_S), KILLED
        boot.oom_killed = True
    boot.sickness = _sickness(world, machine) if updated else machine.boot.sickness
    return boot


def _sickness(world: World, machine: Machine) -> Sickness | None:
    fault = world.faults.take("unhealthy", *machine.fault_targets)
    if fault is None:
        return None
    default = Sickness()
    return Sickness(
        status=fault.detail.get("status", default.status),
        output=fault.detail.get("output", default.output),
        after_s=fault.detail.get("after", default.after_s),
        check=fault.detail.get("check"),
    )


def job_of(world: World, app: App, machine: Machine) -> Job:
    """How a release command goes: as the app says, unless a fault says otherwise."""
    targets = machine.fault_targets
    seconds = world.durations.release_command_s if app.release_command_s is None else app.release_command_s
    if world.faults.take("release_command_hangs", *targets) is not None:
        return Job(None, 0, [])
    fault = world.faults.take("release_command_fails", *targets)
    if fault is None:
        return Job(seconds, 0, app.release_command_lines)
    lines = fault.detail.get("lines", ["** (Postgrex.Error) could not apply the migration"])
    return Job(fault.detail.get("seconds", seconds), fault.detail.get("exit_code", 1), lines)
