"""A big estate at once, for measurements: hundreds of review apps as a busy organisation has them."""

from __future__ import annotations

from sandbox.fly import configs, lifecycle, postgres_members
from sandbox.fly.apps_api import NAME, NAME_RULE, create_app
from sandbox.fly.images import FLY_REGISTRY, Image, ImageName, build
from sandbox.fly.machine import Boot, Machine
from sandbox.fly.model import Address, App, Organization, Volume
from sandbox.fly.postgres import ROLE
from sandbox.fly.releases_api import create_release
from sandbox.fly.secrets_api import store
from sandbox.fly.world import World
from sandbox.kit import ControlError, Json, copied

MOST = 2000
LABEL = "many"
POSTGRES = "flyio/postgres-flex:17.2"
DAY_S = 86_400.0
CHECK = {"type": "http", "method": "GET", "path": "/healthz", "interval": "10s", "timeout": "5s"}
APP_CONFIG: Json = {
    "guest": {"cpu_kind": "shared", "cpus": 1, "memory_mb": 1024},
    "metadata": {"fly_platform_version": "v2", "fly_process_group": "app", "fly_release_version": "1"},
    "restart": {"policy": "on-failure", "max_retries": 10},
    "services": [
        {
            "protocol": "tcp",
            "internal_port": 4000,
            "autostop": "stop",
            "autostart": True,
            "min_machines_running": 0,
            "checks": [CHECK],
        }
    ],
}
DATABASE_CONFIG: Json = {
    "env": {"FLY_SCALE_TO_ZERO": "1h"},
    "guest": {"cpu_kind": "shared", "cpus": 1, "memory_mb": 256},
    "metadata": {"fly-managed-postgres": "true", "fly_platform_version": "v2", "fly_process_group": "app"},
    "restart": {"policy": "on-failure"},
    "services": [{"protocol": "tcp", "internal_port": 5432, "autostart": True, "autostop": "off"}],
    "checks": {
        name: {"port": 5500, "type": "http", "path": f"/flycheck/{name}", "interval": "15s", "timeout": "10s"}
        for name in ("pg", "role", "vm")
    },
}


def add(world: World, organization: Organization, count: int, prefix: str, *, databases: bool) -> Json:
    """Add `count` apps named `<prefix>-1` and so on; ControlError, and nothing changed, where that cannot be."""
    if not isinstance(count, int) or not 0 < count <= MOST:
        raise ControlError(f"count must be a whole number from 1 to {MOST}")
    names = [f"{prefix}-{number}" for number in range(1, count + 1)]
    # The last name is the longest.
    if not NAME.fullmatch(f"{names[-1]}-db"):
        raise ControlError(NAME_RULE)
    taken = next((name for name in names if {name, f"{name}-db"} & world.apps.keys()), None)
    if taken is not None:
        raise ControlError(f"there is an app {taken} already")
    region = next(iter(world.regions))
    for name in names:
        app = _app(world, organization, name, region)
        if databases:
            _database(world, organization, f"{name}-db", region)
            store(world, app, {"DATABASE_URL": f"postgres://app:sandbox@{name}-db.flycast:5432/app?sslmode=disable"})
    return {"apps": count * (2 if databases else 1)}


def _app(world: World, organization: Organization, name: str, region: str) -> App:
    app = _new(world, organization, name, None)
    image_name = ImageName.parse(f"{FLY_REGISTRY}/{name}:{LABEL}")
    image = build(image_name.path, {}, content=name, at=world.now() - DAY_S)
    world.registry.push(image_name.path, LABEL, image)
    user, source = "ci@tokens.fly.io", f"{image_name.path}:{LABEL}"
    release = create_release(world, app, image=source, definition={"app": name}, strategy="ROLLING", user=user)
    release.status = "complete"
    app.addresses.append(Address(world.ids.ipv6("2a09:8280:1"), "v6", "global", app.created_at))
    _machine(world, app, region, {**copied(APP_CONFIG), "image": source}, (image_name, image))
    return app


def _database(world: World, organization: Organization, name: str, region: str) -> None:
    app = _new(world, organization, name, ROLE)
    image_name = ImageName.parse(POSTGRES)
    image = world.registry.find(image_name)
    if image is None:
        image = world.registry.push(image_name.path, "17.2", build(image_name.path, {}, content="17.2", at=0.0))
    volume = Volume(world.ids.volume(), "pg_data", region, 1, app.created_at)
    app.volumes[volume.id] = volume
    app.addresses.append(Address(world.ids.ipv6("fdaa:0:4a1b:0:1"), "private_v6", "global", app.created_at))
    mount = {"volume": volume.id, "path": "/data", "name": "pg_data"}
    machine = _machine(
        world, app, region, {**copied(DATABASE_CONFIG), "image": POSTGRES, "mounts": [mount]}, (image_name, image)
    )
    volume.attached_machine_id = machine.id
    postgres_members.enlist(world, app, machine)


def _new(world: World, organization: Organization, name: str, role: str | None) -> App:
    app = create_app(world, name, organization, role=role)
    app.created_at -= DAY_S
    app.was_deployed = True
    return app


def _machine(world: World, app: App, region: str, config: Json, image: tuple[ImageName, Image]) -> Machine:
    """A Machine that came to rest long ago."""
    at = app.created_at
    machine = Machine(
        id=world.ids.machine(),
        app=app.name,
        name=f"{app.name}-1",
        region=region,
        config=configs.accepted(config),
        image=image[0],
        image_ref=lifecycle.image_ref(*image),
        instance_id=world.ids.ulid(at),
        private_ip=world.ids.ipv6("fdaa:0:4a1b:a7b"),
        created_at=at,
        created_by="ci@tokens.fly.io",
        boot=Boot(world.durations.boot_s, world.durations.listen_s),
        is_fresh=False,
    )
    machine.versions.append({"version": machine.instance_id, "user_config": machine.config})
    app.machines[machine.id] = machine
    lifecycle.run_since(world, machine, at)
    lifecycle.rest(world, machine, at + DAY_S / 2, "stopped")
    return machine
