"""Fly.io through its APIs, as one organisation's token sees it."""

from bot.clients.fly.client import FlyClient, FlyEndpoints

__all__ = ["FlyClient", "FlyEndpoints"]
