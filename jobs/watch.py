"""The beat of the watch: a look every 15 s while something is watched, and nothing at all otherwise."""

from __future__ import annotations

from bot.operations.watch import LOOK_EVERY_S, Watching
from bot.ports import Clock
from jobs.beat import Beat


def watch_beat(watching: Watching, clock: Clock) -> Beat:
    """Looks at what is watched. A change hurries nothing: each look costs a call for each watched app."""
    return Beat("watch", watching.tick, clock, settles_s=LOOK_EVERY_S, after_defect_s=LOOK_EVERY_S)
