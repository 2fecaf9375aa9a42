"""Signed commands, what sends them, and what they cost the process that answers.

The generator is a selector and blocking sends in a process of its own: its cost is part of every wall-clock
figure, so it does as little as Python allows.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import selectors
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from sandbox.kit import Json
from sandbox.slack.delivery import FORM, signature_headers
from sandbox.slack.world import World
from sandbox.stack import SECRETS

CHANNEL = "C0DEPLOYS"
HELP, HELP_ANSWER = "help", "brings a commit"
ANSWER_S = 30.0
QUIET_S = 0.2
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Job:
    """Requests to send, each when the previous one of its connection is answered and `pause_s` have passed.

    `reads` are sent between them, all of them after each request, and not measured: they keep the processors awake.
    """

    port: int
    requests: list[str]
    expect: str = HELP_ANSWER
    connections: int = 1
    pause_s: float = 0.0
    reads: list[str] = field(default_factory=list)


def request(text: str, **fields: str) -> str:
    """`/deploy TEXT` as Slack sends it, signed now and so good for five minutes, with its own trigger id."""
    asker = {"user_id": "U0ANA", "team_id": "T0REIFY", "channel_id": CHANNEL}
    trigger = f"{time.time_ns()}.{next(_numbers)}"
    body = urlencode({"command": "/deploy", "text": text, "trigger_id": trigger, **asker, **fields})
    headers = {"Host": "127.0.0.1", "Content-Type": FORM, "Content-Length": str(len(body))}
    headers |= signature_headers(SECRETS["SLACK_SIGNING_SECRET"], body.encode())
    lines = ["POST /slack/events HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", body])


def helps(count: int) -> list[str]:
    """So many read commands."""
    return [request(HELP) for _ in range(count)]


def stored(count: int, world: World) -> list[str]:
    """So many commands that are stored, acknowledged, and refused afterwards without asking Fly or GitHub.

    That its author's account belongs to another workspace is looked at after the acknowledgement, and tells itself
    from the request alone.
    """
    eve = {"user_id": "U0EVE", "team_id": "T0OTHER"}
    urls = [world.new_response_url(eve["user_id"], world.channels[CHANNEL]) for _ in range(count)]
    return [request(f"staging v{number}", response_url=url, **eve) for number, url in enumerate(urls)]


async def fire(job: Job) -> Json:
    """`run` in a process of its own; RuntimeError where that failed."""
    command = (sys.executable, "-m", "benchmarks.load")
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    out, _ = await process.communicate(json.dumps(asdict(job)).encode())
    if process.returncode != 0:
        raise RuntimeError("The load generator failed; what it said stands above.")
    return dict(json.loads(out))


def run(job: Job) -> Json:
    """Send it all: `seconds` for the whole and `latencies` in seconds, in the order of the answers.

    Waits for a server that does not listen yet; RuntimeError for any answer but the expected.
    """
    requests = _sendings(job)
    latencies: list[float] = []
    with selectors.DefaultSelector() as selector:
        connections = [_Connection(job.port) for _ in range(min(job.connections, len(job.requests)))]
        started = time.perf_counter()
        for connection in connections:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.send(next(requests))
        while len(latencies) < len(job.requests):
            latencies += _receive(selector, job, requests)
        seconds = time.perf_counter() - started
    for connection in connections:
        connection.socket.close()
    return {"seconds": seconds, "latencies": latencies}


@dataclass(frozen=True)
class _Sending:
    request: bytes
    expect: bytes
    is_measured: bool = True


def _sendings(job: Job) -> Iterator[_Sending]:
    # Encoded beforehand: nothing but sending and receiving happens while the clock runs.
    reads = [_Sending(text.encode(), HELP_ANSWER.encode(), is_measured=False) for text in job.reads]
    requests = [_Sending(text.encode(), job.expect.encode()) for text in job.requests]
    return itertools.chain.from_iterable((*reads, request) for request in requests)


def _receive(selector: selectors.BaseSelector, job: Job, requests: Iterator[_Sending]) -> Iterator[float]:
    ready = selector.select(ANSWER_S)
    if not ready:
        raise RuntimeError(f"no answer within {ANSWER_S:.0f} s")
    for key, _ in ready:
        latency = key.data.receive()
        if latency is None:
            continue
        if key.data.is_measured:
            yield latency
        if job.pause_s:
            time.sleep(job.pause_s)
        if following := next(requests, None):
            key.data.send(following)


class _Connection:
    """A keep-alive connection with at most one request under way."""

    def __init__(self, port: int) -> None:
        self.socket = _connected(port)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def is_measured(self) -> bool:
        return self._sending.is_measured

    def send(self, sending: _Sending) -> None:
        self._sending = sending
        self._answer, self._sent_at = b"", time.perf_counter()
        self.socket.sendall(sending.request)

    def receive(self) -> float | None:
        """The latency once the whole answer is there."""
        part = self.socket.recv(65536)
        self._answer += part
        head, _, body = self._answer.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if part and (length is None or len(body) < int(length[1])):
            return None
        latency = time.perf_counter() - self._sent_at
        if not head.startswith(b"HTTP/1.1 200 ") or self._sending.expect not in body:
            raise RuntimeError(f"unexpected answer: {self._answer[:500]!r}")
        return latency


def _connected(port: int) -> socket.socket:
    deadline = time.monotonic() + ANSWER_S
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=ANSWER_S)
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.002)


def cpu_s(pid: int) -> float:
    """Processor seconds of a process so far, user and system, in steps of 10 ms. Source: proc(5)."""
    # The name in parentheses may hold blanks, so count from behind it: utime and stime are fields 14 and 15.
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def others_cpu_s() -> float:
    """Processor seconds of the machine since its start, without this process and its ended children."""
    fields = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()
    # user, nice, system, then idle and iowait, then irq, softirq and steal.
    busy = sum(int(fields[number]) for number in (1, 2, 3, 6, 7, 8))
    return busy / os.sysconf("SC_CLK_TCK") - sum(os.times()[:4])


def rss_mb(pid: int) -> float:
    """Resident memory of a process in megabytes of 1,000,000 bytes. Source: proc(5)."""
    resident_pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return resident_pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def at_rest(pid: int) -> float:
    """Return `cpu_s` once a process has done nothing worth a step for a while."""
    while True:
        before = cpu_s(pid)
        await asyncio.sleep(QUIET_S)
        if cpu_s(pid) == before:
            return before


if __name__ == "__main__":
    json.dump(run(Job(**json.load(sys.stdin))), sys.stdout)
