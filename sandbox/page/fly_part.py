"""The simulated Fly on the page: organisations, apps, Machines, releases, volumes, what they cost.

The page looks ten times a second at up to hundreds of apps: an app's item is made anew only where a cheap print of
all that is shown of it has changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sandbox.fly import checks
from sandbox.fly.images import FLY_REGISTRY
from sandbox.fly.machine import Machine
from sandbox.fly.model import App, Organization, Release, Volume
from sandbox.fly.world import World
from sandbox.kit import Json
from sandbox.page import prices
from sandbox.page.bodies import Act
from sandbox.page.commit_names import CommitNames
from sandbox.page.fly_hands import FlyHands
from sandbox.page.items import Items
from sandbox.page.postgres import cluster_json, cluster_print
from sandbox.stack import Simulators

RELEASES_SHOWN = 10
IMAGES_SHOWN = 12
Print = tuple[Any, ...]


class FlyPart:
    """Organisations and apps; commits are named as GitHub names them. Secrets show their names, never values."""

    def __init__(self, simulators: Simulators) -> None:
        self._fly = simulators.fly
        self._commits = CommitNames(simulators.github)
        self._hands = FlyHands(simulators)
        self._seen: dict[str, tuple[Print, Json]] = {}

    def items(self) -> Items:
        world = self._fly.world
        world.settle()
        self._commits.look()
        self._seen = {name: self._looked_at(world, app) for name, app in world.apps.items()}
        items: Items = {f"fly/app/{name}": item for name, (_, item) in self._seen.items()}
        items |= {f"fly/organization/{each.slug}": self._organization(each) for each in world.organizations.values()}
        return items | {"fly/platform/platform": _platform(world)}

    def acts(self) -> dict[str, Act]:
        return self._hands.acts()

    def _looked_at(self, world: World, app: App) -> tuple[Print, Json]:
        fresh = (self._commits.revision, *_print(world, app))
        known = self._seen.get(app.name)
        if known is not None and known[0] == fresh:
            return known
        return fresh, _app_json(world, app, self._commits)

    def _organization(self, organization: Organization) -> Json:
        world, slug = self._fly.world, organization.slug
        apps = [app for app in world.apps.values() if app.organization == slug]
        costs = [self._seen[app.name][1]["cost"] for app in apps]
        volumes = (volume for app in apps for volume in app.volumes.values())
        stored = sum(snapshot.size for volume in volumes for snapshot in volume.snapshots)
        kept = prices.snapshots_month(stored)
        total = {key: round(kept + sum(cost[key] for cost in costs), 2) for key in ("now", "asleep", "awake")}
        return {"slug": slug, "name": organization.name, "apps": len(apps), "cost": total}


def _platform(world: World) -> Json:
    return {"regions": world.regions, "prices": {"source": prices.SOURCE, "read_in": prices.READ_IN}}


def _print(world: World, app: App) -> Print:
    """Whatever the app's item is made of, as cheap as it can be had."""
    now = world.now()
    return (
        app.created_at,
        app.was_deployed,
        [_machine_print(world, machine, now) for machine in app.machines.values() if machine.state != "destroyed"],
        [(release.id, release.status) for release in app.releases],
        [_volume_print(volume) for volume in _volumes(app)],
        [address.ip for address in app.addresses],
        list(app.secrets),
        list(_tags(world, app)),
        cluster_print(world, app),
    )


def _volume_print(volume: Volume) -> Print:
    sizes = volume.size_gb, volume.filesystem_gb
    return volume.id, volume.state, *sizes, volume.attached_machine_id, len(volume.snapshots)


def _machine_print(world: World, machine: Machine, now: float) -> Print:
    return (
        machine.id,
        machine.state,
        machine.instance_id,
        machine.updated_at,
        machine.cordoned,
        machine.restart_count,
        _lease_json(machine, now),
        world.host_is_reachable(machine),
        (machine.config.get("metadata") or {}).get("fly_release_version"),
        [(each["status"], each["output"]) for each in checks.results(machine, world.durations, now)],
    )


def _app_json(world: World, app: App, commits: CommitNames) -> Json:
    newest = sorted(app.releases, key=lambda release: -release.version)[:RELEASES_SHOWN]
    return {
        "name": app.name,
        "organization": app.organization,
        "role": app.role,
        "status": app.status,
        "cost": prices.app_month(app).to_json(),
        "machines": _machines(world, app, commits),
        "releases": [_release_json(release, commits) for release in newest],
        "images": [{"label": tag, "commit": commits.of(tag)} for tag in list(_tags(world, app))[:IMAGES_SHOWN]],
        "volumes": [
            {
                "id": volume.id,
                "name": volume.name,
                "region": volume.region,
                "size_gb": volume.size_gb,
                "filesystem_gb": volume.filesystem_gb,
                "machine": volume.attached_machine_id,
                "snapshots": len(volume.snapshots),
            }
            for volume in _volumes(app)
        ],
        "addresses": [{"ip": each.ip, "type": each.type, "region": each.region} for each in app.addresses],
        "secrets": sorted(app.secrets),
        "postgres": cluster_json(world, app),
    }


def _volumes(app: App) -> list[Volume]:
    """What was destroyed stays for a day, but nobody sees it or pays for it."""
    return [volume for volume in app.volumes.values() if not volume.is_gone]


def _tags(world: World, app: App) -> Iterable[str]:
    """The labels in the app's own repository, newest push first."""
    repository = world.registry.repositories.get(f"{FLY_REGISTRY}/{app.name}")
    return reversed(repository.tags) if repository else ()


def _machines(world: World, app: App, commits: CommitNames) -> list[Json]:
    alive = [machine for machine in app.machines.values() if machine.state != "destroyed"]
    return [_machine_json(world, machine, commits) for machine in sorted(alive, key=lambda m: (m.region, m.id))]


def _machine_json(world: World, machine: Machine, commits: CommitNames) -> Json:
    now, config, guest = world.now(), machine.config, machine.config["guest"]
    return {
        "id": machine.id,
        "name": machine.name,
        "region": machine.region,
        "state": machine.state,
        "process_group": machine.process_group,
        "image": f"{machine.image.repository}:{machine.image.tag or ''}",
        "digest": machine.image_ref["digest"],
        "commit": commits.of(machine.image.tag),
        "release": (config.get("metadata") or {}).get("fly_release_version"),
        "size": {key: guest[key] for key in ("cpu_kind", "cpus", "memory_mb")},
        "is_reachable": world.host_is_reachable(machine),
        "cordoned": machine.cordoned,
        "standby_for": list(config.get("standbys") or []),
        "restart_count": machine.restart_count,
        "checks": [
            {key: check[key] for key in ("name", "status", "output")}
            for check in checks.results(machine, world.durations, now)
        ],
        "lease": _lease_json(machine, now),
    }


def _lease_json(machine: Machine, now: float) -> Json | None:
    lease = machine.lease_at(now)
    if lease is None:
        return None
    return {"owner": lease.owner, "description": lease.description, "expires_at": lease.expires_at}


def _release_json(release: Release, commits: CommitNames) -> Json:
    return {
        "version": release.version,
        "status": release.status,
        "user": release.user,
        "created_at": release.created_at,
        "image_ref": release.image_ref,
        "commit": commits.of(release.image_ref),
        "error": _error_of(release),
    }


def _error_of(release: Release) -> str:
    """Why it failed, as flyctl notes it in the release; any client may have written something else there."""
    metadata = release.metadata if isinstance(release.metadata, dict) else {}
    report = metadata.get("post_deployment_info")
    return str(report.get("error") or "") if isinstance(report, dict) else ""
