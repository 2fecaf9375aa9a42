"""`api/v1` of Fly's web application: releases, builds and logs.

Undocumented but for logs; flyctl is the source: superfly/flyctl, internal/uiex (releases.go, builders.go),
internal/uiexutil/releases.go and https://fly.io/docs/monitoring/logs-api-options/
"""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.fly import configs
from sandbox.fly.auth import Access
from sandbox.fly.errors import ApiError, uiex_answer, unauthenticated
from sandbox.fly.http import Api, Call
from sandbox.fly.ids import rfc3339
from sandbox.fly.model import App, LogLine, Release
from sandbox.fly.world import World
from sandbox.kit import Json

STRATEGIES = frozenset({"BLUEGREEN", "CANARY", "IMMEDIATE", "ROLLING", "ROLLING_ONE", "SIMPLE"})
STATUSES = frozenset({"running", "complete", "failed", "interrupted"})
LOG_PAGE = 100
RELEASE = {"app_name": str, "build_id": int, "image": str, "strategy": str, "definition": {}}
BUILD = {"app_name": str, "build_id": int, "status": str}
LOG_DEFAULT_PERIOD_S = 24 * 3600


def create_release(world: World, app: App, *, image: str, definition: Json, strategy: str, user: str) -> Release:
    """The next release of an app, `pending`."""
    version = max((release.version for release in app.releases), default=0) + 1
    now = world.now()
    release = Release(
        id=world.ids.release(),
        version=version,
        app=app.name,
        image_ref=image,
        strategy=strategy,
        user=user,
        created_at=now,
        updated_at=now,
        definition=definition,
    )
    app.releases.append(release)
    return release


def change_release(world: World, release: Release, status: Any, metadata: Any) -> None:
    """Set how a release goes; 422 for a status that flyctl does not know."""
    if status not in STATUSES:
        raise ApiError(422, f"status {status!r} is not one of {', '.join(sorted(STATUSES))}")
    release.status, release.metadata, release.updated_at = status, metadata, world.now()


def released(access: Access, release_id: str) -> tuple[App, Release] | None:
    """A release that the token may read, with its app."""
    for app in access.world.apps.values():
        for release in app.releases:
            if release.id == release_id and access.may_read(app):
                return app, release
    return None


def start_build(world: World, app: App) -> Json:
    """Note that an image is being built, or would be if there were anything to build."""
    number = next(world.numbers)
    build: Json = {"id": number, "app": app.name, "status": "started", "wallclock_time_ms": 0}
    world.builds[number] = build
    return build


def finish_build(world: World, app: App, number: int, status: str) -> Json:
    """Note how a build ended; 404 for one of another app."""
    build = world.builds.get(number)
    if build is None or build["app"] != app.name:
        raise ApiError(404, "Not Found")
    build["status"] = status
    return build


def newest_first(app: App) -> list[Release]:
    return sorted(app.releases, key=lambda release: -release.version)


def current(app: App) -> Release | None:
    """The newest release that is complete: what Fly's web application calls the current one."""
    return next((release for release in newest_first(app) if release.stable), None)


class ReleasesApi(Api):
    prefix = "/api/v1"

    def __init__(self, world: World) -> None:
        super().__init__(world, on_error=uiex_answer)

    def routes(self) -> list[Route]:
        return [
            self.route("GET", "/apps/{app}/releases", self.index),
            self.route("GET", "/apps/{app}/releases/current", self.current),
            self.route("GET", "/releases/all_current", self.all_current),
            self.route("POST", "/releases", self.create),
            self.route("PATCH", "/releases/{release}", self.change),
            self.route("POST", "/builds", self.create_build),
            self.route("POST", "/builds/finish", self.finish_build),
            self.route("GET", "/apps/{app}/logs", self.logs),
        ]

    async def index(self, call: Call) -> Response:
        app = call.access.app(call.path("app"))
        limit = call.whole_number("limit", 25, low=1, high=1000)
        return JSONResponse({"releases": [release_json(release) for release in newest_first(app)[:limit]]})

    async def current(self, call: Call) -> Response:
        release = current(call.access.app(call.path("app")))
        if release is None:
            raise ApiError(404, "Not Found")
        return JSONResponse(release_json(release))

    async def all_current(self, call: Call) -> Response:
        found = [current(app) for app in self.world.apps.values() if call.access.may_read(app)]
        return JSONResponse({release.app: rfc3339(release.created_at) for release in found if release})

    async def create(self, call: Call) -> Response:
        body = call.json(RELEASE)
        app = call.access.app(str(body.get("app_name") or ""))
        image, definition, strategy = body.get("image"), body.get("definition"), body.get("strategy")
        if strategy not in STRATEGIES or not isinstance(definition, dict):
            raise ApiError(422, "strategy and definition are required")
        if configs.resolve(self.world, app.organization, str(image or "")) is None:
            raise ApiError(404, f'Could not find image "{image}"')
        release = create_release(
            self.world, app, image=str(image), definition=definition, strategy=str(strategy), user=call.token.user
        )
        return JSONResponse({"release": release_json(release)}, status_code=201)

    async def change(self, call: Call) -> Response:
        body = call.json({"status": str})
        found = released(call.access, call.path("release"))
        if found is None:
            raise ApiError(404, "Not Found")
        change_release(self.world, found[1], body.get("status"), body.get("metadata"))
        return JSONResponse(release_json(found[1]))

    async def create_build(self, call: Call) -> Response:
        app = call.access.app(str(call.json(BUILD).get("app_name") or ""))
        return JSONResponse(_build_json(start_build(self.world, app)))

    async def finish_build(self, call: Call) -> Response:
        body = call.json(BUILD)
        app = call.access.app(str(body.get("app_name") or ""))
        build = finish_build(self.world, app, body.get("build_id", 0), str(body.get("status") or ""))
        return JSONResponse(_build_json(build))

    async def logs(self, call: Call) -> Response:
        """Up to 100 lines after `next_token` (Unix nanoseconds); without it the newest of a day."""
        app = call.access.app(call.path("app"))
        if not call.token.logs:
            raise unauthenticated()
        ingested_ns = int((self.world.now() - self.world.durations.log_lag_s) * 1e9)
        after_ns = call.whole_number("next_token", 0, low=0, high=2**63)
        lines = [line for line in app.logs if after_ns < line.at_ns <= ingested_ns and _is_wanted(line, call)]
        if after_ns:
            page = lines[:LOG_PAGE]
        else:
            page = [x for x in lines if x.at_ns > ingested_ns - LOG_DEFAULT_PERIOD_S * 1e9][-LOG_PAGE:]
        token = page[-1].at_ns if page else after_ns or ingested_ns
        return JSONResponse({"data": [_line_json(line) for line in page], "meta": {"next_token": str(token)}})


def _build_json(build: Json) -> Json:
    return {key: build[key] for key in ("id", "status", "wallclock_time_ms")}


def release_json(release: Release) -> Json:
    return {
        "id": release.id,
        "version": release.version,
        "stable": release.stable,
        "in_progress": release.in_progress,
        "status": release.status,
        "strategy": release.strategy,
        "user": release.user,
        "created_at": rfc3339(release.created_at),
        "image_ref": release.image_ref,
    }


def _is_wanted(line: LogLine, call: Call) -> bool:
    instance, region = call.query("instance"), call.query("region")
    return (not instance or line.instance == instance) and (not region or line.region == region)


def _line_json(line: LogLine) -> Json:
    seconds, nanoseconds = divmod(line.at_ns, 10**9)
    event = {"provider": line.provider}
    meta = {"instance": line.instance, "region": line.region, "event": event, "http": {}, "error": {}, "url": {}}
    timestamp = f"{rfc3339(seconds)[:19]}.{nanoseconds:09d}Z"
    attributes = {
        "timestamp": timestamp,
        "message": line.message,
        "level": line.level,
        "instance": line.instance,
        "region": line.region,
        "meta": meta,
    }
    return {"id": line.id, "type": "log", "attributes": attributes}
