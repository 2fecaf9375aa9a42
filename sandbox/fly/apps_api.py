"""Machines API: apps, addresses, the overview of an organisation.

Source: https://fly.io/docs/machines/api/apps-resource/ and superfly/fly-go, flaps/flaps_apps.go
"""

from __future__ import annotations

import re

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.fly import tokens
from sandbox.fly.answers import app_json, organization_machine_json
from sandbox.fly.auth import Access
from sandbox.fly.errors import ApiError, machines_answer, unauthorized
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
APP = dict.fromkeys(("name", "org_slug", "network", "app_role_id"), str) | {"enable_subdomains": bool}
ADDRESS = dict.fromkeys(("type", "region", "org_slug", "network", "service_name"), str)


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


def delete_app(access: Access, app: App) -> None:
    """Destroy an app for a token, whatever runs in it; refused to a token of one app, and beyond the rate limit."""
    if access.token.profile == "deploy":
        raise unauthorized()
    if not access.world.limiter.allows("delete_app", app.organization, access.world.now()):
        raise ApiError(429, "rate limit exceeded")
    destroy_app(access.world, app)


def assign_address(world: World, app: App, *, kind: str, region: str, service: str, network: str) -> Address:
    """A new address for an app; 400 for an unknown type or network."""
    if network not in {"", "default", app.network}:
        raise ApiError(400, "network not found")
    if kind not in ADDRESS_TYPES:
        raise ApiError(400, f"invalid_argument: unknown ip type {kind!r}")
    prefix = "fdaa:0:4a1b:0:1" if kind == "private_v6" else "2a09:8280:1"
    ip = world.ids.ipv6(prefix) if kind.endswith("v6") else world.ids.ipv4()
    address = Address(ip, kind, region, world.now(), service)
    app.addresses.append(address)
    return address


def release_address(app: App, ip: str) -> None:
    """Take an address from an app; 404 if it does not have it."""
    address = next((each for each in app.addresses if each.ip == ip), None)
    if address is None:
        raise ApiError(404, "ip assignment not found")
    app.addresses.remove(address)


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
            self.route("POST", "/apps/{app}/deploy_token", self.create_deploy_token),
            self.route("GET", "/apps/{app}/ip_assignments", self.addresses),
            self.route("POST", "/apps/{app}/ip_assignments", self.assign_address),
            self.route("DELETE", "/apps/{app}/ip_assignments/{ip}", self.release_address),
            self.route("GET", "/orgs/{organization}/machines", self.organization_machines),
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
        body = call.json(APP)
        organization = call.access.whole_organization(str(body.get("org_slug") or ""))
        name, network = str(body.get("name") or ""), str(body.get("network") or "")
        app = create_app(self.world, name, organization, network=network, role=body.get("app_role_id"))
        answer = app_json(self.world, app) | {"created_at": int(app.created_at * 1000)}
        return JSONResponse(answer, status_code=201)

    async def destroy(self, call: Call) -> Response:
        """Destroy an app, running or not, as flyctl counts on when it sends no `force`."""
        delete_app(call.access, call.access.app(call.path("app")))
        return Response(status_code=202)

    async def create_deploy_token(self, call: Call) -> Response:
        """A further token for this app alone, with its scheme; refused to a token of one app."""
        app = call.app("create_deploy_token")
        organization = call.access.whole_organization(app.organization)
        expiry = str(call.json({"expiry": str}, required=False).get("expiry") or "")
        token = tokens.create(
            call.access,
            organization,
            name="deploy token",
            profile="deploy",
            params={"app_id": app.id},
            expiry=expiry,
        )
        return JSONResponse({"token": f"FlyV1 {token.text}"})

    async def addresses(self, call: Call) -> Response:
        app = call.app("list_addresses")
        return JSONResponse({"ips": [self._address_json(app, address) for address in app.addresses]})

    async def assign_address(self, call: Call) -> Response:
        app = call.app("assign_address")
        body = call.json(ADDRESS)
        if body.get("org_slug"):
            call.access.organization(str(body["org_slug"]))
        given = {key: str(body.get(key) or "") for key in ("type", "region", "service_name", "network")}
        address = assign_address(
            self.world,
            app,
            kind=given["type"],
            region=given["region"] or "global",
            service=given["service_name"],
            network=given["network"],
        )
        return JSONResponse(self._address_json(app, address))

    async def release_address(self, call: Call) -> Response:
        release_address(call.app("release_address"), call.path("ip"))
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

    def _apps_of(self, organization: Organization) -> list[App]:
        return [app for app in self.world.apps.values() if app.organization == organization.slug]

    def _address_json(self, app: App, address: Address) -> Json:
        """An address; one behind the proxy says in which network of which organisation it is."""
        private = address.type == "private_v6"
        network = {"name": app.network, "org_slug": self.world.organizations[app.organization].raw_slug}
        return {
            "ip": address.ip,
            "region": address.region,
            "service_name": address.service_name,
            "shared": address.type == "shared_v4",
            "created_at": rfc3339(address.created_at),
            "egress": False,
            "network": network if private else None,
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
