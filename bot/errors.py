"""The errors of Flytower and their reason codes.

BotError                    reason, hint
├─ UserError                their next move fixes it; shown as is, never alerts
│  ├─ BadCommand            could not be read; carries usage and "did you mean"
│  ├─ NotFound              kind, name, close matches
│  └─ NotAllowed            which rule, who could lift it
├─ Conflict                 right, but not now; shown with who and since when
│  ├─ OperationRunning      one operation per app at a time
│  ├─ Locked                somebody keeps deployments out; `lock_id` says which lock
│  ├─ LeaseHeld             somebody else's lease on a Machine, until when
│  ├─ StaleAction           a button that no longer fits the state
│  └─ InvalidTransition     state, event
├─ RemoteError              service, method, url, status, request_id; never a token
│  ├─ RemoteUnavailable     no connection, or 5xx; `sent` tells whether the request may have been worked
│  ├─ RemoteTimeout         accepted, not finished in time
│  ├─ RateLimited           retry_after
│  ├─ RemoteRejected        4xx; the provider's own message
│  └─ UnexpectedResponse    the shape is not what we know
├─ StepFailed               a step of an operation saw that it cannot succeed
└─ ConfigError              at start only; every problem with place and mend
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum


class Reason(StrEnum):
    """Stable codes for tests, audit and dashboards; docs/commands.md explains each."""

    BAD_COMMAND = "bad_command"
    UNKNOWN_ENVIRONMENT = "unknown_environment"
    AMBIGUOUS_ENVIRONMENT = "ambiguous_environment"
    UNKNOWN_REF = "unknown_ref"
    UNKNOWN_OPERATION = "unknown_operation"
    NOT_A_MEMBER = "not_a_member"
    OTHER_WORKSPACE = "other_workspace"
    MEMBERSHIP_UNKNOWN = "membership_unknown"
    NOT_THE_REQUESTER = "not_the_requester"
    REF_NOT_ALLOWED = "ref_not_allowed"
    CI_NOT_GREEN = "ci_not_green"
    CI_UNKNOWN = "ci_unknown"
    IMAGE_MISSING = "image_missing"
    IMAGE_UNKNOWN = "image_unknown"
    BUILD_IMPOSSIBLE = "build_impossible"
    BUILD_FAILED = "build_failed"
    BUILD_TIMEOUT = "build_timeout"
    BUILD_UNKNOWN = "build_unknown"
    TAG_TAKEN = "tag_taken"
    PROMOTION_UNCLEAR = "promotion_unclear"
    STRATEGY_IMPOSSIBLE = "strategy_impossible"
    ALREADY_LIVE = "already_live"
    NO_MACHINES = "no_machines"
    HOST_UNREACHABLE = "host_unreachable"
    ROLLBACK_OFF = "rollback_off"
    UNKNOWN_RELEASE = "unknown_release"
    RELEASE_NOT_LIVE = "release_not_live"
    CONFIGURATION_UNKNOWN = "configuration_unknown"
    LOCKED = "locked"
    LOCK_UNKNOWN = "lock_unknown"
    LOCK_NOT_YOURS = "lock_not_yours"
    NO_LOCK = "no_lock"
    HELD = "held"
    HOLD_UNKNOWN = "hold_unknown"
    NO_HOLD = "no_hold"
    FROZEN = "frozen"
    INCIDENT = "incident"
    NO_INCIDENT = "no_incident"
    APPROVAL_NEEDED = "approval_needed"
    APPROVAL_VOID = "approval_void"
    APPROVERS_MISSING = "approvers_missing"
    APPROVERS_UNKNOWN = "approvers_unknown"
    NOT_AN_APPROVER = "not_an_approver"
    OWN_APPROVAL = "own_approval"
    REJECTED = "rejected"
    GROUP_UNNAMED = "group_unnamed"
    GROUP_UNKNOWN = "group_unknown"
    REGION_UNKNOWN = "region_unknown"
    SIZE_UNKNOWN = "size_unknown"
    BELOW_MINIMUM = "below_minimum"
    ABOVE_MAXIMUM = "above_maximum"
    NO_HEALTHY_MODEL = "no_healthy_model"
    VOLUME_ONLY_COPY = "volume_only_copy"
    NOTHING_TO_SCALE = "nothing_to_scale"
    NO_CAPACITY = "no_capacity"
    OPERATION_RUNNING = "operation_running"
    LEASE_HELD = "lease_held"
    PLAN_CHANGED = "plan_changed"
    STALE_ACTION = "stale_action"
    INVALID_TRANSITION = "invalid_transition"
    RELEASE_COMMAND_FAILED = "release_command_failed"
    RELEASE_COMMAND_TIMEOUT = "release_command_timeout"
    MACHINE_NOT_STARTED = "machine_not_started"
    MACHINE_CRASHED = "machine_crashed"
    MACHINE_UNHEALTHY = "machine_unhealthy"
    MACHINE_GONE = "machine_gone"
    WRONG_IMAGE = "wrong_image"
    CHANGED_OUTSIDE = "changed_outside"
    LEASE_LOST = "lease_lost"
    CANCELLED = "cancelled"
    REMOTE_UNAVAILABLE = "remote_unavailable"
    REMOTE_TIMEOUT = "remote_timeout"
    RATE_LIMITED = "rate_limited"
    REMOTE_REJECTED = "remote_rejected"
    UNEXPECTED_RESPONSE = "unexpected_response"
    CONFIG = "config"
    INTERNAL = "internal"


class BotError(Exception):
    """Root of all errors that Flytower raises on purpose; the message is a sentence for a person."""

    reason: Reason = Reason.INTERNAL

    def __init__(self, message: str, *, hint: str = "", reason: Reason | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if reason is not None:
            self.reason = reason


class UserError(BotError):
    """The person's next move fixes it."""


class BadCommand(UserError):
    """The text could not be read as a command."""

    reason = Reason.BAD_COMMAND

    def __init__(self, message: str, *, usage: str = "", did_you_mean: str = "") -> None:
        hint = f"Did you mean `{did_you_mean}`?" if did_you_mean else ""
        super().__init__(message, hint=hint)
        self.usage = usage
        self.did_you_mean = did_you_mean


class NotFound(UserError):
    """Something that was named does not exist."""


class NotAllowed(UserError):
    """A rule says no; the message names the rule, the hint who can lift it."""


class Conflict(BotError):
    """Right, but not now."""


class OperationRunning(Conflict):
    """Another operation holds the app."""

    reason = Reason.OPERATION_RUNNING


class Locked(Conflict):
    """A person keeps deployments out of the environment."""

    reason = Reason.LOCKED

    def __init__(self, message: str, *, lock_id: int, hint: str = "", reason: Reason | None = None) -> None:
        super().__init__(message, hint=hint, reason=reason)
        self.lock_id = lock_id


class LeaseHeld(Conflict):
    """Somebody else holds Fly's lease on a Machine: usually a flyctl deployment is running."""

    reason = Reason.LEASE_HELD

    def __init__(self, machine: str, owner: str, expires_at: datetime | None) -> None:
        until = f" until {expires_at:%H:%M:%S} UTC" if expires_at else ""
        super().__init__(
            f"Machine {machine} is leased by {owner or 'somebody else'}{until}.",
            hint="A deployment outside Flytower is probably running; try again when it is over.",
        )
        self.machine = machine
        self.owner = owner
        self.expires_at = expires_at


class StaleAction(Conflict):
    """A button was pressed that no longer fits; the message says what happened since."""

    reason = Reason.STALE_ACTION


class InvalidTransition(Conflict):
    """The state table has no such move."""

    reason = Reason.INVALID_TRANSITION

    def __init__(self, state: str, event: str) -> None:
        super().__init__(f"An operation that is {state} cannot {event}.")
        self.state = state
        self.event = event


class RemoteError(BotError):
    """A provider did not do what was asked. Carries what support would ask for, never a token."""

    def __init__(
        self,
        message: str,
        *,
        service: str,
        method: str = "",
        url: str = "",
        status: int | None = None,
        request_id: str = "",
        sent: bool = True,
    ) -> None:
        super().__init__(message)
        self.service = service
        self.method = method
        self.url = url
        self.status = status
        self.request_id = request_id
        self.sent = sent

    def __str__(self) -> str:
        facts = [f"HTTP {self.status}" if self.status else "", f"request {self.request_id}" if self.request_id else ""]
        tail = ", ".join(fact for fact in facts if fact)
        return f"{self.service}: {self.message}" + (f" ({tail})" if tail else "")


class RemoteUnavailable(RemoteError):
    """No connection, a broken one, or a 5xx. With `sent` false the request certainly did nothing."""

    reason = Reason.REMOTE_UNAVAILABLE


class RemoteTimeout(RemoteError):
    """Accepted, but not finished in time: ask for the state before deciding."""

    reason = Reason.REMOTE_TIMEOUT


class RateLimited(RemoteError):
    """Too many requests; `retry_after` is the provider's wish, if it named one."""

    reason = Reason.RATE_LIMITED

    def __init__(self, message: str, *, service: str, retry_after: timedelta | None = None, **facts: object) -> None:
        super().__init__(message, service=service, **facts)  # type: ignore[arg-type]
        self.retry_after = retry_after


class RemoteRejected(RemoteError):
    """A 4xx with the provider's own message; `code` is the provider's machine-readable one, if any."""

    reason = Reason.REMOTE_REJECTED

    def __init__(self, message: str, *, service: str, code: str = "", **facts: object) -> None:
        super().__init__(message, service=service, **facts)  # type: ignore[arg-type]
        self.code = code


class UnexpectedResponse(RemoteError):
    """The answer does not have the shape that we know."""

    reason = Reason.UNEXPECTED_RESPONSE


class StepFailed(BotError):
    """A step of an operation saw that the operation cannot succeed."""


class ConfigError(BotError):
    """The configuration has problems; all of them are listed, each with its place and its mend."""

    reason = Reason.CONFIG

    def __init__(self, problems: list[str]) -> None:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(f"The configuration has {count}:\n" + "\n".join(f"- {problem}" for problem in problems))
        self.problems = problems
