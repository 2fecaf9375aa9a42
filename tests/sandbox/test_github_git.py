"""The object store under the simulated GitHub: ancestry, merging, differences, dates."""

from __future__ import annotations

import pytest

from sandbox.github.diff import changes
from sandbox.github.git import Git, MergeConflict, Person, blob_sha, valid_ref
from sandbox.github.search import in_created

ANA = Person("Ana", "ana@example.com")
NOON = 1_795_435_200.0  # 2026-11-23T12:00:00Z


@pytest.fixture
def git() -> Git:
    """Two branches that left a common root."""
    git = Git()
    root = git.add_commit("root", ANA, NOON, files={"a.txt": "one\n", "b.txt": "two\n"}, sha="a" * 40)
    git.add_commit("left", ANA, NOON, parents=(root.sha,), files={"a.txt": "left\n"}, sha="b" * 40)
    git.add_commit("right", ANA, NOON, parents=(root.sha,), files={"c.txt": "new\n"}, sha="c" * 40)
    return git


def test_a_blob_has_the_hash_that_git_gives_it() -> None:
    """A line that says hello has the hash which `git hash-object` prints."""
    assert blob_sha("hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"


def test_two_branches_meet_at_their_common_root(git: Git) -> None:
    """The merge base is the newest commit that both sides contain."""
    base = git.merge_base("b" * 40, "c" * 40)

    assert base is git.commits["a" * 40]


def test_histories_without_a_common_commit_have_no_merge_base(git: Git) -> None:
    """An orphan shares nothing."""
    orphan = git.add_commit("orphan", ANA, NOON, files={"z": "z"})

    assert git.merge_base(orphan.sha, "b" * 40) is None


def test_a_merge_base_lies_behind_a_merge_commit(git: Git) -> None:
    """After left was merged into right, left itself is their merge base."""
    merge = git.add_commit("merge", ANA, NOON, parents=("c" * 40, "b" * 40), tree={})

    assert git.merge_base("b" * 40, merge.sha) is git.commits["b" * 40]
    assert [commit.title for commit in git.between("b" * 40, merge.sha)] == ["right", "merge"]


def test_a_merge_takes_what_each_side_changed(git: Git) -> None:
    """Changes to different files combine."""
    merged = git.merged_tree("b" * 40, "c" * 40)

    assert merged == {"a.txt": blob_sha("left\n"), "b.txt": blob_sha("two\n"), "c.txt": blob_sha("new\n")}


def test_a_merge_removes_what_the_other_side_removed(git: Git) -> None:
    """A file deleted on one side and untouched on the other is gone."""
    gone = git.add_commit("gone", ANA, NOON, parents=("a" * 40,), files={"b.txt": None})

    assert "b.txt" not in git.merged_tree("c" * 40, gone.sha)


def test_a_file_that_both_sides_changed_conflicts(git: Git) -> None:
    """Two texts for one path cannot be merged."""
    other = git.add_commit("other", ANA, NOON, parents=("a" * 40,), files={"a.txt": "other\n"})

    with pytest.raises(MergeConflict, match=r"a\.txt"):
        git.merged_tree("b" * 40, other.sha)


def test_differences_name_added_removed_modified_and_renamed_files(git: Git) -> None:
    """The same content under another path is a rename with its former name."""
    after = git.add_commit(
        "all", ANA, NOON, parents=("a" * 40,), files={"a.txt": "changed\n", "b.txt": None, "z.txt": "two\n", "n": "n"}
    )

    found = {
        change.path: (change.status, change.previous_path)
        for change in changes(git, git.commits["a" * 40].tree, after.tree)
    }

    assert found == {"a.txt": ("modified", None), "n": ("added", None), "z.txt": ("renamed", "b.txt")}


def test_a_patch_counts_its_lines(git: Git) -> None:
    """Additions and deletions come from the patch itself."""
    change = changes(git, git.commits["a" * 40].tree, git.commits["b" * 40].tree)[0]

    assert (change.additions, change.deletions) == (1, 1)
    assert change.patch == "@@ -1 +1 @@\n-one\n+left"


def test_an_ambiguous_abbreviation_names_no_commit(git: Git) -> None:
    """Seven digits that two commits share resolve to neither."""
    git.add_commit("twin", ANA, NOON, files={}, sha="b" * 39 + "0")

    assert git.resolve("b" * 7) is None
    assert git.resolve("a" * 7) is git.commits["a" * 40]
    assert git.resolve("a" * 6) is None


def test_a_branch_comes_before_a_tag_of_the_same_name(git: Git) -> None:
    """A bare name prefers the branch; a full one says which."""
    git.refs |= {"refs/heads/v1": "b" * 40, "refs/tags/v1": "c" * 40}

    assert git.resolve("v1") is git.commits["b" * 40]
    assert git.resolve("tags/v1") is git.commits["c" * 40]


@pytest.mark.parametrize(
    ("ref", "valid"),
    [
        ("refs/heads/main", True),
        ("refs/tags/v1.4.2", True),
        ("refs/heads/feature/x", True),
        ("heads/main", False),
        ("refs/main", False),
        ("refs/heads/a b", False),
        ("refs/heads/a..b", False),
        ("refs/heads/a~1", False),
        ("refs/heads/x.lock", False),
        ("refs/heads/", False),
    ],
)
def test_names_of_refs_follow_git(ref: str, valid: bool) -> None:
    """What `git check-ref-format` refuses is refused."""
    assert valid_ref(ref) is valid


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        ("2026-11-23", True),
        ("2026-11-22", False),
        (">=2026-11-23", True),
        (">2026-11-23", False),
        ("<2026-11-23", False),
        ("<=2026-11-23", True),
        (">=2026-11-23T12:00:00Z", True),
        (">2026-11-23T12:00:00Z", False),
        (">2026-11-23T11:59:59Z", True),
        (">=2026-11-23T14:00:00+02:00", True),
        ("2026-11-22..2026-11-23", True),
        ("2026-11-20..2026-11-22", False),
        ("*..2026-11-23", True),
        ("2026-11-24..*", False),
    ],
)
def test_created_reads_githubs_date_syntax(query: str, matches: bool) -> None:
    """Days, instants, comparisons and ranges, open at either end."""
    assert in_created(query, NOON) is matches


@pytest.mark.parametrize("query", ["", "yesterday", ">=", "2026-13-01", "2026-11-01..soon"])
def test_created_refuses_what_is_no_date(query: str) -> None:
    """A misspelt filter is an error, never "everything"."""
    with pytest.raises(ValueError):  # noqa: PT011 - the endpoint says what was wrong
        in_created(query, NOON)
