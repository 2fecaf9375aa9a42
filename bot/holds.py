"""The holds in the database. Every change is conditional and has one effect, with its audit event beside it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from bot import audit, rules, sql
from bot.audit import AuditEvent
from bot.domain.hold import Hold
from bot.domain.model import Actor
from bot.store import Store


@dataclass(frozen=True)
class NewHold:
    """A hold to place, for the rollback that asks for it; see bot.domain.hold for the fields."""

    environment: str
    repository: str
    operation_id: str
    good: str
    good_ref: str
    bad: str
    bad_ref: str
    by: Actor
    why: str


class Holds:
    """What the database knows of holds: every method is one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def place(self, new: NewHold, at: datetime) -> Hold:
        """Write the hold of a rollback; asked for again it is the one that is there already, lifted or not.

        So is one of the same commits that is in force: a second try of a rollback holds nothing twice.
        """

        def work(db: Database) -> Hold:
            if known := _placed(db, new):
                return known
            sql.insert(db, "hold", _row(new, at))
            placed = _placed(db, new)
            assert placed is not None
            audit.append(db, _event(placed, "place", new.by, at, operation=new.operation_id, why=placed.why))
            return placed

        return await self._store.write(work)

    async def of(self, environment: str = "") -> tuple[Hold, ...]:
        """The holds in force for an environment by its unambiguous name, without one for all; oldest first."""
        query = "SELECT * FROM hold WHERE lifted_at IS NULL AND ? IN ('', environment) ORDER BY id"

        def work(db: Database) -> tuple[Hold, ...]:
            return tuple(rules.hold_of(row) for row in sql.rows(db, query, [environment]).fetchall())

        return await self._store.read(work)

    async def one(self, hold_id: int) -> Hold | None:
        """A hold that is in force, or None."""
        return await self._store.read(lambda db: _in_force(db, hold_id))

    async def lift(self, hold_id: int, *, by: Actor, why: str, at: datetime) -> bool:
        """Lift a hold for good; False where it is not in force (any more)."""
        change = "UPDATE hold SET lifted_at = ?, lifted_by = ?, lifted_why = ? WHERE id = ?"

        def work(db: Database) -> bool:
            hold = _in_force(db, hold_id)
            if hold is None:
                return False
            db.conn.execute(change, [at.isoformat(), by.user_id, audit.storable(why), hold_id])
            audit.append(db, _event(hold, "lift", by, at, why=why))
            return True

        return await self._store.write(work)

    async def declare_fix(self, hold_id: int, sha: str, *, by: Actor, at: datetime) -> bool:
        """Remember a commit (40 hex) that mends what is held; False where the hold is not in force or knows it."""

        def work(db: Database) -> bool:
            hold = _in_force(db, hold_id)
            if hold is None or sha in hold.fixes:
                return False
            fixes = json.dumps([*hold.fixes, sha])
            db.conn.execute("UPDATE hold SET fixes = ? WHERE id = ?", [fixes, hold_id])
            audit.append(db, _event(hold, "declare_fix", by, at, fix=sha))
            return True

        return await self._store.write(work)


def _placed(db: Database, new: NewHold) -> Hold | None:
    query = """SELECT * FROM hold WHERE operation_id = ?
        OR (lifted_at IS NULL AND environment = ? AND repository = ? AND good = ? AND bad = ?)
        ORDER BY operation_id = ? DESC"""
    same = [new.environment, new.repository, new.good, new.bad]
    row = sql.one(db, query, [new.operation_id, *same, new.operation_id])
    return rules.hold_of(row) if row else None


def _in_force(db: Database, hold_id: int) -> Hold | None:
    row = sql.one(db, "SELECT * FROM hold WHERE id = ? AND lifted_at IS NULL", [hold_id])
    return rules.hold_of(row) if row else None


def _row(new: NewHold, at: datetime) -> dict[str, Any]:
    return {
        "operation_id": new.operation_id,
        "environment": new.environment,
        "repository": new.repository,
        "good": new.good,
        "good_ref": audit.storable(new.good_ref),
        "bad": new.bad,
        "bad_ref": audit.storable(new.bad_ref),
        "by_id": new.by.user_id,
        "by_team": new.by.team_id,
        "why": audit.storable(new.why),
        "at": at.isoformat(),
    }


def _event(hold: Hold, deed: str, by: Actor, at: datetime, **detail: str) -> AuditEvent:
    held = {"hold": hold.id, "good": hold.good, "bad": hold.bad, "bad_ref": hold.bad_ref}
    return AuditEvent(at, by.user_id, f"hold.{deed}", hold.environment, held | detail)
