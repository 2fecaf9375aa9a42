"""The watches in the database, beside the operations that they follow."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlite_utils import Database

from bot import audit, sql
from bot.audit import AuditEvent
from bot.domain.operation import Card, Operation
from bot.domain.watch import OPEN, Phase, Watch
from bot.store import Store, operation_in

# The longest window that the configuration allows.
LONGEST = timedelta(days=1)
# The request key of the operation by which the bot itself goes back, once for each watch.
RESTORE_KEY = "restore:"
SINCE_MOST = 50

# Our own going back is no newer operation to its watch.
_HAS_NEWER = """EXISTS (SELECT 1 FROM operation n JOIN operation o ON o.id = watch.operation_id
    WHERE n.app = o.app AND n.started_at > o.finished_at AND n.request_key <> ? || o.id)"""


@dataclass(frozen=True)
class Followed:
    """A watch with its operation; `has_newer` says that another operation on the app was started since."""

    watch: Watch
    operation: Operation
    has_newer: bool


class Watches:
    """What the database knows of watches: every method is one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def begin(self, now: datetime) -> None:
        """Give every deployment or rollback that succeeded, and has a window and no watch yet, its watch.

        Derived from the success and not written with it: so it also begins where the bot was killed in between.
        """
        found = await self._store.read(lambda db: _unwatched(db, now))
        watches = [Watch(row["id"], _end(row), _first_phase(_end(row), now)) for row in found]
        if watches:
            await self._store.write(lambda db: _insert(db, watches))

    async def followed(self) -> list[Followed]:
        """The watches that go on, and those whose end Slack does not show yet; oldest first."""
        phases = ", ".join(f"'{phase}'" for phase in sorted(OPEN))
        query = f"""SELECT *, {_HAS_NEWER} AS has_newer FROM watch
            WHERE phase IN ({phases}) OR told <> phase ORDER BY operation_id"""  # noqa: S608  our own words

        def work(db: Database) -> list[Followed]:
            return [
                Followed(_watch(row), operation_in(db, row["operation_id"]), bool(row["has_newer"]))
                for row in sql.rows(db, query, [RESTORE_KEY]).fetchall()
            ]

        return await self._store.read(work)

    async def of(self, operation_id: str) -> Watch | None:
        """The watch of an operation, or None."""

        def work(db: Database) -> Watch | None:
            row = sql.one(db, "SELECT * FROM watch WHERE operation_id = ?", [operation_id])
            return _watch(row) if row else None

        return await self._store.read(work)

    async def save(self, watch: Watch, event: AuditEvent | None = None) -> bool:
        """Store a changed watch, unless it was changed since it was read, or goes on while a newer operation runs."""
        change = f"""UPDATE watch SET phase = ?, facts = ?, revision = revision + 1
            WHERE operation_id = ? AND revision = ? AND NOT (? AND {_HAS_NEWER})"""  # noqa: S608  our own words
        values = [watch.phase, _facts(watch), watch.operation_id, watch.revision, watch.is_open, RESTORE_KEY]

        def work(db: Database) -> bool:
            is_saved = db.conn.execute(change, values).rowcount == 1
            if is_saved and event is not None:
                audit.append(db, event)
            return is_saved

        return await self._store.write(work)

    async def set_card(self, operation_id: str, card: Card) -> None:
        """Remember where the message about the trouble is."""
        change = "UPDATE watch SET card_channel = ?, card_ts = ? WHERE operation_id = ?"
        await self._store.write(lambda db: db.conn.execute(change, [card.channel, card.ts, operation_id]).rowcount)

    async def set_told(self, operation_id: str, phase: Phase) -> None:
        """Remember what Slack shows."""
        change = "UPDATE watch SET told = ? WHERE operation_id = ?"
        await self._store.write(lambda db: db.conn.execute(change, [phase, operation_id]).rowcount)

    async def since(self, operation: Operation) -> list[Operation]:
        """Deployments and rollbacks asked for after this operation, or started after its end; oldest first.

        Below a message of last year that is much: fifty, those first that run or succeeded, then those that began.
        """
        query = """SELECT id FROM operation WHERE app = ? AND kind IN ('deployment', 'rollback')
            AND (created_at > ? OR started_at > ?)
            ORDER BY state IN ('running', 'verifying', 'succeeded') DESC, started_at IS NULL, created_at DESC LIMIT ?"""
        ended = (operation.finished_at or operation.created_at).isoformat()
        values = [operation.app, operation.created_at.isoformat(), ended, SINCE_MOST]

        def work(db: Database) -> list[Operation]:
            found = [operation_in(db, row["id"]) for row in sql.rows(db, query, values).fetchall()]
            return sorted(found, key=lambda each: each.created_at)

        return await self._store.read(work)


def _unwatched(db: Database, now: datetime) -> list[Mapping[str, Any]]:
    query = """SELECT id, finished_at, json_extract(plan, '$.watch_s') AS watch_s FROM operation
        WHERE state = 'succeeded' AND kind IN ('deployment', 'rollback') AND finished_at > ? AND watch_s > 0
        AND id NOT IN (SELECT operation_id FROM watch)"""
    return [dict(row) for row in sql.rows(db, query, [(now - LONGEST).isoformat()])]


def _end(row: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(row["finished_at"]) + timedelta(seconds=row["watch_s"])


def _first_phase(until: datetime, now: datetime) -> Phase:
    return Phase.WATCHING if now < until else Phase.MISSED


def _insert(db: Database, watches: list[Watch]) -> None:
    for watch in watches:
        row = {"operation_id": watch.operation_id, "phase": watch.phase, "told": watch.told, "facts": _facts(watch)}
        sql.insert(db, "watch", row)


def _facts(watch: Watch) -> str:
    return audit.storable(json.dumps(msgspec.to_builtins(watch), ensure_ascii=False, separators=(",", ":")))


def _watch(row: sqlite3.Row) -> Watch:
    card = {"channel": row["card_channel"], "ts": row["card_ts"]} if row["card_ts"] else None
    columns = {"phase": row["phase"], "told": row["told"], "revision": row["revision"], "card": card}
    return msgspec.convert(json.loads(row["facts"]) | columns, Watch)
