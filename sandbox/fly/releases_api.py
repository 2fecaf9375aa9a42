"""`api/v1` of Fly's web application: organisations, releases, builds and logs.

Undocumented but for logs; flyctl is the source: superfly/flyctl, internal/uiex (releases.go, organizations.go,
builders.go) and https://fly.io/docs/monitoring/logs-api-options/
"""

from __future__ import annotations

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.fly import configs
from sandbox.fly.errors import ApiError, uiex_answer, unauthenticated
from sandbox.fly.http import Api, Call
from sandbox.fly.ids import rfc3339
from sandbox.fly.model import App, LogLine, Release
from sandbox.fly.world import World
from sandbox.kit import Json

STRATEGIES = frozenset({"BLUEGREEN", "CANARY", "IMMEDIATE", "ROLLING", "ROLLING_ONE", "SIMPLE"})
STATUSES = frozenset({"running", "complete", "failed", "interrupted"})
LOG_PAGE = 100
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


def newest_first(app: App) -> list[Release]:
    return sorted(app.releases, key=lambda release: -release.version)


class ReleasesApi(Api):
    prefix = "/api/v1"

    def __init__(self, world: World) -> None:
        super().__init__(world, on_error=uiex_answer)

    def routes(self) -> list[Route]:
        return [
            self.route("GET", "/organizations", self.organizations),
            self.route("GET", "/organizations/{organization}", self.organization),
            self.route("GET", "/apps/{app}/releases", self.index),
            self.route("GET", "/apps/{app}/releases/current", self.current),
            self.route("GET", "/releases/all_current", self.all_current),
            self.route("POST", "/releases", self.create),
            self.route("PATCH", "/releases/{release}", self.change),
            self.route("POST", "/builds", self.create_build),
            self.route("POST", "/builds/finish", self.finish_build),
            self.route("GET", "/apps/{app}/logs", self.logs),
        ]

    async def organizations(self, call: Call) -> Response:
        return JSONResponse({"organizations": [self._organization_json(call.token.organization)]})

    async def organization(self, call: Call) -> Response:
        organization = call.access.organization(call.path("organization"))
        return JSONResponse({"organization": self._organization_json(organization.slug)})

    async def index(self, call: Call) -> Response:
        app = call.access.app(call.path("app"))
        limit = call.whole_number("limit", 25, low=1, high=1000)
        return JSONResponse({"releases": [release_json(release) for release in newest_first(app)[:limit]]})

    async def current(self, call: Call) -> Response:
        releases = newest_first(call.access.app(call.path("app")))
        if not releases:
            raise ApiError(404, "Not Found")
        return JSONResponse(release_json(releases[0]))

    async def all_current(self, call: Call) -> Response:
        apps = [app for app in self.world.apps.values() if app.releases and call.access.may_read(app)]
        return JSONResponse({app.name: rfc3339(newest_first(app)[0].created_at) for app in apps})

    async def create(self, call: Call) -> Response:
        body = call.json()
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
        body = call.json()
        release = self._find(call)
        if body.get("status") not in STATUSES:
            raise ApiError(422, f"status {body.get('status')!r} is not one of {', '.join(sorted(STATUSES))}")
        release.status, release.metadata = body["status"], body.get("metadata")
        release.updated_at = self.world.now()
        return JSONResponse(release_json(release))

    async def create_build(self, call: Call) -> Response:
        app = call.access.app(str(call.json().get("app_name") or ""))
        build_id = next(self.world.numbers)
        self.world.builds[build_id] = {"id": build_id, "app": app.name, "status": "started", "wallclock_time_ms": 0}
        return JSONResponse(self._build_json(build_id))

    async def finish_build(self, call: Call) -> Response:
        body = call.json()
        app = call.access.app(str(body.get("app_name") or ""))
        build = self.world.builds.get(body.get("build_id", 0))
        if build is None or build["app"] != app.name:
            raise ApiError(404, "Not Found")
        build["status"] = str(body.get("status") or "")
        return JSONResponse(self._build_json(body["build_id"]))

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

    def _find(self, call: Call) -> Release:
        for app in self.world.apps.values():
            for release in app.releases:
                if release.id == call.path("release") and call.access.may_read(app):
                    return release
        raise ApiError(404, "Not Found")

    def _build_json(self, build_id: int) -> Json:
        build = self.world.builds[build_id]
        return {key: build[key] for key in ("id", "status", "wallclock_time_ms")}

    def _organization_json(self, slug: str) -> Json:
        organization = self.world.organizations[slug]
        return {
            "id": f"org{organization.number}",
            "internal_numeric_id": organization.number,
            "slug": organization.slug,
            "raw_slug": organization.raw_slug,
            "name": organization.name,
            "personal": organization.personal,
            "paid_plan": True,
            "billable": True,
            "billing_status": "CURRENT",
            "provisions_beta_extensions": False,
            "remote_builder_image": "",
        }


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
