"""Worlds larger than the reference one, each with the configuration that expects them."""

from __future__ import annotations

import copy
import re
from pathlib import Path

from sandbox.fly import FlySimulator
from sandbox.fly.seeding import reference_seed
from sandbox.kit import Json
from sandbox.stack import CONFIG, Simulators

APP = "reify-studio"
REGIONS = ("iad", "sjc", "ord")
# From the first pipeline to its review apps, and the tables in it that this page leaves out.
PIPELINE = re.compile(r"^\[\[pipeline\]\]\n.*?(?=^# One app for each pull request)", re.DOTALL | re.MULTILINE)
DATABASES = re.compile(r"^\[pipeline\.environments\.\w+\.database\]\n.*?\n\n", re.DOTALL | re.MULTILINE)


def with_machines(count: int, folder: Path, *, speed: float = 1.0) -> tuple[Simulators, Path]:
    """Simulators whose production app has so many Machines, spread over regions, and the bot's configuration."""
    seed = reference_seed()
    if count == len(_app(seed, APP)["machines"]):
        return Simulators(speed=speed), CONFIG
    regions = [REGIONS[number % len(REGIONS)] for number in range(count)]
    machine = _app(seed, APP)["machines"][0]
    _app(seed, APP)["machines"] = [_copied(machine, number, region=region) for number, region in enumerate(regions)]
    counts = ", ".join(f"{region} = {regions.count(region)}" for region in REGIONS)
    example = CONFIG.read_text(encoding="utf-8")
    return _seeded(seed, speed), _written(folder, example.replace("{ iad = 1, sjc = 1 }", f"{{ {counts} }}"))


def with_pipelines(count: int, folder: Path) -> tuple[Simulators, Path]:
    """Simulators with so many pipelines of two apps each, and the bot's configuration."""
    seed, example = reference_seed(), CONFIG.read_text(encoding="utf-8")
    found = PIPELINE.search(example)
    assert found is not None
    text, pipeline = example[: found.start()], DATABASES.sub("", found[0])
    for number in range(count):
        text += pipeline.replace(f'"{APP}"', f'"{APP}-{number}"').replace(
            f'"{APP}-staging"', f'"{APP}-staging-{number}"'
        )
        # Organisations have the names of apps, but no numbers.
        text = text.replace(f'organisation = "{APP}-staging-{number}"', f'organisation = "{APP}-staging"')
        for name in (APP, f"{APP}-staging"):
            app = _app(seed, name)
            machines = [_copied(m, 100 * number + n) for n, m in enumerate(app["machines"])]
            seed["apps"].append(
                {**copy.deepcopy(app), "name": f"{name}-{number}", "addresses": [], "machines": machines}
            )
    return _seeded(seed, 1.0), _written(folder, text)


def _copied(machine: Json, number: int, **changes: str) -> Json:
    """A Machine like this one; Fly gives it its id."""
    return {**copy.deepcopy(machine), "id": "", "name": f"machine-{number}", **changes}


def _seeded(seed: Json, speed: float) -> Simulators:
    simulators = Simulators(speed=speed)
    simulators.fly = FlySimulator(seed, clock=simulators.clock)
    return simulators


def _written(folder: Path, text: str) -> Path:
    config = folder / "flytower.toml"
    config.write_text(text, encoding="utf-8")
    return config


def _app(seed: Json, name: str) -> Json:
    app: Json = next(app for app in seed["apps"] if app["name"] == name)
    return app
