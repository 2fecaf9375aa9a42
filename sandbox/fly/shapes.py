"""The types of request bodies: Fly decodes them into Go's, so that a value of another type is refused before anything
happens. Keys that are not named here pass, as they do there; null means absent.

Source: superfly/fly-go, machine_types.go and flaps; Fly Machines API (https://docs.machines.dev)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.fly.errors import ApiError

INT64 = range(-(2**63), 2**63)
KINDS = {bool: "bool", int: "number", float: "number", str: "string", list: "array", dict: "object"}


@dataclass(frozen=True)
class Each:
    """An object of any keys, whose values have one shape."""

    shape: Any


# A type, a tuple of types, a list of one shape, an object by key, or `Each`.
Shape = Any
DURATION = (str, int)
CHECK: Shape = {
    "port": int,
    "type": str,
    "kind": str,
    "interval": DURATION,
    "timeout": DURATION,
    "grace_period": DURATION,
    "method": str,
    "path": str,
    "protocol": str,
    "tls_skip_verify": bool,
    "tls_server_name": str,
    "headers": [{"name": str, "values": [str]}],
}
PORT: Shape = {"port": int, "start_port": int, "end_port": int, "handlers": [str], "force_https": bool}
SERVICE: Shape = {
    "protocol": str,
    "internal_port": int,
    "autostop": (bool, str),
    "autostart": bool,
    "min_machines_running": int,
    "ports": [PORT],
    "checks": [CHECK],
    "concurrency": {"type": str, "hard_limit": int, "soft_limit": int},
    "force_instance_key": str,
    "force_instance_description": str,
}
GUEST: Shape = {
    "cpu_kind": str,
    "cpus": int,
    "memory_mb": int,
    "gpus": int,
    "gpu_kind": str,
    "host_dedication_id": str,
    "persist_rootfs": str,
    "kernel_args": [str],
}
MOUNT: Shape = {
    "encrypted": bool,
    "path": str,
    "size_gb": int,
    "volume": str,
    "name": str,
    "extend_threshold_percent": int,
    "add_size_gb": int,
    "size_gb_limit": int,
}
CONFIG: Shape = {
    "env": Each(str),
    "init": {"exec": [str], "entrypoint": [str], "cmd": [str], "tty": bool, "swap_size_mb": int},
    "guest": GUEST,
    "size": str,
    "metadata": Each(str),
    "mounts": [MOUNT],
    "services": [SERVICE],
    "metrics": {"port": int, "path": str, "https": bool},
    "checks": Each(CHECK),
    "statics": [{"guest_path": str, "url_prefix": str, "tigris_bucket": str, "index_document": str}],
    "image": str,
    "files": [{"guest_path": str, "raw_value": str, "secret_name": str, "mode": int}],
    "schedule": str,
    "auto_destroy": bool,
    "restart": {"policy": str, "max_retries": int},
    "dns": {"skip_registration": bool},
    "processes": [{"exec": [str], "entrypoint": [str], "cmd": [str], "env": Each(str), "user": str}],
    "standbys": [str],
    "stop_config": {"timeout": DURATION, "signal": str},
    "disable_machine_autostart": bool,
}
MACHINE: Shape = {
    "region": str,
    "name": str,
    "lease_ttl": int,
    "min_secrets_version": int,
    "current_version": str,
    "skip_launch": bool,
    "skip_secrets": bool,
    "skip_service_registration": bool,
}
VOLUME: Shape = {
    "name": str,
    "region": str,
    "size_gb": int,
    "encrypted": bool,
    "snapshot_retention": int,
    "snapshot_id": str,
    "source_volume_id": str,
    "auto_backup_enabled": bool,
    "require_unique_zone": bool,
}


def check(value: Any, shape: Shape, where: str = "body") -> None:
    """Refuse with 400, in the words of Go's decoder, a value that does not have the shape."""
    if isinstance(shape, Each):
        _check_type(value, (dict,), where)
        for key, inner in value.items():
            check(inner, shape.shape, f"{where}.{key}")
    elif isinstance(shape, dict):
        _check_type(value, (dict,), where)
        for key in shape.keys() & value.keys():
            if value[key] is not None:
                check(value[key], shape[key], f"{where}.{key}")
    elif isinstance(shape, list):
        _check_type(value, (list,), where)
        for inner in value:
            check(inner, shape[0], where)
    else:
        _check_type(value, shape if isinstance(shape, tuple) else (shape,), where)


def _check_type(value: Any, types: tuple[type, ...], where: str) -> None:
    # In Python a boolean is a whole number, in JSON it is not.
    if type(value) in types and (type(value) is not int or value in INT64):
        return
    wanted = " or ".join(KINDS[each] for each in types)
    text = f"json: cannot unmarshal {KINDS.get(type(value), 'null')} into {where} of type {wanted}"
    raise ApiError(400, f"invalid JSON body: {text}")
