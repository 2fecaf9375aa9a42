"""The beat of time boxes: it sleeps until the next one ends, or something changes."""

from __future__ import annotations

from bot.operations.time_boxes import AGAIN_S, TimeBoxing
from bot.ports import Clock
from jobs.beat import Beat

SETTLES_S = 1.0


def time_box_beat(boxes: TimeBoxing, clock: Clock) -> Beat:
    """Follows scalings for some hours to their end; a change ends the pause."""
    return Beat("time boxes", boxes.tick, clock, settles_s=SETTLES_S, after_defect_s=AGAIN_S, hurries=True)
