"""The time boxes of scalings in the database."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlite_utils import Database

from bot import audit, sql
from bot.audit import AuditEvent
from bot.domain.model import Actor
from bot.domain.operation import Card, Operation
from bot.domain.time_box import BoxState, TimeBox
from bot.store import Store, operation_in

Row = sqlite3.Row | Mapping[str, Any]
_UNBOXED = """SELECT id, pipeline || '/' || environment AS title, finished_at,
    json_extract(request, '$.lasts_s') AS lasts_s FROM operation
    WHERE kind = 'scaling' AND state = 'succeeded' AND json_extract(request, '$.lasts_s') > 0
    AND id NOT IN (SELECT operation_id FROM time_box)"""


class TimeBoxes:
    """What the database knows of time boxes: every method is one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def begin(self) -> None:
        """Give every scaling for some hours that succeeded its time box.

        Derived from the success and not written with it: so it also begins where the bot was killed in between.
        """
        if await self._store.read(lambda db: sql.one(db, _UNBOXED)):
            await self._store.write(_begin)

    async def open(self) -> list[TimeBox]:
        """Those that are not over, oldest first."""
        return await self._all(f"state = '{BoxState.OPEN}'")

    async def untold(self) -> list[TimeBox]:
        """Those of which Slack does not show all, oldest first."""
        return await self._all("ref <> '' AND shown < revision")

    async def _all(self, condition: str) -> list[TimeBox]:
        query = f"SELECT * FROM time_box WHERE {condition} ORDER BY operation_id"  # noqa: S608  our own words
        return await self._store.read(lambda db: [_box(row) for row in sql.rows(db, query).fetchall()])

    async def of(self, operation_id: str) -> TimeBox | None:
        """The time box of an operation, or None."""

        def work(db: Database) -> TimeBox | None:
            row = sql.one(db, "SELECT * FROM time_box WHERE operation_id = ?", [operation_id])
            return _box(row) if row else None

        return await self._store.read(work)

    async def overtaken(self, box: TimeBox) -> list[Operation]:
        """The scalings of the environment before this one whose time boxes were overtaken, newest first."""
        query = """SELECT operation_id FROM time_box WHERE environment = ? AND state = 'overtaken' AND operation_id < ?
            ORDER BY operation_id DESC"""
        values = [box.environment, box.operation_id]
        return await self._store.read(
            lambda db: [operation_in(db, row["operation_id"]) for row in sql.rows(db, query, values).fetchall()]
        )

    async def save(self, box: TimeBox, event: AuditEvent | None = None) -> bool:
        """Store a changed time box; False where somebody else changed it since it was read."""
        change = """UPDATE time_box SET due_at = ?, state = ?, by_id = ?, by_team = ?, note = ?, ref = ?, asked_id = ?,
            revision = revision + 1 WHERE operation_id = ? AND revision = ?"""
        who = [box.by.user_id, box.by.team_id] if box.by else ["", ""]
        said = [audit.storable(text) for text in (box.note, box.ref)]
        values = [box.due_at.isoformat(), box.state, *who, *said, box.asked_id, box.operation_id, box.revision]

        def work(db: Database) -> bool:
            is_saved = db.conn.execute(change, values).rowcount == 1
            if is_saved and event is not None:
                audit.append(db, event)
            return is_saved

        return await self._store.write(work)

    async def set_shown(self, box: TimeBox, card: Card | None) -> None:
        """Remember what Slack shows, and where."""
        change = "UPDATE time_box SET shown = ?, card_channel = ?, card_ts = ? WHERE operation_id = ?"
        where = [card.channel, card.ts] if card else ["", ""]
        values = [box.revision, *where, box.operation_id]
        await self._store.write(lambda db: db.conn.execute(change, values).rowcount)


def _begin(db: Database) -> None:
    for row in sql.rows(db, _UNBOXED).fetchall():
        due = datetime.fromisoformat(row["finished_at"]) + timedelta(seconds=row["lasts_s"])
        made = {"operation_id": row["id"], "environment": row["title"], "due_at": due.isoformat()}
        sql.insert(db, "time_box", made | {"state": BoxState.OPEN})


def _box(row: Row) -> TimeBox:
    return TimeBox(
        operation_id=row["operation_id"],
        environment=row["environment"],
        due_at=datetime.fromisoformat(row["due_at"]),
        state=BoxState(row["state"]),
        by=Actor(row["by_id"], row["by_team"]) if row["by_id"] else None,
        note=row["note"],
        ref=row["ref"],
        asked_id=row["asked_id"],
        revision=row["revision"],
        shown=row["shown"],
        card=Card(row["card_channel"], row["card_ts"]) if row["card_ts"] else None,
    )
