"""Incidents in the database: one at a time, what passed because of them, who reviewed that, who was told.

What is to be told stands in tables of its own: the revision of the rules does not count it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from bot import audit, rules, sql
from bot.audit import AuditEvent
from bot.domain.incident import Incident, Notice, Passage, Review, Told
from bot.domain.model import Actor
from bot.domain.operation import Card
from bot.domain.text import quoted
from bot.errors import Conflict, Reason
from bot.store import Store, operation_in

# A plan names in `waived` the incident that spared it its approval, as `incident 7`.
_PASSED = """SELECT o.id, i.id AS incident_id, r.reviewed_by, r.reviewed_at, r.note FROM operation o
    JOIN incident i ON i.id = CAST(substr(json_extract(o.plan, '$.waived'), 10) AS INTEGER)
    LEFT JOIN review r ON r.operation_id = o.id
    WHERE o.kind = 'rollback' AND o.started_at IS NOT NULL AND json_extract(o.plan, '$.waived') LIKE 'incident %'"""
_IN_ORDER = " ORDER BY o.started_at, o.id"
# Not told yet, or told and reviewed since. What Slack refused has no message to edit.
_BEHIND = """SELECT n.id AS notice_id, n.event, n.channel, n.ts, i.* FROM incident_notice n
    JOIN incident i ON i.id = n.incident_id
    WHERE n.shown < 0 OR (n.event = 'end' AND n.ts <> ''
        AND n.shown < (SELECT count(*) FROM review r WHERE r.incident_id = i.id))
    ORDER BY n.id"""


class Incidents:
    """What the database knows of incidents: every method is one transaction, with its audit event where people act."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def start(self, why: str, by: Actor, at: datetime, channels: Iterable[str]) -> tuple[Incident, bool]:
        """Declare an incident that these channels shall hear of; Conflict where another one goes on.

        The same from the same person a second time gives the one that goes on, and False.
        """
        why = audit.storable(why)

        def work(db: Database) -> tuple[Incident, bool]:
            known = rules.incident_in(db)
            if known is not None and (known.why, known.by) == (why, by):
                return known, False
            if known is not None:
                raise already(known)
            row = {"why": why, "by_id": by.user_id, "by_team": by.team_id, "started_at": at.isoformat()}
            sql.insert(db, "incident", row)
            made = rules.incident_in(db)
            assert made is not None
            _tell(db, made, Told.START, channels)
            audit.append(db, AuditEvent(at, by.user_id, "incident.start", _subject(made.id), {"why": why}))
            return made, True

        return await self._store.write(work)

    async def end(self, by: Actor, at: datetime, channels: Iterable[str]) -> Incident:
        """End the incident that goes on, and let these channels hear of it; Conflict where there is none."""

        def work(db: Database) -> Incident:
            known = rules.incident_in(db)
            if known is None:
                raise Conflict("There is no incident.", reason=Reason.NO_INCIDENT)
            change = "UPDATE incident SET ended_at = ?, ended_by = ? WHERE id = ?"
            db.conn.execute(change, [at.isoformat(), by.user_id, known.id])
            _tell(db, known, Told.END, channels)
            audit.append(db, AuditEvent(at, by.user_id, "incident.end", _subject(known.id)))
            ended = sql.one(db, "SELECT * FROM incident WHERE id = ?", [known.id])
            assert ended is not None
            return rules.incident_of(ended)

        return await self._store.write(work)

    async def current(self) -> Incident | None:
        """The incident that goes on, or None."""
        return await self._store.read(rules.incident_in)

    async def passed(self, incident_id: int) -> list[Passage]:
        """The rollbacks that started without an approval because of this incident, oldest first."""
        return await self._passages(f"{_PASSED} AND i.id = ?{_IN_ORDER}", [incident_id])

    async def unreviewed(self) -> list[Passage]:
        """Those of every incident that nobody has reviewed, oldest first."""
        return await self._passages(f"{_PASSED} AND r.operation_id IS NULL{_IN_ORDER}")

    async def passage(self, operation_id: str) -> Passage | None:
        """One such rollback, or None where it was none."""
        return next(iter(await self._passages(f"{_PASSED} AND o.id = ?", [operation_id])), None)

    async def starter(self, operation_id: str) -> str:
        """The Slack id of whoever started an operation, or empty."""
        query = "SELECT actor FROM audit WHERE subject = ? AND action LIKE '%.start' ORDER BY seq LIMIT 1"
        row = await self._store.read(lambda db: sql.one(db, query, [operation_id]))
        return str(row["actor"]) if row else ""

    async def review(self, passage: Passage, review: Review) -> Review | None:
        """Record who reviewed a rollback, unless somebody did already: then that review."""
        note = audit.storable(review.note)
        row = {
            "operation_id": passage.operation.id,
            "incident_id": passage.incident_id,
            "reviewed_by": review.by,
            "reviewed_at": review.at.isoformat(),
            "note": note,
        }
        detail = {"incident": passage.incident_id, "note": note}
        event = AuditEvent(review.at, review.by, "incident.review", passage.operation.id, detail)

        def work(db: Database) -> Review | None:
            if sql.insert_once(db, "review", row, by="operation_id"):
                audit.append(db, event)
                return None
            return _review(sql.one(db, "SELECT * FROM review WHERE operation_id = ?", [row["operation_id"]]))

        return await self._store.write(work)

    async def behind(self) -> list[Notice]:
        """What the channels do not show yet, in the order in which it happened."""
        return await self._store.read(lambda db: [_notice(row) for row in sql.rows(db, _BEHIND).fetchall()])

    async def set_shown(self, notice: Notice, card: Card | None, reviews: int) -> None:
        """Remember what a channel shows: where, and with how many reviews. Without a card nothing can be edited."""
        change = "UPDATE incident_notice SET ts = ?, shown = ? WHERE id = ?"
        values = [card.ts if card else "", reviews, notice.id]
        await self._store.write(lambda db: db.conn.execute(change, values).rowcount)

    async def _passages(self, query: str, parameters: Sequence[Any] = ()) -> list[Passage]:
        def work(db: Database) -> list[Passage]:
            return [_passage(db, row) for row in sql.rows(db, query, parameters).fetchall()]

        return await self._store.read(work)


def already(known: Incident) -> Conflict:
    """The refusal that names who declared the incident that goes on, when and why."""
    return Conflict(
        f"There is an incident already, since {known.started_at:%Y-%m-%d %H:%M} UTC, by {known.by.mention}: "
        f"{quoted(known.why)}",
        hint="`/deploy incident end` when it is over.",
        reason=Reason.INCIDENT,
    )


def _tell(db: Database, incident: Incident, event: Told, channels: Iterable[str]) -> None:
    for channel in dict.fromkeys(channels):
        sql.insert(db, "incident_notice", {"incident_id": incident.id, "event": event, "channel": channel})


def _subject(incident_id: int) -> str:
    return f"incident {incident_id}"


def _passage(db: Database, row: sqlite3.Row) -> Passage:
    return Passage(row["incident_id"], operation_in(db, row["id"]), _review(row))


def _review(row: sqlite3.Row | None) -> Review | None:
    if row is None or row["reviewed_by"] is None:
        return None
    return Review(row["reviewed_by"], datetime.fromisoformat(row["reviewed_at"]), row["note"])


def _notice(row: sqlite3.Row) -> Notice:
    card = Card(row["channel"], row["ts"]) if row["ts"] else None
    return Notice(row["notice_id"], rules.incident_of(row), Told(row["event"]), row["channel"], card)
