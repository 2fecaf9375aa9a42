"""Machines API: volumes of an app and their snapshots.

Source: https://fly.io/docs/machines/api/volumes-resource/
"""

from __future__ import annotations

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.fly.answers import volume_json
from sandbox.fly.errors import ApiError, machines_answer, precondition
from sandbox.fly.http import Api, Call
from sandbox.fly.model import App, Volume
from sandbox.fly.world import World

DEFAULT_SIZE_GB = 3


class VolumesApi(Api):
    prefix = "/v1/apps/{app}/volumes"

    def __init__(self, world: World) -> None:
        super().__init__(world, on_error=machines_answer)

    def routes(self) -> list[Route]:
        return [
            self.route("GET", "", self.index),
            self.route("POST", "", self.create),
            self.route("GET", "/{volume}", self.get),
            self.route("DELETE", "/{volume}", self.destroy),
            self.route("GET", "/{volume}/snapshots", self.snapshots),
        ]

    async def index(self, call: Call) -> Response:
        app = call.app("list_volumes")
        return JSONResponse([volume_json(volume) for volume in app.volumes.values()])

    async def get(self, call: Call) -> Response:
        app = call.app("get_volume")
        return JSONResponse(volume_json(_find(app, call)))

    async def create(self, call: Call) -> Response:
        app = call.app("create_volume")
        body = call.json()
        name, region = str(body.get("name") or ""), str(body.get("region") or "")
        if not name or region not in self.world.regions:
            raise ApiError(400, "invalid_argument: name and region are required")
        if self.world.faults.peek("no_capacity", region, app.name) is not None:
            raise ApiError(400, "no capacity")
        size_gb = body.get("size_gb") or DEFAULT_SIZE_GB
        encrypted = body.get("encrypted") is not False
        volume = Volume(self.world.ids.volume(), name, region, size_gb, self.world.now(), encrypted)
        app.volumes[volume.id] = volume
        return JSONResponse(volume_json(volume))

    async def destroy(self, call: Call) -> Response:
        app = call.app("delete_volume")
        volume = _find(app, call)
        if volume.attached_machine_id:
            raise precondition(f"volume {volume.id} is attached to machine {volume.attached_machine_id}")
        del app.volumes[volume.id]
        return JSONResponse(volume_json(volume) | {"state": "destroying"})

    async def snapshots(self, call: Call) -> Response:
        app = call.app("list_snapshots")
        return JSONResponse(_find(app, call).snapshots)


def _find(app: App, call: Call) -> Volume:
    volume = app.volumes.get(call.path("volume"))
    if volume is None:
        raise ApiError(404, "volume not found")
    return volume
