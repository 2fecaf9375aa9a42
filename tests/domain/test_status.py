"""What a status makes of Machines and of a comparison."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

from bot.domain.model import Comparison, Relation
from bot.domain.status import Live, lag_of, regions
from tests.builders import NEW, NOW, commit, machine


def test_the_age_of_the_lag_is_that_of_the_oldest_missing_commit() -> None:
    """Whatever the order of the commits, the oldest counts; one without a date is passed by."""
    days = [dataclasses.replace(commit(), committed_at=NOW - timedelta(days=d)) for d in (1, 3, 2)]
    undated = dataclasses.replace(commit(), committed_at=None)

    lag = lag_of("staging", Comparison(Relation.AHEAD, (*days, undated), 4))

    assert (lag.commits, lag.oldest_at) == (4, NOW - timedelta(days=3))


def test_the_age_is_unknown_where_commits_are_left_out() -> None:
    """GitHub shows the newest 250: the oldest missing commit may not be among them."""
    assert lag_of("staging", Comparison(Relation.AHEAD, (commit(),), 251)).oldest_at is None


def test_regions_count_what_is_started_asleep_and_between() -> None:
    """Checks count for started Machines alone, since a stopped one keeps its old results."""
    fleet = [
        machine("m1"),
        machine("m2", state="stopped"),
        machine("m3", state="replacing"),
        machine("m4", region="fra", checks=()),
        machine("m5", state="destroyed"),
    ]

    fra, iad = regions(fleet)

    assert (iad.started, iad.asleep, iad.other, iad.checks_passing, iad.checks) == (1, 1, {"replacing": 1}, 1, 1)
    assert (fra.checks_passing, fra.checks) == (0, 1)
    assert not iad.is_well
    assert not fra.is_well


def test_an_image_on_some_machines_is_mixed() -> None:
    """One of two is not all."""
    assert Live(NEW, "v1.4.2", on=1, machines=2).is_mixed
    assert not Live(NEW, "v1.4.2").is_mixed
