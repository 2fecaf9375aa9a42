"""Volumes of an app.

Source: Fly docs, "Volumes resource" of the Machines API.
"""

from __future__ import annotations

from bot.clients.fly import parse
from bot.clients.fly.connection import Flaps, read
from bot.clients.fly.machines import WRITE_TIMEOUT_S
from bot.clients.http import Retry, path
from bot.domain.model import Volume

# A volume in one of these is on its way out.
GOING = frozenset({"pending_destroy", "scheduling_destroy", "destroying", "destroyed"})


class Volumes:
    """The part of the client that speaks of volumes."""

    _flaps: Flaps

    async def volumes(self, app: str) -> list[Volume]:
        """The app's volumes that are not being destroyed, by id."""
        response = await self._flaps.call("volumes", app, "GET", path("apps", app, "volumes"), retry=Retry.SAFE)
        found = read(response, lambda body: [parse.volume(each) for each in body])
        return sorted((volume for volume in found if volume.state not in GOING), key=lambda volume: volume.id)

    async def create_volume(self, app: str, *, name: str, region: str, size_gb: int) -> Volume:
        """Create an empty volume, encrypted. Never repeated once it may have been worked."""
        body = {"name": name, "region": region, "size_gb": size_gb, "encrypted": True}
        response = await self._flaps.call(
            "create_volume",
            app,
            "POST",
            path("apps", app, "volumes"),
            json=body,
            timeout_s=WRITE_TIMEOUT_S,
            retry=Retry.UNSENT,
        )
        return read(response, parse.volume)
