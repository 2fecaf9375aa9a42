"""What the clock starts. The only APScheduler code: a memory store, and a table of fires as the memory.

APScheduler keeps time well and keeps promises badly: its persistent store runs a job twice for two
processes, drops what was due while the bot was down, and never repeats what was killed. So schedules are
declared in code, and each due time is claimed in the database before the job runs (no row, no run).
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from bot.errors import BotError
from bot.ports import Clock
from bot.store import Store

log = structlog.get_logger()

# The bot's clock may lag a moment behind the scheduler's; a tick before its due time would find it claimed.
MARGIN = timedelta(milliseconds=20)


@dataclass(frozen=True)
class Job:
    """Something that is due at every multiple of `every`; a due time missed while down is made up once at start."""

    name: str
    every: timedelta
    run: Callable[[], Awaitable[str]]


class Schedule:
    """Runs jobs at their due times, each due time once."""

    def __init__(self, store: Store, clock: Clock, *, speed: float = 1.0) -> None:
        self._store = store
        self._clock = clock
        self._speed = speed
        self._jobs: list[Job] = []
        self._scheduler = AsyncIOScheduler(
            timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        )

    def add(self, job: Job) -> None:
        """Put a job on the schedule."""
        self._jobs.append(job)

    @property
    def is_running(self) -> bool:
        return bool(self._scheduler.running)

    def start(self) -> None:
        """Start the clock; a newest due time that nobody claimed is made up now."""
        now, here = self._clock.now(), datetime.now(UTC)
        for job in self._jobs:
            # Counted from the newest due time, so that the ticks fall on due times and not on multiples of the start.
            ago = (now - newest_due(now, job.every)) / self._speed
            trigger = IntervalTrigger(seconds=job.every.total_seconds() / self._speed, timezone=UTC)
            self._scheduler.add_job(self.tick, trigger, args=[job], id=job.name, next_run_time=here - ago + MARGIN)
        self._scheduler.start()

    def stop(self) -> None:
        """Start nothing more."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    async def tick(self, job: Job) -> None:
        """Run the job if its newest due time was not claimed yet."""
        due = newest_due(self._clock.now(), job.every)
        if not await self._store.claim_fire(job.name, due):
            return
        started = time.perf_counter()
        try:
            report = await job.run()
        except BotError as error:
            log.warning("job failed", job=job.name, reason=error.reason, error=str(error))
        except Exception:
            log.exception("job failed unexpectedly", job=job.name)
        else:
            log.debug("job done", job=job.name, report=report, seconds=round(time.perf_counter() - started, 3))


def newest_due(now: datetime, every: timedelta) -> datetime:
    """The last multiple of `every` since the epoch that is not after `now`."""
    epoch = datetime.fromtimestamp(0, UTC)
    return epoch + (now - epoch) // every * every
