"""Requests for approval in the database: decided with the move of their operation, once, by one person."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.approval import Approval, ApprovalState
from bot.domain.model import Actor
from bot.domain.operation import Event, Kind, Operation, State
from bot.errors import Reason, StaleAction
from bot.store import NewOperation, Store
from tests.builders import NOW

ANA, BO, CLEO = Actor("U0ANA", "T0"), Actor("U0BO", "T0"), Actor("U0CLEO", "T0")
LATER = NOW + timedelta(minutes=5)
ASKED = Approval(ApprovalState.PENDING, "h1", NOW, NOW + timedelta(hours=1))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store(str(tmp_path / "flytower.db"))
    await store.open()
    yield store
    await store.close()


async def waiting(store: Store, key: str = "k1", app: str = "reify-studio") -> Operation:
    """A rollback that waits for an approver."""
    new = NewOperation(key, Kind.ROLLBACK, app, "production", "reify-studio", ANA, "C0", {"release": "v41"})
    operation, _ = await store.create_operation(new, NOW)
    return await store.set_plan(operation.id, {"commit": "abc"}, "h1", approval=ASKED)


async def test_a_plan_brings_its_request_for_approval(store: Store) -> None:
    """The operation shows it, with its end."""
    operation = await waiting(store)

    assert operation.approval == ASKED


async def test_a_yes_starts_the_operation_and_is_used_up_by_that(store: Store) -> None:
    """Who said it and when stand with it; the audit names the approver."""
    operation = await waiting(store)

    started = await store.transition(operation.id, Event.START, by=BO, at=LATER, plan_hash="h1", is_approved=True)

    assert (started.state, started.actor) == (State.RUNNING, ANA)
    assert started.approval is not None
    assert (started.approval.state, started.approval.decided_by) == (ApprovalState.APPROVED, "U0BO")
    assert started.approval.decided_at == LATER
    assert '"approved_by":"U0BO"' in (await store.audit_events())[-1]["detail"].replace(" ", "")


async def test_two_approvers_at_once_are_one_decision(store: Store) -> None:
    """One starts it, the other hears that it was decided."""
    operation = await waiting(store)

    answers = await asyncio.gather(
        *(
            store.transition(operation.id, Event.START, by=by, at=LATER, plan_hash="h1", is_approved=True)
            for by in (BO, CLEO)
        ),
        return_exceptions=True,
    )

    assert sum(isinstance(answer, Operation) for answer in answers) == 1
    assert [event["action"] for event in await store.audit_events()].count("rollback.start") == 1


async def test_nothing_starts_that_waits_for_an_approver(store: Store) -> None:
    """Whatever forgets to ask is refused by the database."""
    operation = await waiting(store)

    with pytest.raises(StaleAction) as refusal:
        await store.transition(operation.id, Event.START, by=ANA, at=LATER, plan_hash="h1")

    assert refusal.value.reason is Reason.APPROVAL_NEEDED
    assert (await store.operation(operation.id)).state is State.REQUESTED


@pytest.mark.parametrize(
    ("event", "state"),
    [
        (Event.REJECT, ApprovalState.REJECTED),
        (Event.EXPIRE, ApprovalState.EXPIRED),
        (Event.CANCEL, ApprovalState.WITHDRAWN),
        (Event.FAIL, ApprovalState.VOID),
    ],
)
async def test_the_end_of_an_operation_is_the_end_of_its_request(
    store: Store, event: Event, state: ApprovalState
) -> None:
    """No request stays open for something that is over."""
    operation = await waiting(store)

    ended = await store.transition(operation.id, event, by=BO, at=LATER, outcome={"note": "not at night"})

    assert ended.approval is not None
    assert (ended.approval.state, ended.approval.note) == (state, "not at night")


async def test_a_new_plan_voids_the_request_for_the_old_one(store: Store) -> None:
    """An approval of what was shown before starts nothing."""
    operation = await waiting(store)
    newer = Approval(ApprovalState.PENDING, "h2", LATER, LATER + timedelta(hours=1))
    changed = await store.set_plan(operation.id, {"commit": "def"}, "h2", approval=newer)

    assert changed.approval == newer
    with pytest.raises(StaleAction):
        await store.transition(operation.id, Event.START, by=BO, at=LATER, plan_hash="h1", is_approved=True)


async def test_a_plan_that_needs_no_approval_any_more_starts_without_one(store: Store) -> None:
    """The request for the plan before it does not stand in its way."""
    operation = await waiting(store)
    await store.set_plan(operation.id, {"commit": "def"}, "h2")

    started = await store.transition(operation.id, Event.START, by=ANA, at=LATER, plan_hash="h2")

    assert started.state is State.RUNNING


async def test_what_is_void_is_not_approved(store: Store) -> None:
    """It keeps the reason, and the operation waits on."""
    operation = await waiting(store)

    assert await store.void_approval(operation.id, "h1", why="somebody deployed v44", at=LATER)
    with pytest.raises(StaleAction) as refusal:
        await store.transition(operation.id, Event.START, by=BO, at=LATER, plan_hash="h1", is_approved=True)

    now = await store.operation(operation.id)
    assert refusal.value.reason is Reason.APPROVAL_VOID
    assert now.approval is not None
    assert (now.state, now.approval.state, now.approval.note) == (
        State.REQUESTED,
        ApprovalState.VOID,
        "somebody deployed v44",
    )


async def test_only_a_pending_request_of_that_plan_is_voided(store: Store) -> None:
    """A decision of a moment ago stands."""
    operation = await waiting(store)

    assert not await store.void_approval(operation.id, "another", why="x", at=LATER)
    assert await store.void_approval(operation.id, "h1", why="x", at=LATER)
    assert not await store.void_approval(operation.id, "h1", why="y", at=LATER)


async def test_an_approval_of_an_app_that_is_held_is_not_used_up(store: Store) -> None:
    """Where another operation runs, the yes can be said again later."""
    first, second = await waiting(store), await waiting(store, "k2")
    await store.transition(first.id, Event.START, by=BO, at=LATER, plan_hash="h1", is_approved=True)

    with pytest.raises(Exception, match="is running since"):
        await store.transition(second.id, Event.START, by=BO, at=LATER, plan_hash="h1", is_approved=True)

    kept = (await store.operation(second.id)).approval
    assert kept is not None
    assert kept.is_pending


async def test_a_start_that_has_not_seen_the_newest_rules_is_refused(store: Store) -> None:
    """A lock that came between the plan and the click keeps it out; nothing of the move is left."""
    operation = await waiting(store)
    seen = (await store.rules_in_force("reify-studio/production")).revision
    insert = """INSERT INTO lock (scope, branch, holder_id, holder_team, why, since)
        VALUES ('', '', 'U0BO', 'T0', 'why', ?)"""
    await store.write(lambda db: db.conn.execute(insert, [NOW.isoformat()]))

    with pytest.raises(StaleAction) as refusal:
        await store.transition(
            operation.id, Event.START, by=BO, at=LATER, plan_hash="h1", rules_revision=seen, is_approved=True
        )

    now = await store.operation(operation.id)
    assert refusal.value.reason is Reason.PLAN_CHANGED
    assert now.approval is not None
    assert (now.state, now.approval.is_pending) == (State.REQUESTED, True)


async def test_what_was_asked_can_change_with_its_plan(store: Store) -> None:
    """Image and configuration in place of the image alone, in one step."""
    operation = await waiting(store)

    changed = await store.set_plan(operation.id, {"commit": "def"}, "h2", request={"release": "v40"})

    assert (changed.request, changed.plan_hash, changed.approval and changed.approval.state) == (
        {"release": "v40"},
        "h2",
        ApprovalState.VOID,
    )
