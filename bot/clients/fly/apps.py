"""Apps of an organisation, and what Fly says of our token.

Source: Fly docs, "Apps resource" and "Tokens resource" of the Machines API.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from bot.clients.fly.connection import Flaps, read
from bot.clients.http import Retry, path
from bot.errors import NotFound


@dataclass(frozen=True)
class App:
    """A Fly App; `status` is an open word (`pending`, `deployed`, `suspended`, …), `role` is empty for most."""

    name: str
    organisation: str
    status: str
    role: str = ""
    machine_count: int = 0


@dataclass(frozen=True)
class TokenInfo:
    """What one part of our token is good for; `apps` is empty where it is for the whole organisation."""

    organisation: str
    apps: tuple[str, ...] = ()
    user: str = ""


class Apps:
    """The part of the client that speaks of apps and tokens."""

    _flaps: Flaps

    async def apps(self, org_slug: str) -> list[App]:
        """All apps of the organisation, builders and databases included; Fly sends them in one page."""
        response = await self._flaps.call(
            "apps", org_slug, "GET", path("apps"), params={"org_slug": org_slug}, retry=Retry.SAFE
        )
        return read(response, lambda body: [read_app(each) for each in body["apps"]])

    async def app(self, name: str) -> App:
        """One app; NotFound when the name is free, RemoteRejected (403) when another organisation has it."""
        response = await self._flaps.call(
            "app", name, "GET", path("apps", name), retry=Retry.SAFE, expect={HTTPStatus.NOT_FOUND}
        )
        if response.status == HTTPStatus.NOT_FOUND:
            raise NotFound(f"There is no app {name}.")
        return read(response, read_app)

    async def token_info(self) -> list[TokenInfo]:
        """What the token is good for, one entry for each of its parts; RemoteRejected (401) when for nothing."""
        url = path("tokens", "current")
        response = await self._flaps.call("token", "current", "GET", url, retry=Retry.SAFE)
        return read(response, lambda body: [read_token(each) for each in body["tokens"]])


def read_app(body: Mapping[str, Any]) -> App:
    return App(
        name=body["name"],
        organisation=(body.get("organization") or {}).get("slug") or "",
        status=body.get("status") or "",
        role=body.get("app_role") or "",
        machine_count=body.get("machine_count") or 0,
    )


def read_token(body: Mapping[str, Any]) -> TokenInfo:
    return TokenInfo(body.get("org_slug") or "", tuple(body.get("apps") or ()), body.get("user") or "")
