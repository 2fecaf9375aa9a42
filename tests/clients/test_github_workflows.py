"""Workflows started, found, followed and cancelled, against the simulated GitHub over a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.clients.github import GitHubClient, TokenAuth
from bot.domain.model import WorkflowRun
from bot.errors import NotFound, RemoteRejected, RemoteUnavailable
from sandbox.faults import Fault
from sandbox.github import GitHubSimulator
from sandbox.kit import running
from tests.virtual_time import BotClock, VirtualClock, VirtualLoop

REPO = "reify/reify-studio"
STAGING, PRODUCTION = ".github/workflows/deploy-staging.yml", ".github/workflows/deploy-production.yml"
DISPATCHES = "/dispatches$"
HEADING = "0c48c64d2651fd5aef4f3d6a045e0744c0113d27"


@pytest.fixture
async def github() -> AsyncIterator[GitHubSimulator]:
    """A simulated GitHub whose time jumps."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    simulator = GitHubSimulator(clock=VirtualClock())
    async with running(simulator):
        with loop.jumping(lambda: False):
            yield simulator


@pytest.fixture
async def client(github: GitHubSimulator) -> AsyncIterator[GitHubClient]:
    """A client on the same time."""
    async with GitHubClient(github.url, auth=TokenAuth("ghp_sandbox"), clock=BotClock(github.clock)) as client:
        yield client


async def started(client: GitHubClient, workflow: str = STAGING, ref: str = "main") -> int:
    """The id of a run that was just started."""
    run_id = await client.dispatch(REPO, workflow, ref, {"request_id": "op-17"})
    assert run_id is not None
    return run_id


async def ended(github: GitHubSimulator, client: GitHubClient, run_id: int) -> WorkflowRun:
    """The run when Actions is through with it."""
    while (run := await client.workflow_run(REPO, run_id)).status != "completed":
        await github.clock.sleep(5)
    return run


@pytest.mark.parametrize(("workflow", "ref"), [(STAGING, "main"), (PRODUCTION, "v1.4.2")])
async def test_a_dispatch_starts_a_run(client: GitHubClient, workflow: str, ref: str) -> None:
    """On a branch or a tag; the run carries our id in its title and says what it runs on."""
    run = await client.workflow_run(REPO, await started(client, workflow, ref))

    assert (run.event, run.head_branch, run.attempt) == ("workflow_dispatch", ref, 1)
    assert "op-17" in run.title
    assert run.url.startswith("https://")


async def test_without_details_the_run_is_found_in_the_list(github: GitHubSimulator, client: GitHubClient) -> None:
    """The list is filtered by event, ref and time; the title tells which run is ours."""
    github.faults.add(Fault("no_run_details"))
    before = BotClock(github.clock).now()

    told = await client.dispatch(REPO, STAGING, "main", {"request_id": "op-17"})
    found = await client.workflow_runs(
        REPO, STAGING, event="workflow_dispatch", branch="main", since=before - timedelta(seconds=5)
    )

    assert told is None
    assert [("op-17" in run.title, run.head_sha) for run in found] == [(True, HEADING)]


async def test_the_list_keeps_to_its_filters(github: GitHubSimulator, client: GitHubClient) -> None:
    """Another ref, another event, another time: no run."""
    await started(client)
    later = BotClock(github.clock).now() + timedelta(minutes=5)

    assert await client.workflow_runs(REPO, STAGING, branch="v1.4.2") == []
    assert await client.workflow_runs(REPO, STAGING, event="push") == []
    assert await client.workflow_runs(REPO, STAGING, since=later) == []


async def test_runs_come_newest_first(client: GitHubClient) -> None:
    """Whoever looks for the newest takes the first."""
    first, second = await started(client), await started(client)

    runs = await client.workflow_runs(REPO, STAGING)

    assert [run.id for run in runs][:2] == [second, first]


async def test_jobs_say_which_step_failed(github: GitHubSimulator, client: GitHubClient) -> None:
    """By name, with a link to the job; the jobs behind it did not fail."""
    github.faults.add(Fault("step_fails", target="Build the image"))
    run = await ended(github, client, await started(client))

    jobs = await client.jobs(REPO, run.id, run.attempt)

    assert run.conclusion == "failure"
    assert (jobs[0].name, jobs[0].conclusion, jobs[0].failed_step) == ("build", "failure", "Build the image")
    assert jobs[0].url.startswith("https://")


async def test_a_run_is_cancelled_once_or_twice(github: GitHubSimulator, client: GitHubClient) -> None:
    """The run ends; cancelling what has ended does no harm."""
    run_id = await started(client)

    await client.cancel_run(REPO, run_id)
    run = await ended(github, client, run_id)
    await client.cancel_run(REPO, run_id)

    assert run.conclusion == "cancelled"


async def test_a_lost_answer_is_not_asked_for_twice(github: GitHubSimulator, client: GitHubClient) -> None:
    """The workflow was started: the error says that it may have been, and nothing is sent again."""
    github.faults.add(Fault("drop_after", path=DISPATCHES, times=1))

    with pytest.raises(RemoteUnavailable) as caught:
        await client.dispatch(REPO, STAGING, "main", {"request_id": "op-17"})

    assert caught.value.sent
    assert len(github.calls.find("POST", DISPATCHES)) == 1
    assert len(await client.workflow_runs(REPO, STAGING, event="workflow_dispatch")) == 1


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_failing_dispatch_is_not_repeated(github: GitHubSimulator, client: GitHubClient, status: int) -> None:
    """A gateway's error tells nothing of what happened behind it."""
    github.faults.add(Fault("status", path=DISPATCHES, status=status))

    with pytest.raises(RemoteUnavailable) as caught:
        await client.dispatch(REPO, STAGING, "main", {})

    assert caught.value.sent
    assert len(github.calls.find("POST", DISPATCHES)) == 1


@pytest.mark.parametrize(
    ("workflow", "ref", "inputs"),
    [
        (STAGING, "no-such-branch", {}),
        (STAGING, HEADING, {}),
        (STAGING, "main", {"unknown": "x"}),
        (PRODUCTION, "v1.3.0", {}),
    ],
)
async def test_what_cannot_be_started_is_refused(
    client: GitHubClient, workflow: str, ref: str, inputs: dict[str, str]
) -> None:
    """A ref that is none, a hash, an input or a trigger that the ref's file does not have."""
    with pytest.raises(RemoteRejected) as caught:
        await client.dispatch(REPO, workflow, ref, inputs)

    assert caught.value.status == 422


async def test_a_workflow_that_is_not_there_is_named(client: GitHubClient) -> None:
    """GitHub's bare 404 becomes a sentence with the file."""
    with pytest.raises(NotFound, match=r"release\.yml"):
        await client.dispatch(REPO, ".github/workflows/release.yml", "main", {})


async def test_a_token_that_may_only_read_says_so(github: GitHubSimulator, client: GitHubClient) -> None:
    """The refusal names the permission that starting a workflow needs."""
    github.seed["tokens"][0]["permissions"] = {"metadata": "read", "contents": "read", "actions": "read"}
    github.seed["tokens"][0]["repositories"] = [REPO]
    github.reset()

    with pytest.raises(RemoteRejected) as caught:
        await client.dispatch(REPO, STAGING, "main", {})

    assert "actions=write" in caught.value.hint
