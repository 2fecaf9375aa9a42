"""Secrets of an app, never their values.

Source: Fly docs, "Secrets resource" of the Machines API. Values come only with `show_secrets`, which is never sent.
"""

from __future__ import annotations

from bot.clients.fly import parse
from bot.clients.fly.connection import Flaps, read
from bot.clients.http import Retry, path
from bot.domain.model import Secret


class Secrets:
    """The part of the client that speaks of secrets."""

    _flaps: Flaps

    async def secrets(self, app: str) -> list[Secret]:
        """The app's secrets without their values, by name."""
        response = await self._flaps.call("secrets", app, "GET", path("apps", app, "secrets"), retry=Retry.SAFE)
        found = read(response, lambda body: [parse.secret(each) for each in body["secrets"]])
        return sorted(found, key=lambda secret: secret.name)
