"""The schema's history: each migration on a database with rows of the schema before it, and twice is harmless."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator

import pytest
from sqlite_utils import Database, Migrations

from bot.audit import AuditEvent, append, problems, rows
from bot.migrations import migrations
from tests.builders import NOW

NAMES = [migration.name for migration in migrations._migrations]


@pytest.fixture
def db() -> Iterator[Database]:
    """An empty database."""
    made = Database(memory=True)
    made.conn.execute("PRAGMA foreign_keys=ON")
    yield made
    made.close()


def an_operation(db: Database) -> None:
    values = dict.fromkeys(("app", "environment", "pipeline", "actor_id", "actor_team", "channel"), "x")
    base = {"id": "op1", "request_key": "k1", "kind": "deployment", "state": "running", "request": "{}"}
    db.table("operation").insert({**base, **values, "created_at": NOW.isoformat()})
    step = {"operation_id": "op1", "step": "check", "target": "", "status": "done", "at": "", "detail": "{}"}
    db.table("journal").insert(step)


def an_event(db: Database) -> None:
    append(db, AuditEvent(NOW, "U0ANA", "deployment.start", "op1"))


def a_fire(db: Database) -> None:
    db.table("fire").insert({"job": "sweep", "due": NOW.isoformat()})


def a_watch(db: Database) -> None:
    db.table("watch").insert({"operation_id": "op1", "phase": "watching", "told": "watching", "facts": "{}"})


def a_delivery(db: Database) -> None:
    told = {"event": "push", "action": "", "repository": "reify/reify-studio", "state": "received"}
    db.table("delivery").insert({"guid": "g1", **told, "received_at": NOW.isoformat(), "body": b"x"})


# What is put into the database once the migration of that name was applied.
SAMPLES: dict[str, Callable[[Database], None]] = {
    "m001_operations": an_operation,
    "m002_audit": an_event,
    "m003_fires": a_fire,
    "m004_watches": a_watch,
    "m005_deliveries": a_delivery,
}


def content(db: Database, tables: list[str]) -> dict[str, list[dict[str, object]]]:
    return {table: list(db.query(f"SELECT * FROM {table}")) for table in tables}


def our_tables(db: Database) -> list[str]:
    return [name for name in db.table_names() if not name.startswith(("_", "sqlite_"))]


def test_every_migration_has_sample_rows() -> None:
    """Who adds a migration adds rows for the tests of those after it."""
    assert list(SAMPLES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_migration_keeps_the_rows_before_it(db: Database, name: str) -> None:
    """Applied to a database in use, it leaves every row of the older schema as it was."""
    for earlier in NAMES[: NAMES.index(name)]:
        migrations.apply(db, stop_before=NAMES[NAMES.index(earlier) + 1])
        SAMPLES[earlier](db)
    tables = our_tables(db)
    before = content(db, tables)

    migrations.apply(db, stop_before=NAMES[NAMES.index(name) + 1 :])
    after = content(db, tables)
    SAMPLES[name](db)

    assert after == before
    assert [applied.name for applied in migrations.applied(db)] == NAMES[: NAMES.index(name) + 1]


def test_applying_twice_changes_nothing(db: Database) -> None:
    """The second start finds all applied, and every row where it was."""
    migrations.apply(db)
    for sample in SAMPLES.values():
        sample(db)
    before, schema = content(db, our_tables(db)), db.schema

    migrations.apply(db)

    assert content(db, our_tables(db)) == before
    assert db.schema == schema
    assert problems(rows(db)) == []


def test_every_table_is_strict(db: Database) -> None:
    """SQLite's loose types are off everywhere."""
    migrations.apply(db)

    assert {table: db.table(table).strict for table in our_tables(db)} == dict.fromkeys(
        ("operation", "journal", "audit", "fire", "watch", "delivery"), True
    )


def test_the_database_itself_refuses_a_second_active_operation(db: Database) -> None:
    """Even a write that goes around the code cannot let two operations hold one app."""
    migrations.apply(db)
    an_operation(db)

    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        db.conn.execute(
            "INSERT INTO operation SELECT 'op2', 'k2', kind, 'verifying', app, environment, pipeline, actor_id, "
            "actor_team, channel, request, plan, plan_hash, created_at, started_at, finished_at, card_channel, "
            "card_ts, cancel_requested_by, reason, outcome, announced FROM operation"
        )


def test_a_migration_that_breaks_leaves_nothing_behind(db: Database) -> None:
    """A script that fails half-way is rolled back whole, so that the next start can try again."""
    broken = Migrations("broken")

    @broken()
    def m001_half(db: Database) -> None:
        db.executescript("CREATE TABLE half (id INTEGER) STRICT; INSERT INTO half VALUES ('not a number');")

    with pytest.raises(sqlite3.IntegrityError):
        broken.apply(db)

    assert our_tables(db) == []
    assert [migration.name for migration in broken.pending(db)] == ["m001_half"]
