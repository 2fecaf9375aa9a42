"""The beat that compares what runs with what should: by the policy's interval, and soon after something changed."""

from __future__ import annotations

from bot.operations.estate import Estate
from bot.ports import Clock
from jobs.beat import Beat

# A rollout changes many times in a row, and what it leaves is looked at once.
SETTLES_S = 30.0
AFTER_A_DEFECT_S = 300.0


def estate_beat(estate: Estate, clock: Clock) -> Beat:
    """Looks at every environment; a change ends the pause."""
    # What was under way when the bot stopped goes on first.
    return Beat(
        "estate",
        estate.tick,
        clock,
        settles_s=SETTLES_S,
        after_defect_s=AFTER_A_DEFECT_S,
        hurries=True,
        begins_after_s=SETTLES_S,
    )
