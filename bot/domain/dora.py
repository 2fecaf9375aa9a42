"""How often and how well an environment is deployed to, from the bot's own records. Pure.

Source: dora.dev, "DORA's software delivery performance metrics" (deployment frequency, change lead time, change
fail rate, failed deployment recovery time). What each means here:

- A *change* is a deployment that went live, or that ended badly after it began to change Machines (cancelled ones
  included: somebody had to step in). Not counted: plans that were refused, withdrawn or expired, dry runs, and what
  failed or was cancelled before a Machine was touched, such as at the release command, in CI or among the new
  Machines of a blue-green deployment, since the old version served on. A rollback, also one that the bot makes by
  itself, is the mending of a change and no change; a retry is one.
- *Frequency* counts the changes that went live.
- *Lead time* goes from a commit's time to the first deployment that brought it live, as far as the plans list
  commits (GitHub lists 250 of one range); the median over commits.
- A *failed* change ended badly as above, was rolled back, or got into trouble within its watch, unless the trouble
  passed by itself.
- What a rollback *undid* is the deployment on whose message somebody asked for it; where somebody chose a release it
  is the newest change before it that had gone live.
- *Time to restore* goes from the first failure after a success to the next deployment that went live, rollbacks
  included, or to the moment when the deployment had restored the previous image itself; the median. A failure
  begins where its first step failed, where the watch saw trouble, or, rolled back without either, where it went
  live.

What was released without the bot is not in its records.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.domain.rollout import Step

# Steps that change what serves, from their first row on; of the way through CI only a run that has released.
TOUCHING = frozenset({Step.CANARY, Step.CUT_OVER, Step.RETIRE, Step.UPDATE, Step.REPLACE, Step.PROVE_IMAGE})
TOUCHING_WHEN_DONE = frozenset({Step.FOLLOW})
DAY, WEEK, FOUR_WEEKS = timedelta(days=1), timedelta(weeks=1), timedelta(weeks=4)
# A chart of Slack's holds 20 columns.
MOST_DAYS_BY_DAY, MOST_DAYS_BY_WEEK = 14, 140


@dataclass(frozen=True)
class Deployed:
    """A deployment that was started and has ended. `commits` are those it was to bring, as instant by hash.

    `touched`: it began to change Machines. `restored`: it brought the previous image back by itself. `trouble_at`:
    when its watch saw trouble that did not pass by itself. `is_rollback`: it brought an earlier release back;
    `back_from` is the deployment that it undid, where that was said.
    """

    id: str
    ended_at: datetime
    succeeded: bool
    touched: bool = True
    restored: bool = False
    is_rollback: bool = False
    back_from: str = ""
    failed_at: datetime | None = None
    trouble_at: datetime | None = None
    commits: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def is_change(self) -> bool:
        return not self.is_rollback and (self.succeeded or self.touched)


@dataclass(frozen=True)
class Column:
    """The changes of a day, a week or four weeks that began at `start`."""

    start: datetime
    well: int
    failed: int


@dataclass(frozen=True)
class Performance:
    """The four figures of one environment between two instants, each with how many records it is made of.

    A median is None where it would be one of nothing. `unrestored`: since its newest failure nothing went live.
    """

    since: datetime
    until: datetime
    changes: int
    went_live: int
    failed: int
    lead_time: timedelta | None
    commits: int
    restore_time: timedelta | None
    restored: int
    is_unrestored: bool
    columns: tuple[Column, ...]

    @property
    def a_week(self) -> float:
        """How many changes went live in a week."""
        return self.went_live / ((self.until - self.since) / WEEK)


def performance(deployed: Sequence[Deployed], *, since: datetime, until: datetime) -> Performance:
    """The figures of one environment from its deployments that ended between these instants, oldest first."""
    changes = [each for each in deployed if each.is_change]
    undone = set(_undone(deployed))
    failed = {each.id for each in changes if _is_failed(each, undone)}
    lead_times = _lead_times(changes)
    restore_times, is_unrestored = _restore_times(deployed, failed)
    return Performance(
        since=since,
        until=until,
        changes=len(changes),
        went_live=sum(each.succeeded for each in changes),
        failed=len(failed),
        lead_time=_median(lead_times),
        commits=len(lead_times),
        restore_time=_median(restore_times),
        restored=len(restore_times),
        is_unrestored=is_unrestored,
        columns=tuple(_columns(changes, failed, since, until)),
    )


def _undone(deployed: Iterable[Deployed]) -> Iterator[str]:
    """What was rolled back; a rollback of which nobody said so undid what had gone live last."""
    newest = ""
    for each in deployed:
        if each.is_rollback:
            yield each.back_from or newest
        elif each.succeeded:
            newest = each.id


def _is_failed(change: Deployed, undone: Collection[str]) -> bool:
    return not change.succeeded or change.trouble_at is not None or change.id in undone


def _lead_times(changes: Iterable[Deployed]) -> list[timedelta]:
    live_since: dict[str, timedelta] = {}
    for change in changes:
        if change.succeeded:
            for sha, committed_at in change.commits.items():
                # The clock of whoever committed may be ahead.
                live_since.setdefault(sha, max(change.ended_at - committed_at, timedelta(0)))
    return list(live_since.values())


def _restore_times(deployed: Iterable[Deployed], failed: Collection[str]) -> tuple[list[timedelta], bool]:
    """How long each outage took, and whether one goes on. Failures in a row are one outage."""
    times: list[timedelta] = []
    broken_since: datetime | None = None
    for at, _, is_well in sorted(turn for each in deployed for turn in _turns(each, each.id in failed)):
        if is_well and broken_since is not None:
            times.append(at - broken_since)
            broken_since = None
        elif not is_well and broken_since is None:
            broken_since = at
    return times, broken_since is not None


def _turns(each: Deployed, is_failed: bool) -> Iterator[tuple[datetime, int, bool]]:
    """When the deployment turned things good (True) or bad, in this order where that is one instant."""
    if each.succeeded:
        yield each.ended_at, 0, True
    if is_failed:
        yield each.trouble_at or (each.ended_at if each.succeeded else each.failed_at or each.ended_at), 1, False
        if each.restored:
            yield each.ended_at, 2, True


def _columns(
    changes: Iterable[Deployed], failed: Collection[str], since: datetime, until: datetime
) -> Iterator[Column]:
    """Counted back from the end, so that the newest column is whole; the oldest may be shorter."""
    length = column_length(until - since)
    oldest = math.ceil((until - since) / length) - 1
    counted = Counter((min((until - each.ended_at) // length, oldest), each.id in failed) for each in changes)
    for number in range(oldest, -1, -1):
        start = max(until - (number + 1) * length, since)
        yield Column(start, well=counted[number, False], failed=counted[number, True])


def column_length(window: timedelta) -> timedelta:
    """What one column of a chart stands for: a day, a week or four weeks."""
    if window.days <= MOST_DAYS_BY_DAY:
        return DAY
    return WEEK if window.days <= MOST_DAYS_BY_WEEK else FOUR_WEEKS


def _median(durations: Sequence[timedelta]) -> timedelta | None:
    return timedelta(seconds=statistics.median(each.total_seconds() for each in durations)) if durations else None
