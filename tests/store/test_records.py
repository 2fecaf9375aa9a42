"""Records at GitHub in the database: derived from the operations, and of two who tell the same one may."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from sqlite_utils import Database

from bot.audit import AuditEvent
from bot.domain.deployment import Build, DeploymentPlan
from bot.domain.operation import Event, Kind, Operation
from bot.migrations import migrations
from bot.operations.plans import to_json
from bot.records import LOOK_BACK, Record, Records
from bot.store import Store
from tests.builders import ANA, NOW, new_operation, plan

BUILD = Build("reify/reify-studio", ".github/workflows/deploy-production.yml", "v1.5.0")
SOON = NOW + timedelta(seconds=5)
AUDIT = AuditEvent(NOW, "flytower", "github.deployment", "x", {"deployment": 7})


@pytest.fixture
def records(store: Store) -> Records:
    """The records of an open store."""
    return Records(store)


async def moved(
    store: Store, *events: Event, of: DeploymentPlan | None = None, kind: Kind = Kind.ROLLBACK
) -> Operation:
    """An operation after these events, all of them just now."""
    of = of or plan()
    operation, _ = await store.create_operation(dataclasses.replace(new_operation(), kind=kind), NOW)
    await store.set_plan(operation.id, to_json(of), of.hash)
    for event in events:
        operation = await store.transition(operation.id, event, by=ANA, at=NOW)
    return operation


@pytest.mark.parametrize(
    ("events", "word"),
    [
        ((), None),
        ((Event.CANCEL,), None),
        ((Event.EXPIRE,), None),
        ((Event.REJECT,), None),
        ((Event.FAIL,), None),
        ((Event.START,), "in_progress"),
        ((Event.START, Event.VERIFY), "in_progress"),
        ((Event.START, Event.FAIL), "failure"),
        ((Event.START, Event.CANCEL), "error"),
        ((Event.START, Event.VERIFY, Event.SUCCEED), "success"),
        ((Event.START, Event.VERIFY, Event.FAIL), "failure"),
    ],
)
async def test_what_began_is_told_as_it_stands(
    store: Store, records: Records, events: tuple[Event, ...], word: str | None
) -> None:
    """In GitHub's words; what never began has nothing to tell."""
    operation = await moved(store, *events)

    found = await records.untold(NOW)

    assert [(each.operation, each.word) for each in found] == ([(operation, word)] if word else [])


@pytest.mark.parametrize(
    ("of", "kind", "is_told"),
    [
        (plan(), Kind.ROLLBACK, True),
        (plan(), Kind.DEPLOYMENT, True),
        (plan(build=BUILD, image=None), Kind.DEPLOYMENT, False),
        (plan(build=BUILD), Kind.DEPLOYMENT, False),
        (plan(image=None), Kind.DEPLOYMENT, False),
    ],
)
async def test_only_what_the_bot_rolled_out_itself_is_told(
    store: Store, records: Records, of: DeploymentPlan, kind: Kind, *, is_told: bool
) -> None:
    """Where CI released, its workflow has made a deployment already."""
    await moved(store, Event.START, of=of, kind=kind)

    assert bool(await records.untold(NOW)) is is_told


async def test_last_week_is_no_news(store: Store, records: Records) -> None:
    """What GitHub was not told within a week stays untold."""
    await moved(store, Event.START, Event.FAIL)

    assert len(await records.untold(NOW + LOOK_BACK)) == 1
    assert await records.untold(NOW + LOOK_BACK + timedelta(seconds=1)) == []


def test_what_ended_before_there_were_records_stays_untold() -> None:
    """A new version of the bot does not tell GitHub a week's deployments at once, as if they were of now."""
    db = Database(memory=True)
    migrations.apply(db, stop_before="m006_rules")
    names = ("kind", "app", "environment", "pipeline", "actor_id", "actor_team", "channel")
    for number, (state, ended) in enumerate({"succeeded": NOW.isoformat(), "running": None}.items()):
        row = {"id": f"op{number}", "request_key": f"k{number}", "state": state, "finished_at": ended, "request": "{}"}
        db.table("operation").insert({**row, **dict.fromkeys(names, "x"), "created_at": NOW.isoformat()})
    migrations.apply(db)

    assert [(row["operation_id"], bool(row["problem"])) for row in db.query("SELECT * FROM github_record")] == [
        ("op0", True)
    ]
    db.close()


async def test_the_oldest_is_told_first(store: Store, records: Records) -> None:
    """GitHub's newest deployment is the newest operation; one that waited for its start began later."""
    waited, _ = await store.create_operation(new_operation("app-1"), NOW)
    first, _ = await store.create_operation(new_operation("app-2"), NOW + timedelta(seconds=1))
    for operation, at in ((first, 2), (waited, 3)):
        await store.set_plan(operation.id, to_json(plan()), plan().hash)
        await store.transition(operation.id, Event.START, by=ANA, at=NOW + timedelta(seconds=at))

    assert [each.operation.id for each in await records.untold(NOW)] == [first.id, waited.id]


async def test_an_attempt_is_counted_before_it_is_made(store: Store, records: Records) -> None:
    """Who is killed in the middle knows afterwards that there was one, and when to make the next."""
    operation = await moved(store, Event.START)
    (fresh,) = await records.untold(NOW)
    began = await records.begin(fresh.record, again_at=SOON)
    (later,) = await records.untold(NOW)

    assert began
    assert later.record == Record(operation.id, tries=1, next_at=SOON)
    assert [later.record.is_due(at) for at in (NOW, SOON)] == [False, True]
    assert fresh.record.is_due(NOW)


async def test_of_two_who_read_the_same_one_may_tell(store: Store, records: Records) -> None:
    """At the first attempt, at a later one, and after the state was told."""
    await moved(store, Event.START)
    began = []
    for _ in range(2):
        (untold,) = await records.untold(NOW)
        began += [await records.begin(untold.record, again_at=SOON) for _ in range(2)]
    (untold,) = await records.untold(NOW)
    await records.told(untold.operation.id, "in_progress", NOW)
    began.append(await records.begin(untold.record, again_at=SOON))

    assert began == [True, False, True, False, False]


async def test_what_was_told_is_told_again_only_as_something_else(store: Store, records: Records) -> None:
    """The deployment at GitHub is remembered with its audit event, and the attempts are counted anew."""
    operation = await moved(store, Event.START)
    await records.begin(Record(operation.id), again_at=SOON)
    await records.made(operation.id, 7, AUDIT)
    await records.told(operation.id, "in_progress", NOW)
    between = await records.untold(NOW)
    await store.transition(operation.id, Event.VERIFY, by=ANA, at=NOW)
    verifying = await records.untold(NOW)
    await store.transition(operation.id, Event.SUCCEED, by=ANA, at=NOW)
    (ended,) = await records.untold(NOW)
    await records.told(operation.id, "success", NOW)

    assert (between, verifying) == ([], [])
    assert (ended.word, ended.record) == ("success", Record(operation.id, 7, "in_progress", 0, NOW))
    assert await records.untold(NOW) == []
    assert [event["action"] for event in await store.audit_events()].count("github.deployment") == 1


async def test_what_was_given_up_or_put_off_is_left_alone(store: Store, records: Records) -> None:
    """For good with the reason, half characters of it aside; or until a time that GitHub named."""
    operation = await moved(store, Event.START)
    await records.begin(Record(operation.id), again_at=SOON)
    await records.postpone(operation.id, SOON + timedelta(hours=1))
    (put_off,) = await records.untold(NOW)
    await records.give_up(operation.id, "No ref found \ud800")

    assert put_off.record.next_at == SOON + timedelta(hours=1)
    assert await records.untold(NOW) == []
    kept = await store.read(lambda db: list(db.query("SELECT problem FROM github_record")))
    assert kept == [{"problem": "No ref found ?"}]
