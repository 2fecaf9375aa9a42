"""Machines API: secrets of an app. They are only stored: a running Machine keeps its environment until it boots again.

Source: https://fly.io/docs/apps/secrets/ and superfly/fly-go, flaps/flaps_secrets.go
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.fly.errors import ApiError, machines_answer, precondition
from sandbox.fly.http import Api, Call
from sandbox.fly.ids import rfc3339
from sandbox.fly.model import App, Secret
from sandbox.fly.proxy import named_in, reached_by
from sandbox.fly.world import World
from sandbox.kit import Json

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def store(world: World, app: App, values: dict[str, str | None]) -> int:
    """Set secrets, and remove those that are None; the new version."""
    now = world.now()
    for name, value in values.items():
        if value is None:
            app.secrets.pop(name, None)
            continue
        known = app.secrets.get(name)
        digest = hashlib.sha256(value.encode()).hexdigest()[:16]
        app.secrets[name] = Secret(name, digest, known.created_at if known else now, now, reached_by(value))
        host = named_in(value)
        if host is not None:
            world.users_of.setdefault(host, set()).add(app.name)
    app.secrets_version += 1
    return app.secrets_version


class SecretsApi(Api):
    """Values are write-only: no answer repeats one."""

    prefix = "/v1/apps/{app}/secrets"

    def __init__(self, world: World) -> None:
        super().__init__(world, on_error=machines_answer)

    def routes(self) -> list[Route]:
        return [
            self.route("GET", "", self.index),
            self.route("POST", "", self.change),
            self.route("GET", "/{name}", self.get),
            self.route("POST", "/{name}", self.set),
            self.route("DELETE", "/{name}", self.remove),
        ]

    async def index(self, call: Call) -> Response:
        app = call.app("list_secrets")
        _check_version(app, call)
        return JSONResponse({"secrets": [_json(secret) for secret in app.secrets.values()]})

    async def get(self, call: Call) -> Response:
        app = call.app("get_secret")
        _check_version(app, call)
        return JSONResponse(_json(_find(app, call)))

    async def change(self, call: Call) -> Response:
        app = call.app("update_secrets")
        values = call.json({"values": {}}).get("values")
        if not isinstance(values, dict):
            raise ApiError(400, "invalid_argument: values must be an object")
        check_all(values)
        version = store(self.world, app, values)
        return JSONResponse({"secrets": [_json(s) for s in app.secrets.values()], "version": version})

    async def set(self, call: Call) -> Response:
        app = call.app("set_secret")
        name, value = call.path("name"), call.json({"value": str}).get("value")
        _check(name, value, removable=False)
        version = store(self.world, app, {name: value})
        return JSONResponse({**_json(app.secrets[name]), "version": version}, status_code=201)

    async def remove(self, call: Call) -> Response:
        app = call.app("delete_secret")
        secret = _find(app, call)
        return JSONResponse({"version": store(self.world, app, {secret.name: None})})


def check_all(values: dict[str, Any]) -> None:
    """Refuse with 400 what cannot be stored; None removes a secret."""
    for name, value in values.items():
        _check(name, value, removable=True)


def _check(name: str, value: Any, *, removable: bool) -> None:
    if not NAME.fullmatch(name):
        raise ApiError(400, f"invalid_argument: {name!r} is not a valid secret name")
    if not isinstance(value, str) and not (removable and value is None):
        raise ApiError(400, f"invalid_argument: the value of {name} must be a string")


def _check_version(app: App, call: Call) -> None:
    wanted = call.whole_number("min_version" if call.query("min_version") else "version", 0, low=0, high=10**18)
    if wanted > app.secrets_version:
        raise precondition(f"secrets version {wanted} is not available, newest is {app.secrets_version}")


def _find(app: App, call: Call) -> Secret:
    secret = app.secrets.get(call.path("name"))
    if secret is None:
        raise ApiError(404, "secret not found")
    return secret


def _json(secret: Secret) -> Json:
    return {
        "name": secret.name,
        "digest": secret.digest,
        "created_at": rfc3339(secret.created_at),
        "updated_at": rfc3339(secret.updated_at),
    }
