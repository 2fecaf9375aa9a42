"""Locks in the database: of two people who lock at once one does.

A lock whose row cannot be read keeps everybody out until somebody removes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from bot import audit, rules, sql
from bot.audit import AuditEvent
from bot.domain.lock import EVERYWHERE, Lock, LockRecord, Outcome, Question, Waiter
from bot.domain.model import Actor
from bot.domain.operation import Card
from bot.domain.text import quoted
from bot.errors import Locked, NotFound, Reason, StaleAction
from bot.rules import Row
from bot.store import Store

_UNRELEASED = "SELECT * FROM lock WHERE released_at IS NULL AND scope = ?"


@dataclass(frozen=True)
class NewLock:
    """A lock that somebody wants. `channel` is where the others hear of it."""

    scope: str
    holder: Actor
    why: str
    channel: str
    until: datetime | None = None
    branch: str = ""


@dataclass(frozen=True)
class Standing:
    """The locks that were not released, and for each that cannot be read its scope and what is wrong with it."""

    locks: tuple[Lock, ...]
    problems: tuple[tuple[str, str], ...] = ()


class Locks:
    """What the database knows of locks: every method is one transaction, with its audit event where people act."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def acquire(self, new: NewLock, at: datetime) -> tuple[Lock, Outcome]:
        """Lock, or change the lock that the same person holds already; Locked where somebody else does."""

        def work(db: Database) -> tuple[Lock, Outcome]:
            row = sql.one(db, _UNRELEASED, [new.scope])
            if row is None:
                return _insert(db, new, at, "lock.acquire"), Outcome.LOCKED
            lock = _legible(row).lock
            if not lock.holds_at(at):
                db.conn.execute("UPDATE lock SET released_at = until WHERE id = ?", [lock.id])
                return _insert(db, new, at, "lock.acquire"), Outcome.LOCKED
            if lock.holder.user_id != new.holder.user_id:
                raise locked_error(lock)
            if (lock.why, lock.until, lock.branch) == (audit.storable(new.why), new.until, new.branch):
                return lock, Outcome.UNCHANGED
            return _change(db, lock, new, at), Outcome.CHANGED

        return await self._store.write(work)

    async def release(self, lock_id: int, by: Actor, at: datetime) -> LockRecord:
        """Let go of a lock. Locked (LOCK_NOT_YOURS) for anybody but its holder, StaleAction where it is over."""

        def work(db: Database) -> LockRecord:
            return _release(db, _in_force(db, lock_id, at), by, at)

        return await self._store.write(work)

    async def release_scope(self, scope: str, by: Actor, at: datetime) -> LockRecord | None:
        """Let go of the lock of a scope, or remove one that cannot be read and return None. NotFound, Locked."""

        def work(db: Database) -> LockRecord | None:
            row = sql.one(db, _UNRELEASED, [scope])
            if row is None:
                raise _no_lock(scope)
            if problem := problem_of(row):
                _end(db, row["id"], by, at)
                _wrote(db, by, "lock.remove_unreadable", scope, at, lock=row["id"], problem=problem)
                return None
            if not (record := record_of(row)).is_in_force(at):
                raise _no_lock(scope)
            return _release(db, record, by, at)

        return await self._store.write(work)

    async def take_over(self, lock_id: int, by: Actor, why: str, at: datetime) -> Lock:
        """End somebody's lock and begin one's own in its place, both or neither.

        StaleAction where the lock is over, was taken over by an earlier click, or is the person's own.
        """

        def work(db: Database) -> Lock:
            old = _in_force(db, lock_id, at)
            if old.lock.holder.user_id == by.user_id:
                raise StaleAction("The lock is yours already.")
            _end(db, lock_id, by, at)
            wanted, earlier = NewLock(old.lock.scope, by, why, old.channel), old.lock.holder.user_id
            new = _insert(db, wanted, at, "lock.take_over", taken_from=earlier)
            db.conn.execute("UPDATE lock SET successor = ? WHERE id = ?", [new.id, lock_id])
            # Whoever has the lock needs not hear that it is taken.
            set_told = "UPDATE lock_waiter SET told = 1 WHERE lock_id = ? AND user_id = ?"
            db.conn.execute(set_told, [lock_id, by.user_id])
            return new

        return await self._store.write(work)

    async def wait(self, lock_id: int, waiter: Waiter, at: datetime) -> tuple[Lock, bool]:
        """Remember who wants to hear of the end; False where that is known. StaleAction where it is over or their own.

        A wish that is told a second time takes the place of the first one.
        """

        def work(db: Database) -> tuple[Lock, bool]:
            record = _not_ones_own(_in_force(db, lock_id, at), waiter.actor)
            is_new = _wait(db, lock_id, waiter, at)
            if is_new:
                _wrote(db, waiter.actor, "lock.wait", record.lock.scope, at, lock=lock_id)
            return record.lock, is_new

        return await self._store.write(work)

    async def ask(self, lock_id: int, waiter: Waiter, at: datetime) -> tuple[Lock, bool]:
        """Wait, and have the holder asked; False where an earlier question has no answer yet. StaleAction as `wait`."""
        change = "UPDATE lock_waiter SET question = ? WHERE lock_id = ? AND user_id = ? AND question IN (?, ?)"

        def work(db: Database) -> tuple[Lock, bool]:
            record = _not_ones_own(_in_force(db, lock_id, at), waiter.actor)
            _wait(db, lock_id, waiter, at)
            values = [Question.ASKED, lock_id, waiter.actor.user_id, Question.NONE, Question.ANSWERED]
            is_new = db.conn.execute(change, values).rowcount == 1
            if is_new:
                _wrote(db, waiter.actor, "lock.ask", record.lock.scope, at, lock=lock_id)
            return record.lock, is_new

        return await self._store.write(work)

    async def keep(self, lock_id: int, asker_id: str, by: Actor, at: datetime) -> Lock:
        """Answer whoever asked that the lock stays. Locked for anybody but the holder, StaleAction the second time."""
        change = "UPDATE lock_waiter SET question = ? WHERE lock_id = ? AND user_id = ? AND question IN (?, ?)"

        def work(db: Database) -> Lock:
            lock = _of_holder(_in_force(db, lock_id, at), by).lock
            values = [Question.KEPT, lock_id, asker_id, Question.ASKED, Question.DELIVERED]
            if db.conn.execute(change, values).rowcount != 1:
                raise StaleAction("That question was answered already.")
            _wrote(db, by, "lock.keep", lock.scope, at, lock=lock_id, asked_by=asker_id)
            return lock

        return await self._store.write(work)

    async def other(self, lock_id: int, by: Actor, at: datetime) -> Lock:
        """A lock that is in force and somebody else's. NotFound, StaleAction."""
        return await self._store.read(lambda db: _not_ones_own(_in_force(db, lock_id, at), by).lock)

    async def standing(self, scope: str | None = None) -> Standing:
        """The locks that were not released, oldest first: all, or those that are about a scope; ended ones, too."""
        query = "SELECT * FROM lock WHERE released_at IS NULL AND (? IS NULL OR scope IN (?, ?)) ORDER BY id"

        def work(db: Database) -> Standing:
            found = sql.rows(db, query, [scope, scope, EVERYWHERE]).fetchall()
            problems = tuple((str(row["scope"]), problem) for row in found if (problem := problem_of(row)))
            return Standing(tuple(record_of(row).lock for row in found if not problem_of(row)), problems)

        return await self._store.read(work)


def scope_words(scope: str) -> str:
    """A scope in the middle of a sentence."""
    return scope or "everything"


def locked_error(lock: Lock) -> Locked:
    """The refusal that names who holds the lock, why, since when and until when."""
    until = f" until {_minute(lock.until)}" if lock.until else ""
    return Locked(
        f"{lock.holder.mention} keeps {scope_words(lock.scope)} locked since {_minute(lock.since)}{until}: "
        f"{quoted(lock.why)}",
        lock_id=lock.id,
        hint="Ask the holder, wait for the end, or take the lock over.",
    )


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _no_lock(scope: str) -> NotFound:
    return NotFound(
        f"There is no lock on {scope_words(scope)}.", hint="`/deploy lock` lists the locks.", reason=Reason.NO_LOCK
    )


def _in_force(db: Database, lock_id: int, at: datetime) -> LockRecord:
    record = record_in(db, lock_id)
    if not record.is_in_force(at):
        raise StaleAction(
            f"The lock on {scope_words(record.lock.scope)} is over: {record.fate}",
            hint="`/deploy lock` lists the locks.",
            reason=Reason.NO_LOCK,
        )
    return record


def record_in(db: Database, lock_id: int) -> LockRecord:
    """One lock, within a transaction. NotFound; Locked (LOCK_UNKNOWN) where it cannot be read."""
    row = sql.one(db, "SELECT * FROM lock WHERE id = ?", [lock_id])
    if row is None:
        raise NotFound("There is no such lock.", reason=Reason.NO_LOCK)
    return _legible(row)


def _of_holder(record: LockRecord, by: Actor) -> LockRecord:
    if record.lock.holder.user_id != by.user_id:
        lock = record.lock
        raise Locked(
            f"The lock on {scope_words(lock.scope)} is {lock.holder.mention}'s: {quoted(lock.why)}",
            lock_id=lock.id,
            hint="Ask the holder, wait for the end, or take the lock over.",
            reason=Reason.LOCK_NOT_YOURS,
        )
    return record


def _not_ones_own(record: LockRecord, actor: Actor) -> LockRecord:
    if record.lock.holder.user_id == actor.user_id:
        raise StaleAction("The lock is your own.", hint="It keeps the others out, not you.")
    return record


def _legible(row: Row) -> LockRecord:
    if problem := problem_of(row):
        where = row["scope"] or "all"
        raise Locked(
            f"There is a lock on {scope_words(row['scope'])} that cannot be read ({quoted(problem)}).",
            lock_id=row["id"],
            hint=f"Find out whose it is; `/deploy unlock {where}` removes it.",
            reason=Reason.LOCK_UNKNOWN,
        )
    return record_of(row)


def problem_of(row: Row) -> str:
    """What is wrong with the row of a lock, empty where it can be read."""
    try:
        record_of(row)
    except (ValueError, TypeError) as error:
        return str(error)
    return ""


def record_of(row: Row) -> LockRecord:
    """A lock with what became of it; ValueError or TypeError where the row makes no sense."""
    released_at = row["released_at"]
    return LockRecord(
        lock=rules.lock_of(row),
        channel=row["channel"],
        released_at=datetime.fromisoformat(released_at) if released_at is not None else None,
        released_by=row["released_by"],
        successor=row["successor"],
        card=Card(row["card_channel"], row["card_ts"]) if row["card_ts"] else None,
        changes=row["changes"],
        shown=row["shown"],
        holder_told=bool(row["holder_told"]),
        told=bool(row["told"]),
    )


def waiter_of(row: Row) -> Waiter:
    """Somebody who waits."""
    return Waiter(Actor(row["user_id"], row["team_id"]), row["channel"], row["wants"], Question(row["question"]))


def _insert(db: Database, new: NewLock, at: datetime, action: str, **detail: Any) -> Lock:
    row = {
        "scope": new.scope,
        "branch": new.branch,
        "holder_id": new.holder.user_id,
        "holder_team": new.holder.team_id,
        "why": audit.storable(new.why),
        "since": at.isoformat(),
        "until": new.until.isoformat() if new.until else None,
        "channel": new.channel,
    }
    sql.insert(db, "lock", row)
    made = sql.one(db, _UNRELEASED, [new.scope])
    assert made is not None
    _wrote(db, new.holder, action, new.scope, at, lock=made["id"], **_said(new), **detail)
    return rules.lock_of(made)


def _change(db: Database, lock: Lock, new: NewLock, at: datetime) -> Lock:
    until = new.until.isoformat() if new.until else None
    change = "UPDATE lock SET why = ?, until = ?, branch = ?, changes = changes + 1 WHERE id = ?"
    db.conn.execute(change, [audit.storable(new.why), until, new.branch, lock.id])
    _wrote(db, new.holder, "lock.change", new.scope, at, lock=lock.id, **_said(new))
    return record_in(db, lock.id).lock


def _release(db: Database, record: LockRecord, by: Actor, at: datetime) -> LockRecord:
    lock = _of_holder(record, by).lock
    _end(db, lock.id, by, at)
    _wrote(db, by, "lock.release", lock.scope, at, lock=lock.id)
    return record_in(db, lock.id)


def _end(db: Database, lock_id: int, by: Actor, at: datetime) -> None:
    change = "UPDATE lock SET released_at = ?, released_by = ? WHERE id = ?"
    db.conn.execute(change, [at.isoformat(), by.user_id, lock_id])


def _wait(db: Database, lock_id: int, waiter: Waiter, at: datetime) -> bool:
    """Whether they did not wait before. What they want now counts, where they said it."""
    row = {
        "lock_id": lock_id,
        "user_id": waiter.actor.user_id,
        "team_id": waiter.actor.team_id,
        "channel": waiter.channel,
        "wants": audit.storable(waiter.wants),
        "since": at.isoformat(),
    }
    is_new = sql.insert_once(db, "lock_waiter", row, by="lock_id, user_id")
    change = "UPDATE lock_waiter SET wants = ? WHERE lock_id = ? AND user_id = ? AND ? <> ''"
    db.conn.execute(change, [row["wants"], lock_id, waiter.actor.user_id, row["wants"]])
    return is_new


def _said(new: NewLock) -> dict[str, Any]:
    return {"why": new.why, "until": new.until.isoformat() if new.until else "", "branch": new.branch}


def _wrote(db: Database, by: Actor, action: str, scope: str, at: datetime, **detail: Any) -> None:
    audit.append(db, AuditEvent(at, by.user_id, action, scope_words(scope), detail))
