"""The process that serves: from its settings to SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import sys
from collections.abc import Iterator

import structlog
import uvicorn

from bot.app import Application
from bot.config import Settings

log = structlog.get_logger()


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn would raise the signal again after its own shutdown, before ours.
        yield


async def serve(settings: Settings) -> None:
    """Run the bot until SIGTERM or SIGINT; exit code 1 where the port is taken. Raises what a start raises."""
    application = Application(settings)
    await application.start()
    # Modules, classes and clients live as long as the process: looking through them for garbage only costs time.
    gc.freeze()
    gc.enable()
    config = uvicorn.Config(
        application.asgi,
        host=settings.host,
        port=settings.port,
        http="httptools",
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    server = _Server(config)

    def stop() -> None:
        log.info("stopping")
        server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        await server.serve()
    finally:
        await application.stop()
    if not server.started:
        sys.exit(1)
