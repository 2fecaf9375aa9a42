"""A secret compares, and does not show."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable

import msgspec
import pytest

from bot.config import Secret


@pytest.mark.parametrize("show", [repr, str, "{}".format, "%s".__mod__, lambda s: f"{s:>3}", lambda s: f"{s!r}"])
def test_a_secret_shows_as_stars(show: Callable[[Secret], str]) -> None:
    """No way of making text of it gives the value."""
    assert show(Secret("hush")) == "***"


@pytest.mark.parametrize("write", [pickle.dumps, json.dumps, msgspec.json.encode, vars])
def test_a_secret_cannot_be_written(write: Callable[[Secret], object]) -> None:
    """What would store it refuses."""
    with pytest.raises(TypeError):
        write(Secret("hush"))


def test_a_secret_compares_by_value() -> None:
    """Equal values are one, and a secret equals no text."""
    assert Secret("hush") == Secret("hush")
    assert Secret("hush") != Secret("hushed")
    assert Secret("hush") != "hush"
    assert len({Secret("hush"), Secret("hush")}) == 1


def test_a_secret_gives_its_value_when_asked() -> None:
    """`reveal` is the only way in."""
    assert Secret("hush").reveal() == "hush"
