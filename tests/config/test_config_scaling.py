"""What the file says of scalings and of prices, and what is said of its slips."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import pytest

from bot.config import load
from bot.config.values import regions
from bot.domain.size import PRESET_SIZES, Size

DATA = Path(__file__).parents[2] / "bot" / "data" / "fly-prices.json"
Edit = tuple[str, str]
ROLLBACK = "rollback = true  "
SLACK = "[slack]\n"


def says(line: str) -> Edit:
    """An edit that adds a line to production's policy."""
    return ROLLBACK, f"{line}\n{ROLLBACK}"


def prices(*lines: str) -> Edit:
    """An edit that adds prices."""
    return SLACK, "\n".join(["[prices]", *lines, "", SLACK])


def test_what_the_file_says_of_scalings_arrives(edited: Callable[..., str], environ: Mapping[str, str]) -> None:
    """Who is asked, the least and the most, and where the fly.toml is."""
    text = edited(
        says("approve_scaling = true\nscale_min = 2\nscale_max = 6"),
        ('app = "reify-studio"\n', 'app = "reify-studio"\nfly_toml = "deploy/fly.toml"\n'),
    )

    production = load(text, environ).environment("production")

    policy = production.policy
    assert (policy.approve_scaling, policy.scale_min, policy.scale_max) == (True, 2, 6)
    assert production.fly_toml == "deploy/fly.toml"


def test_without_a_word_one_stays_where_nobody_sleeps(example: str, environ: Mapping[str, str]) -> None:
    """And where Machines may sleep, as many as stay awake; the fly.toml is called by the environment."""
    settings = load(example, environ)

    assert [settings.environment(name).policy.scale_min for name in ("production", "staging")] == [1, 0]
    assert settings.environment("staging").fly_toml == "fly.staging.toml"


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (says("scale_min = 3"), "scale_min: 3 is more than the 2 Machines of `regions`"),
        (says("scale_min = 2\nscale_max = 1"), "scale_min: 2 is more than `scale_max` (1)"),
        (says("scale_max = 0"), "scale_max: 0 is out of range"),
        (prices('as_of = "soon"'), "prices.as_of: should be a date"),
        (prices("as_of = 7"), "prices.as_of: should be a date"),
        (prices('memory_gb_month = "6"'), "prices.memory_gb_month: should be a number"),
        (prices("memory_gb_month = true"), "prices.memory_gb_month: should be a number"),
        (prices("volume_gb_month = -1"), "prices.volume_gb_month: -1 is out of range"),
        (prices('machines = { "shared-cpu-3x" = 1 }'), "prices.machines: `shared-cpu-3x` is not a size"),
        (prices('machines = { "shared-cpu-1x" = "2" }'), "prices.machines: `shared-cpu-1x`: should be a number"),
        (prices("machines = 3"), "prices.machines: should be a table"),
        (prices("regions = { xyz = 1.0 }"), "prices.regions: `xyz` is not a region"),
    ],
    ids=str,
)
def test_a_slip_is_told_with_its_place(said_of_file: Callable[..., list[str]], edit: Edit, told: str) -> None:
    """What is wrong, and one problem only."""
    (said,) = said_of_file(edit)

    assert told in said


def test_own_prices_go_before_those_of_the_data_file(edited: Callable[..., str], environ: Mapping[str, str]) -> None:
    """What is not named stays Fly's."""
    lines = ["as_of = 2026-12-01", "memory_gb_month = 5", "volume_gb_month = 0", "regions = { fra = 2 }"]
    own = load(edited(prices(*lines, 'machines = { "shared-cpu-1x" = 1.5 }')), environ).prices

    assert own.as_of == date(2026, 12, 1)
    assert own.machine(Size("shared", 1, 256), "iad") == 1.5
    assert own.machine(Size("shared", 1, 1280), "fra") == (1.5 + 5) * 2
    assert own.volume_gb == 0
    assert own.machine(Size("shared", 2, 512), "iad") == 4.39


def test_the_data_file_knows_every_size_and_names_its_day(example: str, environ: Mapping[str, str]) -> None:
    """With its source; each region in it is one of Fly's."""
    found = json.loads(DATA.read_text("utf-8"))

    known = load(example, environ).prices
    assert set(known.presets) == set(PRESET_SIZES)
    assert {name: size.memory_mb for name, size in PRESET_SIZES.items()} == {
        name: memory for name, (memory, _) in known.presets.items()
    }
    assert set(known.regions) <= set(regions())
    assert date.fromisoformat(found["as_of"]) == known.as_of
    assert "Fly.io" in found["source"]
