"""Socket Mode: tickets, sockets, envelopes and their acknowledgements.

Source: https://docs.slack.dev/apis/events-api/using-socket-mode.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import time
import uuid
from dataclasses import dataclass, field

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from sandbox.faults import Faults
from sandbox.kit import ControlError, Json
from sandbox.slack.api import method
from sandbox.slack.arguments import Arguments
from sandbox.slack.delivery import JSON_TYPE, NOBODY_LISTENS, Answer, Delivery
from sandbox.slack.limits import TIER_1
from sandbox.slack.world import World

MOST_SOCKETS = 10
TICKET_LIFETIME_S = 30.0
CONNECTION_TIME_S = 18_060
WARNING_S = 10.0
HOST = "applink-sandbox"
REASONS = ("warning", "refresh_requested", "link_disabled")


@method("apps.connections.open", scope="connections:write", app_level=True, per_minute=TIER_1)
def open_connection(world: World, _: Arguments) -> Json:
    """A WebSocket address that can be used once, within 30 seconds."""
    ticket = secrets.token_urlsafe(24)
    world.tickets[ticket] = world.clock.now() + max(TICKET_LIFETIME_S, world.reaction_s())
    address = world.url.replace("http", "ws", 1)
    return {"url": f"{address}/link/?ticket={ticket}&app_id={world.app.id}"}


@dataclass
class Connection:
    """One open socket and the envelopes that it has not acknowledged."""

    id: str
    websocket: WebSocket
    opened_at: float
    delivered: int = 0
    waiting: dict[str, asyncio.Future[Json]] = field(default_factory=dict)


class Sockets:
    """The sockets of the app. Each payload goes to one of them, in turn."""

    def __init__(self, world: World, faults: Faults) -> None:
        self._world = world
        self._faults = faults
        self._open: list[Connection] = []
        self._closing: set[asyncio.Task[None]] = set()
        self.is_on = False

    def state(self) -> list[Json]:
        """The open sockets."""
        return [{"id": c.id, "opened_at": c.opened_at, "delivered": c.delivered} for c in self._open]

    async def serve(self, websocket: WebSocket) -> None:
        """Greet a socket that came with a valid ticket and listen for acknowledgements until it closes."""
        due = self._world.tickets.pop(websocket.query_params.get("ticket", ""), 0.0)
        if due < self._world.clock.now():
            await websocket.close()
            return
        await websocket.accept()
        if len(self._open) >= MOST_SOCKETS:
            await _disconnect(websocket, "too_many_websockets")
            await websocket.close()
            return
        connection = Connection(self._world.new_id("L"), websocket, self._world.clock.now())
        self._open.append(connection)
        self.is_on = True
        self._world.changed()
        try:
            await websocket.send_json(self._hello())
            await self._listen(connection)
        finally:
            self._forget(connection)

    async def send(self, delivery: Delivery) -> Answer:
        """Put a payload in an envelope, give it to one socket and wait for its acknowledgement.

        With the fault `doubled_envelope` every socket gets it, and the first acknowledgement counts; with
        `dropped_socket` the socket closes before it is acknowledged.
        """
        if not self._open:
            return NOBODY_LISTENS
        self._open.append(self._open.pop(0))
        chosen = self._open[:] if self._faults.take("doubled_envelope", *delivery.targets) else self._open[-1:]
        drops = self._faults.take("dropped_socket", *delivery.targets) is not None
        envelope = _envelope(delivery)
        acknowledged: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        started = time.perf_counter()
        try:
            for connection in chosen:
                await self._give(connection, envelope, acknowledged, drops=drops)
            payload = await acknowledged
        except (ConnectionError, RuntimeError, WebSocketDisconnect):
            return NOBODY_LISTENS
        finally:
            for connection in chosen:
                connection.waiting.pop(envelope["envelope_id"], None)
        body = json.dumps(payload) if payload and delivery.takes_answer else ""
        ms = round((time.perf_counter() - started) * 1000, 2)
        return Answer("ok", 200, body, JSON_TYPE, ms=ms)

    async def _give(
        self, connection: Connection, envelope: Json, acknowledged: asyncio.Future[Json], *, drops: bool
    ) -> None:
        connection.waiting[envelope["envelope_id"]] = acknowledged
        connection.delivered += 1
        await connection.websocket.send_json(envelope)
        if drops:
            await self._close(connection, 0.0)

    async def disconnect(self, *, reason: str = "refresh_requested", connection: str | None = None) -> Json:
        """Tell sockets (all, or one by id) to go: `warning` closes in ten seconds, the others at once."""
        if reason not in REASONS:
            raise ControlError(f"reason must be one of {', '.join(REASONS)}")
        chosen = [c for c in self._open if connection in {None, c.id}]
        for each in chosen:
            await _disconnect(each.websocket, reason)
            closing = asyncio.create_task(self._close(each, WARNING_S if reason == "warning" else 0.0))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
        if reason == "link_disabled":
            self.is_on = False
        return {"disconnected": [each.id for each in chosen]}

    async def stop(self) -> None:
        """Close every socket."""
        for closing in list(self._closing):
            closing.cancel()
        for connection in list(self._open):
            await self._close(connection, 0.0)

    async def _close(self, connection: Connection, delay_s: float) -> None:
        await self._world.clock.sleep(delay_s)
        if connection.websocket.application_state == WebSocketState.CONNECTED:
            # A client that was warned may have gone by itself.
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                await connection.websocket.close()
        self._forget(connection)

    async def _listen(self, connection: Connection) -> None:
        while True:
            try:
                message = json.loads(await connection.websocket.receive_text())
            # A frame of bytes has no text; nothing but an acknowledgement is looked at.
            except (KeyError, ValueError, RecursionError):
                continue
            except (WebSocketDisconnect, RuntimeError):
                return
            if not isinstance(message, dict):
                continue
            waiting = connection.waiting.get(str(message.get("envelope_id")))
            if waiting is not None and not waiting.done():
                waiting.set_result(message.get("payload") or {})

    def _forget(self, connection: Connection) -> None:
        if connection in self._open:
            self._open.remove(connection)
            self._world.changed()
        for waiting in connection.waiting.values():
            if not waiting.done():
                waiting.set_exception(ConnectionError("the socket closed"))

    def _hello(self) -> Json:
        debug = {"host": HOST, "build_number": 1, "approximate_connection_time": CONNECTION_TIME_S}
        return {
            "type": "hello",
            "num_connections": len(self._open),
            "debug_info": debug,
            "connection_info": {"app_id": self._world.app.id},
        }


async def _disconnect(websocket: WebSocket, reason: str) -> None:
    await websocket.send_json({"type": "disconnect", "reason": reason, "debug_info": {"host": HOST}})


def _envelope(delivery: Delivery) -> Json:
    envelope: Json = {
        "envelope_id": str(uuid.uuid4()),
        "payload": delivery.payload,
        "type": delivery.channel,
        "accepts_response_payload": delivery.takes_answer,
    }
    if delivery.channel == "events_api":
        envelope |= {"retry_attempt": delivery.retry_num, "retry_reason": delivery.retry_reason}
    return envelope
