"""What `/deploy history` asks and what it finds. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.model import Actor
from bot.domain.operation import UNSUCCESSFUL, Card, Kind, State


class Result(StrEnum):
    """Which operations are asked for: those that ended in some way, or the rollbacks, however they ended."""

    ALL = "all"
    FAILED = "failed"
    SUCCEEDED = "succeeded"
    REJECTED = "rejected"
    ROLLBACKS = "rollbacks"


STATES: Mapping[Result, frozenset[State]] = {
    Result.ALL: frozenset(State),
    Result.FAILED: UNSUCCESSFUL,
    Result.SUCCEEDED: frozenset({State.SUCCEEDED}),
    Result.REJECTED: frozenset({State.REJECTED}),
    Result.ROLLBACKS: frozenset(State),
}
KINDS: Mapping[Result, frozenset[Kind]] = {
    result: frozenset({Kind.ROLLBACK} if result is Result.ROLLBACKS else Kind) for result in Result
}


@dataclass(frozen=True)
class Wish:
    """A page of history: of an environment (`pipeline/environment`, empty for all), of one result, or of a search.

    `before` and `after` are the last or first entry of another page, so that pages stay where they are while new
    entries arrive; neither asks for the newest.
    """

    environment: str = ""
    result: Result = Result.ALL
    search: str = ""
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class Entry:
    """One operation in short. `commit`, `origin` (what ran before) and `message` are empty where nothing is known.

    `approved_by` and `rejected_by` are Slack ids of who decided, where a second person was asked.
    """

    id: str
    kind: Kind
    state: State
    environment: str
    actor: Actor
    ref: str
    commit: str
    origin: str
    why: str
    retry_of: str
    back_from: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    reason: str
    message: str
    card: Card | None
    approved_by: str = ""
    rejected_by: str = ""

    @property
    def cursor(self) -> str:
        return self.id

    @property
    def what(self) -> str:
        """What it was, in a word."""
        return "retry" if self.retry_of and self.kind is Kind.DEPLOYMENT else self.kind.value

    @property
    def duration_s(self) -> float | None:
        """Seconds from start to end; None where it did not start or has not ended."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()


@dataclass(frozen=True)
class Recorded:
    """One audit event, and the environment of the operation that it is about, where there is one."""

    seq: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: str
    environment: str

    @property
    def cursor(self) -> str:
        return str(self.seq)


@dataclass(frozen=True)
class Page:
    """What was found, newest first: operations, or audit events where something was searched for."""

    wish: Wish
    entries: tuple[Entry, ...] = ()
    events: tuple[Recorded, ...] = ()
    has_older: bool = False
    has_newer: bool = False
