"""What is said of the end of a scaling for some hours: one reply below its card."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from bot.domain.operation import Operation
from bot.domain.scale import ScalePlan
from bot.domain.time_box import BoxState, TimeBox
from bot.views.blocks import Block, Message, actions, button, clip_mrkdwn, code, escape, prose, section
from bot.views.machines import DONE
from bot.views.words import moment, stamp

KEEP, NOW = "time_box_keep", "time_box_now"
TEXT_LIMIT = 2500


def notice(operation: Operation, plan: ScalePlan, box: TimeBox, now: datetime) -> Message:
    """The reply, as the time box stands now."""
    head = f"*{escape(plan.environment)}*, {code(plan.ref, 120)}"
    lines = clip_mrkdwn("\n".join(_lines(head, operation, plan, box, now)), TEXT_LIMIT)
    blocks = [section(lines)]
    if box.state is BoxState.OPEN:
        blocks.append(actions(*_buttons(operation, plan, box)))
    return Message(text=lines, blocks=blocks)


def until(operation: Operation, lasts_s: float) -> str:
    """The line of a card that says when a scaling ends; empty for one without an end."""
    if not lasts_s or operation.finished_at is None:
        return ""
    end = datetime.fromtimestamp(operation.finished_at.timestamp() + lasts_s, operation.finished_at.tzinfo)
    return f"⏱ Until {stamp(end)}; 15 minutes before that it says below what goes back."


def _lines(head: str, operation: Operation, plan: ScalePlan, box: TimeBox, now: datetime) -> Iterator[str]:
    back = code(box.ref, 120)
    if box.state is BoxState.OPEN:
        when = f"ends {moment(box.due_at)}" if now < box.due_at else "is over"
        yield f"⏱ {operation.actor.mention} {head} {when}; then it goes back: {back}, after asking again."
        if box.note:
            yield f"It waits: {prose(box.note, mentions=False)}"
        if plan.approval is not None:
            yield f"To keep it is for {plan.approval.mentions}."
    elif box.state is BoxState.KEPT:
        yield f"{DONE} {head} stays: {box.by.mention if box.by else 'somebody'} kept it."
    elif box.state is BoxState.ASKED:
        yield f"↩ {head} is over: {back} was asked for; its card says how that goes."
        if box.note:
            yield prose(box.note, mentions=False)
    else:
        yield f"⏹ {head}: nothing goes back. {prose(box.note, mentions=False)}"


def _buttons(operation: Operation, plan: ScalePlan, box: TimeBox) -> Iterator[Block]:
    where = f"Keep {plan.environment} as it is"
    yield button("Keep", action=KEEP, value=operation.id, style="primary", label=where)
    # Pressed already, it waits for something else.
    if box.by is None:
        yield button("Now", action=NOW, value=operation.id, label=f"Let {plan.environment} go back now")
