"""Holds: after a rollback the bad commits stay out until they are mended or a person lifts the hold. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.model import Actor, Commit, Comparison, Relation


@dataclass(frozen=True)
class Hold:
    """The commits after `good` up to `bad` do not go to `environment` (`pipeline/environment`) again.

    `good_ref` and `bad_ref` are what people called them; `by` rolled back, `why` in their words. `fixes` are commits
    that somebody declared to mend it. `good` is empty where the image that came back names no commit.
    """

    id: int
    environment: str
    repository: str
    operation_id: str
    good: str
    good_ref: str
    bad: str
    bad_ref: str
    by: Actor
    why: str
    at: datetime
    fixes: tuple[str, ...] = ()


class Contains(StrEnum):
    """What of a held range a commit contains. `mended`: all or part of it, and the way out as well."""

    NOTHING = "nothing"
    PART = "part"
    ALL = "all"
    MENDED = "mended"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class HoldFinding:
    """How a commit lies to a hold. `detail` names the fix or the revert, or says why it cannot be told."""

    hold: Hold
    contains: Contains
    detail: str = ""


@dataclass(frozen=True)
class Lineage:
    """How a commit lies to a hold, as GitHub tells it; `unknown` comparisons where it does not, `problem` says why.

    `held` is what the bad commit has beyond the good one (itself, where no good one is known); `since_bad`,
    `since_good` and `since_fixes` are what the commit has beyond the bad one, the good one, and each declared fix.
    """

    held: Comparison
    since_bad: Comparison
    since_good: Comparison
    since_fixes: Mapping[str, Comparison]
    problem: str = ""


def find(hold: Hold, sha: str, lineage: Lineage) -> HoldFinding:
    """How a commit lies to a hold: what it contains of the held range, and whether it brings the way out.

    The way out is a declared fix in its history, or a commit since the bad one that reverts or fixes one of the held
    commits. Neither counts where a listed commit reverts it in turn. What cannot be told for certain is `unknown`.
    """
    for fix, since in lineage.since_fixes.items():
        if _is_descendant(since) and not _reverted_by(since.commits, fix):
            return HoldFinding(hold, Contains.MENDED, f"it has {fix[:7]}, which was declared its fix")
    contains, inside = _part(hold, sha, lineage)
    if contains is Contains.NOTHING:
        return HoldFinding(hold, contains)
    if contains is Contains.UNKNOWN:
        return HoldFinding(hold, contains, lineage.problem or "GitHub does not list all commits in between")
    ways = list(_ways_out(lineage.since_bad.commits))
    for commit, verb, named in ways:
        if match := next((held for held in inside if held.startswith(named)), ""):
            return HoldFinding(hold, Contains.MENDED, f"{commit.short} {verb} {match[:7]}")
    if not _is_certain(lineage, is_bad=sha == hold.bad, has_ways=bool(ways)):
        why = "GitHub does not list all commits since then, and one of the others may revert it"
        return HoldFinding(hold, Contains.UNKNOWN, lineage.problem or why)
    return HoldFinding(hold, contains)


def is_whole(comparison: Comparison) -> bool:
    """Whether all commits of a comparison are listed."""
    if comparison.relation in {Relation.BEHIND, Relation.IDENTICAL}:
        return True
    # Histories without a common commit are `diverged`, too, and then GitHub lists none.
    return 0 < comparison.total_commits <= len(comparison.commits)


def _part(hold: Hold, sha: str, lineage: Lineage) -> tuple[Contains, frozenset[str]]:
    """How much of the held range a commit contains, and which of its commits as far as they are known."""
    held = frozenset(commit.sha for commit in lineage.held.commits) | {hold.bad}
    if hold.good and lineage.held.relation in {Relation.BEHIND, Relation.IDENTICAL}:
        # What came back has all that was there before: going forward holds nothing.
        return Contains.NOTHING, frozenset()
    if sha == hold.bad:
        return Contains.ALL, held
    if hold.good and lineage.held.relation is Relation.UNKNOWN:
        return Contains.UNKNOWN, frozenset()
    if _is_descendant(lineage.since_bad):
        return Contains.ALL, held
    if not hold.good:
        return _without_good(lineage.since_bad)
    return _shared(held, lineage)


def _without_good(since_bad: Comparison) -> tuple[Contains, frozenset[str]]:
    """Where nobody knows what was good, the bad commit alone is held, and this one does not descend from it."""
    is_told = since_bad.relation is not Relation.UNKNOWN
    return Contains.NOTHING if is_told else Contains.UNKNOWN, frozenset()


def _shared(held: frozenset[str], lineage: Lineage) -> tuple[Contains, frozenset[str]]:
    """What a commit beside or before the bad one shares with the held range.

    Its commits that the good one lacks are held where the bad one has them. One merge base would not tell that: after
    merges in both directions there are several, and GitHub names one.
    """
    if lineage.since_good.relation in {Relation.BEHIND, Relation.IDENTICAL}:
        return Contains.NOTHING, frozenset()
    own = {commit.sha for commit in lineage.since_good.commits}
    inside = frozenset(own & held)
    if is_whole(lineage.since_bad):
        inside |= own - {commit.sha for commit in lineage.since_bad.commits}
    if inside:
        return Contains.PART, inside
    can_tell = is_whole(lineage.since_bad) or is_whole(lineage.held)
    return Contains.NOTHING if can_tell and is_whole(lineage.since_good) else Contains.UNKNOWN, inside


def _is_descendant(since: Comparison) -> bool:
    return since.relation in {Relation.AHEAD, Relation.IDENTICAL}


def _ways_out(commits: Sequence[Commit]) -> Iterator[tuple[Commit, str, str]]:
    """The commits that revert or fix another one and were not reverted themselves, with its name."""
    standing = _standing(commits)
    for commit in commits:
        if commit.sha in standing:
            yield from ((commit, "reverts", named) for named in commit.reverts)
            yield from ((commit, "fixes", named) for named in commit.fixes)


def _reverted_by(commits: Sequence[Commit], sha: str) -> bool:
    standing = _standing(commits)
    return any(sha.startswith(named) for commit in commits if commit.sha in standing for named in commit.reverts)


def _standing(commits: Sequence[Commit]) -> frozenset[str]:
    """The commits that no other one of these reverts, but for reverts that were reverted in turn.

    Whatever their order: what nobody reverts stands, so what it reverts does not, so what that one reverts does, …
    """
    reverting = [(commit.sha, commit.reverts) for commit in commits if commit.reverts]
    everything = frozenset(commit.sha for commit in commits)
    standing = everything
    # Each round settles one link more of every chain; hostile messages that go in circles do not go on for ever.
    for _ in range(len(reverting) + 1):
        undone = [named for sha, reverts in reverting if sha in standing for named in reverts]
        settled = frozenset(sha for sha in everything if not any(sha.startswith(named) for named in undone))
        if settled == standing:
            break
        standing = settled
    return standing


def _is_certain(lineage: Lineage, *, is_bad: bool, has_ways: bool) -> bool:
    """Whether nothing that GitHub did not list could be the way out; there is none from the bad commit to itself."""
    if is_bad:
        return True
    are_fixes_known = all(since.relation is not Relation.UNKNOWN for since in lineage.since_fixes.values())
    return are_fixes_known and is_whole(lineage.since_bad) and (is_whole(lineage.held) or not has_ways)
