"""Requests for approval in the database; used within the transactions of bot/store.py that move their operations."""

from __future__ import annotations

from datetime import datetime

from sqlite_utils import Database

from bot import audit, sql
from bot.domain.approval import Approval, ApprovalState
from bot.domain.model import Actor
from bot.domain.operation import Event, Operation
from bot.errors import Reason, StaleAction

# What becomes of a request when its operation leaves `requested` in another way than by a yes.
_UNDECIDED = {
    Event.REJECT: ApprovalState.REJECTED,
    Event.EXPIRE: ApprovalState.EXPIRED,
    Event.CANCEL: ApprovalState.WITHDRAWN,
    Event.FAIL: ApprovalState.VOID,
}


def ask(db: Database, operation_id: str, approval: Approval) -> None:
    """Write a request for approval; the table refuses a second one that is pending."""
    row = {
        "operation_id": operation_id,
        "plan_hash": approval.plan_hash,
        "state": approval.state,
        "requested_at": approval.requested_at.isoformat(),
        "expires_at": approval.expires_at.isoformat(),
    }
    sql.insert(db, "approval", row)


def answer(db: Database, now: Operation, event: Event, *, by: Actor, at: datetime, note: str, yes: bool) -> None:
    """Decide the request with the move that decides its operation: never the one without the other.

    StaleAction for a yes to what is not asked (any more), and for a start while somebody is still asked.
    """
    pending = now.approval if now.approval is not None and now.approval.is_pending else None
    if event is Event.START:
        is_for_this = pending is not None and pending.plan_hash == now.plan_hash
        if yes and not is_for_this:
            raise StaleAction("This approval was decided already, or is void.", reason=Reason.APPROVAL_VOID)
        if pending is not None and not yes:
            raise StaleAction("A second person has to approve this.", reason=Reason.APPROVAL_NEEDED)
    if pending is not None:
        decide(db, now.id, ApprovalState.APPROVED if yes else _UNDECIDED[event], by=by, at=at, note=note)


def decide(
    db: Database,
    operation_id: str,
    state: ApprovalState,
    *,
    by: Actor | None = None,
    at: datetime | None = None,
    note: str = "",
) -> None:
    """Decide the pending request of an operation, if there is one."""
    change = """UPDATE approval SET state = ?, decided_by = ?, decided_at = ?, note = ?
        WHERE operation_id = ? AND state = 'pending'"""
    who, when = by.user_id if by else "", at.isoformat() if at else None
    db.conn.execute(change, [state, who, when, audit.storable(note), operation_id])


def claim_reminder(db: Database, operation_id: str, at: datetime) -> bool:
    """Remember that the pending request of an operation was reminded of: True for the first who asks."""
    claim = """INSERT INTO approval_reminder (approval_id, at)
        SELECT id, ? FROM approval WHERE operation_id = ? AND state = 'pending'
        ON CONFLICT (approval_id) DO NOTHING"""
    return db.conn.execute(claim, [at.isoformat(), operation_id]).rowcount == 1


def unclaim_reminder(db: Database, operation_id: str) -> None:
    """Forget the claim: nobody was reminded."""
    forget = """DELETE FROM approval_reminder
        WHERE approval_id IN (SELECT id FROM approval WHERE operation_id = ? AND state = 'pending')"""
    db.conn.execute(forget, [operation_id])


def newest(db: Database, operation_id: str) -> Approval | None:
    """The newest request of an operation, or None."""
    row = sql.one(db, "SELECT * FROM approval WHERE operation_id = ? ORDER BY id DESC LIMIT 1", [operation_id])
    if row is None:
        return None
    return Approval(
        state=ApprovalState(row["state"]),
        plan_hash=row["plan_hash"],
        requested_at=datetime.fromisoformat(row["requested_at"]),
        expires_at=datetime.fromisoformat(row["expires_at"]),
        decided_by=row["decided_by"],
        decided_at=datetime.fromisoformat(row["decided_at"]) if row["decided_at"] else None,
        note=row["note"],
    )
