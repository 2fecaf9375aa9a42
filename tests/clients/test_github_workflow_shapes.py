"""What Actions answers, read defensively: odd shapes, missing details, what a run and a job are made of."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.responses import Response

from bot.clients.github import GitHubClient, TokenAuth, answers
from bot.clock import SystemClock
from bot.domain.model import CiState, WorkflowJob, WorkflowRun
from bot.errors import NotFound, Reason, UnexpectedResponse
from sandbox.kit import serving
from tests.clients.test_github_odd import REPO, Pages

DEPLOY = ".github/workflows/deploy-staging.yml"
RUNS, DISPATCHES = "actions/workflows/deploy-staging.yml/runs", "actions/workflows/deploy-staging.yml/dispatches"
AT = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
RUN: dict[str, Any] = {
    "id": 17,
    "status": "completed",
    "conclusion": "failure",
    "display_title": "Deploy <!channel>",
    "head_sha": "a" * 40,
    "head_branch": "main",
    "event": "workflow_dispatch",
    "html_url": "https://github.example/runs/17",
    "run_attempt": 2,
    "created_at": "2026-11-20T08:00:00Z",
}
READ = WorkflowRun(
    17,
    "completed",
    "failure",
    "Deploy <!channel>",
    "a" * 40,
    "main",
    "workflow_dispatch",
    "https://github.example/runs/17",
    2,
    AT,
)


@pytest.fixture
def pages() -> Pages:
    return Pages()


@pytest.fixture
async def client(pages: Pages) -> AsyncIterator[GitHubClient]:
    """A client of these pages."""
    async with serving(pages) as url, GitHubClient(url, auth=TokenAuth("t"), clock=SystemClock()) as client:
        yield client


async def test_a_run_is_read(pages: Pages, client: GitHubClient) -> None:
    """Every field as GitHub tells it; its title is other people's text and stays so."""
    pages.has("actions/runs/17", RUN)

    assert await client.workflow_run(REPO, 17) == READ


def test_what_a_run_does_not_tell_is_empty() -> None:
    """GitHub says null for a run without an end, and for one without a branch."""
    silent = dict.fromkeys(("conclusion", "head_branch", "display_title", "html_url"))

    run = answers.workflow_run_of({**RUN, **silent})

    assert run is not None
    assert (run.conclusion, run.head_branch, run.title, run.url) == ("", "", "", "")


@pytest.mark.parametrize(
    "odd",
    [{"id": None}, {"id": "17"}, {"id": True}, {"id": 0}, {"created_at": None}, {"created_at": "2026-11-20T08:00:00"}],
)
async def test_a_run_without_identity_is_unexpected(pages: Pages, client: GitHubClient, odd: dict[str, Any]) -> None:
    """Whoever looks for a run must not miss it silently, alone or in a list."""
    pages.has("actions/runs/17", {**RUN, **odd})
    pages.has(RUNS, {"workflow_runs": [RUN, {**RUN, **odd}]})

    with pytest.raises(UnexpectedResponse):
        await client.workflow_run(REPO, 17)
    with pytest.raises(UnexpectedResponse):
        await client.workflow_runs(REPO, DEPLOY)


@pytest.mark.parametrize("body", [{}, {"workflow_runs": None}, {"workflow_runs": {}}, {"workflow_runs": [None]}])
async def test_what_is_no_list_of_runs_is_unexpected(pages: Pages, client: GitHubClient, body: Any) -> None:
    """An empty answer is not "no runs"."""
    pages.has(RUNS, body)

    with pytest.raises(UnexpectedResponse):
        await client.workflow_runs(REPO, DEPLOY)


@pytest.mark.parametrize("body", [{}, {"workflow_run_id": None}, {"workflow_run_id": "17"}, {"workflow_run_id": True}])
async def test_a_dispatch_without_details_has_no_run(pages: Pages, client: GitHubClient, body: Any) -> None:
    """It was started all the same, so this is no error."""
    pages.has(DISPATCHES, body)

    assert await client.dispatch(REPO, DEPLOY, "main", {}) is None


async def test_a_dispatch_that_is_only_accepted_has_no_run(pages: Pages, client: GitHubClient) -> None:
    """Servers that do not know the flag for details answer 204."""
    pages.answers[DISPATCHES] = Response(status_code=204)

    assert await client.dispatch(REPO, DEPLOY, "main", {}) is None


async def test_a_dispatch_tells_its_run(pages: Pages, client: GitHubClient) -> None:
    """With details the run needs no search."""
    pages.has(DISPATCHES, {"workflow_run_id": 17, "run_url": "u", "html_url": "h"})

    assert await client.dispatch(REPO, DEPLOY, "main", {"request_id": "x"}) == 17


@pytest.mark.parametrize("status", [202, 409])
async def test_cancelling_what_has_ended_is_fine(pages: Pages, client: GitHubClient, status: int) -> None:
    """Accepted, or too late: either way the run will not go on."""
    pages.has("actions/runs/17/cancel", {"message": "Cannot cancel a workflow run that is completed"}, status)

    await client.cancel_run(REPO, 17)

    assert pages.asked == ["actions/runs/17/cancel"]


async def test_what_is_not_there_is_not_found(client: GitHubClient) -> None:
    """A workflow that the default branch does not have, and a run that was deleted, are told by name."""
    with pytest.raises(NotFound, match="deploy-staging") as caught:
        await client.dispatch(REPO, DEPLOY, "main", {})
    with pytest.raises(NotFound, match="deploy-staging"):
        await client.workflow_runs(REPO, DEPLOY)
    with pytest.raises(NotFound, match="17"):
        await client.workflow_run(REPO, 17)
    with pytest.raises(NotFound, match="17"):
        await client.jobs(REPO, 17, 1)
    with pytest.raises(NotFound, match="17"):
        await client.cancel_run(REPO, 17)

    assert caught.value.reason is Reason.BUILD_IMPOSSIBLE


async def test_jobs_name_the_first_step_that_failed(pages: Pages, client: GitHubClient) -> None:
    """What was skipped afterwards, or has not ended yet, did not fail."""
    steps = [
        {"name": "Check out", "conclusion": "success"},
        {"name": "Lint", "conclusion": "skipped"},
        {"name": "Build <image>", "conclusion": "failure"},
        {"name": "Deploy", "conclusion": "cancelled"},
    ]
    jobs = [
        {"name": "build", "status": "completed", "conclusion": "failure", "html_url": "u", "steps": steps},
        {"name": "test", "status": "in_progress", "conclusion": None, "steps": [{"name": "Test", "conclusion": None}]},
    ]
    pages.has("actions/runs/17/attempts/2/jobs", {"jobs": jobs})

    assert await client.jobs(REPO, 17, 2) == [
        WorkflowJob("build", "completed", "failure", "u", "Build <image>"),
        WorkflowJob("test", "in_progress", "", ""),
    ]


async def test_a_job_without_a_name_is_unexpected(pages: Pages, client: GitHubClient) -> None:
    """It could not be shown."""
    pages.has("actions/runs/17/attempts/1/jobs", {"jobs": [{"status": "queued"}]})

    with pytest.raises(UnexpectedResponse):
        await client.jobs(REPO, 17, 1)


@pytest.mark.parametrize("body", [{}, {"default_branch": None}, {"default_branch": "a b"}])
async def test_a_default_branch_that_is_none_is_unexpected(pages: Pages, client: GitHubClient, body: Any) -> None:
    """Nothing is dispatched on a guess."""
    pages.has(f"/repos/{REPO}", body)

    with pytest.raises(UnexpectedResponse):
        await client.default_branch(REPO)


def test_the_newest_run_of_a_commit_is_its_ci() -> None:
    """Older runs of the same commit are past; one that runs again is pending."""
    runs = [
        run
        for body in (
            {**RUN, "status": "in_progress", "conclusion": None},
            {**RUN, "conclusion": "success"},
            {**RUN, "head_sha": "b" * 40, "conclusion": "success"},
            {**RUN, "head_sha": "c" * 40, "conclusion": "cancelled"},
        )
        if (run := answers.workflow_run_of(body))
    ]

    assert answers.ci_states(runs) == {
        "a" * 40: CiState.PENDING,
        "b" * 40: CiState.SUCCESS,
        "c" * 40: CiState.UNKNOWN,
    }
