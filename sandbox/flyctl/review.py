"""What CI does for a review app beside deploying it: an app, its Postgres, the secrets between them, and their end.

Each step may come again, after a run that was cancelled half-way, and then does only what is left to do.

Source: superfly/flyctl, internal/command/apps (create.go, destroy.go), internal/command/postgres (create.go, attach.go)
and flypg/launcher.go. Kept of `postgres attach`: the secret that it leaves behind; the user and database that it makes
inside Postgres are not simulated.
"""

from __future__ import annotations

from collections.abc import Callable

from sandbox.flyctl.api import Api, FlyError
from sandbox.kit import Json

POSTGRES = "flyio/postgres-flex:17.2"
POSTGRES_ROLE = "postgres_cluster"
VOLUME, VOLUME_GB, MEMORY_MB = "pg_data", 1, 1024
WAIT_S, POLL_S = 300.0, 0.5
PORTS = (5432, 5433)
CHECKS = {
    name: {"port": 5500, "type": "http", "path": f"/flycheck/{name}", "interval": "15s", "timeout": "10s"}
    for name in ("pg", "role", "vm")
}
PASSWORDS = ("SU_PASSWORD", "OPERATOR_PASSWORD", "REPL_PASSWORD")


class Review:
    """The commands, over one connection to Fly; each raises FlyError where Fly refuses."""

    def __init__(self, api: Api, say: Callable[[str], None]) -> None:
        self._api = api
        self._say = say

    async def create_app(self, app: str, organization: str, role: str | None = None) -> None:
        """`flyctl apps create`, unless the app exists."""
        if await self._exists(app):
            self._say(f"App {app} exists already")
            return
        body: Json = {"name": app, "org_slug": organization}
        await self._api.call("POST", "/v1/apps", body | ({"app_role_id": role} if role else {}))
        await self._await_app(app)
        self._say(f"New app created: {app}")

    async def _await_app(self, app: str) -> None:
        """A new app is not known everywhere at once: superfly/fly-go, flaps, WaitForApp."""
        until = self._api.clock.now() + WAIT_S
        while not await self._exists(app):
            if self._api.clock.now() >= until:
                raise FlyError(404, f"app {app} did not appear")
            await self._api.clock.sleep(POLL_S)

    async def _exists(self, app: str) -> bool:
        try:
            await self._api.call("GET", f"/v1/apps/{app}")
        except FlyError as error:
            if error.status != 404:
                raise
            return False
        return True

    async def create_database(self, app: str, organization: str, region: str) -> None:
        """`flyctl postgres create --initial-cluster-size 1`: app, passwords, private address, volume, Machine."""
        await self.create_app(app, organization, POSTGRES_ROLE)
        if await self._api.call("GET", f"/v1/apps/{app}/machines"):
            return
        await self._api.call(
            "POST", f"/v1/apps/{app}/secrets", {"values": {name: _password(app) for name in PASSWORDS}}
        )
        if not (await self._api.call("GET", f"/v1/apps/{app}/ip_assignments"))["ips"]:
            await self._api.call("POST", f"/v1/apps/{app}/ip_assignments", {"type": "private_v6"})
        volume = await self._volume(app, region)
        body = {"name": "", "region": region, "config": _machine(volume, region)}
        machine = await self._api.call("POST", f"/v1/apps/{app}/machines", body)
        self._say(f"Provisioning 1 of 1 machines with image {POSTGRES}")
        path = f"/v1/apps/{app}/machines/{machine['id']}"
        await self._api.wait(path, "started", machine["instance_id"], WAIT_S)
        self._say(f"Postgres cluster {app} created")

    async def _volume(self, app: str, region: str) -> str:
        """The volume for the data; one that a cancelled run left is used again."""
        known = await self._api.call("GET", f"/v1/apps/{app}/volumes")
        if known:
            return str(known[0]["id"])
        body = {"name": VOLUME, "region": region, "size_gb": VOLUME_GB, "encrypted": True}
        return str((await self._api.call("POST", f"/v1/apps/{app}/volumes", body))["id"])

    async def attach(self, app: str, database: str) -> None:
        """`flyctl postgres attach`, unless the app has a DATABASE_URL already."""
        path = f"/v1/apps/{app}/secrets"
        names = {secret["name"] for secret in (await self._api.call("GET", path))["secrets"]}
        if "DATABASE_URL" in names:
            self._say(f"{app} has a DATABASE_URL already")
            return
        user = app.replace("-", "_")
        url = f"postgres://{user}:{_password(app)}@{database}.flycast:5432/{user}?sslmode=disable"
        values = {"DATABASE_URL": url, "SECRET_KEY_BASE": _password(database)}
        await self._api.call("POST", path, {"values": values})
        self._say(f"Postgres cluster {database} is now attached to {app}")

    async def destroy_app(self, app: str) -> None:
        """`flyctl apps destroy --yes`; an app that is gone is destroyed enough."""
        try:
            await self._api.call("DELETE", f"/v1/apps/{app}", params={"force": "true"})
        except FlyError as error:
            if error.status != 404:
                raise
            self._say(f"App {app} is gone already")
        else:
            self._say(f"Destroyed app {app}")


def _password(app: str) -> str:
    """A sandbox's password, which opens nothing."""
    return f"sandbox-{app}"


def _machine(volume: str, region: str) -> Json:
    services = [
        {
            "protocol": "tcp",
            "internal_port": port,
            "autostart": True,
            "autostop": "off",
            "ports": [{"port": port, "handlers": ["pg_tls"]}],
        }
        for port in PORTS
    ]
    return {
        "image": POSTGRES,
        "env": {"PRIMARY_REGION": region, "FLY_SCALE_TO_ZERO": "1h"},
        "guest": {"cpu_kind": "shared", "cpus": 1, "memory_mb": MEMORY_MB},
        "init": {},
        "metadata": {
            "fly-managed-postgres": "true",
            "fly_platform_version": "v2",
            "fly_process_group": "app",
            "managed-by-fly-deploy": "true",
        },
        "restart": {"policy": "on-failure"},
        "mounts": [{"volume": volume, "path": "/data", "name": VOLUME, "encrypted": True, "size_gb": VOLUME_GB}],
        "metrics": {"port": 9187, "path": "/metrics"},
        "services": services,
        "checks": CHECKS,
    }
