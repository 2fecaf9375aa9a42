"""What proves that Machines run an image: which are well, asleep or crashing, and the lines of a receipt. Pure."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Any

from bot.domain.deployment import PlannedMachine
from bot.domain.model import ASLEEP, Exit, Machine
from bot.errors import Reason, StepFailed

Line = dict[str, Any]


@dataclass(frozen=True)
class Reading:
    """What was read back: a line for each Machine, what speaks against success, and whether time may mend that."""

    lines: Sequence[Line]
    problem: StepFailed | None = None
    may_mend: bool = False


def line_of(machine: Machine, digest: str) -> Line:
    """One Machine as it was read back, in the form of a receipt's line."""
    return {
        "id": machine.id,
        "region": machine.region,
        "state": machine.state,
        "label": machine.image.label,
        "digest": machine.image.digest,
        "on_image": bool(digest) and machine.image.digest == digest,
        "checks_passing": machine.checks_passing,
        "checks": max(machine.checks_expected, len(machine.checks)),
        "may_sleep": may_sleep(machine),
    }


def missing_line(planned: PlannedMachine, machine_id: str) -> Line:
    """The line of a Machine that is not there any more."""
    gone = {"state": "gone", "on_image": False, "label": "", "digest": ""}
    return {"id": machine_id, "region": planned.region} | gone


def judged(lines: Sequence[Line], machines: Sequence[Machine], slept: Container[str], *, after: str) -> Reading:
    """The reading of these lines: all on the image, and each of `machines` well; `slept` may be asleep again."""
    if wrong := [str(line["id"]) for line in lines if not line["on_image"]]:
        text = f"{after} {len(wrong)} of {len(lines)} Machines do not run the image: {', '.join(wrong)}"
        return Reading(lines, StepFailed(text, reason=Reason.WRONG_IMAGE))
    if unwell := [machine for machine in machines if not is_well(machine, was_asleep=machine.id in slept)]:
        named = ", ".join(f"{m.id} ({m.region}) is {m.state}, {m.checks_passing} checks pass" for m in unwell[:5])
        problem = StepFailed(f"{after} not all Machines are well: {named}.", reason=Reason.MACHINE_UNHEALTHY)
        return Reading(lines, problem, may_mend=not any(crash(machine) for machine in unwell))
    return Reading(lines)


def is_well(machine: Machine, *, was_asleep: bool) -> bool:
    """Whether a Machine is healthy, or sleeps as it did before or as its config allows, and not since a crash."""
    sleeps = machine.state in ASLEEP and crash(machine) is None
    return machine.is_healthy or (sleeps and (was_asleep or may_sleep(machine)))


def may_sleep(machine: Machine) -> bool:
    """Whether its config lets Fly put the Machine to sleep, or it waits for another to fail."""
    services = machine.config.get("services") or []
    return machine.is_standby or any(service.get("autostop") in {True, "stop", "suspend"} for service in services)


def crash(machine: Machine) -> Exit | None:
    """The newest exit, where it was a crash that the Machine does not come out of; else None."""
    newest = machine.exit
    if newest is None or newest.requested_stop or newest.exit_code == 0 or _is_old(machine, newest):
        return None
    is_lasting = (newest.restarting and newest.restart_count > 1) or machine.state in {"stopped", "failed"}
    return newest if is_lasting else None


def _is_old(machine: Machine, ended: Exit) -> bool:
    """Whether the exit lies before the newest start, so that it says nothing of what runs now."""
    return bool(ended.at and machine.started_at and ended.at < machine.started_at and not ended.restarting)
