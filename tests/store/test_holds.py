"""Holds in the database: one for each rollback, lifted once, counted as a change of the rules."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import pytest

from bot import audit, rules
from bot.domain.hold import Hold
from bot.domain.model import Actor
from bot.holds import Holds, NewHold
from bot.store import Store
from tests.builders import ANA, BO, NEW_SHA, NOW, OLD_SHA, new_operation

PRODUCTION = "reify-studio/production"


@pytest.fixture
def holds(store: Store) -> Holds:
    """The holds of an open store."""
    return Holds(store)


async def new_hold(store: Store, **changes: Any) -> NewHold:
    """The hold that a rollback of its own asks for."""
    operation, _ = await store.create_operation(new_operation(), NOW)
    made = NewHold(
        environment=PRODUCTION,
        repository="reify/reify-studio",
        operation_id=operation.id,
        good=OLD_SHA,
        good_ref="v1.4.1",
        bad=NEW_SHA,
        bad_ref="v1.4.2",
        by=BO,
        why="checkout is down",
    )
    return dataclasses.replace(made, **changes)


async def placed(store: Store, **changes: Any) -> Hold:
    """A hold that is in force."""
    return await Holds(store).place(await new_hold(store, **changes), NOW)


async def revision(store: Store) -> int:
    return await store.read(rules.revision)


async def events(store: Store, action: str) -> list[dict[str, Any]]:
    """The audit events of an action; the chain of all is whole."""
    written = await store.audit_events()
    assert audit.problems(written) == []
    return [event for event in written if event["action"] == action]


async def test_a_hold_is_kept_as_it_was_placed(store: Store, holds: Holds) -> None:
    """All that people read of it later: what, where, who, why, when."""
    new = await new_hold(store)
    hold = await holds.place(new, NOW)

    assert await holds.of(PRODUCTION) == (hold,)
    assert await holds.one(hold.id) == hold
    assert hold == Hold(hold.id, at=NOW, **dataclasses.asdict(new) | {"by": new.by})


async def test_a_rollback_places_one_hold_however_often_it_tries(store: Store, holds: Holds) -> None:
    """A step that is taken again finds the first one, also where a person lifted it meanwhile; one audit event."""
    new = await new_hold(store)
    first, second = await asyncio.gather(holds.place(new, NOW), holds.place(new, NOW))
    before = await revision(store)
    await holds.lift(first.id, by=ANA, why="it was the database", at=NOW)
    third = await holds.place(new, NOW)

    assert first == second == third
    assert await holds.of() == ()
    assert await revision(store) == before + 1
    (event,) = await events(store, "hold.place")
    assert (event["actor"], event["subject"]) == ("U0BO", PRODUCTION)
    assert new.operation_id in event["detail"]


async def test_a_second_try_of_a_rollback_holds_nothing_twice(store: Store, holds: Holds) -> None:
    """Another operation, the same commits: the hold that is in force; once that was lifted it is a new one."""
    first, again = await placed(store), await placed(store)
    other = await placed(store, good="")
    await holds.lift(first.id, by=ANA, why="over", at=NOW)
    later = await placed(store)

    assert again == first
    assert await holds.of() == (other, later)


async def test_holds_are_told_apart_by_environment(store: Store, holds: Holds) -> None:
    """One environment's, or all of them, oldest first."""
    production = await placed(store)
    staging = await placed(store, environment="reify-studio/staging")

    assert await holds.of(PRODUCTION) == (production,)
    assert await holds.of() == (production, staging)


async def test_of_two_who_lift_one_has_the_effect(store: Store, holds: Holds) -> None:
    """The second is told no; who and why stands in the row and in one audit event."""
    hold = await placed(store)
    lifting = (holds.lift(hold.id, by=by, why=f"{by.user_id} said so", at=NOW) for by in (ANA, BO))
    done = await asyncio.gather(*lifting)

    assert sorted(done) == [False, True]
    assert await holds.one(hold.id) is None
    (event,) = await events(store, "hold.lift")
    row = await store.read(lambda db: next(db.query("SELECT * FROM hold")))
    assert (row["lifted_by"], row["lifted_why"]) == (event["actor"], f"{event['actor']} said so")


async def test_a_hold_that_nobody_knows_cannot_be_lifted(holds: Holds) -> None:
    """Neither lifted nor given a fix."""
    assert not await holds.lift(7, by=ANA, why="no", at=NOW)
    assert not await holds.declare_fix(7, OLD_SHA, by=ANA, at=NOW)


async def test_fixes_are_kept_in_order_and_once(store: Store, holds: Holds) -> None:
    """The second time changes nothing, and a lifted hold takes none."""
    hold = await placed(store)
    done = [await holds.declare_fix(hold.id, sha, by=ANA, at=NOW) for sha in ("a" * 40, "b" * 40, "a" * 40)]
    kept = await holds.one(hold.id)
    await holds.lift(hold.id, by=ANA, why="over", at=NOW)

    assert kept is not None
    assert (done, kept.fixes) == ([True, True, False], ("a" * 40, "b" * 40))
    assert not await holds.declare_fix(hold.id, "c" * 40, by=ANA, at=NOW)
    assert len(await events(store, "hold.declare_fix")) == 2


async def test_every_change_is_a_change_of_the_rules(store: Store, holds: Holds) -> None:
    """A start that names an older revision is refused: so it is counted when placed, given a fix, lifted."""
    seen = [await revision(store)]
    hold = await placed(store)
    seen.append(await revision(store))
    await holds.declare_fix(hold.id, "a" * 40, by=ANA, at=NOW)
    seen.append(await revision(store))
    await holds.lift(hold.id, by=ANA, why="over", at=NOW)
    seen.append(await revision(store))

    assert seen == sorted(set(seen))


async def test_halves_of_characters_are_storable(store: Store, holds: Holds) -> None:
    """What people type comes out of JSON and may be broken."""
    hold = await placed(store, why="down \ud800", bad_ref="v\ud800", good_ref="w\ud800", by=Actor("flytower"))

    assert (hold.why, hold.bad_ref, hold.good_ref) == ("down ?", "v?", "w?")
    assert await holds.lift(hold.id, by=ANA, why="over \ud800", at=NOW)
