"""Instants, durations, places and steps as people read them; instants in UTC, as a team sits in several zones."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.domain.operation import Card, Kind, Operation
from bot.views.blocks import escape, link


def stamp(at: datetime) -> str:
    """`27 Nov 2026 12:00 UTC`."""
    return f"{at.day} {at:%b %Y %H:%M} UTC"


def moment(at: datetime) -> str:
    """An instant in the reader's own time zone, which Slack knows; in UTC where it shows none.

    Source: Slack, "Formatting message text", "Date formatting".
    """
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{stamp(at)}>"


def span(duration: timedelta) -> str:
    """A length of time in its largest unit: `3 days`, `1 hour`, `12 min`, `5 s`."""
    seconds = max(0, int(duration.total_seconds()))
    for size, one, many in ((86_400, "day", "days"), (3600, "hour", "hours"), (60, "min", "min")):
        if seconds >= size:
            return f"{seconds // size} {one if seconds // size == 1 else many}"
    return f"{seconds} s"


def exactly(duration: timedelta) -> str:
    """A length of time in whole minutes: `4 h`, `1 h 30 min`, `2 d 12 h`."""
    hours, minutes = divmod(int(duration.total_seconds()) // 60, 60)
    days, hours = divmod(hours, 24)
    told = [f"{number} {unit}" for number, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if number]
    return " ".join(told) or "0 min"


def average(duration: timedelta) -> str:
    """A length of time that was calculated, in the unit in which people think of it: `1.5 h`, `36.0 h`, `2.4 days`."""
    seconds = duration.total_seconds()
    minutes, hours = seconds / 60, seconds / 3600
    if minutes < 1.5:
        return f"{seconds:.0f} s"
    if hours < 1.5:
        return f"{minutes:.0f} min"
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} days"


def took(seconds: float) -> str:
    """`3 min 20 s`, `10 min`, `48 s`."""
    minutes, rest = divmod(int(seconds), 60)
    told = [f"{minutes} min"] if minutes else []
    return " ".join([*told, f"{rest} s"] if rest or not minutes else told)


def place(card: Card | None, workspace: str) -> str:
    """Where an operation's card is, as the end of a line; empty where it has none, or one in a direct message.

    `workspace` is the address of the workspace, as in `https://reify.slack.com/`.
    Source: Slack, "chat.getPermalink", for what follows it.
    """
    if card is None or not card.channel.startswith(("C", "G")):
        return ""
    url = f"{workspace}archives/{card.channel}/p{card.ts.replace('.', '')}"
    return f" · {link(url, 'card')} in <#{card.channel}>"


def ref_of(operation: Operation) -> str:
    """What an operation brings, as people call it; for a rollback what its plan found, since `previous` changes."""
    asked = operation.request.get("ref", "")
    found = (operation.plan or {}).get("ref") if operation.kind is Kind.ROLLBACK else ""
    return str(found or asked)


def step_words(step: str) -> str:
    """A step of the journal as a word of a sentence."""
    return escape(step.replace("_", " "))
