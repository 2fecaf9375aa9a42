"""The one way a Web API method refuses.

Source: https://docs.slack.dev/apis/web-api/#responses.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class SlackError(Exception):
    """`{"ok": false, "error": code}`, with `response_metadata.messages` where there are any."""

    def __init__(
        self,
        code: str,
        *,
        messages: Iterable[str] = (),
        status: int = 200,
        headers: dict[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.messages = list(messages)
        self.status = status
        self.headers = headers or {}
        self.extra = extra

    def body(self) -> dict[str, Any]:
        """The JSON that the caller reads."""
        body: dict[str, Any] = {"ok": False, "error": self.code, **self.extra}
        if self.messages:
            body["response_metadata"] = {"messages": self.messages}
        return body


def invalid_arguments(*messages: str) -> SlackError:
    """The refusal of arguments that are missing or of the wrong form."""
    return SlackError("invalid_arguments", messages=[f"[ERROR] {message}" for message in messages])
