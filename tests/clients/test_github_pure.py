"""The pure parts of the GitHub client: names of refs, and what GitHub's JSON means."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.clients.github import answers, refs
from bot.domain.model import ChangedFile, Ci, CiState, Commit, Relation

SHA = "844d6008b85920b87c9f6767ee5ea0e879305a82"
CI = ".github/workflows/ci.yml"


@pytest.mark.parametrize(
    "ref",
    ["main", "v1.4.2", "feature/add_plan", "a" * 250, "release-1.x", "émile/größe", "<!channel>", "a@b", "x#1", "🚀"],
)
def test_legal_names_pass(ref: str) -> None:
    """What git allows as a ref is asked for, hostile as it may look."""
    assert refs.problem(ref) == ""


@pytest.mark.parametrize(
    ("ref", "why"),
    [
        ("", "empty"),
        ("a" * 251, "longer than 250"),
        ("-D", "hyphen"),
        ("--upload-pack=x", "hyphen"),
        ("a..b", "dot"),
        ("../../etc/passwd", "dot"),
        (".hidden", "dot"),
        ("a/.b", "dot"),
        ("v1.", "dot"),
        ("/a", "slash"),
        ("a/", "slash"),
        ("a//b", "slash"),
        ("a.lock", ".lock"),
        ("a.lock/b", ".lock"),
        ("a b", "space"),
        ("a~1", "space or one of"),
        ("a^", "space or one of"),
        ("fork:main", "space or one of"),
        ("a?per_page=1", "space or one of"),
        ("a*", "space or one of"),
        ("a[b", "space or one of"),
        ("a\\b", "space or one of"),
        ("HEAD@{1}", "@"),
        ("@", "@"),
        ("a\nb", "cannot be seen"),
        ("a\x00b", "cannot be seen"),
        ("a\x7fb", "cannot be seen"),
        ("main\u202enaim", "cannot be seen"),
        ("ma\u200bin", "cannot be seen"),
        ("\ud800", "cannot be seen"),
    ],
)
def test_illegal_names_say_which_rule(ref: str, why: str) -> None:
    """Every rule of git-check-ref-format, the length and invisible characters have their sentence."""
    assert why in refs.problem(ref)


@given(st.text(max_size=300))
def test_what_passes_is_safe_in_a_path(ref: str) -> None:
    """No name that passes has a part that would lead to another resource, and each can be encoded."""
    if refs.problem(ref):
        return

    parts = ref.encode().decode().split("/")

    assert not {"", ".", ".."} & set(parts)


@pytest.mark.parametrize(
    ("ref", "expected"),
    [(SHA, True), (SHA[:7], True), (SHA.upper(), True), (SHA[:6], False), (SHA + "0", False), ("maindeadbee", False)],
)
def test_a_hash_has_7_to_40_hexadecimal_digits(ref: str, expected: bool) -> None:
    """Shorter, longer or other digits are no commit."""
    assert refs.may_be_commit(ref) is expected


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        ("v1.4.9", ["v1.4.2", "v1.4.1", "v1.4.0"]),
        ("MAIN", ["main"]),
        ("feature", ["feature/broken"]),
        ("zzz", []),
    ],
)
def test_close_matches_help(ref: str, expected: list[str]) -> None:
    """Likely names come first, capitals do not matter, and a begin finds what continues it."""
    names = ["main", "hostile", "v1.4.2", "v1.4.1", "v1.4.0", "feature/broken", "main"]

    assert refs.close_matches(ref, names)[:3] == expected


def test_close_matches_are_five_at_most() -> None:
    """However many names are alike, five are shown."""
    assert len(refs.close_matches("v1", [f"v1.{number}" for number in range(40)])) == 5


def commit_json(**changes: Any) -> dict[str, Any]:
    """A commit as GitHub tells it."""
    commit: dict[str, Any] = {
        "sha": SHA,
        "html_url": f"https://github.com/reify/reify-studio/commit/{SHA}",
        "author": {"login": "ana"},
        "commit": {
            "message": "Better error pages\n\nWith a picture.",
            "author": {"name": "Ana Lima"},
            "committer": {"date": "2026-11-20T08:00:00Z"},
        },
    }
    return commit | changes


def test_a_commit_has_the_first_line_and_the_login() -> None:
    """Title, login, instant and link are read."""
    expected = Commit(
        SHA,
        "Better error pages",
        "ana",
        datetime(2026, 11, 20, 8, tzinfo=UTC),
        f"https://github.com/reify/reify-studio/commit/{SHA}",
    )

    assert answers.commit_of(commit_json()) == expected


def test_a_commit_of_no_account_has_its_author_by_name() -> None:
    """Where the e-mail address belongs to no account, GitHub's author is null and git's name counts."""
    assert answers.commit_of(commit_json(author=None)).author == "Ana Lima"


@pytest.mark.parametrize("body", [{}, {"commit": None}, {"commit": {"message": None, "author": 1, "committer": []}}])
def test_a_commit_without_its_fields_is_empty_and_no_crash(body: dict[str, Any]) -> None:
    """Fields that are missing or of another type are left empty."""
    assert answers.commit_of(body) == Commit("", "", "")


def files_json(count: int) -> list[dict[str, Any]]:
    return [{"filename": f"lib/{number}.ex", "status": "added"} for number in range(count)]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (files_json(0), True),
        (files_json(299), True),
        (files_json(300), False),
        (None, False),
        ([{"filename": "a", "status": "added"}, {"status": "added"}], False),
        ([{"filename": "a", "status": "added"}, None], False),
    ],
)
def test_a_list_of_files_is_whole_only_when_nothing_is_missing(files: Any, expected: bool) -> None:
    """300 files, no list, or an entry without a name: the list counts as cut."""
    assert answers.comparison_of({"status": "ahead", "files": files}).files_complete is expected


def test_a_comparison_is_read() -> None:
    """Relation, commits with their count, files with both paths, and the link."""
    found = answers.comparison_of(
        {
            "status": "ahead",
            "total_commits": 7,
            "commits": [commit_json()],
            "files": [{"filename": "b.ex", "status": "renamed", "previous_filename": "a.ex"}],
            "html_url": "https://github.com/c",
        }
    )

    assert (found.relation, found.total_commits, found.url) == (Relation.AHEAD, 7, "https://github.com/c")
    assert [commit.title for commit in found.commits] == ["Better error pages"]
    assert found.files == (ChangedFile("b.ex", "renamed", "a.ex"),)


def test_a_relation_that_nobody_knows_is_unknown() -> None:
    """A new word of GitHub's is not taken for one that we know."""
    assert answers.comparison_of({"status": "sideways", "files": []}).relation is Relation.UNKNOWN


def run_json(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A workflow run of CI for a push of SHA that succeeded."""
    run: dict[str, Any] = {
        "run_number": number,
        "path": CI,
        "head_sha": SHA,
        "event": "push",
        "status": "completed",
        "conclusion": "success",
        "html_url": f"https://github.com/run/{number}",
    }
    return run | changes


@pytest.mark.parametrize(
    ("status", "conclusion", "expected"),
    [
        ("completed", "success", CiState.SUCCESS),
        ("completed", "failure", CiState.FAILURE),
        ("completed", "timed_out", CiState.FAILURE),
        ("completed", "startup_failure", CiState.FAILURE),
        ("completed", "action_required", CiState.PENDING),
        ("completed", "cancelled", CiState.UNKNOWN),
        ("completed", "stale", CiState.UNKNOWN),
        ("completed", "skipped", CiState.UNKNOWN),
        ("completed", "neutral", CiState.UNKNOWN),
        ("completed", "a new word", CiState.UNKNOWN),
        ("completed", None, CiState.UNKNOWN),
        ("queued", None, CiState.PENDING),
        ("in_progress", None, CiState.PENDING),
        ("waiting", None, CiState.PENDING),
        ("in_progress", "success", CiState.PENDING),
    ],
)
def test_only_a_completed_success_is_a_success(status: str, conclusion: str | None, expected: CiState) -> None:
    """Each status and conclusion has its meaning, and what proves nothing is unknown."""
    runs = {"workflow_runs": [run_json(status=status, conclusion=conclusion)]}

    assert answers.run_ci(runs, sha=SHA, workflow="ci.yml") == Ci(expected, "https://github.com/run/1")


def test_the_newest_run_decides() -> None:
    """A later failure outweighs an earlier success, in whatever order GitHub lists them."""
    runs = {"workflow_runs": [run_json(2), run_json(9, conclusion="failure"), run_json(5)]}

    assert answers.run_ci(runs, sha=SHA, workflow="ci.yml") == Ci(CiState.FAILURE, "https://github.com/run/9")


@pytest.mark.parametrize(
    "changes",
    [
        {"path": ".github/workflows/release.yml"},
        {"path": ".github/workflows/other-ci.yml"},
        {"event": "pull_request"},
        {"event": "workflow_dispatch"},
        {"head_sha": "0" * 40},
        {"path": None},
    ],
)
def test_other_runs_do_not_count(changes: dict[str, Any]) -> None:
    """Another workflow, another event or another commit says nothing about this one."""
    assert answers.run_ci({"workflow_runs": [run_json(**changes)]}, sha=SHA, workflow="ci.yml") is None


@pytest.mark.parametrize("workflow", ["ci.yml", CI])
def test_a_workflow_is_compared_without_the_ref_behind_its_path(workflow: str) -> None:
    """GitHub writes `path@ref` for some runs; a file's name and its whole path both find it."""
    runs = {"workflow_runs": [run_json(path=f"{CI}@refs/heads/main")]}

    assert answers.run_ci(runs, sha=SHA, workflow=workflow) is not None


def check(conclusion: str | None, app: str = "circleci", status: str = "completed") -> dict[str, Any]:
    """A check run."""
    return {"status": status, "conclusion": conclusion, "html_url": f"https://c/{conclusion}", "app": {"slug": app}}


@pytest.mark.parametrize(
    ("checks", "statuses", "expected"),
    [
        ([], [], CiState.NONE),
        (["success"], [], CiState.SUCCESS),
        (["success", "skipped", "neutral"], [], CiState.SUCCESS),
        (["skipped"], [], CiState.UNKNOWN),
        (["success", "failure"], ["success"], CiState.FAILURE),
        (["success"], ["error"], CiState.FAILURE),
        (["success"], ["pending"], CiState.PENDING),
        (["success", "cancelled"], ["success"], CiState.UNKNOWN),
        (["cancelled"], ["pending"], CiState.PENDING),
        ([], ["success"], CiState.SUCCESS),
        ([], ["a new word"], CiState.UNKNOWN),
    ],
)
def test_checks_and_statuses_count_together(checks: list[str], statuses: list[str], expected: CiState) -> None:
    """The worst of all decides; a skipped check beside others is no failure, and nothing at all is none."""
    body = {"statuses": [{"state": state, "target_url": "https://s"} for state in statuses]}

    assert answers.combined_ci([check(each) for each in checks], body, without_actions=False).state is expected


def test_the_link_is_that_of_what_decided() -> None:
    """The failing check is linked and not one that passed."""
    found = answers.combined_ci([check("success"), check("failure")], {}, without_actions=False)

    assert found.url == "https://c/failure"


def test_a_running_check_is_pending() -> None:
    """A check without a conclusion is waited for."""
    found = answers.combined_ci([check(None, status="in_progress"), check("success")], {}, without_actions=False)

    assert found.state is CiState.PENDING


def test_checks_of_actions_can_be_left_out() -> None:
    """Beside a named workflow, its own checks for a pull request do not come in by the back door."""
    checks = [check("success", app=answers.ACTIONS_APP)]

    assert answers.combined_ci(checks, {}, without_actions=True) == Ci(CiState.NONE)
    assert answers.combined_ci(checks, {}, without_actions=False).state is CiState.SUCCESS
