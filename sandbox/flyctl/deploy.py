"""One `flyctl deploy --image`, from the app to the end of its release.

Source: superfly/flyctl, internal/command/deploy (deploy.go, machines_deploymachinesapp.go,
machines_releasecommand.go).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence

from sandbox.flyctl import configs
from sandbox.flyctl.api import Api, FlyError
from sandbox.flyctl.leases import Leases
from sandbox.kit import Json

RESERVED = frozenset({configs.RELEASE_COMMAND_GROUP, "fly_app_test_machine_command", "fly_app_console"})
WAIT_S, SMOKE_S, POLL_S = 300.0, 10.0, 1.0
MAX_UNAVAILABLE, COLD_AT_ONCE = 0.33, 30
# Highly available by default: two of a group with services.
FIRST_MACHINES = 2
IMAGE = "query($app: String!, $ref: String!) { app(name: $app) { image(ref: $ref) { id ref digest } } }"
DEFINITION = "query($app: String!) { app(name: $app) { currentReleaseUnprocessed { configDefinition } } }"
EGRESS = "query($app: String!) { app(name: $app) { egressIpAddresses { nodes { ip } } } }"


class DeployError(Exception):
    """Why a deployment failed, as flyctl would say it."""


class Deploy:
    """Deploys `image` to `app`; `config` is fly.toml as JSON, empty takes that of the last release."""

    def __init__(
        self,
        api: Api,
        app: str,
        image: str,
        config: Json,
        say: Callable[[str], None],
        *,
        highly_available: bool = True,
    ) -> None:
        self._api = api
        self._app = app
        self._image = image
        self._config = config
        self._say = say
        self._first_machines = FIRST_MACHINES if highly_available else 1
        self._path = f"/v1/apps/{app}"
        self._release: Json = {}

    async def run(self) -> int:
        """The exit code: 1 with an `Error:` line where it failed."""
        try:
            await self._deploy()
        except (DeployError, FlyError) as error:
            self._say(f"Error: {error}")
            return 1
        self._say(f"Visit your newly deployed app at https://{self._app}.fly.dev/")
        return 0

    async def _deploy(self) -> None:
        self._say(f"==> Verifying app config\nPlatform: machines\nWatch your deployment at {self._app}")
        app = await self._api.call("GET", self._path)
        self._config = self._config or await self._last_config()
        await self._api.call("GET", f"/api/v1/organizations/{app['organization']['slug']}")
        build = await self._api.call("POST", "/api/v1/builds", {"app_name": self._app})
        image = await self._resolved()
        machines = await self._machines()
        if not machines:
            await self._allocate_addresses()
        await self._begin_release(image)
        await self._within_release(image, machines)
        finish = {"app_name": self._app, "build_id": build["id"], "status": "completed"}
        await self._api.call("POST", "/api/v1/builds/finish", finish)
        await self._api.call("GET", f"{self._path}/ip_assignments")

    async def _last_config(self) -> Json:
        found = (await self._api.graphql(DEFINITION, {"app": self._app}))["app"]["currentReleaseUnprocessed"]
        if not found:
            raise DeployError("the config for your app is missing")
        config: Json = found["configDefinition"]
        return config

    async def _resolved(self) -> str:
        """The reference with its digest, as Machines get it."""
        found = (await self._api.graphql(IMAGE, {"app": self._app, "ref": self._image}))["app"]["image"]
        if found is None:
            raise DeployError(f"failed to fetch an image or build from source: Could not find image {self._image!r}")
        self._say(f"image: {found['ref']}")
        return str(found["ref"])

    async def _machines(self) -> list[Json]:
        """The app's Machines that flyctl manages, by id."""
        listed = await self._api.call("GET", f"{self._path}/machines")
        return sorted((machine for machine in listed if _is_managed(machine)), key=lambda machine: str(machine["id"]))

    async def _allocate_addresses(self) -> None:
        if (await self._api.call("GET", f"{self._path}/ip_assignments"))["ips"]:
            return
        for kind in ("v6", "shared_v4"):
            await self._api.call("POST", f"{self._path}/ip_assignments", {"type": kind})

    async def _begin_release(self, image: str) -> None:
        body = {
            "app_name": self._app,
            "build_id": 0,
            "definition": self._config,
            "image": image,
            "strategy": "ROLLING",
        }
        self._release = (await self._api.call("POST", "/api/v1/releases", body))["release"]
        await self._api.graphql(EGRESS, {"app": self._app})
        await self._patch_release("running", None)

    async def _patch_release(self, status: str, metadata: Json | None) -> None:
        body = {"status": status, "metadata": metadata}
        await self._api.call("PATCH", f"/api/v1/releases/{self._release['id']}", body)

    async def _within_release(self, image: str, machines: list[Json]) -> None:
        """Do the work and say in the release how it ended, also where it is interrupted."""
        status, error = "interrupted", ""
        try:
            await self._work(image, machines)
            status = "complete"
        except (DeployError, FlyError) as reason:
            status, error = "failed", str(reason)
            raise
        finally:
            try:
                await self._patch_release(status, {"post_deployment_info": {"error": error}})
            except FlyError as reason:
                self._say(f"WARN failed to set final release status: {reason}")

    async def _work(self, image: str, machines: list[Json]) -> None:
        if (self._config.get("deploy") or {}).get("release_command"):
            await self._run_release_command(image, machines)
        if machines:
            await self._update_all(image, machines)
        else:
            await self._create_all(image)

    async def _run_release_command(self, image: str, machines: list[Json]) -> None:
        self._say(f"Running {self._app} release_command: {self._config['deploy']['release_command']}")
        guests = [machine["config"]["guest"] for machine in machines if machine.get("config")]
        guest = max(guests, key=lambda each: int(each["memory_mb"]), default=None)
        config = configs.release_command_machine(self._config, image, self._release, guest)
        machine = await self._create(config, skip_launch=True)
        path, version = self._machine(machine), machine["instance_id"]
        await self._api.wait(path, "stopped", version, WAIT_S)
        await self._api.call("POST", f"{path}/start")
        await self._ignoring_gone(self._api.wait(path, "started", version, WAIT_S))
        await self._ignoring_gone(self._api.wait(path, "destroyed", version, WAIT_S))
        code = await self._exit_code(path)
        if code != 0:
            raise DeployError(
                f"release_command failed running on machine {machine['id']} with exit code {code}.\n"
                f"Check its logs: machine {machine['id']} exited with non-zero status of {code}"
            )
        self._say(f"✔ release_command {machine['id']} completed successfully")

    @staticmethod
    async def _ignoring_gone(waiting: Awaitable[None]) -> None:
        """A Machine that is gone has run already."""
        try:
            await waiting
        except FlyError as error:
            if error.status != 404:
                raise

    async def _exit_code(self, path: str) -> int | str:
        events = (await self._api.call("GET", path))["events"]
        request = next((event["request"] for event in events if event["type"] == "exit"), None)
        if request is None:
            return "unknown"
        seen = request.get("MonitorEvent") or request
        return int(seen["exit_event"]["exit_code"])

    async def _create_all(self, image: str) -> None:
        """The first Machines, in the primary region."""
        config = configs.new_machine(self._config, image, self._release)
        self._say("Creating machines for the process group 'app'")
        for _ in range(self._first_machines if config.get("services") else 1):
            machine = await self._create(config)
            await self._prove(machine, machine["instance_id"])
            self._say(f"✔ Machine {machine['id']} [app] was created")

    async def _create(self, config: Json, *, skip_launch: bool = False) -> Json:
        body = {"config": config, "region": self._config.get("primary_region", ""), "skip_launch": skip_launch}
        machine: Json = await self._api.call("POST", f"{self._path}/machines", body)
        return machine

    async def _update_all(self, image: str, machines: list[Json]) -> None:
        leases = Leases(self._api, [self._machine(machine) for machine in machines], self._say)
        warm = [machine for machine in machines if machine["state"] == "started"]
        cold = [machine for machine in machines if machine["state"] != "started"]
        async with leases:
            await _side_by_side(
                self._roll(warm, math.ceil(len(warm) * MAX_UNAVAILABLE), image, leases),
                self._roll(cold, COLD_AT_ONCE, image, leases),
            )

    async def _roll(self, machines: Sequence[Json], at_once: int, image: str, leases: Leases) -> None:
        """The first alone; what it shows decides whether the rest is touched."""
        batches = [machines[:1], *(machines[n : n + at_once] for n in range(1, len(machines), at_once or 1))]
        for batch in batches:
            await _side_by_side(*(self._update(machine, image, leases) for machine in batch))

    async def _update(self, machine: Json, image: str, leases: Leases) -> None:
        path, is_warm = self._machine(machine), machine["state"] == "started"
        self._say(f"Updating {machine['id']} [app]")
        config = configs.updated_machine(self._config, machine["config"], image, self._release)
        body = {"config": config, "skip_launch": not is_warm}
        updated = await self._api.call("POST", path, body, nonce=leases.nonce(path))
        if is_warm:
            await self._prove(machine, updated["instance_id"])
        self._say(f"✔ Machine {machine['id']} [app] update succeeded")

    async def _prove(self, machine: Json, version: str) -> None:
        """Return once the Machine is started in this version, did not crash, and passes its checks."""
        path = self._machine(machine)
        try:
            await self._api.wait(path, "started", version, WAIT_S)
        except FlyError as error:
            if error.status == 408:
                raise DeployError(f"timeout reached waiting for machine {machine['id']} to be started") from error
            raise
        await self._smoke(path, machine)
        await self._await_health(path, machine)
        await self._api.call("GET", f"{path}/ps")

    async def _smoke(self, path: str, machine: Json) -> None:
        until = self._api.clock.now() + SMOKE_S
        while self._api.clock.now() < until:
            now = await self._api.call("GET", path)
            if now["state"] != "started":
                raise DeployError(f"smoke checks for {machine['id']} failed: the app appears to be crashing")
            await self._api.clock.sleep(POLL_S)

    async def _await_health(self, path: str, machine: Json) -> None:
        until = self._api.clock.now() + WAIT_S
        while not _is_healthy(await self._api.call("GET", path)):
            if self._api.clock.now() >= until:
                raise DeployError(f"timeout reached waiting for health checks to pass for machine {machine['id']}")
            await self._api.clock.sleep(POLL_S)

    def _machine(self, machine: Json) -> str:
        return f"{self._path}/machines/{machine['id']}"


def _is_managed(machine: Json) -> bool:
    metadata = (machine.get("config") or {}).get("metadata") or {}
    group = metadata.get("fly_process_group")
    is_app = metadata.get("fly_platform_version") == "v2" and bool(group) and group not in RESERVED
    return is_app and machine["state"] not in {"destroying", "destroyed"}


def _is_healthy(machine: Json) -> bool:
    config = machine["config"]
    services = config.get("services") or []
    wanted = len(config.get("checks") or {}) + sum(len(service.get("checks") or []) for service in services)
    statuses = [check["status"] for check in machine["checks"]]
    return machine["state"] == "started" and statuses == ["passing"] * wanted


async def _side_by_side(*work: Awaitable[None]) -> None:
    """Do all at once; the first error stops the rest."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
