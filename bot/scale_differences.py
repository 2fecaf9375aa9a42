"""How environments differ from what is wanted of them, in the database: each difference is proposed once."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from bot import sql
from bot.store import Store


@dataclass(frozen=True)
class Seen:
    """A difference that is there now; `operation_id` is the scaling that was proposed for it, empty before that."""

    id: int
    hash: str
    first_seen_at: datetime
    operation_id: str = ""


class ScaleDifferences:
    """What the database knows of differences: every method is one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def seen(self, environment: str, found: str, now: datetime) -> tuple[Seen | None, str]:
        """Remember what a look found (a hash; empty: no difference) in place of what was there before.

        Returns it, and the operation that was proposed for what is over now, or an empty string.
        """

        def work(db: Database) -> tuple[Seen | None, str]:
            there = _open(db, environment)
            if there is not None and there.hash == found:
                return there, ""
            change = "UPDATE scale_difference SET gone_at = ? WHERE environment = ? AND gone_at IS NULL"
            db.conn.execute(change, [now.isoformat(), environment])
            if found:
                row = {"environment": environment, "hash": found, "first_seen_at": now.isoformat()}
                sql.insert(db, "scale_difference", row)
            return _open(db, environment), there.operation_id if there else ""

        return await self._store.write(work)

    async def proposed(self, seen: Seen, operation_id: str) -> None:
        """Remember what was proposed."""
        change = "UPDATE scale_difference SET operation_id = ? WHERE id = ?"
        await self._store.write(lambda db: db.conn.execute(change, [operation_id, seen.id]).rowcount)


def _open(db: Database, environment: str) -> Seen | None:
    query = "SELECT * FROM scale_difference WHERE environment = ? AND gone_at IS NULL"
    row: sqlite3.Row | None = sql.one(db, query, [environment])
    if row is None:
        return None
    return Seen(row["id"], row["hash"], datetime.fromisoformat(row["first_seen_at"]), row["operation_id"] or "")
