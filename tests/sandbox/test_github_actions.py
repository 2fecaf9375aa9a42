"""Check runs, statuses, workflow runs and jobs."""

from __future__ import annotations

import httpx
import pytest

from sandbox.faults import Fault
from sandbox.github import GitHubSimulator

HEADING, BROKEN = "0c48c64d2651fd5aef4f3d6a045e0744c0113d27", "948f0c1d2e3c31744979b255a4a6ec1bb203c3fb"
CI_RUNS = "/actions/workflows/ci.yml/runs"


@pytest.mark.parametrize(
    ("ref", "conclusion"), [("main", "success"), ("feature/broken", "failure"), ("v1.4.2", "success")]
)
async def test_ci_leaves_a_check_run(repo: httpx.AsyncClient, ref: str, conclusion: str) -> None:
    """Each seeded commit has the check run of its CI job."""
    body = (await repo.get(f"/commits/{ref}/check-runs")).json()

    assert [(run["name"], run["status"], run["conclusion"]) for run in body["check_runs"]] == [
        ("test", "completed", conclusion)
    ]


async def test_the_combined_status_knows_no_check_runs(repo: httpx.AsyncClient) -> None:
    """A green CI of Actions still reads `pending` with nothing in it."""
    body = (await repo.get("/commits/main/status")).json()

    assert (body["state"], body["total_count"], body["statuses"]) == ("pending", 0, [])


@pytest.mark.parametrize(
    ("states", "combined"),
    [(["success"], "success"), (["success", "pending"], "pending"), (["success", "error"], "failure")],
)
async def test_statuses_combine(
    github: GitHubSimulator, repo: httpx.AsyncClient, states: list[str], combined: str
) -> None:
    """The worst context counts, and the latest status of each."""
    await github.actions()["set_status"]({"sha": "main", "context": "lint-0", "state": "pending"})
    for number, state in enumerate(states):
        await github.actions()["set_status"]({"sha": "main", "context": f"lint-{number}", "state": state})

    body = (await repo.get("/commits/main/status")).json()

    assert (body["state"], body["total_count"]) == (combined, len(states))


async def test_a_commit_without_ci_has_no_check_runs(github: GitHubSimulator, repo: httpx.AsyncClient) -> None:
    """An empty list with 200; an unknown commit is 422."""
    await github.actions()["commit"]({"title": "Quiet", "author": "ana"})

    quiet, unknown = await repo.get("/commits/main/check-runs"), await repo.get("/commits/nope/check-runs")

    assert quiet.json() == {"total_count": 0, "check_runs": []}
    assert unknown.status_code == 422


async def test_a_run_goes_from_in_progress_to_its_conclusion(github: GitHubSimulator, repo: httpx.AsyncClient) -> None:
    """The same run, first without a conclusion, then with one."""
    made = await github.actions()["commit"]({"title": "New", "author": "ana"})
    await github.actions()["set_ci"]({"sha": made["sha"], "conclusion": None})
    before = (await repo.get(CI_RUNS, params={"head_sha": made["sha"]})).json()["workflow_runs"][0]
    await github.actions()["set_ci"]({"sha": made["sha"], "conclusion": "failure"})

    after = (await repo.get(f"/actions/runs/{before['id']}")).json()

    assert (before["status"], before["conclusion"], before["run_attempt"]) == ("in_progress", None, 1)
    assert (after["status"], after["conclusion"], after["run_attempt"]) == ("completed", "failure", 1)


async def test_a_run_again_is_another_attempt_of_the_same_run(github: GitHubSimulator, repo: httpx.AsyncClient) -> None:
    """The id stays; the earlier attempt can still be read, its check run only with `filter=all`."""
    again = await github.actions()["set_ci"]({"sha": BROKEN, "conclusion": "success"})
    first = (await repo.get(f"/actions/runs/{again['run']}/attempts/1")).json()
    latest = (await repo.get(f"/commits/{BROKEN}/check-runs")).json()["check_runs"]
    everything = (await repo.get(f"/commits/{BROKEN}/check-runs", params={"filter": "all"})).json()["check_runs"]

    run = (await repo.get(f"/actions/runs/{again['run']}")).json()

    assert (run["run_attempt"], run["conclusion"], first["conclusion"]) == (2, "success", "failure")
    assert run["previous_attempt_url"].endswith("/attempts/1")
    assert [check["conclusion"] for check in latest] == ["success"]
    assert [check["conclusion"] for check in everything] == ["success", "failure"]


async def test_jobs_belong_to_an_attempt(github: GitHubSimulator, repo: httpx.AsyncClient) -> None:
    """Each attempt has jobs of its own; an attempt that never was is 404."""
    again = await github.actions()["set_ci"]({"sha": BROKEN, "conclusion": None})
    path = f"/actions/runs/{again['run']}"

    first = (await repo.get(f"{path}/attempts/1/jobs")).json()["jobs"]
    latest = (await repo.get(f"{path}/jobs")).json()["jobs"]
    both = (await repo.get(f"{path}/jobs", params={"filter": "all"})).json()
    missing = await repo.get(f"{path}/attempts/3/jobs")

    assert [(job["name"], job["conclusion"]) for job in first] == [("test", "failure")]
    assert [(job["run_attempt"], job["status"]) for job in latest] == [(2, "in_progress")]
    assert both["total_count"] == 2
    assert missing.status_code == 404


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({}, 14),
        ({"head_sha": HEADING}, 1),
        ({"branch": "feature/broken"}, 1),
        ({"branch": "nope"}, 0),
        ({"event": "push"}, 14),
        ({"event": "pull_request"}, 0),
        ({"status": "failure"}, 1),
        ({"status": "completed"}, 14),
        ({"status": "in_progress"}, 0),
        ({"branch": "main", "status": "success"}, 11),
        ({"actor": "cleo"}, 3),
        ({"created": "<2001-01-01"}, 0),
        ({"created": ">=2001-01-01"}, 14),
    ],
)
async def test_runs_are_filtered(repo: httpx.AsyncClient, filters: dict[str, str], count: int) -> None:
    """Each filter narrows the list and its total; `status` also takes a conclusion."""
    of_workflow, of_all = await repo.get(CI_RUNS, params=filters), await repo.get("/actions/runs", params=filters)

    assert of_workflow.json()["total_count"] == of_all.json()["total_count"] == count


async def test_a_wrong_date_filter_is_refused(repo: httpx.AsyncClient) -> None:
    """A misspelt date is 422, not everything."""
    answer = await repo.get(CI_RUNS, params={"created": ">=yesterday"})

    assert answer.status_code == 422


async def test_runs_come_newest_first(repo: httpx.AsyncClient) -> None:
    """The first run is that of the newest push, and names workflow and commit."""
    run = (await repo.get(CI_RUNS, params={"branch": "main", "per_page": 1})).json()["workflow_runs"][0]

    assert (run["head_sha"], run["display_title"], run["path"]) == (
        HEADING,
        "Rename a heading",
        ".github/workflows/ci.yml",
    )


async def test_a_filtered_list_ends_at_a_thousand(github: GitHubSimulator, repo: httpx.AsyncClient) -> None:
    """Older runs cannot be reached with a filter, only without one."""
    await github.actions()["many_commits"]({"branch": "main", "count": 1000, "ci": "success", "files": 0})

    filtered = await repo.get("/actions/runs", params={"event": "push", "per_page": 1})
    plain = await repo.get("/actions/runs", params={"per_page": 1})

    assert (filtered.json()["total_count"], plain.json()["total_count"]) == (1000, 1014)


@pytest.mark.parametrize("name", ["ci.yml", "9001"])
async def test_a_workflow_is_found_by_file_or_id(repo: httpx.AsyncClient, name: str) -> None:
    """Both names give the same workflow."""
    answer = await repo.get(f"/actions/workflows/{name}")

    assert (answer.json()["name"], answer.json()["path"]) == ("CI", ".github/workflows/ci.yml")


@pytest.mark.parametrize("path", ["/actions/workflows/nope.yml/runs", "/actions/runs/1", "/actions/runs/1/jobs"])
async def test_what_is_not_there_is_not_found(repo: httpx.AsyncClient, path: str) -> None:
    """Unknown workflows and runs are 404."""
    answer = await repo.get(path)

    assert answer.status_code == 404


async def test_a_check_suite_sums_up_a_run(repo: httpx.AsyncClient) -> None:
    """One suite for each run, with the run's conclusion."""
    run = (await repo.get(CI_RUNS, params={"head_sha": BROKEN})).json()["workflow_runs"][0]

    suites = (await repo.get(f"/commits/{BROKEN}/check-suites")).json()["check_suites"]

    assert [(suite["id"], suite["conclusion"]) for suite in suites] == [(run["check_suite_id"], "failure")]


async def test_a_hidden_commit_has_no_checks(github: GitHubSimulator, repo: httpx.AsyncClient) -> None:
    """The fault `unknown_commit` reaches checks and the status too."""
    github.faults.add(Fault("unknown_commit"))

    answers = [await repo.get(f"/commits/main/{what}") for what in ("check-runs", "check-suites", "status")]

    assert [answer.status_code for answer in answers] == [422, 422, 404]


async def test_ci_of_a_tag_carries_the_tags_name(github: GitHubSimulator, repo: httpx.AsyncClient) -> None:
    """A run on a commit that is only a tag's has `head_branch` without refs/tags/."""
    made = await github.actions()["commit"]({"branch": "tmp", "title": "Tagged", "author": "ana"})
    await github.actions()["tag"]({"name": "v2.0.0", "sha": "tmp"})
    await github.actions()["delete_ref"]({"ref": "heads/tmp"})
    await github.actions()["set_ci"]({"sha": made["sha"], "conclusion": "success"})

    runs = (await repo.get(CI_RUNS, params={"branch": "v2.0.0"})).json()["workflow_runs"]

    assert [(run["head_branch"], run["head_sha"]) for run in runs] == [("v2.0.0", made["sha"])]


async def test_workflows_are_listed(repo: httpx.AsyncClient) -> None:
    """CI, the two that deploy, and that of review apps, all active."""
    body = (await repo.get("/actions/workflows")).json()

    assert [(each["name"], each["state"]) for each in body["workflows"]] == [
        ("CI", "active"),
        ("Deploy production", "active"),
        ("Deploy staging", "active"),
        ("Review app", "active"),
    ]


@pytest.mark.parametrize(
    ("query", "count"), [({"check_name": "test"}, 1), ({"check_name": "lint"}, 0), ({"status": "queued"}, 0)]
)
async def test_check_runs_are_filtered(repo: httpx.AsyncClient, query: dict[str, str], count: int) -> None:
    """By name and by status."""
    body = (await repo.get("/commits/main/check-runs", params=query)).json()

    assert body["total_count"] == count
