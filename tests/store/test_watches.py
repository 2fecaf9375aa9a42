"""Watches in the database: they begin by themselves, and of two writers one wins."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.audit import AuditEvent
from bot.domain.operation import Card, Event, Kind, Operation
from bot.domain.watch import Phase, Trouble, Watch
from bot.operations.plans import to_json
from bot.store import Store
from bot.watches import RESTORE_KEY, SINCE_MOST, Watches
from tests.builders import ANA, NOW, new_operation, plan

END = NOW + timedelta(seconds=600)
WATCHED = plan(watch_s=600.0)


@pytest.fixture
def watches(store: Store) -> Watches:
    """The watches of an open store."""
    return Watches(store)


async def succeeded(
    store: Store, *, watch_s: float = 600.0, key: str = "", app: str = "reify-studio", at: datetime = NOW, **new: Any
) -> Operation:
    """A deployment that succeeded just now."""
    operation, _ = await store.create_operation(new_operation(app, key=key, **new), at)
    planned = dataclasses.replace(WATCHED, watch_s=watch_s)
    await store.set_plan(operation.id, to_json(planned), planned.hash)
    for event in (Event.START, Event.VERIFY, Event.SUCCEED):
        operation = await store.transition(operation.id, event, by=ANA, at=at)
    return operation


async def test_a_success_gets_its_watch_once(store: Store, watches: Watches) -> None:
    """However often it is looked for, there is one, until the window that the plan promised."""
    operation = await succeeded(store)
    await watches.begin(NOW)
    await watches.begin(NOW)

    (followed,) = await watches.followed()
    assert followed.watch == Watch(operation.id, END)
    assert followed.operation == operation
    assert not followed.has_newer


async def test_a_rollback_is_watched_like_a_deployment(store: Store, watches: Watches) -> None:
    """The old image may be ill as well: the same window."""
    operation = await succeeded(store, kind=Kind.ROLLBACK)
    await watches.begin(NOW)

    assert await watches.of(operation.id) == Watch(operation.id, END)


async def test_what_came_since_is_bounded_and_has_what_counts(store: Store, watches: Watches) -> None:
    """Below a message of last year: the success of then is among the fifty, however much was refused afterwards."""
    first = await succeeded(store, key="first")
    later = await succeeded(store, key="later", at=NOW + timedelta(seconds=1))
    for number in range(60):
        at = NOW + timedelta(minutes=number + 1)
        refused, _ = await store.create_operation(new_operation(key=f"refused {number}"), at)
        await store.transition(refused.id, Event.FAIL, by=ANA, at=at)

    found = await watches.since(first)

    assert len(found) == SINCE_MOST
    assert (found[0].id, found[-1].id) == (later.id, refused.id)


async def test_what_has_no_window_or_did_not_succeed_is_not_watched(store: Store, watches: Watches) -> None:
    """A policy of no watch, and a deployment that still runs."""
    await succeeded(store, watch_s=0.0)
    running, _ = await store.create_operation(new_operation(), NOW)
    await store.set_plan(running.id, to_json(WATCHED), WATCHED.hash)
    await store.transition(running.id, Event.START, by=ANA, at=NOW)
    await watches.begin(NOW)

    assert await watches.followed() == []
    assert await watches.of(running.id) is None


async def test_a_window_that_is_over_was_missed(store: Store, watches: Watches) -> None:
    """The bot was away: the watch is there, to be told, and does not claim to have looked."""
    operation = await succeeded(store)
    await watches.begin(END)

    (followed,) = await watches.followed()
    assert followed.watch.phase is Phase.MISSED
    await watches.set_told(operation.id, Phase.MISSED)
    assert await watches.followed() == []


async def test_everything_about_a_watch_is_kept(store: Store, watches: Watches) -> None:
    """What was written is read again as it was, half characters of a log aside."""
    operation = await succeeded(store)
    await watches.begin(NOW)
    seen = Watch(
        operation.id,
        END,
        Phase.TROUBLE,
        release=42,
        failing=("m1",),
        troubles=(Trouble("m1", "iad", "is gone"),),
        since=NOW,
        tail=("boom", "half \ud800"),
        restore_at=END,
    )
    saved = await watches.save(seen)
    await watches.set_card(operation.id, Card("C0", "1.0"))

    kept = dataclasses.replace(seen, tail=("boom", "half ?"), card=Card("C0", "1.0"), revision=1)
    assert saved
    assert await watches.of(operation.id) == kept


async def test_of_two_who_read_the_same_one_may_write(store: Store, watches: Watches) -> None:
    """The second is told no, and its audit event is not written either."""
    operation = await succeeded(store)
    await watches.begin(NOW)
    read = await watches.of(operation.id)
    assert read is not None
    event = AuditEvent(NOW, "U0ANA", "watch.stop_restore", operation.id)
    saved = [await watches.save(dataclasses.replace(read, note=word), event) for word in ("first", "second")]

    kept = await watches.of(operation.id)
    assert kept is not None
    assert (saved, kept.note) == ([True, False], "first")
    assert [e["action"] for e in await store.audit_events()].count("watch.stop_restore") == 1


@pytest.mark.parametrize(("own", "has_newer"), [(False, True), (True, False)])
async def test_a_newer_operation_lets_a_watch_only_end(
    store: Store, watches: Watches, *, own: bool, has_newer: bool
) -> None:
    """Another operation was started since: going on is refused; the bot's own going back is no such thing."""
    operation = await succeeded(store)
    await watches.begin(NOW)
    key = f"{RESTORE_KEY}{operation.id}" if own else "somebody's"
    newer, _ = await store.create_operation(new_operation(key=key), NOW)
    await store.transition(newer.id, Event.START, by=ANA, at=NOW + timedelta(seconds=1))
    (followed,) = await watches.followed()
    went_on = await watches.save(dataclasses.replace(followed.watch, phase=Phase.RESTORING))
    ended = await watches.save(dataclasses.replace(followed.watch, phase=Phase.SUPERSEDED, revision=int(went_on)))

    assert followed.has_newer == has_newer
    assert went_on is not has_newer
    assert ended


async def test_what_came_after_an_operation(store: Store, watches: Watches) -> None:
    """Asked for later, or asked for earlier and started later; of the same app alone."""
    waiting, _ = await store.create_operation(new_operation(), NOW - timedelta(minutes=1))
    operation = await succeeded(store)
    later, _ = await store.create_operation(new_operation(), NOW + timedelta(minutes=1))
    await store.create_operation(new_operation("another-app"), NOW + timedelta(minutes=1))
    before = [o.id for o in await watches.since(operation)]
    await store.transition(waiting.id, Event.START, by=ANA, at=NOW + timedelta(minutes=2))

    assert before == [later.id]
    assert [o.id for o in await watches.since(operation)] == [waiting.id, later.id]
