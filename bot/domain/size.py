"""The size of a Machine and what it costs. Pure.

Source: Fly.io docs, "Machine sizing"; Fly Machines API, `fly.MachineGuest`; superfly/fly-go (limits of memory by CPU).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

SHARED, PERFORMANCE = "shared", "performance"
CPUS = {SHARED: (1, 2, 4, 6, 8), PERFORMANCE: (1, 2, 4, 6, 8, 10, 12, 14, 16)}
# MB of memory for each CPU, least and most, and the step.
MEMORY = {SHARED: (256, 2048, 256), PERFORMANCE: (2048, 8192, 1024)}


@dataclass(frozen=True)
class Size:
    """What a Machine has: CPUs of a kind (`shared`, `performance`) and memory in MB."""

    cpu_kind: str = SHARED
    cpus: int = 1
    memory_mb: int = 256

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Size | None:
        """The size in a Machine's config; None where Fly shows none, or one with a GPU."""
        guest = config.get("guest") or {}
        if not guest.get("memory_mb") or guest.get("gpu_kind"):
            return None
        return cls(str(guest.get("cpu_kind") or SHARED), int(guest.get("cpus") or 1), int(guest["memory_mb"]))

    @property
    def preset(self) -> str:
        """Fly's name for the CPUs: `shared-cpu-2x`, `performance-1x`."""
        return f"shared-cpu-{self.cpus}x" if self.cpu_kind == SHARED else f"{self.cpu_kind}-{self.cpus}x"

    @property
    def words(self) -> str:
        """As people read it: `shared-cpu-1x 1 GB`."""
        gb = self.memory_mb / 1024
        return f"{self.preset} {gb:g} GB" if self.memory_mb >= 1024 else f"{self.preset} {self.memory_mb} MB"

    @property
    def guest(self) -> dict[str, Any]:
        """As it stands in a Machine's config."""
        return {"cpu_kind": self.cpu_kind, "cpus": self.cpus, "memory_mb": self.memory_mb}


# Each of Fly's names for a size, with the memory that it means by itself.
PRESET_SIZES = {
    size.preset: size
    for kind, numbers in CPUS.items()
    for cpus in numbers
    for size in (Size(kind, cpus, cpus * MEMORY[kind][0]),)
}


def size_problem(size: Size) -> str:
    """Why Fly has no such size, with the nearest that it has; empty where it has it."""
    kinds = CPUS.get(size.cpu_kind)
    if kinds is None:
        return f"There is no kind of CPU `{size.cpu_kind}`: there is `{SHARED}` and `{PERFORMANCE}`."
    if size.cpus not in kinds:
        return f"A {size.cpu_kind} Machine has {', '.join(map(str, kinds))} CPUs, and not {size.cpus}."
    least, most, step = (
        MEMORY[size.cpu_kind][0] * size.cpus,
        MEMORY[size.cpu_kind][1] * size.cpus,
        MEMORY[size.cpu_kind][2],
    )
    if not least <= size.memory_mb <= most or size.memory_mb % step:
        return f"`{size.preset}` has {least} to {most} MB of memory in steps of {step}, and not {size.memory_mb}."
    return ""


@dataclass(frozen=True)
class Prices:
    """What Fly takes in USD for a month of 730 hours, without tax. `regions` are factors on CPUs and memory."""

    as_of: date
    memory_gb: float
    volume_gb: float
    presets: Mapping[str, tuple[int, float]]
    regions: Mapping[str, float]

    def machine(self, size: Size, region: str) -> float | None:
        """A started Machine for a month; None for a preset or a region whose price is not known."""
        if size.preset not in self.presets or region not in self.regions:
            return None
        included_mb, base = self.presets[size.preset]
        more_gb = max(0, size.memory_mb - included_mb) / 1024
        return (base + more_gb * self.memory_gb) * self.regions[region]
