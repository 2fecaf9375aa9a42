"""Machines API: leases, and waiting for a state.

Source: https://fly.io/docs/machines/api/machines-resource/ ("Machine leases", "Wait for a Machine to reach a
specified state")
"""

from __future__ import annotations

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.fly.errors import ApiError, machines_answer
from sandbox.fly.http import Api, Call, current_lease, lease_is_held
from sandbox.fly.machine import SETTLED_STATES, Lease, Machine
from sandbox.fly.model import App
from sandbox.fly.world import World

LONGEST_WAIT_S = 60
WAIT_STATES = frozenset({"started", "stopped", "suspended", "destroyed", "failed", "settled"})


def grant(world: World, machine: Machine, owner: str, ttl_s: float, description: str) -> Lease:
    """Give the Machine's lease to an owner, whoever held it."""
    machine.lease = Lease(world.ids.nonce(), owner, description, world.now() + ttl_s)
    return machine.lease


class LeasesApi(Api):
    prefix = "/v1/apps/{app}/machines/{machine}"

    def __init__(self, world: World) -> None:
        super().__init__(world, on_error=machines_answer)

    def routes(self) -> list[Route]:
        return [
            self.route("GET", "/lease", self.inspect),
            self.route("POST", "/lease", self.acquire),
            self.route("DELETE", "/lease", self.release),
            self.route("GET", "/wait", self.wait),
        ]

    async def inspect(self, call: Call) -> Response:
        _, machine = call.machine("find_lease")
        lease = current_lease(self.world, machine)
        if lease is None:
            raise ApiError(404, "lease not found")
        return JSONResponse({"status": "success", "data": lease.to_json(machine.instance_id)})

    async def acquire(self, call: Call) -> Response:
        """Take a free lease, or refresh the one whose nonce was sent."""
        _, machine = call.machine("acquire_lease")
        if not machine.is_active:
            raise ApiError(404, "machine not found")
        body = call.json({"ttl": int, "description": str}, required=False)
        ttl_s = _ttl_s(body.get("ttl") or call.query("ttl") or self.world.durations.lease_default_s)
        lease = current_lease(self.world, machine)
        if lease is not None and lease.nonce != call.nonce:
            raise lease_is_held(machine, lease)
        if lease is None:
            lease = grant(self.world, machine, call.token.user, ttl_s, str(body.get("description") or ""))
        lease.expires_at = self.world.now() + ttl_s
        return JSONResponse({"status": "success", "data": lease.to_json(machine.instance_id)}, status_code=201)

    async def release(self, call: Call) -> Response:
        _, machine = call.machine("release_lease")
        lease = machine.lease_at(self.world.now())
        if lease is None:
            raise ApiError(404, "lease not found")
        if lease.nonce != call.nonce:
            raise lease_is_held(machine, lease)
        machine.lease = None
        return JSONResponse({"ok": True})

    async def wait(self, call: Call) -> Response:
        """Answer once the Machine (in the given version) is in one of the states; 408 if it is not in time."""
        app, machine = call.machine("wait_machine")
        states = [s for text in call.request.query_params.getlist("state") for s in text.split(",")] or ["started"]
        version = call.query("version") or call.query("instance_id")
        _check_wait(states, version)
        timeout_s = call.whole_number("timeout", LONGEST_WAIT_S, low=1, high=LONGEST_WAIT_S)
        await self.world.wait_until(lambda: _is_over(app, machine, states, call, version), timeout_s)
        if machine.state == "destroyed" and not {"destroyed", "settled"} & set(states):
            raise ApiError(404, "machine not found")
        if not _is_reached(machine, states, call.query("from_event_id"), version):
            state = machine.state if version in {"", machine.instance_id} else "replaced"
            text = f"machine failed to reach desired state, {', '.join(states)}, currently {state}"
            raise ApiError(408, f"deadline_exceeded: {text}")
        event_id = machine.events[0]["id"]
        return JSONResponse({"ok": True, "state": machine.state, "event_id": event_id, "version": machine.instance_id})


def _ttl_s(value: object) -> int:
    try:
        ttl_s = int(str(value).removesuffix(".0"))
    except ValueError:
        ttl_s = 0
    if ttl_s <= 0:
        raise ApiError(400, f"invalid_argument: ttl must be a whole number of seconds, not {value!r}")
    return ttl_s


def _check_wait(states: list[str], version: str) -> None:
    unknown = [state for state in states if state not in WAIT_STATES]
    if unknown:
        raise ApiError(400, f"invalid_argument: cannot wait for state {unknown[0]!r}")
    if "stopped" in states and not version:
        raise ApiError(400, "invalid_argument: version is required when waiting for 'stopped'")


def _is_over(app: App, machine: Machine, states: list[str], call: Call, version: str) -> bool:
    if machine.state == "destroyed" or machine.id not in app.machines:
        return True
    return _is_reached(machine, states, call.query("from_event_id"), version)


def _is_reached(machine: Machine, states: list[str], from_event_id: str, version: str) -> bool:
    if from_event_id and machine.events[0]["id"] <= from_event_id:
        return False
    if machine.state == "destroyed":
        return bool({"destroyed", "settled"} & set(states))
    if version not in {"", machine.instance_id}:
        return False
    return machine.state in states or ("settled" in states and machine.state in SETTLED_STATES)
