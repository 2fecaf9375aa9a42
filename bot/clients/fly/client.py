"""Fly.io as one organisation's token sees it: the parts put together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from bot.clients.fly.apps import Apps
from bot.clients.fly.connection import Flaps
from bot.clients.fly.graphql import GraphQL
from bot.clients.fly.leases import Leases
from bot.clients.fly.logs import Logs
from bot.clients.fly.registry import Registry, path_in_registry
from bot.clients.fly.releases import Releases
from bot.clients.fly.secrets import Secrets
from bot.clients.fly.token import Token
from bot.clients.fly.volumes import Volumes
from bot.clients.fly.waiting import Waiting
from bot.clients.http import HttpClient, Observe
from bot.domain.model import Image
from bot.errors import NotFound, Reason, RemoteRejected, UnexpectedResponse
from bot.ports import Clock


@dataclass(frozen=True)
class FlyEndpoints:
    """Where Fly's APIs are, as flyctl's settings spell them: without `/v1`, `/api/v1`, `/graphql`, `/v2`."""

    machines: str = "https://api.machines.dev"
    graphql: str = "https://api.fly.io"
    uiex: str = "https://api.fly.io"
    registry: str = "https://registry.fly.io"


class FlyClient(Waiting, Leases, Apps, Releases, Secrets, Volumes, Logs):
    """The port `bot.ports.Fly` for one token. Made once and closed.

    `token` is as `fly tokens create` prints it, with or without its scheme; ConfigError where it cannot be one.
    `observe` is told of each request.
    """

    def __init__(self, endpoints: FlyEndpoints, token: str, *, clock: Clock, observe: Observe | None = None) -> None:
        self._clock = clock
        self._token = Token(token)

        def http(service: str, base_url: str, authorization: str = "") -> HttpClient:
            headers = {"Authorization": authorization} if authorization else None
            return HttpClient(service, base_url.rstrip("/"), clock=clock, headers=headers, observe=observe)

        scheme, bearer, basic = self._token.scheme_header, self._token.bearer_header, self._token.basic_header
        machines, slow = (http("Fly Machines API", f"{endpoints.machines.rstrip('/')}/v1", scheme) for _ in range(2))
        graphql = http("Fly GraphQL", endpoints.graphql, scheme)
        registry = http("Fly registry", endpoints.registry)
        self._uiex = http("Fly api/v1", f"{endpoints.uiex.rstrip('/')}/api/v1", bearer)
        self._flaps = Flaps(machines, slow, clock)
        self._graphql = GraphQL(graphql)
        self._registry = Registry(registry, endpoints.registry, basic)
        self._connections = (machines, slow, graphql, registry, self._uiex)

    async def aclose(self) -> None:
        """Close all connections."""
        for connection in self._connections:
            await connection.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def definition(self, app: str) -> dict[str, Any] | None:
        """The fly.toml of the newest release as JSON, or None where there is none."""
        return await self._graphql.definition(app)

    async def definitions(self, app: str, *, limit: int = 25) -> dict[int, dict[str, Any]]:
        """The fly.toml of the newest releases as JSON, by version; those that Fly does not show are left out."""
        return await self._graphql.definitions(app, limit)

    async def resolve_image(self, repository: str, label: str) -> Image | None:
        """The image with its digest, or None where the registry has no such label.

        Asks the registry, and GraphQL where the registry does not let this token in. Only for Fly's registry,
        as the token must not be shown to another: NotFound for a repository elsewhere.
        """
        name = path_in_registry(repository)
        if not name:
            raise NotFound(
                f"{repository} is not in Fly's registry.",
                hint="Name an image in registry.fly.io, or one with its digest.",
                reason=Reason.IMAGE_UNKNOWN,
            )
        try:
            digest = await self._registry.resolve(name, label)
        except (RemoteRejected, UnexpectedResponse):
            return await self._graphql.image(name.partition("/")[0], repository, label)
        return Image(repository, label, digest) if digest else None
