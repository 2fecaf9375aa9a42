"""What the three simulators share: a clock, faults of the wire, a call log, a control API, a server.

Knows nothing of Fly, GitHub or Slack, and nothing of the bot.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import json
import re
import signal
import socket
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox import options
from sandbox.clock import Clock
from sandbox.faults import Fault, Faults

CALL_LOG_LENGTH = 20_000
# A closed transport tells its protocol in the next turn of the loop, and a finished request its server soon after.
LOOP_TURNS = 5
Json = dict[str, Any]


def copied(value: Any) -> Any:
    """A JSON value of its own, as `copy.deepcopy` gives it, in a fraction of the time."""
    if isinstance(value, dict):
        return {key: copied(inner) for key, inner in value.items()}
    return [copied(inner) for inner in value] if isinstance(value, list) else value


class CallLog:
    """The requests a simulator received, newest last.

    `watch` is told of each that was worked: before its answer leaves (`worked`), and after that (`answered`).
    """

    def __init__(self) -> None:
        self._calls: deque[Json] = deque(maxlen=CALL_LOG_LENGTH)
        self.watch: Callable[[Json, str], None] = lambda *_: None

    def add(self, call: Json) -> None:
        self._calls.append(call)

    def clear(self) -> None:
        self._calls.clear()

    def all(self) -> list[Json]:
        return list(self._calls)

    def find(self, method: str, path: str) -> list[Json]:
        """Calls of this method whose path matches the regular expression `path`."""
        return [c for c in self._calls if c["method"] == method.upper() and re.search(path, c["path"])]


class Wire:
    """ASGI middleware: faults of the wire, an answer delay and the call log. `/_control/` passes untouched."""

    def __init__(self, app: ASGIApp, *, clock: Clock, faults: Faults, calls: CallLog, delay_ms: float) -> None:
        self.app = app
        self.clock = clock
        self.faults = faults
        self.calls = calls
        self.delay_s = delay_ms / 1000

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_control"):
            await self.app(scope, receive, send)
            return
        method, path = scope["method"], scope["path"]
        call: Json = {
            "at": self.clock.now(),
            "method": method,
            "path": path,
            "query": {k: v[-1] for k, v in parse_qs(scope["query_string"].decode("latin-1")).items()},
            "status": None,
        }
        self.calls.add(call)
        started = time.perf_counter()
        # The delay of a far-away API is real time: it is what a benchmark measures.
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        fault = self.faults.take_wire(method, path)
        if fault is not None:
            call["fault"] = fault.kind
        if fault is not None and fault.kind == "delay":
            await self.clock.sleep(fault.seconds)
        if fault is not None and fault.kind == "drop_before":
            await drop_connection(receive, send)
            return
        if fault is not None and fault.kind == "status":
            call["status"] = fault.status
            body = fault.body if fault.body is not None else {"error": f"simulated {fault.status}"}
            answer: Response
            if isinstance(body, str):
                answer = Response(body, status_code=fault.status, headers=fault.headers, media_type="text/html")
            else:
                answer = JSONResponse(body, status_code=fault.status, headers=fault.headers)
            await answer(scope, receive, send)
            return

        async def record(message: Message) -> None:
            if message["type"] == "http.response.start":
                call["status"] = message["status"]
                call["ms"] = round((time.perf_counter() - started) * 1000, 2)
                self.calls.watch(call, "worked")
            if fault is not None and fault.kind == "drop_after":
                return
            await send(message)

        with contextlib.suppress(ClientDisconnect):
            await self.app(scope, receive, record)
            self.calls.watch(call, "answered")
        if fault is not None and fault.kind == "drop_after":
            await drop_connection(receive, send)


async def drop_connection(receive: Receive, send: Send) -> None:
    """Close the client's connection without an answer, as a broken network would."""
    # ASGI has no word for this, so reach for uvicorn's transport behind the bound `receive`.
    cycle = getattr(receive, "__self__", None)
    transport = getattr(cycle, "transport", None)
    if transport is not None:
        transport.abort()
        # The server hears of it a turn of the loop later, and would log a missing answer before that.
        for _ in range(LOOP_TURNS):
            await asyncio.sleep(0)
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})


class ControlError(Exception):
    """A control request that makes no sense; answered 400 with the text."""


Action = Callable[[Json], Awaitable[Any]]


class Simulator:
    """Base of the three simulators: state of its own, a wire with faults, a control API.

    A subclass gives `routes()`, `state()` and, for what a person can make happen in the world, `actions()`:
    names under `POST /_control/do/<name>` with a JSON body.
    """

    name = "simulator"
    fault_kinds: frozenset[str] = frozenset()

    def __init__(self, *, clock: Clock | None = None, delay_ms: float = 0.0) -> None:
        self.clock = clock or Clock()
        self.delay_ms = delay_ms
        self.faults = Faults(self.fault_kinds)
        self.calls = CallLog()
        # Set by the server: where this simulator can be reached, for URLs in its own answers.
        self.url = ""

    def routes(self) -> list[Any]:
        raise NotImplementedError

    def state(self) -> Json:
        """The whole state as JSON, for pages and assertions."""
        raise NotImplementedError

    def actions(self) -> dict[str, Action]:
        return {}

    async def start(self) -> None:
        """Called once when the server listens and `url` is known."""

    async def stop(self) -> None:
        """Called once before the server closes."""

    def asgi(self) -> ASGIApp:
        """The application, with the wire around it."""
        control = [
            Route("/_control/state", self._state),
            Route("/_control/calls", self._calls, methods=["GET", "DELETE"]),
            Route("/_control/faults", self._list_faults, methods=["GET", "POST", "DELETE"]),
            Route("/_control/faults/{id:int}", self._remove_fault, methods=["DELETE"]),
            Route("/_control/clock", self._clock, methods=["GET", "POST"]),
            Route("/_control/do/{action}", self._do, methods=["POST"]),
        ]
        app = Starlette(routes=[*control, *self.routes()])
        return Wire(app, clock=self.clock, faults=self.faults, calls=self.calls, delay_ms=self.delay_ms)

    async def _state(self, _: Request) -> Response:
        return JSONResponse(self.state())

    async def _calls(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.calls.clear()
        return JSONResponse({"calls": self.calls.all()})

    async def _list_faults(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.faults.clear()
        if request.method == "POST":
            try:
                self.faults.add(Fault(**{k: v for k, v in (await request.json()).items() if k != "id"}))
            except (AttributeError, ValueError, TypeError) as error:
                return JSONResponse({"error": str(error)}, status_code=400)
        return JSONResponse({"faults": [asdict(f) for f in self.faults.all()], "kinds": sorted(self.faults.kinds)})

    async def _remove_fault(self, request: Request) -> Response:
        self.faults.remove(request.path_params["id"])
        return JSONResponse({"faults": [asdict(f) for f in self.faults.all()]})

    async def _clock(self, request: Request) -> Response:
        if request.method == "POST":
            try:
                self.clock.speed = float((await request.json())["speed"])
            except (ValueError, TypeError, KeyError) as error:
                return JSONResponse({"error": f"speed: {error}"}, status_code=400)
        return JSONResponse({"now": self.clock.now(), "speed": self.clock.speed})

    async def _do(self, request: Request) -> Response:
        action = self.actions().get(request.path_params["action"])
        if action is None:
            return JSONResponse({"error": "unknown action", "known": sorted(self.actions())}, status_code=404)
        body = await request.body()
        try:
            result = await action(json.loads(body) if body else {})
        except (ControlError, KeyError, TypeError, ValueError) as error:
            return JSONResponse({"error": f"{type(error).__name__}: {error}"}, status_code=400)
        return JSONResponse({"ok": True, "result": result})


@contextlib.asynccontextmanager
async def running(simulator: Simulator, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve `simulator` in this event loop; yields its base URL. Port 0 takes a free one."""
    async with serving(simulator.asgi(), host=host, port=port) as url:
        simulator.url = url
        await simulator.start()
        try:
            yield url
        finally:
            await simulator.stop()


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve an ASGI application in this event loop on a socket; yields its base URL."""
    # With the protocol named asyncio sets TCP_NODELAY; without it each answer waits for an acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    config = uvicorn.Config(
        app,
        # Several servers share the process, so none of them may configure its logging.
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="wsproto",
        date_header=False,
        # The clients end idle connections by themselves, well before this.
        timeout_keep_alive=300,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]), name="simulator-server")
    try:
        while not server.started:
            if task.done():
                task.result()
            await asyncio.sleep(0)
        yield f"http://{host}:{listener.getsockname()[1]}"
    finally:
        server.stopping.set()
        await task
        listener.close()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stopping = asyncio.Event()

    async def main_loop(self) -> None:
        # uvicorn looks ten times a second whether to stop; a test run starts and stops hundreds of servers.
        await self.stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # uvicorn waits a tenth of a second for idle connections to go, where some turns of the loop are enough.
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        for _ in range(LOOP_TURNS):
            await asyncio.sleep(0)
        if self.server_state.connections:
            await super().shutdown(sockets)
        # Whoever asked for these has gone.
        for request in self.server_state.tasks:
            request.cancel()
        await asyncio.gather(*self.server_state.tasks, return_exceptions=True)

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        # The process that hosts several simulators owns the signals, not each of them.
        yield


@functools.cache
def tls() -> ssl.SSLContext:
    """What clients check certificates with; reading these takes longer than starting the rest of a simulator."""
    return ssl.create_default_context()


def read_seed(path: Path | None) -> Json | None:
    """The seed file as JSON, or None where none was given."""
    return None if path is None else json.loads(path.read_text(encoding="utf-8"))


def arguments(name: str) -> argparse.ArgumentParser:
    """The options that each simulator takes when it is started alone."""
    parser = argparse.ArgumentParser(prog=f"python -m sandbox.{name}", description=f"The simulated {name}, alone.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=options.port, default=0, help="0 takes a free port (default)")
    parser.add_argument("--seed", type=options.seed_file, metavar="FILE", help="JSON file with the world to start from")
    parser.add_argument("--delay-ms", type=options.delay, default=0.0, help="real milliseconds before each answer")
    parser.add_argument("--speed", type=options.speed, default=1.0, help="simulated seconds per real second")
    return parser


async def serve_until_signal(simulator: Simulator, *, host: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM; prints one line with the address first. Exits with 1 where it cannot listen."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        try:
            url = await stack.enter_async_context(running(simulator, host=host, port=port))
        except OSError as error:
            raise SystemExit(f"cannot listen on {host}:{port}: {error.strerror}") from None
        print(f"{simulator.name} simulator listening on {url}", flush=True)
        await stop.wait()
