"""Machines API: apps, addresses, the overview of an organisation, regions, tokens.

Source: https://fly.io/docs/machines/api/apps-resource/ and superfly/fly-go, flaps/flaps_apps.go
"""

from __future__ import annotations

import re
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.fly.answers import app_json, organization_machine_json
from sandbox.fly.errors import ApiError, machines_answer, precondition, unauthorized
from sandbox.fly.http import Api, Call
from sandbox.fly.ids import from_rfc3339, rfc3339
from sandbox.fly.machine import Machine
from sandbox.fly.model import Address, App, Organization
from sandbox.fly.world import World
from sandbox.kit import Json

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
NAME_RULE = "Validation failed: Name may only contain lowercase letters, numbers, and dashes"
NAME_TAKEN = "Validation failed: Name has already been taken"
ADDRESS_TYPES = frozenset({"v4", "v6", "shared_v4", "private_v6"})
ORG_MACHINES_MAX = 1000


def create_app(world: World, name: str, organization: Organization, *, network: str = "", role: str | None) -> App:
    """A new, empty app; 422 where the name is not allowed or taken, by anybody."""
    if not NAME.fullmatch(name):
        raise ApiError(422, NAME_RULE)
    if name in world.apps:
        raise ApiError(422, NAME_TAKEN, code="name_taken")
    app = App(
        name=name,
        organization=organization.slug,
        id=world.ids.hex(14),
        number=next(world.numbers),
        created_at=world.now(),
        network=network or "default",
        role=role,
    )
    world.apps[name] = app
    return app


def destroy_app(world: World, app: App) -> None:
    """Remove an app with its Machines, volumes, addresses and secrets, and nothing else."""
    for machine in app.machines.values():
        machine.epoch += 1
        machine.state = "destroyed"
    del world.apps[app.name]


class AppsApi(Api):
    prefix = "/v1"

    def __init__(self, world: World) -> None:
        super().__init__(world, on_error=machines_answer)

    def routes(self) -> list[Route]:
        return [
            self.route("GET", "/apps", self.index),
            self.route("POST", "/apps", self.create),
            self.route("GET", "/apps/{app}", self.get),
            self.route("DELETE", "/apps/{app}", self.destroy),
            self.route("GET", "/apps/{app}/ip_assignments", self.addresses),
            self.route("POST", "/apps/{app}/ip_assignments", self.assign_address),
            self.route("DELETE", "/apps/{app}/ip_assignments/{ip}", self.release_address),
            self.route("GET", "/orgs/{organization}/machines", self.organization_machines),
            self.route("GET", "/platform/regions", self.regions),
            self.route("GET", "/tokens/current", self.current_token),
        ]

    async def index(self, call: Call) -> Response:
        if not call.query("org_slug"):
            raise ApiError(400, "invalid_argument: org_slug is required")
        organization = call.access.whole_organization(call.query("org_slug"))
        role = call.query("app_role")
        apps = [a for a in self._apps_of(organization) if not role or a.role == role]
        return JSONResponse({"total_apps": len(apps), "apps": [app_json(self.world, app) for app in apps]})

    async def get(self, call: Call) -> Response:
        return JSONResponse(app_json(self.world, call.app("get_app")))

    async def create(self, call: Call) -> Response:
        body = call.json()
        organization = call.access.whole_organization(str(body.get("org_slug") or ""))
        name, network = str(body.get("name") or ""), str(body.get("network") or "")
        app = create_app(self.world, name, organization, network=network, role=body.get("app_role_id"))
        answer = {"id": app.id, "created_at": int(app.created_at * 1000), "name": app.name}
        return JSONResponse(answer, status_code=201)

    async def destroy(self, call: Call) -> Response:
        """Destroy an app; running Machines are in the way unless `force` is set."""
        if call.token.profile == "deploy":
            raise unauthorized()
        app = call.access.app(call.path("app"))
        if not self.world.limiter.allows("delete_app", app.organization, self.world.now()):
            raise ApiError(429, "rate limit exceeded")
        running = [machine.id for machine in app.active_machines() if machine.state == "started"]
        if running and not call.flag("force"):
            raise precondition(f"app has running machines: {', '.join(running)}; stop them first, or use force")
        destroy_app(self.world, app)
        return Response(status_code=202)

    async def addresses(self, call: Call) -> Response:
        app = call.app("list_addresses")
        return JSONResponse({"ips": [_address_json(address) for address in app.addresses]})

    async def assign_address(self, call: Call) -> Response:
        app = call.app("assign_address")
        body = call.json()
        if body.get("network") not in {None, "", "default", app.network}:
            raise ApiError(400, "network not found")
        address = self.new_address(str(body.get("type") or ""), str(body.get("region") or "global"))
        app.addresses.append(address)
        return JSONResponse(_address_json(address))

    async def release_address(self, call: Call) -> Response:
        app = call.app("release_address")
        address = next((a for a in app.addresses if a.ip == call.path("ip")), None)
        if address is None:
            raise ApiError(404, "ip assignment not found")
        app.addresses.remove(address)
        return Response(status_code=204)

    async def organization_machines(self, call: Call) -> Response:
        """Machines of all apps of an organisation, oldest change first, in pages."""
        organization = call.access.whole_organization(call.path("organization"))
        limit = call.whole_number("limit", ORG_MACHINES_MAX, low=1, high=ORG_MACHINES_MAX)
        found = [m for app in self._apps_of(organization) for m in app.machines.values() if _is_shown(m, call)]
        found.sort(key=lambda machine: (machine.updated_at, machine.id))
        start = call.whole_number("cursor", 0, low=0, high=10**9)
        page = found[start : start + limit]
        summary = call.flag("summary")
        answer: Json = {"machines": [organization_machine_json(m, summary=summary) for m in page], "error_regions": []}
        if page:
            answer |= {"last_machine_id": page[-1].id, "last_updated_at": rfc3339(page[-1].updated_at)}
        if start + limit < len(found):
            answer["next_cursor"] = str(start + limit)
        return JSONResponse(answer)

    async def regions(self, call: Call) -> Response:
        rows = [{"code": code, "name": name, "deprecated": False} for code, name in call.world.regions.items()]
        return JSONResponse({"nearest": next(iter(call.world.regions), ""), "regions": rows})

    async def current_token(self, call: Call) -> Response:
        token = call.token
        row: dict[str, Any] = {
            "token_id": token.text.rsplit("_", maxsplit=1)[-1],
            "org_slug": token.organization,
            "organization": str(call.world.organizations[token.organization].number),
            "apps": [token.app] if token.app else [],
            "user": token.user,
        }
        return JSONResponse({"tokens": [row]})

    def new_address(self, kind: str, region: str) -> Address:
        """A new address of a type; 400 if there is no such type."""
        if kind not in ADDRESS_TYPES:
            raise ApiError(400, f"invalid_argument: unknown ip type {kind!r}")
        ids = self.world.ids
        prefix = "fdaa:0:4a1b:0:1" if kind == "private_v6" else "2a09:8280:1"
        ip = ids.ipv6(prefix) if kind.endswith("v6") else ids.ipv4()
        return Address(ip, kind, region, self.world.now())

    def _apps_of(self, organization: Organization) -> list[App]:
        return [app for app in self.world.apps.values() if app.organization == organization.slug]


def _address_json(address: Address) -> Json:
    return {
        "ip": address.ip,
        "region": address.region,
        "service_name": "",
        "shared": address.type == "shared_v4",
        "created_at": rfc3339(address.created_at),
    }


def _is_shown(machine: Machine, call: Call) -> bool:
    if machine.state == "destroyed" and not call.flag("include_deleted"):
        return False
    if call.query("region") and machine.region != call.query("region"):
        return False
    if call.query("updated_after") and machine.updated_at <= _time_of(call.query("updated_after")):
        return False
    return not call.query("state") or machine.state in call.query("state").split(",")


def _time_of(text: str) -> float:
    try:
        return from_rfc3339(text)
    except ValueError:
        raise ApiError(400, f"invalid_argument: updated_after: {text!r} is not RFC 3339") from None
