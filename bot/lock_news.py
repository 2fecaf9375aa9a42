"""What Slack has to say of locks: written down, so that it is said once, also by the next start of the bot."""

from __future__ import annotations

from datetime import datetime

from sqlite_utils import Database

from bot import sql
from bot.domain.lock import LockRecord, Question, Waiter
from bot.domain.model import Actor
from bot.domain.operation import Card
from bot.locks import problem_of, record_in, waiter_of
from bot.store import Store


class LockNews:
    """What was told of each lock, and what was not: every method is one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def record(self, lock_id: int) -> LockRecord:
        """One lock with what became of it. NotFound; Locked (LOCK_UNKNOWN) where it cannot be read."""
        return await self._store.read(lambda db: record_in(db, lock_id))

    async def waiters(self, lock_id: int) -> list[Waiter]:
        """Who wants to hear of the end and was not told yet, in the order in which they came."""
        query = "SELECT * FROM lock_waiter WHERE lock_id = ? AND told = 0 ORDER BY since, user_id"

        def work(db: Database) -> list[Waiter]:
            return [waiter_of(row) for row in sql.rows(db, query, [lock_id]).fetchall()]

        return await self._store.read(work)

    async def waiter(self, lock_id: int, actor: Actor) -> Waiter | None:
        """What somebody waited for, told or not; None for somebody who did not."""
        query = "SELECT * FROM lock_waiter WHERE lock_id = ? AND user_id = ?"

        def work(db: Database) -> Waiter | None:
            row = sql.one(db, query, [lock_id, actor.user_id])
            return waiter_of(row) if row else None

        return await self._store.read(work)

    async def untold(self, now: datetime) -> list[int]:
        """The locks of which Slack does not show everything, or somebody has not heard everything yet."""
        query = """SELECT * FROM lock WHERE told = 0 AND (shown <> changes OR released_at IS NOT NULL OR until <= ?
            OR id IN (SELECT lock_id FROM lock_waiter WHERE question IN (?, ?))) ORDER BY id"""
        values = [now.isoformat(), Question.ASKED, Question.KEPT]

        def work(db: Database) -> list[int]:
            # What cannot be read keeps people out, and there is nothing to tell of it.
            return [row["id"] for row in sql.rows(db, query, values).fetchall() if not problem_of(row)]

        return await self._store.read(work)

    async def set_shown(self, lock_id: int, changes: int, card: Card | None) -> None:
        """Remember what the lock's message says, and where it is."""
        change = "UPDATE lock SET shown = ?, card_channel = ?, card_ts = ? WHERE id = ?"
        where = [card.channel, card.ts] if card else ["", ""]
        await self._store.write(lambda db: db.conn.execute(change, [changes, *where, lock_id]).rowcount)

    async def set_told(self, lock_id: int) -> None:
        """Remember that everybody heard of the end, unless somebody came to wait meanwhile."""
        change = """UPDATE lock SET told = 1 WHERE id = ? AND id NOT IN
            (SELECT lock_id FROM lock_waiter WHERE told = 0)"""
        # What was told to be over stays so, also where the clock is put back.
        end = "UPDATE lock SET released_at = until WHERE id = ? AND told = 1 AND released_at IS NULL"

        def work(db: Database) -> None:
            db.conn.execute(change, [lock_id])
            db.conn.execute(end, [lock_id])

        await self._store.write(work)

    async def set_holder_told(self, lock_id: int) -> None:
        """Remember that the holder heard who took the lock."""
        change = "UPDATE lock SET holder_told = 1 WHERE id = ?"
        await self._store.write(lambda db: db.conn.execute(change, [lock_id]).rowcount)

    async def set_waiter_told(self, lock_id: int, waiter: Waiter) -> None:
        """Remember that somebody who waited heard of the end."""
        change = "UPDATE lock_waiter SET told = 1 WHERE lock_id = ? AND user_id = ?"
        await self._store.write(lambda db: db.conn.execute(change, [lock_id, waiter.actor.user_id]).rowcount)

    async def set_question(self, lock_id: int, waiter: Waiter, question: Question) -> None:
        """Move somebody's question along, unless it was moved meanwhile."""
        change = "UPDATE lock_waiter SET question = ? WHERE lock_id = ? AND user_id = ? AND question = ?"
        values = [question, lock_id, waiter.actor.user_id, waiter.question]
        await self._store.write(lambda db: db.conn.execute(change, values).rowcount)
