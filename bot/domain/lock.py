"""Locks: a person keeps deployments out of an environment until they unlock it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.model import Actor
from bot.domain.operation import Card

# The scope of a lock on every environment.
EVERYWHERE = ""


@dataclass(frozen=True)
class Lock:
    """A lock as it stands. `scope` is an environment's unambiguous name (`pipeline/environment`), or EVERYWHERE.

    `branch`, where there is one, may still be deployed; so may whatever the holder deploys. `until` is None for a lock
    without an end.
    """

    id: int
    scope: str
    branch: str
    holder: Actor
    why: str
    since: datetime
    until: datetime | None = None

    def holds_at(self, now: datetime) -> bool:
        """Whether it is in force: an end that is past needs nobody to notice it."""
        return self.until is None or now < self.until

    def covers(self, environment: str) -> bool:
        """Whether it is about this environment, by its unambiguous name."""
        return self.scope in {EVERYWHERE, environment}

    def lets_through(self, actor: Actor, branch: str) -> bool:
        """Whether this person, or a deployment of this branch, passes."""
        return actor.user_id == self.holder.user_id or (bool(self.branch) and branch == self.branch)


class Outcome(StrEnum):
    """What came of the wish to lock."""

    LOCKED = "locked"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


class Question(StrEnum):
    """What somebody who waits asked the holder. `kept` is an answer that is not passed on yet."""

    NONE = "none"
    ASKED = "asked"
    DELIVERED = "delivered"
    KEPT = "kept"
    ANSWERED = "answered"


@dataclass(frozen=True)
class Waiter:
    """Somebody who wants to hear when a lock ends. `wants` is the command that it kept out, where that is known."""

    actor: Actor
    channel: str
    wants: str = ""
    question: Question = Question.NONE


@dataclass(frozen=True)
class LockRecord:
    """A lock, what became of it, and what Slack shows of it.

    `successor` is the lock of whoever took it over. `changes` counts what was said of it, `shown` is how much of that
    its message says. `told`: everybody who has to hear of its end did; `holder_told`: the one from whom it was taken.
    """

    lock: Lock
    channel: str
    released_at: datetime | None = None
    released_by: str = ""
    successor: int | None = None
    card: Card | None = None
    changes: int = 1
    shown: int = 0
    holder_told: bool = False
    told: bool = False

    def is_in_force(self, now: datetime) -> bool:
        """Whether it keeps anybody out. Once its end was told it is over, whatever another clock says."""
        return self.released_at is None and not self.told and self.lock.holds_at(now)

    @property
    def fate(self) -> str:
        """How a lock that is over ended, in a sentence."""
        by = Actor(self.released_by).mention
        if self.successor is not None:
            return f"{by} took it over from {self.lock.holder.mention}."
        return f"{by} unlocked it." if self.released_by else "Its end has come."

    @property
    def ended_at(self) -> datetime | None:
        """When it was released, else its end, where it has one."""
        return self.released_at or self.lock.until
