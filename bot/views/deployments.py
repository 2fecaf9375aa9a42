"""The card of a deployment or a rollback and what is said around it: pure functions of it, its plan, its journal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bot.domain.deployment import Blocker, DeploymentPlan
from bot.domain.model import Actor
from bot.domain.operation import UNSUCCESSFUL, Kind, Operation, State, StepStatus
from bot.domain.rollout import Step
from bot.errors import Reason
from bot.views import approvals, builds, holds, locks, plans, rollbacks
from bot.views.blocks import (
    SECTION_LIMIT,
    Block,
    Message,
    actions,
    button,
    clip_mrkdwn,
    code,
    code_block,
    confirmation,
    context,
    escape,
    link,
    prose,
    section,
)
from bot.views.machines import BAD, DOING, DONE, UNTOUCHED, WARN, machine_lines, receipt_line, standing
from bot.views.words import took

CONFIRM = "deployment_confirm"
CANCEL = "deployment_cancel"
RETRY = "deployment_retry"
# Several locks and holds may say no at once.
WAYS_OUT_SHOWN = 5

ICON = {
    State.REQUESTED: "📋",
    State.RUNNING: "🚀",
    State.VERIFYING: "🔎",
    State.SUCCEEDED: "✅",
    State.FAILED: "❌",
    State.CANCELLED: "⏹",
    State.EXPIRED: "⌛",
    State.REJECTED: "⛔",
}
STATE_WORDS = {
    State.REQUESTED: "waiting for confirmation",
    State.RUNNING: "running",
    State.VERIFYING: "verifying",
    State.SUCCEEDED: "live",
    State.FAILED: "failed",
    State.CANCELLED: "cancelled",
    State.EXPIRED: "expired unconfirmed",
    State.REJECTED: "rejected",
}


def card(operation: Operation, plan: DeploymentPlan) -> Message:
    """The operation's one message, as it stands now."""
    is_open = operation.state is State.REQUESTED
    blocks = _told(_headline(operation, plan), plan, _progress_lines(operation, plan), is_open=is_open)
    if decided := approvals.lines(operation, plan):
        blocks.append(section(decided))
    if ending := "\n".join(_ending_lines(operation, plan)):
        blocks.append(section(ending))
    decisions = _decisions(operation, plan)
    blocks.extend(card_buttons(operation, decisions, cancelling=_cancel_words(plan), retry=RETRY))
    return Message(text=_summary(operation, plan), blocks=blocks)


def plan_preview(plan: DeploymentPlan, *, by: str) -> Message:
    """A dry run: the plan, private, with nothing to press."""
    blocks = plan_blocks(plan, "Plan only")
    verdict = _verdict(plan)
    blocks.append(context(f"Nothing was changed; {verdict}. Asked by {by}."))
    what = "Plan" if plan.contract is None else "Contract of a rollback"
    said = "" if plan.contract is None else f" {rollbacks.summary(plan, plan.contract)}"
    text = f"{what}: {escape(plan.ref)} to {plan.app} ({plan.environment}); {verdict}.{said}"
    return Message(text=clip_mrkdwn(text, 3000), blocks=blocks)


def _verdict(plan: DeploymentPlan) -> str:
    if plan.is_blocked:
        return "it would be refused"
    if plan.approval is not None:
        # Only a plan that waits tells the approvers.
        causes = " ".join(plan.approval.because)
        return f"it would need an approval: {prose(causes, 600).rstrip('.')}"
    return "nothing speaks against it"


def plan_blocks(plan: DeploymentPlan, title: str) -> list[Block]:
    """Everything that a person reads before a deployment or a rollback."""
    head = f"📋 *{title}* — {_where(plan)}"
    blocks = _told(head, plan, plans.machines(plan), is_open=True)
    if plan.is_blocked:
        blocks.append(section("\n".join(plans.blockers(plan))))
    return blocks


def refused(plan: DeploymentPlan) -> Message:
    """What the policy refuses: every reason, what lifts it, and buttons for those that a person lifts."""
    where, done = f"{code(plan.app)} → *{escape(plan.environment)}*", "deployed"
    head = f"🚫 {where}   {plans.ref(plan)} is not deployed."
    told = "\n".join(plans.lines(plan))
    if plan.contract is not None:
        done, head = "rolled back", f"🚫 {where} is not rolled back to {plans.ref(plan)}."
        told = "\n".join(rollbacks.in_short(plan, plan.contract))
    blocks = [section("\n".join([head, *plans.blockers(plan)])), context(told), *ways_out(plan)]
    reasons = " ".join(blocker.message for blocker in plan.blockers)
    text = f"Not {done}: {escape(plan.ref)} to {plan.app} ({plan.environment}). {prose(reasons, 1000)}"
    return Message(text=clip_mrkdwn(text, 3000), blocks=blocks)


def ways_out(plan: DeploymentPlan) -> list[Block]:
    """Buttons for each lock and hold that says no."""
    found = [blocker for blocker in plan.blockers if blocker.subject]
    return [block for blocker in found[:WAYS_OUT_SHOWN] for block in _ways_out(blocker, plan)]


def _ways_out(blocker: Blocker, plan: DeploymentPlan) -> list[Block]:
    if blocker.reason is Reason.LOCKED:
        wants = f"/rollback {plan.environment} {plan.contract.target.name}" if plan.contract else ""
        return locks.ways_out(blocker.subject, wants or f"/deploy {plan.environment} {plan.ref}")
    if blocker.reason in {Reason.HELD, Reason.HOLD_UNKNOWN}:
        return holds.ways_out(blocker.subject)
    return []


def not_started(difference: str, rows: list[Block]) -> Message:
    """The answer to a button where the plan is not true any more; `rows` are the ways out of what stops it."""
    changed = clip_mrkdwn(prose(difference), 2500).rstrip(".")
    text = f"Nothing started: {changed}. The card shows the plan as it is now; look again."
    return Message(text=text, blocks=[section(text), *rows] if rows else [])


def accepted(environment: str, ref: str) -> Message:
    """The immediate answer to the command."""
    return Message(text=f"Planning {code(ref)} to *{escape(environment)}*; the card follows in this channel.")


def previewing(environment: str, ref: str) -> Message:
    """The immediate answer to a dry run."""
    return Message(text=f"Planning {code(ref)} to *{escape(environment)}*; only you will see the plan.")


def newest_tag(environment: str, tag: str) -> Message:
    """The answer to a deployment without a ref, where tags release."""
    offer = f"The newest is {code(tag)}: {code(f'/deploy {environment} {tag}')}." if tag else "There is none yet."
    make = code(f"/deploy {environment} NAME --on main")
    return Message(text=f"*{escape(environment)}* is released by tags. {offer} {make} makes a new one.")


def looking_for_tags(environment: str) -> Message:
    """The immediate answer to a deployment without a ref, where tags release."""
    return Message(text=f"Looking for the newest tag of *{escape(environment)}*.")


def plan_moved() -> Message:
    """The plan that somebody agreed to is not true any more."""
    return Message(
        text="Nothing started: the plan changed since you saw it. The card shows it as it is now; look again."
    )


def card_refused(code_word: str) -> Message:
    """Slack takes the card nowhere: whoever asked has to know."""
    return Message(
        text=f"I cannot post the card of what you asked for (Slack says {code(code_word)}), here or in the "
        "environment's channel. What it does goes on; invite me to a channel to see it."
    )


def ended(operation: Operation, plan: DeploymentPlan, *, whom: Actor) -> Message:
    """The reply that says how it ended, to the person whom it concerns, since edits notify nobody."""
    text = _summary(operation, plan)
    environment = f"*{escape(plan.environment)}*"
    what = f"{plans.ref(plan)} to {environment}"
    if operation.kind is Kind.ROLLBACK:
        what = f"rollback of {environment} to {plans.ref(plan)}"
    lines = [f"{ICON[operation.state]} {whom.mention} {what}: {_state(operation, plan)}"]
    if operation.state is State.SUCCEEDED:
        lines[0] += f" in {_regions(operation, plan)}, {_took(operation)}. {receipt_line(operation)}"
        lines.append(link(plan.url, plan.url))
    elif operation.state is State.REJECTED:
        lines.append(approvals.lines(operation, plan))
    else:
        lines += list(_ending_lines(operation, plan))
    return Message(text=text, blocks=[section("\n".join(lines))])


def release_command_log(operation: Operation) -> Message | None:
    """The log tail of a release command that failed, for the thread."""
    row = operation.row(Step.RELEASE_COMMAND)
    if row is None or row.status is not StepStatus.FAILED:
        return None
    tail = row.detail.get("tail") or ["(it logged nothing)"]
    head = f"Last lines of the release command {code(row.detail['command'])}:"
    return Message(
        text=f"Last lines of the release command: {escape(tail[-1])}",
        blocks=[section(head), section(code_block("\n".join(tail)))],
    )


def _told(head: str, plan: DeploymentPlan, machines: Iterable[str], *, is_open: bool) -> list[Block]:
    """What is planned and the Machines, with the range of commits; a contract in full while it is still to decide."""
    contract = plan.contract
    if contract is not None and is_open:
        return rollbacks.blocks(head, plan, contract, machines)
    told = plans.lines(plan) if contract is None else rollbacks.in_short(plan, contract)
    blocks, commits = _parts([head, *told], machines), plans.commits(plan)
    return [*blocks, context(commits)] if commits and contract is None else blocks


def _parts(plan: Iterable[str], machines: Iterable[str]) -> list[Block]:
    """One section; two where a long reason would push the Machines out of it."""
    texts = ["\n".join(plan), "\n".join(machines)]
    whole = "\n".join(text for text in texts if text)
    return [section(whole)] if len(whole) <= SECTION_LIMIT else [section(text) for text in texts if text]


def _headline(operation: Operation, plan: DeploymentPlan) -> str:
    why = f" · “{escape(plan.why, 300)}”" if plan.why else ""
    state = f"{ICON[operation.state]} *{_state(operation, plan).capitalize()}*"
    return f"{state} · {_where(plan)}   by {operation.actor.mention}{why}"


def _where(plan: DeploymentPlan) -> str:
    back = "back to " if plan.contract else ""
    return f"{code(plan.app)} → *{escape(plan.environment)}*   {back}{plans.ref(plan)}"


def _state(operation: Operation, plan: DeploymentPlan) -> str:
    if operation.cancel_requested_by and operation.is_active:
        return f"being cancelled, asked by <@{operation.cancel_requested_by}>"
    return approvals.waiting_words(operation, plan) or STATE_WORDS[operation.state]


def _progress_lines(operation: Operation, plan: DeploymentPlan) -> Iterator[str]:
    if operation.state is State.REQUESTED:
        yield from plans.blockers(plan) if plan.is_blocked else plans.machines(plan)
        return
    if operation.started_at is None:
        yield from plans.blockers(plan)
        return
    if plan.build is not None:
        yield from builds.progress(operation, plan, plan.build)
    else:
        yield from _release_lines(operation, plan)
        yield from machine_lines(operation, plan)
    if waiting := _waiting(operation):
        yield waiting
    if line := receipt_line(operation):
        yield line
    if held := holds.rollback_line(operation):
        yield held


def _release_lines(operation: Operation, plan: DeploymentPlan) -> Iterator[str]:
    record = operation.row(Step.RECORD_RELEASE)
    if record is not None and record.detail.get("warning"):
        yield f"{WARN} {escape(record.detail['warning'])}"
    elif record is not None and record.status is StepStatus.DONE:
        yield f"{DONE} Fly release v{record.detail['version']}"
    closed = operation.row(Step.CLOSE_RELEASE)
    if closed is not None and closed.detail.get("warning"):
        yield f"{WARN} {escape(closed.detail['warning'])}"
    if plan.release_command:
        yield _release_command_line(operation, plan)


def _release_command_line(operation: Operation, plan: DeploymentPlan) -> str:
    row = operation.row(Step.RELEASE_COMMAND) or operation.row(Step.RELEASE_MACHINE)
    name = f"release command {code(plan.release_command)}"
    if row is None:
        return f"{DOING} {name}   waits" if operation.is_active else f"{UNTOUCHED} {name}   not run"
    if row.step == Step.RELEASE_COMMAND and row.status is StepStatus.DONE:
        return f"{DONE} {name}   exit 0 · {row.detail['seconds']:.0f} s"
    if row.status is StepStatus.FAILED:
        code_words = "no exit code" if row.detail["exit_code"] is None else f"exit {row.detail['exit_code']}"
        return f"{BAD} {name}   {code_words}"
    return f"{DOING} {name}   running" if operation.is_active else f"{WARN} {name}   how it ended is unknown"


def _waiting(operation: Operation) -> str:
    row = operation.journal[-1] if operation.journal else None
    if row is None or row.step != Step.WAITING or not operation.is_active:
        return ""
    return f"{WARN} {escape(row.detail['service'])} does not answer ({escape(row.detail['message'])}); trying again"


def _ending_lines(operation: Operation, plan: DeploymentPlan) -> Iterator[str]:
    if not operation.is_final or operation.state is State.SUCCEEDED or operation.started_at is None:
        return
    outcome = operation.outcome
    yield f"{BAD} {prose(outcome.get('message', operation.reason))} (`{operation.reason}`)"
    if outcome.get("hint"):
        yield prose(outcome["hint"])
    yield from standing(operation, plan)


def card_buttons(operation: Operation, decisions: Iterable[Block], *, cancelling: str, retry: str) -> list[Block]:
    """What every card offers: decisions while it waits, then to cancel it, and to try again what did not succeed.

    `cancelling` says what that stops and leaves; `retry` is the action of its kind.
    """
    if operation.state is State.REQUESTED:
        dismiss = button("Dismiss", action=CANCEL, value=operation.id, label="Dismiss this plan")
        return [actions(*decisions, dismiss)]
    if operation.is_active and not operation.cancel_requested_by:
        kind = operation.kind
        ask = confirmation(f"Cancel this {kind}?", cancelling, f"Cancel {kind}", "Let it run")
        return [actions(button("Cancel", action=CANCEL, value=operation.id, style="danger", confirm=ask))]
    if operation.state in UNSUCCESSFUL and operation.started_at is not None:
        return [actions(button("Retry", action=retry, value=operation.id, label="Do what is missing"))]
    return []


def _decisions(operation: Operation, plan: DeploymentPlan) -> Iterator[Block]:
    if approvals.is_void(operation, plan):
        yield approvals.plan_again(operation)
        return
    if plan.is_blocked:
        return
    if plan.approval is not None:
        yield from approvals.buttons(operation, plan)
    elif plan.contract is not None:
        yield rollbacks.confirm_button(operation, plan, plan.contract, action=CONFIRM)
    else:
        yield _deploy_button(operation)
    if plan.contract is not None:
        yield from rollbacks.choices(operation, plan.contract)


def _cancel_words(plan: DeploymentPlan) -> str:
    if plan.build is not None:
        return (
            "The run on GitHub is cancelled, and the card says where each Machine is. CI may have moved some by then."
        )
    return (
        "It stops after the current step, restores the previous image if the policy says so, and says where "
        "each Machine is."
    )


def _deploy_button(operation: Operation) -> Block:
    caption = f"Deploy to {operation.environment}"
    value = f"{operation.id}:{operation.plan_hash}"
    return button(caption, action=CONFIRM, value=value, style="primary", label=caption)


def _summary(operation: Operation, plan: DeploymentPlan) -> str:
    contract = plan.contract
    what = f"{escape(plan.ref)} ({plan.commit.short}) to {plan.app} ({plan.environment})"
    if contract is not None:
        here = f"{plan.app} ({plan.environment})"
        what = f"{here} from {escape(contract.current.ref)} to {escape(plan.ref)} ({plan.commit.short})"
    message = operation.outcome.get("message", "") if operation.is_final else ""
    parts = [
        f"{operation.kind.capitalize()} of {what}, by {operation.actor.mention}, {_state(operation, plan)}.",
        prose(message),
        receipt_line(operation),
        " ".join(approvals.lines(operation, plan).split()),
        rollbacks.summary(plan, contract) if contract and operation.state is State.REQUESTED else "",
    ]
    return clip_mrkdwn(" ".join(part for part in parts if part), 3000)


def _regions(operation: Operation, plan: DeploymentPlan) -> str:
    receipt = operation.row(Step.RECEIPT)
    # CI may have made Machines that the plan does not know.
    seen = {machine["region"] for machine in receipt.detail["machines"]} if plan.build and receipt else set()
    return " and ".join(sorted(seen or {machine.region for machine in plan.machines}))


def _took(operation: Operation) -> str:
    assert operation.started_at is not None
    assert operation.finished_at is not None
    return took((operation.finished_at - operation.started_at).total_seconds())
