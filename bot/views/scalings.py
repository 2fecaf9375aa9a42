"""The card of a scaling and what is said around it: pure functions of it, its plan, its journal."""

from __future__ import annotations

from collections.abc import Iterator

from bot.domain.model import Actor
from bot.domain.operation import Operation, State, StepStatus
from bot.domain.rollout import Step
from bot.domain.scale import ScalePlan, ScaleRequest, Standing
from bot.views import approvals, scale_plans, time_boxes
from bot.views.blocks import (
    Block,
    Message,
    button,
    clip_mrkdwn,
    code,
    context,
    escape,
    prose,
    section,
)
from bot.views.deployments import CONFIRM, ICON, STATE_WORDS, card_buttons
from bot.views.machines import BAD, DOING, DONE, UNTOUCHED, WARN
from bot.views.words import took

RETRY = "scaling_retry"
TEXT_LIMIT = 3000
CANCELLING = "It stops after the current step. What was made and is healthy stays; nothing more is destroyed."


def card(operation: Operation, plan: ScalePlan) -> Message:
    """The operation's one message, as it stands now."""
    is_told = operation.started_at is None
    body = scale_plans.lines(plan) if is_told else _progress(operation, plan)
    blocks = [section(clip_mrkdwn("\n".join([_headline(operation, plan), *body]), TEXT_LIMIT))]
    if is_told and plan.is_blocked:
        blocks.append(section("\n".join(scale_plans.blockers(plan))))
    if decided := approvals.lines(operation, plan):
        blocks.append(section(decided))
    if ending := "\n".join(_ending(operation, plan)):
        blocks.append(section(ending))
    buttons = card_buttons(operation, _decisions(operation, plan), cancelling=CANCELLING, retry=RETRY)
    return Message(text=_summary(operation, plan), blocks=[*blocks, *buttons])


def ended(operation: Operation, plan: ScalePlan, *, whom: Actor) -> Message:
    """The reply that says how it ended, to the person whom it concerns."""
    what = f"scaling of *{escape(plan.environment)}*, {code(plan.ref, 120)}"
    lines = [f"{ICON[operation.state]} {whom.mention} {what}: {_state(operation, plan)}"]
    if operation.state is State.SUCCEEDED:
        lines[0] += f", {_took(operation)}. {_receipt_line(operation)}"
        lines += _ending(operation, plan)
    elif operation.state is State.REJECTED:
        lines.append(approvals.lines(operation, plan))
    else:
        lines += _ending(operation, plan)
    return Message(text=_summary(operation, plan), blocks=[section("\n".join(lines))])


def refused(plan: ScalePlan) -> Message:
    """What the policy refuses: every reason, and what lifts it."""
    head = f"🚫 *{escape(plan.environment)}* is not scaled: {code(plan.ref, 120)}."
    reasons = " ".join(blocker.message for blocker in plan.blockers)
    text = f"Not scaled: {escape(plan.ref)}, {plan.app} ({plan.environment}). {prose(reasons, 1000)}"
    return Message(text=clip_mrkdwn(text, TEXT_LIMIT), blocks=[section("\n".join([head, *scale_plans.blockers(plan)]))])


def plan_preview(plan: ScalePlan, *, by: str) -> Message:
    """A dry run: the plan, private, with nothing to press."""
    head = f"📋 *Plan only* — {_where(plan)}"
    blocks = [section(clip_mrkdwn("\n".join([head, *scale_plans.lines(plan)]), TEXT_LIMIT))]
    if plan.is_blocked:
        blocks.append(section("\n".join(scale_plans.blockers(plan))))
    verdict = _verdict(plan)
    blocks.append(context(f"Nothing was changed; {verdict}. Asked by {by}."))
    text = f"Plan of a scaling: {escape(plan.ref)}, {plan.app} ({plan.environment}); {verdict}."
    return Message(text=clip_mrkdwn(text, TEXT_LIMIT), blocks=blocks)


def accepted(request: ScaleRequest) -> Message:
    """The immediate answer to the command."""
    where = f"*{escape(request.environment)}*: {code(request.ref)}"
    return Message(text=f"Planning to scale {where}; its plan follows in this channel.")


def previewing(request: ScaleRequest) -> Message:
    """The immediate answer to a dry run."""
    where = f"*{escape(request.environment)}*: {code(request.ref)}"
    return Message(text=f"Planning to scale {where}; only you will see the plan.")


def looking(request: ScaleRequest) -> Message:
    """The immediate answer to a command that names no count and no size."""
    return Message(text=f"Looking at *{escape(request.environment)}*; only you will see how it stands.")


def standing(found: Standing) -> Message:
    """How an environment stands, for whoever is about to scale it."""
    head = f"📐 *{escape(found.environment)}* {code(found.app)}"
    blocks = [section(clip_mrkdwn("\n".join([head, *scale_plans.standing(found)]), TEXT_LIMIT))]
    blocks.append(context(f"Scale with `/scale {escape(found.environment)} {scale_plans.example(found)}`."))
    told = ", ".join(f"{place.region} {place.now} of {place.then}" for place in found.places)
    text = f"Machines of {found.app} ({found.environment}), of those that the configuration wants: {told or 'none'}."
    return Message(text=clip_mrkdwn(text, TEXT_LIMIT), blocks=blocks)


def _verdict(plan: ScalePlan) -> str:
    if plan.is_blocked:
        return "it would be refused"
    if plan.approval is not None:
        return f"it would need an approval: {prose(' '.join(plan.approval.because), 600).rstrip('.')}"
    return "nothing speaks against it"


def _headline(operation: Operation, plan: ScalePlan) -> str:
    why = f" · “{escape(plan.why, 300)}”" if plan.why else ""
    back = " · back to what was before" if plan.back_from else ""
    state = f"{ICON[operation.state]} *{_state(operation, plan).capitalize()}*"
    return f"{state} · {_where(plan)}   by {operation.actor.mention}{back}{why}"


def _where(plan: ScalePlan) -> str:
    return f"scaling {code(plan.app)} → *{escape(plan.environment)}*   {code(plan.ref, 120)}"


def _state(operation: Operation, plan: ScalePlan) -> str:
    if operation.cancel_requested_by and operation.is_active:
        return f"being cancelled, asked by <@{operation.cancel_requested_by}>"
    if operation.state is State.SUCCEEDED:
        return "scaled"
    return approvals.waiting_words(operation, plan) or STATE_WORDS[operation.state]


def _progress(operation: Operation, plan: ScalePlan) -> Iterator[str]:
    for creation in plan.creations:
        name = f"{creation.region} {code(_made(operation, creation.slot) or 'new')}  {creation.size.words}"
        yield _line(operation, Step.CREATE, creation.slot, name, doing="boots", done="is healthy")
    for mending in plan.mendings:
        name = _name(plan, mending.machine)
        yield _line(operation, Step.MEND, mending.machine, name, doing="is being changed", done="is changed and well")
    for machine in plan.starts:
        yield _line(operation, Step.WAKE, machine, _name(plan, machine), doing="is starting", done="is started")
    for removal in plan.removals:
        name = _name(plan, removal.machine)
        yield _line(operation, Step.REMOVE, removal.machine, name, doing="is being destroyed", done="is destroyed")
    row = operation.journal[-1] if operation.journal else None
    if row is not None and row.step == Step.WAITING and operation.is_active:
        yield f"{WARN} {escape(row.detail['service'])} does not answer ({escape(row.detail['message'])}); trying again"
    if line := _receipt_line(operation):
        yield line


def _line(operation: Operation, step: Step, target: str, name: str, *, doing: str, done: str) -> str:
    row = operation.row(step, target)
    if row is None:
        return f"{UNTOUCHED} {name}  {'waits' if operation.is_active else 'not touched'}"
    if row.status is StepStatus.DONE:
        return f"{DONE} {name}  {done}"
    if operation.is_active:
        return f"{DOING} {name}  {doing}"
    if step is Step.CREATE and operation.done(Step.CLEAN_UP):
        return f"{UNTOUCHED} {name}  there is none: it was not made, or destroyed again"
    return f"{WARN} {name}  {doing}; how it ended is unknown"


def _made(operation: Operation, slot: str) -> str:
    row = operation.row(Step.CREATE, slot)
    return str(row.detail.get("machine", "")) if row else ""


def _name(plan: ScalePlan, machine_id: str) -> str:
    return f"{plan.machine(machine_id).region} {code(machine_id)}"


def _receipt_line(operation: Operation) -> str:
    """How many Machines were read back and where; empty before that."""
    row = operation.row(Step.RECEIPT)
    if row is None:
        return ""
    regions: dict[str, int] = {}
    for machine in row.detail["machines"]:
        regions[machine["region"]] = regions.get(machine["region"], 0) + 1
    told = ", ".join(f"{escape(region)} {count}" for region, count in sorted(regions.items()))
    return f"Receipt: {told or 'no Machines'}."


def _ending(operation: Operation, plan: ScalePlan) -> Iterator[str]:
    if operation.state is State.SUCCEEDED and (end := time_boxes.until(operation, plan.lasts_s)):
        yield end
    if not operation.is_final or operation.state is State.SUCCEEDED:
        return
    if operation.started_at is None:
        if operation.state is State.CANCELLED and operation.outcome.get("message"):
            yield prose(operation.outcome["message"])
        return
    yield f"{BAD} {prose(operation.outcome.get('message', operation.reason))} (`{operation.reason}`)"
    if operation.outcome.get("hint"):
        yield prose(operation.outcome["hint"])
    if operation.row(Step.RECEIPT) is None:
        yield f"{WARN} The Machines could not be read back; look with `fly machine list -a {plan.app}`."


def _decisions(operation: Operation, plan: ScalePlan) -> Iterator[Block]:
    if approvals.is_void(operation, plan):
        yield approvals.plan_again(operation)
    elif plan.approval is not None and not plan.is_blocked:
        yield from approvals.buttons(operation, plan)
    elif not plan.is_blocked:
        caption, value = f"Scale {operation.environment}", f"{operation.id}:{operation.plan_hash}"
        yield button(caption, action=CONFIRM, value=value, style="primary", label=caption)


def _summary(operation: Operation, plan: ScalePlan) -> str:
    message = operation.outcome.get("message", "") if operation.is_final else ""
    state = _state(operation, plan)
    parts = [
        f"Scaling of {plan.app} ({plan.environment}), {escape(plan.ref)}, by {operation.actor.mention}, {state}.",
        prose(message),
        _receipt_line(operation),
        " ".join(approvals.lines(operation, plan).split()),
    ]
    return clip_mrkdwn(" ".join(part for part in parts if part), TEXT_LIMIT)


def _took(operation: Operation) -> str:
    assert operation.started_at is not None
    assert operation.finished_at is not None
    return took((operation.finished_at - operation.started_at).total_seconds())
