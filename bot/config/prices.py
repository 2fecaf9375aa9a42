"""What Fly takes: its data file, and where flytower.toml says otherwise.

Source: Fly.io, "Pricing". Fly has no API for its prices.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from bot.config.problems import Bad, suggestion
from bot.config.schema import kind
from bot.config.values import region
from bot.domain.size import PRESET_SIZES, Prices

if TYPE_CHECKING:
    from bot.config.tables import PricesTable

HIGHEST = 100_000.0


def day(raw: Any) -> date:
    """A date, as TOML has them or as a text."""
    try:
        return raw if type(raw) is date else date.fromisoformat(raw)
    except (TypeError, ValueError):
        raise Bad(f"should be a date, not {kind(raw)}", 'Write `2026-11-24` or `"2026-11-24"`.') from None


def amount(raw: Any) -> float:
    """A number from 0 that is no price of a yacht."""
    if not isinstance(raw, int | float) or isinstance(raw, bool):
        raise Bad(f"should be a number, not {kind(raw)}", "Write an amount such as `2.19`.")
    if not 0 <= raw <= HIGHEST:
        raise Bad(f"{raw} is out of range", f"Write an amount from 0 to {HIGHEST:.0f}.")
    return float(raw)


def machines(raw: Any) -> Mapping[str, float]:
    """What a month of each preset costs."""
    return {preset(name): _amount_of(name, price) for name, price in _table(raw, "shared-cpu-1x = 2.19").items()}


def factors(raw: Any) -> Mapping[str, float]:
    """What a Machine costs in each region, as a factor."""
    return {region(code): _amount_of(code, factor) for code, factor in _table(raw, "iad = 1.0").items()}


def preset(name: str) -> str:
    """One of Fly's names for a size."""
    if name not in PRESET_SIZES:
        raise Bad(f"`{name}` is not a size of Fly's", suggestion(name, PRESET_SIZES))
    return name


def _table(raw: Any, example: str) -> Mapping[str, Any]:
    if not isinstance(raw, dict):
        raise Bad(f"should be a table, not {kind(raw)}", f"Write `{{ {example} }}`.")
    return raw


def _amount_of(name: str, raw: Any) -> float:
    try:
        return amount(raw)
    except Bad as bad:
        raise Bad(f"`{name}`: {bad.what}", bad.mend) from None


@cache
def known() -> Prices:
    """The prices of the data file."""
    found = json.loads(resources.files("bot.data").joinpath("fly-prices.json").read_text("utf-8"))
    return Prices(
        as_of=date.fromisoformat(found["as_of"]),
        memory_gb=found["memory_gb_month"],
        volume_gb=found["volume_gb_month"],
        presets={name: (each["memory_mb"], each["month"]) for name, each in found["presets"].items()},
        regions=found["regions"],
    )


def merged(table: PricesTable) -> Prices:
    """The prices of the data file with what the table says instead."""
    base = known()
    own = {name: (PRESET_SIZES[name].memory_mb, month) for name, month in table.machines.items()}
    return dataclasses.replace(
        base,
        as_of=table.as_of or base.as_of,
        memory_gb=base.memory_gb if table.memory_gb_month is None else table.memory_gb_month,
        volume_gb=base.volume_gb if table.volume_gb_month is None else table.volume_gb_month,
        presets={**base.presets, **own},
        regions={**base.regions, **table.regions},
    )
