"""From a request to a call with a token, and back to an answer: common to all APIs of the simulated Fly."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.fly.auth import Access, token_of
from sandbox.fly.errors import ApiError
from sandbox.fly.ids import rfc3339
from sandbox.fly.machine import Lease, Machine
from sandbox.fly.model import App, Token
from sandbox.fly.shapes import Shape, check
from sandbox.fly.world import World
from sandbox.kit import Json

NONCE_HEADER = "fly-machine-lease-nonce"
READS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True)
class Call:
    """One authenticated request."""

    world: World
    token: Token
    request: Request
    raw: bytes

    @property
    def access(self) -> Access:
        return Access(self.world, self.token)

    @property
    def nonce(self) -> str:
        return self.request.headers.get(NONCE_HEADER, "")

    def path(self, name: str) -> str:
        return str(self.request.path_params[name])

    def query(self, name: str, default: str = "") -> str:
        return self.request.query_params.get(name, default)

    def flag(self, *names: str) -> bool:
        """Whether one of these query parameters is true."""
        return any(self.query(name).lower() in {"true", "1"} for name in names)

    def whole_number(self, name: str, default: int, *, low: int, high: int) -> int:
        """A query parameter within bounds; 400 otherwise."""
        text = self.query(name) or str(default)
        if not text.isdecimal() or not low <= int(text) <= high:
            raise ApiError(400, f"invalid_argument: {name} must be a whole number from {low} to {high}, not {text!r}")
        return int(text)

    def json(self, shape: Shape, *, required: bool = True) -> Json:
        """The body as a JSON object of a shape; 400 if it is none, or if there is none although it is required."""
        if not self.raw and not required:
            return {}
        try:
            body: Any = json.loads(self.raw)
        except RecursionError:
            raise ApiError(400, "invalid JSON body: nested too deeply") from None
        except ValueError as error:
            raise ApiError(
                400, f"invalid JSON body: {error}" if self.raw else "request body must not be empty"
            ) from None
        if not isinstance(body, dict):
            raise ApiError(400, "invalid JSON body: an object is required")
        check(body, shape)
        return body

    def app(self, action: str) -> App:
        """The app of the path, counted against the limit of `action` on it."""
        app = self.access.app(self.path("app"))
        self._limit(action, app.id)
        return app

    def machine(self, action: str) -> tuple[App, Machine]:
        """The Machine of the path, counted against the limit of `action` on it."""
        app = self.access.app(self.path("app"))
        machine = app.machines.get(self.path("machine"))
        if machine is None:
            raise ApiError(404, "machine not found")
        self._limit(action, machine.id)
        return app, machine

    def leased_machine(self, action: str) -> tuple[App, Machine]:
        """A Machine that this caller may change now: 409 while somebody else holds the lease."""
        app, machine = self.machine(action)
        if not machine.is_active:
            raise ApiError(404, "machine not found")
        lease = current_lease(self.world, machine)
        if lease is not None and lease.nonce != self.nonce:
            raise lease_is_held(machine, lease)
        if lease is None and self.nonce:
            raise ApiError(409, f"machine ID {machine.id} has no lease with this nonce: it was released or has expired")
        return app, machine

    def _limit(self, action: str, identifier: str) -> None:
        if not self.world.limiter.allows(action, identifier, self.world.now()):
            raise ApiError(429, "rate limit exceeded")


def current_lease(world: World, machine: Machine) -> Lease | None:
    """The lease that holds now; somebody else takes a free one when a fault says so."""
    now = world.now()
    lease = machine.lease_at(now)
    if lease is not None:
        return lease
    fault = world.faults.take("lease_held", *machine.fault_targets)
    if fault is None:
        return None
    owner = fault.detail.get("owner", "somebody@example.com")
    machine.lease = Lease(world.ids.nonce(), owner, "flyctl deploy", now + (fault.seconds or 13.0))
    return machine.lease


def lease_is_held(machine: Machine, lease: Lease) -> ApiError:
    expires = rfc3339(int(lease.expires_at)).replace(".000Z", "Z")
    return ApiError(409, f"machine ID {machine.id} lease currently held by {lease.owner}, expires at {expires}")


Handler = Callable[[Call], Awaitable[Response]]
ErrorAnswer = Callable[[ApiError], Response]
Authenticate = Callable[[World, str | None], Token]


class Api:
    """Base of the APIs: builds routes whose handlers see an authenticated call and may raise ApiError."""

    prefix = ""

    def __init__(self, world: World, *, on_error: ErrorAnswer, authenticate: Authenticate = token_of) -> None:
        self.world = world
        self._on_error = on_error
        self._authenticate = authenticate

    def route(self, method: str, path: str, handler: Handler) -> Route:
        """A route for one method; a write is refused to a read-only token before it is looked at."""

        async def endpoint(request: Request) -> Response:
            self.world.settle()
            try:
                token = self._authenticate(self.world, request.headers.get("authorization"))
                call = Call(self.world, token, request, await request.body())
                if request.method not in READS:
                    self._check_write(call)
                return await handler(call)
            except ApiError as error:
                return self._on_error(error)
            finally:
                if request.method not in READS:
                    self.world.touch()

        return Route(self.prefix + path, endpoint, methods=[method])

    def _check_write(self, call: Call) -> None:
        call.access.check_write()
