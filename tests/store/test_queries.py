"""Questions to the database: pages by kind and by how it ended, who decided, what a status is told from."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest

from bot import sql
from bot.domain.approval import Approval, ApprovalNeed, ApprovalState, Cause
from bot.domain.history import KINDS, STATES, Entry, Result
from bot.domain.operation import Event, Kind, Operation, State
from bot.errors import Reason
from bot.operations.plans import to_json
from bot.queries import Queries, Slice
from bot.store import Store
from tests.builders import ANA, BO, NOW, new_operation, plan

TITLE = "reify-studio/production"
# Ids go by the instant.
_instants = (NOW + timedelta(seconds=number) for number in itertools.count())
NEED = ApprovalNeed(("U0BO",), (Cause.ENVIRONMENT,), ("Every deployment needs one.",))


async def asked(store: Store, *, kind: Kind = Kind.DEPLOYMENT, needs: bool = False, ref: str = "v1.4.2") -> Operation:
    """A request with its plan, and with a request for approval where it needs one."""
    request = {"environment": TITLE, "ref": "previous" if kind is Kind.ROLLBACK else ref}
    operation, _ = await store.create_operation(new_operation(kind=kind, request=request), next(_instants))
    made = plan(approval=NEED if needs else None, ref=ref)
    approval = Approval(ApprovalState.PENDING, made.hash, NOW, NOW + timedelta(hours=1)) if needs else None
    return await store.set_plan(operation.id, to_json(made), made.hash, approval=approval)


async def done(store: Store, operation: Operation, *events: Event, is_approved: bool = False) -> Operation:
    """The operation after these events, the first of which may be an approver's yes."""
    for event in events:
        yes = is_approved and event is Event.START
        operation = await store.transition(operation.id, event, by=BO if yes else ANA, at=NOW, is_approved=yes)
    return operation


async def entries(store: Store, result: Result) -> list[Entry]:
    """The page of one result."""
    return await Queries(store).entries(Slice(10), title=TITLE, states=STATES[result], kinds=KINDS[result])


async def test_rollbacks_and_rejections_have_pages_of_their_own(store: Store) -> None:
    """Newest first: everything, rollbacks however they stand, what an approver refused."""
    await done(store, await asked(store), Event.START)
    back = await asked(store, kind=Kind.ROLLBACK)
    rejected = await asked(store, needs=True)
    await store.transition(
        rejected.id, Event.REJECT, by=BO, at=NOW, reason=Reason.REJECTED, outcome={"by": "U0BO", "note": "not today"}
    )

    assert [each.id for each in await entries(store, Result.ALL)][:2] == [rejected.id, back.id]
    assert [each.id for each in await entries(store, Result.ROLLBACKS)] == [back.id]
    assert [each.id for each in await entries(store, Result.REJECTED)] == [rejected.id]


async def test_an_entry_says_who_decided(store: Store) -> None:
    """The approver of what ran; the one who said no, with the reason; nobody where nobody was asked."""
    approved = await asked(store, needs=True)
    await done(store, approved, Event.START, Event.FAIL, is_approved=True)
    rejected = await asked(store, needs=True)
    await store.transition(rejected.id, Event.REJECT, by=BO, at=NOW, outcome={"note": "not today"})
    await asked(store)

    found = await entries(store, Result.ALL)

    assert [(each.approved_by, each.rejected_by) for each in found] == [("", ""), ("", "U0BO"), ("U0BO", "")]
    assert found[1].message == "not today"


async def test_a_rollback_is_called_by_what_its_plan_found(store: Store) -> None:
    """It was asked for as `previous`, which says nothing a week later."""
    await asked(store, kind=Kind.ROLLBACK, ref="v1.4.1")

    (entry,) = await entries(store, Result.ROLLBACKS)

    assert entry.ref == "v1.4.1"


async def test_a_rejection_is_a_failure_to_explain(store: Store) -> None:
    """Somebody said no: `/deploy why` tells who, as it tells what failed."""
    rejected = await asked(store, needs=True)
    await store.transition(rejected.id, Event.REJECT, by=BO, at=NOW)

    found = await Queries(store).newest_failure(TITLE)

    assert found is not None
    assert (found.id, found.state) == (rejected.id, State.REJECTED)


async def test_the_overview_of_a_status_is_one_look(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Successes by environment, what is under way or waits, oldest first, and the rules, in one transaction."""
    await done(store, await asked(store), Event.START, Event.VERIFY, Event.SUCCEED)
    newest = await done(store, await asked(store), Event.START, Event.VERIFY, Event.SUCCEED)
    waits = await asked(store, needs=True)
    runs = await done(store, await asked(store), Event.START)
    incident = {"why": "all is red", "by_id": "U0ANA", "by_team": "T0REIFY", "started_at": NOW.isoformat()}
    await store.write(lambda db: sql.insert(db, "incident", incident))
    reads = []
    read = store.read
    monkeypatch.setattr(store, "read", lambda work: reads.append(work) or read(work))

    found = await Queries(store).overview([TITLE, "reify-studio/staging"], limit=1)

    assert {title: [each.id for each in made] for title, made in found.succeeded.items()} == {
        TITLE: [newest.id],
        "reify-studio/staging": [],
    }
    assert [each.id for each in found.unfinished] == [waits.id, runs.id]
    assert found.unfinished[0].approval == waits.approval is not None
    assert [each.incident is not None for each in found.rules.values()] == [True, True]
    assert len(reads) == 1
