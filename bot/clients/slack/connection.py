"""One session with Slack, one place where errors are translated: slack_sdk's asynchronous client, which is aiohttp.

Bolt stays outside. Sources: Slack, "Using the Web API", "Handling user interaction", "Working with files".
"""

from __future__ import annotations

import functools
import itertools
import logging
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from bot.clients.http import Observe
from bot.clients.slack.answers import SERVICE, Answer, refusal, said, translated
from bot.errors import RateLimited, RemoteError, RemoteRejected, RemoteTimeout, RemoteUnavailable
from bot.ports import Clock

RESPONSE_HOST = "hooks.slack.com"
CONNECT_S = 5.0
TRIES = 3
BACKOFF_S = 0.5
# A person waits for a read.
READ_PATIENCE_S = 2.0

Result = TypeVar("Result")


class Connection:
    """Calls to the Web API, and posts to the addresses that Slack hands out."""

    def __init__(self, token: str, base_url: str, *, clock: Clock, timeout_s: float, observe: Observe) -> None:
        self._clock = clock
        self._observe = observe
        timeout = aiohttp.ClientTimeout(total=timeout_s, connect=min(CONNECT_S, timeout_s))
        self._session = aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
        # At its default level the SDK formats a log line for each request, with the whole of what people wrote.
        logger = logging.getLogger("bot.clients.slack.sdk")
        logger.setLevel(logging.INFO)
        self.web = AsyncWebClient(token, base_url, session=self._session, retry_handlers=[], logger=logger)
        # The SDK takes a proxy from the environment by itself, which would see the token unasked.
        self.web.proxy = None

    async def aclose(self) -> None:
        await self._session.close()

    async def call(self, api: str, **arguments: Any) -> dict[str, Any]:
        """One try of one method."""
        return await self._send(api, json={name: value for name, value in arguments.items() if value is not None})

    async def read(self, api: str, **params: str) -> dict[str, Any]:
        """A method that changes nothing, repeated where that may help."""
        call = functools.partial(self._send, api, http_verb="GET", params=params)
        return await self.repeated(call, patience_s=READ_PATIENCE_S)

    async def repeated(self, call: Callable[[], Awaitable[Result]], *, patience_s: float) -> Result:
        """Make a call that may be repeated, up to three times while no wait is longer than `patience_s`."""
        for tries in itertools.count(1):
            try:
                return await call()
            except (RateLimited, RemoteUnavailable, RemoteTimeout) as error:
                wish = error.retry_after if isinstance(error, RateLimited) else None
                wait_s = wish.total_seconds() if wish else BACKOFF_S * tries
                if tries == TRIES or wait_s > patience_s:
                    raise
            await self._clock.sleep(wait_s)
        raise AssertionError("the last try returns or raises")

    async def respond(self, response_url: str, body: dict[str, Any]) -> None:
        """Post to a response URL, once. One that is not Slack's is RemoteRejected and not called."""
        place = f"POST {response_host(response_url, self.web.base_url)}"
        with translated("response_url", place):
            async with self._session.post(response_url, json=body, allow_redirects=False) as answer:
                answered = said(await answer.text(errors="replace"))
        if answer.status != HTTPStatus.OK or answered.get("error"):
            raise refusal(Answer("response_url", place, answer.status, answer.headers, answered))

    async def upload(self, url: str, content: bytes) -> None:
        """Send a file's bytes to the address that was given for them, once; it needs no token."""
        place = f"POST {urlsplit(url).netloc}"
        with translated("file upload", place):
            async with self._session.post(url, data=content, allow_redirects=False) as answer:
                await answer.read()
        if answer.status != HTTPStatus.OK:
            raise refusal(Answer("file upload", place, answer.status, answer.headers, {}))

    async def _send(self, api: str, **request: Any) -> dict[str, Any]:
        """One try of one method; the answer is a JSON object with `ok`."""
        verb = request.get("http_verb", "POST")
        started = time.perf_counter()
        status = 0
        try:
            with translated(api, f"{verb} {self.web.base_url}{api}"):
                answer = await self.web.api_call(api, **request)
            status = answer.status_code
        except RemoteError as error:
            status = error.status or 0
            raise
        finally:
            self._observe(SERVICE, verb, status, time.perf_counter() - started)
        data = answer.data
        assert isinstance(data, dict)
        return data


def response_host(url: str, base_url: str) -> str:
    """Scheme and host of a response URL that is Slack's; RemoteRejected for any other."""
    try:
        parts = urlsplit(url if url.isascii() and url.isprintable() else "")
    except ValueError:
        parts = urlsplit("")
    own = urlsplit(base_url)
    if (parts.scheme, parts.netloc) not in {("https", RESPONSE_HOST), (own.scheme, own.netloc)}:
        refused = "An answer was to go to an address that is not Slack's, so it was not sent."
        raise RemoteRejected(refused, service=SERVICE, code="invalid_response_url", sent=False)
    return f"{parts.scheme}://{parts.netloc}"
