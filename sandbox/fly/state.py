"""The whole simulated Fly as JSON, for pages and assertions. Tokens and secret values are not in it."""

from __future__ import annotations

from dataclasses import asdict

from sandbox.fly import checks
from sandbox.fly.answers import config_json
from sandbox.fly.machine import Machine
from sandbox.fly.model import App
from sandbox.fly.releases_api import newest_first, release_json
from sandbox.fly.world import World
from sandbox.kit import Json


def world_json(world: World) -> Json:
    apps = {name: app_json(world, app) for name, app in world.apps.items()}
    return {
        "now": world.now(),
        "organizations": [asdict(organization) for organization in world.organizations.values()],
        "apps": apps,
        "registry": world.registry.state(),
        "release_commands": [run for app in world.apps.values() for run in app.release_commands],
    }


def app_json(world: World, app: App) -> Json:
    """One app's part of it."""
    return {
        "organization": app.organization,
        "role": app.role,
        "status": app.status,
        "machines": [machine_json(world, machine) for machine in app.machines.values()],
        "releases": [release_json(r) | {"definition": r.definition, "metadata": r.metadata} for r in newest_first(app)],
        "secrets": sorted(app.secrets),
        "secrets_version": app.secrets_version,
        "volumes": [asdict(volume) for volume in app.volumes.values()],
        "addresses": [asdict(address) for address in app.addresses],
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
        "events": machine.events,
        "restart_count": machine.restart_count,
        "secrets_version": machine.secrets_version,
        "created_by": machine.created_by,
        "created_at": machine.created_at,
        "updated_at": machine.updated_at,
        "destroyed_at": machine.destroyed_at,
        **machine.counts,
    }
