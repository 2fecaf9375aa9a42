"""Slack's Web API as the bot uses it: one session, one place where errors are translated, one budget of calls.

Built on slack_sdk's asynchronous client, which is aiohttp; Bolt stays outside. Posts are never repeated, since
Slack may have posted a message although the connection broke; updates and reads are.
Sources: Slack, "Using the Web API", "Rate limits", the pages of the methods, "Handling user interaction".
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import json
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.clients.http import Observe
from bot.clients.memory import Memory
from bot.clients.pacing import Pacer
from bot.domain.model import Member
from bot.domain.operation import Card
from bot.errors import (
    RateLimited,
    RemoteError,
    RemoteRejected,
    RemoteTimeout,
    RemoteUnavailable,
    UnexpectedResponse,
)
from bot.ports import Clock
from bot.views.blocks import Message, clip

SERVICE = "Slack"
API_URL = "https://slack.com/api/"
RESPONSE_HOST = "hooks.slack.com"
TIMEOUT_S = 10.0
CONNECT_S = 5.0
# Who may approve is read from here: long enough to spare the limits, short enough for a removal to count.
MEMORY = timedelta(seconds=90)
TRIES = 3
BACKOFF_S = 0.5
# A person waits for a read, a card for an update; the window of chat.update is a minute.
READ_PATIENCE_S = 2.0
UPDATE_PATIENCE_S = 65.0
# chat.postMessage: about one a second for each channel, bursts tolerated.
POSTS = 3
POSTS_PERIOD = timedelta(seconds=3)
# chat.update: tier 3, 50 a minute for the whole workspace; final states never wait for progress.
UPDATES = 45
UPDATES_PERIOD = timedelta(minutes=1)
UPDATES_RESERVE = 10
NOT_THERE = frozenset({"not_in_channel", "channel_not_found", "user_not_in_channel"})
# Slack's own troubles, told with status 200; the call may have taken effect.
TROUBLES = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})

Result = TypeVar("Result")


@dataclass(frozen=True)
class Identity:
    """Who the bot's token belongs to: workspace, bot user, bot."""

    team_id: str
    user_id: str
    bot_id: str


class SlackClient:
    """Implements the Chat port with a bot token. Make it inside the running event loop, and close it.

    Every method raises RemoteError: RateLimited, RemoteRejected with Slack's error as `code`, RemoteUnavailable
    (`sent` tells whether Slack may have acted), RemoteTimeout, UnexpectedResponse.
    """

    def __init__(
        self,
        token: str,
        *,
        clock: Clock,
        base_url: str = API_URL,
        timeout_s: float = TIMEOUT_S,
        observe: Observe | None = None,
    ) -> None:
        self._clock = clock
        self._observe = observe or (lambda *_: None)
        timeout = aiohttp.ClientTimeout(total=timeout_s, connect=min(CONNECT_S, timeout_s))
        self._session = aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
        # At its default level the SDK formats a log line for each request, with the whole of what people wrote.
        logger = logging.getLogger("bot.clients.slack.sdk")
        logger.setLevel(logging.INFO)
        self.web = AsyncWebClient(token, base_url, session=self._session, retry_handlers=[], logger=logger)
        # The SDK takes a proxy from the environment by itself, which would see the token unasked.
        self.web.proxy = None
        self._posts: dict[str, Pacer] = {}
        self._updates = Pacer(clock, limit=UPDATES, period=UPDATES_PERIOD, reserve=UPDATES_RESERVE)
        self._numbers = itertools.count()
        self._newest: dict[Card, int] = {}
        self._locks: WeakValueDictionary[Card, asyncio.Lock] = WeakValueDictionary()
        self._members = Memory(clock, load=self._read_member, good_until=lambda _, asked_at: asked_at + MEMORY)
        self._groups = Memory(clock, load=self._read_group, good_until=lambda _, asked_at: asked_at + MEMORY)

    def __repr__(self) -> str:
        return f"SlackClient({self.web.base_url!r})"

    async def aclose(self) -> None:
        """Close all connections."""
        await self._members.aclose()
        await self._groups.aclose()
        await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def post(self, channel: str, message: Message, *, thread_ts: str = "") -> Card:
        """Post a message to a channel, or by a user's id to a person. Never repeated; waits its turn."""
        pacer = self._posts.setdefault(channel, Pacer(self._clock, limit=POSTS, period=POSTS_PERIOD))
        await pacer.turn()
        try:
            answer = await self._call(
                "chat.postMessage", channel=channel, thread_ts=thread_ts or None, **_body(message)
            )
        except RateLimited as error:
            pacer.hold(error.retry_after or POSTS_PERIOD)
            raise
        return Card(_text(answer, "channel"), _text(answer, "ts"))

    async def update(self, card: Card, message: Message, *, urgent: bool = False) -> None:
        """Replace a message of ours, text and blocks, or leave that to a newer update of the same card.

        `urgent` is for final states: they go before progress, and part of the budget is theirs. Where the message
        is gone or may no longer be edited, RemoteRejected has the code `message_not_found` or
        `edit_window_closed`.
        """
        number = self._newest[card] = next(self._numbers)

        def superseded() -> bool:
            return self._newest.get(card) != number

        try:
            await self._repeated(
                lambda: self._update(card, message, superseded, urgent=urgent), patience_s=UPDATE_PATIENCE_S
            )
        finally:
            if not superseded():
                del self._newest[card]

    async def ephemeral(self, channel: str, user_id: str, message: Message) -> None:
        """Show a message to one person in a channel; as a direct message where either is not in the channel.

        Slack does not keep such messages: never the only record of anything.
        """
        try:
            await self._call("chat.postEphemeral", channel=channel, user=user_id, **_body(message))
        except RemoteRejected as error:
            if error.code not in NOT_THERE:
                raise
            await self.post(user_id, message)

    async def respond(self, response_url: str, message: Message) -> None:
        """Answer through an interaction's response URL, to the person alone unless `in_channel`.

        Five uses within 30 minutes; never repeated. A URL that is not Slack's is RemoteRejected and not called.
        """
        place = f"POST {self._response_host(response_url)}"
        kind = "in_channel" if message.in_channel else "ephemeral"
        body = {"response_type": kind, "replace_original": False, **_body(message)}
        with _translated("response_url", place):
            async with self._session.post(response_url, json=body, allow_redirects=False) as answer:
                said = _said(await answer.text(errors="replace"))
        if answer.status != HTTPStatus.OK or said.get("error"):
            raise _refusal(_Answer("response_url", place, answer.status, answer.headers, said))

    async def member(self, user_id: str) -> Member:
        """What Slack says of a person, kept for 90 s; RemoteRejected with `user_not_found` for nobody."""
        return await self._members.get(user_id)

    async def group_members(self, group_id: str) -> frozenset[str]:
        """The user ids in a user group, kept for 90 s; deactivated people may be among them.

        RemoteRejected with `no_such_subteam` where the group does not exist or is disabled.
        """
        return await self._groups.get(group_id)

    async def auth_test(self) -> Identity:
        """Who the token belongs to."""
        answer = await self._read("auth.test")
        return Identity(_text(answer, "team_id"), _text(answer, "user_id"), _text(answer, "bot_id"))

    async def _update(self, card: Card, message: Message, superseded: Callable[[], bool], *, urgent: bool) -> None:
        if not await self._updates.turn(urgent=urgent, unless=superseded):
            return
        # Two edits of one message under way at once could arrive in the wrong order.
        async with self._locks.setdefault(card, asyncio.Lock()):
            if superseded():
                return
            try:
                await self._call("chat.update", channel=card.channel, ts=card.ts, **_body(message))
            except RateLimited as error:
                self._updates.hold(error.retry_after or UPDATES_PERIOD)
                raise

    async def _read_member(self, user_id: str) -> Member:
        answer = await self._read("users.info", user=user_id)
        return member_of(_object(answer, "user"))

    async def _read_group(self, group_id: str) -> frozenset[str]:
        answer = await self._read("usergroups.users.list", usergroup=group_id)
        users = answer.get("users")
        if not isinstance(users, list):
            raise _unexpected("users")
        return frozenset(str(user) for user in users)

    async def _read(self, api: str, **params: str) -> dict[str, Any]:
        call = functools.partial(self._send, api, http_verb="GET", params=params)
        return await self._repeated(call, patience_s=READ_PATIENCE_S)

    async def _call(self, api: str, **arguments: Any) -> dict[str, Any]:
        return await self._send(api, json={name: value for name, value in arguments.items() if value is not None})

    async def _send(self, api: str, **request: Any) -> dict[str, Any]:
        """One try of one method; the answer is a JSON object with `ok`."""
        verb = request.get("http_verb", "POST")
        started = time.perf_counter()
        status = 0
        try:
            with _translated(api, f"{verb} {self.web.base_url}{api}"):
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

    async def _repeated(self, call: Callable[[], Awaitable[Result]], *, patience_s: float) -> Result:
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

    def _response_host(self, url: str) -> str:
        """Scheme and host of a response URL that is Slack's."""
        try:
            parts = urlsplit(url if url.isascii() and url.isprintable() else "")
        except ValueError:
            parts = urlsplit("")
        own = urlsplit(self.web.base_url)
        if (parts.scheme, parts.netloc) not in {("https", RESPONSE_HOST), (own.scheme, own.netloc)}:
            refused = "An answer was to go to an address that is not Slack's, so it was not sent."
            raise RemoteRejected(refused, service=SERVICE, code="invalid_response_url", sent=False)
        return f"{parts.scheme}://{parts.netloc}"


def member_of(user: Mapping[str, Any]) -> Member:
    """A person as the user object tells them; `is_stranger` comes only for people who share no channel.

    Source: Slack, "User object".
    """
    profile = user.get("profile") or {}
    return Member(
        user_id=str(user.get("id") or ""),
        team_id=str(user.get("team_id") or ""),
        name=str(profile.get("display_name") or user.get("real_name") or user.get("name") or ""),
        is_guest=bool(user.get("is_restricted") or user.get("is_ultra_restricted")),
        is_deleted=bool(user.get("deleted")),
        is_bot=bool(user.get("is_bot")),
        is_stranger=bool(user.get("is_stranger")),
    )


def _body(message: Message) -> dict[str, Any]:
    """Text and blocks always together, since a text alone removes the blocks; nothing unfolds below a link."""
    return {"text": message.text, "blocks": message.blocks, "unfurl_links": False, "unfurl_media": False}


def _text(answer: Mapping[str, Any], name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not value:
        raise _unexpected(name)
    return value


def _object(answer: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = answer.get(name)
    if not isinstance(value, dict):
        raise _unexpected(name)
    return value


def _unexpected(name: str) -> UnexpectedResponse:
    return UnexpectedResponse(f"The answer has no {name!r}", service=SERVICE)


def _said(text: str) -> dict[str, Any]:
    """What a response URL answered: `ok`, an error's code as bare text, or either as JSON."""
    try:
        body = json.loads(text)
    except ValueError:
        body = {} if text.strip() == "ok" else {"error": clip(" ".join(text.split()), 100)}
    return body if isinstance(body, dict) else {}


@dataclass(frozen=True)
class _Answer:
    """An answer other than success; `body` is empty where it was not JSON."""

    api: str
    place: str
    status: int
    headers: Mapping[str, str]
    body: Mapping[str, Any]


@contextlib.contextmanager
def _translated(api: str, place: str) -> Iterator[None]:
    """The one place where the errors of slack_sdk and aiohttp become ours.

    The cause is left out where it holds the request, whose headers carry the token.
    """
    method, _, url = place.partition(" ")
    facts: dict[str, Any] = {"service": SERVICE, "method": method, "url": url}
    try:
        yield
    except SlackApiError as error:
        raise _refusal(_answer_of(error, api, place)) from None
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise RemoteUnavailable(f"No connection: {error}", sent=False, **facts) from error
    except TimeoutError as error:
        raise RemoteTimeout(f"{api} was not answered in time", **facts) from error
    except (aiohttp.ClientError, OSError) as error:
        broken = f"The connection broke: {type(error).__name__}"
        raise RemoteUnavailable(broken, **facts) from None


def _answer_of(error: SlackApiError, api: str, place: str) -> _Answer:
    # The SDK hands over its own response, or aiohttp's where the body was no JSON.
    response: Any = error.response
    status = response.status_code if isinstance(response, AsyncSlackResponse) else response.status
    data = response.data if isinstance(response, AsyncSlackResponse) else None
    return _Answer(api, place, int(status), response.headers, data if isinstance(data, dict) else {})


def _refusal(answer: _Answer) -> RemoteError:
    """The error that an answer means. Slack refuses with status 200 and a code in the body."""
    method, _, url = answer.place.partition(" ")
    code = str(answer.body.get("error") or "")
    request_id = answer.headers.get("x-slack-req-id", "")
    facts: dict[str, Any] = {"service": SERVICE, "method": method, "url": url, "request_id": request_id}
    facts["status"] = answer.status
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS or code in {"ratelimited", "rate_limited"}:
        wish = answer.headers.get("Retry-After", "")
        retry_after = timedelta(seconds=int(wish)) if wish.isdecimal() else None
        return RateLimited(f"{answer.api} was called too often", retry_after=retry_after, **facts)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or code in TROUBLES:
        return RemoteUnavailable(f"{answer.api} failed: {code or answer.status}", **facts)
    if not code and answer.status < HTTPStatus.BAD_REQUEST:
        return UnexpectedResponse(f"The answer to {answer.api} is not Slack's", **facts)
    return RemoteRejected(_words(answer, code), code=code, **facts)


def _words(answer: _Answer, code: str) -> str:
    """Slack's code with what it says beside it: the scope that is missing, the places of bad blocks."""
    metadata = answer.body.get("response_metadata")
    messages = metadata.get("messages") if isinstance(metadata, dict) else None
    needed = answer.body.get("needed")
    details = [f"needs the scope {needed}"] if needed else []
    details += [str(message) for message in messages] if isinstance(messages, list) else []
    tail = f" ({clip('; '.join(details), 500)})" if details else ""
    return f"{answer.api} was refused: {code or answer.status}{tail}"
