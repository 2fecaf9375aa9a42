"""Machines API: volumes of an app and of an organisation, and their snapshots.

Source: https://fly.io/docs/machines/api/volumes-resource/ and https://fly.io/docs/volumes/overview/
"""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.fly import snapshots
from sandbox.fly.answers import volume_json
from sandbox.fly.errors import ApiError, machines_answer, precondition
from sandbox.fly.http import Api, Call
from sandbox.fly.ids import rfc3339
from sandbox.fly.model import App, Snapshot, Volume
from sandbox.fly.shapes import VOLUME
from sandbox.fly.world import World
from sandbox.kit import Json

DEFAULT_SIZE_GB = 3
LARGEST_GB = 500
RETENTION_DAYS = range(1, 61)
GIB = 2**30
PAGE = 1000


class VolumesApi(Api):
    prefix = "/v1"

    def __init__(self, world: World) -> None:
        super().__init__(world, on_error=machines_answer)

    def routes(self) -> list[Route]:
        volumes = "/apps/{app}/volumes"
        return [
            self.route("GET", volumes, self.index),
            self.route("POST", volumes, self.create),
            self.route("GET", volumes + "/{volume}", self.get),
            self.route("PUT", volumes + "/{volume}", self.update),
            self.route("DELETE", volumes + "/{volume}", self.destroy),
            self.route("PUT", volumes + "/{volume}/extend", self.extend),
            self.route("GET", volumes + "/{volume}/snapshots", self.snapshots),
            self.route("POST", volumes + "/{volume}/snapshots", self.take_snapshot),
            self.route("GET", "/orgs/{organization}/volumes", self.organization_volumes),
        ]

    async def index(self, call: Call) -> Response:
        """All volumes, also those that were destroyed and can still be recovered."""
        app = call.app("list_volumes")
        return JSONResponse([self._json(app, volume) for volume in app.volumes.values()])

    async def get(self, call: Call) -> Response:
        app = call.app("get_volume")
        return JSONResponse(self._json(app, _find(app, call)))

    async def create(self, call: Call) -> Response:
        app = call.app("create_volume")
        body = call.json(VOLUME)
        name, region = str(body.get("name") or ""), str(body.get("region") or "")
        source = self._source(app, body)
        region = region or (source.region if isinstance(source, Volume) else "")
        if not name or region not in self.world.regions:
            raise ApiError(400, "invalid_argument: name and region are required")
        if self.world.faults.peek("no_capacity", region, app.name) is not None:
            raise ApiError(400, "no capacity")
        size_gb = _size(body.get("size_gb") or _size_of(source), at_least=_size_of(source) if source else 1)
        volume = Volume(
            id=self.world.ids.volume(),
            name=name,
            region=region,
            size_gb=size_gb,
            created_at=self.world.now(),
            encrypted=body.get("encrypted") is not False,
            snapshot_retention=_retention(body.get("snapshot_retention") or 5),
            auto_backup_enabled=body.get("auto_backup_enabled") is not False,
            used_bytes=_bytes_of(self.world, app, source),
        )
        app.volumes[volume.id] = volume
        snapshots.plan_backups(self.world, app, volume, self.world.now())
        return JSONResponse(self._json(app, volume))

    async def update(self, call: Call) -> Response:
        app = call.app("update_volume")
        volume, body = _find_live(app, call), call.json(VOLUME)
        if body.get("snapshot_retention") is not None:
            volume.snapshot_retention = _retention(body["snapshot_retention"])
        if body.get("auto_backup_enabled") is not None:
            volume.auto_backup_enabled = body["auto_backup_enabled"] is True
        volume.updated_at = self.world.now()
        return JSONResponse(self._json(app, volume))

    async def extend(self, call: Call) -> Response:
        """Make a volume larger; its file system grows when the Machine that has it starts again."""
        app = call.app("extend_volume")
        volume = _find_live(app, call)
        needs_restart = extend_volume(self.world, app, volume, call.json(VOLUME).get("size_gb"))
        return JSONResponse({"needs_restart": needs_restart, "volume": self._json(app, volume)})

    async def destroy(self, call: Call) -> Response:
        app = call.app("delete_volume")
        volume = _find_live(app, call)
        if volume.attached_machine_id:
            raise precondition(f"volume {volume.id} is attached to machine {volume.attached_machine_id}")
        snapshots.destroy(self.world, app, volume)
        return JSONResponse(self._json(app, volume))

    async def snapshots(self, call: Call) -> Response:
        app = call.app("list_snapshots")
        return JSONResponse([_snapshot_json(snapshot) for snapshot in _find(app, call).snapshots])

    async def take_snapshot(self, call: Call) -> Response:
        """Begin a snapshot; it is `created` some seconds later."""
        app = call.app("create_snapshot")
        snapshots.take(self.world, app, _find_live(app, call), self.world.now())
        return Response(status_code=200)

    async def organization_volumes(self, call: Call) -> Response:
        """Volumes of all apps of an organisation, oldest change first, in pages."""
        organization = call.access.whole_organization(call.path("organization"))
        found = [
            (volume, app)
            for app in self.world.apps.values()
            if app.organization == organization.slug
            for volume in app.volumes.values()
            if _is_shown(volume, call)
        ]
        found.sort(key=lambda pair: (pair[0].updated_at, pair[0].id))
        start = call.whole_number("cursor", 0, low=0, high=10**9)
        limit = call.whole_number("limit", PAGE, low=1, high=PAGE)
        page = found[start : start + limit]
        rows = [self._json(a, v) | {"app_name": a.name, "updated_at": rfc3339(v.updated_at)} for v, a in page]
        answer: Json = {"volumes": rows}
        if page:
            answer |= {"last_volume_id": page[-1][0].id, "last_updated_at": rows[-1]["updated_at"]}
        return JSONResponse(answer | ({"next_cursor": str(start + limit)} if start + limit < len(found) else {}))

    def _source(self, app: App, body: Json) -> Volume | Snapshot | None:
        """What a new volume is a copy of: a snapshot, another volume of the app, or nothing."""
        if body.get("snapshot_id"):
            snapshot = snapshots.find(self.world, app.organization, str(body["snapshot_id"]))
            if snapshot is None:
                raise ApiError(404, "snapshot not found")
            return snapshot
        if body.get("source_volume_id"):
            volume = app.volumes.get(str(body["source_volume_id"]))
            if volume is None or volume.is_gone:
                raise ApiError(404, "volume not found")
            return volume
        return None

    def _json(self, app: App, volume: Volume) -> Json:
        return volume_json(volume) | {"bytes_used": snapshots.used_bytes(self.world, app, volume)}


def extend_volume(world: World, app: App, volume: Volume, size_gb: Any) -> bool:
    """Make a volume larger; whether its Machine has to start again for it. ApiError for a size that it cannot have."""
    volume.size_gb = _size(size_gb, at_least=volume.size_gb + 1)
    volume.updated_at = world.now()
    owner = app.machines.get(volume.attached_machine_id or "")
    needs_restart = owner is not None and owner.state == "started"
    if not needs_restart:
        volume.filesystem_gb = volume.size_gb
    return needs_restart


def _size_of(source: Volume | Snapshot | None) -> int:
    if isinstance(source, Snapshot):
        return source.volume_gb
    return source.size_gb if source else DEFAULT_SIZE_GB


def _bytes_of(world: World, app: App, source: Volume | Snapshot | None) -> int:
    if isinstance(source, Snapshot):
        return source.size
    return snapshots.used_bytes(world, app, source) if source else 0


def _size(value: Any, *, at_least: int) -> int:
    """A size in GB; a volume never gets smaller, nor larger than 500 GB."""
    if not isinstance(value, int) or isinstance(value, bool) or not at_least <= value <= LARGEST_GB:
        text = f"size_gb must be a whole number from {at_least} to {LARGEST_GB}, not {value!r}"
        raise ApiError(400, f"invalid_argument: {text}")
    return value


def _retention(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value not in RETENTION_DAYS:
        raise ApiError(400, f"invalid_argument: snapshot_retention must be from 1 to 60 days, not {value!r}")
    return value


def _is_shown(volume: Volume, call: Call) -> bool:
    if volume.is_gone and not call.flag("include_deleted"):
        return False
    if call.query("region") and volume.region != call.query("region"):
        return False
    return not call.query("state") or volume.state in call.query("state").split(",")


def _find(app: App, call: Call) -> Volume:
    volume = app.volumes.get(call.path("volume"))
    if volume is None:
        raise ApiError(404, "volume not found")
    return volume


def _find_live(app: App, call: Call) -> Volume:
    """A volume that was not destroyed."""
    volume = _find(app, call)
    if volume.is_gone:
        raise ApiError(404, "volume not found")
    return volume


def _snapshot_json(snapshot: Snapshot) -> Json:
    return {
        "id": snapshot.id,
        "status": snapshot.status,
        "size": snapshot.size,
        "volume_size": snapshot.volume_gb * GIB,
        "digest": "",
        "retention_days": snapshot.retention_days,
        "created_at": rfc3339(snapshot.created_at),
    }
