"""Locks: whom they keep out, when they end, and how people say that."""

from __future__ import annotations

import contextlib
import dataclasses
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.lock import EVERYWHERE, Lock, LockRecord
from bot.domain.lock_end import EXAMPLES, LONGEST, After, At, End, end_of, read_end
from bot.errors import BadCommand
from tests.builders import ANA, BO, NOW

PRODUCTION, STAGING = "reify-studio/production", "reify-studio/staging"
LOCK = Lock(1, PRODUCTION, "", ANA, "moving the database", NOW)
SAO_PAULO, LONDON = ZoneInfo("America/Sao_Paulo"), ZoneInfo("Europe/London")


def test_a_lock_ends_by_itself() -> None:
    """Up to its end it holds, from its end on it does not, and without one it holds for ever."""
    ending = dataclasses.replace(LOCK, until=NOW)

    assert ending.holds_at(NOW - timedelta(microseconds=1))
    assert not ending.holds_at(NOW)
    assert LOCK.holds_at(NOW + timedelta(days=3650))


def test_a_lock_is_about_its_environment_or_about_all() -> None:
    """One on everything covers each environment, one on production not staging."""
    assert LOCK.covers(PRODUCTION)
    assert not LOCK.covers(STAGING)
    assert dataclasses.replace(LOCK, scope=EVERYWHERE).covers(STAGING)


def test_the_holder_and_the_branch_pass() -> None:
    """Nobody else does, and where no branch is named, a commit without one is no way in."""
    with_branch = dataclasses.replace(LOCK, branch="hotfix")

    assert LOCK.lets_through(ANA, "")
    assert not LOCK.lets_through(BO, "")
    assert not LOCK.lets_through(BO, "hotfix")
    assert with_branch.lets_through(BO, "hotfix")
    assert not with_branch.lets_through(BO, "main")


def test_a_record_tells_how_its_lock_ended() -> None:
    """By its holder, by whoever took it over, or by itself; what was told to be over stays over."""
    record = LockRecord(LOCK, "C0DEPLOYS")
    released = dataclasses.replace(record, released_at=NOW, released_by="U0ANA")
    ended = dataclasses.replace(record, lock=dataclasses.replace(LOCK, until=NOW))

    assert record.is_in_force(NOW)
    assert not released.is_in_force(NOW)
    assert not dataclasses.replace(record, told=True).is_in_force(NOW)
    assert (released.fate, released.ended_at) == ("<@U0ANA> unlocked it.", NOW)
    assert dataclasses.replace(released, released_by="U0BO", successor=2).fate == "<@U0BO> took it over from <@U0ANA>."
    assert (ended.fate, ended.ended_at, ended.is_in_force(NOW)) == ("Its end has come.", NOW, False)


@pytest.mark.parametrize(
    ("said", "length"),
    [
        ("2h", timedelta(hours=2)),
        ("90m", timedelta(minutes=90)),
        ("1h30m", timedelta(minutes=90)),
        ("1 hour 30 minutes", timedelta(minutes=90)),
        ("  2  Hours ", timedelta(hours=2)),
        ("45 min", timedelta(minutes=45)),
        ("3d", timedelta(days=3)),
        ("1 week", timedelta(days=7)),
        ("1d 2h", timedelta(hours=26)),
    ],
)
def test_a_length_is_read_as_people_write_it(said: str, length: timedelta) -> None:
    """With its units, short or long, together or apart."""
    assert read_end("for", said) == After(length)


@pytest.mark.parametrize("said", ["", "2", "h", "0m", "review", "2h later", "-2h", "2x", "30m2h", "17:00", "٣h"])
def test_what_is_no_length_is_none(said: str) -> None:
    """Without a unit, nothing at all, or something else."""
    assert read_end("for", said) is None


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ("17:00", At(time(17))),
        ("9:05", At(time(9, 5))),
        ("5pm", At(time(17))),
        ("12 AM", At(time(0))),
        ("12:30pm", At(time(12, 30))),
        ("tomorrow 9:00", At(time(9), days_ahead=1)),
        ("today at 18:00", At(time(18), days_ahead=0)),
        ("Friday 9:00", At(time(9), weekday=4)),
        ("mon at 8am", At(time(8), weekday=0)),
        ("2026-12-01 09:00", At(time(9), date=date(2026, 12, 1))),
    ],
)
def test_a_moment_is_read_as_people_write_it(said: str, at: At) -> None:
    """A time of day, and before it a day where it is another one."""
    assert read_end("Until", said) == at


@pytest.mark.parametrize(
    "said",
    ["", "17", "25:00", "12:60", "13pm", "0am", "noon", "tomorrow", "someday 9:00", "2026-13-01 09:00", "9:00 friday"],
)
def test_what_is_no_moment_is_none(said: str) -> None:
    """A bare number may mean anything, and a day alone has no hour."""
    assert read_end("until", said) is None


@pytest.mark.parametrize("said", ["0001-01-01 00:00", "9999-12-31 23:00"])
def test_the_ends_of_the_calendar_are_no_moments(said: str) -> None:
    """Elsewhere it is a day earlier or later, which no calendar has."""
    assert read_end("until", said) is None


@pytest.mark.parametrize(
    ("said", "zone", "instant"),
    [
        # It is Friday, 12:00 UTC: 9:00 in São Paulo.
        ("17:00", UTC, "2026-11-27T17:00"),
        ("11:00", UTC, "2026-11-28T11:00"),
        ("12:00", UTC, "2026-11-28T12:00"),
        ("17:00", SAO_PAULO, "2026-11-27T20:00"),
        ("9:00", SAO_PAULO, "2026-11-28T12:00"),
        ("tomorrow 9:00", SAO_PAULO, "2026-11-28T12:00"),
        ("friday 13:00", UTC, "2026-11-27T13:00"),
        ("friday 9:00", UTC, "2026-12-04T09:00"),
        ("monday 9:00", LONDON, "2026-11-30T09:00"),
        ("2026-12-24 18:00", LONDON, "2026-12-24T18:00"),
    ],
)
def test_the_next_such_reading_of_ones_own_clock_is_meant(said: str, zone: ZoneInfo, instant: str) -> None:
    """In the person's time zone; today where that is still to come, else the next day or week."""
    end = read_end("until", said)

    assert end is not None
    assert end_of(end, NOW, zone) == datetime.fromisoformat(instant).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "said", "instant"),
    [
        ("2026-03-29T00:00", "1:30", "2026-03-29T01:30"),
        ("2026-10-25T00:00", "1:30", "2026-10-25T00:30"),
        ("2026-10-24T22:00", "9:00", "2026-10-25T09:00"),
    ],
)
def test_clock_changes_are_followed(now: str, said: str, instant: str) -> None:
    """What London's clock skips is the moment after, what it shows twice the first, and 9:00 stays 9:00."""
    end = read_end("until", said)

    assert end is not None
    found = end_of(end, datetime.fromisoformat(now).replace(tzinfo=UTC), LONDON)
    assert found == datetime.fromisoformat(instant).replace(tzinfo=UTC)


@pytest.mark.parametrize("said", ["today 9:00", "2026-11-27 12:00", "2020-01-01 09:00"])
def test_an_end_that_is_past_is_refused(said: str) -> None:
    """With what it would have been."""
    end = read_end("until", said)

    assert end is not None
    with pytest.raises(BadCommand, match=r"past: it was \d{4}-"):
        end_of(end, NOW, UTC)


@pytest.mark.parametrize("end", [After(LONGEST + timedelta(minutes=1)), read_end("until", "2027-01-15 09:00")])
def test_an_end_beyond_a_month_is_refused(end: End) -> None:
    """A lock that long is a freeze, or was forgotten; thirty days are fine."""
    with pytest.raises(BadCommand, match="at most 30 days"):
        end_of(end, NOW, UTC)
    assert end_of(After(LONGEST), NOW, UTC) == NOW + LONGEST


def test_every_example_can_be_read() -> None:
    """What a refusal offers is taken."""
    for example in EXAMPLES.replace(" or ", ", ").split(", "):
        word, _, said = example.strip("`").partition(" ")
        assert read_end(word, said) is not None


@given(clock=st.times(), zone=st.sampled_from(["UTC", "America/Sao_Paulo", "Asia/Kathmandu", "Australia/Lord_Howe"]))
def test_a_bare_time_is_always_within_the_next_day(clock: time, zone: str) -> None:
    """Whatever it is and wherever: to come, and at most a day and a clock change away."""
    end = read_end("until", f"{clock.hour}:{clock.minute:02}")

    assert end is not None
    assert timedelta() < end_of(end, NOW, ZoneInfo(zone)) - NOW <= timedelta(hours=25)


@given(st.text(max_size=30))
def test_whatever_is_typed_is_an_end_or_none(said: str) -> None:
    """Nothing but a refusal comes of it."""
    for word in ("for", "until"):
        if end := read_end(word, said):
            with contextlib.suppress(BadCommand):
                assert end_of(end, NOW, SAO_PAULO) > NOW
