"""Signed requests and what sends them: keep-alive connections over plain sockets, in a process of its own.

A selector and blocking sends, and no event loop: what the generator itself costs is part of every wall-clock
figure, so it does as little as Python allows, and nothing else runs in its process.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import selectors
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from urllib.parse import urlencode

from sandbox.slack.delivery import FORM, USER_AGENT, signature_headers
from sandbox.stack import SECRETS

PATH = "/slack/events"
CHANNEL = "C0DEPLOYS"
# The simulated workspace's own person, and one whose account belongs to another workspace.
MEMBER = ("U0ANA", "T0REIFY")
STRANGER = ("U0EVE", "T0OTHER")
ANSWER_S = 30.0
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Job:
    """What to send where; an answer without 200 and the words in `expect` ends the run.

    With a `pause_s` before each request the server is at rest when it comes, and the rate says nothing.
    """

    port: int
    requests: list[str]
    expect: str
    connections: int = 1
    pause_s: float = 0.0


@dataclass(frozen=True)
class Load:
    """What came of it, in real seconds."""

    seconds: float
    latencies: list[float]

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile_ms(self, share: float) -> float:
        """The latency that this share of the requests did not exceed, in milliseconds."""
        return sorted(self.latencies)[round(share * (len(self.latencies) - 1))] * 1000


def request(text: str, who: tuple[str, str], response_url: str = "") -> str:
    """`/deploy TEXT` as Slack sends it, signed now and so good for five minutes; each with its own trigger id."""
    user, team = who
    fields = {
        "team_id": team,
        "channel_id": CHANNEL,
        "user_id": user,
        "command": "/deploy",
        "text": text,
        "response_url": response_url,
        "trigger_id": f"{time.time_ns()}.{next(_numbers)}",
    }
    body = urlencode(fields)
    headers = {
        "Host": "127.0.0.1",
        "User-Agent": USER_AGENT,
        "Content-Type": FORM,
        "Content-Length": str(len(body)),
        **signature_headers(SECRETS["SLACK_SIGNING_SECRET"], body.encode()),
    }
    lines = [f"POST {PATH} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", body])


def helps(count: int) -> list[str]:
    """So many read commands."""
    return [request("help", MEMBER) for _ in range(count)]


def stored(count: int, response_url: Callable[[], str]) -> list[str]:
    """So many commands that are stored and acknowledged, and refused afterwards without asking Fly or GitHub.

    Whose account belongs to another workspace is found out after the acknowledgement, from the request alone.
    """
    return [request(f"staging v{number}", STRANGER, response_url()) for number in range(count)]


async def fire(job: Job) -> Load:
    """Run a job in a process of its own; RuntimeError with what it said where it failed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.load", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate(json.dumps(asdict(job)).encode())
    if process.returncode != 0:
        raise RuntimeError("The load generator failed, see above.")
    return Load(**json.loads(out))


class Connection:
    """One keep-alive connection with at most one request under way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answer = b""
        self._sent_at = 0.0

    def send(self, request: bytes) -> None:
        self._answer, self._sent_at = b"", time.perf_counter()
        self.socket.sendall(request)

    def receive(self, expect: bytes) -> float | None:
        """The latency once the whole answer is there; RuntimeError for another answer than the expected."""
        part = self.socket.recv(65536)
        self._answer += part
        head, _, body = self._answer.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if part and (length is None or len(body) < int(length[1])):
            return None
        latency = time.perf_counter() - self._sent_at
        if not head.startswith(b"HTTP/1.1 200 ") or expect not in body:
            raise RuntimeError(f"unexpected answer: {self._answer[:500]!r}")
        return latency


def run(job: Job) -> Load:
    """Send all requests, the next on a connection once the previous one is answered."""
    requests = iter([text.encode() for text in job.requests])
    connections = [Connection(job.port) for _ in range(min(job.connections, len(job.requests)))]
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
        started = time.perf_counter()
        for connection in connections:
            connection.send(next(requests))
        latencies: list[float] = []
        while len(latencies) < len(job.requests):
            latencies += _receive(selector, job, requests)
        seconds = time.perf_counter() - started
    for connection in connections:
        connection.socket.close()
    return Load(seconds, latencies)


def _receive(selector: selectors.BaseSelector, job: Job, requests: Iterator[bytes]) -> Iterator[float]:
    ready = selector.select(ANSWER_S)
    if not ready:
        raise RuntimeError(f"no answer within {ANSWER_S:.0f} s")
    for key, _ in ready:
        latency = key.data.receive(job.expect.encode())
        if latency is None:
            continue
        yield latency
        if job.pause_s:
            time.sleep(job.pause_s)
        if following := next(requests, None):
            key.data.send(following)


if __name__ == "__main__":
    json.dump(asdict(run(Job(**json.load(sys.stdin)))), sys.stdout)
