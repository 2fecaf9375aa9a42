"""Primary and secondary rate limits, counted on the simulated clock.

Source: "Rate limits for the REST API".
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from sandbox.clock import Clock
from sandbox.github.http import Caller, Endpoint, GitHubError
from sandbox.kit import Json

WINDOW_S = 3600
MINUTE_S = 60
PER_HOUR = {"anonymous": 60, "user": 5000, "app": 5000, "installation": 5000}
MOST_CONCURRENT = 100
POINTS_PER_MINUTE = 900
POINTS_READ, POINTS_WRITE = 1, 5
CONTENT_PER_MINUTE, CONTENT_PER_HOUR = 80, 500
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."


@dataclass
class Usage:
    """What one bucket used; `points` and `content` hold (instant, weight)."""

    reset_at: float
    used: int = 0
    points: deque[tuple[float, int]] = field(default_factory=deque)
    content: deque[tuple[float, int]] = field(default_factory=deque)


@dataclass
class Limits:
    """Counts always; refuses only while `enforced`."""

    clock: Clock
    enforced: bool = True
    usage: dict[str, Usage] = field(default_factory=dict)

    def of(self, caller: Caller) -> Usage:
        """The bucket's usage in the present window of an hour."""
        now = self.clock.now()
        usage = self.usage.setdefault(caller.bucket, Usage(now + WINDOW_S))
        if usage.reset_at <= now:
            usage.used, usage.reset_at = 0, now + WINDOW_S
        return usage

    def admit(self, caller: Caller, endpoint: Endpoint, in_flight: int) -> None:
        """Count against the secondary limits; refuse what is over any limit."""
        usage, now = self.of(caller), self.clock.now()
        if self.enforced:
            self._check_primary(caller, usage, endpoint)
            self._check_secondary(usage, endpoint, now, in_flight)
        usage.points.append((now, _points(endpoint)))
        if creates_content(endpoint):
            usage.content.append((now, 1))

    def _check_primary(self, caller: Caller, usage: Usage, endpoint: Endpoint) -> None:
        if endpoint.free or usage.used < PER_HOUR[caller.kind]:
            return
        raise GitHubError(403, f"API rate limit exceeded for {caller.bucket.replace(':', ' ID ')}.")

    def _check_secondary(self, usage: Usage, endpoint: Endpoint, now: float, in_flight: int) -> None:
        if in_flight > MOST_CONCURRENT:
            raise GitHubError(429, SECONDARY, headers={"retry-after": str(MINUTE_S)})
        _refuse_over(usage.points, now, MINUTE_S, POINTS_PER_MINUTE, _points(endpoint))
        if creates_content(endpoint):
            _refuse_over(usage.content, now, WINDOW_S, CONTENT_PER_HOUR, 1)
            _refuse_over(usage.content, now, MINUTE_S, CONTENT_PER_MINUTE, 1)

    def charge(self, caller: Caller) -> None:
        """Count one request against the primary limit."""
        self.of(caller).used += 1

    def leave(self, remaining: int) -> None:
        """Use up every known bucket until `remaining` requests are left."""
        for bucket, usage in self.usage.items():
            usage.used = max(0, PER_HOUR[_kind(bucket)] - remaining)

    def resource(self, caller: Caller) -> Json:
        """The primary limit as `GET /rate_limit` tells it."""
        usage, limit = self.of(caller), PER_HOUR[caller.kind]
        return {
            "limit": limit,
            "used": usage.used,
            "remaining": max(0, limit - usage.used),
            "reset": int(usage.reset_at),
        }

    def headers(self, caller: Caller) -> dict[str, str]:
        resource = {**self.resource(caller), "resource": "core"}
        return {f"x-ratelimit-{name}": str(value) for name, value in resource.items()}


def _kind(bucket: str) -> str:
    kind = bucket.partition(":")[0]
    return "anonymous" if kind == "address" else kind


def creates_content(endpoint: Endpoint) -> bool:
    """Whether GitHub counts it as creating content: here, what a signed-in account posts."""
    return endpoint.method == "POST" and endpoint.who == "account"


def _points(endpoint: Endpoint) -> int:
    return POINTS_READ if endpoint.method == "GET" else POINTS_WRITE


def _refuse_over(events: deque[tuple[float, int]], now: float, window_s: int, most: int, weight: int) -> None:
    """403 with retry-after where `weight` more would exceed `most` within the window."""
    recent = [(at, used) for at, used in events if at > now - window_s]
    # Of both windows the hour is the longer, so nothing older is ever asked for again.
    while events and events[0][0] <= now - WINDOW_S:
        events.popleft()
    if sum(used for _, used in recent) + weight > most:
        wait = max(1, int(recent[0][0] + window_s - now) + 1)
        raise GitHubError(403, SECONDARY, headers={"retry-after": str(wait)})
