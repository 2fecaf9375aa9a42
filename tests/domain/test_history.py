"""What an entry of the history says of itself."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.history import KINDS, STATES, Entry, Recorded, Result
from bot.domain.operation import Kind, State
from tests.builders import ANA, NOW

ENTRY = Entry(
    id="018f5e7a3c1b2d4e000",
    kind=Kind.DEPLOYMENT,
    state=State.SUCCEEDED,
    environment="reify-studio/production",
    actor=ANA,
    ref="v1.4.2",
    commit="",
    origin="",
    why="",
    retry_of="",
    back_from="",
    created_at=NOW,
    started_at=NOW,
    finished_at=NOW + timedelta(seconds=90),
    reason="",
    message="",
    card=None,
)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "deployment"),
        ({"retry_of": "x"}, "retry"),
        ({"kind": Kind.ROLLBACK}, "rollback"),
        ({"kind": Kind.ROLLBACK, "retry_of": "x"}, "rollback"),
    ],
)
def test_an_entry_says_what_it_was(changes: dict[str, Any], said: str) -> None:
    """A second try of a deployment is a retry; a rollback is one however often it is tried."""
    assert dataclasses.replace(ENTRY, **changes).what == said


def test_only_what_started_and_ended_has_a_duration() -> None:
    """Ninety seconds from start to end; none for a refusal, none while it runs."""
    assert ENTRY.duration_s == 90
    assert dataclasses.replace(ENTRY, started_at=None).duration_s is None
    assert dataclasses.replace(ENTRY, finished_at=None).duration_s is None


def test_cursors_are_ids() -> None:
    """An operation's id, an event's number."""
    event = Recorded(7, NOW, "U0ANA", "deployment.start", ENTRY.id, "{}", "")

    assert (ENTRY.cursor, event.cursor) == (ENTRY.id, "7")


def test_the_results_cover_what_they_say() -> None:
    """Everything, what did not succeed, what did, what an approver refused; rollbacks however they ended."""
    assert STATES[Result.ALL] == STATES[Result.ROLLBACKS] == frozenset(State)
    assert {State.EXPIRED, State.REJECTED} < STATES[Result.FAILED]
    assert STATES[Result.SUCCEEDED] == {State.SUCCEEDED}
    assert STATES[Result.REJECTED] == {State.REJECTED}
    assert KINDS[Result.ROLLBACKS] == {Kind.ROLLBACK}
    assert KINDS[Result.FAILED] == frozenset(Kind)
