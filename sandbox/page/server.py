"""The page's server: static files, the state as JSON, and what a person at the page can make happen."""

from __future__ import annotations

import asyncio
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from sandbox.kit import ControlError, Json
from sandbox.page.bodies import endpoint, get, maybe
from sandbox.page.guard import SameOriginOnly
from sandbox.page.hands import Hands
from sandbox.page.snapshot import SlackView, fly_json, revision_of, runs_json
from sandbox.page.switches import Switchboard
from sandbox.stack import BotProcess, Simulators

STATIC = Path(__file__).parent / "static"
# Of a bot that does not get ready, the end of its log says why.
LOG_SHOWN = 1_500


class Page:
    """The page for these simulators and this bot; it starts and kills the bot only when somebody asks for it."""

    def __init__(self, simulators: Simulators, bot: BotProcess) -> None:
        self._simulators = simulators
        self._bot = bot
        self._slack = SlackView(simulators.slack)
        self._hands = Hands(simulators.slack, self._slack)
        self._switches = Switchboard(simulators.fly, simulators.github)
        self._starting = asyncio.Lock()

    def asgi(self) -> ASGIApp:
        """The application, closed to every origin but its own."""
        acts = self._hands.acts() | {"fault": self.fault, "run": self.run, "bot": self.bot}
        app = Starlette(
            routes=[
                Route("/api/state", self._state),
                Route("/api/poll", self._poll),
                Route("/api/files/{file_id}", self._file),
                *(Route(f"/api/{name}", endpoint(act), methods=["POST"]) for name, act in acts.items()),
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
            "runs": runs_json(self._simulators.github),
            "bot": self._bot_state(),
            "faults": self._switches.state(),
            "speed": self._simulators.clock.speed,
        }
        return {"revision": revision_of(body), "now": self._simulators.clock.now(), **body}

    async def fault(self, body: Json) -> Json:
        """Switch `fault` of `app` `on` or off, or with `clear` every switch off."""
        if maybe(body, "clear", bool):
            self._switches.clear()
            return self._switches.state()
        app = get(body, "app", str)
        if app not in self._simulators.fly.world.apps:
            raise ControlError(f"There is no app {app!r}.")
        self._switches.turn(app, get(body, "fault", str), on=get(body, "on", bool))
        return self._switches.state()

    async def run(self, body: Json) -> Json:
        """`do`: `approve` or `reject` the workflow run `run`, which waits for its environment's approval."""
        do = get(body, "do", str)
        if do not in {"approve", "reject"}:
            raise ControlError("`do` is `approve` or `reject`.")
        decided: Json = await self._simulators.github.actions()[do]({"run": get(body, "run", int)})
        return decided

    async def bot(self, body: Json) -> Json:
        """`do`: `kill` (SIGKILL, as a crash would) or `start`, on the same database."""
        do = get(body, "do", str)
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

    async def _state(self, _: Request) -> Response:
        return JSONResponse(self.state())

    async def _poll(self, request: Request) -> Response:
        """The state, or 204 where it is still the one of `since`."""
        state = self.state()
        if request.query_params.get("since") == state["revision"]:
            return Response(status_code=204)
        return JSONResponse(state)

    async def _file(self, request: Request) -> Response:
        """A file that was shared in Slack, to be saved: no browser shows it as a page of ours."""
        file = self._simulators.slack.world.files.get(request.path_params["file_id"])
        if file is None or file.state != "complete":
            return JSONResponse({"error": "There is no such file."}, status_code=404)
        headers = {"content-disposition": "attachment"}
        return Response(file.content, media_type="application/octet-stream", headers=headers)


async def _refused(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=400)
