"""The floor: bare Starlette with the bot's route and server settings, which reads the body and answers as much.

No signature, no Bolt, no database: what an acknowledgement takes above this is the bot's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.stack import free_port

# The words and the length of what `/deploy help` answers.
TEXT = "/deploy brings a commit to an environment. " * 12


async def answer(request: Request) -> Response:
    """A private answer, once the whole body is there."""
    await request.body()
    return JSONResponse({"text": TEXT, "response_type": "ephemeral"})


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[tuple[int, int]]:
    """The floor in a process of its own: its pid and its port, on which it will listen soon."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "benchmarks.floor", str(port))
    try:
        yield process.pid, port
    finally:
        process.terminate()
        await process.wait()


if __name__ == "__main__":
    app = Starlette(routes=[Route("/slack/events", answer, methods=["POST"])])
    uvicorn.run(
        app,
        port=int(sys.argv[1]),
        http="httptools",
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
    )
