"""What a repository lists, kept for some seconds, since people look at it while they type.

Sources: GitHub REST API, "Repositories", "Branches", "Commits", "Workflow runs".
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from datetime import timedelta
from typing import TypeVar

from bot.clients.github import answers, refs
from bot.clients.github.actions import list_runs
from bot.clients.github.commits import commit_by_hash
from bot.clients.github.connection import PAGE, Connection
from bot.clients.http import Query
from bot.clients.memory import Memory
from bot.domain.model import CiState, Commit
from bot.ports import Clock

KEPT = timedelta(seconds=20)
# A default branch hardly ever changes.
BRANCH_KEPT = timedelta(minutes=10)
# A run is some 12 KB of JSON and takes GitHub its time; half a page covers what a search shows.
RECENT = 50

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Lists:
    """The lists by repository; those that may ask for more say so. `get` of each raises RemoteError."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection

        def kept(load: Callable[[Key], Awaitable[Value]], life: timedelta = KEPT) -> Memory[Key, Value]:
            return Memory(clock, load=load, good_until=lambda _, asked_at: asked_at + life)

        self.default_branch = kept(self._default_branch, BRANCH_KEPT)
        self.tags = kept(self._tags)
        self.branches = kept(self._branches)
        self.commits = kept(self._commits)
        # By repository and workflow; by repository and the begin of a hash.
        self.ci_states = kept(self._ci_states)
        self.by_hash = kept(self._by_hash)

    async def aclose(self) -> None:
        """Give up the requests that are under way."""
        kept = self.default_branch, self.tags, self.branches, self.commits, self.ci_states, self.by_hash
        await asyncio.gather(*(memory.aclose() for memory in kept))

    async def _default_branch(self, repository: str) -> str:
        response = await self._connection.get(repository)
        name = response.object().get("default_branch")
        if not isinstance(name, str) or refs.problem(name):
            raise response.unexpected("The answer has no default_branch")
        return name

    async def _tags(self, repository: str) -> dict[str, str]:
        return await self._named(repository, "tags")

    async def _branches(self, repository: str) -> dict[str, str]:
        return await self._named(repository, "branches")

    async def _named(self, repository: str, kind: str) -> dict[str, str]:
        """Commit by name; what names no commit is left out."""
        response = await self._connection.get(repository, kind, params={"per_page": PAGE})
        return answers.named_commits(response.list())

    async def _commits(self, repository: str) -> list[Commit]:
        """The newest of the default branch, newest first."""
        response = await self._connection.get(repository, "commits", params={"per_page": RECENT})
        found = [answers.commit_of(body) for body in response.list() if isinstance(body, dict)]
        return [commit for commit in found if refs.WHOLE_HASH.fullmatch(commit.sha)]

    async def _ci_states(self, key: tuple[str, str]) -> dict[str, CiState]:
        repository, workflow = key
        # Runs of pull requests tested a merge and not the commit.
        params: Query = {"event": "push", "exclude_pull_requests": True, "per_page": RECENT}
        return answers.ci_states(await list_runs(self._connection, repository, workflow, params))

    async def _by_hash(self, key: tuple[str, str]) -> Commit | None:
        return await commit_by_hash(self._connection, *key)
