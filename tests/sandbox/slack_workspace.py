"""A running Slack simulator with a stand-in app behind it, for the tests of the simulator."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.clock import Clock
from sandbox.kit import read_seed, serving
from sandbox.slack import SlackSimulator
from sandbox.slack.simulator import SEED

BOT_TOKEN = "xoxb-sandbox-bot"
APP_TOKEN = "xapp-sandbox-app"
SECRET = "sandbox-signing-secret"
DEPLOYS = "C0DEPLOYS"
LONGEST_WAIT_S = 10.0


class SteppedClock(Clock):
    """A clock that a test can put forward."""

    ahead_s = 0.0

    def now(self) -> float:
        return super().now() + self.ahead_s

    def advance(self, seconds: float) -> None:
        self.ahead_s += seconds


@dataclass
class Received:
    """One request that the stand-in app got."""

    headers: dict[str, str]
    body: bytes

    @property
    def fields(self) -> dict[str, Any]:
        """The payload: an event, an interaction or the fields of a command."""
        if self.headers["content-type"] == "application/json":
            return json.loads(self.body)
        form = dict(parse_qsl(self.body.decode(), keep_blank_values=True))
        return json.loads(form["payload"]) if "payload" in form else form

    def is_signed(self, secret: str = SECRET) -> bool:
        return SignatureVerifier(secret).is_valid_request(self.body, self.headers)


Answer = Callable[[Received], Awaitable[Response] | Response]


@dataclass
class StandInApp:
    """An app that remembers what it gets and answers as it is told; 200 and nothing by default."""

    received: list[Received] = field(default_factory=list)
    answers: list[Response] = field(default_factory=list)
    on_request: Callable[[Received], Awaitable[Response]] | None = None

    async def serve(self, request: Request) -> Response:
        try:
            received = Received(dict(request.headers), await request.body())
        except ClientDisconnect:
            return PlainTextResponse("")
        self.received.append(received)
        if self.on_request is not None:
            return await self.on_request(received)
        return self.answers.pop(0) if self.answers else PlainTextResponse("")

    def will_say(self, body: Any, status: int = 200) -> None:
        self.answers.append(JSONResponse(body, status_code=status))

    @property
    def last(self) -> dict[str, Any]:
        return self.received[-1].fields


@dataclass
class Workspace:
    """The simulator, its address, the app, the clock and two clients."""

    sim: SlackSimulator
    url: str
    app: StandInApp
    clock: SteppedClock
    http: httpx.AsyncClient
    web: AsyncWebClient

    async def call(self, method: str, token: str = BOT_TOKEN, **arguments: Any) -> dict[str, Any]:
        """Call a Web API method with JSON; returns the answer, good or bad."""
        headers = {"Authorization": f"Bearer {token}"}
        answer = await self.http.post(f"/api/{method}", json=arguments, headers=headers)
        return answer.json()

    async def post(self, **arguments: Any) -> str:
        """Post to #deploys as the app; returns the ts."""
        body = await self.call("chat.postMessage", **({"channel": DEPLOYS, "text": "hello"} | arguments))
        assert body["ok"], body
        return body["ts"]

    async def respond(self, url: str, **body: Any) -> httpx.Response:
        """Post to a response_url."""
        return await self.http.post(url, json=body)

    def channel(self, channel_id: str = DEPLOYS) -> dict[str, Any]:
        return next(c for c in self.sim.state()["channels"] if c["id"] == channel_id)

    def messages(self, channel_id: str = DEPLOYS) -> list[dict[str, Any]]:
        return self.channel(channel_id)["messages"]

    def message(self, ts: str, channel_id: str = DEPLOYS) -> dict[str, Any]:
        return next(m for m in self.messages(channel_id) if m["ts"] == ts)


def seed(**changes: Any) -> dict[str, Any]:
    """The reference world; `app` and `timing` are merged into what is there."""
    world = read_seed(SEED)
    for key, value in changes.items():
        world[key] = {**world.get(key, {}), **value} if isinstance(value, dict) else value
    return world


class Stage:
    """One server for all tests, since starting and stopping one takes longer than most tests.

    It serves the simulator and the stand-in app of the present test.
    """

    def __init__(self) -> None:
        self.url = ""
        self.simulator: ASGIApp = PlainTextResponse("")
        self.app = StandInApp()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != "/slack/events":
            await self.simulator(scope, receive, send)
            return
        response = await self.app.serve(Request(scope, receive))
        await response(scope, receive, send)


OpenWorkspace = Callable[..., contextlib.AbstractAsyncContextManager[Workspace]]


@contextlib.asynccontextmanager
async def workspace(stage: Stage, speed: float = 1.0, **changes: Any) -> AsyncIterator[Workspace]:
    """A running workspace; keywords change its seed."""
    app, clock = StandInApp(), SteppedClock(speed)
    sim = SlackSimulator(seed(**changes), clock=clock, request_url=f"{stage.url}/slack/events")
    sim.url, stage.simulator, stage.app = stage.url, sim.asgi(), app
    web = AsyncWebClient(token=BOT_TOKEN, base_url=f"{stage.url}/api/")
    await sim.start()
    async with httpx.AsyncClient(base_url=stage.url, verify=False) as http:
        yield Workspace(sim, stage.url, app, clock, http, web)
    await sim.stop()


@pytest.fixture(scope="session")
async def slack_stage() -> AsyncIterator[Stage]:
    stage = Stage()
    async with serving(stage) as stage.url:
        yield stage


@pytest.fixture
def open_workspace(slack_stage: Stage) -> OpenWorkspace:
    """Opens a workspace whose seed differs from the reference world."""
    return functools.partial(workspace, slack_stage)


@pytest.fixture
async def slack(open_workspace: OpenWorkspace) -> AsyncIterator[Workspace]:
    """The reference world."""
    async with open_workspace() as running:
        yield running


async def happens(event: asyncio.Event) -> None:
    """Wait until the event is set; TimeoutError after LONGEST_WAIT_S."""
    async with asyncio.timeout(LONGEST_WAIT_S):
        await event.wait()


# A test module assigns these to names of its own: pytest looks for fixtures there.
FIXTURES = (slack_stage, open_workspace, slack)


def button(action_id: str = "go", value: str = "1", **more: Any) -> dict[str, Any]:
    """A button element."""
    return {"type": "button", "text": plain("Go"), "action_id": action_id, "value": value, **more}


def actions(*elements: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An actions block."""
    return {"type": "actions", "elements": list(elements), **more}


def section(text: str = "hello", **more: Any) -> dict[str, Any]:
    """A section block with markup."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def plain(text: str) -> dict[str, Any]:
    """A plain_text object."""
    return {"type": "plain_text", "text": text}


def option(value: str) -> dict[str, Any]:
    """An option of a menu."""
    return {"text": plain(value.title()), "value": value}


def modal(*blocks: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A modal view."""
    shown = list(blocks) or [section()]
    return {"type": "modal", "title": plain("Deploy"), "submit": plain("Go"), "blocks": shown, **more}


def text_input(block_id: str = "why", action_id: str = "reason", **more: Any) -> dict[str, Any]:
    """An input block with one line of text."""
    element = {"type": "plain_text_input", "action_id": action_id}
    return {"type": "input", "block_id": block_id, "label": plain("Reason"), "element": element, **more}
