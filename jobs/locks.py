"""Jobs around locks: their ends are told. A lock that has ended keeps nobody out, told or not."""

from __future__ import annotations

from datetime import timedelta

from bot.announce_locks import LockAnnouncer
from jobs.schedule import Job

TELL_EVERY = timedelta(minutes=1)


def tell_of_locks(announcer: LockAnnouncer) -> Job:
    """Tell whoever waits that a lock has ended, and what could not be told before."""

    async def run() -> str:
        return f"{await announcer.catch_up()} told of"

    return Job("tell-of-locks", TELL_EVERY, run)
