"""The page's server: static files, the state as JSON, and what a person at the page can make happen."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from sandbox.kit import ControlError, Json
from sandbox.page.guard import SameOriginOnly
from sandbox.page.snapshot import SlackView, fly_json, revision_of
from sandbox.page.switches import Switchboard
from sandbox.slack.payloads import escape_command
from sandbox.stack import BotProcess, Simulators

STATIC = Path(__file__).parent / "static"
BODY_LIMIT = 65_536
TEXT_LIMIT = 4_000
# Of a bot that does not get ready, the end of its log says why.
LOG_SHOWN = 1_500
PROBLEMS = {
    "operation_timeout": "The bot did not answer in time (operation_timeout).",
    "connection_failed": "Nobody listens: is the bot running? (dispatch_failed)",
    "http_error": "The bot answered with an error (dispatch_failed).",
    "unknown_command": "That is not a command of this workspace.",
}
T = TypeVar("T", str, bool, int)
KINDS = {str: "a text", bool: "true or false", int: "a whole number"}
Act = Callable[[Json], Awaitable[Json]]


class Page:
    """The page for these simulators and this bot; it starts and kills the bot only when somebody asks for it."""

    def __init__(self, simulators: Simulators, bot: BotProcess) -> None:
        self._simulators = simulators
        self._bot = bot
        self._slack = SlackView(simulators.slack)
        self._switches = Switchboard(simulators.fly.faults)
        self._starting = asyncio.Lock()

    def asgi(self) -> ASGIApp:
        """The application, closed to every origin but its own."""
        changes = {"command": self.type, "click": self.click, "fault": self.fault, "bot": self.bot}
        app = Starlette(
            routes=[
                Route("/api/state", self._state),
                Route("/api/poll", self._poll),
                *(Route(f"/api/{name}", _endpoint(act), methods=["POST"]) for name, act in changes.items()),
                Mount("/", StaticFiles(directory=STATIC, html=True)),
            ],
            exception_handlers={ControlError: _refused},
        )
        return SameOriginOnly(app)

    def state(self) -> Json:
        """Everything that the page shows. `revision` ignores `now`, the simulated Unix time in seconds."""
        body = {
            "slack": self._slack.take(),
            "fly": fly_json(self._simulators.fly, self._simulators.github),
            "bot": self._bot_state(),
            "faults": self._switches.state(),
            "speed": self._simulators.clock.speed,
        }
        return {"revision": revision_of(body), "now": self._simulators.clock.now(), **body}

    async def type(self, body: Json) -> Json:
        """`user` types `text` in `channel`: a slash command, or a message to the others."""
        user, channel = self._person(body), self._channel(body)
        text = _get(body, "text", str).strip()
        if not 0 < len(text) <= TEXT_LIMIT:
            raise ControlError(f"Type between 1 and {TEXT_LIMIT} characters.")
        slack = self._simulators.slack
        if text.startswith("/"):
            return _outcome(await slack.command(user=user, channel=channel, text=text))
        # Slack shows nobody whether an app heard of a message.
        await slack.say(user=user, channel=channel, text=escape_command(slack.world, text))
        return {"outcome": "ok", "problem": None}

    async def click(self, body: Json) -> Json:
        """`user` presses the button `action_id` (further `block_id`, `value`) of the message `ts` in `channel`.

        `version` says which edit of the message the person saw: an outdated button is pressed as it stood.
        """
        answer = await self._simulators.slack.click(
            user=self._person(body),
            channel=self._channel(body),
            ts=_get(body, "ts", str),
            action_id=_get(body, "action_id", str),
            block_id=_maybe(body, "block_id", str),
            value=_maybe(body, "value", str),
            version=_maybe(body, "version", int),
        )
        return _outcome(answer)

    async def fault(self, body: Json) -> Json:
        """Switch `fault` of `app` `on` or off, or with `clear` every switch off."""
        if _maybe(body, "clear", bool):
            self._switches.clear()
            return self._switches.state()
        app = _get(body, "app", str)
        if app not in self._simulators.fly.world.apps:
            raise ControlError(f"There is no app {app!r}.")
        self._switches.turn(app, _get(body, "fault", str), on=_get(body, "on", bool))
        return self._switches.state()

    async def bot(self, body: Json) -> Json:
        """`do`: `kill` (SIGKILL, as a crash would) or `start`, on the same database."""
        do = _get(body, "do", str)
        if do not in {"kill", "start"}:
            raise ControlError("`do` is `kill` or `start`.")
        if do == "kill":
            await self._bot.kill()
        else:
            await self._start()
        return self._bot_state()

    async def _start(self) -> None:
        if self._bot.is_running or self._starting.locked():
            raise ControlError("The bot is running already.")
        async with self._starting:
            try:
                await self._bot.start()
            except RuntimeError as error:
                raise ControlError(str(error)[-LOG_SHOWN:]) from None

    def _bot_state(self) -> Json:
        return {"is_running": self._bot.is_running, "is_starting": self._starting.locked(), "pid": self._bot.pid}

    def _person(self, body: Json) -> str:
        user = _get(body, "user", str)
        people = [each["id"] for each in self._slack.take()["users"] if each["is_person"]]
        if user not in people:
            raise ControlError(f"Nobody can act as {user!r}; there are {', '.join(people)}.")
        return user

    def _channel(self, body: Json) -> str:
        channel = _get(body, "channel", str)
        if channel not in self._simulators.slack.world.channels:
            raise ControlError(f"There is no channel {channel!r}.")
        return channel

    async def _state(self, _: Request) -> Response:
        return JSONResponse(self.state())

    async def _poll(self, request: Request) -> Response:
        """The state, or 204 where it is still the one of `since`."""
        state = self.state()
        if request.query_params.get("since") == state["revision"]:
            return Response(status_code=204)
        return JSONResponse(state)


def _get(body: Json, key: str, kind: type[T]) -> T:
    value = body.get(key)
    # Python counts true as a whole number.
    if not isinstance(value, kind) or isinstance(value, bool) is not (kind is bool):
        raise ControlError(f"`{key}` is missing or not {KINDS[kind]}.")
    return value


def _maybe(body: Json, key: str, kind: type[T]) -> T | None:
    return None if body.get(key) is None else _get(body, key, kind)


def _outcome(answer: Json) -> Json:
    """What the person's client would show: nothing, or the problem."""
    return {"outcome": answer["outcome"], "problem": PROBLEMS.get(answer["outcome"])}


def _endpoint(act: Act) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return JSONResponse(await act(await _body(request)))

    return endpoint


async def _body(request: Request) -> Json:
    raw = b""
    async for part in request.stream():
        raw += part
        if len(raw) > BODY_LIMIT:
            raise ControlError(f"A request holds at most {BODY_LIMIT} bytes.")
    try:
        body: Any = json.loads(raw)
    except ValueError:
        raise ControlError("The body is not JSON.") from None
    if not isinstance(body, dict):
        raise ControlError("The body is not a JSON object.")
    return body


async def _refused(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=400)
