"""Private answers that belong to no feature: errors, help, what is unknown."""

from __future__ import annotations

from bot.errors import BadCommand, BotError, LeaseHeld, Locked, NotAllowed, NotFound, Reason, RemoteError
from bot.views.blocks import Message, clip_mrkdwn, escape, prose, section
from bot.views.locks import ways_out


def error(failure: BotError) -> Message:
    """A refusal or a failure as its asker reads it: what, why, what to do next. Never a stack trace."""
    said = escape(str(failure), 800) if isinstance(failure, RemoteError) else _sentence(failure)
    lines = [f"{said} (`{failure.reason}`)"]
    if failure.hint:
        # Who could lift a rule may be a group.
        lines.append(prose(failure.hint, groups=isinstance(failure, NotAllowed)))
    if isinstance(failure, BadCommand) and failure.usage:
        lines.append(failure.usage)
    text = clip_mrkdwn("\n".join(lines), 3000)
    # A lock that cannot be read has no holder whom anybody could ask.
    if isinstance(failure, Locked) and failure.reason is not Reason.LOCK_UNKNOWN:
        return Message(text, [section(text), *ways_out(str(failure.lock_id))])
    return Message(text)


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
