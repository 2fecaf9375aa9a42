"""What a plan that needs a second person says and offers: who may decide, until when, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Iterator

from bot.domain.approval import Approval, ApprovalNeed, ApprovalState
from bot.domain.model import Actor
from bot.domain.operation import Operation, State
from bot.domain.plan import Plan
from bot.domain.scale import ScalePlan
from bot.views.blocks import Block, Message, View, button, clip_mrkdwn, code, confirmation, escape, prose, section
from bot.views.machines import BAD, DONE
from bot.views.modals import field, text_input
from bot.views.rollbacks import risk_words
from bot.views.words import moment, stamp

APPROVE, REJECT, REPLAN = "approval_approve", "approval_reject", "approval_replan"
REJECTION = "approval_rejection"
REASON = "reason"
REASON_LIMIT = 300
LINES_LIMIT = 1200


def lines(operation: Operation, plan: Plan) -> str:
    """How the question stands who else has to agree; empty where nobody has to."""
    told = [*_waived(plan), *_standing(operation, plan)]
    return clip_mrkdwn("\n".join(told), LINES_LIMIT)


def waiting_words(operation: Operation, plan: Plan) -> str:
    """What a plan with such a need waits for; empty for one without."""
    if operation.state is not State.REQUESTED or plan.approval is None:
        return ""
    return "no longer true" if is_void(operation, plan) else "waiting for approval"


def is_void(operation: Operation, plan: Plan) -> bool:
    """Whether what was to be approved is no longer true, and nothing was planned since."""
    asked = operation.approval
    is_over = asked is not None and asked.state is ApprovalState.VOID
    return is_over and plan.approval is not None and operation.state is State.REQUESTED


def plan_again(operation: Operation) -> Block:
    """What stands in the place of Approve where the request for it is void."""
    return button("Plan again", action=REPLAN, value=operation.id, style="primary")


def buttons(operation: Operation, plan: Plan) -> Iterator[Block]:
    """Approve and Reject."""
    value, what = f"{operation.id}:{operation.plan_hash}", f"{operation.kind} of {plan.environment}"
    dialog = confirmation(f"Approve this {operation.kind}?", _consequence(operation, plan), "Approve", "Not yet")
    yield button("Approve", action=APPROVE, value=value, style="primary", confirm=dialog, label=f"Approve the {what}")
    yield button("Reject…", action=REJECT, value=value, style="danger", label=f"Reject the {what}")


def _consequence(operation: Operation, plan: Plan) -> str:
    # The dialog holds 300 characters, of which the risk may take what is left.
    if isinstance(plan, ScalePlan):
        return f"It starts at once: scaling, {code(plan.ref, 120)}, *{escape(plan.environment, 40)}*."
    commit = plan.commit.short or "no commit"
    starts = f"It starts at once: {operation.kind}, {code(plan.ref, 40)} ({commit}), *{escape(plan.environment, 40)}*."
    return f"{starts} {risk_words(plan.contract)}" if plan.contract and plan.contract.risks else starts


def rejection(operation_id: str, plan_hash: str, *, channel: str) -> View:
    """The modal that asks an approver for the reason of a no."""
    reason = text_input(REASON, limit=REASON_LIMIT)
    return View(
        REJECTION,
        "Reject",
        [field(REASON, "Why not?", reason, hint="It stands on the card, for whoever asked.")],
        submit="Reject",
        close="Cancel",
        metadata=json.dumps({"channel": channel, "operation": operation_id, "hash": plan_hash}),
    )


def void(difference: str) -> Message:
    """The answer to an approval of what is no longer true."""
    changed = clip_mrkdwn(prose(difference), 2500).rstrip(".")
    return Message(
        text=f"Nothing started: {changed}. The request for an approval is void; *Plan again* on the card makes a new "
        "one."
    )


def reminder(operation: Operation, plan: Plan) -> Message:
    """The reply below a card whose request for an approval expires soon."""
    need, asked = plan.approval, operation.approval
    assert need is not None
    assert asked is not None
    what = f"{operation.kind} of *{escape(plan.environment)}*, {code(plan.ref, 120)}, by {operation.actor.mention}"
    text = f"⏰ {need.mentions}: the {what} still waits for one of you, until {moment(asked.expires_at)}."
    return Message(text=text, blocks=[section(text)])


def _waived(plan: Plan) -> Iterator[str]:
    if plan.waived:
        yield (
            f"🚨 *NO APPROVAL*: it goes without a second person, because of *{escape(plan.waived)}*. It is listed for "
            "review afterwards."
        )


def _standing(operation: Operation, plan: Plan) -> Iterator[str]:
    asked, need = operation.approval, plan.approval
    if need is None:
        return
    if is_void(operation, plan):
        yield f"{BAD} *No longer true*: {prose(asked.note if asked else '').rstrip('.')}."
        yield "The request for an approval is void: nobody can approve what was shown."
    elif operation.state is State.REQUESTED:
        yield _pending(operation, need, asked)
        yield from (f"      {prose(cause, 300)}" for cause in need.because)
    elif asked is not None:
        yield from _decided(asked)


def _pending(operation: Operation, need: ApprovalNeed, asked: Approval | None) -> str:
    until = f" until *{stamp(asked.expires_at)}*" if asked else ""
    asker = operation.actor.mention
    # What the bot proposes by itself, nobody asked for.
    asked_by = f"Not by {asker}, who asked for it" if asker.startswith("<@") else "Nobody asked for it"
    return f"🔏 *Needs an approval* by {need.mentions}{until}. {asked_by}: one yes starts it."


def _decided(asked: Approval) -> Iterator[str]:
    who = Actor(asked.decided_by).mention if asked.decided_by else "nobody"
    when = f" on {stamp(asked.decided_at)}" if asked.decided_at else ""
    if asked.state is ApprovalState.APPROVED:
        yield f"{DONE} Approved by {who}{when}"
    elif asked.state is ApprovalState.REJECTED:
        yield f"{BAD} Rejected by {who}{when}: “{escape(asked.note, REASON_LIMIT)}”"
    elif asked.state is ApprovalState.EXPIRED:
        yield f"⌛ Nobody approved it until {stamp(asked.expires_at)}"
