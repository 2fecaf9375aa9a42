"""The beat of the records at GitHub: soon after something changed, again while GitHub is down, and else never."""

from __future__ import annotations

from bot.operations.records import Recorder
from bot.ports import Clock
from jobs.beat import Beat

# A deployment changes many times in a row, and GitHub is told of few of them.
SETTLES_S = 1.0
AFTER_A_DEFECT_S = 60.0


def record_beat(recorder: Recorder, clock: Clock) -> Beat:
    """Tells GitHub what became of operations; a change is told at once, whatever else waits."""
    return Beat("records", recorder.tick, clock, settles_s=SETTLES_S, after_defect_s=AFTER_A_DEFECT_S, hurries=True)
