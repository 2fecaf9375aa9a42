"""The schema's history: each migration on a database with rows of the schema before it, and twice is harmless."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator

import pytest
from sqlite_utils import Database, Migrations

from bot.audit import AuditEvent, append, problems, rows
from bot.migrations import migrations
from bot.rules import revision
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


def the_rules(db: Database) -> None:
    who = {"by_id": "U0ANA", "by_team": "T0REIFY", "why": "broken"}
    now, bad = NOW.isoformat(), {"repository": "reify/reify-studio", "good_ref": "v1", "bad_ref": "v2"}
    holder = {"holder_id": "U0ANA", "holder_team": "T0REIFY", "why": "demo", "since": now}
    db.table("lock").insert({"id": 1, "scope": "reify-studio/production", "branch": "", **holder})
    waits = {"user_id": "U0BO", "team_id": "T0REIFY", "channel": "C0DEPLOYS", "wants": "unlock", "since": now}
    db.table("lock_waiter").insert({"lock_id": 1, **waits})
    held = {"environment": "reify-studio/production", "good": "1" * 40, "bad": "2" * 40, "at": now}
    db.table("hold").insert({"operation_id": "op1", **held, **bad, **who})
    db.table("incident").insert({"id": 1, "started_at": now, **who})
    db.table("incident_notice").insert({"incident_id": 1, "event": "start", "channel": "C0DEPLOYS"})
    reviewed = {"reviewed_by": "U0BO", "reviewed_at": now, "note": ""}
    db.table("review").insert({"operation_id": "op1", "incident_id": 1, **reviewed})
    asked = {"plan_hash": "0123456789abcdef", "state": "pending", "requested_at": now, "expires_at": now}
    db.table("approval").insert({"operation_id": "op1", **asked})
    db.table("github_record").insert({"operation_id": "op1", "next_at": now})


def a_difference(db: Database) -> None:
    row = {"environment": "reify-studio/production", "hash": "0123456789abcdef", "first_seen_at": NOW.isoformat()}
    db.table("scale_difference").insert({**row, "operation_id": "op1"})


def a_time_box(db: Database) -> None:
    row = {"operation_id": "op1", "environment": "reify-studio/production", "due_at": NOW.isoformat(), "state": "open"}
    db.table("time_box").insert(row)
    db.table("approval_reminder").insert({"approval_id": 1, "at": NOW.isoformat()})


# What is put into the database once the migration of that name was applied.
SAMPLES: dict[str, Callable[[Database], None]] = {
    "m001_operations": an_operation,
    "m002_audit": an_event,
    "m003_fires": a_fire,
    "m004_watches": a_watch,
    "m005_deliveries": a_delivery,
    "m006_rules": the_rules,
    "m007_scale_differences": a_difference,
    "m008_time_boxes": a_time_box,
}

TABLES = (
    "operation",
    "journal",
    "audit",
    "fire",
    "watch",
    "delivery",
    "rules",
    "lock",
    "lock_waiter",
    "hold",
    "incident",
    "incident_notice",
    "review",
    "approval",
    "github_record",
    "scale_difference",
    "time_box",
    "approval_reminder",
)


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

    assert {table: db.table(table).strict for table in our_tables(db)} == dict.fromkeys(TABLES, True)


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


@pytest.mark.parametrize(
    ("request_json", "kind"),
    [('{"ref": "v1", "back_from": "op0"}', "rollback"), ('{"back_from": ""}', "deployment"), ("{}", "deployment")],
)
def test_what_went_back_before_is_a_rollback_afterwards(db: Database, request_json: str, kind: str) -> None:
    """Deployments that a button or the bot itself made to go back get the kind that they are."""
    migrations.apply(db, stop_before="m006_rules")
    an_operation(db)
    db.execute("UPDATE operation SET request = ?", [request_json])

    migrations.apply(db)

    assert db.execute("SELECT kind FROM operation").fetchone() == (kind,)


@pytest.mark.parametrize("table", ["lock", "hold", "incident"])
def test_every_change_of_the_rules_is_counted(db: Database, table: str) -> None:
    """Whoever writes a lock, a hold or an incident, in whatever way: the revision of the rules goes up."""
    migrations.apply(db)
    an_operation(db)
    revisions = [revision(db)]
    the_rules(db)
    for dependent in ("lock_waiter", "incident_notice", "review"):
        db.execute(f"DELETE FROM {dependent}")
    for change in (f"UPDATE {table} SET why = 'mended'", f"DELETE FROM {table}"):
        revisions.append(revision(db))
        db.execute(change)
    revisions.append(revision(db))

    assert revisions == [0, 3, 4, 5]


def test_what_was_told_of_an_incident_is_no_change_of_the_rules(db: Database) -> None:
    """A plan does not become void because a message was posted or a rollback reviewed."""
    migrations.apply(db)
    an_operation(db)
    the_rules(db)
    before = revision(db)

    db.execute("UPDATE incident_notice SET ts = '1.0', shown = 1")
    db.execute("UPDATE review SET note = 'fine'")

    assert revision(db) == before


def another(db: Database, table: str) -> None:
    """Insert the table's only row once more."""
    (row,) = db.query(f"SELECT * FROM {table}")
    db.table(table).insert({column: value for column, value in row.items() if column != "id"})


@pytest.mark.parametrize("table", ["lock", "incident", "approval", "review", "hold"])
def test_the_database_itself_refuses_a_second_one(db: Database, table: str) -> None:
    """One lock of a scope, one incident, one pending approval; one review and one hold for an operation."""
    migrations.apply(db)
    an_operation(db)
    the_rules(db)

    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        another(db, table)


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("lock", "released_at = since"),
        ("incident", "ended_at = started_at"),
        ("approval", "state = 'approved'"),
    ],
)
def test_what_is_over_leaves_room_for_the_next(db: Database, table: str, change: str) -> None:
    """A released lock, an ended incident and a decided approval are no obstacle."""
    migrations.apply(db)
    an_operation(db)
    the_rules(db)
    db.execute(f"UPDATE {table} SET {change}")

    another(db, table)

    assert db.table(table).count == 2


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
