"""Private answers that belong to no feature: errors, help, what is unknown."""

from __future__ import annotations

from bot.errors import BadCommand, BotError, LeaseHeld, NotFound, RemoteError
from bot.views.blocks import Message, clip_mrkdwn, escape, prose


def error(failure: BotError) -> Message:
    """A refusal or a failure as its asker reads it: what, why, what to do next. Never a stack trace."""
    said = escape(str(failure), 800) if isinstance(failure, RemoteError) else _sentence(failure)
    lines = [f"{said} (`{failure.reason}`)"]
    if failure.hint:
        lines.append(prose(failure.hint))
    if isinstance(failure, BadCommand) and failure.usage:
        lines.append(failure.usage)
    return Message(text=clip_mrkdwn("\n".join(lines), 3000))


def _sentence(failure: BotError) -> str:
    # What a person typed, or named a branch, is quoted there and mentions nobody; who holds something is ours.
    return prose(failure.message, mentions=not isinstance(failure, BadCommand | NotFound | LeaseHeld))


def incident(number: str) -> Message:
    """The answer to a defect of ours: nothing of its inside, an id to find it by."""
    return Message(
        text=f"Something went wrong inside Flytower; nothing more was changed. Incident `{number}` is in the log."
    )


def ended_button() -> Message:
    """The answer to a button that this version of Flytower no longer knows."""
    return Message(text="This button is from an older message and does nothing any more. Ask again with the command.")
