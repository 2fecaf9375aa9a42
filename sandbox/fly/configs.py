"""Which Machine configurations Fly accepts, and the image that one names.

Source: Fly Machines API, fly.MachineConfig; https://fly.io/docs/about/pricing/ (sizes)
"""

from __future__ import annotations

import re
from typing import Any

from sandbox.fly import shapes
from sandbox.fly.errors import ApiError
from sandbox.fly.images import FLY_REGISTRY, Image, ImageName
from sandbox.fly.machine import duration_text, seconds_of
from sandbox.fly.model import App
from sandbox.fly.world import World
from sandbox.kit import Json, copied

MEMORY_STEP_MB = 256
RESTART_POLICIES = frozenset({"no", "always", "on-failure", "spot-price"})
AUTOSTOP_STORED: dict[Any, str] = {False: "off", True: "stop", "off": "off", "stop": "stop", "suspend": "suspend"}
DURATION_KEYS = {"interval", "timeout", "grace_period"}
SIZE = re.compile(r"(shared|performance)-cpu-(\d+)x|performance-(\d+)x")


def accepted(config: Any) -> Json:
    """A configuration as it is stored: checked, defaults filled in, unknown keys kept; 400 if it is not one."""
    if config is None:
        raise _invalid("config is required")
    shapes.check(config, shapes.CONFIG, "config")
    stored: Json = copied(config)
    if not stored.get("image"):
        raise _invalid("config.image is required")
    stored["guest"] = _guest(stored.pop("size", None), stored.get("guest"))
    stored.setdefault("init", {})
    if (stored.get("restart") or {}).get("policy") not in RESTART_POLICIES | {None}:
        raise _invalid("config.restart.policy is unknown")
    for check in (stored.get("checks") or {}).values():
        _accept_durations(check)
    for service in stored.get("services") or []:
        _accept_service(service)
    _accept_durations(stored.get("stop_config") or {})
    return stored


def _accept_service(service: Json) -> None:
    port = service.get("internal_port")
    if port is None or not 0 < port < 65536:
        raise _invalid(f"config.services: invalid internal_port {port!r}")
    if service.get("autostop") is not None:
        if service["autostop"] not in AUTOSTOP_STORED:
            raise _invalid(f"config.services: invalid autostop {service['autostop']!r}")
        service["autostop"] = AUTOSTOP_STORED[service["autostop"]]
    for check in service.get("checks") or []:
        _accept_durations(check)


def _accept_durations(values: Json) -> None:
    """Check durations, and write those that are nanoseconds as Go does: answers have texts only."""
    for key in DURATION_KEYS & values.keys():
        try:
            seconds = seconds_of(values[key])
        except ValueError as error:
            raise _invalid(str(error)) from None
        if seconds < 0:
            raise _invalid(f"{key} must not be negative")
        if isinstance(values[key], int):
            values[key] = duration_text(seconds)


def _guest(size: Any, guest: Any) -> Json:
    match = SIZE.fullmatch(size or "shared-cpu-1x")
    if match is None:
        raise _invalid(f"unknown size {size!r}")
    kind, cpus = match[1] or "performance", int(match[2] or match[3])
    default = {"cpu_kind": kind, "cpus": cpus, "memory_mb": cpus * (256 if kind == "shared" else 2048)}
    result = default | {key: value for key, value in (guest or {}).items() if value is not None}
    memory = result["memory_mb"]
    if result["cpus"] <= 0:
        raise _invalid(f"invalid number of CPUs {result['cpus']}")
    if memory <= 0 or memory % MEMORY_STEP_MB:
        raise _invalid(f"invalid memory size {memory}; must be in {MEMORY_STEP_MB} MiB increment")
    return result


def _invalid(text: str) -> ApiError:
    return ApiError(400, f"invalid config: {text}")


def resolve(world: World, organization: str, reference: str) -> tuple[ImageName, Image] | None:
    """The image of a reference that Machines of an organisation may pull, or None.

    Images in Fly's registry are readable within the organisation of the app that owns the path.
    """
    try:
        name = ImageName.parse(reference)
    except ValueError:
        return None
    image = world.registry.find(name)
    if image is None or is_gone(world, name):
        return None
    if name.registry == FLY_REGISTRY and not _owned_by(world, name, organization):
        return None
    return name, image


def is_gone(world: World, name: ImageName) -> bool:
    """Whether a fault says that the image was pruned."""
    tags = (name.tag, *_tags_of(world, name))
    targets = [target for tag in tags if tag for target in (tag, f"{name.repository}:{tag}", f"{name.path}:{tag}")]
    return world.faults.peek("image_gone", *targets) is not None


def _tags_of(world: World, name: ImageName) -> list[str]:
    repository = world.registry.repositories.get(name.path)
    return [tag for tag, digest in repository.tags.items() if digest == name.digest] if repository else []


def _owned_by(world: World, name: ImageName, organization: str) -> bool:
    owner = world.apps.get(name.repository.split("/", maxsplit=1)[0])
    return owner is not None and owner.organization == organization


def pulled(world: World, app: App, config: Json) -> tuple[ImageName, Image]:
    """The image that a configuration names; 400 if it cannot be pulled."""
    found = resolve(world, app.organization, config["image"])
    if found is None:
        detail = '{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}'
        text = f"failed to get manifest {config['image']}: request failed: not found [http 404]: {detail}"
        raise ApiError(400, text)
    return found
