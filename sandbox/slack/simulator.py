"""The simulated Slack as a server: routes, the people's actions, the state."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute

from sandbox.clock import Clock
from sandbox.kit import Action, ControlError, Json, Simulator, read_seed
from sandbox.slack import chat, directory, events, file_methods, modals, people, responses, socket_mode, view_methods
from sandbox.slack.api import WebApi
from sandbox.slack.delivery import Courier, HttpSender, signature_headers
from sandbox.slack.people import Desk
from sandbox.slack.snapshot import channel_state, world_state
from sandbox.slack.world import World

# The Web API has the methods that these register.
METHOD_MODULES = (chat, directory, file_methods, socket_mode, view_methods)
SEED = Path(__file__).parent.parent / "seeds" / "slack.json"


class SlackSimulator(Simulator):
    """A Slack workspace with one app installed, and people whose hands are `POST /_control/do/<name>`.

    `request_url` is the app's single HTTP endpoint; it is ignored once the app opened a socket.
    """

    name = "slack"
    fault_kinds = frozenset({"retry", "lost_interaction", "slow_network", "doubled_envelope", "dropped_socket"})

    def __init__(
        self,
        seed: Json | None = None,
        *,
        clock: Clock | None = None,
        delay_ms: float = 0.0,
        request_url: str | None = None,
    ) -> None:
        super().__init__(clock=clock, delay_ms=delay_ms)
        self._seed = read_seed(SEED) or {} if seed is None else seed
        self.world = World(self._seed, self.clock)
        self.api = WebApi(self.world)
        self.api.rate_limits = self._seed.get("rate_limits", True)
        self.sockets = socket_mode.Sockets(self.world, self.faults)
        self.http = HttpSender(self.world)
        self.http.request_url = request_url
        self.courier = Courier(self.world, self.faults, self.http, self.sockets)
        self._desk = desk = Desk(self.world, self.courier)
        self.command = partial(people.command, desk)
        self.click = partial(people.click, desk)
        self.select = partial(people.select, desk)
        self.suggest = partial(people.suggest, desk)
        self.submit = partial(modals.submit, desk)
        self.close_view = partial(modals.close_view, desk)
        self.open_home = partial(events.open_home, desk)
        self.say = partial(events.say, desk)
        self.mention = partial(events.mention, desk)
        self.react = partial(events.react, desk)
        self.join = partial(events.join, desk)
        self.verify_url = partial(events.verify_url, desk)
        self.disconnect = self.sockets.disconnect

    @property
    def request_url(self) -> str | None:
        """Where commands, interactions and events go over HTTP."""
        return self.http.request_url

    @request_url.setter
    def request_url(self, url: str | None) -> None:
        self.http.request_url = url

    @property
    def rate_limits(self) -> bool:
        """Whether calls above the limits are refused."""
        return self.api.rate_limits

    @rate_limits.setter
    def rate_limits(self, is_on: bool) -> None:
        self.api.rate_limits = is_on

    def routes(self) -> list[Any]:
        return [
            Route("/_control/poll", self._poll),
            Route("/api/{method}", self.api.answer, methods=["GET", "POST"]),
            Route("/response/{id}", partial(responses.respond, self.world), methods=["POST"]),
            Route("/upload/v1/{file_id}", partial(file_methods.upload, self.world), methods=["POST"]),
            Route("/files/{file_id}", partial(file_methods.download, self.world)),
            WebSocketRoute("/link/", self.sockets.serve),
        ]

    def state(self) -> Json:
        self.world.settle()
        return world_state(self.world) | {
            "request_url": self.request_url,
            "rate_limits": self.rate_limits,
            "sockets": self.sockets.state(),
            "socket_mode": self.sockets.is_on,
        }

    def channel_state(self, channel: str) -> Json:
        """What `state()` says of one channel, for those who look often."""
        self.world.settle()
        return channel_state(self.world, self.world.channels[channel])

    def actions(self) -> dict[str, Action]:
        return {name: _with_json(getattr(self, name)) for name in ACTIONS}

    async def start(self) -> None:
        self.world.url = self.url
        await self.http.start()

    async def stop(self) -> None:
        await self.courier.stop()
        await self.sockets.stop()
        await self.http.stop()

    async def reset(self) -> Json:
        """Back to the seed; faults, the call log, where requests go, and open sockets stay."""
        await self.courier.stop()
        self.world.begin(self._seed)
        self.api.begin_anew()
        self.api.rate_limits = self._seed.get("rate_limits", True)
        self._desk.suggested.clear()
        self.http.last = None
        return {}

    async def resend(self) -> Json:
        """Send the last signed HTTP request again, byte for byte; its answer is shown to nobody."""
        if self.http.last is None:
            raise ControlError("nothing was sent yet")
        answer = await self.http.post(*self.http.last)
        return answer.summary() | {"body": answer.body}

    async def raw(self, *, body: str, headers: dict[str, str] | None = None, sign: bool = False) -> Json:
        """Post anything to the request URL, as an attacker might; with `sign` it is signed properly."""
        sent = body.encode()
        signature = signature_headers(self.world.app.signing_secret, sent) if sign else {}
        answer = await self.http.post(sent, signature | (headers or {}))
        return answer.summary() | {"body": answer.body}

    async def configure(
        self, *, request_url: str | None = None, rate_limits: bool | None = None, socket_mode: bool | None = None
    ) -> Json:
        """Change settings while running; what is left out stays."""
        if socket_mode is not None:
            self.sockets.is_on = socket_mode
        if request_url is not None:
            self.request_url = request_url
        if rate_limits is not None:
            self.rate_limits = rate_limits
        self.world.changed()
        settings = {"request_url": self.request_url, "rate_limits": self.rate_limits}
        return settings | {"socket_mode": self.sockets.is_on}

    async def _poll(self, request: Request) -> Response:
        self.world.settle()
        if request.query_params.get("since") == str(self.world.revision):
            return Response(status_code=204)
        return JSONResponse(self.state())


ACTIONS = (
    "command",
    "click",
    "select",
    "suggest",
    "submit",
    "close_view",
    "open_home",
    "say",
    "mention",
    "react",
    "join",
    "verify_url",
    "disconnect",
    "resend",
    "raw",
    "configure",
    "reset",
)


def _with_json(act: Callable[..., Awaitable[Json]]) -> Action:
    async def action(body: Json) -> Any:
        return await act(**body)

    return action
