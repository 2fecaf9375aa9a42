"""The four figures: what counts, what does not, and of how much they are made."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.dora import DAY, Deployed, Performance, performance
from tests.builders import NOW

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
START = NOW - 30 * DAY


def deployed(name: str, day: float, *, succeeded: bool = True, **changes: Any) -> Deployed:
    """A deployment that ended so many days after the window began."""
    return Deployed(name, START + day * DAY, succeeded, **changes)


def back(name: str, day: float, of: str = "", **changes: Any) -> Deployed:
    """A rollback of a deployment, or to a release that somebody chose."""
    return deployed(name, day, is_rollback=True, back_from=of, **changes)


def of(*found: Deployed) -> Performance:
    """The figures of these deployments over thirty days."""
    return performance(found, since=START, until=NOW)


def test_nothing_has_no_medians() -> None:
    """Where nothing was deployed there is nothing to say, and nothing is broken."""
    figures = of()

    assert (figures.changes, figures.went_live, figures.failed) == (0, 0, 0)
    assert (figures.lead_time, figures.restore_time, figures.is_unrestored) == (None, None, False)


def test_frequency_counts_what_went_live() -> None:
    """A retry counts; what failed and what was rolled back to do not."""
    figures = of(deployed("a", 1), deployed("b", 2, succeeded=False), deployed("c", 3), back("d", 4, "c"))

    assert figures.went_live == 2
    assert figures.a_week == pytest.approx(2 / (30 / 7))


def test_what_never_touched_a_machine_is_no_change() -> None:
    """A release command that failed leaves the old version serving: nothing had to be restored."""
    figures = of(deployed("a", 1), deployed("b", 2, succeeded=False, touched=False))

    assert (figures.changes, figures.failed, figures.is_unrestored) == (1, 0, False)


@pytest.mark.parametrize(
    "mended",
    [
        [deployed("a", 1, succeeded=False)],
        [deployed("a", 1), back("b", 2, "a")],
        [deployed("a", 1), back("b", 2, "a", succeeded=False, touched=False)],
        [deployed("a", 1), back("b", 2)],
        [deployed("a", 1), back("b", 1.5, succeeded=False), back("c", 2)],
        [deployed("a", 1), deployed("x", 1.5, succeeded=False, touched=False), back("b", 2)],
        [deployed("a", 1, trouble_at=START + DAY + MINUTE)],
    ],
)
def test_what_failed_was_rolled_back_or_got_into_trouble_counts(mended: list[Deployed]) -> None:
    """Each of these needed somebody, and is one failed change of two; the roll back is none."""
    figures = of(*mended, deployed("well", 3))

    assert (figures.changes, figures.failed) == (2, 1)


def test_a_rollback_undoes_the_newest_that_went_live() -> None:
    """Of three successes the second and the third failed: each was the newest when somebody chose a release."""
    figures = of(deployed("a", 1), deployed("b", 2), back("r", 3), deployed("c", 4), back("s", 5, succeeded=False))

    assert (figures.changes, figures.went_live, figures.failed) == (3, 3, 2)
    assert [(column.well, column.failed) for column in figures.columns[:2]] == [(1, 1), (0, 1)]


def test_a_rollback_of_what_was_before_the_window_blames_nobody() -> None:
    """What it undid ended earlier and is not counted; what comes after it is well."""
    figures = of(back("r", 1), deployed("a", 2))

    assert (figures.changes, figures.failed) == (1, 0)


def test_lead_time_is_the_median_over_commits() -> None:
    """From the commit to its first deployment that went live, wherever it was deployed again."""
    end = START + DAY
    figures = of(
        deployed("lost", 0.5, succeeded=False, commits={"a": START}),
        deployed("x", 1, commits={"a": end - HOUR, "b": end - 2 * HOUR, "c": end - 9 * HOUR}),
        deployed("y", 2, commits={"a": end - HOUR}),
    )

    assert (figures.lead_time, figures.commits) == (2 * HOUR, 3)


def test_a_clock_that_is_ahead_makes_no_negative_time() -> None:
    """Commit times are the committer's word."""
    assert of(deployed("x", 1, commits={"a": NOW})).lead_time == timedelta(0)


def test_restoring_lasts_until_the_next_success() -> None:
    """From the first step that failed; failures in a row are one outage; a roll back ends it too."""
    figures = of(
        deployed("a", 1, succeeded=False, failed_at=START + DAY - HOUR),
        deployed("b", 1.5, succeeded=False),
        deployed("c", 2),
        deployed("d", 3, trouble_at=START + 3 * DAY + HOUR),
        back("e", 3.25, "d"),
    )

    assert (figures.restored, figures.is_unrestored) == (2, False)
    assert figures.restore_time == (25 * HOUR + 5 * HOUR) / 2


def test_what_was_rolled_back_was_bad_from_its_beginning() -> None:
    """Its own success does not count as the end of the outage that it began."""
    figures = of(deployed("a", 1), back("b", 1.5))

    assert figures.restore_time == 12 * HOUR


def test_a_deployment_that_restored_itself_was_down_for_minutes() -> None:
    """The previous image was back when it ended; nobody had to deploy again."""
    figures = of(deployed("a", 1, succeeded=False, failed_at=START + DAY - 7 * MINUTE, restored=True))

    assert (figures.restore_time, figures.is_unrestored) == (7 * MINUTE, False)


def test_an_outage_that_goes_on_is_said() -> None:
    """It is in no median yet."""
    figures = of(deployed("a", 1, succeeded=False))

    assert (figures.restore_time, figures.restored, figures.is_unrestored) == (None, 0, True)


@pytest.mark.parametrize(
    ("days", "columns", "each"), [(1, 1, 1), (14, 14, 1), (15, 3, 7), (30, 5, 7), (140, 20, 7), (365, 14, 28)]
)
def test_columns_are_days_weeks_or_four_weeks(days: int, columns: int, each: int) -> None:
    """Never more than Slack's chart holds; the oldest begins where the window does."""
    figures = performance([], since=NOW - days * DAY, until=NOW)

    starts = [column.start for column in figures.columns]
    assert len(starts) == columns <= 20
    assert starts[0] == NOW - days * DAY
    assert starts[-1] == NOW - each * DAY
    assert len({(start.day, start.month) for start in starts}) == columns


@given(
    st.lists(
        st.tuples(st.floats(0, 30), st.booleans(), st.booleans(), st.booleans()),
        max_size=30,
    )
)
def test_every_change_stands_in_one_column(drawn: list[tuple[float, bool, bool, bool]]) -> None:
    """The columns add up to the changes, wherever in the window they ended."""
    found = [
        deployed(str(number), day, succeeded=well, touched=touched, restored=restored and not well)
        for number, (day, well, touched, restored) in enumerate(sorted(drawn))
    ]

    figures = of(*found)

    assert sum(column.well for column in figures.columns) == figures.changes - figures.failed
    assert sum(column.failed for column in figures.columns) == figures.failed
