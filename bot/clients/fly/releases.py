"""Fly's books: the releases of an app.

Source: superfly/flyctl, `internal/uiex`; Fly documents this API nowhere and promises nothing. It is apart from the
Machines API so that the one can fail or change without the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.clients.fly import parse
from bot.clients.fly.connection import read
from bot.clients.http import HttpClient, Retry, path
from bot.domain.model import Image, Release


class Releases:
    """The part of the client that speaks of releases."""

    _uiex: HttpClient

    async def releases(self, app: str, *, limit: int = 25) -> list[Release]:
        """The newest releases, newest first."""
        url = path("apps", app, "releases")
        response = await self._uiex.call("GET", url, params={"limit": limit}, retry=Retry.SAFE)
        listed = read(response, lambda body: [parse.release(each) for each in body["releases"]])
        return sorted(listed, key=lambda release: release.version, reverse=True)

    async def create_release(self, app: str, *, image: Image, definition: Mapping[str, Any], strategy: str) -> Release:
        """Write a release into Fly's books. Never repeated once it may have been worked."""
        body = {
            "app_name": app,
            # Zero says that no build of Fly's own belongs to it, as with `fly deploy --image`.
            "build_id": 0,
            "definition": dict(definition),
            "image": image.reference,
            "strategy": strategy.upper(),
        }
        response = await self._uiex.call("POST", path("releases"), json=body, retry=Retry.UNSENT)
        return read(response, lambda answer: parse.release(answer["release"]))

    async def set_release_status(self, release_id: str, status: str, *, error: str = "") -> None:
        """Set a release to `running`, `complete`, `failed` or `interrupted`."""
        metadata = {"post_deployment_info": {"error": error}} if error else None
        url = path("releases", release_id)
        await self._uiex.call("PATCH", url, json={"status": status, "metadata": metadata}, retry=Retry.SAFE)
