"""What the page's requests hold: JSON objects of a bounded size, each field of the kind that is expected."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.kit import ControlError, Json

LIMIT = 65_536
T = TypeVar("T", str, bool, int)
KINDS = {str: "a text", bool: "true or false", int: "a whole number"}
Act = Callable[[Json], Awaitable[Json]]


def get(body: Json, key: str, kind: type[T]) -> T:
    """The field; ControlError where it is missing or of another kind."""
    value = body.get(key)
    # Python counts true as a whole number.
    if not isinstance(value, kind) or isinstance(value, bool) is not (kind is bool):
        raise ControlError(f"`{key}` is missing or not {KINDS[kind]}.")
    return value


def maybe(body: Json, key: str, kind: type[T]) -> T | None:
    """The field, or None where it is left out or null."""
    return None if body.get(key) is None else get(body, key, kind)


def endpoint(act: Act) -> Callable[[Request], Awaitable[Response]]:
    """An act as a route: the body goes in as an object, the answer comes out as JSON."""

    async def answer(request: Request) -> Response:
        return JSONResponse(await act(await _body(request)))

    return answer


async def _body(request: Request) -> Json:
    raw, size = b"", 0
    # To its end even where it is too long: whoever still sends would not hear the answer.
    async for part in request.stream():
        size += len(part)
        raw += part if size <= LIMIT else b""
    if size > LIMIT:
        raise ControlError(f"A request holds at most {LIMIT} bytes.")
    body = _parsed(raw)
    if not isinstance(body, dict):
        raise ControlError("The body is not a JSON object.")
    return body


def _parsed(raw: bytes) -> Any:
    """What the JSON says. JSON can spell half a character, which no answer could ever be encoded with."""
    try:
        body = json.loads(raw)
        json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ControlError("The body holds half a character (a lone surrogate).") from None
    except (ValueError, RecursionError):
        raise ControlError("The body is not JSON.") from None
    return body
