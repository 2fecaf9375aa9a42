"""Pages of history as messages: what they say, and that Slack takes them whatever people typed."""

from __future__ import annotations

import dataclasses
import json

import pytest

from bot.domain.history import Page, Recorded, Result, Wish
from bot.domain.operation import Card, Kind, State
from bot.views import history as views
from bot.views.blocks import Message
from tests.builders import NOW
from tests.domain.test_history import ENTRY
from tests.views.messages import TEAM, fits, said

HOSTILE = "<!channel> *x* `y` ```z``` <https://evil|z> \u202e" + "long " * 800


def shown(page: Page) -> Message:
    """The message, which Slack takes."""
    message = views.history(page, workspace=TEAM)
    fits(message)
    return message


def event(detail: object, **changes: str) -> Recorded:
    """An audit event with this detail."""
    made = Recorded(7, NOW, "U0ANA", "deployment.request", ENTRY.id, json.dumps(detail), "reify-studio/production")
    return dataclasses.replace(made, **changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"state": State.SUCCEEDED}, "live · 27 Nov 2026 12:00 UTC · by <@U0ANA> · 1 min 30 s"),
        ({"state": State.FAILED, "started_at": None}, "refused · "),
        ({"state": State.FAILED, "reason": "wrong_image", "message": "One is not."}, "`wrong_image` One is not."),
        ({"state": State.EXPIRED, "started_at": None}, "expired unconfirmed · "),
        ({"kind": Kind.ROLLBACK}, "· rollback"),
        ({"approved_by": "U0BO"}, "by <@U0ANA>, approved by <@U0BO> · 1 min"),
        ({"rejected_by": "U0BO"}, "by <@U0ANA>, rejected by <@U0BO> · 1 min"),
        ({"commit": "844d600" + "0" * 33, "origin": "v1.4.1"}, "`v1.4.2` (`844d600`) from `v1.4.1`"),
        ({"card": Card("C0DEPLOYS", "1.2")}, "· <https://reify.slack.com/archives/C0DEPLOYS/p12|card> in <#C0DEPLOYS>"),
    ],
)
def test_an_entry_tells_its_facts(changes: dict[str, object], words: str) -> None:
    """What it was, from where to where, when, who, how long, how it ended and why."""
    assert words in said(shown(Page(Wish(), (dataclasses.replace(ENTRY, **changes),))))


def test_a_card_in_a_direct_message_is_not_linked() -> None:
    """Others cannot open it."""
    assert "|card>" not in said(shown(Page(Wish(), (dataclasses.replace(ENTRY, card=Card("D1", "1.2")),))))


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (Wish(), "History, newest first: none."),
        (Wish("reify-studio/qa", Result.FAILED), "of *reify-studio/qa*, those that failed, newest first: none."),
        (Wish(result=Result.SUCCEEDED), "those that succeeded"),
        (Wish(result=Result.REJECTED), "those that an approver rejected"),
        (
            Wish("reify-studio/qa", Result.ROLLBACKS),
            "History of *reify-studio/qa*, rollbacks alone, newest first: none.",
        ),
        (Wish(search="x"), "Events that contain `x`, newest first: none."),
    ],
)
def test_an_empty_page_says_so(wish: Wish, words: str) -> None:
    """Nothing found is told with what was asked."""
    assert words in shown(Page(wish)).text


def test_hostile_words_stay_words() -> None:
    """Refs, reasons, messages, details and searches of others mention nobody, and ten of them fit."""
    entry = dataclasses.replace(ENTRY, ref=HOSTILE, why=HOSTILE, origin=HOSTILE, reason="internal", message=HOSTILE)

    pages = [
        Page(Wish(), (entry,) * 10, has_older=True, has_newer=True),
        Page(Wish(search=HOSTILE[:200]), events=(event({"why": HOSTILE}, actor=HOSTILE[:20]),) * 10, has_older=True),
    ]

    for page in pages:
        words = said(shown(page))
        assert "<!channel>" not in words
        assert "<https://evil" not in words


def test_a_button_carries_the_page_that_it_leads_to() -> None:
    """Older than the last, newer than the first, the filter with neither."""
    wish = Wish("reify-studio/production", Result.FAILED, before="f")
    entries = tuple(dataclasses.replace(ENTRY, id=each) for each in ("e", "d"))

    buttons = {
        b["action_id"]: json.loads(b["value"]) for b in _row(Page(wish, entries, has_older=True, has_newer=True))
    }

    base = {"environment": "reify-studio/production"}
    assert buttons["history_older"] == base | {"result": "failed", "before": "d"}
    assert buttons["history_newer"] == base | {"result": "failed", "after": "e"}
    assert buttons["history_all"] == base | {"result": "all"}


def _row(page: Page) -> list[dict[str, str]]:
    elements: list[dict[str, str]] = shown(page).blocks[-1]["elements"]
    return elements


@pytest.mark.parametrize(
    ("detail", "search", "words"),
    [
        ({"why": "pricing fix", "on": "", "n": None}, "fix", "`why: pricing fix`"),
        ({"machines": ["m1"], "ok": False}, "m1", '`machines: ["m1"], ok: false`'),
        ({"why": "x" * 1000 + " needle " + "y" * 1000}, "NEEDLE", " needle "),
        ({"why": "x" * 1000}, "U0ANA", "`why: xxx"),
    ],
)
def test_an_event_shows_the_part_that_was_searched_for(detail: object, search: str, words: str) -> None:
    """A long detail is shown around what was found in it, else from its beginning."""
    assert words in said(shown(Page(Wish(search=search), events=(event(detail),))))


def test_an_event_of_no_operation_has_no_environment() -> None:
    """What belongs to no environment names none."""
    assert "UTC\n" in said(shown(Page(Wish(search="x"), events=(event({}, environment=""),))))


def test_the_answers_around_a_file_say_what_comes() -> None:
    """That it comes, how much it has, whether something is missing."""
    assert "direct message" in views.exporting().text
    assert "1 row." in views.sent(1, is_cut=False).text
    assert "10000 rows. Older ones" in views.sent(10_000, is_cut=True).text
    assert "Searching for `x`" in views.searching(Wish(search="x")).text
    assert "history" in views.searching(Wish()).text
