"""What a database app has in it, as the page shows it: databases, users, connections, and the apps that use it."""

from __future__ import annotations

from typing import Any

from sandbox.fly.model import App
from sandbox.fly.postgres import Cluster
from sandbox.fly.postgres_checks import Member
from sandbox.fly.world import World
from sandbox.kit import Json


def cluster_print(world: World, app: App) -> Any:
    """Equal as long as `cluster_json` is."""
    cluster = app.postgres
    if cluster is None:
        return None
    databases = [(each.name, each.owner, each.size_bytes) for each in cluster.databases.values()]
    users = [(user.name, user.superuser) for user in cluster.users.values()]
    attached = [user.name for user in world.users_of_app(app.name)]
    return databases, users, attached, _state(world, app, cluster)


def cluster_json(world: World, app: App) -> Json | None:
    """The cluster in an app; None for an app that is none. `connections` only while its primary runs."""
    cluster = app.postgres
    if cluster is None:
        return None
    return {
        "databases": [
            {"name": each.name, "owner": each.owner, "bytes": each.size_bytes} for each in cluster.databases.values()
        ],
        "users": [{"name": user.name, "superuser": user.superuser} for user in cluster.users.values()],
        "attached": [user.name for user in world.users_of_app(app.name)],
        **_state(world, app, cluster),
    }


def _state(world: World, app: App, cluster: Cluster) -> Json:
    primary = app.machines.get(cluster.primary or "")
    if primary is None or primary.state != "started":
        return {"is_read_only": False, "connections": None}
    member = Member(world, app, primary)
    counted = {"used": member.sessions(), "reserved": cluster.reserved_connections, "most": cluster.max_connections}
    return {"is_read_only": member.is_read_only, "connections": counted}
