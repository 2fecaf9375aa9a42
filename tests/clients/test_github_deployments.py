"""Deployments recorded at the simulated GitHub, and answers of other shapes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import JSONResponse

from bot.clients.github import GitHubClient, TokenAuth
from bot.clients.github.answers import deployment_of
from bot.clock import SystemClock
from bot.domain.model import GitHubDeployment
from bot.errors import RemoteRejected, RemoteUnavailable, UnexpectedResponse
from sandbox.faults import Fault
from sandbox.github import GitHubSimulator
from sandbox.github.model import Repository
from sandbox.kit import running, serving

REPO = "reify/reify-studio"
V141 = "dd085a7c339e27b92c8ba7afc115f2f8a21ee5f6"
# A commit that lies behind main, and whose CI failed.
BROKEN = "feature/broken"
CREATE, STATUS = "/deployments$", "/statuses$"


@pytest.fixture
async def github() -> AsyncIterator[GitHubSimulator]:
    simulator = GitHubSimulator()
    async with running(simulator):
        yield simulator


@pytest.fixture
async def client(github: GitHubSimulator) -> AsyncIterator[GitHubClient]:
    async with GitHubClient(github.url, auth=TokenAuth("ghp_sandbox"), clock=SystemClock()) as client:
        yield client


def repository(github: GitHubSimulator) -> Repository:
    """The repository as GitHub has it."""
    found = github.world.repository(REPO)
    assert found is not None
    return found


async def made(client: GitHubClient, **changes: str) -> int:
    """The id of a rollback of production that was just recorded."""
    asked = {"sha": V141, "environment": "production", "task": "rollback", "operation": "op-17"}
    return await client.create_deployment(REPO, description="Roll back", **{**asked, **changes})


async def test_a_deployment_is_found_by_its_operation(client: GitHubClient) -> None:
    """With what it is about; another environment's is not in the list."""
    number = await made(client)
    await made(client, environment="staging", operation="op-18")

    found = await client.deployments(REPO, sha=V141, environment="production")

    assert found == [GitHubDeployment(number, V141, "production", "rollback", "op-17")]


async def test_deployments_come_newest_first(client: GitHubClient) -> None:
    """Whoever looks for the newest takes the first."""
    numbers = [await made(client, operation=f"op-{number}") for number in range(3)]

    found = await client.deployments(REPO, sha=V141, environment="production")

    assert [each.id for each in found] == numbers[::-1]


async def test_nothing_is_merged_and_no_check_is_asked_for(github: GitHubSimulator, client: GitHubClient) -> None:
    """A commit behind main with a red check is recorded as it is; by default GitHub would merge, or refuse."""
    before = repository(github).git.refs.copy()
    tip = (await client.resolve(REPO, BROKEN)).commit.sha

    await made(client, sha=tip)

    assert len(await client.deployments(REPO, sha=tip, environment="production")) == 1
    assert repository(github).git.refs == before


async def test_a_commit_that_github_does_not_know_is_refused(client: GitHubClient) -> None:
    """422, in GitHub's own words."""
    with pytest.raises(RemoteRejected, match="No ref found") as caught:
        await made(client, sha="f" * 40)

    assert caught.value.status == 422


async def test_an_unknown_deployment_takes_no_status(client: GitHubClient) -> None:
    """404: somebody deleted it."""
    with pytest.raises(RemoteRejected) as caught:
        await client.add_deployment_status(REPO, 17, "success", description="", url="")

    assert caught.value.status == 404


async def test_statuses_are_told_in_order_with_their_links(github: GitHubSimulator, client: GitHubClient) -> None:
    """The newest state is the first; each with the addresses that it was given."""
    number = await made(client)
    card, app = "https://reify.slack.com/archives/C0/p1", "https://reify-studio.fly.dev"

    await client.add_deployment_status(REPO, number, "in_progress", description="It began.", url="")
    await client.add_deployment_status(REPO, number, "success", description="Done.", url=card, environment_url=app)

    first, second = repository(github).deployments[-1].statuses
    assert await client.deployment_states(REPO, number) == ["success", "in_progress"]
    assert (first.log_url, first.environment_url) == ("", "")
    assert (second.description, second.log_url, second.environment_url) == ("Done.", card, app)


async def test_a_long_description_is_cut(github: GitHubSimulator, client: GitHubClient) -> None:
    """GitHub refuses more than 140 characters, which is no reason not to have the record."""
    number = await made(client)
    await client.create_deployment(
        REPO, sha=V141, environment="production", task="deploy", operation="x", description="y" * 141
    )
    await client.add_deployment_status(REPO, number, "failure", description="z" * 500, url="")

    first, second = repository(github).deployments[-2:]
    assert second.description == "y" * 139 + "…"
    assert first.statuses[0].description == "z" * 139 + "…"


async def test_a_deployment_whose_answer_was_lost_is_not_made_twice(
    github: GitHubSimulator, client: GitHubClient
) -> None:
    """The error says that it may have been made; it was, once, and is found."""
    github.faults.add(Fault("drop_after", method="POST", path=CREATE, times=1))

    with pytest.raises(RemoteUnavailable) as caught:
        await made(client)

    found = await client.deployments(REPO, sha=V141, environment="production")
    assert caught.value.sent
    assert [each.operation for each in found] == ["op-17"]


async def test_a_status_whose_answer_was_lost_is_not_told_twice(github: GitHubSimulator, client: GitHubClient) -> None:
    """The error says that it may have been told; it was, once, and is found."""
    number = await made(client)
    github.faults.add(Fault("drop_after", method="POST", path=STATUS, times=1))

    with pytest.raises(RemoteUnavailable) as caught:
        await client.add_deployment_status(REPO, number, "in_progress", description="", url="")

    assert caught.value.sent
    assert await client.deployment_states(REPO, number) == ["in_progress"]


@pytest.mark.parametrize(
    ("payload", "operation"),
    [
        ({"flytower": "op-17"}, "op-17"),
        ('{"flytower": "op-17"}', "op-17"),
        ("", ""),
        ("deploy it", ""),
        ("[1]", ""),
        ('"op-17"', ""),
        ({"flytower": 17}, ""),
        ({}, ""),
        (None, ""),
    ],
)
def test_a_payload_is_read_as_object_and_as_text(payload: Any, operation: str) -> None:
    """GitHub gives it back as it was sent; somebody else's is nobody's operation of ours."""
    found = deployment_of({"id": 7, "payload": payload})

    assert found == GitHubDeployment(7, "", "", "", operation)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_no_payload_is_too_odd(payload: Any) -> None:
    """Whatever others put there, it names no operation of ours and breaks nothing."""
    found = deployment_of({"id": 7, "payload": payload})

    assert found is not None
    assert found.operation == ""


@pytest.mark.parametrize("answer", [{}, {"id": "7"}, {"message": "Auto-merged main into x on deployment."}])
async def test_an_answer_without_a_deployment_is_unexpected(answer: dict[str, Any]) -> None:
    """202 for a merge, or something that is no answer of GitHub: nothing counts as recorded."""
    with pytest.raises(UnexpectedResponse):
        await asked(answer, made)


@pytest.mark.parametrize("answer", [[{"id": 0}], [None], {"id": 1}])
async def test_a_list_of_something_else_is_unexpected(answer: Any) -> None:
    """Who looks for a deployment must not take an odd list for an empty one."""
    with pytest.raises(UnexpectedResponse):
        await asked(answer, lambda client: client.deployments(REPO, sha=V141, environment="production"))


async def asked(answer: Any, ask: Any) -> None:
    """Ask a GitHub that answers everything like this."""
    async with (
        serving(JSONResponse(answer)) as url,
        GitHubClient(url, auth=TokenAuth("t"), clock=SystemClock()) as client,
    ):
        await ask(client)
