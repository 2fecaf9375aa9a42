"""The reply that tells the end of a scaling for some hours: what it says and what it offers in each state."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.model import Actor
from bot.domain.operation import Operation, State
from bot.domain.scale import ScalePlan
from bot.domain.time_box import BoxState, TimeBox
from bot.views import scalings, time_boxes
from bot.views.blocks import Message
from tests.builders import ANA, NOW
from tests.views.messages import fits, said
from tests.views.test_scalings import FULL, HOSTILE, RECEIPT, buttons, scaling

HOURS_4 = timedelta(hours=4)
BOUND = dataclasses.replace(FULL, lasts_s=HOURS_4.total_seconds())
BOX = TimeBox("op1", "reify-studio/production", NOW + HOURS_4, ref="iad=1")


def done(of: ScalePlan = BOUND) -> Operation:
    """A scaling for four hours that has just succeeded."""
    return scaling(RECEIPT, of=of, state=State.SUCCEEDED, started_at=NOW, finished_at=NOW)


def reply(of: ScalePlan = BOUND, **changes: Any) -> Message:
    """The reply, which Slack takes."""
    message = time_boxes.notice(done(of), of, dataclasses.replace(BOX, **changes), NOW)
    fits(message)
    return message


def test_before_its_end_it_may_be_kept_or_ended() -> None:
    """To whom it is told, when, what goes back, who may keep it."""
    told = reply()

    assert buttons(told) == ["Keep", "Now"]
    for words in (ANA.mention, "ends <!date^", "`iad=1`", "after asking again", "<!subteam^S0APPROVERS>"):
        assert words in said(told), words
    assert "To keep it" not in said(reply(dataclasses.replace(BOUND, approval=None)))


def test_what_it_waits_for_is_said() -> None:
    """Who pressed Now already has nothing more to press but Keep."""
    told = reply(due_at=NOW, note="An incident goes on.", by=Actor("U0BO"))

    assert "is over" in said(told)
    assert "It waits: An incident goes on." in said(told)
    assert buttons(told) == ["Keep"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"state": BoxState.KEPT, "by": Actor("U0BO")}, "stays: <@U0BO> kept it"),
        ({"state": BoxState.ASKED}, "its card says how that goes"),
        ({"state": BoxState.ASKED, "note": "Fly has no room."}, "Fly has no room."),
        ({"state": BoxState.OVERTAKEN, "note": "A newer scaling decides."}, "nothing goes back. A newer scaling"),
    ],
)
def test_what_became_of_it_is_said(changes: dict[str, Any], words: str) -> None:
    """And there is nothing left to press."""
    told = reply(**changes)

    assert words in said(told)
    assert buttons(told) == []


@pytest.mark.parametrize("state", list(BoxState))
def test_the_text_of_others_is_no_markup(state: BoxState) -> None:
    """Neither in what it waits for nor in the plan."""
    hostile = dataclasses.replace(BOUND, ref=HOSTILE, environment=HOSTILE)

    assert "<!channel>" not in said(reply(hostile, state=state, note=HOSTILE, ref=HOSTILE))


def test_the_card_says_until_when() -> None:
    """Of a scaling that has an end, and of no other one."""
    assert "Until " in said(scalings.card(done(), BOUND))
    assert "Until " in said(scalings.ended(done(), BOUND, whom=ANA))
    assert "Until " not in said(scalings.card(done(FULL), FULL))
    assert "for 4 h, then back" in said(scalings.card(scaling(of=BOUND), BOUND))
