"""Incidents in the database: one at a time, what passed because of them, one review each, what is to be told."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import timedelta

import pytest

from bot.domain.incident import Incident, Passage, Review, Told
from bot.domain.operation import Card, Event, Kind, Operation
from bot.errors import Conflict, Reason
from bot.incidents import Incidents
from bot.operations.plans import to_json
from bot.store import Store
from tests.builders import ANA, BO, NOW, new_operation, plan

CHANNELS = ("C0DEPLOYS", "C0STAGING")
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def incidents(store: Store) -> Incidents:
    """The incidents of an open store."""
    return Incidents(store)


async def rolled_back(
    store: Store, waived: str = "incident 1", *, starts: bool = True, kind: Kind = Kind.ROLLBACK, minute: int = 0
) -> Operation:
    """A rollback whose plan says what spared it an approval."""
    at = NOW + timedelta(minutes=minute)
    operation, _ = await store.create_operation(dataclasses.replace(new_operation(f"app-{minute}"), kind=kind), at)
    planned = plan(waived=waived)
    operation = await store.set_plan(operation.id, to_json(planned), planned.hash)
    if starts:
        operation = await store.transition(operation.id, Event.START, by=BO, at=at)
    return operation


async def actions(store: Store) -> list[str]:
    """What the audit says of incidents."""
    return [event["action"] for event in await store.audit_events() if event["action"].startswith("incident.")]


async def test_an_incident_is_there_until_it_is_ended(store: Store, incidents: Incidents) -> None:
    """Everything about it is kept, and each change has its audit event."""
    before = await incidents.current()
    started, is_new = await incidents.start("checkout is down", ANA, NOW, CHANNELS)
    current = await incidents.current()
    ended = await incidents.end(BO, LATER, CHANNELS)

    assert before is None
    assert is_new
    assert started == current == Incident(1, "checkout is down", ANA, NOW)
    assert ended == Incident(1, "checkout is down", ANA, NOW, "U0BO", LATER)
    assert await incidents.current() is None
    events = await store.audit_events()
    assert [(e["actor"], e["action"], e["subject"]) for e in events] == [
        ("U0ANA", "incident.start", "incident 1"),
        ("U0BO", "incident.end", "incident 1"),
    ]


async def test_of_two_who_declare_at_once_one_does(incidents: Incidents) -> None:
    """The other is told who, when and why; the database has one."""
    results = await asyncio.gather(
        incidents.start("checkout is down", ANA, NOW, CHANNELS),
        incidents.start("payments fail", BO, NOW, CHANNELS),
        return_exceptions=True,
    )

    (refused,) = [result for result in results if isinstance(result, Conflict)]
    assert refused.reason is Reason.INCIDENT
    assert "since 2026-11-27 12:00 UTC, by <@U0ANA>: checkout is down" in refused.message
    assert len(await incidents.behind()) == 2


async def test_the_same_a_second_time_is_the_same_incident(store: Store, incidents: Incidents) -> None:
    """Slack sends a command again: nothing is written and nobody is told twice."""
    first, _ = await incidents.start("down \ud800", ANA, NOW, CHANNELS)
    again, is_new = await incidents.start("down \ud800", ANA, LATER, CHANNELS)

    assert (again, is_new) == (first, False)
    assert await actions(store) == ["incident.start"]
    assert len(await incidents.behind()) == 2


async def test_another_reason_of_the_same_person_is_another_incident(incidents: Incidents) -> None:
    """It would be lost otherwise, so it is refused while the first goes on."""
    await incidents.start("checkout is down", ANA, NOW, CHANNELS)

    with pytest.raises(Conflict, match="checkout is down"):
        await incidents.start("payments fail", ANA, LATER, CHANNELS)


async def test_what_is_over_cannot_be_ended_and_may_come_again(store: Store, incidents: Incidents) -> None:
    """The second end is refused and writes nothing; the next incident has a number of its own."""
    await incidents.start("down", ANA, NOW, CHANNELS)
    await incidents.end(ANA, LATER, CHANNELS)

    with pytest.raises(Conflict) as caught:
        await incidents.end(BO, LATER, CHANNELS)

    assert caught.value.reason is Reason.NO_INCIDENT
    assert await actions(store) == ["incident.start", "incident.end"]
    again, is_new = await incidents.start("down", ANA, LATER, CHANNELS)
    assert (again.id, is_new) == (2, True)


async def test_what_changed_counts_for_the_rules_and_what_was_told_does_not(store: Store, incidents: Incidents) -> None:
    """A plan is looked at again after a start and an end, and not because a message was posted."""

    async def revision() -> int:
        return (await store.rules_in_force("reify-studio/production")).revision

    seen = [await revision()]
    await incidents.start("down", ANA, NOW, CHANNELS)
    seen.append(await revision())
    for notice in await incidents.behind():
        await incidents.set_shown(notice, Card(notice.channel, "1.0"), 0)
    seen.append(await revision())
    await incidents.end(ANA, LATER, CHANNELS)
    seen.append(await revision())

    assert seen == [0, 1, 1, 2]


async def test_what_passed_is_what_started_because_of_that_incident(store: Store, incidents: Incidents) -> None:
    """Not what never started, what needed none, another incident's, or a word that only looks like it."""
    for number in range(1, 13):
        await incidents.start(f"number {number}", ANA, NOW, [])
        await incidents.end(ANA, NOW, [])
    second = await rolled_back(store, minute=9)
    first = await rolled_back(store, minute=8)
    for minute, waived in enumerate(("", "incident 12", "incident 99", "something 1")):
        await rolled_back(store, waived, minute=minute)
    await rolled_back(store, starts=False, minute=5)
    await rolled_back(store, kind=Kind.DEPLOYMENT, minute=6)
    await store.create_operation(dataclasses.replace(new_operation(), kind=Kind.ROLLBACK), NOW)

    assert await incidents.passed(1) == [Passage(1, first), Passage(1, second)]
    assert [passage.incident_id for passage in await incidents.passed(12)] == [12]
    assert [passage.incident_id for passage in await incidents.unreviewed()] == [12, 1, 1]
    assert await incidents.passage(first.id) == Passage(1, first)
    assert await incidents.passage("no-such-operation") is None


async def test_of_two_reviews_the_first_counts(store: Store, incidents: Incidents) -> None:
    """The second gets the first back, and leaves neither a row nor an audit event."""
    await incidents.start("down", ANA, NOW, CHANNELS)
    operation = await rolled_back(store)
    passage = Passage(1, operation)
    first, second = Review("U0CLEO", LATER, "fine \ud800"), Review("U0DAN", LATER, "")
    answers = [await incidents.review(passage, each) for each in (first, second)]

    kept = Review("U0CLEO", LATER, "fine ?")
    assert answers == [None, kept]
    assert await incidents.passed(1) == [Passage(1, operation, kept)]
    assert await incidents.unreviewed() == []
    assert await actions(store) == ["incident.start", "incident.review"]


async def test_who_started_an_operation_is_known(store: Store) -> None:
    """It may be another person than the one who asked."""
    incidents = Incidents(store)
    started, waiting = await rolled_back(store), await rolled_back(store, starts=False, minute=1)

    assert await incidents.starter(started.id) == "U0BO"
    assert await incidents.starter(waiting.id) == ""


async def test_each_channel_is_to_be_told_once(incidents: Incidents) -> None:
    """Start before end, a channel of several environments once; what was told is not told again."""
    await incidents.start("down", ANA, NOW, ["C0DEPLOYS", "C0STAGING", "C0DEPLOYS"])
    (deploys, staging) = await incidents.behind()
    await incidents.set_shown(deploys, Card("C0DEPLOYS", "1.0"), 0)
    await incidents.end(BO, LATER, ["C0DEPLOYS"])
    behind = await incidents.behind()

    assert [(n.event, n.channel) for n in (deploys, staging)] == [("start", "C0DEPLOYS"), ("start", "C0STAGING")]
    assert [(n.event, n.channel, n.card) for n in behind] == [
        (Told.START, "C0STAGING", None),
        (Told.END, "C0DEPLOYS", None),
    ]
    assert behind[1].incident == Incident(1, "down", ANA, NOW, "U0BO", LATER)


async def test_a_review_makes_the_message_of_the_end_old(store: Store, incidents: Incidents) -> None:
    """It is to be edited where it is, until it shows the review; the message of the start stays."""
    await incidents.start("down", ANA, NOW, ["C0DEPLOYS"])
    operation = await rolled_back(store)
    await incidents.end(BO, LATER, ["C0DEPLOYS"])
    for notice in await incidents.behind():
        await incidents.set_shown(notice, Card("C0DEPLOYS", f"{notice.id}.0"), 0)
    at_rest = await incidents.behind()
    await incidents.review(Passage(1, operation), Review("U0CLEO", LATER))
    (old,) = await incidents.behind()
    await incidents.set_shown(old, old.card, 1)

    assert at_rest == []
    assert (old.event, old.card) == (Told.END, Card("C0DEPLOYS", "2.0"))
    assert await incidents.behind() == []


async def test_what_slack_refused_is_not_tried_for_ever(store: Store, incidents: Incidents) -> None:
    """A channel that does not take the message has none to edit either."""
    await incidents.start("down", ANA, NOW, [])
    operation = await rolled_back(store)
    await incidents.end(BO, LATER, ["C0CLOSED"])
    (notice,) = await incidents.behind()
    await incidents.set_shown(notice, None, 0)
    await incidents.review(Passage(1, operation), Review("U0CLEO", LATER))

    assert await incidents.behind() == []
