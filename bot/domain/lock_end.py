"""The end of a lock as people say it: `for 2h`, `until 17:00`, `until friday 9:00`. Pure; time is a parameter.

Source for clock changes: PEP 495, "Local Time Disambiguation".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from bot.errors import BadCommand

LONGEST = timedelta(days=30)
EXAMPLES = "`for 2h`, `for 1h30m`, `until 17:00`, `until friday 9:00` or `until 2026-12-01 09:00`"

_LENGTH = re.compile(
    r"(?:(\d{1,3}) ?w(?:eeks?)?)? ?(?:(\d{1,4}) ?d(?:ays?)?)? ?(?:(\d{1,4}) ?h(?:ours?|rs?)?)? ?"
    r"(?:(\d{1,4}) ?m(?:in(?:ute)?s?)?)?",
    re.ASCII,
)
_CLOCK = re.compile(r"(\d{1,2})(?::(\d{2}))? ?([ap]m)?", re.ASCII)
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True)
class After:
    """So long from now."""

    length: timedelta


@dataclass(frozen=True)
class At:
    """A reading of a clock: the next one, on the next such weekday (Monday 0), in so many days, or on a date."""

    clock: time
    date: date | None = None
    weekday: int | None = None
    days_ahead: int | None = None


End = After | At


def read_end(word: str, text: str) -> End | None:
    """What `for` or `until` and the text behind it mean; None where it is nothing that we know."""
    said = " ".join(text.casefold().split())
    return _length(said) if word.casefold() == "for" else _moment(said)


def end_of(end: End, now: datetime, zone: tzinfo) -> datetime:
    """The instant, in UTC; BadCommand where it is past or too far ahead. `zone` is of whoever said it."""
    instant = now + end.length if isinstance(end, After) else _instant(end, now, zone)
    if instant <= now:
        raise BadCommand(f"That end is past: it was {instant:%Y-%m-%d %H:%M} UTC.")
    if instant - now > LONGEST:
        raise BadCommand(f"A lock with an end lasts at most {LONGEST.days} days; this would end on {instant:%Y-%m-%d}.")
    return instant


def _length(said: str) -> After | None:
    found = _LENGTH.fullmatch(said)
    if not found:
        return None
    weeks, days, hours, minutes = (int(part or 0) for part in found.groups())
    length = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes)
    return After(length) if length else None


def _moment(said: str) -> At | None:
    """A day, where one is named, and a time of day."""
    day, _, clock = said.partition(" ")
    if (bare := _clock(said)) is not None:
        return At(bare)
    if (at := _clock(clock.removeprefix("at "))) is None:
        return None
    if day in {"today", "tomorrow"}:
        return At(at, days_ahead=int(day == "tomorrow"))
    weekday = next((n for n, name in enumerate(_WEEKDAYS) if day in {name, name[:3]}), None)
    if weekday is not None:
        return At(at, weekday=weekday)
    return At(at, date=on) if (on := _date(day)) is not None else None


def _date(said: str) -> date | None:
    try:
        found = date.fromisoformat(said)
    except ValueError:
        return None
    # At either end of the calendar another time zone has no such day.
    return found if date.min.year < found.year < date.max.year else None


def _clock(said: str) -> time | None:
    found = _CLOCK.fullmatch(said)
    # A bare number may be anything: of hours, of minutes, of a day.
    if not found or not (found[2] or found[3]):
        return None
    hour, minute, half = int(found[1]), int(found[2] or 0), found[3]
    if half and not 1 <= hour <= 12:
        return None
    hour = hour % 12 + 12 * (half == "pm") if half else hour
    return time(hour, minute) if hour < 24 and minute < 60 else None


def _instant(end: At, now: datetime, zone: tzinfo) -> datetime:
    today = now.astimezone(zone).date()
    if end.date is not None:
        return _read(end.date, end.clock, zone)
    if end.days_ahead is not None:
        return _read(today + timedelta(days=end.days_ahead), end.clock, zone)
    ahead = (end.weekday - today.weekday()) % 7 if end.weekday is not None else 0
    step = timedelta(days=1 if end.weekday is None else 7)
    first = _read(today + timedelta(days=ahead), end.clock, zone)
    return first if first > now else _read(today + timedelta(days=ahead) + step, end.clock, zone)


def _read(day: date, clock: time, zone: tzinfo) -> datetime:
    """When a clock there shows this: of a reading that comes twice the first, of one that is skipped the one after."""
    return datetime.combine(day, clock, zone).astimezone(UTC)
