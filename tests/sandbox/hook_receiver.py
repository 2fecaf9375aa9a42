"""Somebody who receives webhooks, and a GitHub whose hook points there, on a clock that jumps."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.github.hooks import Delivery
from sandbox.kit import Json, serving
from tests.sandbox.actions_stage import LONGEST_S, Actions, actions

SECRET = "It's a Secret to Everybody"
# Longer than anybody waits for an answer.
FOREVER_S = 1000.0
LOOK_S = 0.5


@dataclass(frozen=True)
class Received:
    """One request as it came."""

    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> str:
        return self.headers["x-github-event"]

    @property
    def guid(self) -> str:
        return self.headers["x-github-delivery"]

    @property
    def payload(self) -> Json:
        payload: Json = json.loads(self.body)
        return payload

    @property
    def name(self) -> str:
        """The event with its action, where it has one."""
        action = self.payload.get("action")
        return f"{self.event}.{action}" if action else self.event

    def is_signed(self, secret: str = SECRET) -> bool:
        """Whether the signature is right for the bytes that came, as "Validating webhook deliveries" computes it."""
        digest = hmac.new(secret.encode(), self.body, hashlib.sha256).hexdigest()
        return self.headers.get("x-hub-signature-256") == f"sha256={digest}"


@dataclass
class Receiver:
    """Keeps what comes; `status` is what it answers, `answers` false lets the sender wait."""

    received: list[Received] = field(default_factory=list)
    status: int = 202
    answers: bool = True

    async def hear(self, request: Request) -> Response:
        self.received.append(Received(dict(request.headers), await request.body()))
        if not self.answers:
            await asyncio.sleep(FOREVER_S)
        return Response("heard", self.status, headers={"x-heard": "yes"})

    def named(self, name: str) -> list[Received]:
        return [each for each in self.received if each.name == name]


@dataclass
class Hooked:
    """GitHub with a hook, and who listens at its end."""

    actions: Actions
    receiver: Receiver
    url: str

    @property
    def http(self) -> Any:
        return self.actions.http

    async def do(self, action: str, **body: Any) -> Any:
        return await self.actions.do(action, **body)

    def log(self) -> list[Delivery]:
        """Oldest first."""
        return [*self.actions.github.webhooks.deliveries()][::-1]

    async def logged(self, count: int) -> list[Delivery]:
        """The log, once it holds so many."""
        async with asyncio.timeout(LONGEST_S):
            # What is delivered on this loop rings no bell.
            while len(self.log()) < count:  # noqa: ASYNC110
                await asyncio.sleep(LOOK_S)
        return self.log()

    async def settled(self) -> None:
        """Return once no delivery is under way."""
        await asyncio.sleep(LOOK_S)
        while self.actions.github.webhooks.is_busy:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)

    async def told(self, name: str) -> Received:
        """The newest delivery of an event (with its action), once there is one."""
        async with asyncio.timeout(LONGEST_S):
            while not (found := self.receiver.named(name)):  # noqa: ASYNC110
                await asyncio.sleep(LOOK_S)
        return found[-1]


@contextlib.asynccontextmanager
async def hooked(**config: Any) -> AsyncIterator[Hooked]:
    """GitHub whose hook points at a receiver that has answered the ping; `config` as `configure` takes it."""
    async with actions() as made:
        receiver = Receiver()
        app = Starlette(routes=[Route("/hook", receiver.hear, methods=["POST"])])
        async with serving(app) as url:
            stage = Hooked(made, receiver, f"{url}/hook")
            await stage.do("configure", **{"webhook_url": stage.url, "secret": SECRET, **config})
            await stage.logged(1)
            yield stage
            await made.github.webhooks.stop()
