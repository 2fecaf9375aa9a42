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
from sandbox.workbench import Workbench

ANA, DEPLOYS = "U0ANA", "C0DEPLOYS"
PRODUCTION, STAGING = "reify-studio", "reify-studio-staging"
# A request for news that brings none ends after so many seconds.
LONGEST_WAIT_S = 0.2
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
    """An app that keeps what it gets, and answers commands with one private text, the rest with `answer`."""

    bodies: list[str] = field(default_factory=list)
    received: list[dict[str, str]] = field(default_factory=list)
    answer: dict[str, Any] | None = None

    @property
    def payload(self) -> dict[str, Any]:
        """The interaction that it got last."""
        payload: dict[str, Any] = json.loads(self.received[-1]["payload"])
        return payload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        self.bodies.append((await request.body()).decode())
        self.received.append(dict(parse_qsl(self.bodies[-1])))
        text = self.received[-1].get("text")
        body = self.answer if text is None else {"text": f"Heard {text}"}
        answer = Response() if body is None else JSONResponse(body)
        await answer(scope, receive, send)


@dataclass
class Visit:
    """The page as a browser talks to it."""

    workbench: Workbench
    bot: StandIn
    client: httpx.AsyncClient

    @property
    def simulators(self) -> Simulators:
        return self.workbench.simulators

    async def poll(self, since: int = 0, of: str = "") -> httpx.Response:
        """Ask for what changed after a revision of an instance."""
        return await self.client.get("/api/poll", params={"since": since, "of": of})

    async def items(self) -> dict[str, Any]:
        """All that the page shows, by key."""
        answer = (await self.poll()).raise_for_status().json()
        items: dict[str, Any] = answer["items"]
        return items

    async def table(self, name: str) -> dict[str, Any]:
        """The items of one table, such as `slack/user`, by id."""
        items = await self.items()
        return {key.rpartition("/")[2]: value for key, value in items.items() if key.rpartition("/")[0] == name}

    async def item(self, key: str) -> Any:
        """One item, or None where there is none."""
        return (await self.items()).get(key)

    async def post(self, name: str, /, **body: Any) -> httpx.Response:
        return await self.client.post(f"/api/{name}", json=body)

    async def types(self, text: str) -> httpx.Response:
        """Ana types in #deploys."""
        return await self.post("command", user=ANA, channel=DEPLOYS, text=text)

    async def messages(self, channel: str = DEPLOYS) -> list[dict[str, Any]]:
        """What stands in a channel, oldest first."""
        return list((await self.table(f"slack/message/{channel}")).values())

    async def app_says(self, method: str, **arguments: Any) -> dict[str, Any]:
        """The app calls Slack's Web API about #deploys."""
        headers = {"Authorization": f"Bearer {self.simulators.slack.world.app.bot_token}"}
        async with calling(self.simulators.slack) as api:
            answer = await api.post(f"/api/{method}", headers=headers, json={"channel": DEPLOYS, **arguments})
        said: dict[str, Any] = answer.json()
        return said

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
    workbench = Workbench(simulators, BotProcess(simulators, tmp_path), tmp_path)
    bot_stage.app = bot = StandIn()
    page_stage.app = Page(workbench, longest_wait_s=LONGEST_WAIT_S).asgi()
    simulators.slack.request_url = bot_stage.url
    await simulators.slack.start()
    async with httpx.AsyncClient(base_url=page_stage.url, verify=False, trust_env=False) as client:
        yield Visit(workbench, bot, client)
    await simulators.slack.stop()
    await simulators.github.stop()


# A test module assigns these to names of its own: pytest looks for fixtures there.
FIXTURES = (page_stage, bot_stage, visit)
