"""Deliveries to the app: signed HTTP or Socket Mode, three seconds, and what the network does to them.

Source: https://docs.slack.dev/authentication/verifying-requests-from-slack,
https://docs.slack.dev/interactivity/handling-user-interaction and
https://docs.slack.dev/apis/events-api/using-socket-mode.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import urlencode

import httpx

from sandbox.faults import Faults
from sandbox.kit import ControlError, Json, tls
from sandbox.slack.world import World

USER_AGENT = "Slackbot 1.0 (+https://api.slack.com/robots)"
ANSWER_KEPT = 2_000
FORM = "application/x-www-form-urlencoded"
JSON_TYPE = "application/json"


@dataclass(frozen=True)
class Delivery:
    """One thing to tell the app.

    `channel` is Socket Mode's word for it (`slash_commands`, `interactive`, `events_api`), `kind` the
    payload's type, `what` its command, action id, callback id or event type.
    """

    channel: str
    kind: str
    what: str
    user: str
    payload: Json
    takes_answer: bool = False
    retry_num: int = 0
    retry_reason: str = ""

    def body(self) -> tuple[bytes, str]:
        """The HTTP body and its content type."""
        if self.channel == "events_api":
            return json.dumps(self.payload).encode(), JSON_TYPE
        fields = self.payload if self.channel == "slash_commands" else {"payload": json.dumps(self.payload)}
        return urlencode(fields).encode(), FORM

    @property
    def targets(self) -> tuple[str, str, str]:
        """What the `target` of a fault may name."""
        return self.kind, self.what, self.user


@dataclass(frozen=True)
class Answer:
    """What became of a delivery: `ok`, or why not; `ms` is real milliseconds."""

    outcome: str
    status: int | None = None
    body: str = ""
    content_type: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    ms: float = 0.0

    @property
    def is_ok(self) -> bool:
        return self.outcome == "ok"

    def json(self) -> Any:
        """The body as JSON, None where it is empty or is none."""
        try:
            return json.loads(self.body) if self.content_type == JSON_TYPE else None
        except (ValueError, RecursionError):
            return None

    def summary(self) -> Json:
        """The part that every action of a person reports."""
        return {"sent": True, "http_status": self.status, "outcome": self.outcome, "ms": self.ms}


LOST = Answer("operation_timeout")
NOBODY_LISTENS = Answer("connection_failed")


def signature_headers(secret: str, body: bytes) -> dict[str, str]:
    """The two headers that prove where a request comes from. Real time: the app compares it with its own."""
    timestamp = str(int(time.time()))
    signed = b"v0:" + timestamp.encode() + b":" + body
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": f"v0={digest}"}


class HttpSender:
    """Sends to the app's request URL."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._client: httpx.AsyncClient | None = None
        self.request_url: str | None = None
        self.last: tuple[bytes, dict[str, str]] | None = None

    async def start(self) -> None:
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=50)
        self._client = httpx.AsyncClient(trust_env=False, limits=limits, verify=tls())

    async def stop(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def send(self, delivery: Delivery) -> Answer:
        """Sign and post one delivery."""
        if self.request_url is None:
            return NOBODY_LISTENS
        body, content_type = delivery.body()
        headers = {"Content-Type": content_type, "User-Agent": USER_AGENT, "Accept": "*/*"}
        headers |= signature_headers(self._world.app.signing_secret, body)
        if delivery.retry_num:
            headers |= {"X-Slack-Retry-Num": str(delivery.retry_num), "X-Slack-Retry-Reason": delivery.retry_reason}
        self.last = (body, headers)
        return await self.post(body, headers)

    async def post(self, body: bytes, headers: dict[str, str]) -> Answer:
        """Post these bytes with these headers to the request URL, whatever they are."""
        if self.request_url is None or self._client is None:
            raise ControlError("no request_url, or the simulator is not running")
        started = time.perf_counter()
        try:
            timeout = self._world.reaction_real_s() * 2
            response = await self._client.post(self.request_url, content=body, headers=headers, timeout=timeout)
        except httpx.HTTPError:
            return replace(NOBODY_LISTENS, ms=_ms_since(started))
        return Answer(
            outcome="ok" if response.is_success else "http_error",
            status=response.status_code,
            body=response.text,
            content_type=response.headers.get("content-type", "").partition(";")[0],
            headers=dict(response.headers),
            ms=_ms_since(started),
        )


class SocketSender(Protocol):
    """The sockets, as far as deliveries need them; `is_on` once the app opened one."""

    is_on: bool

    async def send(self, delivery: Delivery) -> Answer: ...


class Courier:
    """Delivers, within three seconds, through Socket Mode where a socket was opened, else over HTTP."""

    def __init__(self, world: World, faults: Faults, http: HttpSender, sockets: SocketSender) -> None:
        self._world = world
        self._faults = faults
        self._sockets = sockets
        self._tasks: set[asyncio.Task[Any]] = set()
        self.http = http

    async def stop(self) -> None:
        """End what still waits, such as retries."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def in_background(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run `work` on its own until the simulator stops."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def deliver(self, delivery: Delivery) -> Answer:
        """Tell the app once; with the fault `retry` the first answer is lost and the same comes again."""
        answer = await self._attempt(delivery)
        if self._faults.take("retry", *delivery.targets) is None:
            return answer
        if delivery.channel == "events_api":
            return replace(LOST, ms=answer.ms)
        return await self._attempt(delivery)

    async def _attempt(self, delivery: Delivery) -> Answer:
        record = self._record(delivery)
        if self._faults.take("lost_interaction", *delivery.targets):
            answer = LOST
        else:
            answer = await self._within_reaction(delivery)
        record |= {"status": answer.status, "outcome": answer.outcome, "ms": answer.ms}
        record["answer"] = answer.body[:ANSWER_KEPT]
        self._world.changed()
        return answer

    async def _within_reaction(self, delivery: Delivery) -> Answer:
        slow = self._faults.take("slow_network", *delivery.targets)
        sending = asyncio.create_task(self._send_after(slow.seconds if slow else 0.0, delivery))
        started = time.perf_counter()
        done, _ = await asyncio.wait({sending}, timeout=self._world.reaction_real_s())
        if done:
            return sending.result()
        if slow is None:
            sending.cancel()
        # A request that is still on its way arrives, although the person has been told that it failed.
        self.in_background(_ignore(sending))
        return replace(LOST, ms=_ms_since(started))

    async def _send_after(self, seconds: float, delivery: Delivery) -> Answer:
        if seconds:
            await self._world.clock.sleep(seconds)
        return await (self._sockets if self._sockets.is_on else self.http).send(delivery)

    def _record(self, delivery: Delivery) -> Json:
        record: Json = {
            "id": self._world.new_id("R"),
            "at": self._world.clock.now(),
            "kind": delivery.kind,
            "what": delivery.what,
            "user": delivery.user,
            "transport": "socket" if self._sockets.is_on else "http",
            "retry_num": delivery.retry_num,
            "status": None,
            "outcome": "pending",
            "ms": None,
        }
        self._world.requests.append(record)
        return record


async def _ignore(task: asyncio.Task[Answer]) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _ms_since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 2)
