"""Jobs around operations: plans that nobody confirmed expire."""

from __future__ import annotations

from datetime import timedelta

from bot.operations.requests import Requests
from jobs.schedule import Job

EXPIRE_EVERY = timedelta(minutes=1)


def expire_plans(requests: Requests) -> Job:
    """End plans that nobody confirmed in time, so that nobody starts one that was true an hour ago."""

    async def run() -> str:
        return f"{len(await requests.expire())} expired"

    return Job("expire-plans", EXPIRE_EVERY, run)
