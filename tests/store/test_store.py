"""What the database promises: one request one operation, one operation per app, moves only along the table."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import audit
from bot.audit import AuditEvent
from bot.domain.operation import FINAL, TRANSITIONS, Card, Event, JournalRow, Operation, State, StepStatus
from bot.domain.rollout import Step
from bot.errors import InvalidTransition, NotFound, OperationRunning, Reason, StaleAction
from bot.store import Store, running_error
from tests.builders import ANA, BO, NOW, new_operation, operation, row

# The moves that bring a requested operation to each state.
WAYS = {
    State.REQUESTED: (),
    State.RUNNING: (Event.START,),
    State.VERIFYING: (Event.START, Event.VERIFY),
    State.SUCCEEDED: (Event.START, Event.VERIFY, Event.SUCCEED),
    State.FAILED: (Event.START, Event.FAIL),
    State.CANCELLED: (Event.CANCEL,),
    State.EXPIRED: (Event.EXPIRE,),
    State.REJECTED: (Event.REJECT,),
}


async def created(store: Store, **changes: Any) -> Operation:
    """A requested operation."""
    made, _ = await store.create_operation(new_operation(**changes), NOW)
    return made


async def brought(store: Store, state: State, **changes: Any) -> Operation:
    """An operation that was brought to this state."""
    made = await created(store, **changes)
    for event in WAYS[state]:
        made = await store.transition(made.id, event, by=ANA, at=NOW)
    return made


async def actions(store: Store) -> list[str]:
    """The audit's action codes, oldest first."""
    return [event["action"] for event in await store.audit_events()]


async def test_what_was_asked_is_stored_whole(store: Store) -> None:
    """A new operation is requested, belongs to its asker, and has neither plan nor journal."""
    asked = new_operation(request={"ref": "v1.4.2", "why": "Preise für Zürich"})

    made, is_new = await store.create_operation(asked, NOW)

    assert is_new
    assert (made.state, made.actor, made.app, made.channel) == (State.REQUESTED, ANA, "reify-studio", "C0DEPLOYS")
    assert made.request == {"ref": "v1.4.2", "why": "Preise für Zürich"}
    assert (made.plan, made.plan_hash, made.journal, made.card, made.outcome) == (None, "", (), None, {})
    assert (made.created_at, made.started_at, made.finished_at) == (NOW, None, None)
    assert await store.operation(made.id) == made


async def test_the_same_request_is_one_operation(store: Store) -> None:
    """A request that Slack sends again, even at once and in another wording, gives the first operation."""
    asked = new_operation(key="trigger-7")
    again = dataclasses.replace(asked, request={"ref": "main"})

    answers = await asyncio.gather(*(store.create_operation(new, NOW) for new in (asked, again, asked)))

    assert len({made.id for made, _ in answers}) == 1
    assert [is_new for _, is_new in answers] == [True, False, False]
    assert answers[1][0].request == asked.request
    assert await actions(store) == ["deployment.request"]


async def test_operations_sort_by_their_age(store: Store) -> None:
    """Ids grow with time, and lists are oldest first."""
    made = [
        (await store.create_operation(new_operation(), NOW + timedelta(seconds=seconds)))[0] for seconds in (2, 0, 1)
    ]

    listed = await store.operations(State.REQUESTED)

    assert [o.id for o in listed] == sorted(o.id for o in made)
    assert listed == [made[1], made[2], made[0]]


async def test_an_unknown_operation_is_not_found(store: Store) -> None:
    """Reading, moving and journalling what does not exist is NotFound, each with its code."""
    calls = [
        store.operation("nowhere"),
        store.transition("nowhere", Event.START, by=ANA, at=NOW),
        store.append_journal("nowhere", row(Step.CHECK)),
        store.request_cancel("nowhere", ANA, NOW),
    ]

    refusals = await asyncio.gather(*calls, return_exceptions=True)

    assert [type(refusal) for refusal in refusals] == [NotFound] * 4
    assert {refusal.reason for refusal in refusals if isinstance(refusal, NotFound)} == {Reason.UNKNOWN_OPERATION}


async def test_two_starts_at_once_have_one_winner(store: Store) -> None:
    """Of two operations on one app one starts; the other learns who holds the app, with what, since when."""
    first, second = await created(store), await created(store, by=BO)

    results = await asyncio.gather(
        store.transition(first.id, Event.START, by=ANA, at=NOW),
        store.transition(second.id, Event.START, by=BO, at=NOW),
        return_exceptions=True,
    )

    assert isinstance(results[0], Operation)
    assert isinstance(results[1], OperationRunning)
    assert results[1].message == "A deployment of `production` by <@U0ANA> is running since 12:00 UTC."
    assert (await store.operation(second.id)).state is State.REQUESTED
    assert await store.active_operation("reify-studio") == results[0]


@pytest.mark.parametrize("state", [State.RUNNING, State.VERIFYING])
async def test_a_held_app_is_free_again_when_its_operation_ends(store: Store, state: State) -> None:
    """Whatever the phase, the app is held; once the operation failed, the next may start."""
    holder, waiting = await brought(store, state), await created(store)
    with pytest.raises(OperationRunning):
        await store.transition(waiting.id, Event.START, by=ANA, at=NOW)

    await store.transition(holder.id, Event.FAIL, by=ANA, at=NOW)
    after = await store.transition(waiting.id, Event.START, by=ANA, at=NOW)

    assert after.state is State.RUNNING


async def test_operations_of_different_apps_run_side_by_side(store: Store) -> None:
    """Production is not held by staging."""
    one = await brought(store, State.RUNNING)
    two = await brought(store, State.RUNNING, app="reify-studio-staging")

    assert await store.operations(State.RUNNING, State.VERIFYING) == [one, two]
    assert await store.active_operation("reify-studio-pr-12") is None


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", Event)
async def test_the_database_moves_along_the_table_and_no_other_way(store: Store, state: State, event: Event) -> None:
    """Every pair of state and event: the move and its audit event together, or neither."""
    made = await brought(store, state)
    known = len(await actions(store))
    expected = TRANSITIONS[state].get(event)

    if expected is None:
        with pytest.raises(InvalidTransition):
            await store.transition(made.id, event, by=BO, at=NOW)
    else:
        made = await store.transition(made.id, event, by=BO, at=NOW)

    assert await store.operation(made.id) == made
    assert made.state is (expected or state)
    assert (await actions(store))[known:] == ([f"deployment.{event}"] if expected else [])


async def test_an_end_is_stored_with_its_reason(store: Store) -> None:
    """Start and end have their instants; reason and outcome stand in the row and in the audit."""
    made = await brought(store, State.RUNNING)
    later = NOW + timedelta(minutes=3)

    ended = await store.transition(
        made.id, Event.FAIL, by=BO, at=later, reason=Reason.MACHINE_CRASHED, outcome={"message": "exit code 1"}
    )

    assert (ended.started_at, ended.finished_at) == (NOW, later)
    assert (ended.reason, ended.outcome) == ("machine_crashed", {"message": "exit code 1"})
    told = (await store.audit_events())[-1]
    assert (told["actor"], told["subject"]) == ("U0BO", made.id)
    assert '"message": "exit code 1"' in told["detail"]


async def test_a_start_is_bound_to_the_plan_that_was_shown(store: Store) -> None:
    """The button of an older plan starts nothing; that of the newest does."""
    made = await created(store)
    await store.set_plan(made.id, {"ref": "old"}, "hash-old")
    fresh = await store.set_plan(made.id, {"ref": "new"}, "hash-new")

    with pytest.raises(StaleAction) as refusal:
        await store.transition(made.id, Event.START, by=ANA, at=NOW, plan_hash="hash-old")
    after = await store.transition(made.id, Event.START, by=ANA, at=NOW, plan_hash="hash-new")

    assert (fresh.plan, fresh.plan_hash) == ({"ref": "new"}, "hash-new")
    assert refusal.value.reason is Reason.PLAN_CHANGED
    assert after.state is State.RUNNING


async def test_two_clicks_are_one_start(store: Store) -> None:
    """A double click starts once; the second is told that it no longer fits."""
    made = await created(store)
    await store.set_plan(made.id, {}, "hash")

    clicks = [store.transition(made.id, Event.START, by=ANA, at=NOW, plan_hash="hash") for _ in range(2)]
    results = await asyncio.gather(*clicks, return_exceptions=True)

    assert [type(result) for result in results] == [Operation, InvalidTransition]
    assert (await actions(store)).count("deployment.start") == 1


@pytest.mark.parametrize("state", [state for state in State if state is not State.REQUESTED])
async def test_a_plan_is_only_for_what_was_requested(store: Store, state: State) -> None:
    """What runs or has ended keeps the plan that it had."""
    made = await brought(store, state)

    with pytest.raises(StaleAction):
        await store.set_plan(made.id, {"ref": "new"}, "hash")

    assert (await store.operation(made.id)).plan is None


@pytest.mark.parametrize("state", State)
async def test_the_journal_is_closed_when_the_operation_ends(store: Store, state: State) -> None:
    """A step that comes in late is refused, and nothing of it is kept."""
    made = await brought(store, state)

    try:
        made = await store.append_journal(made.id, row(Step.CHECK))
        is_refused = False
    except StaleAction:
        is_refused = True

    assert is_refused is (state in FINAL)
    assert len(made.journal) == len((await store.operation(made.id)).journal) == (0 if is_refused else 1)


async def test_journal_rows_come_back_as_they_were_written(store: Store) -> None:
    """Order, targets, instants and details survive, also for two Machines side by side."""
    made = await brought(store, State.RUNNING)
    rows = [
        JournalRow(Step.UPDATE, f"m{n}", StepStatus.STARTED, NOW, {"n": n, "of": ["ü", None, 0.5]}) for n in range(9)
    ]

    await asyncio.gather(*(store.append_journal(made.id, each) for each in rows))

    assert (await store.operation(made.id)).journal == tuple(rows)


@pytest.mark.parametrize("state", State)
async def test_only_what_runs_can_be_asked_to_stop(store: Store, state: State) -> None:
    """A running operation keeps the wish; anything else answers with what it is."""
    made = await brought(store, state)

    if made.is_active:
        made = await store.request_cancel(made.id, BO, NOW)
    else:
        with pytest.raises(StaleAction, match=state):
            await store.request_cancel(made.id, BO, NOW)

    assert (await store.operation(made.id)).cancel_requested_by == ("U0BO" if made.is_active else "")


async def test_the_first_who_asks_to_stop_is_remembered(store: Store) -> None:
    """Two people press Cancel: one wish, one audit event."""
    made = await brought(store, State.RUNNING)

    await asyncio.gather(store.request_cancel(made.id, BO, NOW), store.request_cancel(made.id, ANA, NOW))

    assert (await store.operation(made.id)).cancel_requested_by == "U0BO"
    assert (await actions(store)).count("deployment.request_cancel") == 1


async def test_the_card_and_the_announcement_are_remembered(store: Store) -> None:
    """Where the message is, and whether the end was told."""
    made = await brought(store, State.FAILED)
    await store.set_card(made.id, Card("C0DEPLOYS", "1700000000.000100"))
    before = await store.unannounced()

    await store.set_announced(made.id)

    assert [o.card for o in before] == [Card("C0DEPLOYS", "1700000000.000100")]
    assert await store.unannounced() == []
    assert (await store.operation(made.id)).announced


@pytest.mark.parametrize("state", [State.REQUESTED, State.RUNNING, State.VERIFYING])
async def test_what_has_not_ended_is_not_unannounced(store: Store, state: State) -> None:
    """Only an end can be told."""
    await brought(store, state)

    assert await store.unannounced() == []


async def test_a_due_time_is_claimed_once(store: Store) -> None:
    """Of those who ask at once one gets it; another job and another due time are other claims."""
    claims = await asyncio.gather(*(store.claim_fire("sweep", NOW) for _ in range(5)))

    assert sorted(claims) == [False] * 4 + [True]
    assert await store.claim_fire("digest", NOW)
    assert await store.claim_fire("sweep", NOW + timedelta(hours=1))


async def test_claims_of_past_weeks_are_dropped(store: Store) -> None:
    """A job every minute for years leaves a table of a week: what is long past could be claimed again."""
    await store.claim_fire("sweep", NOW)
    await store.claim_fire("sweep", NOW + timedelta(days=6))
    assert not await store.claim_fire("sweep", NOW)

    await store.claim_fire("sweep", NOW + timedelta(days=8))

    assert await store.claim_fire("sweep", NOW)
    assert not await store.claim_fire("sweep", NOW + timedelta(days=6))


async def test_events_without_a_change_of_state_are_kept_too(store: Store) -> None:
    """A refusal, a look: the audit has them in order, and its chain is whole."""
    await store.add_audit(AuditEvent(NOW, "U0EVE", "command.refused", "/deploy", {"reason": "other_workspace"}))
    await created(store)

    events = await store.audit_events()

    assert [event["action"] for event in events] == ["command.refused", "deployment.request"]
    assert audit.problems(events) == []


async def test_half_a_surrogate_pair_does_not_stop_the_bot(store: Store) -> None:
    """JSON from outside may hold text that UTF-8 cannot; it is stored with a question mark."""
    made = await created(store, request={"why": "half \ud83d of a rocket"})

    made = await store.append_journal(made.id, row(Step.CHECK, message="\udfff"))

    assert made.request == {"why": "half ? of a rocket"}
    assert made.journal[0].detail == {"message": "?"}
    assert audit.problems(await store.audit_events()) == []


@given(
    request=st.dictionaries(
        st.text(max_size=9), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5)
    )
)
@settings(max_examples=40, deadline=None)
def test_any_request_is_read_as_it_was_written(request: dict[str, Any]) -> None:
    """Whatever people typed comes back from the database character by character."""

    async def written_and_read() -> dict[str, Any]:
        store = Store(":memory:")
        await store.open()
        try:
            return (await created(store, request=request)).request
        finally:
            await store.close()

    assert asyncio.run(written_and_read()) == request


async def test_a_store_is_busy_while_somebody_waits(store: Store) -> None:
    """From the asking to the answer, and no longer."""
    waiting = asyncio.ensure_future(store.audit_events())
    await asyncio.sleep(0)
    was_busy = store.is_busy

    await waiting

    assert was_busy
    assert not store.is_busy
    assert store.is_alive


@pytest.mark.parametrize(("started_at", "words"), [(NOW, "since 12:00 UTC"), (None, "since now")])
def test_the_holder_of_an_app_is_named(started_at: datetime | None, words: str) -> None:
    """Who, what, where, since when, and what to do."""
    refusal = running_error(operation(started_at=started_at))

    assert refusal.message == f"A deployment of `production` by <@U0ANA> is running {words}."
    assert refusal.hint
