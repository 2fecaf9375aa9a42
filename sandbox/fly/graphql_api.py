"""GraphQL: apps, images and releases, executed against a part of the real schema.

Source: superfly/flyctl, gql/schema.graphql; errors are answered at HTTP 200 with `extensions.code`.
"""

from __future__ import annotations

import functools
import json
from typing import Any

from graphql import GraphQLError, GraphQLSchema, build_schema, graphql_sync
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.fly import configs
from sandbox.fly.auth import Access
from sandbox.fly.errors import ApiError, graphql_answer
from sandbox.fly.graphql_schema import SCHEMA
from sandbox.fly.http import Api, Call
from sandbox.fly.ids import rfc3339
from sandbox.fly.images import LAYER_BYTES, Image, ImageName
from sandbox.fly.model import App, Organization, Release
from sandbox.fly.releases_api import newest_first
from sandbox.fly.world import World
from sandbox.kit import Json

PAGE = 25
ROLES = {"postgres_cluster": "PostgresClusterAppRole"}


class GraphqlApi(Api):
    prefix = "/graphql"

    def __init__(self, world: World) -> None:
        super().__init__(world, on_error=graphql_answer)

    def routes(self) -> list[Route]:
        return [self.route("POST", "", self.execute)]

    async def execute(self, call: Call) -> Response:
        body = call.json()
        variables = body.get("variables") or {}
        if not isinstance(body.get("query"), str) or not isinstance(variables, dict):
            raise ApiError(400, "query is required")
        root = Queries(self.world, call.access)
        result = graphql_sync(
            _schema(), body["query"], root, variable_values=variables, operation_name=body.get("operationName")
        )
        answer: Json = {}
        if result.data is not None or not result.errors:
            answer["data"] = result.data
        if result.errors:
            answer["errors"] = [_error_json(error) for error in result.errors]
        return JSONResponse(answer)

    def _check_write(self, call: Call) -> None:
        """Every query is a POST, and this part of the schema has no mutations."""


@functools.cache
def _schema() -> GraphQLSchema:
    return build_schema(SCHEMA)


def _error_json(error: GraphQLError) -> Json:
    formatted: Json = dict(error.formatted)
    formatted.setdefault("extensions", {"code": "GRAPHQL_VALIDATION_FAILED" if error.path is None else "SERVER_ERROR"})
    return formatted


def _refused(text: str, code: str) -> GraphQLError:
    return GraphQLError(text, extensions={"code": code})


def _not_found(what: str) -> GraphQLError:
    return _refused(f"Could not find {what}", "NOT_FOUND")


class Queries:
    """Root of a query, as one token sees the world. Methods are resolvers, named as their fields."""

    def __init__(self, world: World, access: Access) -> None:
        self._world = world
        self._access = access

    def app(self, _: Any, name: str = "", internalId: str = "") -> Json:  # noqa: N803
        for app in self._apps():
            if app.name == name or (internalId and internalId == str(app.number)):
                return self._app_json(app)
        raise _not_found("App")

    def appNameAvailable(self, _: Any, name: str) -> bool:  # noqa: N802
        return name not in self._world.apps

    def apps(self, _: Any, role: str = "", organizationId: str = "", **page: Any) -> Json:  # noqa: N803
        found = [a for a in self._apps() if not role or a.role == role]
        if organizationId:
            found = [a for a in found if organizationId == _organization_id(self._world.organizations[a.organization])]
        return _connection([self._app_json(app) for app in found], page)

    def latestImageTag(self, _: Any, repository: str, snapshotId: str = "") -> str:  # noqa: N802, N803, ARG002
        path = ImageName.parse(repository).path
        known = self._world.registry.repositories.get(path)
        if known is None or not known.tags:
            raise _not_found("image")
        newest = max(known.tags.items(), key=lambda item: known.images[item[1]].pushed_at)
        return f"{repository}:{newest[0]}@{newest[1]}"

    def organization(self, _: Any, slug: str = "", id: str = "", name: str = "") -> Json:  # noqa: A002
        own = self._world.organizations[self._access.token.organization]
        if {slug, id, name} & {own.slug, own.raw_slug, _organization_id(own), own.name}:
            return self._organization_json(own)
        raise _not_found("Organization")

    def organizations(self, _: Any, **page: Any) -> Json:
        own = self._world.organizations[self._access.token.organization]
        return _connection([self._organization_json(own)], page)

    def personalOrganization(self, _: Any) -> Json:  # noqa: N802
        own = self._world.organizations[self._access.token.organization]
        if not own.personal:
            raise _not_found("Organization")
        return self._organization_json(own)

    def nearestRegion(self, _: Any, wireguardGateway: bool = False) -> Json:  # noqa: N802, N803, ARG002
        return self._regions()[0]

    def platform(self, _: Any) -> Json:
        return {"regions": self._regions(), "requestRegion": self._regions()[0]["code"]}

    def _apps(self) -> list[App]:
        return [app for app in self._world.apps.values() if self._access.may_read(app)]

    def _regions(self) -> list[Json]:
        common = {"deprecated": False, "gatewayAvailable": True, "requiresPaidPlan": False}
        return [{"code": code, "name": name, **common} for code, name in self._world.regions.items()]

    def _organization_json(self, organization: Organization) -> Json:
        def apps(_: Any, **page: Any) -> Json:
            return _connection([self._app_json(app) for app in self._apps()], page)

        return {
            "apps": apps,
            "billable": True,
            "id": _organization_id(organization),
            "internalNumericId": str(organization.number),
            "name": organization.name,
            "paidPlan": True,
            "rawSlug": organization.raw_slug,
            "slug": organization.slug,
            "type": "PERSONAL" if organization.personal else "SHARED",
        }

    def _app_json(self, app: App) -> Json:
        def releases(_: Any, status: str = "", **page: Any) -> Json:
            found = [r for r in newest_first(app) if not status or r.status == status]
            return _connection([self._release_json(app, release) for release in found], page)

        def current(_: Any) -> Json | None:
            found = newest_first(app)
            return self._release_json(app, found[0]) if found else None

        def image(_: Any, ref: str) -> Json | None:
            return self._image_json(app, ref)

        return {
            "appUrl": f"https://{app.name}.fly.dev",
            "cnameTarget": f"{app.id}.{app.name}.fly.dev",
            "createdAt": rfc3339(app.created_at),
            "currentReleaseUnprocessed": current,
            "deployed": app.status == "deployed",
            "egressIpAddresses": lambda _, **page: _connection([], page),
            "hostname": f"{app.name}.fly.dev",
            "id": app.id,
            "image": image,
            "internalNumericId": app.number,
            "name": app.name,
            "network": app.network,
            "organization": lambda _: self._organization_json(self._world.organizations[app.organization]),
            "platformVersion": "machines",
            "releasesUnprocessed": releases,
            "role": {"__typename": ROLES.get(app.role, "EmptyAppRole"), "name": app.role} if app.role else None,
            "state": app.status.upper(),
            "status": app.status,
        }

    def _release_json(self, app: App, release: Release) -> Json:
        return {
            "configDefinition": release.definition,
            "createdAt": rfc3339(release.created_at),
            "deploymentStrategy": release.strategy,
            "description": "Release",
            "id": release.id,
            "image": lambda _: self._image_json(app, release.image_ref),
            "imageRef": release.image_ref,
            "inProgress": release.in_progress,
            "reason": "",
            "revertedTo": None,
            "stable": release.stable,
            "status": release.status,
            "updatedAt": rfc3339(release.updated_at),
            "user": {"id": release.user, "email": release.user, "name": release.user.partition("@")[0]},
            "version": release.version,
        }

    def _image_json(self, app: App, ref: str) -> Json | None:
        found = configs.resolve(self._world, app.organization, ref)
        return _image_fields(*found) if found else None


def _image_fields(name: ImageName, image: Image) -> Json:
    absolute = ImageName(name.registry, name.repository, name.tag, image.digest)
    return {
        "absoluteRef": str(absolute),
        "compressedSize": LAYER_BYTES,
        "compressedSizeFull": str(LAYER_BYTES),
        "config": json.loads(image.config),
        "configDigest": image.config_digest,
        "createdAt": rfc3339(image.pushed_at),
        "digest": image.digest,
        "id": f"img_{image.digest[7:23]}",
        "label": name.tag or "",
        "manifest": json.loads(image.manifest),
        "ref": str(absolute),
        "registry": name.registry,
        "repository": name.repository,
        "tag": name.tag,
    }


def _organization_id(organization: Organization) -> str:
    return f"org{organization.number}"


def _connection(nodes: list[Json], page: Json) -> Json:
    """A page of a connection; a cursor is the position after a node."""
    start = int(page.get("after") or 0)
    shown = nodes[start : start + (page.get("first") or PAGE)]
    if page.get("last"):
        shown = nodes[-page["last"] :]
    end = start + len(shown)
    info = {
        "endCursor": str(end),
        "hasNextPage": end < len(nodes),
        "hasPreviousPage": start > 0,
        "startCursor": str(start),
    }
    return {"nodes": shown, "pageInfo": info, "totalCount": len(nodes)}
