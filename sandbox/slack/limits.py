"""Rate limits: per method for the whole workspace, and per channel for posts.

Source: https://docs.slack.dev/apis/web-api/rate-limits. Slack publishes floors ("20+ per minute"); here
the floor is the limit. Tier 1 tolerates a burst, since ten sockets may be opened.
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Callable

from sandbox.slack.errors import SlackError

WINDOW_S = 60.0
TIER_1, TIER_2, TIER_3, TIER_4 = 10, 20, 50, 100
# "Generally allows posting one message per second per channel, while also maintaining a workspace-wide limit."
SPECIAL = 300
POSTS_PER_SECOND = 1.0
POST_BURST = 5


class Limits:
    """Counts calls on the simulated clock and refuses those above the limit."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._calls: dict[str, deque[float]] = defaultdict(deque)
        self._buckets: dict[str, tuple[float, float]] = {}

    def count(self, method: str, per_minute: int) -> None:
        """Count one call of `method`; SlackError `ratelimited` above `per_minute` in a minute."""
        now, calls = self._now(), self._calls[method]
        while calls and calls[0] <= now - WINDOW_S:
            calls.popleft()
        if len(calls) >= per_minute:
            raise _rate_limited(calls[0] + WINDOW_S - now)
        calls.append(now)

    def count_post(self, channel: str) -> None:
        """Count one post to `channel`: one per second, with bursts."""
        now = self._now()
        left, at = self._buckets.get(channel, (float(POST_BURST), now))
        left = min(float(POST_BURST), left + (now - at) * POSTS_PER_SECOND)
        if left < 1:
            self._buckets[channel] = (left, now)
            raise _rate_limited((1 - left) / POSTS_PER_SECOND)
        self._buckets[channel] = (left - 1, now)


def _rate_limited(wait_s: float) -> SlackError:
    return SlackError("ratelimited", status=429, headers={"Retry-After": str(max(1, math.ceil(wait_s)))})
