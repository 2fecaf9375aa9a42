"""The queries of GraphQL."""

from __future__ import annotations

from typing import Any

from graphql import GraphQLError

from sandbox.fly.auth import Access
from sandbox.fly.graphql_views import AVATAR, Views, connection, image_version, organization_id
from sandbox.fly.images import ImageName
from sandbox.fly.model import App, Volume
from sandbox.kit import Json

# Sizes of shared and performance Machines: CPUs, and the memory that each CPU may have.
# Source: https://fly.io/docs/about/pricing/#started-fly-machines
SIZES = {"shared": ((1, 2, 4, 8), 256, 2048), "performance": ((1, 2, 4, 8, 16), 2048, 8192)}
FLY_IMAGES = "flyio/"


def refused(text: str, code: str) -> GraphQLError:
    return GraphQLError(text, extensions={"code": code})


def not_found(what: str) -> GraphQLError:
    return refused(f"Could not find {what}", "NOT_FOUND")


class Queries:
    """Root of a query, as one token sees the world. Methods are resolvers, named as their fields."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._world = access.world
        self._views = Views(access)

    def addOns(self, _: Any, type: str | None = None, **page: Any) -> Json:  # noqa: A002, ARG002, N802
        """Extensions of other providers: there are none."""
        return connection([], page)

    def app(self, _: Any, name: str = "", internalId: str = "", id: str = "", key: str = "") -> Json:  # noqa: A002, N803
        for app in self._views.apps():
            if app.name in {name, id, key} or (internalId and internalId == str(app.number)):
                return self._views.app(app)
        raise not_found("App")

    def appNameAvailable(self, _: Any, name: str) -> bool:  # noqa: N802
        return name not in self._world.apps

    def apps(
        self,
        _: Any,
        role: str | None = None,
        organizationId: str | None = None,  # noqa: N803
        ids: Any = None,
        **page: Any,
    ) -> Json:
        own = organization_id(self._views.own_organization())
        if organizationId not in {None, own}:
            raise not_found("Organization")
        found = [a for a in self._views.apps() if (not role or a.role == role) and (ids is None or a.name in ids)]
        return connection([self._views.app(app) for app in found], page)

    def canPerformBluegreenDeployment(self, _: Any, name: str) -> bool:  # noqa: N802
        """Greens stand beside blues, which Machines with volumes cannot."""
        app = next((app for app in self._views.apps() if app.name == name), None)
        if app is None:
            raise not_found("App")
        return not any(machine.config.get("mounts") for machine in app.active_machines())

    def latestImageDetails(self, _: Any, image: str, flyVersion: str | None = None) -> Json:  # noqa: ARG002, N802, N803
        """The newest image of one of Fly's own repositories."""
        name = _parsed(image)
        known = self._world.registry.repositories.get(name.path)
        if known is None or not known.tags or not name.repository.startswith(FLY_IMAGES):
            raise refused("Unknown repository", "NOT_FOUND")
        tag, digest = max(known.tags.items(), key=lambda item: known.images[item[1]].pushed_at)
        return image_version(ImageName(name.registry, name.repository, tag, None), known.images[digest])

    def latestImageTag(self, _: Any, repository: str, snapshotId: str | None = None) -> str:  # noqa: ARG002, N802, N803
        known = self._world.registry.repositories.get(_parsed(repository).path)
        if known is None or not known.tags:
            raise not_found("image")
        newest = max(known.tags.items(), key=lambda item: known.images[item[1]].pushed_at)
        return f"{repository}:{newest[0]}@{newest[1]}"

    def machine(self, _: Any, machineId: str) -> Json:  # noqa: N803
        for app in self._views.apps():
            if machineId in app.machines:
                return self._views.machine(app, app.machines[machineId])
        raise not_found("Machine")

    def nearestRegion(self, _: Any, wireguardGateway: bool = False) -> Json:  # noqa: ARG002, N802, N803
        return self._views.regions()[0]

    def node(self, _: Any, id: str) -> Json | None:  # noqa: A002
        """A volume, an app or an organisation by its id."""
        for app in self._views.apps():
            if app.name == id:
                return self._views.app(app)
            if id in app.volumes:
                return self._views.volume(app, app.volumes[id])
        own = self._views.own_organization()
        return self._views.organization(own) if id == organization_id(own) else None

    def organization(self, _: Any, slug: str = "", id: str = "", name: str = "") -> Json:  # noqa: A002
        own = self._views.own_organization()
        if {slug, id, name} & {own.slug, own.raw_slug, organization_id(own), own.name}:
            return self._views.organization(own)
        raise not_found("Organization")

    def organizations(self, _: Any, type: str | None = None, **page: Any) -> Json:  # noqa: A002
        own = self._views.organization(self._views.own_organization())
        return connection([own] if type in {None, own["type"]} else [], page)

    def personalOrganization(self, _: Any) -> Json:  # noqa: N802
        own = self._views.own_organization()
        if not own.personal:
            raise not_found("Organization")
        return self._views.organization(own)

    def platform(self, _: Any) -> Json:
        regions = self._views.regions()
        return {"regions": regions, "requestRegion": regions[0]["code"], "vmSizes": vm_sizes()}

    def viewer(self, _: Any) -> Json:
        """Whose token it is: macaroons stand for themselves."""
        email = self._access.token.user
        return {"__typename": "Macaroon", "avatarUrl": AVATAR, "email": email, "id": None, "name": None}

    def volume(self, _: Any, id: str) -> Json | None:  # noqa: A002
        found = self._volume(id)
        return self._views.volume(*found) if found else None

    def _volume(self, volume_id: str) -> tuple[App, Volume] | None:
        owners = (app for app in self._views.apps() if volume_id in app.volumes)
        return next(((app, app.volumes[volume_id]) for app in owners), None)


def _parsed(reference: str) -> ImageName:
    try:
        return ImageName.parse(reference)
    except ValueError as error:
        raise refused(str(error), "BAD_REQUEST") from None


def vm_sizes() -> list[Json]:
    """The sizes that a Machine can have, without prices."""
    rows = []
    for kind, (counts, least_mb, most_mb) in SIZES.items():
        for cpus in counts:
            memory_mb = cpus * least_mb
            rows.append(
                {
                    "cpuCores": float(cpus),
                    "maxMemoryMb": cpus * most_mb,
                    "memoryGb": memory_mb / 1024,
                    "memoryIncrementsMb": list(range(memory_mb, cpus * most_mb + 1, least_mb)),
                    "memoryMb": memory_mb,
                    "name": f"{kind}-cpu-{cpus}x" if kind == "shared" else f"{kind}-{cpus}x",
                }
            )
    return rows
