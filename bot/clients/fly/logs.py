"""What an app logged.

Source: Fly docs, "Logs API options": `GET /api/v1/apps/{app}/logs`, pages by a token that is a Unix time in
nanoseconds; kept for about a week, seconds behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.clients.fly import parse
from bot.clients.fly.connection import read
from bot.clients.fly.token import Token
from bot.clients.http import HttpClient, Retry, path
from bot.domain.model import LogLine

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# 2,000 lines are more than anybody reads in a thread.
PAGES = 20


class Logs:
    """The part of the client that reads logs."""

    _uiex: HttpClient
    _token: Token

    async def logs(self, app: str, machine_id: str, *, since: datetime) -> list[LogLine]:
        """What the Machine logged since then, oldest first, 20 pages at most.

        Deploy tokens of one app may not read logs: RemoteRejected (401).
        """
        lines: list[LogLine] = []
        next_token = nanoseconds(since)
        for _ in range(PAGES):
            page, onward = await self._page(app, machine_id, next_token)
            lines += page
            if not page or onward in {"", next_token}:
                break
            next_token = onward
        return sorted((line for line in lines if line.at >= since), key=lambda line: line.at)

    async def _page(self, app: str, machine_id: str, next_token: str) -> tuple[list[LogLine], str]:
        response = await self._uiex.call(
            "GET",
            path("apps", app, "logs"),
            params={"instance": machine_id, "next_token": next_token},
            headers={"Authorization": self._token.scheme_header},
            retry=Retry.SAFE,
        )
        return read(response, read_page)


def read_page(body: Mapping[str, Any]) -> tuple[list[LogLine], str]:
    """The lines of a page and the token of the next; empty where there is none."""
    lines = [parse.log_line(entry) for entry in body["data"]]
    return [line for line in lines if line is not None], str((body.get("meta") or {}).get("next_token") or "")


def nanoseconds(instant: datetime) -> str:
    """A Unix time in nanoseconds; through integers, since a float loses the last digits."""
    return str((instant - EPOCH) // timedelta(microseconds=1) * 1000)
