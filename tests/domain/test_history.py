"""What an entry of the history says of itself."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from bot.domain.history import STATES, Entry, Recorded, Result
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
    ("changes", "said"), [({}, "deployment"), ({"retry_of": "x"}, "retry"), ({"back_from": "x"}, "roll back")]
)
def test_an_entry_says_what_it_was(changes: dict[str, str], said: str) -> None:
    """A deployment that takes up another one is called by its purpose."""
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
    """Everything, what did not succeed, what did."""
    assert STATES[Result.ALL] == frozenset(State)
    assert State.EXPIRED in STATES[Result.FAILED]
    assert STATES[Result.SUCCEEDED] == {State.SUCCEEDED}
