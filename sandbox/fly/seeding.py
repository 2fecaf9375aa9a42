"""Fills the simulated Fly from a seed: JSON that says which world to start from.

Ages are seconds before the start (`age_s`), so that a seed never grows old.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sandbox.fly import configs, lifecycle, postgres_members
from sandbox.fly.apps_api import create_app
from sandbox.fly.images import ImageName, build
from sandbox.fly.limits import Limiter
from sandbox.fly.machine import Boot, Machine
from sandbox.fly.model import Address, App, Durations, ManagedCluster, Organization, Release, Snapshot, Token, Volume
from sandbox.fly.secrets_api import store
from sandbox.fly.snapshots import plan_backups
from sandbox.fly.world import World
from sandbox.kit import Json

# Long enough ago that nothing of a seeded Machine is still about to happen.
SETTLED_AGE_S = 3600.0
SEED = Path(__file__).parent.parent / "seeds" / "fly.json"


def reference_seed() -> Json:
    """The packaged world that the simulators of Fly, GitHub and Slack agree on."""
    seed: Json = json.loads(SEED.read_text(encoding="utf-8"))
    return seed


def load(world: World, seed: Json) -> None:
    """Replace the world by that of a seed."""
    world.clear()
    world.durations = Durations.from_json(seed.get("durations", {}))
    world.limiter = Limiter(enabled=seed.get("rate_limits", True))
    world.regions = seed.get("regions") or {"iad": "Ashburn, Virginia (US)"}
    for row in seed.get("organizations", []):
        organization = Organization(
            slug=row["slug"],
            raw_slug=row.get("raw_slug", row["slug"]),
            name=row.get("name", row["slug"]),
            number=next(world.numbers),
            personal=row.get("personal", False),
        )
        world.organizations[organization.slug] = organization
    for row in seed.get("tokens", []):
        world.tokens[row["text"]] = Token(**row)
    for row in seed.get("images", []):
        _push(world, row)
    for row in seed.get("apps", []):
        _add_app(world, row)
    for row in seed.get("managed_postgres", []):
        attached = tuple(row.get("attached_apps", ()))
        world.managed_clusters.append(ManagedCluster(**row | {"attached_apps": attached}))


def _push(world: World, row: Json) -> None:
    name = ImageName.parse(f"{row['repository']}:{row['tag']}")
    at = world.now() - row.get("age_s", SETTLED_AGE_S)
    image = build(name.path, row.get("labels", {}), content=str(row.get("content", row["tag"])), at=at)
    world.registry.push(name.path, row["tag"], image)


def _add_app(world: World, row: Json) -> None:
    organization = world.organizations[row["organization"]]
    app = create_app(world, row["name"], organization, network=row.get("network", ""), role=row.get("role"))
    app.created_at = world.now() - row.get("age_s", SETTLED_AGE_S)
    app.release_command_lines = row.get("release_command", {}).get("lines", [])
    app.release_command_s = row.get("release_command", {}).get("seconds")
    app.programs = row.get("programs", [])
    if row.get("secrets"):
        store(world, app, row["secrets"])
        for secret in app.secrets.values():
            secret.created_at = secret.updated_at = app.created_at
    if row.get("postgres"):
        _fill_cluster(app, row["postgres"])
    for volume in row.get("volumes", []):
        _add_volume(world, app, volume)
    for address in row.get("addresses", []):
        app.addresses.append(Address(address["ip"], address["type"], "global", app.created_at))
    for release in row.get("releases", []):
        _add_release(world, app, release)
    for machine in row.get("machines", []):
        _add_machine(world, app, machine)


def _fill_cluster(app: App, row: Json) -> None:
    """The databases and users of a cluster besides those that it has by itself."""
    cluster = app.postgres
    if cluster is None:
        raise ValueError(f"app {app.name} is no database: its role is {app.role!r}")
    cluster.per_machine = row.get("connections_per_machine", cluster.per_machine)
    for user in row.get("users", []):
        cluster.create_user(user["name"], superuser=user.get("superuser", True))
    for database in row.get("databases", []):
        made = cluster.create_database(database["name"], database.get("owner", "postgres"))
        made.size_bytes = database.get("size_bytes", made.size_bytes)


def _add_volume(world: World, app: App, row: Json) -> None:
    snapshots = [
        Snapshot(
            id=each["id"],
            created_at=world.now() - each.get("age_s", SETTLED_AGE_S),
            volume_gb=each.get("volume_gb", row["size_gb"]),
            retention_days=each.get("retention_days", 5),
            size=each.get("size", 0),
        )
        for each in row.get("snapshots", [])
    ]
    volume = Volume(created_at=app.created_at, **{**row, "snapshots": snapshots})
    app.volumes[volume.id] = volume
    plan_backups(world, app, volume, world.now())


def _add_release(world: World, app: App, row: Json) -> None:
    values: dict[str, Any] = {key: value for key, value in row.items() if key != "age_s"}
    at = world.now() - row.get("age_s", SETTLED_AGE_S)
    app.releases.append(Release(id=world.ids.release(), app=app.name, created_at=at, updated_at=at, **values))


def _name_release(app: App, metadata: dict[str, str]) -> None:
    """Add the id of the release whose version the metadata names: ids are made when the seed is loaded."""
    for release in app.releases:
        if metadata.get("fly_release_version") == str(release.version):
            metadata["fly_release_id"] = release.id


def _add_machine(world: World, app: App, row: Json) -> None:
    config = configs.accepted(row["config"])
    _name_release(app, config.get("metadata") or {})
    _, image = configs.pulled(world, app, config)
    name = ImageName.parse(config["image"])
    at = world.now() - row.get("age_s", SETTLED_AGE_S)
    version = world.ids.ulid(at)
    machine = Machine(
        id=row.get("id") or world.ids.machine(),
        app=app.name,
        name=row.get("name") or f"{app.name}-{len(app.machines) + 1}",
        region=row["region"],
        config=config,
        image=name,
        image_ref=lifecycle.image_ref(name, image),
        instance_id=version,
        private_ip=world.ids.ipv6("fdaa:0:4a1b:a7b"),
        created_at=at,
        created_by="ci@tokens.fly.io",
        boot=Boot(world.durations.boot_s, world.durations.listen_s),
        updated_at=at,
        outputs=row.get("outputs", {}),
        secrets_version=app.secrets_version,
        is_fresh=False,
    )
    machine.versions.append({"version": version, "user_config": config})
    postgres_members.enlist(world, app, machine)
    app.machines[machine.id] = machine
    app.was_deployed = True
    for mount in config.get("mounts", []):
        app.volumes[mount["volume"]].attached_machine_id = machine.id
    world.event(machine, at, "launch", "created", "user")
    lifecycle.run_since(world, machine, at)
    if row.get("state", "started") != "started":
        lifecycle.rest(world, machine, at + SETTLED_AGE_S / 2, row["state"])
