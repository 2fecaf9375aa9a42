"""Deploy workflows under way against a GitHub of a few lines: found, named, cancelled."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from bot.domain.deployment import Build, DeploymentPlan
from bot.domain.model import Actor, Environment, Image, WorkflowRun
from bot.domain.operation import Event, Operation
from bot.domain.rollback import Cancelling, Contract, EarlierRelease, PendingRun
from bot.domain.rollout import Step
from bot.errors import BotError, NotAllowed, NotFound, RemoteUnavailable, StaleAction
from bot.operations.plans import to_json
from bot.operations.runs import LONGEST, PendingRuns
from bot.store import Store
from bot.writer import MEMORY
from tests.builders import ANA, BO, NOW, environment, new_operation, plan, row

DOWN = RemoteUnavailable("no answer", service="GitHub", status=502)
GONE = NotFound("There is no such run.")
BUILD = Build("reify/reify-studio", "production.yml", "v1.5.0")
RELEASE = EarlierRelease(41, Image("r/s", "sha-x", "sha256:41"), "v1.4.1", "", None, "ana")


def run(number: int, status: str = "in_progress", **changes: str) -> WorkflowRun:
    """A run of the deploy workflow."""
    made = WorkflowRun(
        id=number,
        status=status,
        conclusion="",
        title="Pricing fix",
        head_sha="a" * 40,
        head_branch="v1.5.0",
        event="push",
        url=f"https://github.com/reify/reify-studio/actions/runs/{number}",
        attempt=1,
        created_at=NOW,
    )
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def pending(*runs: WorkflowRun) -> tuple[PendingRun, ...]:
    """These runs as a contract names them."""
    return tuple(PendingRun(each.id, f"{each.title} on {each.head_branch}", each.url) for each in runs)


class GitHub:
    """Runs by id; `down` are those that GitHub does not answer for."""

    def __init__(self) -> None:
        self.runs: dict[int, WorkflowRun] = {}
        self.problem: BotError | None = None
        self.down: dict[int, BotError] = {}
        self.cancelled: list[int] = []
        self.asked: list[tuple[str, str, datetime | None]] = []

    def has(self, *runs: WorkflowRun) -> None:
        self.runs |= {each.id: each for each in runs}

    async def workflow_runs(
        self, repository: str, workflow: str, *, event: str = "", branch: str = "", since: datetime | None = None
    ) -> list[WorkflowRun]:
        assert (event, branch) == ("", "")
        self.asked.append((repository, workflow, since))
        if self.problem is not None:
            raise self.problem
        return sorted(self.runs.values(), key=lambda each: -each.id)

    async def workflow_run(self, repository: str, run_id: int) -> WorkflowRun:
        del repository
        if run_id in self.down:
            raise self.down[run_id]
        return self.runs[run_id]

    async def cancel_run(self, repository: str, run_id: int) -> None:
        assert repository == "reify/reify-studio"
        self.cancelled.append(run_id)


class Clock:
    """Time that stands."""

    def now(self) -> datetime:
        return NOW

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)


class People:
    """Everybody but Bo is a member."""

    async def require_member(self, actor: Actor) -> None:
        if actor == BO:
            raise NotAllowed("Guests cannot do that.")


class Desk:
    """Pending runs with everything that they need."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.github = GitHub()
        self.changed: list[str] = []
        self.runs = PendingRuns(
            self.github,  # type: ignore[arg-type]
            store,
            People(),  # type: ignore[arg-type]
            Clock(),
            self.environment,
            self.changed.append,
        )

    def environment(self, name: str) -> Environment:
        assert name == "reify-studio/production"
        return environment()

    async def planned(self, of: DeploymentPlan) -> Operation:
        operation, _ = await self.store.create_operation(new_operation(), NOW)
        return await self.store.set_plan(operation.id, to_json(of), of.hash)

    async def rolls_back(self, *runs: WorkflowRun) -> Operation:
        """A planned rollback whose contract names these runs."""
        return await self.planned(plan(contract=Contract(RELEASE, RELEASE, pending=pending(*runs))))

    async def audited(self) -> list[tuple[str, str]]:
        """Who cancelled what."""
        events = await self.store.audit_events()
        return [(event["actor"], event["detail"]) for event in events if event["action"] == "github.cancel_runs"]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    store = Store(MEMORY)
    await store.open()
    yield Desk(store)
    await store.close()


@pytest.mark.parametrize("status", ["queued", "in_progress", "waiting", "requested", "pending"])
async def test_what_has_not_ended_is_under_way(desk: Desk, status: str) -> None:
    """However GitHub calls it; newest first, with what is deployed there."""
    desk.github.has(run(1, status), run(2, "completed"), run(3, status))

    assert await desk.runs.of(environment()) == pending(run(3), run(1))


async def test_one_call_asks_for_a_month(desk: Desk) -> None:
    """A job may wait for its reviewers for so long; then it ends by itself."""
    await desk.runs.of(environment())

    assert desk.github.asked == [("reify/reify-studio", "production.yml", NOW - LONGEST)]


async def test_what_could_not_be_read_is_not_nothing(desk: Desk) -> None:
    """The error is the caller's to word."""
    desk.github.problem = DOWN

    with pytest.raises(RemoteUnavailable):
        await desk.runs.of(environment())


async def test_where_there_is_no_workflow_nothing_runs(desk: Desk) -> None:
    """A team without a deploy workflow of that name."""
    desk.github.problem = NotFound("GitHub shows no workflow production.yml.")

    assert await desk.runs.of(environment()) == ()


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({}, "Pricing fix on v1.5.0"),
        ({"title": "Deploy v1.5.0"}, "Deploy v1.5.0"),
        ({"title": ""}, "Run 7 on v1.5.0"),
        ({"head_branch": ""}, "Pricing fix"),
    ],
)
async def test_a_run_is_called_by_what_it_brings(desk: Desk, changes: dict[str, str], title: str) -> None:
    """Its title and its tag or branch, each once."""
    desk.github.has(run(7, **changes))

    (found,) = await desk.runs.of(environment())

    assert found.title == title


async def test_our_own_runs_say_so(desk: Desk) -> None:
    """The one that an operation follows, and one that carries its id in the title; not somebody else's."""
    operation = await desk.planned(plan(build=BUILD, image=None))
    await desk.store.transition(operation.id, Event.START, by=ANA, at=NOW)
    await desk.store.append_journal(operation.id, row(Step.DISPATCH, run=2))
    desk.github.has(run(1), run(2), run(3, title=f"Deploy {operation.id}"))

    titles = [each.title for each in await desk.runs.of(environment())]

    mine = " on v1.5.0 (started by Flytower)"
    assert titles == [f"Deploy {operation.id}{mine}", f"Pricing fix{mine}", "Pricing fix on v1.5.0"]


async def test_named_runs_are_cancelled(desk: Desk) -> None:
    """Those that still run, and only those that the contract names; the card is drawn again."""
    first, second, unnamed = run(1), run(2, "completed"), run(3)
    desk.github.has(first, second, unnamed)
    operation = await desk.rolls_back(first, second)

    done = await desk.runs.cancel(operation.id, by=ANA)

    assert done == Cancelling(asked=pending(first), ended=pending(second))
    assert desk.github.cancelled == [1]
    assert desk.changed == [operation.id]
    assert await desk.audited() == [(ANA.user_id, '{"runs": [1]}')]


async def test_cancelling_twice_does_no_harm(desk: Desk) -> None:
    """The second time everything has ended, and nobody is said to have cancelled it again."""
    desk.github.has(run(1))
    operation = await desk.rolls_back(run(1))
    await desk.runs.cancel(operation.id, by=ANA)
    desk.github.has(run(1, "completed"))

    again = await desk.runs.cancel(operation.id, by=ANA)

    assert again == Cancelling(ended=pending(run(1)))
    assert len(await desk.audited()) == 1


async def test_one_refusal_does_not_save_the_others(desk: Desk) -> None:
    """GitHub does not answer for one of them, and has forgotten another."""
    runs = run(1), run(2), run(3)
    desk.github.has(*runs)
    desk.github.down = {1: DOWN, 3: GONE}
    operation = await desk.rolls_back(*runs)

    done = await desk.runs.cancel(operation.id, by=ANA)

    (refused,) = pending(runs[0])
    assert done == Cancelling(pending(runs[1]), pending(runs[2]), ((refused, "no answer"),))
    assert desk.github.cancelled == [2]


async def test_guests_cancel_nothing(desk: Desk) -> None:
    """Who may not change an environment may not stop what changes it."""
    desk.github.has(run(1))
    operation = await desk.rolls_back(run(1))

    with pytest.raises(NotAllowed):
        await desk.runs.cancel(operation.id, by=BO)

    assert (desk.github.cancelled, desk.changed) == ([], [])


async def test_a_button_of_what_is_over_stops_nothing(desk: Desk) -> None:
    """The rollback was called off: what runs by now is no longer in its way."""
    desk.github.has(run(1))
    operation = await desk.rolls_back(run(1))
    await desk.store.transition(operation.id, Event.CANCEL, by=ANA, at=NOW + timedelta(minutes=1))

    with pytest.raises(StaleAction, match="was cancelled"):
        await desk.runs.cancel(operation.id, by=ANA)

    assert desk.github.cancelled == []


@pytest.mark.parametrize("of", [None, plan(), plan(contract=Contract(RELEASE, RELEASE))])
async def test_where_no_run_is_named_there_is_nothing_to_cancel(desk: Desk, of: DeploymentPlan | None) -> None:
    """No plan yet, no contract, or one that names none any more."""
    operation, _ = await desk.store.create_operation(new_operation(), NOW)
    if of is not None:
        await desk.store.set_plan(operation.id, to_json(of), of.hash)

    with pytest.raises(StaleAction, match="names no workflow"):
        await desk.runs.cancel(operation.id, by=ANA)
