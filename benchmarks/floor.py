"""The floor: Starlette alone, with the bot's route and server settings, that reads the body and answers as much.

No signature, no Bolt, no database: what the bot's acknowledgement takes above this is the bot's own.
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

from benchmarks.load import PATH
from commands.deploy import HELP
from sandbox.stack import free_port

START_S = 10.0


async def answer(request: Request) -> Response:
    """What `/deploy help` answers."""
    await request.body()
    return JSONResponse({"text": HELP, "response_type": "ephemeral"})


def serve(port: int) -> None:
    """Serve until a signal, with the settings of bot/cli.py."""
    app = Starlette(routes=[Route(PATH, answer, methods=["POST"])])
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=port,
        http="httptools",
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
    )
    uvicorn.Server(config).run()


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[tuple[int, int]]:
    """The floor in a process of its own: its pid and its port."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "benchmarks.floor", str(port))
    try:
        async with asyncio.timeout(START_S):
            while not await _listens(port):
                await asyncio.sleep(0.05)
        yield process.pid, port
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


if __name__ == "__main__":
    serve(int(sys.argv[1]))
