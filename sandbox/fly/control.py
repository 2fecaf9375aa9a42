"""What a person makes happen in the simulated Fly, beside the API: each is a method and a control action.

`POST /_control/do/<name>` takes the method's arguments as a JSON object.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

from sandbox.fly import many, proxy, seeding, snapshots
from sandbox.fly.apps_api import create_app, destroy_app
from sandbox.fly.boots import CRASH_AFTER_S
from sandbox.fly.ci import Ci
from sandbox.fly.errors import ApiError
from sandbox.fly.images import FLY_REGISTRY, ImageName, build
from sandbox.fly.leases_api import grant
from sandbox.fly.lifecycle import Lifecycle
from sandbox.fly.machine import Machine, Sickness
from sandbox.fly.model import App, Token, Volume
from sandbox.fly.standbys import Standbys
from sandbox.fly.volumes_api import extend_volume
from sandbox.fly.world import World
from sandbox.kit import Action, ControlError, Json


class Control:
    """Acts on a world with nobody's token."""

    def __init__(self, world: World, lifecycle: Lifecycle, seed: Json) -> None:
        self.world = world
        self.lifecycle = lifecycle
        self.ci = Ci(world, lifecycle)
        self._seed = seed

    def actions(self) -> dict[str, Action]:
        """Every method below under its name."""
        synchronous: list[Callable[..., Json]] = [
            self.lease,
            self.release_lease,
            self.push_image,
            self.delete_image,
            self.crash,
            self.start_machine,
            self.stop_machine,
            self.destroy_machine,
            self.set_health,
            self.visit,
            self.create_app,
            self.destroy_app,
            self.many_apps,
            self.configure_host,
            self.destroy_volume,
            self.extend_volume,
            self.add_token,
            self.reset,
        ]
        return {act.__name__: partial(self._run, act) for act in synchronous} | {"deploy": self._deploy}

    async def _run(self, act: Callable[..., Json], arguments: Json) -> Json:
        self.world.settle()
        try:
            return act(**arguments)
        except ApiError as error:
            raise ControlError(error.text) from None
        finally:
            self.world.touch()

    async def _deploy(self, arguments: Json) -> Json:
        return await self.ci.deploy(arguments["app"], arguments["image"], arguments.get("definition"))

    def lease(self, machine: str, owner: str = "somebody@example.com", seconds: float = 60.0) -> Json:
        """Somebody else holds the lease of a Machine."""
        lease = grant(self.world, self.machine(machine), owner, seconds, "flyctl deploy")
        return {"owner": lease.owner, "expires_at": lease.expires_at}

    def release_lease(self, machine: str) -> Json:
        self.machine(machine).lease = None
        return {}

    def push_image(
        self,
        label: str,
        app: str = "",
        repository: str = "",
        labels: dict[str, str] | None = None,
        content: str = "",
    ) -> Json:
        """Push an image under a label to an app's repository, or to any; other `content` gives another digest."""
        path = ImageName.parse(repository or f"{FLY_REGISTRY}/{app}").path
        image = build(path, labels or {}, content=content or label, at=self.world.now())
        self.world.registry.push(path, label, image)
        return {"reference": f"{path}:{label}", "digest": image.digest}

    def delete_image(self, app: str, label: str) -> Json:
        self.world.registry.delete(f"{FLY_REGISTRY}/{app}", label)
        return {}

    def crash(
        self, machine: str, exit_code: int = 1, *, loops: bool = False, oom: bool = False, line: str = ""
    ) -> Json:
        """The main process of a running Machine ends, after logging `line`; its restart policy decides what follows.

        `loops`: every later start of this version ends the same way. `oom`: the kernel killed it.
        """
        found = self._started(machine)
        if loops:
            found.boot.exit_after_s, found.boot.exit_code = CRASH_AFTER_S, exit_code
        if line:
            self.world.log(found, self.world.now(), line)
        self.lifecycle.exit(found, self.world.now(), code=exit_code)
        request = next(event["request"] for event in found.events if event["type"] == "exit")
        for report in (request["exit_event"], request["MonitorEvent"]["exit_event"]):
            report["oom_killed"] = oom
        return {"state": found.state}

    def start_machine(self, machine: str) -> Json:
        found = self.machine(machine)
        if not found.wants_to_run:
            self.lifecycle.start(found)
        return {"state": found.state}

    def stop_machine(self, machine: str) -> Json:
        found = self._started(machine)
        self.lifecycle.stop(found)
        return {"state": found.state}

    def destroy_machine(self, machine: str) -> Json:
        """Destroy a Machine, whatever it does; its volume stays."""
        found = self.machine(machine)
        if not found.is_active:
            raise ControlError(f"machine {machine} is {found.state}")
        self.lifecycle.destroy(found)
        return {"state": found.state}

    def set_health(self, machine: str, status: str = "critical", output: str = "", check: str | None = None) -> Json:
        """The checks (or one) of a running Machine turn to a status now; `passing` heals them."""
        found = self._started(machine)
        assert found.started_at is not None
        if status == "passing":
            found.boot.sickness = None
        else:
            age_s = self.world.now() - found.started_at
            found.boot.sickness = Sickness(status, output or Sickness.output, age_s, check)
        return {}

    def visit(self, app: str) -> Json:
        """Somebody opens the app: the proxy starts a stopped Machine where `autostart` allows it."""
        found = self.app(app)
        proxy.request(self.lifecycle, found, self.world.now())
        return {"states": {machine.id: machine.state for machine in found.active_machines()}}

    def many_apps(
        self, count: int, organization: str = "personal", prefix: str = "load", *, databases: bool = False
    ) -> Json:
        """So many sleeping review apps at once, each with a database of its own if wanted."""
        found = self.world.organization(organization)
        if found is None:
            raise ControlError(f"no organization {organization}")
        return many.add(self.world, found, count, prefix, databases=databases)

    def create_app(self, name: str, organization: str, role: str | None = None) -> Json:
        found = self.world.organization(organization)
        if found is None:
            raise ControlError(f"no organization {organization}")
        app = create_app(self.world, name, found, role=role)
        app.created_at -= self.world.durations.app_replication_s
        return {"name": app.name}

    def configure_host(self, app: str, hostname: str) -> Json:
        """Somebody sets the DNS of a host name as its certificate asks for: it is issued at the next check."""
        certificate = self.app(app).certificates.get(hostname)
        if certificate is None:
            raise ControlError(f"no certificate for {hostname}")
        certificate.configured = True
        return {}

    def destroy_app(self, name: str) -> Json:
        destroy_app(self.world, self.app(name))
        return {}

    def destroy_volume(self, app: str, volume: str) -> Json:
        """Destroy a volume that no Machine has."""
        found = self._volume(app, volume)
        if found.attached_machine_id:
            raise ControlError(f"volume {volume} is attached to machine {found.attached_machine_id}")
        snapshots.destroy(self.world, self.app(app), found)
        return {"state": found.state}

    def extend_volume(self, app: str, volume: str, size_gb: int) -> Json:
        """Make a volume larger, as `fly volumes extend` does."""
        needs_restart = extend_volume(self.world, self.app(app), self._volume(app, volume), size_gb)
        return {"needs_restart": needs_restart}

    def _volume(self, app: str, volume: str) -> Volume:
        found = self.app(app).volumes.get(volume)
        if found is None or found.is_gone:
            raise ControlError(f"no volume {volume}")
        return found

    def add_token(self, **token: Any) -> Json:
        """A further token: `text`, `organization`, and what `Token` has besides."""
        self.world.tokens[token["text"]] = Token(**token)
        return {}

    def reset(self) -> Json:
        """Back to the seed, with every fault switched off."""
        self.world.faults.clear()
        seeding.load(self.world, copy.deepcopy(self._seed))
        self.world.watches.append(Standbys(self.world, self.lifecycle))
        return {}

    def app(self, name: str) -> App:
        """An app by name; ControlError if there is none."""
        if name not in self.world.apps:
            raise ControlError(f"no app {name}")
        return self.world.apps[name]

    def machine(self, machine_id: str) -> Machine:
        """A Machine by id; ControlError if there is none."""
        found = self.world.find_machine(machine_id)
        if found is None:
            raise ControlError(f"no machine {machine_id}")
        return found

    def _started(self, machine_id: str) -> Machine:
        found = self.machine(machine_id)
        if found.state != "started":
            raise ControlError(f"machine {machine_id} is {found.state}, not started")
        return found
