"""Scheduled jobs: when they are due, that each due time fires once, and that a failure is no end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bot.clock import SystemClock
from bot.errors import NotFound
from bot.store import Store
from jobs.schedule import MARGIN, Job, Schedule, newest_due
from tests.builders import NOW

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
EPOCH = datetime.fromtimestamp(0, UTC)
WAIT_S = 10


class ManualClock:
    """Time that stands still until a test moves it."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class Counted:
    """A job's work: counts its runs, fails on demand, tells who waits."""

    def __init__(self, *errors: Exception | None) -> None:
        self.runs = 0
        self._errors = list(errors)
        self._ran = asyncio.Event()

    async def __call__(self) -> str:
        self.runs += 1
        self._ran.set()
        if self._errors and (error := self._errors.pop(0)) is not None:
            raise error
        return "done"

    async def reaches(self, runs: int) -> None:
        """Return once it ran so often."""
        async with asyncio.timeout(WAIT_S):
            while self.runs < runs:
                self._ran.clear()
                await self._ran.wait()


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    """An open store in memory."""
    made = Store(":memory:")
    await made.open()
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("now", "every", "expected"),
    [
        (NOW, HOUR, NOW),
        (NOW + timedelta(minutes=59, seconds=59), HOUR, NOW),
        (NOW + HOUR, HOUR, NOW + HOUR),
        (NOW - timedelta(microseconds=1), HOUR, NOW - HOUR),
        (NOW + timedelta(seconds=90), MINUTE, NOW + MINUTE),
        (NOW, timedelta(days=1), NOW.replace(hour=0)),
        (EPOCH, HOUR, EPOCH),
        (datetime(2026, 3, 29, 1, 30, tzinfo=UTC), HOUR, datetime(2026, 3, 29, 1, tzinfo=UTC)),
    ],
)
def test_a_due_time_is_the_last_multiple(now: datetime, every: timedelta, expected: datetime) -> None:
    """Due times lie on whole multiples since the epoch, in UTC, whenever the bot was started."""
    assert newest_due(now, every) == expected


@given(
    st.datetimes(timezones=st.just(UTC)),
    st.timedeltas(timedelta(milliseconds=1), timedelta(days=30)),
)
def test_a_due_time_is_never_ahead_and_never_older_than_one_step(now: datetime, every: timedelta) -> None:
    """For every instant and every interval, and asked again at the due time it is the same."""
    due = newest_due(now, every)

    assert due <= now < due + every
    assert newest_due(due, every) == due


async def test_two_schedules_on_one_store_fire_once(store: Store) -> None:
    """Two bots that overlap for a moment run each due time once between them."""
    clock, work = ManualClock(), Counted()
    schedules, job = [Schedule(store, clock) for _ in range(2)], Job("sweep", HOUR, work)

    for _ in range(3):
        await asyncio.gather(*(schedule.tick(job) for schedule in schedules))
        clock.at += HOUR

    assert work.runs == 3
    assert not await store.claim_fire("sweep", NOW + 2 * HOUR)


async def test_a_due_time_is_not_run_again_before_the_next(store: Store) -> None:
    """Ticks within one interval, and a restart within it, find it claimed."""
    clock, work = ManualClock(NOW + MINUTE), Counted()
    job = Job("sweep", HOUR, work)

    for _ in range(4):
        await Schedule(store, clock).tick(job)
        clock.at += timedelta(minutes=14)

    assert work.runs == 1


async def test_what_was_missed_is_made_up_once(store: Store) -> None:
    """After a day's sleep the newest due time runs, and the twenty-three before it do not."""
    clock, work = ManualClock(), Counted()
    job = Job("sweep", HOUR, work)
    await Schedule(store, clock).tick(job)

    clock.at += timedelta(days=1, minutes=5)
    for _ in range(3):
        await Schedule(store, clock).tick(job)

    assert work.runs == 2
    assert not await store.claim_fire("sweep", NOW + timedelta(days=1))


@pytest.mark.parametrize(
    ("error", "level", "event"),
    [
        (NotFound("There is no such app."), "warning", "job failed"),
        (KeyError("a defect"), "error", "job failed unexpectedly"),
    ],
)
async def test_a_failure_is_logged_and_the_next_tick_works(
    store: Store, error: Exception, level: str, event: str
) -> None:
    """An error in a job stays in its run: it stands in the log by the job's name, and the job runs again."""
    clock, work = ManualClock(), Counted(error)
    schedule, job = Schedule(store, clock), Job("sweep", HOUR, work)

    with capture_logs() as logs:
        await schedule.tick(job)
        clock.at += HOUR
        await schedule.tick(job)

    assert work.runs == 2
    told = [(entry["log_level"], entry["event"], entry["job"]) for entry in logs if entry["log_level"] != "debug"]
    assert told == [(level, event, "sweep")]


async def started(store: Store, clock: ManualClock, work: Callable[[], Awaitable[str]], speed: float = 1.0) -> Schedule:
    schedule = Schedule(store, clock, speed=speed)
    schedule.add(Job("sweep", HOUR, work))
    schedule.start()
    return schedule


@pytest.mark.parametrize("speed", [1.0, 40.0])
async def test_the_start_makes_up_and_then_keeps_to_due_times(store: Store, speed: float) -> None:
    """Started at twenty past, the job runs at once and is then due on the hour, not at twenty past."""
    clock, work = ManualClock(NOW + timedelta(minutes=20)), Counted()
    before = datetime.now(UTC)

    schedule = await started(store, clock, work, speed)
    await work.reaches(1)
    next_run = schedule._scheduler.get_job("sweep").next_run_time
    schedule.stop()

    until_next = timedelta(minutes=40) / speed + MARGIN
    assert before + until_next <= next_run <= datetime.now(UTC) + until_next
    assert not await store.claim_fire("sweep", NOW)


async def test_a_start_within_a_claimed_interval_runs_nothing(store: Store) -> None:
    """A restart a minute later does not repeat what was done."""
    clock, work = ManualClock(NOW + MINUTE), Counted()
    await store.claim_fire("sweep", NOW)
    other = Counted()

    schedule = await started(store, clock, work)
    schedule.stop()
    again = Schedule(store, clock)
    again.add(Job("sweep", HOUR, work))
    again.add(Job("digest", HOUR, other))
    again.start()
    await other.reaches(1)
    again.stop()

    assert work.runs == 0


async def test_a_running_schedule_ticks_on(store: Store) -> None:
    """On real time, each due time comes once, a failing run included, until it is stopped."""
    clock, work = SystemClock(), Counted(KeyError("once"))
    schedule = Schedule(store, clock)
    schedule.add(Job("often", timedelta(milliseconds=50), work))

    with capture_logs():
        schedule.start()
        was_running = schedule.is_running
        await work.reaches(4)
        schedule.stop()
        # APScheduler shuts down in the loop's next turn.
        await asyncio.sleep(0)
        schedule.stop()

    assert was_running
    assert not schedule.is_running


async def test_the_bots_clock_is_utc_and_may_run_fast() -> None:
    """Aware instants in UTC; at speed N so many seconds pass in one, and sleeping is shorter by as much."""
    real, fast = SystemClock(), SystemClock(speed=10_000)
    begun, first = time.monotonic(), fast.now()

    await fast.sleep(600)
    await fast.sleep(-5)
    passed_s = time.monotonic() - begun

    assert real.now().tzinfo is UTC
    assert abs(real.now() - datetime.now(UTC)) < MINUTE
    assert timedelta(seconds=599) <= fast.now() - first
    assert passed_s < 600
