"""Freeze windows: the calendar keeps deployments out. Pure; time is a parameter.

A window is what lies between two readings of its own wall clock, and nothing a clock change does loses or doubles it:
an hour that comes twice belongs to one window, and a window that the clock skips whole begins at the change and is as
long as it is written.
Source: PEP 495, "Local Time Disambiguation".
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

# How far ahead an end is looked for: a freeze may have none at all.
HORIZON = timedelta(days=366)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Freeze:
    """A window of the calendar in its own time zone (IANA name).

    `days` are weekdays (Monday 0) on which it begins, none for every day; `dates` are ranges of days, both included,
    none for always; it goes from `starts` to `ends`, over midnight where `ends` is not later; both None: whole days.
    """

    name: str
    time_zone: str
    days: tuple[int, ...] = ()
    dates: tuple[tuple[date, date], ...] = ()
    starts: time | None = None
    ends: time | None = None

    def begins_on(self, day: date) -> bool:
        """Whether a window begins on this day of its calendar."""
        is_weekday = not self.days or day.weekday() in self.days
        return is_weekday and (not self.dates or any(first <= day <= last for first, last in self.dates))


@dataclass(frozen=True)
class Frozen:
    """A freeze that is in force; `until` is when deployments may go again as far as the calendar says."""

    name: str
    until: datetime


def frozen(freezes: Sequence[Freeze], now: datetime) -> Frozen | None:
    """The first freeze in force, or None. `until` (UTC) is the end of all windows that touch or overlap from now on.

    A beginning belongs to its window, an end does not. Where there is no end within a year, `until` is a year ahead.
    """
    holding = [(freeze, end) for freeze in freezes if (end := _end(freeze, now)) is not None]
    if not holding:
        return None
    until, horizon = max(end for _, end in holding), now.astimezone(UTC) + HORIZON
    while until < horizon:
        ends = [end for freeze in freezes if (end := _end(freeze, until)) is not None]
        if not ends:
            break
        until = max(ends)
    return Frozen(holding[0][0].name, min(until, horizon))


def _end(freeze: Freeze, now: datetime) -> datetime | None:
    """When the window that holds now ends, or None where none does."""
    return max((end for start, end in _windows_near(freeze, now) if start <= now < end), default=None)


def _windows_near(freeze: Freeze, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The windows that may hold now, as instants: those that begin today, or yesterday and end after midnight.

    Where a clock change goes over midnight, today comes twice, so a window of tomorrow or of two days ago may hold.
    """
    zone = ZoneInfo(freeze.time_zone)
    today = now.astimezone(zone).date()
    for day in (today - 2 * DAY, today - DAY, today, today + DAY):
        if freeze.begins_on(day):
            starts = datetime.combine(day, freeze.starts or time())
            ends = datetime.combine(day, freeze.ends or time())
            yield _between(starts, ends if ends > starts else ends + DAY, zone)


def _between(starts: datetime, ends: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """From the first moment of one reading of the wall clock to the last of another."""
    start, end = _instant(starts, zone, fold=0), _instant(ends, zone, fold=1)
    # Where the clock skips both there is nothing between them.
    return start, end if end > start else start + (ends - starts)


def _instant(wall: datetime, zone: ZoneInfo, *, fold: int) -> datetime:
    """When the wall clock reads this, the first time (fold 0) or the last (1); if it never does, when it jumps past."""
    instant = wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    if _reading(instant, zone) == wall:
        return instant
    earlier = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    width = int((wall.replace(tzinfo=zone, fold=0).astimezone(UTC) - earlier).total_seconds())
    passed = bisect_left(range(width), wall, key=lambda second: _reading(earlier + timedelta(seconds=second), zone))
    return earlier + timedelta(seconds=passed)


def _reading(instant: datetime, zone: ZoneInfo) -> datetime:
    """What the wall clock of the zone reads then."""
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)
