"""What the next deployment undoes of a scaling: told with the line of the fly.toml and what to write there."""

from __future__ import annotations

import pytest

from bot.domain.scale import Mending, Undoing
from bot.domain.size import Size
from bot.domain.undoing import size_in, undoings

NAME = "fly.production.toml"
TOML = """app = "reify-studio"

[http_service]
  internal_port = 4000
  auto_stop_machines = "off"
  min_machines_running = 1

[[vm]]
  memory = "1gb"
  cpus = 1
  processes = ["app"]

[[vm]]
  size = "shared-cpu-2x"
"""
GB = Size("shared", 1, 1024)


def told(sizes: dict[str, Size], *mendings: Mending, text: str | None = TOML) -> tuple[Undoing, ...]:
    return undoings(NAME, text, sizes, mendings)


def test_a_size_that_the_file_names_is_not_undone() -> None:
    """Nothing is said where the next deployment wants the same."""
    assert told({"app": GB}) == ()


def test_memory_is_undone_by_the_line_that_names_it() -> None:
    """The line of `memory` in the entry of that process group, and what to write there."""
    (undone,) = told({"app": Size("shared", 1, 2048)})

    assert undone == Undoing(
        "The next deployment makes the Machines of app shared-cpu-1x 1 GB again.", NAME, 9, '  memory = "2048mb"'
    )


def test_an_entry_for_all_is_the_one_of_a_group_without_its_own() -> None:
    """The line of `size`, since that is where its CPUs come from."""
    (undone,) = told({"worker": Size("shared", 4, 1024)})

    assert (undone.line, undone.change) == (14, '  cpus = 4\n  memory = "1024mb"')


def test_everything_that_differs_is_to_be_changed() -> None:
    """Kind, number and memory, each on its line."""
    (undone,) = told({"app": Size("performance", 2, 4096)})

    assert undone.change == '  cpu_kind = "performance"\n  cpus = 2\n  memory = "4096mb"'
    assert undone.line == 10


def test_a_file_without_an_entry_means_the_smallest_machine() -> None:
    """There is no line to change, so a whole entry is to be written."""
    (undone,) = told({"app": GB}, text='app = "reify-studio"\n')

    assert undone.line == 0
    assert undone.change == '[[vm]]\n  memory = "1024mb"'


def test_what_keeps_machines_awake_is_undone_too() -> None:
    """Auto stop and the number that stays awake, each with its line."""
    mending = Mending("m1", auto_stop="stop", min_machines=2)

    assert [(each.line, each.change) for each in told({}, mending)] == [
        (5, '  auto_stop_machines = "stop"'),
        (6, "  min_machines_running = 2"),
    ]


def test_services_of_the_older_form_are_read() -> None:
    """Each `[[services]]`; a key that is left out is Fly's default, and the table's line is told."""
    text = "[[services]]\nauto_stop_machines = true\n\n[[services]]\ninternal_port = 1\n"
    mending = Mending("m1", auto_stop="off", min_machines=1)

    assert [(each.line, each.change.strip()) for each in told({}, mending, text=text)] == [
        (2, 'auto_stop_machines = "off"'),
        (1, "min_machines_running = 1"),
        (4, "min_machines_running = 1"),
    ]


def test_what_agrees_is_not_told() -> None:
    """Nothing is undone where the file says what the scaling does."""
    assert told({}, Mending("m1", auto_stop="off", min_machines=1)) == ()


def test_a_change_of_numbers_alone_asks_for_no_file() -> None:
    """`fly deploy` leaves the number of Machines alone."""
    assert told({}, Mending("m1", size=GB), text=None) == ()


@pytest.mark.parametrize("text", [None, "[[vm"])
def test_what_cannot_be_read_is_said(text: str | None) -> None:
    """Nothing is guessed."""
    (undone,) = told({"app": GB}, text=text)

    assert "is not known" in undone.what
    assert (undone.file, undone.line) == (NAME, 0)


@pytest.mark.parametrize(
    ("entry", "size"),
    [
        ({}, Size("shared", 1, 256)),
        ({"size": "performance-2x"}, Size("performance", 2, 4096)),
        ({"size": "nonsense", "memory": "512"}, Size("shared", 1, 512)),
        ({"memory_mb": 768}, Size("shared", 1, 768)),
        ({"memory": "2 GB", "cpus": 2, "cpu_kind": "performance"}, Size("performance", 2, 2048)),
        ({"memory": "plenty", "cpus": "two"}, Size("shared", 1, 256)),
    ],
)
def test_a_size_is_read_as_fly_reads_it(entry: dict[str, object], size: Size) -> None:
    """Presets, units and defaults."""
    assert size_in(entry) == size


@pytest.mark.parametrize("text", ['vm = "big"', "vm = [1]", 'services = "none"', "services = [1]"])
def test_tables_of_another_shape_are_passed_by(text: str) -> None:
    """Fly refuses such a file; here it says nothing."""
    assert len(told({"app": GB}, Mending("m1", auto_stop="off"), text=text)) == 1
