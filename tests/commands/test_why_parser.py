"""What stands behind `/deploy why` and `/deploy history`, as it is read."""

from __future__ import annotations

import pytest

from bot.domain.history import Result, Wish
from bot.errors import BadCommand
from commands.deploy import REF_LIMIT
from commands.history import HistoryCommand, parse_history
from commands.why import WhyCommand, parse_why


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("", WhyCommand()),
        ("production", WhyCommand("production")),
        (" production   v1.4.2 ", WhyCommand("production", "v1.4.2")),
        ("help", WhyCommand(is_help=True)),
        ("Help me", WhyCommand(is_help=True)),
    ],
)
def test_why_takes_an_environment_and_a_ref(text: str, command: WhyCommand) -> None:
    """Nothing, one, or both."""
    assert parse_why(text) == command


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("production v1.4.2 please now", "`please now` is too much"),
        (f"production {'x' * (REF_LIMIT + 1)}", f"at most {REF_LIMIT}"),
        ("production --plan", "`--plan` is not an option"),
    ],
)
def test_why_refuses_what_it_cannot_read(text: str, said: str) -> None:
    """With the usage, which is in the answer."""
    with pytest.raises(BadCommand, match=said):
        parse_why(text)


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("", Wish()),
        ("production", Wish("production")),
        ("rollbacks", Wish(result=Result.ROLLBACKS)),
        ("production Rejected", Wish("production", Result.REJECTED)),
        ("production failed", Wish("production", Result.FAILED)),
    ],
)
def test_history_takes_an_environment_and_which_operations(text: str, wish: Wish) -> None:
    """The last word may say which; capitals do not matter."""
    assert parse_history(text) == HistoryCommand(wish)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("production rollbacks now", "`rollbacks now` is too much"),
        ("production staging rollbacks", "`staging` is too much"),
        ("rollbacks --search v1.4.2", "leave `rollbacks` away"),
    ],
)
def test_history_refuses_what_it_cannot_read(text: str, said: str) -> None:
    """A search has no such filter, and two environments are one too many."""
    with pytest.raises(BadCommand, match=said):
        parse_history(text)
