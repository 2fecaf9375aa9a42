"""What is said of holds, also where others chose the words."""

from __future__ import annotations

import dataclasses

import pytest

from bot.domain.rollout import Step
from bot.operations.people import BOT
from bot.views import holds as views
from bot.views.blocks import Message
from tests.builders import BO, commit, operation, row
from tests.histories import hold, sha_of
from tests.views.messages import fits, said

GOOD, BAD = sha_of(41), sha_of(43)
HOLD = hold(GOOD, BAD)
HOSTILE = "<!channel> *now* & `then` " * 20
ON_THE_CARD = (
    "✋ `v43` is held: what contains it is not deployed until a commit reverts it or says that it fixes it. "
    '`/deploy hold lift reify-studio/production "why"` lifts the hold.'
)
HOSTILE_HOLD = hold(GOOD, BAD, *(sha_of(number) for number in range(50, 80)), bad_ref=HOSTILE, why=HOSTILE)


def test_a_hold_in_a_line_says_who_when_and_why() -> None:
    """And nothing that is not known: no reason, no tag, and the bot as itself."""
    bare = dataclasses.replace(HOLD, bad_ref=BAD[:7], why="", by=BOT)

    assert views.line(HOLD) == (
        "✋ `v43` (000002b) is held since 27 Nov 2026 12:00 UTC, <@U0BO> rolled it back: checkout is down"
    )
    assert views.line(bare) == "✋ `000002b` is held since 27 Nov 2026 12:00 UTC, flytower rolled it back"


def test_declared_fixes_stand_in_the_line() -> None:
    """The newest of them, by their short hashes."""
    assert views.line(hold(GOOD, BAD, sha_of(50), sha_of(51))).endswith("declared fixes: `0000032`, `0000033`")


@pytest.mark.parametrize(
    ("detail", "said_there"),
    [
        (
            {"hold": 1, "environment": "reify-studio/production", "bad_ref": "v43"},
            ON_THE_CARD,
        ),
        ({"warning": "Nothing is held: <!channel>."}, "⚠ Nothing is held: &lt;!channel&gt;."),
    ],
)
def test_the_card_of_a_rollback_says_what_is_held(detail: dict[str, str], said_there: str) -> None:
    """Or why nothing is."""
    assert views.rollback_line(operation(row(Step.HOLD, **detail))) == said_there


def test_the_card_says_nothing_before_that() -> None:
    """And nothing on any deployment."""
    assert views.rollback_line(operation()) == ""


def test_the_button_carries_the_holds_number() -> None:
    """A row of one button, which opens a modal."""
    (actions,) = views.ways_out("7")

    fits(Message("Refused", [actions]))
    assert [(element["action_id"], element["value"]) for element in actions["elements"]] == [(views.LIFT, "7")]


@pytest.mark.parametrize("held", [HOLD, HOSTILE_HOLD])
def test_every_message_fits_and_mentions_nobody_else(held: object) -> None:
    """Whatever a tag is called and a reason says, and however many holds there are."""
    assert isinstance(held, type(HOLD))
    many = [held] * 30
    messages = [
        views.listed(many, ""),
        views.lifted(many, by=BO, why=HOSTILE[:300]),
        views.fix_declared(commit(title=HOSTILE), many, by=BO),
        Message("form", views.form(held, channel="C0DEPLOYS").blocks),
    ]

    for message in messages:
        fits(message)
        assert "<!channel>" not in said(message)
    assert len("".join(block["text"]["text"] for block in messages[0].blocks)) < 13_000
    assert "and 20 more" in said(messages[0])
