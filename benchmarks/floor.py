"""What the bot is compared with: bare Starlette, and a bare Bolt handler, on the bot's route and server settings.

Starlette reads the body and answers as much as the bot. Bolt does what its guide shows, signature included, with
`process_before_response` as the bot has it; where the command is not `help`, it stores a row before it answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import sys
import tempfile
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_bolt.authorization import AuthorizeResult
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from benchmarks.disk import connected
from sandbox.stack import SECRETS, free_port

STARLETTE, BOLT = "starlette", "bolt"
# The words and the length of what `/deploy help` answers.
TEXT = "/deploy brings a commit to an environment. " * 12


@dataclass(frozen=True)
class Floor:
    """A process that listens soon."""

    pid: int
    port: int


@contextlib.asynccontextmanager
async def running(what: str) -> AsyncIterator[Floor]:
    """`STARLETTE` or `BOLT` in a process of its own."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = (sys.executable, "-m", "benchmarks.floor", what, str(port), folder)
        process = await asyncio.create_subprocess_exec(*command)
        try:
            yield Floor(process.pid, port)
        finally:
            process.terminate()
            await process.wait()


async def answer(request: Request) -> Response:
    """A private answer, once the whole body is there."""
    await request.body()
    return JSONResponse({"text": TEXT, "response_type": "ephemeral"})


def bolt_app(db: sqlite3.Connection) -> AsyncApp:
    """One handler of `/deploy`; rows are written by a thread, each committed by itself."""
    thread = ThreadPoolExecutor(max_workers=1)

    async def authorize() -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=None, team_id="T0REIFY", bot_token=SECRETS["SLACK_BOT_TOKEN"])

    def store(body: str) -> None:
        db.execute("INSERT INTO command (body) VALUES (?)", [body])

    async def deploy(ack: AsyncAck, command: dict[str, Any]) -> None:
        if command["text"] != "help":
            await asyncio.get_running_loop().run_in_executor(thread, store, repr(command))
        await ack(text=f"{TEXT}{command['text']}", response_type="ephemeral")

    app = AsyncApp(
        name="floor",
        signing_secret=SECRETS["SLACK_SIGNING_SECRET"],
        authorize=authorize,
        process_before_response=True,
    )
    app.command("/deploy")(deploy)
    return app


def _endpoint(what: str, folder: Path) -> Any:
    return answer if what == STARLETTE else AsyncSlackRequestHandler(bolt_app(connected(folder / "floor.db"))).handle


def _serve(what: str, port: int, folder: Path) -> None:
    endpoint = _endpoint(what, folder)

    async def events(request: Request) -> Response:
        response: Response = await endpoint(request)
        return response

    uvicorn.run(
        Starlette(routes=[Route("/slack/events", events, methods=["POST"])]),
        port=port,
        http="httptools",
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
    )


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
