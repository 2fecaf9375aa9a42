"""The HTTP client against a server of our own on a socket: each fault of the wire, each policy."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse

from bot.clients.http import CONCURRENCY, HttpClient, Retry, path
from bot.errors import (
    RateLimited,
    RemoteError,
    RemoteRejected,
    RemoteTimeout,
    RemoteUnavailable,
    UnexpectedResponse,
)
from sandbox.kit import drop_connection, serving

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TOKEN = "FlyV1 fm2_very_secret,fm2_discharge"
Answer = Callable[[Request], Awaitable[Response]]


class SteppingClock:
    """Time that moves when somebody sleeps, and remembers how long they did."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._now = NOW

    def now(self) -> datetime:
        return self._now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._now += timedelta(seconds=seconds)


class Server:
    """Answers requests from a list, the last one for ever; `None` breaks the connection without an answer."""

    def __init__(self) -> None:
        self.url = ""
        self.forget()

    def forget(self) -> None:
        """As at first, for the next test."""
        self.requests: list[Request] = []
        self.bodies: list[bytes] = []
        self.answers: list[Response | Answer | None] = [Response("{}")]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        self.requests.append(request)
        self.bodies.append(await request.body())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            await drop_connection(receive, send)
            return
        response = answer if isinstance(answer, Response) else await answer(request)
        await response(scope, receive, send)


@pytest.fixture(scope="module")
async def listening() -> AsyncIterator[Server]:
    """One server for all tests here, since starting and stopping one takes 0.2 s."""
    server = Server()
    async with serving(server) as server.url:
        yield server


@pytest.fixture
def server(listening: Server) -> Server:
    """A server that each test tells what to answer."""
    listening.forget()
    return listening


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock()


@pytest.fixture
async def client(server: Server, clock: SteppingClock) -> AsyncIterator[HttpClient]:
    """A client of the server, with a token."""
    async with HttpClient("Fly", f"{server.url}/v1/", clock=clock, headers={"Authorization": TOKEN}) as client:
        yield client


async def refused(client: HttpClient, method: str = "GET", url: str = "/x", **options: Any) -> RemoteError:
    """The error of a call that must fail."""
    with pytest.raises(RemoteError) as caught:
        await client.call(method, url, **options)
    return caught.value


async def test_a_call_carries_what_it_was_given(client: HttpClient, server: Server) -> None:
    """Path, query, body and headers arrive; the client's credentials are added."""
    server.answers = [Response('{"ok": true}', headers={"Fly-Request-Id": "01ABC"})]

    response = await client.call("POST", "/apps", params={"force": True}, json={"a": 1}, headers={"X-Nonce": "n"})

    request = server.requests[0]
    assert (request.method, request.url.path, request.url.query) == ("POST", "/v1/apps", "force=true")
    assert server.bodies == [b'{"a":1}']
    assert (request.headers["x-nonce"], request.headers["authorization"]) == ("n", TOKEN)
    assert (response.json(), response.headers["fly-request-id"], response.request_id) == (
        {"ok": True},
        "01ABC",
        "01ABC",
    )


async def test_parameters_join_those_of_the_url(client: HttpClient, server: Server) -> None:
    """A next page that comes with a query keeps it."""
    await client.call("GET", "/x?page=2", params={"per_page": 100})

    assert dict(server.requests[0].query_params) == {"page": "2", "per_page": "100"}


async def test_headers_can_be_asked_for_before_each_try(server: Server, clock: SteppingClock) -> None:
    """A token that is renewed between two tries is used in the second."""
    tokens = iter(["Bearer first-token", "Bearer second-token"])

    async def headers() -> dict[str, str]:
        return {"Authorization": next(tokens)}

    server.answers = [Response(status_code=503), Response()]
    async with HttpClient("GitHub", server.url, clock=clock, headers=headers) as client:
        await client.call("GET", "/", retry=Retry.SAFE)

    assert [r.headers["authorization"] for r in server.requests] == ["Bearer first-token", "Bearer second-token"]


async def test_a_calls_own_header_replaces_the_clients(client: HttpClient, server: Server) -> None:
    """One Authorization is sent, whatever the case of its name."""
    await client.call("GET", "/x", headers={"authorization": "Bearer other"})

    assert server.requests[0].headers.getlist("authorization") == ["Bearer other"]


async def test_credentials_stay_with_their_own_origin(client: HttpClient, server: Server) -> None:
    """A whole URL of another host gets no token of ours."""
    other = Server()
    async with serving(other) as other.url:
        await client.call("GET", f"{other.url}/elsewhere")
        await client.call("GET", f"{server.url}/page2")

    assert "authorization" not in other.requests[0].headers
    assert server.requests[0].headers["authorization"] == TOKEN


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RemoteRejected),
        (401, RemoteRejected),
        (403, RemoteRejected),
        (404, RemoteRejected),
        (408, RemoteTimeout),
        (409, RemoteRejected),
        (422, RemoteRejected),
        (429, RateLimited),
        (302, UnexpectedResponse),
        (304, UnexpectedResponse),
        (500, RemoteUnavailable),
        (503, RemoteUnavailable),
        (520, RemoteUnavailable),
    ],
)
async def test_each_status_has_its_error(
    client: HttpClient, server: Server, status: int, kind: type[RemoteError]
) -> None:
    """A status that is no success raises one error of the tree, with what support would ask for."""
    server.answers = [Response(status_code=status, headers={"fly-request-id": "01REQ"})]

    error = await refused(client, params={"key": "hidden"})

    assert type(error) is kind
    assert (error.service, error.method, error.status, error.request_id) == ("Fly", "GET", status, "01REQ")
    assert error.url == f"{server.url}/v1/x"
    assert error.sent


async def test_an_expected_status_is_an_answer(client: HttpClient, server: Server) -> None:
    """A status in `expect` is returned and not raised."""
    server.answers = [Response(status_code=404)]

    response = await client.call("GET", "/x", expect={404})

    assert response.status == 404


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        ('{"error": "no room", "status": "insufficient_capacity"}', "no room", "insufficient_capacity"),
        ('{"message": "Not Found", "status": "404"}', "Not Found", ""),
        ('{"errors": {"detail": "no such app"}}', "no such app", ""),
        ('{"errors": [{"message": "denied", "code": "DENIED"}]}', "denied", "DENIED"),
        ('{"errors": [{"message": "gone", "extensions": {"code": "NOT_FOUND"}}]}', "gone", "NOT_FOUND"),
        (
            '{"message": "Validation Failed", "errors": [{"message": "is taken", "code": "custom"}]}',
            "Validation Failed: is taken",
            "custom",
        ),
        ('{"message": "Failed", "errors": ["plain text"]}', "Failed", ""),
        ("<html>\n  504 Gateway  </html>", "<html> 504 Gateway </html>", ""),
        ('["a list"]', '["a list"]', ""),
        ('{"reason": 5}', '{"reason": 5}', ""),
        ("", "Bad Request", ""),
        ("\xff\xfe", "ÿþ", ""),
    ],
)
async def test_a_refusal_speaks_the_providers_words(
    client: HttpClient, server: Server, body: str, message: str, code: str
) -> None:
    """The provider's message and code are found in every shape that providers use, JSON or not."""
    server.answers = [Response(body, status_code=400)]

    error = await refused(client)

    assert isinstance(error, RemoteRejected)
    assert (error.message, error.code) == (message, code)


async def test_long_texts_are_clipped(client: HttpClient, server: Server) -> None:
    """At most 500 characters of a body reach a message."""
    server.answers = [Response("x" * 10_000, status_code=400)]

    error = await refused(client)

    assert error.message == "x" * 499 + "…"


async def test_an_echoed_token_is_struck(client: HttpClient, server: Server) -> None:
    """A provider that quotes our Authorization is not quoted with it, in any part."""
    server.answers = [PlainTextResponse(f"bad header {TOKEN}", status_code=401)]

    error = await refused(client, params={"token": "fm2_very_secret"})

    assert "secret" not in str(error) + repr(error) + "".join(traceback.format_exception(error))
    assert "bad header FlyV1 ***,***" in str(error)


async def test_an_illegal_header_does_not_leak(server: Server, clock: SteppingClock) -> None:
    """A token with a line break is refused before it is sent, without being quoted."""
    async with HttpClient("Fly", server.url, clock=clock, headers={"Authorization": "fm2_very_secret\nx"}) as client:
        error = await refused(client)

    assert not error.sent
    assert "secret" not in "".join(traceback.format_exception(error))


async def test_nothing_prints_a_token(client: HttpClient, server: Server) -> None:
    """Neither the client nor an answer shows its credentials."""
    response = await client.call("GET", "/x")

    assert "fm2_" not in repr(client) + repr(response) + repr(response.place)


async def test_a_refused_connection_was_not_sent(clock: SteppingClock) -> None:
    """Nobody listens: RemoteUnavailable that says the request did nothing."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with HttpClient("Fly", f"http://127.0.0.1:{taken.getsockname()[1]}", clock=clock) as client:
            error = await refused(client)

    assert isinstance(error, RemoteUnavailable)
    assert (error.sent, error.status) == (False, None)


async def test_an_exhausted_pool_was_not_sent(clock: SteppingClock) -> None:
    """A request that got no connection from the pool did nothing."""

    def full(request: httpx.Request) -> httpx.Response:
        raise httpx.PoolTimeout("full", request=request)

    async with HttpClient("Fly", "http://fly.test", clock=clock, transport=httpx.MockTransport(full)) as client:
        error = await refused(client)

    assert isinstance(error, RemoteUnavailable)
    assert not error.sent


async def test_a_connection_that_breaks_may_have_been_worked(client: HttpClient, server: Server) -> None:
    """No answer after sending: RemoteUnavailable with `sent`, and no status."""
    server.answers = [None]

    error = await refused(client)

    assert isinstance(error, RemoteUnavailable)
    assert (error.sent, error.status) == (True, None)


async def test_no_answer_in_time_is_a_timeout(client: HttpClient, server: Server) -> None:
    """RemoteTimeout, and the request may have been worked."""
    release = asyncio.Event()

    async def stall(_: Request) -> Response:
        await release.wait()
        return Response()

    server.answers = [stall]
    error = await refused(client, timeout_s=0.05)
    release.set()

    assert isinstance(error, RemoteTimeout)
    assert error.sent


async def test_a_trickling_answer_is_a_timeout(
    client: HttpClient, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that never ends is given up, though each of its bytes comes in time."""
    monkeypatch.setattr("bot.clients.http.CONNECT_S", 0.05)

    async def drip() -> AsyncIterator[bytes]:
        while True:
            yield b"."
            await asyncio.sleep(0.01)

    server.answers = [StreamingResponse(drip())]

    error = await refused(client, timeout_s=0.1)

    assert isinstance(error, RemoteTimeout)


async def test_too_large_an_answer_is_not_read(server: Server, clock: SteppingClock) -> None:
    """Reading stops at the cap."""
    server.answers = [Response(b"x" * 2_000)]

    async with HttpClient("Fly", server.url, clock=clock, max_bytes=1_000) as client:
        error = await refused(client)

    assert isinstance(error, UnexpectedResponse)
    assert "larger than 1000 bytes" in error.message


async def test_a_broken_encoding_is_unexpected(client: HttpClient, server: Server) -> None:
    """A body that is not what its Content-Encoding says."""
    server.answers = [Response(b"not gzip", headers={"Content-Encoding": "gzip"})]

    error = await refused(client)

    assert isinstance(error, UnexpectedResponse)


@pytest.mark.parametrize(("body", "reader"), [("<html>", "json"), ("", "json"), ("[]", "object"), ("nope", "object")])
async def test_a_body_of_another_shape_is_unexpected(
    client: HttpClient, server: Server, body: str, reader: str
) -> None:
    """Reading a success as JSON tells what came instead."""
    server.answers = [Response(body, headers={"x-github-request-id": "A1:B2"})]
    response = await client.call("GET", "/x")

    with pytest.raises(UnexpectedResponse) as caught:
        getattr(response, reader)()

    assert (body or "it is empty") in caught.value.message
    assert caught.value.request_id == "A1:B2"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirects_are_followed_where_asked(client: HttpClient, server: Server, status: int) -> None:
    """A renamed repository answers with a redirect: reading goes along."""
    server.answers = [RedirectResponse("/v1/new", status_code=status), Response('"here"')]

    response = await client.call("GET", "/old", follow=True)

    assert response.json() == "here"
    assert server.requests[1].url.path == "/v1/new"


async def test_a_redirected_write_keeps_its_method_and_body(client: HttpClient, server: Server) -> None:
    """307 repeats the POST as it was."""
    server.answers = [RedirectResponse("/v1/new", status_code=307), Response()]

    await client.call("POST", "/old", json={"a": 1}, follow=True)

    assert [r.method for r in server.requests] == ["POST", "POST"]
    assert server.bodies == [b'{"a":1}', b'{"a":1}']


async def test_a_write_never_turns_into_a_read(client: HttpClient, server: Server) -> None:
    """A redirect that would change POST into GET is refused, since the write would be lost silently."""
    server.answers = [RedirectResponse("/v1/new", status_code=302)]

    error = await refused(client, "POST", follow=True)

    assert isinstance(error, UnexpectedResponse)
    assert len(server.requests) == 1


async def test_a_redirect_takes_no_token_elsewhere(client: HttpClient, server: Server) -> None:
    """Logs are kept on another host, which is not shown our token."""
    other = Server()
    async with serving(other) as other.url:
        server.answers = [RedirectResponse(f"{other.url}/log", status_code=302)]
        await client.call("GET", "/log", follow=True)

    assert "authorization" not in other.requests[0].headers


async def test_redirects_end(client: HttpClient, server: Server) -> None:
    """A circle of redirects is left after five."""
    server.answers = [RedirectResponse("/v1/x", status_code=302)]

    error = await refused(client, follow=True)

    assert isinstance(error, UnexpectedResponse)
    assert len(server.requests) == 6


@pytest.mark.parametrize(
    ("answer", "retry", "is_repeated"),
    [
        (503, Retry.NEVER, False),
        (429, Retry.NEVER, False),
        (408, Retry.SAFE, True),
        (429, Retry.SAFE, True),
        (502, Retry.SAFE, True),
        (503, Retry.SAFE, True),
        (504, Retry.SAFE, True),
        (500, Retry.SAFE, False),
        (409, Retry.SAFE, False),
        (None, Retry.SAFE, True),
        (429, Retry.UNSENT, True),
        (503, Retry.UNSENT, False),
        (408, Retry.UNSENT, False),
        (None, Retry.UNSENT, False),
    ],
)
async def test_only_what_the_policy_allows_is_repeated(
    client: HttpClient, server: Server, answer: int | None, retry: Retry, is_repeated: bool
) -> None:
    """Each policy repeats its failures and no other."""
    server.answers = [None if answer is None else Response(status_code=answer), Response()]

    with contextlib.suppress(RemoteError):
        await client.call("POST", "/x", retry=retry)

    assert len(server.requests) == (2 if is_repeated else 1)


@pytest.mark.parametrize(("retry", "tries"), [(Retry.NEVER, 1), (Retry.SAFE, 5), (Retry.UNSENT, 5)])
async def test_a_connection_that_never_came_about_may_be_repeated(
    clock: SteppingClock, retry: Retry, tries: int
) -> None:
    """Both policies that repeat do so where nothing was sent, and give up after five tries."""
    seen: list[int] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        seen.append(1)
        raise httpx.ConnectError("refused", request=request)

    async with HttpClient("Fly", "http://fly.test", clock=clock, transport=httpx.MockTransport(refuse)) as client:
        await refused(client, retry=retry)

    assert len(seen) == tries


async def test_waits_double_and_jitter_on_the_clock(client: HttpClient, server: Server, clock: SteppingClock) -> None:
    """Between 5 tries lie 0.5, 1, 2 and 4 s, each shortened by up to half."""
    server.answers = [Response(status_code=503)]

    await refused(client, retry=Retry.SAFE)

    assert len(server.requests) == 5
    assert all(top / 2 <= slept <= top for slept, top in zip(clock.slept, (0.5, 1, 2, 4), strict=True))


@pytest.mark.parametrize("wish", ["7", "Mon, 23 Nov 2026 12:00:07 GMT"])
async def test_retry_after_is_honoured(client: HttpClient, server: Server, clock: SteppingClock, wish: str) -> None:
    """Seconds or a date: the next try waits for it."""
    server.answers = [Response(status_code=429, headers={"Retry-After": wish}), Response()]

    await client.call("GET", "/x", retry=Retry.SAFE)

    assert clock.slept == [7.0]


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (429, {"retry-after": "90"}, 90),
        (403, {"retry-after": "60"}, 60),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795435260"}, 60),
        (429, {"x-ratelimit-remaining": "10", "x-ratelimit-reset": "1795435260"}, None),
        (429, {"retry-after": "Mon, 23 Nov 2026 11:00:00 GMT"}, 0),
        (429, {"retry-after": "soon"}, None),
        (429, {}, None),
    ],
)
async def test_a_limit_tells_how_long(
    client: HttpClient, server: Server, status: int, headers: dict[str, str], expected: int | None
) -> None:
    """`retry_after` is the provider's wish, also in GitHub's way of a 403 and the end of its hour."""
    server.answers = [Response(status_code=status, headers=headers)]

    error = await refused(client)

    assert isinstance(error, RateLimited)
    assert error.retry_after == (None if expected is None else timedelta(seconds=expected))


async def test_too_long_a_wish_is_the_callers_business(
    client: HttpClient, server: Server, clock: SteppingClock
) -> None:
    """A wait that nobody in a channel would sit through is raised at once, with the wish in it."""
    server.answers = [Response(status_code=429, headers={"Retry-After": "3600"})]

    error = await refused(client, retry=Retry.SAFE)

    assert isinstance(error, RateLimited)
    assert (clock.slept, len(server.requests)) == ([], 1)


async def test_at_most_twenty_requests_are_in_flight(client: HttpClient, server: Server) -> None:
    """A hundred calls at once reach the provider twenty at a time."""
    flying, most = 0, 0

    async def count(_: Request) -> Response:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        await asyncio.sleep(0)
        flying -= 1
        return Response()

    server.answers = [count]
    await asyncio.gather(*(client.call("GET", "/x") for _ in range(100)))

    assert len(server.requests) == 100
    assert most <= CONCURRENCY


async def test_a_call_that_waits_its_turn_keeps_nobody_out(server: Server, clock: SteppingClock) -> None:
    """With one slot, a call held back by its limiter does not hold the slot."""
    go = asyncio.Event()

    async def held_back() -> None:
        await go.wait()

    async with HttpClient("Fly", server.url, clock=clock, concurrency=1) as client:
        slow = asyncio.create_task(client.call("GET", "/slow", turn=held_back))
        await client.call("GET", "/quick")
        go.set()
        await slow

    assert [r.url.path for r in server.requests] == ["/quick", "/slow"]


async def test_each_try_is_observed(server: Server, clock: SteppingClock) -> None:
    """The hook sees service, method, status and seconds of each try; 0 where no answer came."""
    seen: list[tuple[str, str, int]] = []

    def observe(service: str, method: str, status: int, seconds: float) -> None:
        assert seconds >= 0
        seen.append((service, method, status))

    server.answers = [Response(status_code=503), None, Response()]
    async with HttpClient("Fly", server.url, clock=clock, observe=observe) as client:
        await client.call("GET", "/x", retry=Retry.SAFE)

    assert seen == [("Fly", "GET", 503), ("Fly", "GET", 0), ("Fly", "GET", 200)]


async def test_proxies_of_the_environment_are_ignored(
    server: Server, clock: SteppingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No proxy sees our tokens because a variable happened to be set."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")

    async with HttpClient("Fly", server.url, clock=clock) as client:
        response = await client.call("GET", "/x")

    assert response.status == 200


def test_a_path_quotes_its_segments() -> None:
    """What people or providers typed stays one segment."""
    assert path("apps", "a b/c?d", "machines") == "/apps/a%20b%2Fc%3Fd/machines"


@pytest.mark.parametrize("segment", ["", ".", ".."])
def test_a_path_refuses_what_would_name_another_resource(segment: str) -> None:
    """Deleting the Machine with an empty id must not delete what is above it."""
    with pytest.raises(ValueError, match="cannot stand in the path"):
        path("apps", segment)
