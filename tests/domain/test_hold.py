"""How a commit lies to a hold: tables of what happens, and any history at all against its real ancestry."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from bot.domain.hold import Contains, Hold, HoldFinding, Lineage, find
from bot.domain.model import Commit, Comparison, Relation
from tests.histories import History, hold

UNKNOWN = Comparison(Relation.UNKNOWN)
PASSES = {Contains.NOTHING, Contains.MENDED}


class Released(History):
    """v41, then two commits on it, of which the last is v43: bad, rolled back, held."""

    def __init__(self) -> None:
        super().__init__()
        self.v40 = self.commit()
        self.v41 = self.commit(self.v40)
        self.v42 = self.commit(self.v41)
        self.v43 = self.commit(self.v42)

    def finds(self, sha: str, *fixes: str, good: str | None = None, listed: int = 250) -> HoldFinding:
        """How a commit lies to the hold."""
        held = hold(self.v41 if good is None else good, self.v43, *fixes)
        return find(held, sha, self.lineage(held, sha, listed=listed))

    def contains(self, sha: str, *fixes: str, good: str | None = None, listed: int = 250) -> Contains:
        return self.finds(sha, *fixes, good=good, listed=listed).contains


@pytest.fixture
def repo() -> Released:
    return Released()


def test_what_was_rolled_back_is_refused_again(repo: Released) -> None:
    """The bad commit itself, and any commit on top of it."""
    assert repo.contains(repo.v43) is Contains.ALL
    assert repo.contains(repo.line(repo.v43, 3)) is Contains.ALL


def test_a_merge_of_what_was_rolled_back_is_refused(repo: Released) -> None:
    """It comes in by another branch just as well."""
    hotfix = repo.commit(repo.v41)

    assert repo.contains(repo.commit(hotfix, repo.v43)) is Contains.ALL


def test_a_part_of_the_range_is_refused_too(repo: Released) -> None:
    """A commit between good and bad, and a branch from there: which of them is bad nobody knows."""
    assert repo.contains(repo.v42) is Contains.PART
    assert repo.contains(repo.commit(repo.v42)) is Contains.PART


def test_what_comes_from_before_passes(repo: Released) -> None:
    """What came back, what is older, and a hotfix on a branch from there."""
    hotfix = repo.line(repo.v41, 2)

    for sha in (repo.v41, repo.v40, hotfix, repo.commit(repo.v40), repo.commit(hotfix, repo.v40)):
        assert repo.contains(sha) is Contains.NOTHING


@pytest.mark.parametrize("digits", [7, 12, 40])
def test_a_revert_on_top_passes_and_is_named(repo: Released, digits: int) -> None:
    """By its whole hash or an abbreviated one, as git writes them."""
    revert = repo.commit(repo.v43, reverts=[repo.v43[:digits]])

    found = repo.finds(repo.commit(revert))

    assert (found.contains, found.detail) == (Contains.MENDED, f"{revert[:7]} reverts {repo.v43[:7]}")


def test_a_revert_of_an_earlier_commit_of_the_range_passes(repo: Released) -> None:
    """Not the newest commit was bad but the one before it."""
    assert repo.contains(repo.commit(repo.v43, reverts=[repo.v42])) is Contains.MENDED


def test_a_fix_that_says_so_passes(repo: Released) -> None:
    """`Fixes:` in its message names a commit of the range."""
    fix = repo.commit(repo.v43, fixes=[repo.v42[:12]])

    assert repo.finds(fix).detail == f"{fix[:7]} fixes {repo.v42[:7]}"


def test_a_revert_of_something_else_changes_nothing(repo: Released) -> None:
    """Neither of a commit that was good before, nor of one that came later."""
    later = repo.commit(repo.v43)
    reverts = repo.commit(later, reverts=[repo.v41, later])

    assert repo.contains(reverts) is Contains.ALL


def test_a_revert_within_the_range_is_no_way_out(repo: Released) -> None:
    """It was there when the range turned out to be bad."""
    repo.v43 = repo.commit(repo.v43, reverts=[repo.v42])

    assert repo.contains(repo.commit(repo.v43)) is Contains.ALL


def test_a_revert_of_what_a_branch_does_not_contain_is_none(repo: Released) -> None:
    """A branch from the first half of the range that speaks of the second."""
    branch = repo.commit(repo.v42, reverts=[repo.v43])

    assert repo.contains(branch) is Contains.PART
    assert repo.contains(repo.commit(branch, reverts=[repo.v42])) is Contains.MENDED


def test_a_reverted_revert_is_refused_again_and_so_on(repo: Released) -> None:
    """Each further revert turns it round once more; that of a fix counts as well."""
    top, expected = repo.v43, [Contains.ALL, Contains.MENDED, Contains.ALL, Contains.MENDED, Contains.ALL]
    found = [repo.contains(top)]
    for _ in range(4):
        top = repo.commit(top, reverts=[top])
        found.append(repo.contains(top))
    fix = repo.commit(repo.v43, fixes=[repo.v43])

    assert found == expected
    assert repo.contains(repo.commit(fix, reverts=[fix])) is Contains.ALL


def test_messages_that_revert_each_other_come_to_an_end(repo: Released) -> None:
    """Hashes cannot be known before, but messages may say anything."""
    first, second = repo.commit(repo.v43), repo.commit(repo.v43)
    for one, other in ((first, second), (second, first)):
        repo.commits[one] = dataclasses.replace(repo.commits[one], reverts=(other, repo.v43))

    assert repo.contains(repo.commit(first, second)) in Contains


def test_a_declared_fix_passes_with_all_on_top_of_it(repo: Released) -> None:
    """Somebody said that this commit mends it, whatever its message says; before it nothing passes."""
    before = repo.commit(repo.v43)
    fix = repo.commit(before)
    found = repo.finds(repo.line(fix, 400), fix, listed=0)

    assert (found.contains, found.detail) == (Contains.MENDED, f"it has {fix[:7]}, which was declared its fix")
    assert repo.contains(fix, fix) is Contains.MENDED
    assert repo.contains(before, fix) is Contains.ALL
    assert repo.contains(repo.v43, fix) is Contains.ALL


def test_a_declared_fix_that_was_reverted_is_none(repo: Released) -> None:
    """What was mended is not mended any more; with the revert reverted it is again."""
    fix = repo.commit(repo.v43)
    revert = repo.commit(fix, reverts=[fix])
    again = repo.commit(revert, reverts=[revert])

    assert [repo.contains(sha, fix) for sha in (fix, revert, again)] == [Contains.MENDED, Contains.ALL, Contains.MENDED]


def test_without_a_good_commit_the_bad_one_alone_is_held(repo: Released) -> None:
    """What came back names no commit: what has the bad commit is refused, what has not passes, reverts count."""
    revert = repo.commit(repo.v43, reverts=[repo.v43])

    assert repo.contains(repo.v43, good="") is Contains.ALL
    assert repo.contains(repo.commit(repo.v43), good="") is Contains.ALL
    assert repo.contains(repo.v42, good="") is Contains.NOTHING
    assert repo.contains(repo.commit(repo.v42), good="") is Contains.NOTHING
    assert repo.contains(revert, good="") is Contains.MENDED


def test_going_forward_holds_nothing(repo: Released) -> None:
    """A rollback to something newer: neither what it came from nor what came back is refused."""
    newer = repo.commit(repo.v43)

    for sha in (repo.v43, newer, repo.v41, repo.commit(newer)):
        assert repo.contains(sha, good=newer) is Contains.NOTHING
        assert repo.contains(sha, good=repo.v43) is Contains.NOTHING


def test_after_merges_in_both_directions_nothing_slips_through() -> None:
    """Of two best common ancestors one is harmless; the commit has the other one all the same."""
    repo = History()
    good = repo.commit()
    harmless, culprit = repo.commit(good), repo.commit(good)
    released = repo.commit(harmless)
    bad, other = repo.commit(released, culprit), repo.commit(culprit, harmless)
    held = hold(released, bad)

    assert find(held, other, repo.lineage(held, other)).contains is Contains.PART


ANSWERS = ("held", "since_bad", "since_good")


def without(lineage: Lineage, silent: set[str]) -> Lineage:
    """The same, but for some answers that did not come."""
    told = {name: UNKNOWN if name in silent else getattr(lineage, name) for name in ANSWERS}
    return Lineage(told["held"], told["since_bad"], told["since_good"], lineage.since_fixes, lineage.problem)


@pytest.mark.parametrize("silent", ANSWERS)
def test_what_github_does_not_tell_is_unknown(repo: Released, silent: str) -> None:
    """Each of the answers is needed for a branch from the range, and the reason is told."""
    branch = repo.line(repo.commit(repo.v41), 2)
    held = hold(repo.v41, repo.v43)
    told = without(repo.lineage(held, branch, listed=1 if silent == "held" else 250), {silent})
    told = dataclasses.replace(told, problem="GitHub is down")

    found = find(held, branch, told)

    may_tell = silent == "since_bad"
    assert found.contains is (Contains.NOTHING if may_tell else Contains.UNKNOWN)
    assert found.detail == ("" if may_tell else "GitHub is down")


def test_github_being_down_refuses_nothing_less_than_what_was_rolled_back(repo: Released) -> None:
    """Without any answer: the bad commit is known by its hash, anything else is unknown, without a good one, too."""
    silent = Lineage(UNKNOWN, UNKNOWN, UNKNOWN, {}, "GitHub is down")
    unnamed = dataclasses.replace(silent, held=Comparison(Relation.AHEAD, (Commit(repo.v43, "", ""),), 1))

    for good, told in ((repo.v41, silent), ("", unnamed)):
        assert find(hold(good, repo.v43), repo.v43, told).contains is Contains.ALL
        assert find(hold(good, repo.v43), repo.v41, told) == HoldFinding(
            hold(good, repo.v43), Contains.UNKNOWN, "GitHub is down"
        )


def test_a_fix_that_cannot_be_looked_for_may_be_there(repo: Released) -> None:
    """GitHub does not answer about the fix alone: it is unknown, and not certainly held."""
    top = repo.commit(repo.v43)
    fix = repo.commit(top)
    held = hold(repo.v41, repo.v43, fix)
    told = dataclasses.replace(repo.lineage(held, top), since_fixes={fix: UNKNOWN}, problem="GitHub is down")

    assert find(held, top, told) == HoldFinding(held, Contains.UNKNOWN, "GitHub is down")


def test_a_list_that_was_cut_may_hide_the_way_out(repo: Released) -> None:
    """The revert is behind the cut: unknown, with a sentence; one that is listed counts, cut or not."""
    old_revert = repo.commit(repo.v43, reverts=[repo.v43])
    top = repo.line(old_revert, 3)

    found = repo.finds(top, listed=2)

    assert found.contains is Contains.UNKNOWN
    assert "does not list all commits" in found.detail
    assert repo.contains(repo.commit(top, reverts=[repo.v43]), listed=2) is Contains.MENDED


def test_histories_without_a_common_commit_are_unknown(repo: Released) -> None:
    """GitHub compares nothing then, so nobody can tell."""
    orphan = repo.commit()
    nothing = Comparison(Relation.DIVERGED, files_complete=False)
    held = hold(repo.v41, repo.v43)
    told = Lineage(repo.compare(repo.v41, repo.v43), nothing, nothing, {})

    found = find(held, orphan, told)

    assert (found.contains, found.detail) == (Contains.UNKNOWN, "GitHub does not list all commits in between")


@dataclass(frozen=True)
class Case:
    """A history, a hold in it and a commit to look at."""

    repo: History
    hold: Hold
    sha: str


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any history of up to two dozen commits with merges and messages, any good, bad, fix and other commit."""
    repo = History()
    shas = [repo.commit()]
    for _ in range(draw(st.integers(3, 24))):
        # Mostly on the newest ones, so that there are lines as well as forks.
        near = st.sampled_from(shas[-3:])
        parents = {draw(near)} | ({draw(st.sampled_from(shas))} if draw(st.integers(0, 3)) == 0 else set())
        named = st.sets(st.sampled_from(shas), max_size=2) if draw(st.integers(0, 2)) == 0 else st.just(set())
        digits = draw(st.sampled_from([7, 40]))
        reverts, fixes = ([name[:digits] for name in draw(named)] for _ in range(2))
        shas.append(repo.commit(*sorted(parents), reverts=reverts, fixes=fixes))
    good, bad, sha = (draw(st.sampled_from(shas)) for _ in range(3))
    declared = [draw(st.sampled_from(shas))] if draw(st.integers(0, 3)) == 0 else []
    return Case(repo, hold(good if draw(st.integers(0, 5)) else "", bad, *declared), sha)


def stands(repo: History, commit: str, among: list[str]) -> bool:
    """Whether a commit is reverted by none of these that stands itself, as one would say it."""
    return not any(
        commit.startswith(named) and stands(repo, other, among)
        for other in among
        for named in repo.commits[other].reverts
    )


def truth(case: Case) -> Contains:
    """What the commit contains of the range by its real ancestry, and whether the way out is there."""
    repo, held, sha = case.repo, case.hold, case.sha
    ancestry = repo.ancestry(sha)
    for fix in held.fixes:
        if fix in ancestry and stands(repo, fix, repo.beyond(fix, sha)):
            return Contains.MENDED
    kept = set(repo.beyond(held.good, held.bad)) if held.good else {held.bad}
    inside = kept & ancestry
    if not inside:
        return Contains.NOTHING
    since = repo.beyond(held.bad, sha)
    for commit in since:
        message = repo.commits[commit]
        names = any(one.startswith(named) for one in inside for named in (*message.reverts, *message.fixes))
        if names and stands(repo, commit, since):
            return Contains.MENDED
    return Contains.ALL if held.bad in ancestry else Contains.PART


@given(cases())
def test_any_history_is_judged_by_its_real_ancestry(case: Case) -> None:
    """With whole lists the answer is exact: all, part, nothing or mended."""
    found = find(case.hold, case.sha, case.repo.lineage(case.hold, case.sha))
    event(found.contains)

    assert found.contains is truth(case)


@given(cases(), st.integers(0, 3))
def test_with_cut_lists_nothing_held_slips_through(case: Case, listed: int) -> None:
    """However much GitHub leaves out: what passes would pass with all of it; the rest is said to be unknown or held."""
    found = find(case.hold, case.sha, case.repo.lineage(case.hold, case.sha, listed=listed))
    event(found.contains)

    if found.contains in PASSES and not case.hold.fixes:
        assert truth(case) is found.contains
    if found.contains in {Contains.ALL, Contains.PART}:
        assert truth(case) is found.contains


@given(cases(), st.sets(st.sampled_from(ANSWERS)))
def test_with_missing_answers_nothing_held_slips_through(case: Case, silent: set[str]) -> None:
    """Whatever of the answers does not come: what passes would pass with all of them, and the bad commit is refused."""
    told = without(case.repo.lineage(case.hold, case.sha), silent)
    found = find(case.hold, case.sha, told)
    event(found.contains)

    if found.contains in PASSES or (found.contains is not Contains.UNKNOWN and case.sha != case.hold.bad):
        assert truth(case) is found.contains
