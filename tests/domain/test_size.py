"""Sizes of Machines: what Fly has, how it is called, what it costs."""

from __future__ import annotations

from typing import Any

import pytest

from bot.domain.size import CPUS, MEMORY, PRESET_SIZES, Size, size_problem
from tests.domain.scaled import GB, PRICES


@pytest.mark.parametrize(
    ("guest", "size"),
    [
        ({"cpu_kind": "performance", "cpus": 2, "memory_mb": 4096}, Size("performance", 2, 4096)),
        ({"memory_mb": 512}, Size("shared", 1, 512)),
        ({"cpus": 2}, None),
        ({"memory_mb": 4096, "gpu_kind": "a10"}, None),
        (None, None),
    ],
)
def test_a_size_is_read_from_a_config(guest: Any, size: Size | None) -> None:
    """What is missing has Fly's default; a GPU, or no memory, is no size that we know."""
    assert Size.of({"guest": guest}) == size


def test_a_size_is_called_as_fly_calls_it() -> None:
    """The preset, then the memory in its larger unit; the config has the three figures."""
    assert GB.words == "shared-cpu-1x 1 GB"
    assert Size("performance", 4, 8192).words == "performance-4x 8 GB"
    assert Size("shared", 2, 512).words == "shared-cpu-2x 512 MB"
    assert GB.guest == {"cpu_kind": "shared", "cpus": 1, "memory_mb": 1024}


def test_every_preset_is_a_size_that_fly_has() -> None:
    """A name by itself means the least memory of its CPUs."""
    assert all(not size_problem(size) and size.preset == name for name, size in PRESET_SIZES.items())
    assert PRESET_SIZES["performance-1x"] == Size("performance", 1, 2048)


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (Size("quick", 1, 256), "no kind of CPU `quick`"),
        (Size("shared", 3, 1024), "1, 2, 4, 6, 8 CPUs, and not 3"),
        (Size("shared", 1, 128), "256 to 2048 MB"),
        (Size("shared", 1, 4096), "256 to 2048 MB"),
        (Size("shared", 1, 300), "steps of 256, and not 300"),
        (Size("performance", 2, 5000), "4096 to 16384 MB of memory in steps of 1024"),
    ],
)
def test_what_fly_does_not_have_is_told_with_what_it_has(size: Size, said: str) -> None:
    """A sentence with the nearest that can be had."""
    assert said in size_problem(size)


def test_the_limits_of_memory_are_those_of_the_cpus() -> None:
    """Both ends of each range are sizes, and one step beyond is none."""
    for kind, numbers in CPUS.items():
        least, most, step = MEMORY[kind]
        for cpus in numbers:
            assert not size_problem(Size(kind, cpus, least * cpus))
            assert not size_problem(Size(kind, cpus, most * cpus))
            assert size_problem(Size(kind, cpus, most * cpus + step))


def test_a_machine_costs_its_preset_and_its_further_memory() -> None:
    """By the factor of its region; unknown where the preset or the region is."""
    assert PRICES.machine(Size("shared", 1, 256), "iad") == 2.0
    assert PRICES.machine(Size("shared", 1, 1280), "sjc") == (2.0 + 5.0) * 1.5
    assert PRICES.machine(Size("performance", 1, 2048), "iad") is None
    assert PRICES.machine(GB, "fra") is None
