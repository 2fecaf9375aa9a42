"""What the health checks of a Machine say, computed from when it started.

Source: https://fly.io/docs/reference/health-checks/ and superfly/fly-go, machine_types.go (names of checks)
"""

from __future__ import annotations

from sandbox.fly.ids import rfc3339
from sandbox.fly.machine import Machine, Sickness, seconds_of
from sandbox.fly.model import Durations
from sandbox.kit import Json

# Below this path the image of Postgres answers its checks, on a port of its own.
OWN_CHECKS = "/flycheck/"
WAITING = "waiting for status update"
HEALTHY_OUTPUTS = {"http": "200 OK", "tcp": "Success"}


def configured(config: Json) -> dict[str, Json]:
    """Every configured check by the name under which its result appears."""
    checks = dict(config.get("checks") or {})
    number = 0
    for service in config.get("services") or []:
        for check in service.get("checks") or []:
            port = check.get("port") or service.get("internal_port")
            checks[f"servicecheck-{number:02d}-{check.get('type', 'tcp')}-{port}"] = check
            number += 1
    return checks


def results(machine: Machine, durations: Durations, now: float) -> list[Json]:
    """Results at this time: those of the last run while it does not run, none before the first probe."""
    if machine.state != "started" or machine.started_at is None:
        return machine.last_checks
    if now < machine.started_at + durations.first_probe_s:
        return []
    return [_result(machine, machine.started_at, n, check, now) for n, check in configured(machine.config).items()]


def _result(machine: Machine, started_at: float, name: str, check: Json, now: float) -> Json:
    listening_at = started_at + machine.boot.listens_after_s
    sick = machine.boot.sickness
    if sick is not None and (sick.check is None or sick.check == name):
        failing_at = _failing_at(sick, started_at, listening_at, check)
        if now >= failing_at:
            return _json(name, sick.status, sick.output, failing_at)
        if not sick.after_s:
            return _json(name, "warning", WAITING, started_at)
    if now < listening_at:
        return _json(name, "warning", WAITING, started_at)
    path = str(check.get("path") or "")
    if machine.vitals is not None and path.startswith(OWN_CHECKS):
        return _said(machine, name, machine.vitals(path.removeprefix(OWN_CHECKS)), now)
    healthy = HEALTHY_OUTPUTS.get(check.get("type", "tcp"), "")
    return _json(name, "passing", machine.outputs.get(name, healthy), listening_at)


def _said(machine: Machine, name: str, said: tuple[str, str], now: float) -> Json:
    """A result of the image's own checks, with the time at which its status changed."""
    status, output = said
    known = machine.said.get(name)
    if known is None or known[0] != status or known[1] < (machine.started_at or 0):
        at = (machine.started_at or now) + machine.boot.listens_after_s
        machine.said[name] = (status, now if known and known[1] >= at else at)
    return _json(name, status, output, machine.said[name][1])


def _failing_at(sick: Sickness, started_at: float, listening_at: float, check: Json) -> float:
    # Failures within the grace period do not count.
    return max(started_at + max(sick.after_s, seconds_of(check.get("grace_period"))), listening_at)


def _json(name: str, status: str, output: str, at: float) -> Json:
    return {"name": name, "status": status, "output": output, "updated_at": rfc3339(at)}


def phase(machine: Machine, durations: Durations, now: float) -> object:
    """Changes whenever `results` would: cheaper to ask than all results of a Machine that nothing ails."""
    if machine.state != "started" or machine.started_at is None:
        return None
    if machine.boot.sickness is not None:
        return [(check["status"], check["output"]) for check in results(machine, durations, now)]
    age_s = now - machine.started_at
    vitals = [machine.vitals(name) for name in machine.config.get("checks") or ()] if machine.vitals else None
    return age_s < durations.first_probe_s, age_s < machine.boot.listens_after_s, vitals
