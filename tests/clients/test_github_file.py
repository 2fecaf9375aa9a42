"""One file of a repository through the client, against the simulated GitHub on a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.clients.github import GitHubClient, TokenAuth
from bot.clock import SystemClock
from bot.errors import RemoteError
from sandbox.faults import Fault
from sandbox.github import GitHubSimulator
from sandbox.kit import running

REPO, FILE = "reify/reify-studio", "fly.production.toml"


@pytest.fixture
async def github() -> AsyncIterator[GitHubSimulator]:
    """A simulated GitHub that listens."""
    simulator = GitHubSimulator()
    async with running(simulator):
        yield simulator


@pytest.fixture
async def client(github: GitHubSimulator) -> AsyncIterator[GitHubClient]:
    """A client with a personal token."""
    async with GitHubClient(github.url, auth=TokenAuth("ghp_sandbox"), clock=SystemClock()) as client:
        yield client


async def test_a_file_is_read_at_a_commit(github: GitHubSimulator, client: GitHubClient) -> None:
    """As it was there, whatever came later; also one with letters of other languages, in a folder."""
    before = await client.file(REPO, FILE, "main")
    commit = await github.actions()["commit"]({"title": "Müll", "files": {FILE: "x = 1\n", "a/b ü.toml": "é\n"}})

    assert before is not None
    assert 'app = "reify-studio"' in before
    assert await client.file(REPO, FILE, commit["sha"]) == "x = 1\n"
    assert await client.file(REPO, "a/b ü.toml", "main") == "é\n"
    assert await client.file(REPO, FILE, "v1.4.1") == before


@pytest.mark.parametrize(("path", "ref"), [("nope.toml", "main"), (FILE, "nope"), ("lib", "main")])
async def test_what_is_no_file_is_none(client: GitHubClient, path: str, ref: str) -> None:
    """No such path, no such ref, or a folder."""
    assert await client.file(REPO, path, ref) is None


async def test_a_github_that_does_not_answer_is_an_error(github: GitHubSimulator, client: GitHubClient) -> None:
    """Not the same as a file that is not there."""
    github.faults.add(Fault("status", path="/contents/", status=500))

    with pytest.raises(RemoteError):
        await client.file(REPO, FILE, "main")


async def test_what_is_no_text_is_an_error(github: GitHubSimulator, client: GitHubClient) -> None:
    """GitHub's word for text, and none within."""
    github.faults.add(Fault("status", path="/contents/", status=200, body={"encoding": "base64", "content": "/w=="}))

    with pytest.raises(RemoteError, match="no text"):
        await client.file(REPO, FILE, "main")
