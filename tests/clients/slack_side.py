"""What the tests of the Slack client share: a clock that steps, a server that answers alike, and shorthands."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bot.clients.slack import SlackClient
from bot.views import blocks
from bot.views.blocks import Message
from sandbox.kit import drop_connection
from sandbox.slack import SlackSimulator

TOKEN = "xoxb-sandbox-bot"
DEPLOYS, GENERAL = "C0DEPLOYS", "C0GENERAL"
ANA, BO, CLEO, GUS, EVE, BOT = "U0ANA", "U0BO", "U0CLEO", "U0GUS", "U0EVE", "U0FLYTOWER"
HELLO = Message("Hello", [blocks.section("*Hello*")])


class SteppingClock:
    """Time that moves only while somebody sleeps, and remembers how long they did."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)
        await asyncio.sleep(0)


def messages(slack: SlackSimulator, channel: str) -> list[dict[str, Any]]:
    """What the channel shows, oldest first."""
    found = next((each for each in slack.state()["channels"] if each["id"] == channel), {"messages": []})
    listed: list[dict[str, Any]] = found["messages"]
    return listed


class Answering:
    """Answers every request alike; None breaks the connection."""

    def __init__(self, answer: Response | None) -> None:
        self._answer = answer
        self.bodies: list[dict[str, Any]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        body = await request.body()
        if body:
            self.bodies.append(await request.json())
        if self._answer is None:
            await drop_connection(receive, send)
            return
        await self._answer(scope, receive, send)


def client_of(url: str) -> SlackClient:
    return SlackClient(TOKEN, clock=SteppingClock(), base_url=f"{url}/api/")
