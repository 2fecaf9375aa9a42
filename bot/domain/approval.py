"""Approval by a second person: who may give it, what asks for it, how one request for it stands. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

# Whoever is reminded has at least so long to look.
SHORTEST_NOTICE = timedelta(minutes=10)


class ApprovalState(StrEnum):
    """How a request for approval stands. `void`: what was shown is no longer true; `withdrawn`: nobody wants it now."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    VOID = "void"
    WITHDRAWN = "withdrawn"


class Cause(StrEnum):
    """What asks for an approval; stable codes like the policy's reasons."""

    ENVIRONMENT = "environment"
    RED_ROLLBACK = "red_rollback"
    FREEZE = "freeze"
    INCIDENT = "incident"
    SCALING = "scaling"


@dataclass(frozen=True)
class ApprovalNeed:
    """Why a plan needs a second person, and who that may be.

    `approvers` are ids of Slack user groups (`S…`) and people (`U…`, `W…`); `because` has a sentence for each cause.
    """

    approvers: tuple[str, ...]
    causes: tuple[Cause, ...]
    because: tuple[str, ...]

    @property
    def groups(self) -> tuple[str, ...]:
        return tuple(each for each in self.approvers if each.startswith("S"))

    @property
    def people(self) -> tuple[str, ...]:
        return tuple(each for each in self.approvers if not each.startswith("S"))

    @property
    def mentions(self) -> str:
        """The approvers as they are told in a message."""
        return ", ".join(f"<!subteam^{each}>" if each.startswith("S") else f"<@{each}>" for each in self.approvers)


@dataclass(frozen=True)
class Approval:
    """One request for approval of one plan. `decided_by` is a Slack id; `note` the reason of a rejection or a void."""

    state: ApprovalState
    plan_hash: str
    requested_at: datetime
    expires_at: datetime
    decided_by: str = ""
    decided_at: datetime | None = None
    note: str = ""

    @property
    def is_pending(self) -> bool:
        return self.state is ApprovalState.PENDING


def reminder_at(asked: Approval) -> datetime:
    """When to remind of it: when a quarter of its time is left, and ten minutes or half of it at least."""
    lasts = asked.expires_at - asked.requested_at
    return asked.expires_at - min(max(lasts / 4, SHORTEST_NOTICE), lasts / 2)
