"""What a fault can be aimed at: lists of targets, as they are in the world now, each with words for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from sandbox.fly.model import App
from sandbox.github.hooks import EVENTS
from sandbox.github.workflows import JobSpec, Workflow
from sandbox.kit import ControlError
from sandbox.stack import Simulators

Option = dict[str, str]
COMMITS_SHOWN = 15
SHORT = len("sha-") + 7
PAYLOADS = {
    "slash_command": "any command",
    "block_actions": "any click",
    "view_submission": "any form sent",
    "block_suggestion": "any search in a menu",
    "event_callback": "any event",
}


class Menus:
    """The menus by name; none holds a secret."""

    def __init__(self, simulators: Simulators) -> None:
        self._simulators = simulators
        self._menus: dict[str, Callable[[], Iterator[Option]]] = {
            "app": self._apps,
            "machine": self._machines,
            "organization": self._organizations,
            "place": self._places,
            "image": self._images,
            "commit": self._commits,
            "step": self._steps,
            "workflow": self._workflow_files,
            "environment": self._environments,
            "event": self._events,
            "payload": self._payloads,
        }

    def options(self, menu: str) -> list[Option]:
        """The targets of a menu as they are now; ControlError where there is none of that name."""
        if menu not in self._menus:
            raise ControlError(f"There is no menu {menu!r}; there are {', '.join(self._menus)}.")
        return list(self._menus[menu]())

    def label(self, menu: str, target: str) -> str | None:
        """The words for a target; None where there is no such menu, or no such target in it."""
        options = self._menus[menu]() if menu in self._menus else ()
        return next((option["label"] for option in options if option["value"] == target), None)

    def _apps(self) -> Iterator[Option]:
        return (_option(app.name) for app in self._fly_apps())

    def _organizations(self) -> Iterator[Option]:
        return (_option(slug) for slug in self._simulators.fly.world.organizations)

    def _fly_apps(self) -> list[App]:
        return list(self._simulators.fly.world.apps.values())

    def _machines(self) -> Iterator[Option]:
        yield from self._apps()
        yield from self._single_machines()

    def _single_machines(self) -> Iterator[Option]:
        for app in self._fly_apps():
            for machine in (each for each in app.active_machines() if not each.is_job):
                yield _option(machine.id, f"{app.name} {machine.region} {machine.id}")

    def _places(self) -> Iterator[Option]:
        yield from (_option(code, f"{code} {name}") for code, name in self._simulators.fly.world.regions.items())
        yield from self._single_machines()

    def _images(self) -> Iterator[Option]:
        for path, repository in self._simulators.fly.world.registry.repositories.items():
            name = path.partition("/")[2]
            for tag in repository.tags:
                yield _option(f"{name}:{tag}", f"{name} {self._name_of(tag) or tag}")

    def _name_of(self, label: str) -> str:
        sha = label.removeprefix("sha-")
        for repository in self._simulators.github.world.repositories.values():
            if sha in repository.git.commits:
                return f"{sha[:7]} {repository.git.commits[sha].title}"
        return ""

    def _commits(self) -> Iterator[Option]:
        for repository in self._simulators.github.world.repositories.values():
            newest = islice(reversed(repository.git.commits.values()), COMMITS_SHOWN)
            yield from (_option(commit.sha, f"{commit.sha[:7]} {commit.title}") for commit in newest)

    def _workflows(self) -> Iterator[Workflow]:
        for repository in self._simulators.github.world.repositories.values():
            yield from repository.workflows

    def _jobs(self) -> Iterator[JobSpec]:
        return (job for workflow in self._workflows() for job in workflow.newest.jobs)

    def _steps(self) -> Iterator[Option]:
        names = {f"{job.name}/{step.name}": None for job in self._jobs() for step in job.steps}
        return (_option(name, name.replace("/", ": ", 1)) for name in names)

    def _workflow_files(self) -> Iterator[Option]:
        return (_option(workflow.file) for workflow in self._workflows())

    def _environments(self) -> Iterator[Option]:
        return (_option(name) for name in {job.environment: None for job in self._jobs() if job.environment})

    def _events(self) -> Iterator[Option]:
        return (_option(event) for event in sorted(EVENTS))

    def _payloads(self) -> Iterator[Option]:
        yield from (_option(kind, label) for kind, label in PAYLOADS.items())
        world = self._simulators.slack.world
        yield from (_option(command["command"]) for command in world.app.commands)
        yield from (_option(user.id, f"from {user.name}") for user in world.users.values() if not user.is_bot)


def _option(value: str, label: str = "") -> Option:
    return {"value": value, "label": label or value}
