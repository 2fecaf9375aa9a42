"""Machines API: metadata of a Machine, changed without a restart and without a lease.

Source: https://fly.io/docs/machines/api/machines-resource/#metadata
"""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.fly.errors import ApiError, machines_answer, precondition
from sandbox.fly.http import Api, Call
from sandbox.fly.ids import rfc3339
from sandbox.fly.machine import Machine
from sandbox.fly.world import World

NO_CONTENT = 204


class MetadataApi(Api):
    prefix = "/v1/apps/{app}/machines/{machine}/metadata"

    def __init__(self, world: World) -> None:
        super().__init__(world, on_error=machines_answer)

    def routes(self) -> list[Route]:
        return [
            self.route("GET", "", self.all),
            self.route("PUT", "", self.change),
            self.route("PATCH", "", self.change),
            self.route("GET", "/{key}", self.get),
            self.route("POST", "/{key}", self.set),
            self.route("DELETE", "/{key}", self.remove),
        ]

    async def all(self, call: Call) -> Response:
        return JSONResponse(_metadata(call.machine("get_metadata")[1]))

    async def get(self, call: Call) -> Response:
        metadata = _metadata(call.machine("get_metadata")[1])
        if call.path("key") not in metadata:
            raise ApiError(404, "metadata key not found")
        return JSONResponse({"value": metadata[call.path("key")]})

    async def set(self, call: Call) -> Response:
        _, machine = call.machine("set_metadata")
        value = call.json({"value": str}).get("value")
        if not isinstance(value, str):
            raise ApiError(400, "invalid_argument: value must be a string")
        self._apply(machine, {call.path("key"): value})
        return Response(status_code=NO_CONTENT)

    async def remove(self, call: Call) -> Response:
        _, machine = call.machine("delete_metadata")
        self._apply(machine, {call.path("key"): None})
        return Response(status_code=NO_CONTENT)

    async def change(self, call: Call) -> Response:
        """Set several keys; null and the empty string remove one. 412 if the Machine is not as expected."""
        _, machine = call.machine("update_metadata")
        body = call.json({"machine_version": str, "updated_at": str})
        values = body.get("metadata")
        if not isinstance(values, dict) or not all(isinstance(v, str | None) for v in values.values()):
            raise ApiError(400, "invalid_argument: metadata must be an object of strings")
        if body.get("machine_version") not in {None, "", machine.instance_id}:
            raise precondition(f"machine version is {machine.instance_id}, not {body['machine_version']}")
        if body.get("updated_at") not in {None, "", rfc3339(machine.updated_at)}:
            raise precondition("machine was updated since")
        self._apply(machine, values)
        return Response(status_code=NO_CONTENT)

    def _apply(self, machine: Machine, values: dict[str, str | None]) -> None:
        merged = {**_metadata(machine), **values}
        # Earlier versions keep the metadata that they had.
        machine.config = machine.config | {"metadata": {key: text for key, text in merged.items() if text}}
        machine.updated_at = self.world.now()


def _metadata(machine: Machine) -> dict[str, Any]:
    return dict(machine.config.get("metadata") or {})
