"""What scalings are tested with: sized Machines, facts that nothing speaks against, and a plan."""

from __future__ import annotations

import dataclasses
from datetime import date
from typing import Any

from bot.domain.model import Environment, Machine, Policy, Volume
from bot.domain.scale import Count, Creation, Place, ScaledMachine, ScalePlan, ScaleRequest
from bot.domain.scale_deeds import ScaleFacts
from bot.domain.size import Prices, Size
from tests.builders import OLD, environment, machine

GB = Size("shared", 1, 1024)
PRICES = Prices(
    date(2026, 11, 24), 5.0, 0.15, {"shared-cpu-1x": (256, 2.0), "shared-cpu-2x": (512, 4.0)}, {"iad": 1.0, "sjc": 1.5}
)
REGIONS = frozenset({"iad", "sjc", "fra"})


def sized(
    machine_id: str, region: str = "iad", *, group: str = "app", size: Size | None = GB, **changes: Any
) -> Machine:
    """A healthy Machine of this size; `service`, `mounts` and `standbys` go into its config."""
    service = {"autostop": False, "checks": [{"type": "http"}]} | changes.pop("service", {})
    config: dict[str, Any] = {"services": [service]} | ({"guest": size.guest} if size else {})
    config |= {key: changes.pop(key) for key in ("mounts", "standbys") if key in changes}
    metadata = {"fly_platform_version": "v2", "fly_process_group": group}
    return machine(machine_id, **({"region": region, "config": config, "metadata": metadata} | changes))


def worker(machine_id: str, region: str = "iad", **changes: Any) -> Machine:
    """A healthy Machine of a process group without services."""
    made = sized(machine_id, region, group="worker", **changes)
    config = {key: value for key, value in made.config.items() if key != "services"}
    return dataclasses.replace(made, config=config, checks=())


def mounted(machine_id: str, region: str = "iad", *, name: str = "data", **changes: Any) -> Machine:
    """A Machine with a volume of this name."""
    return sized(machine_id, region, mounts=[{"name": name, "path": "/data", "size_gb": 3}], **changes)


def volume(volume_id: str, region: str = "iad", *, of: str = "", name: str = "data") -> Volume:
    """A volume of 3 GB, attached to nobody unless it is said."""
    return Volume(volume_id, name, region, 3, machine_id=of)


FLEET = (sized("m1", "iad"), sized("m2", "sjc"))


def facts(
    *counts: Count,
    machines: tuple[Machine, ...] = FLEET,
    policy: Policy | None = None,
    env: Environment | None = None,
    **changes: Any,
) -> ScaleFacts:
    """What the policy looks at; what is asked for besides counts stands in `asked`."""
    asked = ScaleRequest("reify-studio/production", counts=counts, **changes.pop("asked", {}))
    env = env or environment(policy=policy or Policy(approvers=("U0DORA",)))
    made = ScaleFacts(env, asked, machines, (), PRICES, REGIONS)
    return dataclasses.replace(made, **changes)


def scale_plan(**changes: Any) -> ScalePlan:
    """A plan that makes a Machine in sjc and removes one in iad."""
    made = ScalePlan(
        environment="production",
        app="reify-studio",
        url="https://reify-studio.fly.dev",
        ref="iad=1 sjc=1",
        places=(Place("app", "iad", 2, 1), Place("app", "sjc", 0, 1)),
        machines=(there("m1"), there("m2")),
        creations=(Creation("app/sjc/1", "app", "sjc", "m1", GB),),
        image=OLD,
    )
    return dataclasses.replace(made, **changes)


def there(machine_id: str, region: str = "iad", group: str = "app", **changes: Any) -> ScaledMachine:
    """A Machine as a plan of a scaling knows it."""
    made = ScaledMachine(machine_id, group, region, "started", "01A", OLD, GB)
    return dataclasses.replace(made, **changes)
