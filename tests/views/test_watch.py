"""What is said of a watch: legal for Slack, safe with other people's words, with the buttons that fit."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bot.domain.deployment import DeploymentPlan
from bot.domain.model import MigrationRisk, Migrations
from bot.domain.operation import State
from bot.domain.watch import AT_THE_END, Phase, Trouble, Watch
from bot.views.blocks import Message
from bot.views.watch import ROLL_BACK, STOP, trouble, with_watch
from tests.builders import ANA, NEW, NOW, operation, plan
from tests.views.messages import fits, said

UNTIL = NOW + timedelta(minutes=10)
LATER = NOW + timedelta(minutes=2)
WATCHED = plan(watch_s=600.0, live_ref="v1.4.1")
DONE = operation(of=WATCHED, state=State.SUCCEEDED)


def card_line(watch: Watch | None, of: DeploymentPlan = WATCHED) -> str:
    """The line below the card."""
    return said(with_watch(Message("card"), DONE, of, watch)).removeprefix("card").strip()


def told(of: DeploymentPlan = WATCHED, **changes: Any) -> Message:
    """The message about a Machine that is gone."""
    known: dict[str, Any] = {"phase": Phase.TROUBLE, "troubles": (Trouble("m1", "iad", "is gone"),), "since": LATER}
    message = trouble(DONE, of, Watch("op", UNTIL, **(known | changes)), LATER, whom=ANA)
    fits(message)
    return message


def buttons(message: Message) -> list[str]:
    rows = [block["elements"] for block in message.blocks if block["type"] == "actions"]
    return [element["action_id"] for row in rows for element in row]


@pytest.mark.parametrize(
    ("watch", "line"),
    [
        (None, "👀 Watching the Machines until 12:10 UTC"),
        (Watch("op", UNTIL), "👀 Watching the Machines until 12:10 UTC"),
        (Watch("op", UNTIL, Phase.QUIET), "👀 Watched 10 min, no trouble"),
        (Watch("op", UNTIL, Phase.SUPERSEDED), "👀 Watched until something newer took over, no trouble"),
        (Watch("op", UNTIL, Phase.MISSED), "Not watched to the end: Flytower was away, or Fly did not answer"),
        (Watch("op", UNTIL, Phase.TROUBLE, since=LATER), "🚨 Trouble since 12:02 UTC: see the message about it"),
        (
            Watch("op", UNTIL, Phase.HEALED, since=LATER),
            "🚨 Trouble since 12:02 UTC, well again: see the message about it",
        ),
    ],
)
def test_the_line_below_the_card(watch: Watch | None, line: str) -> None:
    """One line, whatever became of the watch."""
    assert card_line(watch) == line


def test_a_window_of_odd_length_is_said_with_its_seconds() -> None:
    """`90s` is no whole number of minutes."""
    assert "Watched 1 min 30 s" in card_line(Watch("op", UNTIL, Phase.QUIET), plan(watch_s=90.0))


def test_a_card_without_a_window_stays_as_it_is() -> None:
    """No window, no line."""
    assert with_watch(Message("card"), DONE, plan(), None) == Message("card")


@pytest.mark.parametrize("phase", [*AT_THE_END, *AT_THE_END.values(), Phase.RESTORING, Phase.RESTORED])
@pytest.mark.parametrize("live", [NEW, None])
def test_a_button_stands_where_it_does_something(phase: Phase, live: Any) -> None:
    """Roll back while it may help and something ran before; nothing to press once it is restored."""
    if phase in {Phase.WATCHING, Phase.QUIET}:
        return
    message = told(plan(watch_s=600.0, live=live, image=None), phase=phase)

    may = phase in {Phase.TROUBLE, Phase.RECOVERED, Phase.HEALED, Phase.UNHEALED}
    assert buttons(message) == ([ROLL_BACK] if may and live else [])
    assert ("nothing to roll back to" in said(message)) == (may and not live)


@pytest.mark.parametrize(("left_s", "words"), [(44, "in 45 s"), (60, "in 60 s"), (1, "as soon as Fly answers")])
def test_the_countdown_counts(left_s: int, words: str) -> None:
    """In steps of five seconds, with the moment itself and the button that stops it."""
    message = told(restore_at=LATER + timedelta(seconds=left_s))

    assert "Restores `v1.4.1`" in message.text
    assert words in message.text
    assert buttons(message) == [STOP, ROLL_BACK]


@pytest.mark.parametrize("risk", MigrationRisk)
def test_the_dialog_says_what_comes_back_and_what_stays(risk: MigrationRisk) -> None:
    """Migrations and data stay, config and secrets are today's; a migration in range is named."""
    message = told(plan(watch_s=600.0, live_ref="v1.4.1", migrations=Migrations(risk, ("a.exs",))))

    (row,) = [block for block in message.blocks if block["type"] == "actions"]
    text = row["elements"][0]["confirm"]["text"]["text"]
    assert "image of `v1.4.1`" in text
    assert "config and secrets are today's" in text
    assert ("may be in range" in text) == (risk is not MigrationRisk.NONE)


def test_sixty_machines_with_long_and_hostile_words_are_a_legal_message() -> None:
    """Of many Machines some are shown; nobody is mentioned by what an app printed."""
    troubles = tuple(Trouble(f"m{n}", "iad", "<!channel> <@U0EVE> *x* " * 40) for n in range(60))
    tail = ("<!here> ```boom``` " * 20,) * 30
    message = told(troubles=troubles, tail=tail, note="<!channel>" * 50, restore_at=UNTIL)

    assert "and 48 more Machines" in said(message)
    assert not any(mention in said(message) for mention in ("<!channel>", "<!here>", "<@U0EVE>"))


def test_the_log_is_shown_while_the_trouble_lasts() -> None:
    """What is over needs no log."""
    assert "boom" in said(told(tail=("boom",)))
    assert "boom" not in said(told(tail=("boom",), phase=Phase.HEALED))
