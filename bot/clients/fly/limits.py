"""Fly's rate limits, kept on our side, so that a burst waits here instead of being refused there.

Source: Fly docs, "Working with the Machines API", rate limits: per action and per Machine (or per app, where the
action is the app's) one request a second with bursts of three; reading one Machine 5 a second, bursts of 10.

aiolimiter would do, but it counts in the event loop's time and takes no clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.clients.http import Turn
from bot.ports import Clock

# Requests do not arrive as evenly as they leave, since the first open connections and the next find them open: a
# burst that is shorter by a quarter of a second, and 2 % more between requests, stay out of Fly's refusals.
LATENESS_S = 0.25
MARGIN = 1.02
EVICT_ABOVE = 1_000


@dataclass(frozen=True)
class Rate:
    """So many requests a second for ever, and so many at once after a pause."""

    per_s: float
    burst: int


DEFAULT_RATE = Rate(per_s=1, burst=3)
GET_MACHINE_RATE = Rate(per_s=5, burst=10)


class Limits:
    """A turn for each (action, id), in the order they were asked for.

    The generic cell rate algorithm: of each key one instant is kept, that from which its burst is whole again.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._full_at: dict[tuple[str, str], float] = {}

    def turn(self, action: str, target: str, rate: Rate = DEFAULT_RATE) -> Turn:
        """What to await before a request of `action` on `target`."""

        async def wait() -> None:
            wait_s = self._reserve((action, target), rate)
            if wait_s > 0:
                await self._clock.sleep(wait_s)

        return wait

    def _reserve(self, key: tuple[str, str], rate: Rate) -> float:
        now = self._clock.now().timestamp()
        interval_s = MARGIN / rate.per_s
        full_at = max(self._full_at.get(key, now), now)
        self._full_at[key] = full_at + interval_s
        if len(self._full_at) > EVICT_ABOVE:
            # A key whose burst is whole again is as good as one never seen.
            self._full_at = {k: at for k, at in self._full_at.items() if at > now}
        return full_at - (rate.burst - 1) * interval_s + LATENESS_S - now

    def __len__(self) -> int:
        return len(self._full_at)
