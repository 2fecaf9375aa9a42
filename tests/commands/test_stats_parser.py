"""What stands behind `/deploy stats`."""

from __future__ import annotations

import pytest

from bot.errors import BadCommand
from commands.stats import StatsCommand, parse_stats


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("", StatsCommand()),
        ("production", StatsCommand("production")),
        ("reify-studio/production --days 90", StatsCommand("reify-studio/production", 90)),
        ("--days=1", StatsCommand(days=1)),
        ("—days 365 Production", StatsCommand("Production", 365)),
        ("help", StatsCommand(is_help=True)),
    ],
)
def test_environment_and_days_are_read(text: str, command: StatsCommand) -> None:
    """Both may be left out, in either order."""
    assert parse_stats(text) == command


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("production staging", "too much"),
        ("--days", "needs a value"),
        ("--weeks 3", "not an option"),
        *((f"--days {days}", "from 1 to 365") for days in ("0", "366", "-3", "1.5", "ten", "9" * 500, "٣", "²")),
    ],
)
def test_what_cannot_be_read_is_explained(text: str, said: str) -> None:
    """With the rule, and the usage."""
    with pytest.raises(BadCommand, match=said) as caught:
        parse_stats(text)

    assert "/deploy stats" in caught.value.usage
