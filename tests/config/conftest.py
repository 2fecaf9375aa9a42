"""The example configuration, and what is said of it after an edit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.config import file_problems, load
from bot.errors import ConfigError

EXAMPLE = Path(__file__).parents[2] / "flytower.example.toml"

Edit = tuple[str, str]


@pytest.fixture(scope="session")
def example() -> str:
    """The reference pipeline's file."""
    return EXAMPLE.read_text("utf-8")


@pytest.fixture
def environ() -> dict[str, str]:
    """The least that must be set for the example."""
    return {
        "SLACK_BOT_TOKEN": "xoxb-sandbox-bot",
        "SLACK_SIGNING_SECRET": "sandbox-signing-secret",
        "GITHUB_TOKEN": "ghs_sandbox",
        "FLY_API_TOKEN_PRODUCTION": "FlyV1 fm2_sandbox_production",
        "FLY_API_TOKEN_STAGING": "FlyV1 fm2_sandbox_staging",
        "FLY_API_TOKEN_PERSONAL": "FlyV1 fm2_sandbox_personal",
    }


@pytest.fixture
def edited(example: str) -> Callable[..., str]:
    """The example with replacements; each must find its text, or the test would test nothing."""

    def edit(*edits: Edit) -> str:
        text = example
        for old, new in edits:
            assert old in text
            text = text.replace(old, new, 1)
        return text

    return edit


@pytest.fixture
def said_of_file(edited: Callable[..., str]) -> Callable[..., list[str]]:
    """What is said of the example after replacements."""
    return lambda *edits: file_problems(edited(*edits))


@pytest.fixture
def said_of_environ(example: str, environ: dict[str, str]) -> Callable[..., list[str]]:
    """What is said of the environment with some variables set, or unset where the value is empty."""

    def said(**changes: str) -> list[str]:
        try:
            load(example, environ | changes)
        except ConfigError as error:
            return error.problems
        return []

    return said
