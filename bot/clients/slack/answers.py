"""What Slack answers, as values and errors of ours.

Sources: Slack, "Using the Web API", "Rate limits", "Handling user interaction".
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.errors import (
    RateLimited,
    RemoteError,
    RemoteRejected,
    RemoteTimeout,
    RemoteUnavailable,
    UnexpectedResponse,
)
from bot.views.blocks import clip

SERVICE = "Slack"
# Slack's own troubles, told with status 200; the call may have taken effect.
TROUBLES = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})


@dataclass(frozen=True)
class Answer:
    """An answer other than success; `body` is empty where it was not JSON."""

    api: str
    place: str
    status: int
    headers: Mapping[str, str]
    body: Mapping[str, Any]


def text_in(answer: Mapping[str, Any], name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not value:
        raise unexpected(name)
    return value


def object_in(answer: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = answer.get(name)
    if not isinstance(value, dict):
        raise unexpected(name)
    return value


def unexpected(name: str) -> UnexpectedResponse:
    return UnexpectedResponse(f"The answer has no {name!r}", service=SERVICE)


def said(text: str) -> dict[str, Any]:
    """What a response URL answered: `ok`, an error's code as bare text, or either as JSON."""
    try:
        body = json.loads(text)
    except ValueError:
        body = {} if text.strip() == "ok" else {"error": clip(" ".join(text.split()), 100)}
    return body if isinstance(body, dict) else {}


@contextlib.contextmanager
def translated(api: str, place: str) -> Iterator[None]:
    """The one place where the errors of slack_sdk and aiohttp become ours.

    The cause is left out where it holds the request, whose headers carry the token.
    """
    method, _, url = place.partition(" ")
    facts: dict[str, Any] = {"service": SERVICE, "method": method, "url": url}
    try:
        yield
    except SlackApiError as error:
        raise refusal(_answer_of(error, api, place)) from None
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise RemoteUnavailable(f"No connection: {error}", sent=False, **facts) from error
    except TimeoutError as error:
        raise RemoteTimeout(f"{api} was not answered in time", **facts) from error
    except (aiohttp.ClientError, OSError) as error:
        broken = f"The connection broke: {type(error).__name__}"
        raise RemoteUnavailable(broken, **facts) from None


def _answer_of(error: SlackApiError, api: str, place: str) -> Answer:
    # The SDK hands over its own response, or aiohttp's where the body was no JSON.
    response: Any = error.response
    status = response.status_code if isinstance(response, AsyncSlackResponse) else response.status
    data = response.data if isinstance(response, AsyncSlackResponse) else None
    return Answer(api, place, int(status), response.headers, data if isinstance(data, dict) else {})


def refusal(answer: Answer) -> RemoteError:
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


def _words(answer: Answer, code: str) -> str:
    """Slack's code with what it says beside it: the scope that is missing, the places of bad blocks."""
    metadata = answer.body.get("response_metadata")
    messages = metadata.get("messages") if isinstance(metadata, dict) else None
    needed = answer.body.get("needed")
    details = [f"needs the scope {needed}"] if needed else []
    details += [str(message) for message in messages] if isinstance(messages, list) else []
    tail = f" ({clip('; '.join(details), 500)})" if details else ""
    return f"{answer.api} was refused: {code or answer.status}{tail}"
