"""Every setting is documented, from the declaration that validates it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.config import Row, settings_markdown, settings_table

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "configuration.md").read_text("utf-8")


@pytest.mark.parametrize("row", settings_table(), ids=lambda row: row.name)
def test_every_setting_is_documented(row: Row) -> None:
    """Name and meaning stand on the page, and a setting without a default says so."""
    assert f"`{row.name}`" in PAGE
    assert row.meaning in PAGE
    assert not (row.required and row.default)


@pytest.mark.parametrize("where", ["flytower.toml", "environment"])
def test_the_tables_on_the_page_are_current(where: str) -> None:
    """The generated part is what the code generates now."""
    assert settings_markdown(where) in PAGE


@pytest.mark.parametrize("name", ["SLACK_BOT_TOKEN", "FLY_UIEX_BASE_URL", "HOST", "slack.channel"])
def test_the_list_has_what_others_rely_on(name: str) -> None:
    """Fixed names are in the list under exactly that name."""
    assert [row.name for row in settings_table()].count(name) == 1


@pytest.mark.parametrize("subject", ["Promotion", ".flycast", "registry.fly.io", "reify_studio"])
def test_the_page_explains_what_people_trip_over(subject: str) -> None:
    """Names, images, promotion and sleeping databases have their paragraph."""
    assert subject in PAGE
