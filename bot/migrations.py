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


@migrations()
def m006_rules(db: Database) -> None:
    """Locks, holds, incidents and approvals; `rules.revision` counts every change of what may run.

    Triggers count, so that no writer can forget it. What goes back is a rollback from here on.
    """
    db.executescript(
        """
        CREATE TABLE rules (id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER NOT NULL) STRICT;
        INSERT INTO rules VALUES (1, 0);
        CREATE TABLE lock (
            id INTEGER PRIMARY KEY,
            scope TEXT NOT NULL,
            branch TEXT NOT NULL,
            holder_id TEXT NOT NULL,
            holder_team TEXT NOT NULL,
            why TEXT NOT NULL,
            since TEXT NOT NULL,
            until TEXT,
            released_at TEXT,
            released_by TEXT NOT NULL DEFAULT '',
            successor INTEGER REFERENCES lock (id),
            changes INTEGER NOT NULL DEFAULT 1,
            shown INTEGER NOT NULL DEFAULT 0,
            channel TEXT NOT NULL DEFAULT '',
            card_channel TEXT NOT NULL DEFAULT '',
            card_ts TEXT NOT NULL DEFAULT '',
            holder_told INTEGER NOT NULL DEFAULT 0,
            told INTEGER NOT NULL DEFAULT 0
        ) STRICT;
        CREATE INDEX lock_to_tell ON lock (id) WHERE told = 0;
        CREATE UNIQUE INDEX one_lock_per_scope ON lock (scope) WHERE released_at IS NULL;
        CREATE TABLE lock_waiter (
            lock_id INTEGER NOT NULL REFERENCES lock (id),
            user_id TEXT NOT NULL,
            team_id TEXT NOT NULL,
            channel TEXT NOT NULL,
            wants TEXT NOT NULL,
            since TEXT NOT NULL,
            question TEXT NOT NULL DEFAULT 'none',
            told INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (lock_id, user_id)
        ) STRICT;
        CREATE TABLE hold (
            id INTEGER PRIMARY KEY,
            operation_id TEXT NOT NULL UNIQUE REFERENCES operation (id),
            environment TEXT NOT NULL,
            repository TEXT NOT NULL,
            good TEXT NOT NULL,
            good_ref TEXT NOT NULL,
            bad TEXT NOT NULL,
            bad_ref TEXT NOT NULL,
            by_id TEXT NOT NULL,
            by_team TEXT NOT NULL,
            why TEXT NOT NULL,
            at TEXT NOT NULL,
            fixes TEXT NOT NULL DEFAULT '[]',
            lifted_at TEXT,
            lifted_by TEXT NOT NULL DEFAULT '',
            lifted_why TEXT NOT NULL DEFAULT ''
        ) STRICT;
        CREATE INDEX hold_in_force ON hold (environment) WHERE lifted_at IS NULL;
        CREATE TABLE incident (
            id INTEGER PRIMARY KEY,
            why TEXT NOT NULL,
            by_id TEXT NOT NULL,
            by_team TEXT NOT NULL,
            started_at TEXT NOT NULL,
            ended_at TEXT,
            ended_by TEXT NOT NULL DEFAULT ''
        ) STRICT;
        CREATE UNIQUE INDEX one_incident ON incident (ended_at IS NULL) WHERE ended_at IS NULL;
        CREATE TABLE incident_notice (
            id INTEGER PRIMARY KEY,
            incident_id INTEGER NOT NULL REFERENCES incident (id),
            event TEXT NOT NULL CHECK (event IN ('start', 'end')),
            channel TEXT NOT NULL,
            ts TEXT NOT NULL DEFAULT '',
            shown INTEGER NOT NULL DEFAULT -1,
            UNIQUE (incident_id, event, channel)
        ) STRICT;
        CREATE TABLE review (
            operation_id TEXT PRIMARY KEY REFERENCES operation (id),
            incident_id INTEGER NOT NULL REFERENCES incident (id),
            reviewed_by TEXT NOT NULL,
            reviewed_at TEXT NOT NULL,
            note TEXT NOT NULL
        ) STRICT;
        CREATE TABLE approval (
            id INTEGER PRIMARY KEY,
            operation_id TEXT NOT NULL REFERENCES operation (id),
            plan_hash TEXT NOT NULL,
            state TEXT NOT NULL,
            requested_at TEXT NOT NULL,
            expires_at TEXT NOT NULL,
            decided_at TEXT,
            decided_by TEXT NOT NULL DEFAULT '',
            note TEXT NOT NULL DEFAULT ''
        ) STRICT;
        CREATE UNIQUE INDEX one_pending_approval ON approval (operation_id) WHERE state = 'pending';
        CREATE INDEX approval_by_operation ON approval (operation_id, id);
        CREATE TABLE github_record (
            operation_id TEXT PRIMARY KEY REFERENCES operation (id),
            deployment_id INTEGER,
            told TEXT NOT NULL DEFAULT '',
            tries INTEGER NOT NULL DEFAULT 0,
            next_at TEXT NOT NULL,
            problem TEXT NOT NULL DEFAULT ''
        ) STRICT;
        INSERT INTO github_record (operation_id, next_at, problem)
            SELECT id, finished_at, 'It ended before there were records.' FROM operation WHERE finished_at IS NOT NULL;
        UPDATE operation SET kind = 'rollback' WHERE json_extract(request, '$.back_from') <> '';
        """
    )
    counts = "BEGIN UPDATE rules SET revision = revision + 1; END"
    # What Slack shows of a lock is no rule.
    of_a_lock = " OF scope, branch, holder_id, holder_team, why, since, until, released_at"
    for table, columns in (("lock", of_a_lock), ("hold", ""), ("incident", "")):
        db.execute(f"CREATE TRIGGER {table}_is_made AFTER INSERT ON {table} {counts}")
        db.execute(f"CREATE TRIGGER {table}_is_changed AFTER UPDATE{columns} ON {table} {counts}")
        db.execute(f"CREATE TRIGGER {table}_is_deleted AFTER DELETE ON {table} {counts}")


@migrations()
def m007_scale_differences(db: Database) -> None:
    """How environments differ from what is wanted of them, and which scaling the bot proposed for it."""
    db.executescript(
        """
        CREATE TABLE scale_difference (
            id INTEGER PRIMARY KEY,
            environment TEXT NOT NULL,
            hash TEXT NOT NULL,
            first_seen_at TEXT NOT NULL,
            operation_id TEXT REFERENCES operation (id),
            gone_at TEXT
        ) STRICT;
        CREATE UNIQUE INDEX one_difference ON scale_difference (environment) WHERE gone_at IS NULL;
        """
    )


@migrations()
def m008_time_boxes(db: Database) -> None:
    """The ends of scalings for some hours, and which requests for an approval were reminded of."""
    db.executescript(
        """
        CREATE TABLE time_box (
            operation_id TEXT PRIMARY KEY REFERENCES operation (id),
            environment TEXT NOT NULL,
            due_at TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('open', 'asked', 'kept', 'overtaken')),
            by_id TEXT NOT NULL DEFAULT '',
            by_team TEXT NOT NULL DEFAULT '',
            note TEXT NOT NULL DEFAULT '',
            ref TEXT NOT NULL DEFAULT '',
            asked_id TEXT NOT NULL DEFAULT '',
            revision INTEGER NOT NULL DEFAULT 0,
            shown INTEGER NOT NULL DEFAULT 0,
            card_channel TEXT NOT NULL DEFAULT '',
            card_ts TEXT NOT NULL DEFAULT ''
        ) STRICT;
        CREATE TABLE approval_reminder (
            approval_id INTEGER PRIMARY KEY REFERENCES approval (id),
            at TEXT NOT NULL
        ) STRICT;
        CREATE INDEX time_box_to_follow ON time_box (operation_id) WHERE state = 'open';
        CREATE INDEX scaling_done ON operation (id) WHERE kind = 'scaling' AND state = 'succeeded';
        """
    )
