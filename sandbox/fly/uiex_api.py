"""`api/v1` of Fly's web application: organisations, and their clusters of Managed Postgres.

Undocumented; flyctl is the source: superfly/flyctl, internal/uiex (organizations.go, mpg)
"""

from __future__ import annotations

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.fly.errors import uiex_answer
from sandbox.fly.http import Api, Call
from sandbox.fly.model import ManagedCluster, Organization
from sandbox.fly.world import World
from sandbox.kit import Json


class UiexApi(Api):
    prefix = "/api/v1/organizations"

    def __init__(self, world: World) -> None:
        super().__init__(world, on_error=uiex_answer)

    def routes(self) -> list[Route]:
        clusters = [
            self.route("GET", f"/{{organization}}/{product}{which}", self.clusters)
            for product in ("postgres", "postgresv2")
            for which in ("", "/deleted")
        ]
        return [
            self.route("GET", "", self.index),
            self.route("GET", "/{organization}", self.get),
            *clusters,
        ]

    async def index(self, call: Call) -> Response:
        organization = self.world.organizations[call.token.organization]
        return JSONResponse({"organizations": [_json(organization)]})

    async def get(self, call: Call) -> Response:
        organization = call.access.organization(call.path("organization"))
        return JSONResponse({"organization": _json(organization)})

    async def clusters(self, call: Call) -> Response:
        """Clusters of Managed Postgres: under `postgres` those of both generations; none of those deleted."""
        organization = call.access.whole_organization(call.path("organization"))
        path = call.request.url.path
        oldest = 1 if path.endswith("/postgres") else 2
        found = [c for c in self.world.managed_clusters if c.organization == organization.slug and c.version >= oldest]
        return JSONResponse(
            {"data": [] if path.endswith("/deleted") else [_cluster_json(c, organization) for c in found]}
        )


def _cluster_json(cluster: ManagedCluster, organization: Organization) -> Json:
    return {
        "id": cluster.id,
        "name": cluster.name,
        "region": cluster.region,
        "status": cluster.status,
        "plan": cluster.plan,
        "disk": cluster.disk,
        "replicas": cluster.replicas,
        "version": cluster.version,
        "organization": _json(organization),
        "ip_assignments": {"direct": cluster.address},
        "attached_apps": [{"name": name} for name in cluster.attached_apps],
    }


def _json(organization: Organization) -> Json:
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
