"""The few faults that matter to a deployment, each as a switch for one app of the simulated Fly."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.fly import FlySimulator
from sandbox.github import GitHubSimulator
from sandbox.kit import ControlError, Fault, Faults, Json

SLOW_BOOT_S = 45.0
REFUSALS = 3
SOMEBODY = "eve@reify.example"


@dataclass(frozen=True)
class Switch:
    """One fault that can be switched on for an app; `meaning` says what happens while it is on.

    One of GitHub's is made for the environment that the app is there.
    """

    name: str
    label: str
    meaning: str
    make: Callable[[str], Fault]
    is_of_github: bool = False


def _change_of_a_machine(app: str) -> str:
    """The path of requests that create or update a Machine of this app."""
    return rf"^/v1/apps/{re.escape(app)}/machines(/[^/]+)?$"


def _unhealthy(app: str) -> Fault:
    return Fault("unhealthy", target=app)


def _release_command_fails(app: str) -> Fault:
    return Fault("release_command_fails", target=app)


def _slow_boot(app: str) -> Fault:
    return Fault("slow_boot", target=app, seconds=SLOW_BOOT_S)


def _crash_loop(app: str) -> Fault:
    return Fault("crash_loop", target=app)


def _lease_held(app: str) -> Fault:
    return Fault("lease_held", target=app, detail={"owner": SOMEBODY})


def _rate_limited(app: str) -> Fault:
    body = {"error": "rate limit exceeded"}
    path = _change_of_a_machine(app)
    return Fault(
        "status", method="POST", path=path, status=429, times=REFUSALS, headers={"retry-after": "1"}, body=body
    )


def _dropped(app: str) -> Fault:
    return Fault("drop_after", method="POST", path=_change_of_a_machine(app), times=1)


def _approval(environment: str) -> Fault:
    return Fault("approval_required", target=environment)


SWITCHES = (
    Switch("unhealthy", "Unhealthy checks", "Checks fail after the next update or creation.", _unhealthy),
    Switch(
        "release_command_fails", "Failing release command", "The release command exits with 1.", _release_command_fails
    ),
    Switch("slow_boot", "Slow boot", f"Each start takes {SLOW_BOOT_S:.0f} s longer.", _slow_boot),
    Switch("crash_loop", "Crash loop", "A Machine exits a second after each start.", _crash_loop),
    Switch("lease_held", "Lease held", f"{SOMEBODY} takes each lease first, for 13 s.", _lease_held),
    Switch("rate_limited", f"429, {REFUSALS} times", "The next Machine changes are refused with 429.", _rate_limited),
    Switch("dropped", "Dropped answer, once", "The next Machine change is done, but its answer is lost.", _dropped),
    Switch(
        "approval_required",
        "CI approval",
        "The workflow's job waits until somebody approves it.",
        _approval,
        is_of_github=True,
    ),
)
BY_NAME = {switch.name: switch for switch in SWITCHES}


class Switchboard:
    """Which switches are on; one that is used up, or cleared elsewhere, is off by itself."""

    def __init__(self, fly: FlySimulator, github: GitHubSimulator) -> None:
        self._fly = fly
        self._github = github
        self._ids: dict[tuple[str, str], int] = {}

    def turn(self, app: str, name: str, *, on: bool) -> None:
        """Switch a fault of an app on or off; ControlError for an unknown name, no effect where it is so already."""
        if name not in BY_NAME:
            raise ControlError(f"There is no fault {name!r}; there are {', '.join(BY_NAME)}.")
        if on == ((app, name) in self._on()):
            return
        if on:
            self._ids[app, name] = self._faults(name).add(self._made(app, BY_NAME[name])).id
        else:
            self._faults(name).remove(self._ids.pop((app, name)))

    def clear(self) -> None:
        """Switch off what was switched on here; faults from elsewhere stay."""
        for (_, name), fault_id in self._ids.items():
            self._faults(name).remove(fault_id)
        self._ids.clear()

    def state(self) -> Json:
        """What there is, and what is on, in the order in which it was switched on."""
        offered = [{"name": s.name, "label": s.label, "meaning": s.meaning} for s in SWITCHES]
        return {"offered": offered, "on": [{"app": app, "fault": name} for app, name in self._on()]}

    def _on(self) -> list[tuple[str, str]]:
        live = {name: {fault.id for fault in self._faults(name).all()} for name in BY_NAME}
        self._ids = {key: fault_id for key, fault_id in self._ids.items() if fault_id in live[key[1]]}
        return list(self._ids)

    def _faults(self, name: str) -> Faults:
        return self._github.faults if BY_NAME[name].is_of_github else self._fly.faults

    def _made(self, app: str, switch: Switch) -> Fault:
        return switch.make(self._environment(app) if switch.is_of_github else app)

    def _environment(self, app: str) -> str:
        workflows = [each for repo in self._github.world.repositories.values() for each in repo.workflows]
        jobs = (job for workflow in workflows for job in workflow.newest.jobs)
        environment = next((job.environment for job in jobs if job.app == app and job.environment), None)
        if environment is None:
            raise ControlError(f"No workflow deploys {app}.")
        return environment
