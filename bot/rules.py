"""Locks, holds and incidents in the database, and the revision that counts their changes.

The rules that are in force are read in one transaction with the revision; a start that names an older one is refused.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from bot import sql
from bot.domain.hold import Hold
from bot.domain.incident import Incident
from bot.domain.lock import Lock
from bot.domain.model import Actor

Row = sqlite3.Row | Mapping[str, Any]


@dataclass(frozen=True)
class RulesInForce:
    """What the rules say of one environment now; `lock_problem` where a lock is there and cannot be read.

    Locks whose end is past are left out by whoever knows the time.
    """

    revision: int
    locks: tuple[Lock, ...] = ()
    lock_problem: str = ""
    holds: tuple[Hold, ...] = ()
    incident: Incident | None = None


def in_force(db: Database, environment: str) -> RulesInForce:
    """The rules for an environment by its unambiguous name, within a transaction."""
    locks, problem = locks_in(db, environment)
    return RulesInForce(revision(db), locks, problem, holds_in(db, environment), incident_in(db))


def revision(db: Database) -> int:
    """How often locks, holds and incidents changed."""
    row = sql.one(db, "SELECT revision FROM rules", [])
    assert row is not None
    return int(row["revision"])


def locks_in(db: Database, environment: str) -> tuple[tuple[Lock, ...], str]:
    """The locks that were not released and are about the environment, and what could not be read of them."""
    query = "SELECT * FROM lock WHERE released_at IS NULL AND scope IN (?, '') ORDER BY id"
    locks, problem = [], ""
    for row in sql.rows(db, query, [environment]).fetchall():
        try:
            locks.append(lock_of(row))
        except (ValueError, TypeError) as error:
            problem = f"lock {row['id']}: {error}"
    return tuple(locks), problem


def lock_of(row: Row) -> Lock:
    """A lock; ValueError or TypeError where the row makes no sense."""
    until = datetime.fromisoformat(row["until"]) if row["until"] is not None else None
    since = datetime.fromisoformat(row["since"])
    if since.tzinfo is None or (until is not None and until.tzinfo is None):
        raise ValueError("a time without a time zone")
    holder = Actor(row["holder_id"], row["holder_team"])
    return Lock(row["id"], row["scope"], row["branch"], holder, row["why"], since, until)


def holds_in(db: Database, environment: str) -> tuple[Hold, ...]:
    """The holds in force for an environment, oldest first."""
    query = "SELECT * FROM hold WHERE lifted_at IS NULL AND environment = ? ORDER BY id"
    return tuple(hold_of(row) for row in sql.rows(db, query, [environment]).fetchall())


def hold_of(row: Row) -> Hold:
    """A hold."""
    return Hold(
        id=row["id"],
        environment=row["environment"],
        repository=row["repository"],
        operation_id=row["operation_id"],
        good=row["good"],
        good_ref=row["good_ref"],
        bad=row["bad"],
        bad_ref=row["bad_ref"],
        by=Actor(row["by_id"], row["by_team"]),
        why=row["why"],
        at=datetime.fromisoformat(row["at"]),
        fixes=tuple(json.loads(row["fixes"])),
    )


def incident_in(db: Database) -> Incident | None:
    """The incident that goes on, or None."""
    row = sql.one(db, "SELECT * FROM incident WHERE ended_at IS NULL", [])
    return incident_of(row) if row else None


def incident_of(row: Row) -> Incident:
    """An incident."""
    return Incident(
        id=row["id"],
        why=row["why"],
        by=Actor(row["by_id"], row["by_team"]),
        started_at=datetime.fromisoformat(row["started_at"]),
        ended_by=row["ended_by"],
        ended_at=datetime.fromisoformat(row["ended_at"]) if row["ended_at"] else None,
    )
