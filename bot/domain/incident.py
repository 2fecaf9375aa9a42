"""An incident: rollbacks pass without approval, loudly; forward deployments need one. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.model import Actor
from bot.domain.operation import Card, Operation


@dataclass(frozen=True)
class Incident:
    """A declared incident; it is about every environment. `ended_at` is None while it goes on."""

    id: int
    why: str
    by: Actor
    started_at: datetime
    ended_by: str = ""
    ended_at: datetime | None = None


@dataclass(frozen=True)
class Review:
    """A look at a rollback after the fact; `by` is a Slack id."""

    by: str
    at: datetime
    note: str = ""


@dataclass(frozen=True)
class Passage:
    """A rollback that passed without the approval that it would have needed; `review` is None until there is one."""

    incident_id: int
    operation: Operation
    review: Review | None = None


class Told(StrEnum):
    """What a channel hears of an incident."""

    START = "start"
    END = "end"


@dataclass(frozen=True)
class Notice:
    """What one channel hears or has heard; `card` is None until it was posted."""

    id: int
    incident: Incident
    event: Told
    channel: str
    card: Card | None = None
