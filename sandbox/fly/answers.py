"""The JSON of apps, Machines and volumes, as the Machines API gives it.

Source: Fly Machines API (https://docs.machines.dev), schemas App, Machine, OrgMachine, Volume
"""

from __future__ import annotations

from sandbox.fly import checks
from sandbox.fly.ids import rfc3339
from sandbox.fly.machine import Machine
from sandbox.fly.model import App, Volume
from sandbox.fly.world import World
from sandbox.kit import Json, copied

# Older clients know booleans only. Source: Fly Machines API, fly.MachineService.autostop
AUTOSTOP_ANSWERS = {"off": False, "stop": True}
# What Fly can still tell of a Machine whose host does not answer.
KNOWN_WITHOUT_HOST = ("image", "metadata", "guest")
EVENTS_SHOWN = 50


def app_json(world: World, app: App) -> Json:
    organization = world.organizations[app.organization]
    answer: Json = {
        "id": app.id,
        "name": app.name,
        "status": app.status,
        "machine_count": len(app.active_machines()),
        "volume_count": sum(not volume.is_gone for volume in app.volumes.values()),
        "network": app.network,
        "organization": {
            "name": organization.name,
            "slug": organization.raw_slug,
            "internal_numeric_id": organization.number,
        },
        "internal_numeric_id": app.number,
        "cname_target": f"{app.id}.{app.name}.fly.dev",
    }
    return answer | ({"app_role": app.role} if app.role else {})


def config_json(config: Json) -> Json:
    """A configuration as answers show it: every key as it was sent, `autostop` as a boolean where it can be one."""
    shown: Json = copied(config)
    for service in shown.get("services") or []:
        if "autostop" in service:
            service["autostop"] = AUTOSTOP_ANSWERS.get(service["autostop"], service["autostop"])
    return shown


def machine_summary(machine: Machine) -> Json:
    return {
        "id": machine.id,
        "name": machine.name,
        "state": machine.state,
        "region": machine.region,
        "image_ref": machine.image_ref,
        "instance_id": machine.instance_id,
        "version": machine.instance_id,
        "private_ip": machine.private_ip,
        "created_at": rfc3339(machine.created_at),
        "updated_at": rfc3339(machine.updated_at),
        "cordoned": machine.cordoned,
    }


def machine_json(world: World, machine: Machine, *, nonce: str = "") -> Json:
    """A whole Machine; without `config` while its host is unreachable."""
    answer = machine_summary(machine)
    answer["events"] = machine.events[:EVENTS_SHOWN]
    answer["checks"] = checks.results(machine, world.durations, world.now())
    config = config_json(machine.config)
    if world.host_is_reachable(machine):
        answer["host_status"], answer["config"] = "ok", config
    else:
        answer["host_status"] = "unreachable"
        answer["incomplete_config"] = {key: config[key] for key in KNOWN_WITHOUT_HOST if key in config}
    return answer | ({"nonce": nonce} if nonce else {})


def organization_machine_json(machine: Machine, *, summary: bool) -> Json:
    """A Machine in the overview of an organisation: no checks, and only a part of the configuration."""
    whole = machine_summary(machine)
    keys = ("id", "name", "state", "region", "instance_id", "version", "private_ip", "created_at", "updated_at")
    answer = {"app_name": machine.app} | {key: whole[key] for key in keys}
    if summary:
        return answer
    config = config_json(machine.config)
    return answer | {"config": {key: config[key] for key in ("guest", "image", "metadata") if key in config}}


def volume_json(volume: Volume) -> Json:
    return {
        "id": volume.id,
        "name": volume.name,
        "state": volume.state,
        "size_gb": volume.size_gb,
        "region": volume.region,
        "zone": "",
        "encrypted": volume.encrypted,
        "attached_machine_id": volume.attached_machine_id,
        "attached_alloc_id": None,
        "created_at": rfc3339(volume.created_at),
        "blocks": 0,
        "block_size": 0,
        "blocks_free": 0,
        "blocks_avail": 0,
        "bytes_used": volume.used_bytes,
        "bytes_total": volume.size_gb * 2**30,
        "fstype": "ext4",
        "snapshot_retention": volume.snapshot_retention,
        "auto_backup_enabled": volume.auto_backup_enabled,
        "host_status": "ok",
    }
