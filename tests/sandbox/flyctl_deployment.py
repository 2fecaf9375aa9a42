"""A deployment as flyctl holds it with Fly: resolve, release, release command, Machines by a strategy, release."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import Any

from sandbox.kit import Json
from tests.sandbox.fly_client import APP, NEXT
from tests.sandbox.flyctl_conversation import COMPACT, Conversation

DEFINITION: Json = {
    "app": APP,
    "primary_region": "iad",
    "deploy": {"release_command": "/app/bin/migrate"},
    "http_service": {"internal_port": 4000, "auto_stop_machines": "off", "checks": [{"method": "GET", "path": "/"}]},
}
SERVICE: Json = {
    "protocol": "tcp",
    "internal_port": 4000,
    "ports": [{"port": 80, "handlers": ["http"]}, {"port": 443, "handlers": ["http", "tls"]}],
    "autostop": "off",
    "checks": [{"type": "http", "method": "GET", "path": "/", "interval": "10s", "timeout": "5s"}],
}
RESOLVE = """query ($appName: String!, $imageRef: String!) {
  app(name: $appName) { id image(ref: $imageRef) { id ref digest compressedSize: compressedSizeFull } } }"""
# flyctl takes 13 s and refreshes them; one long lease stands for that.
LEASE_S = 600
BLUEGREEN = "query ($appName: String!) { canPerformBluegreenDeployment(name: $appName) }"


@dataclass
class Deployment:
    """`fly deploy --image`; `ha` and `strategy` are its options."""

    flyctl: Conversation
    app: str = APP
    label: str = NEXT
    definition: Json = field(default_factory=lambda: dict(DEFINITION))
    strategy: str = "rolling"
    ha: bool = True

    async def run(self) -> Json:
        """The release at the end."""
        talk = self.flyctl
        assert (await talk.graphql(COMPACT, appName=self.app))["app"]["platformVersion"] == "machines"
        self.image = await self._resolve()
        organization = (await talk.flaps("GET", f"/apps/{self.app}")).json()["organization"]["slug"]
        assert (await talk.uiex("GET", f"/organizations/{organization}")).is_success
        build = (await talk.uiex("POST", "/builds", {"app_name": self.app, "builder_type": "remote"})).json()
        machines = await talk.machines(self.app)
        if not machines:
            await self._allocate()
        self.release = await self._create_release(build["id"])
        await self._set_status("running")
        if self.definition.get("deploy"):
            await self._run_release_command()
        await (self._replace(machines) if machines else self._create_first())
        release = await self._set_status("complete")
        finished = {"app_name": self.app, "build_id": build["id"], "machine_id": "", "status": "completed"}
        assert (await talk.uiex("POST", "/builds/finish", finished)).is_success
        return release

    async def _resolve(self) -> str:
        reference = f"registry.fly.io/{self.app}:{self.label}"
        found = (await self.flyctl.graphql(RESOLVE, appName=self.app, imageRef=reference))["app"]["image"]
        assert int(found["compressedSize"]) > 0
        return str(found["ref"])

    async def _allocate(self) -> None:
        path = f"/apps/{self.app}/ip_assignments"
        assert (await self.flyctl.flaps("GET", path)).json() == {"ips": []}
        for kind in ("v6", "shared_v4"):
            body = {"type": kind, "region": "", "org_slug": "", "network": "", "service_name": ""}
            assert (await self.flyctl.flaps("POST", path, body)).json()["ip"]

    async def _create_release(self, build_id: int) -> Json:
        strategy = self.strategy.upper()
        body = {"app_name": self.app, "build_id": build_id, "definition": self.definition}
        answer = await self.flyctl.uiex("POST", "/releases", body | {"image": self.image, "strategy": strategy})
        assert answer.status_code == 201
        release: Json = answer.json()["release"]
        return release

    async def _set_status(self, status: str) -> Json:
        body = {"status": status, "metadata": None}
        answer = await self.flyctl.uiex("PATCH", f"/releases/{self.release['id']}", body)
        release: Json = answer.json()
        return release

    def _metadata(self, group: str = "app") -> Json:
        version = str(self.release["version"])
        names = {"fly_platform_version": "v2", "fly_process_group": group, "fly_flyctl_version": "0.4.60"}
        return names | {"fly_release_id": self.release["id"], "fly_release_version": version}

    def _config(self, group: str = "app", **more: Any) -> Json:
        env = {"FLY_PROCESS_GROUP": group, "PRIMARY_REGION": "iad"}
        guest = {"cpu_kind": "shared", "cpus": 1, "memory_mb": 1024}
        return {"image": self.image, "env": env, "guest": guest, "metadata": self._metadata(group), **more}

    async def _launch(self, config: Json, **more: Any) -> Json:
        body = {"config": config, "region": "iad", **more}
        answer = await self.flyctl.flaps("POST", f"/apps/{self.app}/machines", body)
        assert answer.is_success, answer.text
        machine: Json = answer.json()
        return machine

    async def _run_release_command(self) -> None:
        talk, path = self.flyctl, f"/apps/{self.app}/machines"
        command = shlex.split(self.definition["deploy"]["release_command"])
        parts = {"init": {"cmd": command}, "restart": {"policy": "no"}, "auto_destroy": True}
        config = self._config("fly_app_release_command", dns={"skip_registration": True}, **parts)
        machine = await self._launch(config, skip_launch=True)
        await talk.wait(machine, "stopped", self.app)
        assert (await talk.flaps("POST", f"{path}/{machine['id']}/start")).is_success
        await talk.wait(machine, "started", self.app)
        await talk.wait(machine, "destroyed", self.app)
        events = (await talk.flaps("GET", f"{path}/{machine['id']}")).json()["events"]
        ended = next(event for event in events if event["type"] == "exit")
        assert ended["request"]["MonitorEvent"]["exit_event"]["exit_code"] == 0

    async def _create_first(self) -> None:
        for _ in range(2 if self.ha else 1):
            machine = await self._launch(self._config(services=[SERVICE]))
            await self._settle(machine)

    async def _settle(self, machine: Json) -> None:
        if self.strategy == "immediate":
            return
        await self.flyctl.wait(machine, "started", self.app)
        await self.flyctl.healthy(machine["id"], self.app)

    async def _replace(self, machines: list[Json]) -> None:
        leases = {machine["id"]: await self.flyctl.lease(machine["id"], self.app, LEASE_S) for machine in machines}
        if self.strategy == "canary":
            await self._try_canary(machines[0])
        if self.strategy == "bluegreen":
            await self._paint_green(machines, leases)
            return
        for machine in machines:
            await self._update(machine, leases[machine["id"]])
        for machine_id, lease in leases.items():
            await self.flyctl.release_lease(machine_id, lease, self.app)

    async def _update(self, machine: Json, lease: dict[str, str]) -> None:
        config = machine["config"] | {"image": self.image, "metadata": self._metadata()}
        sleeps = machine["state"] != "started"
        body = {"config": config, "region": machine["region"], "skip_launch": sleeps}
        answer = await self.flyctl.flaps("POST", f"/apps/{self.app}/machines/{machine['id']}", body, headers=lease)
        assert answer.is_success, answer.text
        if not sleeps:
            await self._settle(answer.json())

    async def _try_canary(self, like: Json) -> None:
        metadata = self._metadata() | {"fly_canary": "true"}
        config = like["config"] | {"image": self.image, "metadata": metadata, "dns": {"skip_registration": True}}
        canary = await self._launch(config)
        await self._settle(canary)
        answer = await self.flyctl.flaps("DELETE", f"/apps/{self.app}/machines/{canary['id']}?kill=true")
        assert answer.is_success

    async def _paint_green(self, blues: list[Json], leases: dict[str, dict[str, str]]) -> None:
        talk, path = self.flyctl, f"/apps/{self.app}/machines"
        assert (await talk.graphql(BLUEGREEN, appName=self.app))["canPerformBluegreenDeployment"]
        greens = []
        for blue in blues:
            config = blue["config"] | {"image": self.image, "metadata": self._metadata()}
            greens.append(await self._launch(config, region=blue["region"], skip_service_registration=True))
        for green in greens:
            tag = {"value": "green"}
            await talk.flaps("POST", f"{path}/{green['id']}/metadata/fly_bluegreen_deployment_tag", tag)
            await self._settle(green)
        for green in greens:
            assert (await talk.flaps("POST", f"{path}/{green['id']}/uncordon")).is_success
        for blue in blues:
            lease, one = leases[blue["id"]], f"{path}/{blue['id']}"
            assert (await talk.flaps("POST", f"{one}/cordon", headers=lease)).is_success
            stop = {"id": blue["id"], "timeout": "0s"}
            assert (await talk.flaps("POST", f"{one}/stop", stop, headers=lease)).is_success
            await talk.wait(blue, "stopped", self.app)
            assert (await talk.flaps("DELETE", f"{one}?kill=true", headers=lease)).is_success
