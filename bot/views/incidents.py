"""What is said of an incident: in every channel, to who asks, and the form of a review. Pure functions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from bot.domain.incident import Incident, Passage, Review
from bot.domain.model import Actor
from bot.domain.operation import Operation
from bot.views.blocks import Block, Message, View, actions, button, clip_mrkdwn, code, context, escape, section
from bot.views.deployments import STATE_WORDS
from bot.views.modals import field, text_input
from bot.views.words import moment, place, ref_of, span

REVIEWED = "incident_reviewed"
# The form's name, and its input.
REVIEW, NOTE = "incident_review", "note"
NOTE_LIMIT = 300
PASSAGES_SHOWN = 10
# What all of them together may say, notes of reviewers included, so that Slack takes the message.
PASSAGES_LIMIT = 7000
FIRE = "🔥"


def line(incident: Incident) -> str:
    """The incident that goes on, in one line."""
    since = f"since {moment(incident.started_at)}, declared by {incident.by.mention}"
    return f"{FIRE} *Incident {incident.id}* {since}: “{_why(incident)}”"


def started(incident: Incident) -> Message:
    """What every channel hears when an incident is declared."""
    head = f"{FIRE} *INCIDENT {incident.id}* declared by {incident.by.mention}: “{_why(incident)}”"
    rules = "From now on rollbacks need no approval, and deployments need one wherever there is a rollback."
    small = "Each rollback that passes without one is listed for review afterwards. `/deploy incident end` ends it."
    return Message(text=f"{head}\n{rules} {small}", blocks=[section(f"{head}\n{rules}"), context(small)])


def ended(incident: Incident, passed: Sequence[Passage], workspace: str) -> Message:
    """What every channel hears when it is over, with a button for each review that is missing."""
    lasted = f" after {span(incident.ended_at - incident.started_at)}" if incident.ended_at else ""
    by = Actor(incident.ended_by).mention
    head = f"✅ *Incident {incident.id} is over*{lasted}, ended by {by}: “{_why(incident)}”"
    summary = _summary(passed)
    blocks = [section(f"{head}\n{summary}"), *_listed(passed, workspace)]
    told = "\n".join([head, summary, *_lines(passed, workspace)])
    return Message(text=clip_mrkdwn(told, 3500), blocks=blocks)


def standing(
    incident: Incident | None, passed: Sequence[Passage], unreviewed: Sequence[Passage], workspace: str
) -> Message:
    """The answer to `/deploy incident`: what goes on, and what of this one and earlier ones waits for a review."""
    lines = ["There is no incident."] if incident is None else [line(incident), _summary(passed)]
    if unreviewed:
        lines.append("*Waiting for a review*, of all incidents:")
    blocks = [section("\n".join(lines)), *_listed(unreviewed, workspace)]
    return Message(text=clip_mrkdwn("\n".join([*lines, *_lines(unreviewed, workspace)]), 3500), blocks=blocks)


def declared(incident: Incident, *, is_new: bool) -> Message:
    """The private answer to who declared it."""
    if not is_new:
        return Message(text=f"You have declared it already: {line(incident)}")
    return Message(
        text=f"Incident {incident.id} goes on, and every channel of an environment hears of it. "
        "`/deploy incident end` when it is over."
    )


def closed(incident: Incident, passed: Sequence[Passage]) -> Message:
    """The private answer to who ended it."""
    return Message(text=f"Incident {incident.id} is over. {_summary(passed)}")


def recorded(passage: Passage) -> Message:
    """The private answer to who reviewed."""
    return Message(text=f"Your review of {_named(passage.operation)} is recorded.")


def review_form(passage: Passage, *, channel: str, workspace: str) -> View:
    """The form of a review; `channel` is where it was asked for."""
    note = field(
        NOTE, "Note", text_input(NOTE, limit=NOTE_LIMIT), hint="What came out of it, if anything.", optional=True
    )
    facts = json.dumps({"operation": passage.operation.id, "channel": channel})
    return View(
        REVIEW, "Review a rollback", [section(_line(passage, workspace)), note], submit="Reviewed", metadata=facts
    )


def _listed(passed: Sequence[Passage], workspace: str) -> Iterator[Block]:
    for passage in passed[:PASSAGES_SHOWN]:
        yield section(clip_mrkdwn(_line(passage, workspace), PASSAGES_LIMIT // min(len(passed), PASSAGES_SHOWN)))
        if passage.review is None:
            label = f"Reviewed: rollback of {passage.operation.environment}"
            yield actions(button("Reviewed", action=REVIEWED, value=passage.operation.id, label=label))
    if len(passed) > PASSAGES_SHOWN:
        yield context(_more(passed))


def _lines(passed: Sequence[Passage], workspace: str) -> Iterator[str]:
    for passage in passed[:PASSAGES_SHOWN]:
        yield _line(passage, workspace)
    if len(passed) > PASSAGES_SHOWN:
        yield _more(passed)


def _more(passed: Sequence[Passage]) -> str:
    more = len(passed) - PASSAGES_SHOWN
    return f"… and {more} more: `/deploy incident` shows them once those above are reviewed."


def _line(passage: Passage, workspace: str) -> str:
    operation = passage.operation
    when = f", {moment(operation.started_at)}" if operation.started_at else ""
    standing = f"{STATE_WORDS[operation.state]}{place(operation.card, workspace)}"
    return f"↩ {_named(operation)} by {operation.actor.mention}{when} · {standing}\n{_verdict(passage.review)}"


def _verdict(review: Review | None) -> str:
    if review is None:
        return "      not reviewed yet"
    note = f": “{escape(review.note, NOTE_LIMIT)}”" if review.note else ""
    return f"      ✔ reviewed by {Actor(review.by).mention}, {moment(review.at)}{note}"


def _named(operation: Operation) -> str:
    where = f"*{escape(operation.pipeline)}/{escape(operation.environment)}*"
    return f"{where} back to {code(ref_of(operation), 60)}"


def _summary(passed: Sequence[Passage]) -> str:
    if not passed:
        return "Nothing passed without an approval."
    missing = sum(passage.review is None for passage in passed)
    if not missing:
        return f"{_rollbacks(len(passed))} without an approval, and all were reviewed."
    return (
        f"{_rollbacks(len(passed))} without an approval, {missing} not reviewed yet. Whoever neither asked for one nor "
        "started it may review it."
    )


def _rollbacks(count: int) -> str:
    return f"{count} rollback{'' if count == 1 else 's'} passed"


def _why(incident: Incident) -> str:
    return escape(incident.why, 300)
