"""What GitHub was told of the bot's own changes, beside the operations that made them.

Derived from the operations and not written with them: so whatever happens to GitHub, and wherever the bot is killed, an
operation neither waits for its record nor loses it.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlite_utils import Database

from bot import audit, sql
from bot.audit import AuditEvent
from bot.domain.operation import Operation, State
from bot.store import Store, operation_in

# What happened longer ago is no news to GitHub.
LOOK_BACK = timedelta(days=7)

# An operation's state in the words of GitHub's deployment statuses.
TOLD_AS = {
    State.RUNNING: "in_progress",
    State.VERIFYING: "in_progress",
    State.SUCCEEDED: "success",
    State.FAILED: "failure",
    State.CANCELLED: "error",
}
_WORD = "CASE o.state " + " ".join(f"WHEN '{state}' THEN '{word}'" for state, word in TOLD_AS.items()) + " END"

# The times in an operation's row lie behind its plan, so what they cost is paid only for the few that are not told.
_TO_TELL = f"""SELECT o.id, {_WORD} AS word, r.deployment_id, r.told, r.tries, r.next_at
    FROM operation o LEFT JOIN github_record r ON r.operation_id = o.id
    WHERE o.id >= ? AND coalesce(r.told, '') <> {_WORD} AND coalesce(r.problem, '') = ''
    AND o.started_at >= ? AND o.kind IN ('deployment', 'rollback', 'scaling')
    AND json_extract(o.plan, '$.build') IS NULL AND json_extract(o.plan, '$.image') IS NOT NULL
    ORDER BY o.started_at, o.id"""  # noqa: S608  our own words


@dataclass(frozen=True)
class Record:
    """What is known of an operation's record: its deployment at GitHub, and the state that GitHub was told last.

    `tries` counts the attempts since then: where there was one, GitHub may know more than is written here.
    """

    operation_id: str
    deployment_id: int | None = None
    told: str = ""
    tries: int = 0
    next_at: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        return self.next_at is None or self.next_at <= now


@dataclass(frozen=True)
class Untold:
    """An operation whose state GitHub does not know yet; `word` is that state as GitHub calls it."""

    record: Record
    operation: Operation
    word: str


class Records:
    """What the database knows of records: every method is one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def untold(self, now: datetime) -> list[Untold]:
        """What is to be told, due or not, oldest first: an image that the bot itself rolled out, within a week.

        Where CI released, its workflow made the deployment. What was given up is left out.
        """
        since = now - LOOK_BACK
        # Ids begin with the time at which the operation was asked for, at most a plan's life before its start.
        first = f"{int((since - LOOK_BACK).timestamp() * 1000):011x}"

        def work(db: Database) -> list[Untold]:
            found = sql.rows(db, _TO_TELL, [first, since.isoformat()]).fetchall()
            return [Untold(_record(row), operation_in(db, row["id"]), row["word"]) for row in found]

        return await self._store.read(work)

    async def begin(self, record: Record, *, again_at: datetime) -> bool:
        """Count an attempt before it is made; False where somebody else made one since the record was read."""
        claim = """INSERT INTO github_record (operation_id, tries, next_at) VALUES (?, 1, ?)
            ON CONFLICT (operation_id) DO UPDATE SET tries = tries + 1, next_at = excluded.next_at
            WHERE tries = ? AND told = ?"""
        values = [record.operation_id, again_at.isoformat(), record.tries, record.told]
        return await self._store.write(lambda db: db.conn.execute(claim, values).rowcount == 1)

    async def postpone(self, operation_id: str, until: datetime) -> None:
        """Try again no sooner than this."""
        change = "UPDATE github_record SET next_at = ? WHERE operation_id = ?"
        await self._store.write(lambda db: db.conn.execute(change, [until.isoformat(), operation_id]).rowcount)

    async def made(self, operation_id: str, deployment_id: int, event: AuditEvent) -> None:
        """Remember the deployment at GitHub, with its audit event."""
        change = "UPDATE github_record SET deployment_id = ? WHERE operation_id = ?"

        def work(db: Database) -> None:
            db.conn.execute(change, [deployment_id, operation_id])
            audit.append(db, event)

        await self._store.write(work)

    async def told(self, operation_id: str, word: str, at: datetime) -> None:
        """Remember what GitHub knows now."""
        change = "UPDATE github_record SET told = ?, tries = 0, next_at = ? WHERE operation_id = ?"
        await self._store.write(lambda db: db.conn.execute(change, [word, at.isoformat(), operation_id]).rowcount)

    async def give_up(self, operation_id: str, problem: str) -> None:
        """Tell GitHub no more of this operation, and remember why."""
        change = "UPDATE github_record SET problem = ? WHERE operation_id = ?"
        await self._store.write(lambda db: db.conn.execute(change, [audit.storable(problem), operation_id]).rowcount)


def _record(row: sqlite3.Row) -> Record:
    if row["next_at"] is None:
        return Record(row["id"])
    next_at = datetime.fromisoformat(row["next_at"])
    return Record(row["id"], row["deployment_id"], row["told"], row["tries"], next_at)
