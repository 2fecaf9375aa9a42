"""Private answers: what went wrong, why, what to do next, and nothing of anybody's mark-up."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import (
    BadCommand,
    BotError,
    ConfigError,
    InvalidTransition,
    LeaseHeld,
    NotAllowed,
    NotFound,
    OperationRunning,
    RateLimited,
    Reason,
    RemoteRejected,
    RemoteTimeout,
    RemoteUnavailable,
    StaleAction,
    StepFailed,
    UnexpectedResponse,
)
from bot.views import replies

HOSTILE = "<!channel> <https://evil.example|login> *bold* \u202e& more"
AT = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
FAILURES = [
    (BadCommand("Which commit?", usage="`/deploy ENV REF`", did_you_mean="--plan"), ["Which commit?", "--plan", "REF"]),
    (BadCommand("Which commit?"), ["Which commit?"]),
    (NotFound("There is no `qa`.", hint="Did you mean `staging`?"), ["There is no `qa`.", "`staging`"]),
    (
        NotAllowed("A second person has to approve this.", hint="Ask one of <!subteam^S0LEADS>, <@U0BO>."),
        ["<!subteam^S0LEADS>, <@U0BO>"],
    ),
    (NotAllowed("Only <@U0ANA> can confirm this.", reason=Reason.NOT_THE_REQUESTER), ["Only <@U0ANA> can"]),
    (OperationRunning("A deployment is running.", hint="Wait until it ends."), ["is running", "Wait until"]),
    (LeaseHeld("148e", "bo@reify.example", AT), ["bo@reify.example until 12:00:00 UTC", "outside Flytower"]),
    (LeaseHeld("148e", "", None), ["leased by somebody else."]),
    (StaleAction("This was decided already."), ["decided already"]),
    (InvalidTransition("failed", "start"), ["An operation that is failed cannot start."]),
    (RemoteUnavailable("no connection", service="Fly", url="https://api/?token=x"), ["Fly: no connection"]),
    (RemoteTimeout("not in time", service="Fly", status=408), ["not in time (HTTP 408)"]),
    (RateLimited("slow down", service="Slack", retry_after=timedelta(seconds=3)), ["Slack: slow down"]),
    (RemoteRejected("no such app", service="Fly", status=404, request_id="01K"), ["(HTTP 404, request 01K)"]),
    (UnexpectedResponse("no field `id`", service="GitHub"), ["GitHub"]),
    (StepFailed("It is crashing.", reason=Reason.MACHINE_CRASHED), ["It is crashing."]),
    (ConfigError(["a is missing", "b is wrong"]), ["2 problems", "a is missing"]),
]


@pytest.mark.parametrize(("failure", "words"), FAILURES, ids=[type(pair[0]).__name__ for pair in FAILURES])
def test_a_failure_is_told_with_its_code_and_what_to_do(failure: BotError, words: list[str]) -> None:
    """The sentence, the stable code, the hint, and for a command its usage."""
    text = replies.error(failure).text

    assert f"(`{failure.reason}`)" in text
    for each in words:
        assert each in text.replace("\u200b", "")
    assert "token" not in text


@pytest.mark.parametrize(
    "failure",
    [
        NotFound(HOSTILE, hint=HOSTILE),
        BadCommand(HOSTILE, did_you_mean=HOSTILE),
        RemoteRejected(HOSTILE, service=HOSTILE, request_id=HOSTILE),
        LeaseHeld(HOSTILE, HOSTILE, None),
        RemoteUnavailable(HOSTILE * 500, service="Fly"),
        NotFound("<&" * 5000, hint="<@U0ANA>" * 500),
    ],
)
def test_quoted_text_stays_text(failure: BotError) -> None:
    """A provider's or a person's words mention nobody, link nowhere, and the whole fits into Slack."""
    text = replies.error(failure).text

    assert not re.search(r"<(?!@U0ANA>)", text)
    assert not re.search(r"&(?!amp;|lt;|gt;)", text)
    assert "\u202e" not in text
    assert len(text) <= 4000


@given(st.text(), st.text())
def test_no_words_make_a_broadcast(message: str, hint: str) -> None:
    """Whatever an error says, nothing of it is read as a command to Slack, and something is said."""
    text = replies.error(NotFound(message, hint=hint)).text

    assert "<!" not in text
    assert "(`internal`)" in text


def test_a_defect_of_ours_shows_only_its_number() -> None:
    """An id to find it by in the log, and nothing of the inside."""
    assert "`deadbeef`" in replies.incident("deadbeef").text


def test_a_button_of_an_older_version_says_so() -> None:
    """It does nothing, and the command is the way."""
    assert "older message" in replies.ended_button().text
