"""GitHub as far as deployments need it: the parts put together."""

from __future__ import annotations

from typing import Self

from bot.clients.github.actions import Actions
from bot.clients.github.auth import AppAuth, TokenAuth
from bot.clients.github.commits import Commits
from bot.clients.github.connection import Connection
from bot.clients.github.deployments import Deployments
from bot.clients.github.lists import Lists
from bot.clients.github.search import Search
from bot.clients.http import Observe
from bot.ports import Clock

API_URL = "https://api.github.com"


class GitHubClient(Commits, Actions, Deployments, Search):
    """The port `bot.ports.GitHub` over the REST API. Make it inside the running event loop, and close it.

    Every method raises RemoteError. After RateLimited no further call is sent before the instant that GitHub
    named; a refusal for want of permission is RemoteRejected and its hint names the permission.
    """

    def __init__(
        self,
        base_url: str = API_URL,
        *,
        auth: TokenAuth | AppAuth,
        clock: Clock,
        observe: Observe | None = None,
    ) -> None:
        self._connection = Connection(base_url, auth=auth, clock=clock, observe=observe)
        self._lists = Lists(self._connection, clock)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._lists.aclose()
        await self._connection.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
