"""A small flyctl, as CI jobs of the sandbox use it: `flyctl deploy --image` over Fly's API, in flyctl's order, and
what a review app needs beside it.

It speaks HTTP alone and shares no code with the bot or with the simulated Fly. Kept, after superfly/flyctl,
internal/command/deploy: the calls around a release, the release command's Machine, leases on all Machines with
refresh, rolling updates (warm and cold side by side, the first alone, then a third at a time), smoke and health
checks, creation of the first Machines, an interrupted deployment that gives its leases back. Not kept: the other
strategies, process groups, volumes, replacing Machines, test Machines, egress and DNS warnings.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import httpx

from sandbox.clock import Clock
from sandbox.flyctl.api import Api, FlyError
from sandbox.flyctl.deploy import Deploy
from sandbox.flyctl.review import Review
from sandbox.kit import Json, tls

REGISTRY = "registry.fly.io"

__all__ = ["Api", "Deploy", "FlyError", "Flyctl", "Review"]


class Flyctl:
    """What CI has of Fly: the address and, for each GitHub environment, its token (`FLY_API_TOKEN`)."""

    def __init__(self, url: str, tokens: Mapping[str, str], clock: Clock) -> None:
        self._url = url
        self._tokens = tokens
        self._clock = clock

    async def push_image(self, app: str, label: str, labels: dict[str, str], say: Callable[[str], None]) -> int:
        """Push an image to the app's repository; the exit code.

        The registry simulates no pushes, so the simulated Fly is told through its control API.
        """
        body = {"app": app, "label": label, "labels": labels}
        async with httpx.AsyncClient(base_url=self._url, trust_env=False, verify=tls()) as client:
            try:
                answer = await client.post("/_control/do/push_image", json=body)
            except httpx.HTTPError as error:
                say(f"Error: failed to push: {error}")
                return 1
        if answer.is_error:
            say(f"Error: failed to push: {answer.text}")
            return 1
        say(f"image: {REGISTRY}/{app}:{label}")
        return 0

    async def deploy(
        self,
        environment: str,
        app: str,
        label: str,
        config: Json,
        say: Callable[[str], None],
        *,
        highly_available: bool = True,
    ) -> int:
        """`flyctl deploy --image` with the environment's token and the app's fly.toml as JSON; the exit code.

        `highly_available` false is `--ha=false`: a first deployment makes one Machine.
        """
        async with self._connected(environment) as api:
            image = f"{REGISTRY}/{app}:{label}"
            return await Deploy(api, app, image, config, say, highly_available=highly_available).run()

    async def create_app(self, environment: str, app: str, organization: str, say: Callable[[str], None]) -> int:
        """`flyctl apps create`; the exit code."""
        return await self._run(environment, say, lambda review: review.create_app(app, organization))

    async def create_database(
        self, environment: str, app: str, organization: str, region: str, say: Callable[[str], None]
    ) -> int:
        """`flyctl postgres create`; the exit code."""
        return await self._run(environment, say, lambda review: review.create_database(app, organization, region))

    async def attach_database(self, environment: str, app: str, database: str, say: Callable[[str], None]) -> int:
        """`flyctl postgres attach`; the exit code."""
        return await self._run(environment, say, lambda review: review.attach(app, database))

    async def destroy_app(self, environment: str, app: str, say: Callable[[str], None]) -> int:
        """`flyctl apps destroy`; the exit code."""
        return await self._run(environment, say, lambda review: review.destroy_app(app))

    async def _run(
        self, environment: str, say: Callable[[str], None], command: Callable[[Review], Awaitable[None]]
    ) -> int:
        async with self._connected(environment) as api:
            try:
                await command(Review(api, say))
            except FlyError as error:
                say(f"Error: {error}")
                return 1
        return 0

    @contextlib.asynccontextmanager
    async def _connected(self, environment: str) -> AsyncIterator[Api]:
        headers = {"authorization": self._tokens.get(environment, ""), "user-agent": "flyctl/0.4.87"}
        # Longer than the longest wait that Fly answers, in simulated seconds as in real ones.
        async with httpx.AsyncClient(
            base_url=self._url, headers=headers, timeout=90.0, trust_env=False, verify=tls()
        ) as client:
            yield Api(client, self._clock)
