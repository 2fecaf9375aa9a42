"""Locks as people use them: lock, unlock, take over, ask the holder, wait, be told. Nothing deploys by itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.domain.lock import EVERYWHERE, Lock, LockRecord, Outcome, Waiter
from bot.domain.lock_end import At, End, end_of
from bot.domain.model import Actor, Environment
from bot.errors import RemoteError
from bot.lock_news import LockNews
from bot.locks import Locks, NewLock, Standing
from bot.operations.people import People
from bot.ports import Chat, Clock

# Words for every environment together.
ALL = frozenset({"all", "everything", "everywhere"})
# A button asks for no end, and nobody shall find a lock of yesterday that came of one.
CLAIMED = timedelta(hours=1)
CLAIM_REASON = "was waiting for it"


@dataclass(frozen=True)
class Wish:
    """What somebody wants to lock. `why` is not empty; `branch` may still be deployed."""

    scope: str
    why: str
    end: End | None = None
    branch: str = ""


@dataclass(frozen=True)
class Locking:
    """A lock and what came of the wish. `guessed_zone`: an end by the clock was read in UTC, for want of a better."""

    lock: Lock
    outcome: Outcome
    guessed_zone: bool = False


class LockKeeper:
    """The use cases of `/deploy lock` and `/deploy unlock`, and of the buttons around locks.

    `environment` knows an environment by its name, `channel` hears of locks on everything, and `changed` is called
    after every commit with the lock of which there is something to tell.
    """

    def __init__(
        self,
        locks: Locks,
        news: LockNews,
        people: People,
        chat: Chat,
        clock: Clock,
        environment: Callable[[str], Environment],
        *,
        channel: str,
        changed: Callable[[int], None],
    ) -> None:
        self._locks = locks
        self._news = news
        self._people = people
        self._chat = chat
        self._clock = clock
        self._environment = environment
        self._channel = channel
        self._changed = changed

    def scope_of(self, name: str) -> str:
        """The scope that a name means; NotFound."""
        return EVERYWHERE if name.casefold() in ALL else self._environment(name).title

    async def lock(self, wish: Wish, *, by: Actor) -> Locking:
        """Lock, or change one's own lock. NotAllowed, Locked, BadCommand for an end that is past or too far ahead."""
        await self._people.require_member(by)
        if wish.end is None:
            return await self._acquire(wish, by)
        zone = await self._zone(by) if isinstance(wish.end, At) else None
        until = end_of(wish.end, self._clock.now(), zone or UTC)
        is_guess = isinstance(wish.end, At) and zone is None
        return dataclasses.replace(await self._acquire(wish, by, until), guessed_zone=is_guess)

    async def unlock(self, scope: str, *, by: Actor) -> LockRecord | None:
        """Let go of one's lock; None where one was removed that nobody can read. NotAllowed, NotFound, Locked."""
        await self._people.require_member(by)
        record = await self._locks.release_scope(scope, by, self._clock.now())
        if record is not None:
            self._changed(record.lock.id)
        return record

    async def release(self, lock_id: int, *, by: Actor) -> LockRecord:
        """Let go of this lock, which a button named. NotAllowed, NotFound, Locked, StaleAction where it is over."""
        await self._people.require_member(by)
        record = await self._locks.release(lock_id, by, self._clock.now())
        self._changed(lock_id)
        return record

    async def other(self, lock_id: int, *, by: Actor) -> Lock:
        """Somebody else's lock that is in force. NotAllowed, NotFound, StaleAction where there is nothing to take."""
        await self._people.require_member(by)
        return await self._locks.other(lock_id, by, self._clock.now())

    async def take_over(self, lock_id: int, why: str, *, by: Actor) -> Lock:
        """Make somebody's lock one's own; they are told by whom and why. NotAllowed, NotFound, StaleAction."""
        await self._people.require_member(by)
        lock = await self._locks.take_over(lock_id, by, why, self._clock.now())
        self._changed(lock_id)
        self._changed(lock.id)
        return lock

    async def ask(self, lock_id: int, waiter: Waiter) -> tuple[Lock, bool]:
        """Have the holder asked how long it takes; False where that was asked already. Whoever asks waits, too."""
        await self._people.require_member(waiter.actor)
        lock, is_new = await self._locks.ask(lock_id, waiter, self._clock.now())
        self._changed(lock_id)
        return lock, is_new

    async def keep(self, lock_id: int, asker_id: str, *, by: Actor) -> Lock:
        """The holder's answer to whoever asked: the lock stays. NotAllowed, NotFound, Locked, StaleAction."""
        await self._people.require_member(by)
        lock = await self._locks.keep(lock_id, asker_id, by, self._clock.now())
        self._changed(lock_id)
        return lock

    async def watch(self, lock_id: int, waiter: Waiter) -> tuple[Lock, bool]:
        """Remember who wants to hear of the end; False where that is known. NotAllowed, NotFound, StaleAction."""
        await self._people.require_member(waiter.actor)
        return await self._locks.wait(lock_id, waiter, self._clock.now())

    async def claim(self, ended_id: int, *, by: Actor) -> Locking:
        """Lock, for an hour, what this lock is not about any more. NotAllowed, NotFound, Locked by who was quicker."""
        await self._people.require_member(by)
        scope, now = (await self._news.record(ended_id)).lock.scope, self._clock.now()
        for lock in (await self._locks.standing(scope)).locks:
            if lock.scope == scope and lock.holder.user_id == by.user_id and lock.holds_at(now):
                return Locking(lock, Outcome.UNCHANGED)
        waiter = await self._news.waiter(ended_id, by)
        why = waiter.wants if waiter and waiter.wants else CLAIM_REASON
        return await self._acquire(Wish(scope, why), by, now + CLAIMED)

    async def listed(self, *, by: Actor) -> Standing:
        """The locks in force, and what cannot be read of the others. NotAllowed."""
        await self._people.require_member(by)
        found, now = await self._locks.standing(), self._clock.now()
        return Standing(tuple(lock for lock in found.locks if lock.holds_at(now)), found.problems)

    async def _acquire(self, wish: Wish, by: Actor, until: datetime | None = None) -> Locking:
        channel = self._environment(wish.scope).channel if wish.scope else self._channel
        wanted = NewLock(wish.scope, by, wish.why, channel, until, wish.branch)
        lock, outcome = await self._locks.acquire(wanted, self._clock.now())
        if outcome is not Outcome.UNCHANGED:
            self._changed(lock.id)
        return Locking(lock, outcome)

    async def _zone(self, by: Actor) -> ZoneInfo | None:
        """The person's time zone as Slack tells it; None where it does not, or where nobody here knows it."""
        try:
            return ZoneInfo((await self._chat.member(by.user_id)).time_zone)
        except (RemoteError, ValueError, OSError, ZoneInfoNotFoundError):
            return None
