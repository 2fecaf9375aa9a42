"""The use cases of holds: what GitHub is asked, who may lift one, and what a hold lets through from there on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from bot.domain.hold import Contains, Hold, HoldFinding
from bot.domain.model import Actor, Environment, Member
from bot.errors import BadCommand, BotError, NotAllowed, NotFound, Reason, RemoteUnavailable
from bot.holds import Holds, NewHold
from bot.operations.holds import MOST_LOOKS, HoldKeeper
from bot.operations.people import People
from bot.store import Store
from tests.builders import ANA, BO, NOW, environment, new_operation
from tests.histories import GitHub, History
from tests.operations.test_build import Clock

PRODUCTION = environment()
STAGING = environment(name="staging")
GUEST = Actor("U0GUEST", "T0REIFY")


class Chat:
    """Everybody is a full member but the guest."""

    async def member(self, user_id: str) -> Member:
        return Member(user_id, "T0REIFY", user_id, is_guest=user_id == GUEST.user_id)


def environment_called(name: str) -> Environment:
    """The configuration has two environments."""
    found = {"production": PRODUCTION, PRODUCTION.title: PRODUCTION, "staging": STAGING, STAGING.title: STAGING}
    if name not in found:
        raise NotFound(f"There is no environment {name}.", reason=Reason.UNKNOWN_ENVIRONMENT)
    return found[name]


class Scene:
    """v41, v42 and v43 in a row; v43 was bad, production was rolled back to v41 and holds what lies between."""

    def __init__(self, store: Store) -> None:
        self.repo = History()
        self.v41 = self.repo.commit()
        self.v42 = self.repo.commit(self.v41)
        self.v43 = self.repo.commit(self.v42)
        self.github = GitHub(self.repo)
        self.store, self.holds, self.clock = store, Holds(store), Clock()
        chat: Any = Chat()
        self.keeper = HoldKeeper(self.holds, self.github, People(chat, "T0REIFY"), self.clock, environment_called)  # type: ignore[arg-type]

    async def rolls_back(self, good: str | None = None, bad: str | None = None, where: str = PRODUCTION.title) -> Hold:
        """Another rollback that places its hold."""
        operation, _ = await self.store.create_operation(new_operation(), NOW)
        new = NewHold(
            environment=where,
            repository="reify/reify-studio",
            operation_id=operation.id,
            good=self.v41 if good is None else good,
            good_ref="v41",
            bad=bad or self.v43,
            bad_ref="v43",
            by=BO,
            why="checkout is down",
        )
        return await self.holds.place(new, NOW)

    async def finds(self, sha: str) -> list[HoldFinding]:
        """How a commit lies to production's holds; what was asked for that stands in `github.asked`."""
        self.github.asked.clear()
        return list(await self.keeper.findings(PRODUCTION, await self.holds.of(PRODUCTION.title), sha))

    async def contains(self, sha: str) -> Contains:
        """How a commit lies to production's only hold."""
        (found,) = await self.finds(sha)
        return found.contains


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """A rollback of production just ended."""
    store = Store(str(tmp_path / "flytower.db"))
    await store.open()
    made = Scene(store)
    await made.rolls_back()
    yield made
    await store.close()


async def test_without_holds_nobody_is_asked(scene: Scene) -> None:
    """What every deployment costs where nothing is held: no call."""
    assert await scene.keeper.findings(PRODUCTION, (), scene.v43) == ()
    assert scene.github.asked == []


async def test_questions_are_few_and_each_is_asked_once(scene: Scene) -> None:
    """Three for a hold; what two holds have in common is asked once; what is known beforehand not at all."""
    top = scene.repo.commit(scene.v43)
    await scene.finds(top)
    one = set(scene.github.asked)
    await scene.finds(scene.v43)
    itself = list(scene.github.asked)
    await scene.rolls_back(good=scene.v42)
    await scene.finds(top)
    both = list(scene.github.asked)

    assert one == {(scene.v41, scene.v43), (scene.v43, top), (scene.v41, top)}
    assert itself == [(scene.v41, scene.v43)]
    assert sorted(both) == sorted(one | {(scene.v42, scene.v43), (scene.v42, top)})


async def test_a_hold_without_a_good_commit_asks_about_the_bad_one_alone(scene: Scene) -> None:
    """What came back named no commit: v43 is held, what lies before it is not."""
    await scene.keeper.lift(PRODUCTION.title, "next", by=ANA)
    await scene.rolls_back(good="")

    assert [await scene.contains(sha) for sha in (scene.v43, scene.v42)] == [Contains.ALL, Contains.NOTHING]
    assert scene.github.asked == [(scene.v43, scene.v42)]
    assert await scene.contains(scene.repo.commit(scene.v43, reverts=[scene.v43])) is Contains.MENDED


async def test_a_silent_github_leaves_it_unknown_with_the_reason(scene: Scene) -> None:
    """Down altogether, or ignorant of a commit: the finding says which."""
    top, lost = scene.repo.commit(scene.v43), "f" * 40
    scene.github.is_down = True
    (down,) = await scene.finds(top)
    scene.github.is_down = False
    (ignorant,) = await scene.finds(lost)

    assert (down.contains, down.detail) == (Contains.UNKNOWN, "GitHub did not answer (remote_unavailable)")
    assert (ignorant.contains, ignorant.detail) == (Contains.UNKNOWN, "GitHub does not know fffffff")


async def test_one_silent_answer_of_several_spoils_no_certain_one(scene: Scene) -> None:
    """A second hold whose commits GitHub does not know does not hide what the first one says."""
    await scene.rolls_back(bad="f" * 40)
    found = await scene.finds(scene.v43)

    assert [each.contains for each in found] == [Contains.ALL, Contains.UNKNOWN]


async def test_an_image_without_a_commit_is_unknown_and_costs_nothing(scene: Scene) -> None:
    """Nothing to ask about."""
    (found,) = await scene.finds("")

    assert (found.contains, found.detail) == (Contains.UNKNOWN, "the image names no commit")
    assert scene.github.asked == []


async def test_a_long_way_is_read_in_several_parts(scene: Scene) -> None:
    """The revert is 600 commits back, of which GitHub lists 250 at once: found all the same."""
    revert = scene.repo.commit(scene.v43, reverts=[scene.v43])

    assert await scene.contains(scene.repo.line(revert, 600)) is Contains.MENDED


async def test_a_way_that_is_too_long_is_unknown(scene: Scene) -> None:
    """After a thousand commits the bot gives up, after a bounded number of questions."""
    revert = scene.repo.commit(scene.v43, reverts=[scene.v43])
    top = scene.repo.line(revert, 1000)

    assert await scene.contains(top) is Contains.UNKNOWN
    assert len(scene.github.asked) <= 2 * MOST_LOOKS + 1


async def test_what_lies_on_no_line_is_not_looked_for_for_ever(scene: Scene) -> None:
    """The oldest listed commit leads no further back: unknown, after one question more."""
    side, top = scene.repo.commit(scene.v43), scene.repo.commit(scene.v43)
    scene.github.listed = 2
    merge = scene.repo.commit(top, side)

    assert scene.repo.compare(scene.v43, merge).total_commits == 3
    assert await scene.contains(merge) is Contains.UNKNOWN


async def test_a_declared_fix_lets_through_what_has_it(scene: Scene) -> None:
    """Bo says that main mends it: main passes, what has no such commit does not, and the audit knows."""
    before = scene.repo.commit(scene.v43)
    scene.github.refs["main"] = fix = scene.repo.commit(before)
    commit, holds = await scene.keeper.declare_fix(PRODUCTION.title, "main", by=BO)
    again, _ = await scene.keeper.declare_fix(PRODUCTION.title, "main", by=ANA)

    assert (commit.sha, again.sha, len(holds)) == (fix, fix, 1)
    assert [await scene.contains(sha) for sha in (fix, scene.repo.commit(fix))] == [Contains.MENDED] * 2
    assert await scene.contains(before) is Contains.ALL
    assert [e["actor"] for e in await scene.store.audit_events() if e["action"] == "hold.declare_fix"] == ["U0BO"]


@pytest.mark.parametrize("which", ["v42", "v43"])
async def test_what_is_held_mends_nothing(scene: Scene, which: str) -> None:
    """A commit of the range, or before it, is no fix: it would lift the hold under another name."""
    scene.github.refs["main"] = getattr(scene, which)

    with pytest.raises(NotAllowed, match="mends nothing") as caught:
        await scene.keeper.declare_fix(PRODUCTION.title, "main", by=BO)

    assert caught.value.reason is Reason.HELD
    assert await scene.contains(scene.v43) is Contains.ALL


async def test_a_fix_needs_github_a_ref_and_a_hold(scene: Scene) -> None:
    """Each is missed with its own words, and nothing is declared."""
    with pytest.raises(NotFound) as unknown:
        await scene.keeper.declare_fix(PRODUCTION.title, "main", by=BO)
    scene.github.refs["main"] = scene.repo.commit(scene.v43)
    scene.github.is_down = True
    with pytest.raises(RemoteUnavailable):
        await scene.keeper.declare_fix(PRODUCTION.title, "main", by=BO)
    with pytest.raises(NotFound) as nothing:
        await scene.keeper.declare_fix(STAGING.title, "main", by=BO)

    (hold,) = await scene.holds.of()
    assert (unknown.value.reason, nothing.value.reason) == (Reason.UNKNOWN_REF, Reason.NO_HOLD)
    assert hold.fixes == ()


async def test_lifting_lets_everything_through_once(scene: Scene) -> None:
    """All holds of the environment; staging keeps its own; the second time there is nothing to lift."""
    await scene.rolls_back(good=scene.v42)
    await scene.rolls_back(where=STAGING.title)
    lifted = await scene.keeper.lift(PRODUCTION.title, "it was the database", by=ANA)
    with pytest.raises(NotFound) as caught:
        await scene.keeper.lift(PRODUCTION.title, "it was the database", by=ANA)

    assert len(lifted) == 2
    assert caught.value.reason is Reason.NO_HOLD
    assert await scene.finds(scene.v43) == []
    assert [hold.environment for hold in await scene.keeper.in_force("", by=ANA)] == [STAGING.title]


async def test_one_hold_is_lifted_by_its_number(scene: Scene) -> None:
    """The other one stays; a number that is not in force says so."""
    second = await scene.rolls_back(good=scene.v42)
    first, _ = await scene.keeper.in_force(PRODUCTION.title, by=ANA)
    lifted = await scene.keeper.lift_one(first.id, "it was the database", by=ANA)
    with pytest.raises(NotFound) as caught:
        await scene.keeper.lift_one(first.id, "again", by=ANA)

    assert lifted == first
    assert caught.value.reason is Reason.NO_HOLD
    assert await scene.holds.of() == (second,)


async def test_who_is_a_moment_late_is_told(scene: Scene) -> None:
    """Two lift the same hold: one did it, the other hears that it is done."""
    (hold,) = await scene.holds.of()

    class Late(Holds):
        async def one(self, hold_id: int) -> Hold | None:
            found = await super().one(hold_id)
            await self.lift(hold_id, by=BO, why="first", at=NOW)
            return found

    scene.keeper._holds = Late(scene.store)
    with pytest.raises(NotFound, match="a moment ago"):
        await scene.keeper.lift_one(hold.id, "second", by=ANA)


@pytest.mark.parametrize("deed", ["list", "one", "lift", "lift_one", "fix"])
async def test_guests_neither_see_nor_change_holds(scene: Scene, deed: str) -> None:
    """Full members only, decided by Slack at the moment of the act."""
    keeper, title = scene.keeper, PRODUCTION.title
    (hold,) = await scene.holds.of()
    deeds: dict[str, Callable[[], Awaitable[object]]] = {
        "list": lambda: keeper.in_force(title, by=GUEST),
        "one": lambda: keeper.one(hold.id, by=GUEST),
        "lift": lambda: keeper.lift(title, "why", by=GUEST),
        "lift_one": lambda: keeper.lift_one(hold.id, "why", by=GUEST),
        "fix": lambda: keeper.declare_fix(title, "main", by=GUEST),
    }

    with pytest.raises(NotAllowed):
        await deeds[deed]()

    assert await scene.holds.of() == (hold,)


async def test_lifting_needs_a_reason(scene: Scene) -> None:
    """White space is none."""
    (hold,) = await scene.holds.of()
    for lifting in (scene.keeper.lift(PRODUCTION.title, " ", by=ANA), scene.keeper.lift_one(hold.id, "", by=ANA)):
        with pytest.raises(BadCommand):
            await lifting

    assert await scene.holds.of() == (hold,)


async def test_environments_are_known_by_any_of_their_names(scene: Scene) -> None:
    """The short one means the unambiguous one; none means all; another is refused."""
    assert [scene.keeper.title_of(name) for name in ("production", "")] == [PRODUCTION.title, ""]
    with pytest.raises(BotError):
        scene.keeper.title_of("nowhere")
