"""One HTTP client for all providers: time-outs, slots, retries, and errors translated once. The only user of httpx.

Knows HTTP, and the shapes in which providers refuse. httpx collapses when many requests are in flight, so each
client lets 20 through; its pool limits do not help there.

The retry loop is written out here and is not stamina's, and limiters (see `bot.clients.fly.limits`) are not
aiolimiter's, since both wait with the event loop's own time and take no clock: all waits in this program go
through `Clock`, or simulated time would not hold.
"""

from __future__ import annotations

import asyncio
import builtins
import functools
import json
import random
import re
import ssl
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum
from http import HTTPStatus
from http.client import responses
from typing import Any, Self
from urllib.parse import quote

import httpx

from bot.errors import RateLimited, RemoteError, RemoteRejected, RemoteTimeout, RemoteUnavailable, UnexpectedResponse
from bot.ports import Clock

CONCURRENCY = 20
CONNECT_S = 5.0
TIMEOUT_S = 15.0
MAX_BYTES = 10 * 1024 * 1024
MAX_REDIRECTS = 5
MAX_TRIES = 5
BACKOFF_S = 0.5
# No further try is begun so long after the first: somebody may be waiting in a channel.
RETRY_FOR_S = 30.0
TEXT_LIMIT = 500
# Shorter words of an Authorization header are its scheme.
SECRET_LENGTH = 8
TRANSIENT = frozenset({408, 429, 502, 503, 504})
REQUEST_ID_HEADERS = ("fly-request-id", "x-github-request-id", "x-request-id")

Headers = Mapping[str, str]
HeaderProvider = Callable[[], Awaitable[Headers]]
# service, method, status (0 where no answer came), real seconds; called once for each try.
Observe = Callable[[str, str, int, float], None]
# Awaited before each try, outside the slots, so that a call that has to wait its turn keeps nobody out.
Turn = Callable[[], Awaitable[None]]
Query = Mapping[str, str | int | bool]


class Retry(Enum):
    """Which failures of a call may be tried again; stated by each call, for only it knows what a repetition does."""

    NEVER = "never"
    # The same request twice has the effect of one: 408, 429, 502, 503, 504, time-outs, broken connections.
    SAFE = "safe"
    # Only where the request was certainly not worked: no connection, or 429.
    UNSENT = "unsent"

    def allows(self, error: RemoteError) -> bool:
        """Whether a call of this kind may be sent again after `error`."""
        if self is Retry.NEVER:
            return False
        if isinstance(error, RateLimited) or not error.sent:
            return True
        return self is Retry.SAFE and is_transient(error)


def is_transient(error: RemoteError) -> bool:
    """Whether no answer came from the provider itself: none at all, or one of the gateway in front of it."""
    if not isinstance(error, RateLimited | RemoteTimeout | RemoteUnavailable):
        return False
    return error.status is None or error.status in TRANSIENT


@dataclass(frozen=True)
class Place:
    """What an error tells of its request; `url` has neither query nor credentials.

    `secrets` are what the request proved itself with: a provider that quotes them is not quoted in turn.
    """

    service: str
    method: str
    url: str
    secrets: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Response:
    """An answer, read whole. The names of `headers` are in lower case."""

    status: int
    headers: Headers
    body: bytes = field(repr=False)
    place: Place

    @property
    def request_id(self) -> str:
        """The provider's id of the request, for its support."""
        return next((self.headers[name] for name in REQUEST_ID_HEADERS if name in self.headers), "")

    def json(self) -> Any:
        """The body as JSON; UnexpectedResponse where it is not."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise self.unexpected("The answer is not JSON") from None

    def object(self) -> dict[str, Any]:
        """The body as a JSON object; UnexpectedResponse where it is something else."""
        value = self.json()
        if not isinstance(value, dict):
            raise self.unexpected("The answer is not a JSON object")
        return value

    def list(self) -> builtins.list[Any]:
        """The body as a JSON array; UnexpectedResponse where it is something else."""
        value = self.json()
        if not isinstance(value, builtins.list):
            raise self.unexpected("The answer is not a JSON array")
        return value

    def unexpected(self, message: str) -> UnexpectedResponse:
        """The error for an answer whose shape we do not know, with the begin of its text."""
        return UnexpectedResponse(f"{message}: {self.quoted() or 'it is empty'}", **self.facts())

    def quoted(self, text: str = "") -> str:
        """The provider's words (else the whole body) as one line of at most 500 characters, our secrets struck."""
        text = text or self.body.decode("utf-8", "replace")
        for secret in self.place.secrets:
            text = text.replace(secret, "***")
        return clip(text)

    def rejected(self) -> RemoteRejected:
        """The refusal that this answer is, for those who know better than its status."""
        message, code = self._words()
        return RemoteRejected(message, code=code, **self.facts())

    def _words(self) -> tuple[str, str]:
        """The provider's own message and machine-readable code, from the shapes that providers use.

        Fly: `{"error", "status"}` and `{"errors": {"detail"}}`; its GraphQL, GitHub and registries: a list of
        `errors` with `message` and `code`, GitHub's below a `message`.
        """
        try:
            body = json.loads(self.body)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            return self.quoted() or responses.get(self.status, f"Status {self.status}"), ""
        errors = body.get("errors")
        inner = errors[0] if isinstance(errors, list) and errors else errors
        inner = inner if isinstance(inner, dict) else {}
        said = [body.get("error"), body.get("message"), inner.get("detail"), inner.get("message")]
        message = ": ".join(dict.fromkeys(text for text in said if isinstance(text, str) and text))
        codes = [(inner.get("extensions") or inner).get("code"), body.get("code"), body.get("status")]
        # GitHub repeats the HTTP status as a text.
        code = next((c for c in codes if isinstance(c, str) and not c.isdigit()), "")
        return self.quoted(message), code

    def facts(self) -> dict[str, Any]:
        """What every RemoteError about this answer carries."""
        return _facts(self.place) | {"status": self.status, "request_id": self.request_id}


def path(*segments: str) -> str:
    """A path of quoted segments. An empty or dotted one is a ValueError: it would name another resource."""
    for segment in segments:
        if segment in {"", ".", ".."}:
            raise ValueError(f"{segment!r} cannot stand in the path {'/'.join(segments)!r}")
    return "/" + "/".join(quote(segment, safe="") for segment in segments)


def clip(text: str) -> str:
    """One line of at most 500 characters."""
    line = " ".join(text.split())
    return line if len(line) <= TEXT_LIMIT else line[: TEXT_LIMIT - 1] + "…"


class HttpClient:
    """Calls to one provider. Made once and closed; `transport` is for tests.

    `headers` go to the provider's own origin only, as they carry the credentials; a function is asked for
    them before each try, so that a token can be renewed. `observe` is told of each try.
    """

    def __init__(
        self,
        service: str,
        base_url: str,
        *,
        clock: Clock,
        headers: Headers | HeaderProvider | None = None,
        concurrency: int = CONCURRENCY,
        max_bytes: int = MAX_BYTES,
        observe: Observe | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.service = service
        self._base = httpx.URL(base_url.rstrip("/"))
        self._clock = clock
        self._headers = headers or {}
        self._max_bytes = max_bytes
        self._observe = observe
        self._slots = asyncio.Semaphore(concurrency)
        self._client = httpx.AsyncClient(
            transport=transport,
            verify=_tls(),
            headers={"User-Agent": "flytower"},
            limits=httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency),
            # A proxy in the environment would see tokens without anybody having said so.
            trust_env=False,
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def call(
        self,
        method: str,
        url: str,
        *,
        params: Query | None = None,
        json: Any = None,
        content: bytes | None = None,
        headers: Headers | None = None,
        timeout_s: float = TIMEOUT_S,
        retry: Retry = Retry.NEVER,
        expect: Collection[int] = (),
        follow: bool = False,
        turn: Turn | None = None,
    ) -> Response:
        """Send a request and return a 2xx answer, or one whose status is in `expect`.

        `url` is a path below the base URL, or a whole URL. `timeout_s` bounds one try from sending to the last
        byte, connecting has 5 s more. `follow` goes along redirects that keep the method. At most 5 tries
        within about 30 s, Retry-After honoured. Raises RemoteUnavailable, RemoteTimeout (408, or no answer in
        time), RateLimited, RemoteRejected (another 4xx) and UnexpectedResponse (a redirect that was not
        wanted, too large an answer).
        """
        request = functools.partial(
            self._request, method, url, params=params, json=json, content=content, headers=headers or {}
        )
        started = self._clock.now()
        for tries in range(1, MAX_TRIES + 1):
            if turn is not None:
                await turn()
            try:
                return self._checked(await self._try(await request(), timeout_s, follow=follow), expect)
            except RemoteError as error:
                wait_s = _wait_s(error, tries)
                waited_s = (self._clock.now() - started).total_seconds()
                if tries == MAX_TRIES or not retry.allows(error) or waited_s + wait_s > RETRY_FOR_S:
                    raise
            await self._clock.sleep(wait_s)
        raise AssertionError("the last try returns or raises")

    async def _request(
        self, method: str, url: str, *, params: Query | None, headers: Headers, **content: Any
    ) -> httpx.Request:
        target = httpx.URL(url if "://" in url else f"{self._base}{url}")
        own: Headers = {}
        if _origin(target) == _origin(self._base):
            own = self._headers if isinstance(self._headers, Mapping) else await self._headers()
        merged = httpx.Headers(own)
        merged.update(headers)
        # As an argument of the request, `params` would replace the query that the URL has already.
        return self._client.build_request(method, target.copy_merge_params(params or {}), headers=merged, **content)

    async def _try(self, request: httpx.Request, timeout_s: float, *, follow: bool) -> Response:
        async with self._slots:
            started, status = time.perf_counter(), 0
            try:
                response = await self._exchange(request, timeout_s, follow=follow)
                status = response.status
            finally:
                if self._observe is not None:
                    self._observe(self.service, request.method, status, time.perf_counter() - started)
        return response

    async def _exchange(self, request: httpx.Request, timeout_s: float, *, follow: bool) -> Response:
        place = Place(self.service, request.method, _bare(request.url), _secrets(request))
        # Limits for the phases alone would let an answer trickle for ever: the whole is bounded too.
        phases = httpx.Timeout(timeout_s, connect=min(CONNECT_S, timeout_s))
        request.extensions = {**request.extensions, "timeout": phases.as_dict()}
        with _translated(place):
            async with asyncio.timeout(timeout_s + CONNECT_S):
                for _ in range(MAX_REDIRECTS + 1):
                    async with aclosing(await self._client.send(request, stream=True)) as answer:
                        onward = answer.next_request if follow else None
                        if onward is None or onward.method != request.method:
                            return await self._read(answer, place)
                    onward.extensions = request.extensions
                    request = onward
        raise UnexpectedResponse(f"More than {MAX_REDIRECTS} redirects", **_facts(place))

    async def _read(self, answer: httpx.Response, place: Place) -> Response:
        body = bytearray()
        async for chunk in answer.aiter_bytes():
            body += chunk
            if len(body) > self._max_bytes:
                too_large = f"The answer is larger than {self._max_bytes} bytes"
                raise UnexpectedResponse(too_large, **_facts(place), status=answer.status_code)
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Response(answer.status_code, headers, bytes(body), place)

    def _checked(self, response: Response, expect: Collection[int]) -> Response:
        if HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES or response.status in expect:
            return response
        raise error_of(response, self._clock.now())


def error_of(response: Response, now: datetime) -> RemoteError:
    """The error that an answer means; `now` is for a Retry-After that names an instant."""
    status, facts, refusal = response.status, response.facts(), response.rejected()
    message = refusal.message
    if status == HTTPStatus.REQUEST_TIMEOUT:
        return RemoteTimeout(message, **facts)
    # GitHub says 403 where it limits; one without these headers is about permissions.
    limits = response.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in response.headers
    if status == HTTPStatus.TOO_MANY_REQUESTS or (status == HTTPStatus.FORBIDDEN and limits):
        return RateLimited(message, retry_after=_retry_after(response.headers, now), **facts)
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return refusal
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return RemoteUnavailable(message, **facts)
    return UnexpectedResponse(f"The answer {status} was not expected", **facts)


def _retry_after(headers: Headers, now: datetime) -> timedelta | None:
    wish = headers.get("retry-after", "").strip()
    # GitHub names the end of its hour in every answer; it counts where the hour is used up.
    reset = headers.get("x-ratelimit-reset", "") if headers.get("x-ratelimit-remaining") == "0" else ""
    if wish.isdigit():
        return timedelta(seconds=int(wish))
    try:
        at = parsedate_to_datetime(wish) if wish else datetime.fromtimestamp(int(reset), UTC)
    except (ValueError, OverflowError):
        return None
    # A date without a zone counts as UTC, and one that has passed as "now".
    return max(at.replace(tzinfo=at.tzinfo or UTC) - now, timedelta(0))


def _wait_s(error: RemoteError, tries: int) -> float:
    """Seconds before the next try: doubled each time, jittered, and never less than the provider asked for."""
    backoff_s: float = BACKOFF_S * 2 ** (tries - 1) * random.uniform(0.5, 1.0)  # noqa: S311 - spreads, hides nothing
    wish = error.retry_after if isinstance(error, RateLimited) else None
    return backoff_s if wish is None else max(backoff_s, wish.total_seconds())


@functools.cache
def _tls() -> ssl.SSLContext:
    """One context for all clients, since each takes 20 ms to build."""
    return httpx.create_ssl_context()


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _bare(url: httpx.URL) -> str:
    return str(url.copy_with(userinfo=b"", query=None, fragment=None))


def _secrets(request: httpx.Request) -> tuple[str, ...]:
    words = re.split(r"[\s,]+", request.headers.get("authorization", ""))
    return tuple(word for word in words if len(word) >= SECRET_LENGTH)


def _facts(place: Place) -> dict[str, Any]:
    return {"service": place.service, "method": place.method, "url": place.url}


@contextmanager
def _translated(place: Place) -> Iterator[None]:
    """Turn httpx's errors into ours. Their own texts stay behind where they may quote a header, and so a token."""
    facts = _facts(place)
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        why = f" ({error})" if str(error) else ""
        raise RemoteUnavailable(f"No connection{why}", **facts, sent=False) from None
    except (httpx.TimeoutException, TimeoutError):
        raise RemoteTimeout("No answer in time", **facts) from None
    except httpx.DecodingError:
        raise UnexpectedResponse("The answer cannot be decoded", **facts) from None
    except httpx.LocalProtocolError:
        raise RemoteUnavailable("The request is not valid HTTP", **facts, sent=False) from None
    except httpx.TransportError as error:
        raise RemoteUnavailable(f"The connection broke ({type(error).__name__})", **facts) from None
