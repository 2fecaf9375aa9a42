"""The schema of the database, as functions in order. Applied at start; each runs once, in a transaction."""

from __future__ import annotations

from sqlite_utils import Database, Migrations

migrations = Migrations("flytower")


@migrations()
def m001_operations(db: Database) -> None:
    """Operations with their journal. An active operation holds its app: the index refuses a second one."""
    db.executescript(
        """
        CREATE TABLE operation (
            id TEXT PRIMARY KEY,
            request_key TEXT NOT NULL UNIQUE,
            kind TEXT NOT NULL,
            state TEXT NOT NULL,
            app TEXT NOT NULL,
            environment TEXT NOT NULL,
            pipeline TEXT NOT NULL,
            actor_id TEXT NOT NULL,
            actor_team TEXT NOT NULL,
            channel TEXT NOT NULL,
            request TEXT NOT NULL,
            plan TEXT,
            plan_hash TEXT NOT NULL DEFAULT '',
            created_at TEXT NOT NULL,
            started_at TEXT,
            finished_at TEXT,
            card_channel TEXT NOT NULL DEFAULT '',
            card_ts TEXT NOT NULL DEFAULT '',
            cancel_requested_by TEXT NOT NULL DEFAULT '',
            reason TEXT NOT NULL DEFAULT '',
            outcome TEXT NOT NULL DEFAULT '{}',
            announced INTEGER NOT NULL DEFAULT 0
        ) STRICT;
        CREATE UNIQUE INDEX one_active_operation_per_app ON operation (app)
            WHERE state IN ('running', 'verifying');
        CREATE INDEX operation_by_environment ON operation (pipeline, environment, created_at);
        CREATE TABLE journal (
            id INTEGER PRIMARY KEY,
            operation_id TEXT NOT NULL REFERENCES operation (id),
            step TEXT NOT NULL,
            target TEXT NOT NULL,
            status TEXT NOT NULL,
            at TEXT NOT NULL,
            detail TEXT NOT NULL
        ) STRICT;
        CREATE INDEX journal_by_operation ON journal (operation_id, id);
        """
    )


@migrations()
def m002_audit(db: Database) -> None:
    """Audit events: append-only, each with the hash of the one before."""
    db.executescript(
        """
        CREATE TABLE audit (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            at TEXT NOT NULL,
            actor TEXT NOT NULL,
            action TEXT NOT NULL,
            subject TEXT NOT NULL,
            detail TEXT NOT NULL,
            previous_hash TEXT NOT NULL,
            hash TEXT NOT NULL UNIQUE
        ) STRICT;
        CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit
            WHEN NEW.seq IN (SELECT seq FROM audit) OR NEW.hash IN (SELECT hash FROM audit)
            BEGIN SELECT RAISE(ABORT, 'audit events are append-only'); END;
        CREATE TRIGGER audit_is_not_updated BEFORE UPDATE ON audit
            BEGIN SELECT RAISE(ABORT, 'audit events are append-only'); END;
        CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
            BEGIN SELECT RAISE(ABORT, 'audit events are append-only'); END;
        """
    )


@migrations()
def m003_fires(db: Database) -> None:
    """When each scheduled job was due and claimed: the memory of the scheduler."""
    db.executescript(
        """
        CREATE TABLE fire (
            job TEXT NOT NULL,
            due TEXT NOT NULL,
            PRIMARY KEY (job, due)
        ) STRICT;
        """
    )


@migrations()
def m004_watches(db: Database) -> None:
    """The watch after a success; the indexes find what is not watched yet, and what was started since."""
    db.executescript(
        """
        CREATE TABLE watch (
            operation_id TEXT PRIMARY KEY REFERENCES operation (id),
            phase TEXT NOT NULL,
            told TEXT NOT NULL,
            facts TEXT NOT NULL,
            revision INTEGER NOT NULL DEFAULT 0,
            card_channel TEXT NOT NULL DEFAULT '',
            card_ts TEXT NOT NULL DEFAULT ''
        ) STRICT;
        CREATE INDEX watch_to_follow ON watch (operation_id)
            WHERE phase IN ('recovered', 'restoring', 'trouble', 'watching') OR told <> phase;
        CREATE INDEX operation_by_end ON operation (finished_at) WHERE state = 'succeeded';
        CREATE INDEX operation_by_start ON operation (app, started_at);
        """
    )


@migrations()
def m005_deliveries(db: Database) -> None:
    """What GitHub delivered, with the payload compressed."""
    db.executescript(
        """
        CREATE TABLE delivery (
            guid TEXT PRIMARY KEY,
            event TEXT NOT NULL,
            action TEXT NOT NULL,
            repository TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('received', 'done', 'failed')),
            received_at TEXT NOT NULL,
            body BLOB NOT NULL
        ) STRICT;
        CREATE INDEX delivery_by_age ON delivery (received_at);
        """
    )
