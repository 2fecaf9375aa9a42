"""Delivering what happened, and the log of it.

Deliveries go on tasks of their own, one hook after the other in order, and never hold up what happens. They leave
only to loopback addresses: a sandbox must not call strangers.

Sources: "Best practices for using webhooks" (10 seconds), "Validating webhook deliveries", "Handling failed webhook
deliveries" (no retries), "Webhook events and payloads" (delivery headers, payload cap).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import heapq
import hmac
import ipaddress
import itertools
import json
import uuid
from collections.abc import Coroutine, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx

from sandbox.faults import Fault
from sandbox.github import render
from sandbox.github.hooks import Delivery, Hook, app_hook_json, hook_json
from sandbox.github.model import Happening, Installation, Repository, World, node_id
from sandbox.kit import Json, tls

# Real seconds: the receiver's clock is its own.
PATIENCE_S = 10.0
KEPT_S = 3 * 86_400
LARGEST_PAYLOAD = 25 * 2**20
LATE_S = 30.0
# How long a delivery that was passed over waits for the one that overtakes it, in simulated seconds.
OVERTAKEN_S = 5.0
FAULTS = frozenset({"webhook_lost", "webhook_doubled", "webhook_late", "webhook_reordered"})
FIRST_ID = 70_000_000_001
ZEN = "Half measures are as bad as nothing at all."
NO_CONNECTION = (502, "failed to connect to host")
TOO_SLOW = (504, "timed out")


@dataclass(frozen=True)
class Parcel:
    """An event on its way to one hook."""

    hook: Hook
    guid: str
    event: str
    action: str | None
    payload: Json
    installation: int | None
    repository: int | None
    redelivery: bool = False

    def names(self) -> tuple[str, ...]:
        """What a fault may mean by its target."""
        return (self.event, f"{self.event}.{self.action}", str(self.hook.id), self.guid)


@dataclass
class Line:
    """What waits for one hook, and how many are on their way to it altogether."""

    parcels: asyncio.Queue[Parcel]
    under_way: int = 0


class Webhooks:
    """The hooks of one world, their queues and their deliveries.

    What is sent is a snapshot of the moment at which it happened, however late it is sent.
    """

    def __init__(self) -> None:
        self.hooks: dict[int, Hook] = {}
        self._world: World
        self._client: httpx.AsyncClient | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._queues: dict[int, Line] = {}
        self._ids = itertools.count(FIRST_ID)

    def begin_anew(self, world: World, hooks: Iterable[Hook]) -> None:
        """Go on in another world with these hooks; what is under way is dropped."""
        for task in self._tasks:
            task.cancel()
        self._queues = {}
        self._world = world
        self.hooks = {hook.id: hook for hook in hooks}
        world.tell = self.hear

    async def stop(self) -> None:
        """End what is under way, wherever it is."""
        tasks, self._tasks, self._queues = list(self._tasks), set(), {}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def deliveries(self) -> Iterator[Delivery]:
        """The log of all hooks, newest first."""
        logs = [self.log(hook) for hook in self.hooks.values()]
        return heapq.merge(*logs, key=lambda item: item.id, reverse=True)

    def log(self, hook: Hook) -> Iterator[Delivery]:
        """A hook's deliveries of the last three days, newest first."""
        since, kept = self._world.clock.now() - KEPT_S, hook.deliveries
        gone = next((place for place, item in enumerate(kept) if item.delivered_at >= since), len(kept))
        del kept[:gone]
        return reversed(kept)

    @property
    def is_busy(self) -> bool:
        """Whether something is on its way; what is late on purpose counts too."""
        return any(line.under_way for line in self._queues.values())

    def app_hook(self) -> Hook:
        """The App's own hook, which every App has."""
        return next(hook for hook in self.hooks.values() if hook.repository is None)

    def of_repository(self, repo: Repository) -> list[Hook]:
        return [hook for hook in self.hooks.values() if hook.repository == repo.id]

    def tell(self, hook: Hook, happening: Happening) -> None:
        """Queue an event for this hook alone, whatever it subscribes to."""
        self._queue(self._parcel(hook, str(uuid.uuid4()), happening, happening.body()))

    def hear(self, happening: Happening) -> None:
        """Queue an event for every hook that wants it; its payload is built where one does."""
        wanted = [hook for hook in self.hooks.values() if hook.hears(happening) and self._may_know(hook, happening)]
        if not wanted:
            return
        guid, body = str(uuid.uuid4()), happening.body()
        for hook in wanted:
            self._queue(self._parcel(hook, guid, happening, body))

    def _may_know(self, hook: Hook, happening: Happening) -> bool:
        """An App hears of the repositories that it is installed on, as long as it is not suspended."""
        if hook.repository is not None or happening.repository is None:
            return True
        installation = self._installation(happening)
        return installation is not None and installation.suspended_at is None

    def _installation(self, happening: Happening) -> Installation | None:
        repo = happening.repository
        found = (each for each in self._world.installations.values() if repo and repo.id in each.repositories)
        return next(found, None)

    def _parcel(self, hook: Hook, guid: str, happening: Happening, body: Json) -> Parcel:
        world, repo = self._world, happening.repository
        known = self._installation(happening) if hook.repository is None else None
        number = happening.installation or (known.id if known else None)
        payload: Json = {} if happening.action is None else {"action": happening.action}
        payload |= body
        if repo is not None:
            payload.setdefault("repository", render.full_repository(world, repo))
            payload["organization"] = render.organization(world, repo.owner)
        payload["sender"] = render.user(world, happening.sender) or render.user(world, repo.owner if repo else None)
        if known is not None:
            payload["installation"] = {"id": known.id, "node_id": node_id("Installation", known.id)}
        present = {key: value for key, value in payload.items() if key != "organization" or value is not None}
        return Parcel(hook, guid, happening.event, happening.action, present, number, None if repo is None else repo.id)

    def ping(self, hook: Hook, sender: str | None) -> None:
        """Send the event that says nothing but that the hook works."""
        world = self._world
        repo = world.repositories.get(hook.repository or 0)
        shown = hook_json(world.url, repo, hook) if repo else app_hook_json(world.url, hook, world.app.id)
        payload: Json = {"zen": ZEN, "hook_id": hook.id, "hook": shown}
        if repo is not None:
            payload |= {"repository": render.full_repository(world, repo), "sender": render.user(world, sender)}
        if hook.url:
            self._queue(Parcel(hook, str(uuid.uuid4()), "ping", None, payload, None, hook.repository))

    def redeliver(self, item: Delivery) -> None:
        """Send it once more as it was, under the same GUID and signed with the secret of today."""
        hook = self.hooks[item.hook]
        again = Parcel(
            hook, item.guid, item.event, item.action, item.payload, item.installation, item.repository, redelivery=True
        )
        self._queue(again)

    def _queue(self, parcel: Parcel) -> None:
        if len(_serialised(parcel.payload)) > LARGEST_PAYLOAD:
            return
        line = self._queues.get(parcel.hook.id)
        if line is None:
            line = self._queues[parcel.hook.id] = Line(asyncio.Queue())
            self._start(self._work(line), f"webhooks-{parcel.hook.id}")
        line.under_way += 1
        line.parcels.put_nowait(parcel)

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, line: Line) -> None:
        """Deliver what comes, in order, with what goes wrong on the way."""
        while True:
            parcel = await line.parcels.get()
            take = self._world.faults.take
            if fault := take("webhook_lost", *parcel.names()):
                self._lose(line, parcel, fault)
            elif fault := take("webhook_late", *parcel.names()):
                self._start(self._deliver_late(line, parcel, fault.seconds or LATE_S), "webhook-late")
            elif take("webhook_reordered", *parcel.names()):
                await self._overtake(line, parcel)
            else:
                await self._deliver(line, parcel)

    def _lose(self, line: Line, parcel: Parcel, fault: Fault) -> None:
        """It never arrives: the log says so, unless the detail `logged` is false, as if it had never been sent."""
        line.under_way -= 1
        if fault.detail.get("logged", True):
            self._log(parcel, 0.0, NO_CONNECTION, {}, {}, None)

    async def _deliver_late(self, line: Line, parcel: Parcel, seconds: float) -> None:
        await self._world.clock.sleep(seconds)
        await self._deliver(line, parcel)

    async def _overtake(self, line: Line, parcel: Parcel) -> None:
        """Let the next one go first, where one comes soon."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(OVERTAKEN_S / self._world.clock.speed):
                following = await line.parcels.get()
            await self._deliver(line, following)
        await self._deliver(line, parcel)

    async def _deliver(self, line: Line, parcel: Parcel) -> None:
        await self._send(parcel)
        fault = self._world.faults.take("webhook_doubled", *parcel.names())
        if fault is not None:
            fresh = fault.detail.get("new_guid", False)
            await self._send(replace(parcel, guid=str(uuid.uuid4())) if fresh else parcel)
        line.under_way -= 1

    async def _send(self, parcel: Parcel) -> None:
        body = _body(parcel)
        headers = self._headers(parcel, body)
        started = asyncio.get_running_loop().time()
        answer: httpx.Response | None = None
        try:
            if not is_loopback(parcel.hook.url):
                raise httpx.ConnectError("not a loopback address")
            answer = await self._post(parcel.hook.url, body, headers)
            outcome = (answer.status_code, "OK" if answer.is_success else answer.reason_phrase)
        except httpx.TimeoutException:
            outcome = TOO_SLOW
        except (httpx.HTTPError, httpx.InvalidURL):
            outcome = NO_CONNECTION
        duration = asyncio.get_running_loop().time() - started
        told = ({k.title(): v for k, v in answer.headers.items()}, answer.text) if answer is not None else ({}, None)
        self._log(parcel, duration, outcome, headers, *told)

    async def _post(self, url: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=PATIENCE_S, trust_env=False, verify=tls())
        try:
            # The client counts each read for itself; GitHub counts the whole.
            async with asyncio.timeout(PATIENCE_S):
                return await self._client.post(url, content=body, headers=headers)
        except TimeoutError as error:
            raise httpx.ReadTimeout("the whole took too long") from error

    def _headers(self, parcel: Parcel, body: bytes) -> dict[str, str]:
        hook = parcel.hook
        target = ("integration", self._world.app.id) if hook.repository is None else ("repository", hook.repository)
        kind = "application/json" if hook.content_type == "json" else "application/x-www-form-urlencoded"
        headers = {
            "Accept": "*/*",
            "Content-Type": kind,
            "User-Agent": "GitHub-Hookshot/5b0c4c7",
            "X-GitHub-Delivery": parcel.guid,
            "X-GitHub-Event": parcel.event,
            "X-GitHub-Hook-ID": str(hook.id),
            "X-GitHub-Hook-Installation-Target-ID": str(target[1]),
            "X-GitHub-Hook-Installation-Target-Type": target[0],
        }
        return headers | signatures(hook.secret, body)

    def _log(
        self,
        parcel: Parcel,
        duration: float,
        outcome: tuple[int, str],
        request_headers: dict[str, str],
        response_headers: dict[str, str],
        response_payload: str | None,
    ) -> None:
        code, status = outcome
        item = Delivery(
            id=next(self._ids),
            guid=parcel.guid,
            hook=parcel.hook.id,
            event=parcel.event,
            action=parcel.action,
            delivered_at=self._world.clock.now(),
            redelivery=parcel.redelivery,
            duration=duration,
            status=status,
            status_code=code,
            installation=parcel.installation,
            repository=parcel.repository,
            url=parcel.hook.url,
            request_headers=request_headers or self._headers(parcel, _body(parcel)),
            payload=parcel.payload,
            response_headers=response_headers,
            response_payload=response_payload,
        )
        parcel.hook.deliveries.append(item)


def _serialised(payload: Json) -> bytes:
    return json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()


def _body(parcel: Parcel) -> bytes:
    text = _serialised(parcel.payload)
    return text if parcel.hook.content_type == "json" else urlencode({"payload": text}).encode()


def signatures(secret: str, body: bytes) -> dict[str, str]:
    """The headers that prove where a delivery comes from; none without a secret."""
    if not secret:
        return {}
    return {
        "X-Hub-Signature": f"sha1={hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()}",
        "X-Hub-Signature-256": f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}",
    }


def is_loopback(url: str) -> bool:
    """Whether an address is this machine, by name or number."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
