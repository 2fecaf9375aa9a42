"""The page's server over simulators and a stand-in for the bot, for the tests of the page."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.kit import Simulator, serving
from sandbox.page import Page
from sandbox.stack import BotProcess, Simulators

ANA, DEPLOYS = "U0ANA", "C0DEPLOYS"
PRODUCTION, STAGING = "reify-studio", "reify-studio-staging"
HOSTILE = '</script><img src=x onerror="alert(1)">'


class Stage:
    """One server for the whole run, since starting and ending one takes longer than a test."""

    def __init__(self) -> None:
        self.url = ""
        self.app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


@dataclass
class StandIn:
    """An app that keeps the form fields it gets, and answers commands with one private text, the rest with `answer`."""

    received: list[dict[str, str]] = field(default_factory=list)
    answer: dict[str, Any] | None = None

    @property
    def payload(self) -> dict[str, Any]:
        """The interaction that it got last."""
        payload: dict[str, Any] = json.loads(self.received[-1]["payload"])
        return payload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        self.received.append(dict(parse_qsl((await request.body()).decode())))
        text = self.received[-1].get("text")
        body = self.answer if text is None else {"text": f"Heard {text}"}
        answer = Response() if body is None else JSONResponse(body)
        await answer(scope, receive, send)


@dataclass
class Visit:
    """The page as a browser talks to it."""

    simulators: Simulators
    bot: StandIn
    client: httpx.AsyncClient

    async def state(self) -> dict[str, Any]:
        answer = await self.client.get("/api/state")
        return answer.raise_for_status().json()

    async def post(self, name: str, **body: Any) -> httpx.Response:
        return await self.client.post(f"/api/{name}", json=body)

    async def types(self, text: str) -> httpx.Response:
        """Ana types in #deploys."""
        return await self.post("command", user=ANA, channel=DEPLOYS, text=text)

    async def messages(self) -> list[dict[str, Any]]:
        """What stands in #deploys."""
        channels = (await self.state())["slack"]["channels"]
        return next(channel["messages"] for channel in channels if channel["id"] == DEPLOYS)

    async def app_says(self, method: str, **arguments: Any) -> dict[str, Any]:
        """The app calls Slack's Web API about #deploys."""
        headers = {"Authorization": f"Bearer {self.simulators.slack.world.app.bot_token}"}
        async with calling(self.simulators.slack) as api:
            answer = await api.post(f"/api/{method}", headers=headers, json={"channel": DEPLOYS, **arguments})
        return answer.json()

    def nobody_listens(self) -> None:
        """The bot is not there."""
        self.simulators.slack.request_url = None


def calling(simulator: Simulator) -> httpx.AsyncClient:
    """A client of a simulator's API in this process."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(simulator.asgi()), base_url="http://simulator")


@pytest.fixture(scope="session")
async def page_stage() -> AsyncIterator[Stage]:
    stage = Stage()
    async with serving(stage) as stage.url:
        yield stage


@pytest.fixture(scope="session")
async def bot_stage() -> AsyncIterator[Stage]:
    stage = Stage()
    async with serving(stage) as stage.url:
        yield stage


@pytest.fixture
async def visit(page_stage: Stage, bot_stage: Stage, tmp_path: Path) -> AsyncIterator[Visit]:
    """A page over fresh simulators, with a stand-in that listens."""
    simulators = Simulators(speed=40)
    bot_stage.app = bot = StandIn()
    page_stage.app = Page(simulators, BotProcess(simulators, tmp_path)).asgi()
    simulators.slack.request_url = bot_stage.url
    await simulators.slack.start()
    async with httpx.AsyncClient(base_url=page_stage.url, verify=False, trust_env=False) as client:
        yield Visit(simulators, bot, client)
    await simulators.slack.stop()
    await simulators.github.stop()


# A test module assigns these to names of its own: pytest looks for fixtures there.
FIXTURES = (page_stage, bot_stage, visit)
