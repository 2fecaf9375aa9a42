"""Machine configurations made of fly.toml.

Source: superfly/flyctl, internal/appconfig (machines.go, service.go) and internal/command/deploy
(machines_launchinput.go, machines_releasecommand.go).
"""

from __future__ import annotations

import copy
import shlex

from sandbox.kit import Json

GROUP, RELEASE_COMMAND_GROUP = "app", "fly_app_release_command"
DEFAULT_GUEST: Json = {"cpu_kind": "shared", "cpus": 1, "memory_mb": 256}
UNITS_MB = {"mb": 1, "gb": 1024}


def release_metadata(release: Json) -> dict[str, str]:
    return {"fly_release_id": str(release["id"]), "fly_release_version": str(release["version"])}


def new_machine(config: Json, image: str, release: Json) -> Json:
    """The configuration of a new Machine of the app."""
    machine: Json = {
        "image": image,
        "env": _env(config, GROUP),
        "guest": _guest(config),
        "metadata": {"fly_platform_version": "v2", "fly_process_group": GROUP, **release_metadata(release)},
    }
    if services := _services(config):
        machine["services"] = services
    return machine


def updated_machine(config: Json, before: Json, image: str, release: Json) -> Json:
    """What the Machine had, with the new image and release and what fly.toml says of the app; its size stays."""
    machine = copy.deepcopy(before)
    machine["image"] = image
    machine["env"] = _env(config, GROUP)
    machine["metadata"] = {**(machine.get("metadata") or {}), **release_metadata(release)}
    if services := _services(config):
        machine["services"] = services
    return machine


def release_command_machine(config: Json, image: str, release: Json, guest: Json | None) -> Json:
    """The Machine that runs the release command once, of the size of the app's."""
    environment = _env(config, RELEASE_COMMAND_GROUP) | {"RELEASE_COMMAND": "1"}
    metadata = {"fly_platform_version": "v2", "fly_process_group": RELEASE_COMMAND_GROUP, **release_metadata(release)}
    return {
        "image": image,
        "init": {"cmd": shlex.split(config["deploy"]["release_command"])},
        "env": environment,
        "guest": guest or _guest(config),
        "restart": {"policy": "no"},
        "auto_destroy": True,
        "dns": {"skip_registration": True},
        "metadata": metadata,
    }


def _env(config: Json, group: str) -> dict[str, str]:
    environment = {**(config.get("env") or {}), "FLY_PROCESS_GROUP": group}
    return environment | ({"PRIMARY_REGION": config["primary_region"]} if config.get("primary_region") else {})


def _guest(config: Json) -> Json:
    size = (config.get("vm") or [{}])[0]
    kind, _, rest = str(size.get("size") or "shared-cpu-1x").partition("-cpu-")
    guest = DEFAULT_GUEST | {"cpu_kind": kind, "cpus": int(rest.removesuffix("x") or 1)}
    memory = str(size.get("memory") or f"{256 * guest['cpus']}mb").lower()
    guest["memory_mb"] = size.get("memory_mb") or int(memory[:-2]) * UNITS_MB[memory[-2:]]
    return guest


def _services(config: Json) -> list[Json]:
    """`[http_service]` as the one service that it becomes."""
    http = config.get("http_service")
    if not http:
        return []
    ports = [
        {"port": 80, "handlers": ["http"], "force_https": http.get("force_https", False)},
        {"port": 443, "handlers": ["http", "tls"]},
    ]
    service: Json = {
        "protocol": "tcp",
        "internal_port": http["internal_port"],
        "ports": ports,
        "checks": [{"type": "http", **check} for check in http.get("checks") or []],
    }
    names = {
        "auto_stop_machines": "autostop",
        "auto_start_machines": "autostart",
        "min_machines_running": "min_machines_running",
        "concurrency": "concurrency",
    }
    return [service | {name: http[key] for key, name in names.items() if key in http}]
