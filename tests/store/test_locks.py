"""Locks in the database: one holder whoever is quicker, one effect however often it is clicked, nothing forgotten."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.lock import EVERYWHERE, Outcome, Question, Waiter
from bot.domain.operation import Card
from bot.errors import BotError, Locked, NotFound, Reason, StaleAction
from bot.lock_news import LockNews
from bot.locks import Locks, NewLock
from bot.store import Store
from tests.builders import ANA, BO, NOW

PRODUCTION, STAGING = "reify-studio/production", "reify-studio/staging"
HOUR = timedelta(hours=1)
WISH = NewLock(PRODUCTION, ANA, "moving the database", "C0DEPLOYS")
BOS = dataclasses.replace(WISH, holder=BO, why="the fix first")
BO_WAITS = Waiter(BO, "C0DEPLOYS", "/deploy production v1.4.2")


@pytest.fixture
def locks(store: Store) -> Locks:
    """The locks of an open store."""
    return Locks(store)


@pytest.fixture
def news(store: Store) -> LockNews:
    """What Slack has to say of them."""
    return LockNews(store)


async def spoil(store: Store, column: str = "until", value: str = "next tuesday") -> None:
    """Write into every lock what nobody can read."""
    await store.write(lambda db: db.conn.execute(f"UPDATE lock SET {column} = ?", [value]).rowcount)


async def actions(store: Store) -> list[str]:
    """What the audit says was done, in order."""
    return [event["action"] for event in await store.audit_events()]


async def revision(store: Store) -> int:
    """How often the rules changed."""
    return (await store.rules_in_force(PRODUCTION)).revision


async def test_of_two_people_who_lock_at_once_one_does(store: Store, locks: Locks) -> None:
    """The other is told by whom, why, since when and until when; one lock is there."""
    wishes = [dataclasses.replace(WISH, until=NOW + HOUR), dataclasses.replace(BOS, until=NOW + HOUR)]
    results = await asyncio.gather(*(locks.acquire(wish, NOW) for wish in wishes), return_exceptions=True)

    (refusal,) = [result for result in results if isinstance(result, BaseException)]
    (lock,) = (await locks.standing()).locks
    assert isinstance(refusal, Locked)
    assert (refusal.reason, refusal.lock_id) == (Reason.LOCKED, lock.id)
    assert f"{lock.holder.mention} keeps {PRODUCTION} locked since 2026-11-27 12:00 UTC" in str(refusal)
    assert f"until 2026-11-27 13:00 UTC: {lock.why}" in str(refusal)
    assert await actions(store) == ["lock.acquire"]


async def test_the_holder_locks_twice_and_has_one_lock(store: Store, locks: Locks) -> None:
    """The same lock, nothing written down a second time, and no rule changed."""
    first, outcome = await locks.acquire(WISH, NOW)
    before = await revision(store)
    second, again = await locks.acquire(WISH, NOW + HOUR)

    assert (outcome, again) == (Outcome.LOCKED, Outcome.UNCHANGED)
    assert first == second
    assert await actions(store) == ["lock.acquire"]
    assert await revision(store) == before


@pytest.mark.parametrize("change", [{"why": "still at it"}, {"until": NOW + HOUR}, {"branch": "hotfix"}])
async def test_the_holder_changes_their_lock(store: Store, locks: Locks, change: dict[str, Any]) -> None:
    """Another reason, end or branch: the same lock, since when it was made, and it says that it changed."""
    made, _ = await locks.acquire(WISH, NOW)
    before = await revision(store)
    lock, outcome = await locks.acquire(dataclasses.replace(WISH, **change), NOW + timedelta(minutes=1))

    assert outcome is Outcome.CHANGED
    assert lock == dataclasses.replace(made, **change)
    assert await actions(store) == ["lock.acquire", "lock.change"]
    assert await revision(store) == before + 1


async def test_an_end_that_is_past_frees_without_any_job(store: Store, locks: Locks) -> None:
    """Nobody noticed that it ended: the next one locks all the same, up to then nobody else can."""
    await locks.acquire(dataclasses.replace(WISH, until=NOW + HOUR), NOW)

    with pytest.raises(Locked):
        await locks.acquire(BOS, NOW + HOUR - timedelta(microseconds=1))
    lock, outcome = await locks.acquire(BOS, NOW + HOUR)

    assert (outcome, lock.holder) == (Outcome.LOCKED, BO)
    assert (await locks.standing()).locks == (lock,)


async def test_a_lock_on_everything_stands_beside_one_on_an_environment(locks: Locks) -> None:
    """Both keep out of production, one of them out of staging; each has its own holder."""
    one, _ = await locks.acquire(WISH, NOW)
    every, _ = await locks.acquire(dataclasses.replace(BOS, scope=EVERYWHERE), NOW)

    assert (await locks.standing(PRODUCTION)).locks == (one, every)
    assert (await locks.standing(STAGING)).locks == (every,)
    assert (await locks.standing(EVERYWHERE)).locks == (every,)


async def test_only_the_holder_unlocks(store: Store, locks: Locks) -> None:
    """Anybody else is told whose it is; by the button as by the command, and nothing changes."""
    lock, _ = await locks.acquire(WISH, NOW)

    for attempt in (locks.release(lock.id, BO, NOW), locks.release_scope(PRODUCTION, BO, NOW)):
        with pytest.raises(Locked, match="U0ANA") as refusal:
            await attempt
        assert (refusal.value.reason, refusal.value.lock_id) == (Reason.LOCK_NOT_YOURS, lock.id)
    assert (await locks.standing()).locks == (lock,)
    assert await actions(store) == ["lock.acquire"]


async def test_a_lock_is_released_once(store: Store, locks: Locks) -> None:
    """The second click is told how it ended; by the command there is none any more."""
    lock, _ = await locks.acquire(WISH, NOW)
    record = await locks.release(lock.id, ANA, NOW + HOUR)

    with pytest.raises(StaleAction, match="U0ANA> unlocked it") as stale:
        await locks.release(lock.id, ANA, NOW + HOUR)
    with pytest.raises(NotFound) as none:
        await locks.release_scope(PRODUCTION, ANA, NOW + HOUR)
    assert (record.released_at, record.released_by) == (NOW + HOUR, "U0ANA")
    assert stale.value.reason is none.value.reason is Reason.NO_LOCK
    assert await actions(store) == ["lock.acquire", "lock.release"]


async def test_a_lock_that_has_ended_cannot_be_released(locks: Locks) -> None:
    """It is over already, and somebody else's next one is not touched."""
    lock, _ = await locks.acquire(dataclasses.replace(WISH, until=NOW + HOUR), NOW)

    with pytest.raises(StaleAction, match="Its end has come"):
        await locks.release(lock.id, ANA, NOW + HOUR)
    with pytest.raises(NotFound):
        await locks.release_scope(PRODUCTION, ANA, NOW + HOUR)


async def test_the_holder_unlocks_by_the_name(locks: Locks) -> None:
    """What stands afterwards is nothing, and everybody may lock."""
    await locks.acquire(WISH, NOW)
    record = await locks.release_scope(PRODUCTION, ANA, NOW)

    assert record is not None
    assert (await locks.standing()).locks == ()
    assert (await locks.acquire(BOS, NOW))[1] is Outcome.LOCKED


async def test_two_clicks_take_over_once(store: Store, locks: Locks, news: LockNews) -> None:
    """One lock ends and one begins, both or neither; the second click changes nothing and says what was."""
    old, _ = await locks.acquire(dataclasses.replace(WISH, until=NOW + HOUR, branch="hotfix"), NOW)
    clicks = (locks.take_over(old.id, BO, "ana is away", NOW) for _ in range(2))
    results = await asyncio.gather(*clicks, return_exceptions=True)

    (refusal,) = [result for result in results if isinstance(result, BotError)]
    (lock,) = (await locks.standing()).locks
    record = await news.record(old.id)
    assert (lock.holder, lock.why, lock.until, lock.branch) == (BO, "ana is away", None, "")
    assert (record.released_at, record.released_by, record.successor) == (NOW, "U0BO", lock.id)
    assert "<@U0BO> took it over from <@U0ANA>" in str(refusal)
    assert await actions(store) == ["lock.acquire", "lock.take_over"]


async def test_two_people_take_over_and_one_has_it(locks: Locks) -> None:
    """The lock that the second one saw is gone, so they take nothing from the first."""
    old, _ = await locks.acquire(WISH, NOW)
    new = await locks.take_over(old.id, BO, "ana is away", NOW)

    with pytest.raises(StaleAction):
        await locks.take_over(old.id, dataclasses.replace(BO, user_id="U0CLEO"), "me, too", NOW)
    with pytest.raises(StaleAction, match="yours already"):
        await locks.take_over(new.id, BO, "again", NOW)
    assert (await locks.standing()).locks == (new,)


@pytest.mark.parametrize(("column", "value"), [("until", "next tuesday"), ("since", "2026-11-27T12:00:00")])
async def test_a_lock_that_cannot_be_read_blocks(store: Store, locks: Locks, column: str, value: str) -> None:
    """Nobody locks, takes over or waits, not even its holder; the policy and the list hear of it."""
    lock, _ = await locks.acquire(WISH, NOW)
    await spoil(store, column, value)

    for attempt in (
        locks.acquire(WISH, NOW),
        locks.acquire(BOS, NOW),
        locks.release(lock.id, ANA, NOW),
        locks.take_over(lock.id, BO, "x", NOW),
        locks.wait(lock.id, BO_WAITS, NOW),
    ):
        with pytest.raises(Locked, match="cannot be read") as refusal:
            await attempt
        assert refusal.value.reason is Reason.LOCK_UNKNOWN
        assert f"/deploy unlock {PRODUCTION}" in refusal.value.hint
    standing = await locks.standing()
    assert (standing.locks, [scope for scope, _ in standing.problems]) == ((), [PRODUCTION])
    assert (await store.rules_in_force(PRODUCTION)).lock_problem


async def test_anybody_removes_a_lock_that_cannot_be_read(store: Store, locks: Locks) -> None:
    """By unlocking it, which the audit tells with what was wrong; then everybody may lock."""
    await locks.acquire(WISH, NOW)
    await spoil(store)
    before = await revision(store)

    assert await locks.release_scope(PRODUCTION, BO, NOW) is None

    removed = (await store.audit_events())[-1]
    assert (removed["action"], removed["actor"]) == ("lock.remove_unreadable", "U0BO")
    assert "next tuesday" in removed["detail"]
    assert await revision(store) == before + 1
    assert (await locks.acquire(BOS, NOW))[1] is Outcome.LOCKED


async def test_every_change_of_a_lock_counts_and_nothing_else(store: Store, locks: Locks, news: LockNews) -> None:
    """Made, taken over, released: each makes a start that saw the rules before stale; what is told of it does not."""
    counts = [await revision(store)]
    old, _ = await locks.acquire(WISH, NOW)
    counts.append(await revision(store))
    await locks.ask(old.id, BO_WAITS, NOW)
    await news.set_shown(old.id, 1, Card("C0DEPLOYS", "1.1"))
    counts.append(await revision(store))
    new = await locks.take_over(old.id, BO, "ana is away", NOW)
    counts.append(await revision(store))
    await news.set_holder_told(old.id)
    await news.set_told(old.id)
    counts.append(await revision(store))
    await locks.release(new.id, BO, NOW)
    counts.append(await revision(store))

    grew = [later > earlier for earlier, later in itertools.pairwise(counts)]
    assert grew == [True, False, True, False, True]


async def test_whoever_waits_is_remembered_once(store: Store, locks: Locks, news: LockNews) -> None:
    """However often they click; the last command that they wanted counts, and a click without one forgets none."""
    lock, _ = await locks.acquire(WISH, NOW)
    first = await locks.wait(lock.id, dataclasses.replace(BO_WAITS, wants="/rollback production"), NOW)
    second = await locks.wait(lock.id, BO_WAITS, NOW)
    third = await locks.wait(lock.id, dataclasses.replace(BO_WAITS, wants=""), NOW)

    assert (first, second, third) == ((lock, True), (lock, False), (lock, False))
    assert await news.waiters(lock.id) == [BO_WAITS]
    assert await actions(store) == ["lock.acquire", "lock.wait"]


async def test_nobody_waits_for_what_is_free_or_their_own(locks: Locks) -> None:
    """The holder is not kept out, a lock that is over keeps nobody out, and there is none of another number."""
    lock, _ = await locks.acquire(dataclasses.replace(WISH, until=NOW + HOUR), NOW)

    for attempt, at in ((locks.wait, NOW), (locks.ask, NOW)):
        with pytest.raises(StaleAction, match="your own"):
            await attempt(lock.id, dataclasses.replace(BO_WAITS, actor=ANA), at)
        with pytest.raises(StaleAction, match="is over"):
            await attempt(lock.id, BO_WAITS, NOW + HOUR)
    with pytest.raises(NotFound, match="no such lock"):
        await locks.wait(99, BO_WAITS, NOW)


async def test_a_lock_of_somebody_else_may_be_taken(locks: Locks) -> None:
    """It is shown before the form; one's own, and one that is over, are not."""
    lock, _ = await locks.acquire(dataclasses.replace(WISH, until=NOW + HOUR), NOW)

    assert await locks.other(lock.id, BO, NOW) == lock
    with pytest.raises(StaleAction):
        await locks.other(lock.id, ANA, NOW)
    with pytest.raises(StaleAction):
        await locks.other(lock.id, BO, NOW + HOUR)


async def test_a_question_is_put_once_and_answered_once(locks: Locks, news: LockNews) -> None:
    """Asked, delivered, answered, and the answer passed on; only then may they ask again."""
    lock, _ = await locks.acquire(WISH, NOW)
    asked = [(await locks.ask(lock.id, BO_WAITS, NOW))[1] for _ in range(2)]
    (waiter,) = await news.waiters(lock.id)
    await news.set_question(lock.id, waiter, Question.DELIVERED)
    again = (await locks.ask(lock.id, BO_WAITS, NOW))[1]
    with pytest.raises(Locked, match="U0ANA"):
        await locks.keep(lock.id, "U0BO", BO, NOW)
    assert await locks.keep(lock.id, "U0BO", ANA, NOW) == lock
    with pytest.raises(StaleAction, match="answered already"):
        await locks.keep(lock.id, "U0BO", ANA, NOW)
    (waiter,) = await news.waiters(lock.id)
    await news.set_question(lock.id, waiter, Question.ANSWERED)

    assert (asked, again) == ([True, False], False)
    assert waiter.question is Question.KEPT
    assert (await locks.ask(lock.id, BO_WAITS, NOW))[1]


async def test_a_question_that_moved_meanwhile_is_not_moved_back(locks: Locks, news: LockNews) -> None:
    """The holder answered while the question was being written down as delivered: the answer stays."""
    lock, _ = await locks.acquire(WISH, NOW)
    await locks.ask(lock.id, BO_WAITS, NOW)
    (seen,) = await news.waiters(lock.id)
    await locks.keep(lock.id, "U0BO", ANA, NOW)
    await news.set_question(lock.id, seen, Question.DELIVERED)

    assert [waiter.question for waiter in await news.waiters(lock.id)] == [Question.KEPT]


async def test_what_is_not_told_is_found_until_it_is(locks: Locks, news: LockNews) -> None:
    """A new lock, a changed one, a question and an end: each once, however long the bot was away."""
    lock, _ = await locks.acquire(dataclasses.replace(WISH, until=NOW + HOUR), NOW)
    found = [await news.untold(NOW)]
    await news.set_shown(lock.id, 1, Card("C0DEPLOYS", "1.1"))
    found.append(await news.untold(NOW))
    await locks.acquire(dataclasses.replace(WISH, until=NOW + 2 * HOUR), NOW)
    found.append(await news.untold(NOW))
    await news.set_shown(lock.id, 2, Card("C0DEPLOYS", "1.1"))
    await locks.ask(lock.id, BO_WAITS, NOW)
    found.append(await news.untold(NOW))
    await news.set_question(lock.id, (await news.waiters(lock.id))[0], Question.DELIVERED)
    found.append(await news.untold(NOW))
    found.append(await news.untold(NOW + 2 * HOUR))

    assert found == [[lock.id], [], [lock.id], [lock.id], [], [lock.id]]
    assert (await news.record(lock.id)).card == Card("C0DEPLOYS", "1.1")


async def test_an_end_is_told_only_when_everybody_heard(locks: Locks, news: LockNews) -> None:
    """Somebody who came to wait in the last moment is told, too; then there is nothing more to tell."""
    lock, _ = await locks.acquire(WISH, NOW)
    await locks.wait(lock.id, BO_WAITS, NOW)
    await locks.release(lock.id, ANA, NOW)
    await news.set_shown(lock.id, 1, None)
    await news.set_told(lock.id)
    still = await news.untold(NOW)
    await news.set_waiter_told(lock.id, BO_WAITS)
    await news.set_told(lock.id)

    assert still == [lock.id]
    assert await news.untold(NOW) == []
    assert await news.waiters(lock.id) == []
    assert await news.waiter(lock.id, BO) == BO_WAITS
    assert await news.waiter(lock.id, ANA) is None


async def test_who_takes_it_over_does_not_hear_that_it_is_taken(locks: Locks, news: LockNews) -> None:
    """They waited for it and have it; the others who waited are told."""
    lock, _ = await locks.acquire(WISH, NOW)
    cleo = dataclasses.replace(BO_WAITS, actor=dataclasses.replace(BO, user_id="U0CLEO"))
    await locks.wait(lock.id, BO_WAITS, NOW)
    await locks.wait(lock.id, cleo, NOW)
    await locks.take_over(lock.id, BO, "ana is away", NOW)

    assert await news.waiters(lock.id) == [cleo]


async def test_of_what_cannot_be_read_nothing_is_told(store: Store, locks: Locks, news: LockNews) -> None:
    """It does not stand in the way of what can be told of the others."""
    broken, _ = await locks.acquire(WISH, NOW)
    await spoil(store)
    lock, _ = await locks.acquire(dataclasses.replace(BOS, scope=STAGING), NOW)

    assert await news.untold(NOW) == [lock.id]
    with pytest.raises(Locked, match="cannot be read"):
        await news.record(broken.id)
