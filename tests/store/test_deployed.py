"""What the statistics read of the records: which operations, and what of them."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from bot.domain.deployment import Changes
from bot.domain.dora import Deployed
from bot.domain.model import Relation
from bot.domain.operation import Event, JournalRow, Kind, StepStatus
from bot.domain.rollout import Step
from bot.domain.watch import Phase
from bot.operations.plans import to_json
from bot.queries import Queries
from bot.store import Store
from bot.watches import Watches
from tests.builders import ANA, NEW_SHA, NOW, commit, failure, new_operation, plan, row, started

TITLE = "reify-studio/production"
END = NOW + timedelta(minutes=5)
DEPLOYED = Kind.DEPLOYMENT


async def ended(
    store: Store,
    event: Event | None,
    *journal: JournalRow,
    back_from: str = "",
    watch_s: float = 0,
    kind: Kind = DEPLOYED,
) -> str:
    """A deployment that was started, wrote this journal and ended so; its id."""
    request = {"environment": TITLE, "ref": "v1.4.2", "back_from": back_from}
    operation, _ = await store.create_operation(new_operation(request=request, kind=kind), NOW)
    made = plan(watch_s=watch_s)
    await store.set_plan(operation.id, to_json(made), made.hash)
    await store.transition(operation.id, Event.START, by=ANA, at=NOW)
    for each in journal:
        await store.append_journal(operation.id, each)
    if event is Event.SUCCEED:
        await store.transition(operation.id, Event.VERIFY, by=ANA, at=END)
    if event is not None:
        await store.transition(operation.id, event, by=ANA, at=END)
    return operation.id


async def read(store: Store) -> list[Deployed]:
    """What the statistics see of production."""
    return (await Queries(store).deployed_since(NOW)).get(TITLE, [])


async def test_a_success_brings_its_commits(store: Store) -> None:
    """With the instant of each, and when it went live."""
    name = await ended(store, Event.SUCCEED, started(Step.UPDATE, "m1"))

    assert await read(store) == [
        Deployed(name, END, succeeded=True, touched=True, commits={NEW_SHA: NOW - timedelta(hours=3)})
    ]


async def test_a_commit_without_a_time_is_left_out(store: Store) -> None:
    """GitHub does not always tell one."""
    made = plan(changes=Changes(Relation.AHEAD, 1, (dataclasses.replace(commit(), committed_at=None),)))
    operation, _ = await store.create_operation(new_operation(), NOW)
    await store.set_plan(operation.id, to_json(made), made.hash)
    await store.transition(operation.id, Event.START, by=ANA, at=NOW)
    await store.transition(operation.id, Event.FAIL, by=ANA, at=END)

    assert [each.commits for each in await read(store)] == [{}]


async def test_what_did_not_start_or_end_is_not_there(store: Store) -> None:
    """A plan that was refused, one that waits, and a deployment under way."""
    refused, _ = await store.create_operation(new_operation("a"), NOW)
    await store.transition(refused.id, Event.FAIL, by=ANA, at=END)
    await store.create_operation(new_operation("b"), NOW)
    await ended(store, None)

    assert await read(store) == []


@pytest.mark.parametrize(
    ("journal", "touched"),
    [
        ((row(Step.CHECK), failure()), False),
        ((row(Step.RELEASE_COMMAND), failure()), False),
        ((started(Step.GREEN, "m1"), failure()), False),
        ((started(Step.FOLLOW), failure()), False),
        ((row(Step.FOLLOW), failure()), True),
        ((started(Step.UPDATE, "m1"), failure()), True),
        ((started(Step.CANARY, "app"), failure()), True),
        ((started(Step.CUT_OVER), failure()), True),
    ],
)
async def test_touched_is_what_changed_what_serves(
    store: Store, journal: tuple[JournalRow, ...], *, touched: bool
) -> None:
    """From the first row of such a step on; of CI's run only its end."""
    await ended(store, Event.FAIL, *journal)

    [found] = await read(store)

    assert (found.touched, found.failed_at, found.succeeded) == (touched, NOW, False)


@pytest.mark.parametrize(
    ("ends", "restored"),
    [([StepStatus.DONE, StepStatus.DONE], True), ([StepStatus.DONE, StepStatus.FAILED], False), ([], False)],
)
async def test_restored_is_every_machine(store: Store, ends: list[StepStatus], *, restored: bool) -> None:
    """One that could not be brought back leaves the outage open."""
    rows = [row(Step.RESTORE, f"m{number}", how) for number, how in enumerate(ends)]
    await ended(store, Event.FAIL, started(Step.UPDATE, "m1"), failure(), *rows)

    [found] = await read(store)

    assert found.restored is restored


@pytest.mark.parametrize(
    ("phase", "is_trouble"),
    [(Phase.TROUBLE, True), (Phase.UNHEALED, True), (Phase.RESTORED, True), (Phase.HEALED, False)],
)
async def test_trouble_in_the_watch_is_told(store: Store, phase: Phase, *, is_trouble: bool) -> None:
    """When it began, unless it passed by itself."""
    name = await ended(store, Event.SUCCEED, watch_s=600)
    watches = Watches(store)
    await watches.begin(END)
    watch = await watches.of(name)
    assert watch is not None
    await watches.save(dataclasses.replace(watch, phase=phase, since=END + timedelta(minutes=1)))

    [found] = await read(store)

    assert found.trouble_at == (END + timedelta(minutes=1) if is_trouble else None)


async def test_a_rollback_says_of_what(store: Store) -> None:
    """By the id of the deployment whose previous image came back; one to a chosen release names none."""
    first = await ended(store, Event.SUCCEED)
    await ended(store, Event.SUCCEED, back_from=first, kind=Kind.ROLLBACK)
    await ended(store, Event.SUCCEED, kind=Kind.ROLLBACK)

    found = await read(store)

    assert [each.back_from for each in found] == ["", first, ""]
    assert [each.is_rollback for each in found] == [False, True, True]


async def test_what_ended_before_is_not_there(store: Store) -> None:
    """The window is by the end."""
    await ended(store, Event.SUCCEED)

    assert await Queries(store).deployed_since(END + timedelta(seconds=1)) == {}
