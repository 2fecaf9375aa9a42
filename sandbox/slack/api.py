"""The Web API: who may call which method, how often, and what comes back.

Source: https://docs.slack.dev/apis/web-api and, for each method, its page below
https://docs.slack.dev/reference/methods.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.kit import Json
from sandbox.slack.arguments import Arguments, read_arguments
from sandbox.slack.errors import SlackError
from sandbox.slack.limits import Limits
from sandbox.slack.world import App, World

Handler = Callable[[World, Arguments], Json]


@dataclass(frozen=True)
class Method:
    """One method: what it does, the scope and the kind of token it needs, calls per minute."""

    handler: Handler
    scope: str | None
    app_level: bool
    per_minute: int
    per_channel: bool


METHODS: dict[str, Method] = {}


def method(
    name: str, *, per_minute: int, scope: str | None = None, app_level: bool = False, per_channel: bool = False
) -> Callable[[Handler], Handler]:
    """Register a function as Web API method `name`."""

    def register(handler: Handler) -> Handler:
        METHODS[name] = Method(handler, scope, app_level, per_minute, per_channel)
        return handler

    return register


def need_scope(app: App, *alternatives: str) -> None:
    """Refuse with `missing_scope` unless the bot token has one of `alternatives`."""
    if not set(alternatives) & set(app.bot_scopes):
        raise SlackError("missing_scope", needed=",".join(alternatives), provided=",".join(app.bot_scopes))


class WebApi:
    """Answers `/api/<method>`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.rate_limits = True
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget the calls that count against the limits."""
        self._limits = Limits(self._world.clock.now)

    async def answer(self, request: Request) -> Response:
        """Answer one call; refusals are HTTP 200 with `ok: false`, but for 429."""
        try:
            body = await self._call(request)
        except SlackError as error:
            return JSONResponse(error.body(), status_code=error.status, headers=error.headers)
        headers = {"X-OAuth-Scopes": ",".join(self._world.app.bot_scopes)}
        return JSONResponse({"ok": True, **body}, headers=headers)

    async def _call(self, request: Request) -> Json:
        name = request.path_params["method"]
        called = METHODS.get(name)
        if called is None:
            raise SlackError("unknown_method", req_method=name)
        arguments, token = await read_arguments(request)
        self._authorise(called, token)
        if self.rate_limits:
            self._limits.count(name, called.per_minute)
            if called.per_channel:
                self._limits.count_post(arguments.text("channel") or "")
        if called.scope and not called.app_level:
            need_scope(self._world.app, called.scope)
        self._world.settle()
        return called.handler(self._world, arguments)

    def _authorise(self, called: Method, token: str | None) -> None:
        app = self._world.app
        is_app_level = {app.bot_token: False, app.app_token: True}
        if not token:
            raise SlackError("not_authed")
        if token not in is_app_level:
            raise SlackError("invalid_auth")
        if is_app_level[token] != called.app_level:
            raise SlackError("not_allowed_token_type")
        if called.app_level and called.scope not in app.app_scopes:
            raise SlackError("missing_scope", needed=called.scope, provided=",".join(app.app_scopes))
