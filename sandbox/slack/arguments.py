"""Arguments of a Web API call, from a query string, a form or JSON.

Source: https://docs.slack.dev/apis/web-api/#basics.
"""

from __future__ import annotations

import json
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request

from sandbox.kit import Json
from sandbox.slack.errors import SlackError, invalid_arguments

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class Arguments:
    """The arguments of one call, each read as the type that the method wants."""

    def __init__(self, values: Json) -> None:
        self.values = values

    def __contains__(self, name: str) -> bool:
        return self.values.get(name) is not None

    def text(self, name: str) -> str | None:
        """The argument as text; None where it is missing or empty."""
        value = self.values.get(name)
        return None if value is None or value == "" else str(value)

    def required(self, name: str) -> str:
        """The argument as text, which must be there."""
        value = self.text(name)
        if value is None:
            raise invalid_arguments(f"missing required field: {name}")
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """The argument as truth; forms say `true` or `1`."""
        value = self.values.get(name)
        return default if value is None else str(value).lower() in {"true", "1"}

    def integer(self, name: str, default: int, *, least: int = 0, most: int = 1_000) -> int:
        """The argument as a number between `least` and `most`."""
        try:
            number = int(self.values.get(name, default))
        except (TypeError, ValueError):
            number = least - 1
        if not least <= number <= most:
            raise invalid_arguments(f"invalid value [json-pointer:/{name}]")
        return number

    def words(self, name: str) -> list[str]:
        """The argument as a list: JSON array or comma-separated text."""
        value = self.values.get(name)
        if isinstance(value, list):
            return [str(item) for item in value]
        return [word.strip() for word in str(value or "").split(",") if word.strip()]

    def parsed(self, name: str, error: str) -> Any:
        """The argument as JSON, whether it came as JSON or as text in a form; SlackError(`error`) otherwise."""
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        if not value.strip():
            return None
        return read_json(value, error)


async def read_arguments(request: Request) -> tuple[Arguments, str | None]:
    """The arguments and the token of a call. A token in a JSON body does not count, as with Slack."""
    values: Json = dict(request.query_params)
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    if request.method == "POST" and content_type == "application/json":
        values |= read_json_object(body or b"{}")
        token = request.query_params.get("token")
    elif content_type in FORMS:
        async with request.form() as form:
            values |= {key: value for key, value in form.items() if not isinstance(value, UploadFile)}
        token = values.get("token")
    elif request.method == "POST" and body:
        raise SlackError("invalid_post_type" if content_type else "missing_post_type")
    else:
        token = values.get("token")
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        token = bearer.strip()
    return Arguments(values), token


def read_json(text: str | bytes, error: str) -> Any:
    """What the JSON says; SlackError(`error`) where it is none, or spells half a character, which nobody could read."""
    try:
        value = json.loads(text)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise SlackError(error) from None
    return value


def read_json_object(body: bytes) -> Json:
    """The object in a body; SlackError where it is no JSON, or something else."""
    values = read_json(body, "invalid_json")
    if not isinstance(values, dict):
        raise SlackError("json_not_object")
    return values
