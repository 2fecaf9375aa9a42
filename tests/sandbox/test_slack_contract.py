"""The page about the simulated Slack says what the simulator does."""

from __future__ import annotations

import re
from pathlib import Path

from sandbox.kit import read_seed
from sandbox.slack.api import METHODS
from sandbox.slack.simulator import SEED

PAGE = (Path(__file__).parents[2] / "docs" / "sandbox-slack.md").read_text("utf-8")
TABLE = PAGE.partition("## Methods")[2].partition("##")[0]


def test_every_method_stands_there_with_its_limit() -> None:
    """None is missing, none is made up, and the calls per minute are those that are counted."""
    listed = {name: int(limit) for name, limit in re.findall(r"^\| `([\w.]+)` \|.*\| (\d+)", TABLE, re.MULTILINE)}

    assert listed == {name: method.per_minute for name, method in METHODS.items()}


def test_every_scope_stands_there() -> None:
    """A method that needs one names it."""
    listed = dict(re.findall(r"^\| `([\w.]+)` \| `([\w:]+)` \|", TABLE, re.MULTILINE))

    assert listed == {name: method.scope for name, method in METHODS.items() if method.scope}


def test_the_credentials_are_those_of_the_seed() -> None:
    """Whoever copies them from the page can start."""
    app = (read_seed(SEED) or {})["app"]

    assert all(f"`{app[name]}`" in PAGE for name in ("bot_token", "app_token", "signing_secret"))
