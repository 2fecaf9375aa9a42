"""Machines API: create, read, update and destroy Machines.

Source: https://fly.io/docs/machines/api/machines-resource/
"""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.fly import configs
from sandbox.fly.answers import machine_json, machine_summary
from sandbox.fly.errors import ApiError, machines_answer, precondition
from sandbox.fly.http import Api, Call
from sandbox.fly.leases_api import grant
from sandbox.fly.lifecycle import Lifecycle
from sandbox.fly.machine import Machine
from sandbox.fly.model import App
from sandbox.fly.shapes import MACHINE
from sandbox.fly.world import World
from sandbox.kit import Json

DESTROYABLE_STATES = frozenset({"created", "stopped", "suspended", "failed"})
NO_ROOM = "aborted: could not reserve resource for machine: insufficient memory available to fulfill request"


class MachinesApi(Api):
    prefix = "/v1/apps/{app}/machines"

    def __init__(self, world: World, lifecycle: Lifecycle) -> None:
        super().__init__(world, on_error=machines_answer)
        self._lifecycle = lifecycle

    def routes(self) -> list[Route]:
        return [
            self.route("GET", "", self.index),
            self.route("POST", "", self.create),
            self.route("GET", "/{machine}", self.get),
            self.route("POST", "/{machine}", self.update),
            self.route("DELETE", "/{machine}", self.destroy),
            self.route("GET", "/{machine}/events", self.events),
            self.route("GET", "/{machine}/versions", self.versions),
        ]

    async def index(self, call: Call) -> Response:
        app = call.app("list_machines")
        found = [m for m in app.machines.values() if _is_listed(m, call)]
        found.sort(key=lambda machine: machine.created_at)
        if call.flag("summary"):
            return JSONResponse([machine_summary(machine) for machine in found])
        return JSONResponse([machine_json(self.world, machine) for machine in found])

    async def get(self, call: Call) -> Response:
        _, machine = call.machine("get_machine")
        return JSONResponse(machine_json(self.world, machine))

    async def create(self, call: Call) -> Response:
        app = call.app("create_machine")
        body = call.json(MACHINE)
        config = configs.accepted(body.get("config"))
        image = configs.pulled(self.world, app, config)
        region, name = self._region(body), str(body.get("name") or "")
        self._check_name(app, name)
        self._check_mounts(app, config, region)
        _check_secrets(app, body)
        if self.world.faults.peek("no_capacity", region, app.name) is not None:
            text = f"insufficient_capacity: no capacity available in region {region}"
            raise ApiError(422, text, code="insufficient_capacity")
        self._check_limit(app)
        launch = not body.get("skip_launch")
        machine = self._lifecycle.create(
            app, name=name, region=region, config=config, image=image, launch=launch, by=call.token.user
        )
        machine.cordoned = bool(body.get("skip_service_registration"))
        return self._answer(call, machine, body)

    async def update(self, call: Call) -> Response:
        app, machine = call.leased_machine("update_machine")
        body = call.json(MACHINE)
        _check_unchanged(machine, body)
        if not self.world.host_is_reachable(machine):
            raise ApiError(503, "unavailable: the Machine's host is unreachable")
        config = configs.accepted(body.get("config"))
        image = configs.pulled(self.world, app, config)
        self._check_mounts(app, config, machine.region, owner=machine)
        _check_secrets(app, body)
        if self.world.faults.peek("no_capacity", machine.region, machine.id, app.name) is not None:
            raise ApiError(409, NO_ROOM)
        self._lifecycle.update(machine, config=config, image=image, launch=not body.get("skip_launch"))
        return self._answer(call, machine, body)

    async def destroy(self, call: Call) -> Response:
        _, machine = call.leased_machine("destroy_machine")
        if machine.state not in DESTROYABLE_STATES and not call.flag("force", "kill"):
            raise precondition(f"machine is in state '{machine.state}': stop it first, or use force")
        self._lifecycle.destroy(machine)
        return JSONResponse({"ok": True})

    async def events(self, call: Call) -> Response:
        _, machine = call.machine("list_events")
        limit = call.whole_number("limit", 20, low=1, high=1000)
        return JSONResponse(machine.events[:limit])

    async def versions(self, call: Call) -> Response:
        _, machine = call.machine("list_versions")
        return JSONResponse(machine.versions)

    def _answer(self, call: Call, machine: Machine, body: Json) -> Response:
        """The Machine as it is now; with the nonce of the lease that the request asked for."""
        nonce = call.nonce if current_lease_nonce(self.world, machine) == call.nonce else ""
        if body.get("lease_ttl"):
            nonce = grant(self.world, machine, call.token.user, float(body["lease_ttl"]), "").nonce
        return JSONResponse(machine_json(self.world, machine, nonce=nonce))

    def _region(self, body: Json) -> str:
        region = str(body.get("region") or next(iter(self.world.regions)))
        if region not in self.world.regions:
            raise ApiError(400, f"invalid_argument: region {region!r} does not exist")
        return region

    def _check_name(self, app: App, name: str) -> None:
        same = next((m for m in app.active_machines() if name and m.name == name), None)
        if same is not None:
            text = f'unique machine name violation, machine ID {same.id} already exists with name "{name}"'
            raise ApiError(409, f"already_exists: {text}")

    def _check_limit(self, app: App) -> None:
        """Refuse one Machine too many; release commands count as well, as users of flyctl found out."""
        fault = self.world.faults.peek("machine_limit", app.name, app.organization)
        limit = int(fault.detail.get("limit", 1)) if fault else None
        if limit is not None and len(app.active_machines()) >= limit:
            text = f"To create more than {limit} machine per app please add a payment method."
            raise ApiError(422, f"{text} https://fly.io/dashboard/{app.organization}/billing")

    def _check_mounts(self, app: App, config: Json, region: str, owner: Machine | None = None) -> None:
        for mount in config.get("mounts") or []:
            volume = app.volumes.get(mount.get("volume", ""))
            if volume is None:
                raise ApiError(404, "volume not found")
            if volume.attached_machine_id not in {None, owner.id if owner else None}:
                raise precondition(f"volume {volume.id} is attached to machine {volume.attached_machine_id}")
            if volume.region != region:
                raise ApiError(400, f"invalid_argument: volume {volume.id} is in region {volume.region}, not {region}")


def current_lease_nonce(world: World, machine: Machine) -> str:
    lease = machine.lease_at(world.now())
    return lease.nonce if lease else ""


def _is_listed(machine: Machine, call: Call) -> bool:
    if machine.state == "destroyed" and not call.flag("include_deleted"):
        return False
    if call.query("region") and machine.region != call.query("region"):
        return False
    if call.query("state") and machine.state not in call.query("state").split(","):
        return False
    metadata: dict[str, Any] = machine.config.get("metadata") or {}
    wanted = [
        (k.removeprefix("metadata."), v) for k, v in call.request.query_params.items() if k.startswith("metadata.")
    ]
    return all(metadata.get(key) == value for key, value in wanted)


def _check_unchanged(machine: Machine, body: Json) -> None:
    """What an update may not change, and the version that it expects."""
    for key, value in (("region", machine.region), ("name", machine.name)):
        if body.get(key) not in {None, "", value}:
            raise ApiError(400, f"invalid_argument: {key} of machine {machine.id} cannot be changed")
    expected = body.get("current_version")
    if expected and expected != machine.instance_id:
        raise precondition(f"machine version is {machine.instance_id}, not {expected}")


def _check_secrets(app: App, body: Json) -> None:
    wanted = body.get("min_secrets_version") or 0
    if wanted > app.secrets_version:
        raise precondition(f"secrets version {wanted} is not available, newest is {app.secrets_version}")
