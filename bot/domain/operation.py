"""The states of an operation and the moves between them. Whatever asks about a state asks here.

requested ──start──> running ──verify──> verifying ──succeed──> succeeded
    │ cancel/expire/reject/fail  │ fail │ cancel  │ fail │ cancel
    v                            v      v         v      v
cancelled/expired/rejected/failed  failed  cancelled  failed  cancelled
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from bot.domain.approval import Approval
from bot.domain.model import Actor
from bot.errors import InvalidTransition


class State(StrEnum):
    """Where an operation stands. `verifying`: all Machines moved, the result is being read back."""

    REQUESTED = "requested"
    RUNNING = "running"
    VERIFYING = "verifying"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"


class Event(StrEnum):
    """What moves an operation."""

    START = "start"
    VERIFY = "verify"
    SUCCEED = "succeed"
    FAIL = "fail"
    CANCEL = "cancel"
    EXPIRE = "expire"
    REJECT = "reject"


TRANSITIONS: dict[State, dict[Event, State]] = {
    State.REQUESTED: {
        Event.START: State.RUNNING,
        Event.FAIL: State.FAILED,
        Event.CANCEL: State.CANCELLED,
        Event.EXPIRE: State.EXPIRED,
        Event.REJECT: State.REJECTED,
    },
    State.RUNNING: {Event.VERIFY: State.VERIFYING, Event.FAIL: State.FAILED, Event.CANCEL: State.CANCELLED},
    State.VERIFYING: {Event.SUCCEED: State.SUCCEEDED, Event.FAIL: State.FAILED, Event.CANCEL: State.CANCELLED},
    State.SUCCEEDED: {},
    State.FAILED: {},
    State.CANCELLED: {},
    State.EXPIRED: {},
    State.REJECTED: {},
}

# An active operation holds its app: the database refuses a second one.
ACTIVE = frozenset({State.RUNNING, State.VERIFYING})
FINAL = frozenset(state for state, moves in TRANSITIONS.items() if not moves)
UNSUCCESSFUL = FINAL - {State.SUCCEEDED}


def next_state(state: State, event: Event) -> State:
    """The state after `event`; a pair that is not listed is InvalidTransition."""
    if event not in TRANSITIONS[state]:
        raise InvalidTransition(state, event)
    return TRANSITIONS[state][event]


class Kind(StrEnum):
    """What an operation does."""

    DEPLOYMENT = "deployment"
    ROLLBACK = "rollback"
    SCALING = "scaling"


# What brings an image to the Machines.
RELEASING = frozenset({Kind.DEPLOYMENT, Kind.ROLLBACK})


class StepStatus(StrEnum):
    """How a journal row stands. `started` is written before a write whose repetition would do harm."""

    STARTED = "started"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class JournalRow:
    """One step of an operation as it was recorded; `target` is the Machine where there is one."""

    step: str
    target: str
    status: StepStatus
    at: datetime
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Card:
    """Where an operation's one message is: Slack's channel and ts."""

    channel: str
    ts: str


@dataclass(frozen=True)
class Operation:
    """One operation: what was asked, by whom, where it stands. `plan` is None until it was planned.

    `approval` is the newest request for one, or None where none was needed.
    """

    id: str
    kind: Kind
    state: State
    app: str
    environment: str
    pipeline: str
    actor: Actor
    channel: str
    request: dict[str, Any]
    plan: dict[str, Any] | None
    plan_hash: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    card: Card | None
    cancel_requested_by: str
    reason: str
    outcome: dict[str, Any]
    announced: bool
    approval: Approval | None = None
    journal: tuple[JournalRow, ...] = ()

    @property
    def is_final(self) -> bool:
        return self.state in FINAL

    @property
    def is_active(self) -> bool:
        return self.state in ACTIVE

    def row(self, step: str, target: str = "") -> JournalRow | None:
        """The newest journal row of a step (and Machine), or None."""
        return next((r for r in reversed(self.journal) if r.step == step and r.target == target), None)

    def rows(self, step: str) -> dict[str, JournalRow]:
        """The newest row of a step by target."""
        return {r.target: r for r in self.journal if r.step == step}

    def done(self, step: str, target: str = "") -> bool:
        """Whether the newest row of the step says that it is done."""
        row = self.row(step, target)
        return row is not None and row.status is StepStatus.DONE
