"""The whole simulated Fly as JSON, for pages and assertions. Tokens and secret values are not in it.

Who looks often can tell what changed: an app that did not is the very same object as before, and its `revision`
(like the `revision` of the whole) grows with every change that somebody looked at.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sandbox.fly import checks
from sandbox.fly.answers import config_json
from sandbox.fly.machine import Machine
from sandbox.fly.model import App, Volume
from sandbox.fly.postgres_checks import Member
from sandbox.fly.releases_api import newest_first, release_json
from sandbox.fly.world import World
from sandbox.kit import Json


@dataclass
class Shown:
    """What was last shown of an app, and what it was made of."""

    app: App
    made_of: object
    value: Json


def world_json(world: World) -> Json:
    apps = {name: app_json(world, app) for name, app in world.apps.items()}
    if len(world.shown) > len(apps):
        world.revision += 1
        world.shown = {name: world.shown[name] for name in apps}
    return {
        "now": world.now(),
        "revision": world.revision,
        "organizations": [asdict(organization) for organization in world.organizations.values()],
        "apps": apps,
        "registry": world.registry.state(),
        "release_commands": [run for app in world.apps.values() for run in app.release_commands],
    }


def app_json(world: World, app: App) -> Json:
    """One app's part of it: the same object as long as nothing in it changed."""
    now = world.now()
    made_of = _made_of(world, app, now)
    shown: Shown | None = world.shown.get(app.name)
    if shown is not None and shown.app is app and shown.made_of == made_of:
        return shown.value
    world.revision += 1
    app.revision = world.revision
    value = _app_json(world, app)
    world.shown[app.name] = Shown(app, made_of, value)
    return value


def _made_of(world: World, app: App, now: float) -> object:
    """Equal as long as the app's part is: cheaper to tell than the part itself."""
    return (
        app.was_deployed,
        app.secrets_version,
        len(app.secrets),
        [_machine_made_of(world, machine, now) for machine in app.machines.values()],
        [(release.version, release.status, release.updated_at) for release in app.releases],
        [_volume_made_of(volume) for volume in app.volumes.values()],
        list(app.addresses),
        [(c.hostname, c.configured) for c in app.certificates.values()],
        _cluster_made_of(world, app),
        len(app.visits),
    )


def _machine_made_of(world: World, machine: Machine, now: float) -> object:
    lease = machine.lease_at(now)
    return (
        machine.state,
        machine.epoch,
        machine.instance_id,
        machine.updated_at,
        len(machine.events),
        machine.cordoned,
        machine.config,
        (lease.nonce, lease.expires_at) if lease else None,
        world.host_is_reachable(machine),
        checks.phase(machine, world.durations, now),
        machine.restart_count,
    )


def _volume_made_of(volume: Volume) -> object:
    snapshots = [(snapshot.id, snapshot.status) for snapshot in volume.snapshots]
    return volume.id, volume.state, volume.size_gb, volume.attached_machine_id, volume.updated_at, snapshots


def _cluster_made_of(world: World, app: App) -> object:
    cluster = app.postgres
    if cluster is None:
        return None
    databases = [(each.name, each.owner, each.size_bytes) for each in cluster.databases.values()]
    users = [(user.name, user.superuser) for user in cluster.users.values()]
    attached = [user.name for user in world.users_of_app(app.name)]
    return databases, users, attached, cluster.primary, cluster.locked, dict(cluster.settings)


def _app_json(world: World, app: App) -> Json:
    return {
        "revision": app.revision,
        "organization": app.organization,
        "role": app.role,
        "status": app.status,
        "machines": [machine_json(world, machine) for machine in app.machines.values()],
        "releases": [release_json(r) | {"definition": r.definition, "metadata": r.metadata} for r in newest_first(app)],
        "secrets": sorted(app.secrets),
        "secrets_version": app.secrets_version,
        "volumes": [asdict(volume) for volume in app.volumes.values()],
        "addresses": [asdict(address) for address in app.addresses],
        "certificates": [asdict(certificate) for certificate in app.certificates.values()],
        "requests": len(app.visits),
        "postgres": _cluster_json(world, app),
    }


def _cluster_json(world: World, app: App) -> Json | None:
    """What a database has in it; `connections` only while its primary runs."""
    cluster = app.postgres
    if cluster is None:
        return None
    primary = app.machines.get(cluster.primary or "")
    runs = primary is not None and primary.state == "started"
    member = Member(world, app, primary) if primary is not None and runs else None
    return {
        "databases": [asdict(database) for database in cluster.databases.values()],
        "users": [asdict(user) for user in cluster.users.values()],
        "attached_apps": [user.name for user in world.users_of_app(app.name)],
        "primary": cluster.primary,
        "read_only": member.is_read_only if member else False,
        "connections": {
            "used": member.sessions(),
            "reserved": cluster.reserved_connections,
            "max": cluster.max_connections,
        }
        if member
        else None,
        "settings": dict(cluster.settings),
    }


def machine_json(world: World, machine: Machine) -> Json:
    """A Machine as tests look at it: times are Unix seconds, `updates` counts the updates that were accepted."""
    lease = machine.lease_at(world.now())
    return {
        "id": machine.id,
        "name": machine.name,
        "region": machine.region,
        "state": machine.state,
        "process_group": machine.process_group,
        "instance_id": machine.instance_id,
        "label": machine.image.tag,
        "digest": machine.image_ref["digest"],
        "repository": f"{machine.image.registry}/{machine.image.repository}",
        "host_status": "ok" if world.host_is_reachable(machine) else "unreachable",
        "cordoned": machine.cordoned,
        "gets_requests": machine.gets_requests,
        "checks": checks.results(machine, world.durations, world.now()),
        "lease": {"owner": lease.owner, "description": lease.description, "expires_at": lease.expires_at}
        if lease
        else None,
        "config": config_json(machine.config),
        "events": list(machine.events),
        "restart_count": machine.restart_count,
        "secrets_version": machine.secrets_version,
        "created_by": machine.created_by,
        "created_at": machine.created_at,
        "updated_at": machine.updated_at,
        "destroyed_at": machine.destroyed_at,
        **machine.counts,
    }
