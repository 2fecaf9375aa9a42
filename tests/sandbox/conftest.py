"""A served GitHub simulator and a client below its repository; a module that wants another world has its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from sandbox.github import GitHubSimulator
from sandbox.kit import running


@pytest.fixture(scope="module")
async def served() -> AsyncIterator[GitHubSimulator]:
    """One server for the module; each test starts from the seed."""
    simulator = GitHubSimulator()
    async with running(simulator):
        yield simulator


@pytest.fixture(scope="module")
async def client(served: GitHubSimulator) -> AsyncIterator[httpx.AsyncClient]:
    """A client whose paths start below the repository."""
    base, headers = f"{served.url}/repos/reify/reify-studio", {"authorization": "Bearer ghp_sandbox"}
    async with httpx.AsyncClient(base_url=base, headers=headers, verify=False) as client:
        yield client


@pytest.fixture
def github(served: GitHubSimulator) -> GitHubSimulator:
    served.reset()
    served.faults.clear()
    return served


@pytest.fixture
def repo(github: GitHubSimulator, client: httpx.AsyncClient) -> httpx.AsyncClient:
    """The client, in a world fresh from the seed."""
    return client
