"""What is held after a rollback, and the ways out. Pure functions."""

from __future__ import annotations

import json
from collections.abc import Sequence

from bot.domain.hold import Hold
from bot.domain.model import Actor, Commit
from bot.domain.operation import Operation
from bot.domain.rollout import Step
from bot.views.blocks import Block, Message, View, actions, button, clip_mrkdwn, code, escape, link, prose, section
from bot.views.modals import field, text_input
from bot.views.words import stamp

LIFT = "hold_lift"
# The modal that asks for the reason, and the block id of its input.
FORM, REASON = "hold_lift_form", "why"
REASON_LIMIT = 300

HAND = "✋"
# A list of so many fits a message; who has more has another problem.
LISTED_MOST = 10
REF_LIMIT, WHY_LIMIT, FIXES_SHOWN = 80, 150, 5


def ways_out(hold_id: str) -> list[Block]:
    """The button below a refusal, for whoever knows that what is held may ship; `hold_id` is the blocker's subject."""
    return [actions(button("Lift the hold…", action=LIFT, value=hold_id, label="Lift the hold, with a reason"))]


def line(hold: Hold) -> str:
    """A hold in a line: what, since when, who, why, and what was declared to mend it."""
    why = f": {escape(hold.why, WHY_LIMIT)}" if hold.why else ""
    fixes = ", ".join(code(fix[:7]) for fix in hold.fixes[-FIXES_SHOWN:])
    declared = f" · declared fixes: {fixes}" if fixes else ""
    return f"{HAND} {_ref(hold)} is held since {stamp(hold.at)}, {hold.by.mention} rolled it back{why}{declared}"


def rollback_line(operation: Operation) -> str:
    """What a rollback holds, or why nothing, for its card; empty before it has come to that."""
    row = operation.row(Step.HOLD)
    if row is None:
        return ""
    if warning := row.detail.get("warning"):
        return f"⚠ {prose(warning)}"
    held, way = code(row.detail["bad_ref"], REF_LIMIT), code(_lift_command(row.detail["environment"]))
    return (
        f"{HAND} {held} is held: what contains it is not deployed until a commit reverts it or says that it fixes it. "
        f"{way} lifts the hold."
    )


def listed(holds: Sequence[Hold], title: str) -> Message:
    """All holds in force, of one environment or of all where `title` is empty."""
    if not holds:
        return Message(text=f"Nothing is held for {code(title)}." if title else "Nothing is held.")
    shown = [f"{line(hold)}\n      {code(hold.environment)} · number {hold.id}" for hold in holds[:LISTED_MOST]]
    hidden = len(holds) - len(shown)
    rest = [f"… and {hidden} more"] if hidden > 0 else []
    ends = f"{code(_lift_command(holds[0].environment))} lifts, {code(_fix_command(holds[0].environment))} names a fix."
    text = "\n".join([*shown, *rest, ends])
    return Message(text=clip_mrkdwn(text, 3000), blocks=[*(section(each) for each in (*shown, *rest)), section(ends)])


def lifted(holds: Sequence[Hold], *, by: Actor, why: str) -> Message:
    """Holds were lifted, for all to see."""
    what = ", ".join(_ref(hold) for hold in holds[:LISTED_MOST])
    where = code(holds[0].environment)
    return Message(
        text=f"{by.mention} lifted the hold on {what}: it may be deployed to {where} again. “{escape(why)}”",
        in_channel=True,
    )


def fix_declared(commit: Commit, holds: Sequence[Hold], *, by: Actor) -> Message:
    """A commit was declared a fix, for all to see."""
    what = ", ".join(_ref(hold) for hold in holds[:LISTED_MOST])
    named = f"{link(commit.url, commit.short)} ({escape(commit.title, 100)})"
    return Message(
        text=f"{by.mention} declared {named} the fix of {what}: what has it in its history may be deployed to "
        f"{code(holds[0].environment)}.",
        in_channel=True,
    )


def form(hold: Hold, *, channel: str) -> View:
    """The modal that asks why the hold is lifted."""
    blocks = [
        section(f"{line(hold)}\n\nWithout the hold it may be deployed to {code(hold.environment)} again."),
        field(REASON, "Why is it fit to ship now?", text_input(REASON, limit=REASON_LIMIT)),
    ]
    return View(FORM, "Lift the hold", blocks, "Lift", "Keep it", json.dumps({"hold": hold.id, "channel": channel}))


def _ref(hold: Hold) -> str:
    # A tag may be moved; the commit says what is meant.
    short = hold.bad[:7]
    return code(hold.bad_ref, REF_LIMIT) if hold.bad_ref == short else f"{code(hold.bad_ref, REF_LIMIT)} ({short})"


def _lift_command(environment: str) -> str:
    return f'/deploy hold lift {environment} "why"'


def _fix_command(environment: str) -> str:
    return f"/deploy hold fix {environment} REF"
