"""Jobs around GitHub's deliveries: old ones are forgotten."""

from __future__ import annotations

from datetime import timedelta

from bot.deliveries import Deliveries
from bot.ports import Clock
from jobs.schedule import Job

FORGET_EVERY = timedelta(hours=1)


def forget_deliveries(deliveries: Deliveries, clock: Clock) -> Job:
    """Delete what GitHub itself does not remember any more, so that the database stays small."""

    async def run() -> str:
        return f"{await deliveries.forget(clock.now())} forgotten"

    return Job("forget-deliveries", FORGET_EVERY, run)
