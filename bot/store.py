"""What the database holds, in domain values. The only module with SQL besides the schema and the audit chain."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlite_utils import Database

from bot import approvals, audit, rules, sql
from bot.audit import AuditEvent
from bot.domain.approval import Approval, ApprovalState
from bot.domain.model import Actor
from bot.domain.operation import (
    ACTIVE,
    FINAL,
    Card,
    Event,
    JournalRow,
    Kind,
    Operation,
    State,
    StepStatus,
    next_state,
)
from bot.errors import InvalidTransition, NotFound, OperationRunning, Reason, StaleAction
from bot.writer import Files

T = TypeVar("T")
Row = sqlite3.Row | Mapping[str, Any]
FIRES_KEPT = timedelta(days=7)


@dataclass(frozen=True)
class NewOperation:
    """An operation that a person asks for. `request_key` is the same when Slack sends the same request again."""

    request_key: str
    kind: Kind
    app: str
    environment: str
    pipeline: str
    actor: Actor
    channel: str
    request: Mapping[str, Any]


class Store:
    """The database: every method is one transaction, committed when it returns."""

    def __init__(self, path: str) -> None:
        self._files = Files(path)

    async def open(self) -> None:
        """Open and migrate; ConfigError where another bot holds the file."""
        await self._files.open()

    async def close(self) -> None:
        await self._files.close()

    @property
    def is_alive(self) -> bool:
        return self._files.writer.is_alive

    @property
    def is_busy(self) -> bool:
        """Whether a read or a write is under way."""
        return self._files.writer.is_busy or self._files.reader.is_busy

    async def write(self, work: Callable[[Database], T]) -> T:
        """Do this in one transaction in the writer's thread; what it returns once it is committed."""
        return await self._files.writer.run(work)

    async def read(self, work: Callable[[Database], T]) -> T:
        """Do this in the reader's thread, on what was committed before."""
        return await self._files.reader.run(work)

    async def create_operation(self, new: NewOperation, at: datetime) -> tuple[Operation, bool]:
        """Store a requested operation. The same request a second time gives the first one and False."""
        operation_id = f"{int(at.timestamp() * 1000):011x}{secrets.token_hex(4)}"
        row = _new_row(operation_id, new, at)
        event = AuditEvent(at, new.actor.user_id, f"{new.kind}.request", operation_id, new.request)

        def work(db: Database) -> tuple[Operation, bool]:
            if not sql.insert_once(db, "operation", row, by="request_key"):
                known = sql.one(db, "SELECT id FROM operation WHERE request_key = ?", [new.request_key])
                assert known is not None
                return operation_in(db, known["id"]), False
            audit.append(db, event)
            return _operation(row, ()), True

        return await self.write(work)

    async def operation(self, operation_id: str) -> Operation:
        """One operation with its journal; NotFound."""
        return await self.read(lambda db: operation_in(db, operation_id))

    async def active_operation(self, app: str) -> Operation | None:
        """The operation that holds the app, or None."""
        return await self.read(lambda db: _active(db, app))

    async def operations(self, *states: State) -> list[Operation]:
        """All operations in these states, oldest first."""
        marks = ", ".join("?" for _ in states)
        ids = f"SELECT id FROM operation WHERE state IN ({marks}) ORDER BY created_at"  # noqa: S608  only marks
        return await self.read(lambda db: _operations(db, ids, list(states)))

    async def unannounced(self) -> list[Operation]:
        """Ended operations whose end nobody was told yet, oldest first."""
        ids = "SELECT id FROM operation WHERE announced = 0 AND finished_at IS NOT NULL ORDER BY created_at"
        return await self.read(lambda db: _operations(db, ids))

    async def set_plan(
        self,
        operation_id: str,
        plan: Mapping[str, Any],
        plan_hash: str,
        *,
        request: Mapping[str, Any] | None = None,
        approval: Approval | None = None,
    ) -> Operation:
        """Give a requested operation its (new) plan, and what was asked where that changed, too.

        `approval` is the request for one that the plan needs; one for an earlier plan is void from then on.
        StaleAction when the operation is past planning.
        """

        def work(db: Database) -> Operation:
            change = """UPDATE operation SET plan = ?, plan_hash = ?, request = coalesce(?, request)
                WHERE id = ? AND state = ?"""
            asked = _dump(request) if request else None
            if not db.conn.execute(change, [_dump(plan), plan_hash, asked, operation_id, State.REQUESTED]).rowcount:
                raise StaleAction("The operation is past planning.")
            approvals.decide(db, operation_id, ApprovalState.VOID, note="there is a newer plan")
            if approval is not None:
                approvals.ask(db, operation_id, approval)
            return operation_in(db, operation_id)

        return await self.write(work)

    async def void_approval(self, operation_id: str, plan_hash: str, *, why: str, at: datetime) -> bool:
        """Void the pending request for approval of this plan; False where it was decided a moment ago."""

        def work(db: Database) -> bool:
            now = operation_in(db, operation_id).approval
            if now is None or not now.is_pending or now.plan_hash != plan_hash:
                return False
            approvals.decide(db, operation_id, ApprovalState.VOID, at=at, note=why)
            audit.append(db, AuditEvent(at, "flytower", "approval.void", operation_id, {"why": why}))
            return True

        return await self.write(work)

    async def rules_in_force(self, environment: str) -> rules.RulesInForce:
        """Locks, holds and incident that are about an environment (`pipeline/environment`), with their revision."""
        return await self.read(lambda db: rules.in_force(db, environment))

    async def set_card(self, operation_id: str, card: Card) -> None:
        """Remember where the operation's message is."""
        update = "UPDATE operation SET card_channel = ?, card_ts = ? WHERE id = ?"
        await self.write(lambda db: db.conn.execute(update, [card.channel, card.ts, operation_id]).rowcount)

    async def set_announced(self, operation_id: str) -> None:
        """Remember that the end was told."""
        update = "UPDATE operation SET announced = 1 WHERE id = ?"
        await self.write(lambda db: db.conn.execute(update, [operation_id]).rowcount)

    async def transition(
        self,
        operation_id: str,
        event: Event,
        *,
        by: Actor,
        at: datetime,
        reason: str = "",
        outcome: Mapping[str, Any] | None = None,
        plan_hash: str | None = None,
        only_from: State | None = None,
        rules_revision: int | None = None,
        is_approved: bool = False,
    ) -> Operation:
        """Move an operation along the state table, with its audit event, in one conditional step.

        `only_from` refuses what the table would allow from another state. `rules_revision` refuses a start where
        locks, holds or incidents changed since. `is_approved`: `by` says yes to the pending request for approval,
        which is used up by that; without it nothing starts that still waits for one. Raises InvalidTransition,
        OperationRunning (another one holds the app, by whom since when), StaleAction (the plan, its approval or the
        rules are not what was shown), NotFound.
        """

        def work(db: Database) -> Operation:
            now = operation_in(db, operation_id)
            if plan_hash is not None and plan_hash != now.plan_hash:
                raise StaleAction("The plan changed since this was shown.", reason=Reason.PLAN_CHANGED)
            if only_from not in {None, now.state}:
                raise InvalidTransition(now.state, event)
            state = next_state(now.state, event)
            if rules_revision not in {None, rules.revision(db)}:
                raise StaleAction("The rules changed since this was shown.", reason=Reason.PLAN_CHANGED)
            if state in ACTIVE and now.state not in ACTIVE and (holder := _active(db, now.app)):
                raise running_error(holder)
            approvals.answer(db, now, event, by=by, at=at, note=str((outcome or {}).get("note", "")), yes=is_approved)
            _update_state(db, now, state, at, reason, outcome)
            detail = {"state": state, "reason": reason, **(outcome or {})}
            if is_approved:
                detail["approved_by"] = by.user_id
            audit.append(db, AuditEvent(at, by.user_id, f"{now.kind}.{event}", operation_id, detail))
            return operation_in(db, operation_id)

        return await self.write(work)

    async def append_journal(self, operation_id: str, row: JournalRow) -> Operation:
        """Record a step; StaleAction when the operation has ended."""

        def work(db: Database) -> Operation:
            if operation_in(db, operation_id).is_final:
                raise StaleAction("The operation has ended.")
            stored = {
                "operation_id": operation_id,
                "step": row.step,
                "target": row.target,
                "status": row.status,
                "at": row.at.isoformat(),
                "detail": _dump(row.detail),
            }
            sql.insert(db, "journal", stored)
            return operation_in(db, operation_id)

        return await self.write(work)

    async def request_cancel(self, operation_id: str, by: Actor, at: datetime) -> Operation:
        """Ask a running operation to stop; the first who asks is remembered. StaleAction when it has ended."""

        def work(db: Database) -> Operation:
            now = operation_in(db, operation_id)
            if not now.is_active:
                raise StaleAction(f"The operation is not running any more: it is {now.state}.")
            if not now.cancel_requested_by:
                db.conn.execute("UPDATE operation SET cancel_requested_by = ? WHERE id = ?", [by.user_id, operation_id])
                audit.append(db, AuditEvent(at, by.user_id, f"{now.kind}.request_cancel", operation_id))
            return operation_in(db, operation_id)

        return await self.write(work)

    async def add_audit(self, event: AuditEvent) -> None:
        """Append an audit event that belongs to no change of state."""
        await self.write(lambda db: audit.append(db, event))

    async def audit_events(self) -> list[dict[str, Any]]:
        """All audit events, oldest first."""
        return await self.read(lambda db: list(audit.rows(db)))

    async def claim_fire(self, job: str, due: datetime) -> bool:
        """Claim one due time of a scheduled job: True for the first who asks. Claims of past weeks are dropped."""

        def work(db: Database) -> bool:
            forgotten = (due - FIRES_KEPT).isoformat()
            db.conn.execute("DELETE FROM fire WHERE job = ? AND due < ?", [job, forgotten])
            claim = "INSERT OR IGNORE INTO fire (job, due) VALUES (?, ?)"
            return bool(db.conn.execute(claim, [job, due.isoformat()]).rowcount == 1)

        return await self.write(work)


def running_error(holder: Operation) -> OperationRunning:
    """The refusal that names who holds the app, with what and since when."""
    since = f"{holder.started_at:%H:%M} UTC" if holder.started_at else "now"
    return OperationRunning(
        f"A {holder.kind} of `{holder.environment}` by {holder.actor.mention} is running since {since}.",
        hint="Wait until it ends, or cancel it on its card.",
    )


def _new_row(operation_id: str, new: NewOperation, at: datetime) -> dict[str, Any]:
    """The whole row, so that it need not be read back before the person gets an answer."""
    return {
        "id": operation_id,
        "request_key": new.request_key,
        "kind": new.kind,
        "state": State.REQUESTED,
        "app": new.app,
        "environment": new.environment,
        "pipeline": new.pipeline,
        "actor_id": new.actor.user_id,
        "actor_team": new.actor.team_id,
        "channel": new.channel,
        "request": _dump(new.request),
        "plan": None,
        "plan_hash": "",
        "created_at": at.isoformat(),
        "started_at": None,
        "finished_at": None,
        "card_channel": "",
        "card_ts": "",
        "cancel_requested_by": "",
        "reason": "",
        "outcome": "{}",
        "announced": 0,
    }


def _update_state(
    db: Database, now: Operation, state: State, at: datetime, reason: str, outcome: Mapping[str, Any] | None
) -> None:
    changes: dict[str, Any] = {"state": state}
    if state in ACTIVE and now.started_at is None:
        changes["started_at"] = at.isoformat()
    if state in FINAL:
        changes |= {"finished_at": at.isoformat(), "reason": reason, "outcome": _dump(outcome or {})}
    sql.update(db, "operation", now.id, changes)


def _operations(db: Database, ids: str, parameters: Sequence[Any] = ()) -> list[Operation]:
    return [operation_in(db, row["id"]) for row in sql.rows(db, ids, parameters).fetchall()]


def _active(db: Database, app: str) -> Operation | None:
    row = sql.one(db, "SELECT id FROM operation WHERE app = ? AND state IN ('running', 'verifying')", [app])
    return operation_in(db, row["id"]) if row else None


def operation_in(db: Database, operation_id: str) -> Operation:
    """One operation with its journal, within a transaction; NotFound."""
    row = sql.one(db, "SELECT * FROM operation WHERE id = ?", [operation_id])
    if row is None:
        raise NotFound("There is no such operation.", reason=Reason.UNKNOWN_OPERATION)
    journal = sql.rows(db, "SELECT * FROM journal WHERE operation_id = ? ORDER BY id", [operation_id])
    return _operation(row, journal, approvals.newest(db, operation_id))


def _operation(row: Row, journal: Iterable[Row], approval: Approval | None = None) -> Operation:
    return Operation(
        id=row["id"],
        kind=Kind(row["kind"]),
        state=State(row["state"]),
        app=row["app"],
        environment=row["environment"],
        pipeline=row["pipeline"],
        actor=Actor(row["actor_id"], row["actor_team"]),
        channel=row["channel"],
        request=json.loads(row["request"]),
        plan=json.loads(row["plan"]) if row["plan"] else None,
        plan_hash=row["plan_hash"],
        created_at=datetime.fromisoformat(row["created_at"]),
        started_at=_instant(row["started_at"]),
        finished_at=_instant(row["finished_at"]),
        card=Card(row["card_channel"], row["card_ts"]) if row["card_ts"] else None,
        cancel_requested_by=row["cancel_requested_by"],
        reason=row["reason"],
        outcome=json.loads(row["outcome"]),
        announced=bool(row["announced"]),
        approval=approval,
        journal=tuple(_journal_row(r) for r in journal),
    )


def _journal_row(row: Row) -> JournalRow:
    return JournalRow(
        step=row["step"],
        target=row["target"],
        status=StepStatus(row["status"]),
        at=datetime.fromisoformat(row["at"]),
        detail=json.loads(row["detail"]),
    )


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _dump(value: Mapping[str, Any]) -> str:
    return audit.storable(json.dumps(dict(value), ensure_ascii=False, separators=(",", ":")))
