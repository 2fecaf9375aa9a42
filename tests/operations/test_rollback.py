"""A rollback holds what it came from: once, before its books are closed, and what that means for what comes next."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.domain.deployment import DeploymentPlan
from bot.domain.hold import Hold
from bot.domain.model import Actor, RefKind, Relation, Secret
from bot.domain.operation import Event, JournalRow, Kind, Operation, State
from bot.domain.policy import DeploymentFacts, decide_deployment
from bot.domain.rollback import Contract, EarlierRelease, nothing_to_hold
from bot.domain.rollout import Action, Step, next_action
from bot.errors import Reason
from bot.holds import Holds
from bot.operations.engine import Engine, Run
from bot.operations.people import BOT
from bot.operations.plans import to_json
from bot.operations.rollback import HoldStep
from bot.operations.rollout import Rollout
from bot.operations.rulebook import RuleBook
from bot.store import Store
from tests.builders import (
    ANA,
    BO,
    NEW,
    NOW,
    OLD,
    PREPARED,
    environment,
    failure,
    image,
    machine,
    new_operation,
    operation,
    plan,
    row,
    updated,
)
from tests.operations import test_build
from tests.operations.test_holds import PRODUCTION, Scene, environment_called

IDS = ("148e01", "9080aa")
MOVED = (*PREPARED, *updated(*IDS))
HELD = row(Step.HOLD, hold=1, environment=PRODUCTION.title, bad_ref="v43")
CLOSED = row(Step.CLOSE_RELEASE, status="complete")


def release(version: int, of: Any) -> EarlierRelease:
    """A release of Fly's books, called by its version."""
    return EarlierRelease(version, of, f"v{version}", "", NOW, "ci")


# From v43 on the newer commit back to v41 on the older one.
CONTRACT = Contract(current=release(43, NEW), target=release(41, OLD))


def rollback(contract: Contract = CONTRACT, undone: Relation = Relation.AHEAD, **changes: Any) -> DeploymentPlan:
    """The plan of a rollback without a release command."""
    made = plan(image=contract.target.image, live=contract.current.image, release_command="", why="checkout is down")
    undoes = dataclasses.replace(made.changes, relation=undone)
    return dataclasses.replace(made, contract=contract, changes=undoes, **changes)


class Fly(test_build.Fly):
    """All Machines run the old image already; the books can be closed."""

    def __init__(self) -> None:
        super().__init__()
        self.serving = [machine(each, image=OLD) for each in IDS]
        self.closed: list[str] = []

    async def set_release_status(self, release_id: str, status: str, *, error: str = "") -> None:
        del error
        self.closed.append(f"{release_id} {status}")

    async def secrets(self, app: str) -> list[Secret]:
        del app
        return []


class Dying(Store):
    """The process is killed before the next journal row is written."""

    def __init__(self, store: Store) -> None:
        self._files = store._files

    async def append_journal(self, operation_id: str, row: JournalRow) -> Operation:
        raise ProcessLookupError


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """A database of its own."""
    opened = Store(str(tmp_path / "flytower.db"))
    await opened.open()
    yield opened
    await opened.close()


async def moved(store: Store, of: DeploymentPlan, by: Actor = BO) -> Operation:
    """A rollback that runs and has moved all Machines."""
    made, _ = await store.create_operation(new_operation(kind=Kind.ROLLBACK, by=by), NOW)
    await store.set_plan(made.id, to_json(of), of.hash)
    await store.transition(made.id, Event.START, by=by, at=NOW)
    for each in MOVED:
        made = await store.append_journal(made.id, each)
    return made


async def ends(store: Store, of: DeploymentPlan, *, by: Actor = BO, after_a_kill: bool = False) -> Operation:
    """The same, run to its end; `after_a_kill`: the first try wrote the hold and nothing after it."""
    fly: Any = Fly()
    clock = test_build.Clock()
    step = HoldStep(Holds(store), environment_called)
    engine = Engine(store, {"org": fly}, clock, {Kind.ROLLBACK: Rollout(step)}, lambda _: "org", lambda _: None)
    made = await moved(store, of, by)
    if after_a_kill:
        with pytest.raises(ProcessLookupError):
            await step(Run(made, fly, clock, Dying(store), lambda _: None), of, Action(Step.HOLD))
    await engine.run(made.id)
    assert fly.closed == ["rel_42 complete"]
    return await store.operation(made.id)


async def test_what_it_came_from_is_held(store: Store) -> None:
    """After the Machines moved and before the books are closed: who, why, from what to what, for which environment."""
    ended = await ends(store, rollback())

    (hold,) = await Holds(store).of(PRODUCTION.title)
    assert ended.state is State.SUCCEEDED
    assert [each.step for each in ended.journal][len(MOVED) :] == [Step.HOLD, Step.CLOSE_RELEASE, Step.RECEIPT]
    assert hold == Hold(
        id=hold.id,
        environment=PRODUCTION.title,
        repository=PRODUCTION.repository,
        operation_id=ended.id,
        good=OLD.sha,
        good_ref="v41",
        bad=NEW.sha,
        bad_ref="v43",
        by=BO,
        why="checkout is down",
        at=NOW,
    )
    held = ended.row(Step.HOLD)
    assert held is not None
    assert held.detail == {"hold": hold.id, "environment": PRODUCTION.title, "bad_ref": "v43"}


async def test_a_kill_between_hold_and_journal_makes_no_second_one(store: Store) -> None:
    """The step is taken again and finds its own hold; the audit has one event."""
    ended = await ends(store, rollback(), after_a_kill=True)

    (hold,) = await Holds(store).of()
    assert (ended.state, hold.operation_id) == (State.SUCCEEDED, ended.id)
    assert [event["action"] for event in await store.audit_events()].count("hold.place") == 1


async def test_the_bots_own_way_back_holds_in_the_bots_name(store: Store) -> None:
    """Nobody asked for it."""
    await ends(store, rollback(), by=BOT)

    (hold,) = await Holds(store).of()
    assert hold.by == BOT


async def test_where_what_comes_back_names_no_commit_the_bad_one_is_held(store: Store) -> None:
    """An image by digest alone: its commit is not known, the bad one's is."""
    unnamed = dataclasses.replace(OLD, label="")
    await ends(store, rollback(dataclasses.replace(CONTRACT, target=release(41, unnamed))))

    (hold,) = await Holds(store).of()
    assert (hold.good, hold.good_ref, hold.bad) == ("", "v41", NEW.sha)


@pytest.mark.parametrize(
    ("current", "undone", "said"),
    [
        (dataclasses.replace(NEW, label="deployment-01"), Relation.UNKNOWN, "names no commit"),
        (image(OLD.sha, digest="sha256:other"), Relation.IDENTICAL, "builds of the same commit"),
        (NEW, Relation.BEHIND, "v41 has everything that v43 has"),
    ],
)
async def test_where_nothing_can_be_held_a_warning_says_so(
    store: Store, current: Any, undone: Relation, said: str
) -> None:
    """No commit, the same commit, or a way forward: the rollback succeeds, and its journal has the warning."""
    ended = await ends(store, rollback(dataclasses.replace(CONTRACT, current=release(43, current)), undone))

    written = ended.row(Step.HOLD)
    assert written is not None
    assert said in written.detail["warning"]
    assert (ended.state, await Holds(store).of()) == (State.SUCCEEDED, ())


@pytest.mark.parametrize("undone", [Relation.AHEAD, Relation.DIVERGED, Relation.UNKNOWN])
def test_in_doubt_it_holds(undone: Relation) -> None:
    """Also where GitHub did not say how the two lie to each other."""
    assert nothing_to_hold(CONTRACT, undone) == ""


@pytest.mark.parametrize(
    ("journal", "cancelled", "of", "expected"),
    [
        (MOVED, False, rollback(), Step.HOLD),
        (MOVED, False, plan(release_command=""), Step.CLOSE_RELEASE),
        ((*MOVED, HELD), False, rollback(), Step.CLOSE_RELEASE),
        (MOVED[:-1], False, rollback(), Step.UPDATE),
        (MOVED, True, rollback(), Step.FAILURE),
        ((*MOVED, HELD), True, rollback(), Step.CLOSE_RELEASE),
        ((*MOVED, failure(Step.UPDATE)), False, rollback(), Step.CLOSE_RELEASE),
        ((*MOVED, failure(Step.UPDATE)), False, rollback(restore_on_failure=True), Step.RESTORE),
        ((*MOVED, failure(Step.HOLD, Reason.INTERNAL)), False, rollback(restore_on_failure=True), Step.CLOSE_RELEASE),
    ],
)
def test_the_hold_stands_between_the_machines_and_the_books(
    journal: tuple[JournalRow, ...], of: DeploymentPlan, expected: Step, *, cancelled: bool
) -> None:
    """Only rollbacks, only once, never after a failure or a cancel before it; from there nothing is cancelled."""
    now = operation(*journal, of=of, kind=Kind.ROLLBACK, cancel_requested_by="U0BO" if cancelled else "")

    action = next_action(now, of)

    assert action is not None
    assert action.step is expected


def test_a_rollback_ends_after_its_receipt() -> None:
    """Nothing is left to do."""
    of = rollback()

    assert next_action(operation(*MOVED, HELD, CLOSED, row(Step.RECEIPT, machines=[]), of=of), of) is None


class Desk:
    """The policy's answers for production while v43 is held."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.book = RuleBook(scene.store, scene.clock, scene.keeper)

    async def says(self, sha: str, *, goes_back: bool = False) -> list[Reason]:
        """Why a commit may not be deployed, or come back."""
        ground = await self.book.ground(environment(), sha, ANA, is_automatic=False)
        facts = DeploymentFacts(
            environment=dataclasses.replace(
                environment(), policy=dataclasses.replace(PRODUCTION.policy, require_ci=False)
            ),
            ref=sha[:7],
            ref_kind=RefKind.COMMIT,
            ci=plan().ci,
            image=NEW,
            machines=(machine(),),
            goes_back=goes_back,
            ground=ground,
        )
        return [blocker.reason for blocker in decide_deployment(facts).blockers]


@pytest.fixture
async def desk(store: Store) -> Desk:
    """v43 was rolled back to v41 just now."""
    scene = Scene(store)
    await scene.rolls_back()
    return Desk(scene)


async def test_the_bad_release_and_what_builds_on_it_stay_out(desk: Desk) -> None:
    """v43 itself, the newest commit on it, and coming back to v43 by a rollback."""
    scene = desk.scene

    assert await desk.says(scene.v43) == [Reason.HELD]
    assert await desk.says(scene.repo.line(scene.v43, 2)) == [Reason.HELD]
    assert await desk.says(scene.v43, goes_back=True) == [Reason.HELD]


async def test_a_revert_lets_it_through_until_it_is_reverted(desk: Desk) -> None:
    """A revert on top of v43 passes; with the revert reverted it is refused again."""
    scene = desk.scene
    revert = scene.repo.commit(scene.v43, reverts=[scene.v43])
    again = scene.repo.commit(revert, reverts=[revert[:12]])

    assert [await desk.says(sha) for sha in (revert, again)] == [[], [Reason.HELD]]


async def test_a_hotfix_from_the_good_release_passes(desk: Desk) -> None:
    """It never had what was bad."""
    assert await desk.says(desk.scene.repo.commit(desk.scene.v41)) == []


async def test_a_declared_fix_and_a_lift_let_it_through(desk: Desk) -> None:
    """What has the fix passes, v43 does not; once the hold is lifted v43 does as well."""
    scene = desk.scene
    scene.github.refs["main"] = fix = scene.repo.commit(scene.v43)
    await scene.keeper.declare_fix(PRODUCTION.title, "main", by=ANA)
    with_fix, without = await desk.says(scene.repo.commit(fix)), await desk.says(scene.v43)
    await scene.keeper.lift(PRODUCTION.title, "it was the database", by=ANA)

    assert (with_fix, without, await desk.says(scene.v43)) == ([], [Reason.HELD], [])


async def test_a_silent_github_keeps_deployments_out_and_lets_rollbacks_through(desk: Desk) -> None:
    """What is not known is refused, but the way back must not depend on GitHub."""
    desk.scene.github.is_down = True

    assert await desk.says(desk.scene.repo.commit(desk.scene.v43)) == [Reason.HOLD_UNKNOWN]
    assert await desk.says(desk.scene.v41, goes_back=True) == []
