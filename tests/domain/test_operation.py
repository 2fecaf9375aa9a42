"""The state table of operations: every pair of state and event, the sets derived from it, the journal's readers."""

from __future__ import annotations

import itertools

import pytest

from bot.domain import operation as module
from bot.domain.operation import ACTIVE, FINAL, UNSUCCESSFUL, Event, State, next_state
from bot.domain.rollout import Step
from bot.errors import InvalidTransition, Reason
from tests.builders import operation, row, started

MOVES = {
    (State.REQUESTED, Event.START): State.RUNNING,
    (State.REQUESTED, Event.FAIL): State.FAILED,
    (State.REQUESTED, Event.CANCEL): State.CANCELLED,
    (State.REQUESTED, Event.EXPIRE): State.EXPIRED,
    (State.REQUESTED, Event.REJECT): State.REJECTED,
    (State.RUNNING, Event.VERIFY): State.VERIFYING,
    (State.RUNNING, Event.FAIL): State.FAILED,
    (State.RUNNING, Event.CANCEL): State.CANCELLED,
    (State.VERIFYING, Event.SUCCEED): State.SUCCEEDED,
    (State.VERIFYING, Event.FAIL): State.FAILED,
    (State.VERIFYING, Event.CANCEL): State.CANCELLED,
}
PAIRS = list(itertools.product(State, Event))


@pytest.mark.parametrize(("state", "event"), [pair for pair in PAIRS if pair in MOVES])
def test_a_listed_move_leads_where_the_table_says(state: State, event: Event) -> None:
    """The eleven moves of an operation, one by one."""
    assert next_state(state, event) is MOVES[state, event]


@pytest.mark.parametrize(("state", "event"), [pair for pair in PAIRS if pair not in MOVES])
def test_every_other_move_is_refused_by_name(state: State, event: Event) -> None:
    """What the table does not list is an InvalidTransition that names state and event."""
    with pytest.raises(InvalidTransition) as refusal:
        next_state(state, event)

    assert (refusal.value.state, refusal.value.event) == (state, event)
    assert refusal.value.reason is Reason.INVALID_TRANSITION
    assert str(state) in refusal.value.message
    assert str(event) in refusal.value.message


def test_final_states_are_those_that_nothing_leaves() -> None:
    """Final is what has no move, and of the final states only success is not unsuccessful."""
    assert {state for state in State if not any((state, event) in MOVES for event in Event)} == FINAL
    assert {State.SUCCEEDED} == FINAL - UNSUCCESSFUL


def test_active_states_lie_between_the_request_and_the_end() -> None:
    """An active operation was started and has not ended; those two states and no other hold the app."""
    assert {State.RUNNING, State.VERIFYING} == ACTIVE
    assert ACTIVE.isdisjoint(FINAL | {State.REQUESTED})


def test_every_state_can_be_reached_from_the_request() -> None:
    """No state stands in the table that no operation ever gets to."""
    reached = {State.REQUESTED}
    for _ in State:
        reached |= {after for (before, _), after in MOVES.items() if before in reached}

    assert reached == set(State)


@pytest.mark.parametrize("word", [*State, *Event])
def test_the_diagram_names_every_state_and_event(word: str) -> None:
    """Who reads only the module's diagram misses nothing of the table."""
    assert word in (module.__doc__ or "")


@pytest.mark.parametrize("state", State)
def test_an_operation_asks_the_table_about_its_state(state: State) -> None:
    """`is_final` and `is_active` say what the sets say."""
    asked = operation(state=state)

    assert (asked.is_final, asked.is_active) == (state in FINAL, state in ACTIVE)


def test_the_newest_row_of_a_step_counts() -> None:
    """A step that was begun, done and begun again is not done; the row of another Machine is another row."""
    asked = operation(started(Step.UPDATE, "m1"), row(Step.UPDATE, "m1"), started(Step.UPDATE, "m1"), row(Step.CHECK))

    assert asked.row(Step.UPDATE, "m1") is asked.journal[2]
    assert not asked.done(Step.UPDATE, "m1")
    assert asked.rows(Step.UPDATE) == {"m1": asked.journal[2]}
    assert asked.done(Step.CHECK)


def test_a_step_that_was_never_taken_has_no_row() -> None:
    """No row is None, and None is not done."""
    asked = operation(row(Step.UPDATE, "m1"))

    assert asked.row(Step.UPDATE, "m2") is None
    assert not asked.done(Step.UPDATE, "m2")
    assert asked.rows(Step.RESTORE) == {}
