"""What a person at the page does at Fly: with Machines, apps, images and volumes, and what they read in the logs."""

from __future__ import annotations

from typing import Any

from sandbox.fly.machine import Machine
from sandbox.fly.model import App
from sandbox.github.git import Commit
from sandbox.kit import ControlError, Json
from sandbox.page.bodies import Act, get, maybe
from sandbox.stack import Simulators

LOG_LINES_SHOWN = 100
# What can be done with a Machine: the control action, and what it is given besides the Machine.
MACHINE_DEEDS: dict[str, tuple[str, Json]] = {
    "start": ("start_machine", {}),
    "stop": ("stop_machine", {}),
    "crash": ("crash", {"line": "** (exit) killed by a person at the page"}),
    "crash_loop": ("crash", {"loops": True, "line": "** (Mix) Could not start application reify"}),
    "out_of_memory": ("crash", {"exit_code": 137, "oom": True, "line": "Out of memory: Killed process 318 (beam.smp)"}),
    "fail_checks": ("set_health", {"status": "critical", "output": "500 Internal Server Error"}),
    "heal_checks": ("set_health", {"status": "passing"}),
    "lease": ("lease", {"owner": "somebody@example.com", "seconds": 60.0}),
    "release_lease": ("release_lease", {}),
    "destroy": ("destroy_machine", {}),
}


class FlyHands:
    """The hands of somebody who may do everything; what makes no sense is a ControlError with a sentence."""

    def __init__(self, simulators: Simulators) -> None:
        self._fly = simulators.fly
        self._github = simulators.github

    def acts(self) -> dict[str, Act]:
        """Each act by its path below `/api/`."""
        return {
            "fly/machine": self.machine,
            "fly/visit": self.visit,
            "fly/create": self.create,
            "fly/destroy": self.destroy,
            "fly/image": self.image,
            "fly/deploy": self.deploy,
            "fly/volume": self.volume,
            "fly/extend": self.extend,
            "fly/logs": self.logs,
        }

    async def machine(self, body: Json) -> Json:
        """`do` (see `MACHINE_DEEDS`) something with the Machine `machine`."""
        do = get(body, "do", str)
        if do not in MACHINE_DEEDS:
            raise ControlError(f"`do` is one of {', '.join(MACHINE_DEEDS)}.")
        machine = self._machine(body)
        if do in {"start", "stop"} and not self._fly.world.host_is_reachable(machine):
            raise ControlError(f"The host of {machine.id} cannot be reached: the Machine can only be destroyed.")
        if do == "start" and machine.wants_to_run:
            raise ControlError(f"{machine.id} is {machine.state} already.")
        action, more = MACHINE_DEEDS[do]
        return await self._do(action, machine=machine.id, **more)

    async def visit(self, body: Json) -> Json:
        """Somebody requests a page of `app`, which wakes a Machine that may be woken."""
        app = self._app(body)
        if not any(machine.config.get("services") for machine in app.active_machines()):
            raise ControlError(f"{app.name} has no Machine with a service, so nobody can visit it.")
        await self._do("visit", app=app.name)
        answers = any(machine.wants_to_run for machine in app.active_machines())
        if not answers:
            raise ControlError(f"No Machine of {app.name} runs, and none may be started by a request (autostart).")
        return {}

    async def create(self, body: Json) -> Json:
        """A new, empty app `name` in `organization`."""
        organization = get(body, "organization", str)
        if self._fly.world.organization(organization) is None:
            raise ControlError(f"There is no organization {organization}.")
        return await self._do("create_app", name=get(body, "name", str).strip(), organization=organization)

    async def destroy(self, body: Json) -> Json:
        """Destroy `app` with its Machines, volumes, addresses and secrets."""
        return await self._do("destroy_app", name=self._app(body).name)

    async def image(self, body: Json) -> Json:
        """Push an image of `commit` (a hash, branch or tag) to the repository of `app`, as CI would."""
        app, commit = self._app(body), self._commit(body)
        return await self._do("push_image", app=app.name, label=f"sha-{commit.sha}", labels={"GH_SHA": commit.sha})

    async def deploy(self, body: Json) -> Json:
        """Release `image` (a label in the repository of `app`) as somebody with flyctl would; answers at its end."""
        app = self._app(body)
        ended = await self._do("deploy", app=app.name, image=get(body, "image", str))
        if ended["error"]:
            raise ControlError(f"v{ended['version']} failed: {ended['error']}")
        return ended

    async def volume(self, body: Json) -> Json:
        """Destroy the volume `volume` of `app`, unless a Machine has it."""
        return await self._do("destroy_volume", app=self._app(body).name, volume=get(body, "volume", str))

    async def extend(self, body: Json) -> Json:
        """Make the volume `volume` of `app` larger, to `size_gb`; `needs_restart`: its file system grows only then."""
        volume, size_gb = get(body, "volume", str), get(body, "size_gb", int)
        return await self._do("extend_volume", app=self._app(body).name, volume=volume, size_gb=size_gb)

    async def logs(self, body: Json) -> Json:
        """The newest lines of `app`, of one `machine` if given, oldest first: `at` in Unix seconds."""
        app, wanted = self._app(body), maybe(body, "machine", str)
        self._fly.world.settle()
        lines = [line for line in app.logs if wanted in {None, line.instance}][-LOG_LINES_SHOWN:]
        fields = ("id", "message", "level", "instance", "region", "provider")
        return {"lines": [{"at": line.at_ns / 1e9} | {key: getattr(line, key) for key in fields} for line in lines]}

    def _app(self, body: Json) -> App:
        name = get(body, "app", str)
        app = self._fly.world.apps.get(name)
        if app is None:
            raise ControlError(f"There is no app {name}.")
        return app

    def _machine(self, body: Json) -> Machine:
        machine_id = get(body, "machine", str)
        self._fly.world.settle()
        machine = self._fly.world.find_machine(machine_id)
        if machine is None or not machine.is_active:
            raise ControlError(f"There is no Machine {machine_id}.")
        return machine

    def _commit(self, body: Json) -> Commit:
        name = get(body, "commit", str)
        for repository in self._github.world.repositories.values():
            commit = repository.git.resolve(name)
            if commit is not None:
                return commit
        raise ControlError(f"There is no commit {name}.")

    async def _do(self, action: str, **arguments: Any) -> Json:
        done: Json = await self._fly.actions()[action](arguments)
        return done
