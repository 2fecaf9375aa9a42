"""Instants, durations, places and steps as people read them; instants in UTC, as a team sits in several zones."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.domain.operation import Card
from bot.views.blocks import escape


def stamp(at: datetime) -> str:
    """`27 Nov 2026 12:00 UTC`."""
    return f"{at.day} {at:%b %Y %H:%M} UTC"


def span(duration: timedelta) -> str:
    """A length of time in its largest unit: `3 days`, `1 hour`, `12 min`, `5 s`."""
    seconds = max(0, int(duration.total_seconds()))
    for size, one, many in ((86_400, "day", "days"), (3600, "hour", "hours"), (60, "min", "min")):
        if seconds >= size:
            return f"{seconds // size} {one if seconds // size == 1 else many}"
    return f"{seconds} s"


def took(seconds: float) -> str:
    """`3 min 20 s`, `48 s`."""
    whole = int(seconds)
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{whole} s"


def place(card: Card | None) -> str:
    """Where an operation's card is, as the end of a line; empty where it has none, or one in a direct message."""
    return f" · card in <#{card.channel}>" if card and card.channel.startswith(("C", "G")) else ""


def step_words(step: str) -> str:
    """A step of the journal as a word of a sentence."""
    return escape(step.replace("_", " "))
