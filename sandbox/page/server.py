"""The page's server: static files, what the page shows as JSON items, and what a person at the page can do."""

from __future__ import annotations

import asyncio
import json
import mimetypes
import time
from collections.abc import Sequence
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from sandbox.kit import ControlError, Json
from sandbox.page.bodies import endpoint
from sandbox.page.guard import SameOriginOnly
from sandbox.page.items import Ledger, Part
from sandbox.page.parts import parts
from sandbox.page.pictures import picture_type
from sandbox.slack.files import File
from sandbox.workbench import Workbench

STATIC = Path(__file__).parent / "static"
# Real seconds: how long a request for news waits for some, and how old what it sees may be.
LONGEST_WAIT_S = 15.0
LOOK_EVERY_S = 0.1
# No revision has more; a longer number is none of ours.
DIGITS = 15
# Some systems have no entry for it, and a browser runs no module of another kind.
mimetypes.add_type("text/javascript", ".mjs")


class Page:
    """The page for this workbench; it starts and kills the bot only when somebody asks for it.

    A request for news is answered after `longest_wait_s` real seconds even where there are none.
    """

    def __init__(
        self, workbench: Workbench, more: Sequence[Part] = (), *, longest_wait_s: float = LONGEST_WAIT_S
    ) -> None:
        self._workbench = workbench
        self._longest_wait_s = longest_wait_s
        self._parts = [*parts(workbench), *more]
        self._ledger = Ledger()
        self._looked_at = 0.0

    def asgi(self) -> ASGIApp:
        """The application, closed to every origin but its own."""
        acts = {name: act for part in self._parts for name, act in part.acts().items()}
        app = Starlette(
            routes=[
                Route("/api/poll", self._poll),
                Route("/api/files/{file_id}", self._file),
                Route("/api/pictures/{file_id}", self._picture),
                *(Route(f"/api/{name}", endpoint(act), methods=["POST"]) for name, act in acts.items()),
                Mount("/", StaticFiles(directory=STATIC, html=True)),
            ],
            exception_handlers={ControlError: _refused, HTTPException: _not_there},
        )
        return SameOriginOnly(app)

    def news(self, since: int = 0, instance: str = "") -> Json:
        """What changed since a revision (see `Ledger.since`), with the simulated Unix time and its speed."""
        now = time.monotonic()
        # Several windows look at the same things.
        if now - self._looked_at >= LOOK_EVERY_S or not since:
            self._looked_at = now
            self._ledger.update({key: value for part in self._parts for key, value in part.items().items()})
        clock = self._workbench.simulators.clock
        return self._ledger.since(since, instance) | {"now": clock.now(), "speed": clock.speed}

    async def _poll(self, request: Request) -> Response:
        """News, as soon as there are some; 204 after a while without any."""
        query = request.query_params
        asked = query.get("since", "")
        since = int(asked) if asked.isdecimal() and len(asked) <= DIGITS else 0
        deadline = time.monotonic() + self._longest_wait_s
        while True:
            news = self.news(since, query.get("of", ""))
            if news["items"] or news["gone"]:
                # In ASCII: what an app sends may hold half a character, and one message must not stop all news.
                return Response(json.dumps(news), media_type="application/json")
            if time.monotonic() > deadline or await request.is_disconnected():
                return Response(status_code=204)
            try:
                await asyncio.sleep(LOOK_EVERY_S)
            except asyncio.CancelledError:
                # The server stops: who waits for news gets none, and its log no stack trace.
                return Response(status_code=204)

    async def _file(self, request: Request) -> Response:
        """A file that was shared in Slack, to be saved: no browser shows it as a page of ours."""
        file = self._shared(request)
        headers = {"content-disposition": "attachment"}
        return Response(file.content, media_type="application/octet-stream", headers=headers)

    async def _picture(self, request: Request) -> Response:
        """A shared file that is a picture, to be shown in its message."""
        content = self._shared(request).content
        kind = picture_type(content)
        if kind is None:
            raise HTTPException(404, "This file is no picture.")
        return Response(content, media_type=kind)

    def _shared(self, request: Request) -> File:
        file = self._workbench.simulators.slack.world.files.get(request.path_params["file_id"])
        if file is None or file.state != "complete":
            raise HTTPException(404, "There is no such file.")
        return file


async def _refused(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=400)


async def _not_there(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, status_code=error.status_code)
