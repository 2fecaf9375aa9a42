"""Freeze windows: what each kind of window means, and that no clock change loses or doubles one."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.domain.freeze import HORIZON, Freeze, Frozen, frozen

BERLIN = "Europe/Berlin"
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
MON, WED, FRI, SAT, SUN = 0, 2, 4, 5, 6
FRIDAY_EVENING = Freeze("friday", BERLIN, days=(FRI,), starts=time(16))
WEEKEND = Freeze("weekend", BERLIN, days=(SAT, SUN))
MONDAY_MORNING = Freeze("monday", BERLIN, days=(MON,), ends=time(9))
NIGHT = Freeze("night", BERLIN, starts=time(22), ends=time(6))
CHRISTMAS = Freeze("christmas", BERLIN, dates=((date(2026, 12, 24), date(2027, 1, 2)),))
FRIDAY_NIGHT = Freeze("friday night", BERLIN, days=(FRI,), starts=time(22), ends=time(6))
A_DAY_FROM_NINE = Freeze("a day from nine", BERLIN, days=(FRI,), starts=time(9), ends=time(9))
ONE_MONDAY = Freeze("one monday", BERLIN, days=(MON, WED), dates=((date(2026, 11, 23), date(2026, 11, 24)),))
LAST_NIGHT = Freeze("last night", BERLIN, dates=((date(2026, 12, 31),) * 2,), starts=time(20), ends=time(8))
# A zone, and a day on which its clock changes: forward, then back; Lord Howe's by half an hour, St. John's at 00:01.
CHANGES = [
    (BERLIN, date(2026, 3, 29)),
    (BERLIN, date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("America/Havana", date(2026, 3, 8)),
    ("America/St_Johns", date(2010, 11, 6)),
]


def at(text: str, zone: str = BERLIN, *, fold: int = 0) -> datetime:
    """The instant at which the wall clock of the zone reads this."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)


@pytest.mark.parametrize(
    ("freeze", "now", "until"),
    [
        (FRIDAY_EVENING, "2026-11-27 15:59:59", None),
        (FRIDAY_EVENING, "2026-11-27 16:00", "2026-11-28 00:00"),
        (FRIDAY_EVENING, "2026-11-27 23:59:59", "2026-11-28 00:00"),
        (FRIDAY_EVENING, "2026-11-28 00:00", None),
        (FRIDAY_EVENING, "2026-11-26 18:00", None),
        (MONDAY_MORNING, "2026-11-30 00:00", "2026-11-30 09:00"),
        (MONDAY_MORNING, "2026-11-30 09:00", None),
        (WEEKEND, "2026-11-28 12:00", "2026-11-30 00:00"),
        (WEEKEND, "2026-11-30 00:00", None),
        (NIGHT, "2026-11-27 21:59", None),
        (NIGHT, "2026-11-27 22:00", "2026-11-28 06:00"),
        (NIGHT, "2026-11-28 05:59", "2026-11-28 06:00"),
        (NIGHT, "2026-11-28 06:00", None),
        (
            Freeze("friday night", BERLIN, days=(FRI,), starts=time(22), ends=time(6)),
            "2026-11-28 05:00",
            "2026-11-28 06",
        ),
        (Freeze("friday night", BERLIN, days=(FRI,), starts=time(22), ends=time(6)), "2026-11-27 05:00", None),
        (CHRISTMAS, "2026-12-23 23:59", None),
        (CHRISTMAS, "2026-12-24 00:00", "2027-01-03 00:00"),
        (CHRISTMAS, "2027-01-02 23:59", "2027-01-03 00:00"),
        (CHRISTMAS, "2027-01-03 00:00", None),
        (ONE_MONDAY, "2026-11-23 12:00", "2026-11-24 00:00"),
        (ONE_MONDAY, "2026-11-24 12:00", None),
        (ONE_MONDAY, "2026-11-25 12:00", None),
        (LAST_NIGHT, "2026-12-31 07:59", None),
        (LAST_NIGHT, "2027-01-01 07:59", "2027-01-01 08:00"),
        (
            Freeze("whole day", BERLIN, days=(FRI,), starts=time(9), ends=time(9)),
            "2026-11-28 08:59",
            "2026-11-28 09:00",
        ),
    ],
    ids=str,
)
def test_what_a_window_means(freeze: Freeze, now: str, until: str | None) -> None:
    """Days, hours, dates and nights; the beginning is in the window, the end is not."""
    expected = Frozen(freeze.name, at(until)) if until else None

    assert frozen([freeze], at(now)) == expected


def test_without_freezes_nothing_is_frozen() -> None:
    """Most environments have none."""
    assert frozen([], at("2026-11-27 12:00")) is None


def test_windows_that_touch_or_overlap_are_one() -> None:
    """From Friday afternoon to Monday morning there is one end, and the first freeze in force gives the name."""
    late = Freeze("late friday", BERLIN, days=(FRI,), starts=time(20))

    assert frozen([MONDAY_MORNING, late, FRIDAY_EVENING, WEEKEND], at("2026-11-27 21:00")) == Frozen(
        "late friday", at("2026-11-30 09:00")
    )


def test_a_gap_between_windows_is_an_end() -> None:
    """A minute in which deployments may go is told of."""
    noon = Freeze("noon", BERLIN, starts=time(12), ends=time(13))
    afternoon = Freeze("afternoon", BERLIN, starts=time(13, 1), ends=time(15))

    assert frozen([noon, afternoon], at("2026-11-27 12:30")) == Frozen("noon", at("2026-11-27 13:00"))


def test_windows_of_several_zones_are_compared_as_instants() -> None:
    """Noon in New York is six in the evening in Berlin."""
    there = Freeze("lunch", "America/New_York", starts=time(12), ends=time(13))
    here = Freeze("evening", BERLIN, starts=time(19), ends=time(20))

    assert frozen([there, here], at("2026-11-27 18:30")) == Frozen("lunch", at("2026-11-27 20:00"))


def test_what_never_ends_ends_a_year_ahead() -> None:
    """A freeze for ever is not looked through for ever."""
    now = datetime(2026, 11, 27, 12, tzinfo=UTC)

    assert frozen([Freeze("ever", BERLIN)], now) == Frozen("ever", now + HORIZON)


def test_the_end_is_told_in_utc() -> None:
    """Whatever zone the question and the freeze are in."""
    found = frozen([WEEKEND], at("2026-11-28 12:00", "Asia/Tokyo"))

    assert found is not None
    assert found.until == datetime(2026, 11, 29, 23, tzinfo=UTC)
    assert found.until.tzinfo is UTC


@pytest.mark.parametrize(
    ("starts", "ends", "first", "last"),
    [
        # Forward: 02:00 to 03:00 is skipped at 01:00 UTC.
        (time(2, 15), time(2, 45), "2026-03-29 01:00", "2026-03-29 01:30"),
        (time(2, 30), time(3), "2026-03-29 01:00", "2026-03-29 01:30"),
        (time(2, 30), time(3, 15), "2026-03-29 01:00", "2026-03-29 01:15"),
        (time(1, 30), time(2, 30), "2026-03-29 00:30", "2026-03-29 01:00"),
        (time(1), time(4), "2026-03-29 00:00", "2026-03-29 02:00"),
        (None, None, "2026-03-28 23:00", "2026-03-29 22:00"),
        # Back: 02:00 to 03:00 comes twice, from 00:00 UTC on.
        (time(2, 15), time(2, 45), "2026-10-25 00:15", "2026-10-25 01:45"),
        (time(1, 30), time(2, 30), "2026-10-24 23:30", "2026-10-25 01:30"),
        (time(2, 30), time(4), "2026-10-25 00:30", "2026-10-25 03:00"),
        (None, None, "2026-10-24 22:00", "2026-10-25 23:00"),
    ],
    ids=str,
)
def test_a_clock_change_neither_loses_nor_doubles_a_window(
    starts: time | None, ends: time | None, first: str, last: str
) -> None:
    """A window that is skipped begins at the change, one that comes twice goes on to its second end; times in UTC."""
    start, end = at(first, "UTC"), at(last, "UTC")
    day = start.astimezone(ZoneInfo(BERLIN)).date()
    freeze = Freeze("night", BERLIN, dates=((day, day),), starts=starts, ends=ends)

    assert frozen([freeze], start - MINUTE) is None
    assert {frozen([freeze], start + minutes * MINUTE) for minutes in range((end - start) // MINUTE)} == {
        Frozen("night", end)
    }
    assert frozen([freeze], end) is None


@cache
def readings(zone: str, day: date) -> list[tuple[datetime, datetime]]:
    """Every minute from three days before a day to three days after it: the instant, and what the wall clock reads."""
    first = datetime.combine(day - 3 * DAY, time(), UTC)
    instants = [first + minute * MINUTE for minute in range(7 * 24 * 60)]
    return [(each, each.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)) for each in instants]


def frozen_minutes(freeze: Freeze, clock: list[tuple[datetime, datetime]], day: date) -> set[datetime]:
    """The minutes of the windows that begin within a day of the given one, by looking at a wall clock each minute."""
    found: set[datetime] = set()
    for begins in (day - DAY, day, day + DAY):
        if not freeze.begins_on(begins):
            continue
        start = datetime.combine(begins, freeze.starts or time())
        end = datetime.combine(begins, freeze.ends or time())
        end = end if end > start else end + DAY
        inside = [number for number, (_, wall) in enumerate(clock) if start <= wall < end]
        if not inside:
            jump = next(number for number, (_, wall) in enumerate(clock) if wall >= start)
            inside = [jump, jump + (end - start) // MINUTE - 1]
        found.update(instant for instant, _ in clock[inside[0] : inside[-1] + 1])
    return found


hours = st.none() | st.builds(time, st.integers(0, 4) | st.integers(0, 23), st.sampled_from([0, 1, 15, 30, 45, 59]))


@given(
    change=st.sampled_from(CHANGES),
    starts=hours,
    ends=hours,
    days=st.sets(st.integers(0, 6)).map(lambda days: tuple(sorted(days))),
    minute=st.integers(0, 3 * 24 * 60 - 1),
)
@example(change=CHANGES[0], starts=time(2, 30), ends=time(3), days=(), minute=1500)
@example(change=CHANGES[6], starts=None, ends=None, days=(), minute=1740)
@example(change=CHANGES[7], starts=time(23, 30), ends=time(23, 15), days=(FRI,), minute=3030)
@example(change=CHANGES[7], starts=None, ends=None, days=(SUN,), minute=3040)
def test_each_minute_around_a_clock_change_is_as_the_wall_clock_says(
    change: tuple[str, date], starts: time | None, ends: time | None, days: tuple[int, ...], minute: int
) -> None:
    """A model that reads the wall clock each minute agrees about now, and about the minute in which it ends."""
    zone, day = change
    freeze = Freeze("x", zone, days, ((day - DAY, day + DAY),), starts, ends)
    minutes = frozen_minutes(freeze, readings(zone, day), day)
    now = datetime.combine(day - DAY, time(), UTC) + minute * MINUTE
    end = now
    while end in minutes:
        end += MINUTE

    assert frozen([freeze], now) == (Frozen("x", end) if now in minutes else None)
