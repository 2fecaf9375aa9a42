"""Rate limits of the Machines API.

Source: https://fly.io/docs/machines/api/working-with-machines-api/#rate-limits (per action and per Machine or app)
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rate:
    per_second: float
    burst: int


ORDINARY = Rate(1, 3)
READ = Rate(5, 10)
# The page speaks of Machines, and of one read: what else is read of an app goes by that one, since flyctl reads an
# app several times in a row and does not try again after a 429.
READS = ("get_app", "get_secret", "get_volume", "list_addresses", "list_secrets", "list_snapshots", "list_volumes")
RATES = {"get_machine": READ, "delete_app": Rate(100 / 60, 100)} | dict.fromkeys(READS, READ)


class Limiter:
    """Token buckets on simulated time, one per (action, identifier)."""

    def __init__(self, *, enabled: bool) -> None:
        self.enabled = enabled
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}

    def allows(self, action: str, identifier: str, now: float) -> bool:
        """Whether one more request fits; counts it if so."""
        if not self.enabled:
            return True
        rate = RATES.get(action, ORDINARY)
        tokens, at = self._buckets.get((action, identifier), (float(rate.burst), now))
        tokens = min(rate.burst, tokens + (now - at) * rate.per_second)
        allowed = tokens >= 1
        self._buckets[action, identifier] = (tokens - 1 if allowed else tokens, now)
        return allowed
