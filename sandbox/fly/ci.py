"""Deployments that somebody else makes: what `flyctl deploy --image` of a CI job does, on the world itself.

Source: superfly/flyctl, internal/command/deploy (rolling strategy)
"""

from __future__ import annotations

import shlex
from typing import Any

from sandbox.fly import checks, configs
from sandbox.fly.errors import ApiError
from sandbox.fly.images import FLY_REGISTRY
from sandbox.fly.leases_api import grant
from sandbox.fly.lifecycle import Lifecycle
from sandbox.fly.machine import JOB_GROUPS, Machine
from sandbox.fly.model import RELEASE_COMMAND_GROUP, App, Release
from sandbox.fly.releases_api import create_release, newest_first
from sandbox.fly.world import World
from sandbox.kit import ControlError, Json

OWNER = "ci@tokens.fly.io"
FLYCTL_VERSION = "0.4.60"
TIMEOUT_S = 300.0
LEASE_S = 3600.0
# How long flyctl tries to get a lease that somebody else holds.
LEASE_PATIENCE_S = 60.0


class DeployError(Exception):
    """Why a deployment failed, in words of flyctl."""


class Ci:
    """Deploys with the organisation's rights, without going through the API."""

    def __init__(self, world: World, lifecycle: Lifecycle) -> None:
        self._world = world
        self._lifecycle = lifecycle

    async def deploy(self, app_name: str, image: str, definition: Json | None = None) -> Json:
        """Release an image to every Machine of an app (the first Machine if there is none); how it ended.

        `image` is a label of the app's own repository or a whole reference. Returns `{"version", "status", "error"}`.
        """
        app = self._app(app_name)
        reference = image if "/" in image else f"{FLY_REGISTRY}/{app_name}:{image}"
        if configs.resolve(self._world, app.organization, reference) is None:
            raise ControlError(f"no image {reference}")
        known = newest_first(app)
        definition = definition or (known[0].definition if known else {})
        release = create_release(
            self._world, app, image=reference, definition=definition, strategy="ROLLING", user=OWNER
        )
        release.status, error = "running", ""
        try:
            await self._roll_out(app, release)
        except (DeployError, ApiError) as reason:
            error = str(reason)
        release.status, release.updated_at = ("failed" if error else "complete"), self._world.now()
        release.metadata = {"post_deployment_info": {"flyctl_version": FLYCTL_VERSION, "error": error}}
        self._world.touch()
        return {"version": release.version, "status": release.status, "error": error}

    async def _roll_out(self, app: App, release: Release) -> None:
        command = (release.definition.get("deploy") or {}).get("release_command")
        if command:
            await self._run_release_command(app, release, command)
        machines = [m for m in app.active_machines() if m.process_group not in JOB_GROUPS]
        if not machines:
            await self._check_health(self._create(app, release, machine_config(release)))
            return
        await self._lease_all(machines)
        try:
            for machine in machines:
                await self._update(app, machine, release)
        finally:
            for machine in machines:
                machine.lease = None

    async def _lease_all(self, machines: list[Machine]) -> None:
        def free() -> bool:
            return not any(machine.lease_at(self._world.now()) for machine in machines)

        if not await self._world.wait_until(free, LEASE_PATIENCE_S, every_s=1.0):
            raise DeployError("failed to acquire leases: lease currently held")
        for machine in machines:
            grant(self._world, machine, OWNER, LEASE_S, "flyctl deploy")

    async def _update(self, app: App, machine: Machine, release: Release) -> None:
        ran = machine.wants_to_run
        metadata = {**(machine.config.get("metadata") or {}), **release_metadata(release)}
        config = {**machine.config, "image": release.image_ref, "metadata": metadata}
        image = configs.pulled(self._world, app, config)
        self._lifecycle.update(machine, config=config, image=image, launch=ran)
        self._world.touch()
        if ran:
            await self._check_health(machine)

    async def _run_release_command(self, app: App, release: Release, command: str) -> None:
        config = machine_config(release)
        config.pop("services", None)
        config["metadata"]["fly_process_group"] = RELEASE_COMMAND_GROUP
        config |= {"init": {"cmd": shlex.split(command)}, "auto_destroy": True, "restart": {"policy": "no"}}
        machine = self._create(app, release, config)
        await self._world.wait_until(lambda: machine.state == "destroyed", TIMEOUT_S)
        codes = [run["exit_code"] for run in app.release_commands if run["machine_id"] == machine.id]
        if codes != [0]:
            code = codes[0] if codes else "unknown"
            raise DeployError(f"machine {machine.id} exited with non-zero status of {code}")

    def _create(self, app: App, release: Release, config: Json) -> Machine:
        config = configs.accepted(config)
        region = release.definition.get("primary_region") or next(iter(self._world.regions))
        image = configs.pulled(self._world, app, config)
        return self._lifecycle.create(app, name="", region=region, config=config, image=image, launch=True, by=OWNER)

    async def _check_health(self, machine: Machine) -> None:
        wanted = len(checks.configured(machine.config))

        def healthy() -> bool:
            found = checks.results(machine, self._world.durations, self._world.now())
            return machine.state == "started" and [c["status"] for c in found] == ["passing"] * wanted

        if not await self._world.wait_until(healthy, TIMEOUT_S, every_s=1.0):
            raise DeployError(f"timeout reached waiting for health checks to pass for machine {machine.id}")

    def _app(self, name: str) -> App:
        if name not in self._world.apps:
            raise ControlError(f"no app {name}")
        return self._world.apps[name]


def release_metadata(release: Release) -> dict[str, str]:
    return {"fly_release_id": release.id, "fly_release_version": str(release.version)}


def machine_config(release: Release) -> Json:
    """The configuration that flyctl makes of a release's definition."""
    definition = release.definition
    metadata = {"fly_platform_version": "v2", "fly_process_group": "app", **release_metadata(release)}
    environment = {**(definition.get("env") or {}), "FLY_PROCESS_GROUP": "app"}
    if definition.get("primary_region"):
        environment["PRIMARY_REGION"] = definition["primary_region"]
    config: dict[str, Any] = {"image": release.image_ref, "env": environment, "metadata": metadata}
    sizes = definition.get("vm") or []
    if sizes:
        config["guest"] = {"cpu_kind": "shared", "cpus": 1, "memory_mb": sizes[0].get("memory_mb", 1024)}
    if definition.get("http_service"):
        config["services"] = [_service(definition["http_service"])]
    return config


def _service(http: Json) -> Json:
    checks_of = [{"type": "http", "method": "GET", **check} for check in http.get("checks") or []]
    return {
        "protocol": "tcp",
        "internal_port": http["internal_port"],
        "ports": [
            {"port": 80, "handlers": ["http"], "force_https": http.get("force_https", False)},
            {"port": 443, "handlers": ["http", "tls"]},
        ],
        "autostop": http.get("auto_stop_machines", "off"),
        "autostart": http.get("auto_start_machines", True),
        "min_machines_running": http.get("min_machines_running", 0),
        "checks": checks_of,
    }
