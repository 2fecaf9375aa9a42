"""The deployment card and what is said around it: pure functions of the operation, its plan and its journal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bot.domain.deployment import DeploymentPlan
from bot.domain.model import Actor, CiState, MigrationRisk, Relation, Strategy
from bot.domain.operation import UNSUCCESSFUL, Operation, State, StepStatus
from bot.domain.rollout import Step
from bot.views import builds
from bot.views.blocks import (
    SECTION_LIMIT,
    Block,
    Message,
    actions,
    button,
    clip,
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
from bot.views.machines import BAD, DOING, DONE, MACHINES_SHOWN, UNTOUCHED, WARN, machine_lines, receipt_line, standing
from bot.views.words import took

CONFIRM = "deployment_confirm"
CANCEL = "deployment_cancel"
RETRY = "deployment_retry"
NOTE = "ℹ"

COMMITS_SHOWN = 8
MIGRATIONS_SHOWN = 5
AUTHORS_SHOWN = 5

ICON = {
    State.REQUESTED: "📋",
    State.RUNNING: "🚀",
    State.VERIFYING: "🔎",
    State.SUCCEEDED: "✅",
    State.FAILED: "❌",
    State.CANCELLED: "⏹",
    State.EXPIRED: "⌛",
}
STATE_WORDS = {
    State.REQUESTED: "waiting for confirmation",
    State.RUNNING: "running",
    State.VERIFYING: "verifying",
    State.SUCCEEDED: "live",
    State.FAILED: "failed",
    State.CANCELLED: "cancelled",
    State.EXPIRED: "expired unconfirmed",
}


def card(operation: Operation, plan: DeploymentPlan) -> Message:
    """The operation's one message, as it stands now."""
    blocks = _parts([_headline(operation, plan), *_plan_lines(plan)], _progress_lines(operation, plan))
    if commits := _commits(plan):
        blocks.append(context(commits))
    if ending := "\n".join(_ending_lines(operation, plan)):
        blocks.append(section(ending))
    blocks.extend(_buttons(operation, plan))
    return Message(text=_summary(operation, plan), blocks=blocks)


def plan_preview(plan: DeploymentPlan, *, by: str) -> Message:
    """A dry run: the plan, private, with nothing to press."""
    blocks = plan_blocks(plan, "Plan only")
    verdict = "it would be refused" if plan.is_blocked else "nothing speaks against it"
    blocks.append(context(f"Nothing was changed; {verdict}. Asked by {by}."))
    return Message(text=f"Plan: {escape(plan.ref)} to {plan.app} ({plan.environment}); {verdict}.", blocks=blocks)


def plan_blocks(plan: DeploymentPlan, title: str) -> list[Block]:
    """Everything that a person reads before a deployment."""
    head = f"📋 *{title}* — {code(plan.app)} → *{escape(plan.environment)}*   {_ref(plan)}"
    blocks = _parts([head, *_plan_lines(plan)], _machine_preview(plan))
    if commits := _commits(plan):
        blocks.append(context(commits))
    if plan.is_blocked:
        blocks.append(section("\n".join(_blocker_lines(plan))))
    return blocks


def refused(plan: DeploymentPlan) -> Message:
    """A deployment that the policy refuses: every reason, and what lifts it."""
    head = f"🚫 {code(plan.app)} → *{escape(plan.environment)}*   {_ref(plan)} is not deployed."
    blocks = [section("\n".join([head, *_blocker_lines(plan)])), context("\n".join(_plan_lines(plan)))]
    reasons = " ".join(blocker.message for blocker in plan.blockers)
    text = f"Not deployed: {escape(plan.ref)} to {plan.app} ({plan.environment}). {prose(reasons, 1000)}"
    return Message(text=clip_mrkdwn(text, 3000), blocks=blocks)


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
    """Slack takes the deployment's card nowhere: its asker has to know."""
    return Message(
        text=f"I cannot post the card of your deployment (Slack says {code(code_word)}), here or in the environment's "
        "channel. What it does goes on; invite me to a channel to see it."
    )


def ended(operation: Operation, plan: DeploymentPlan, *, whom: Actor) -> Message:
    """The reply that says how it ended, to the person whom it concerns, since edits notify nobody."""
    text = _summary(operation, plan)
    lines = [
        f"{ICON[operation.state]} {whom.mention} {_ref(plan)} to *{escape(plan.environment)}*: {_state(operation)}"
    ]
    if operation.state is State.SUCCEEDED:
        lines[0] += f" in {_regions(operation, plan)}, {_took(operation)}. {receipt_line(operation)}"
        lines.append(link(plan.url, plan.url))
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


def _parts(plan: Iterable[str], machines: Iterable[str]) -> list[Block]:
    """One section; two where a long reason would push the Machines out of it."""
    texts = ["\n".join(plan), "\n".join(machines)]
    whole = "\n".join(text for text in texts if text)
    return [section(whole)] if len(whole) <= SECTION_LIMIT else [section(text) for text in texts if text]


def _headline(operation: Operation, plan: DeploymentPlan) -> str:
    why = f" · “{escape(plan.why, 300)}”" if plan.why else ""
    state = f"{ICON[operation.state]} *{_state(operation).capitalize()}*"
    return (
        f"{state} · {code(plan.app)} → *{escape(plan.environment)}*   {_ref(plan)}   by {operation.actor.mention}{why}"
    )


def _ref(plan: DeploymentPlan) -> str:
    # What runs may carry no commit, and going back to it is possible all the same.
    return f"{code(plan.ref)} ({link(plan.commit.url, plan.commit.short or 'no commit')})"


def _state(operation: Operation) -> str:
    if operation.cancel_requested_by and operation.is_active:
        return f"being cancelled, asked by <@{operation.cancel_requested_by}>"
    return STATE_WORDS[operation.state]


def _plan_lines(plan: DeploymentPlan) -> Iterator[str]:
    live = code(plan.live_ref) if plan.live_ref else "nothing"
    yield f"from {live} · {_change_count(plan)} · {_migration_words(plan)}"
    if plan.build is not None:
        yield builds.way(plan.build)
    elif plan.image is not None:
        pin = f"{plan.image.repository}@{clip(plan.image.digest, 20)}"
        yield f"{DONE} image {code(clip(plan.image.label, 16))} {code(pin)}"
    else:
        yield f"{BAD} no image of this commit"
    if plan.ci.state is not CiState.SUCCESS:
        yield f"{WARN} CI: {link(plan.ci.url, plan.ci.state)}"
    if plan.strategy is not Strategy.ROLLING and plan.build is None:
        yield f"{NOTE} strategy {code(plan.strategy)}"
    for warning in plan.warnings:
        yield f"{WARN} {prose(warning)}"
    for note in plan.notes:
        yield f"{NOTE} {prose(note)}"


def _change_count(plan: DeploymentPlan) -> str:
    changes = plan.changes
    if changes.relation is Relation.UNKNOWN:
        return "what changes is unknown"
    if changes.relation is Relation.IDENTICAL:
        return "the same commit"
    if changes.relation is Relation.BEHIND:
        return link(changes.url, "an older commit")
    count = "1 commit" if changes.total == 1 else f"{changes.total} commits"
    return f"{link(changes.url, count)} by {_authors(changes.authors)}"


def _authors(authors: tuple[str, ...]) -> str:
    shown = ", ".join(escape(author, 40) for author in authors[:AUTHORS_SHOWN])
    more = len(authors) - AUTHORS_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _migration_words(plan: DeploymentPlan) -> str:
    migrations = plan.migrations
    if migrations.risk is MigrationRisk.NONE:
        return "no migrations"
    if migrations.risk is MigrationRisk.UNKNOWN:
        return f"{WARN} migrations unknown: {escape(migrations.why)}"
    names = [code(path.rpartition("/")[2], 80) for path in migrations.files[:MIGRATIONS_SHOWN]]
    more = len(migrations.files) - MIGRATIONS_SHOWN
    rest = f" and {more} more" if more > 0 else ""
    count = "1 migration" if len(migrations.files) == 1 else f"{len(migrations.files)} migrations"
    return f"{WARN} {count}: {', '.join(names)}{rest}"


def _commits(plan: DeploymentPlan) -> str:
    commits = plan.changes.commits[-COMMITS_SHOWN:]
    shown = [f"• {code(c.short)} {escape(c.title, 100)} — {escape(c.author, 40)}" for c in commits]
    hidden = plan.changes.total - len(shown)
    if hidden > 0 and shown:
        shown.insert(0, f"… {hidden} earlier")
    return "\n".join(shown)


def _blocker_lines(plan: DeploymentPlan) -> Iterator[str]:
    for blocker in plan.blockers:
        yield f"{BAD} {prose(blocker.message)} (`{blocker.reason}`)\n      {prose(blocker.lift)}"


def _machine_preview(plan: DeploymentPlan) -> Iterator[str]:
    if plan.build is not None:
        yield from builds.preview(plan)
        yield from _hidden(plan)
        return
    if plan.release_command:
        yield f"then release command {code(plan.release_command)}, then"
    for machine in plan.machines[:MACHINES_SHOWN]:
        runs = code(clip(machine.image.label or machine.image.digest, 16))
        yield f"• {machine.region} {code(machine.id)} {machine.state} · {runs} → this image"
    yield from _hidden(plan)


def _progress_lines(operation: Operation, plan: DeploymentPlan) -> Iterator[str]:
    if operation.state is State.REQUESTED:
        yield from _blocker_lines(plan) if plan.is_blocked else _machine_preview(plan)
        return
    if operation.started_at is None:
        yield from _blocker_lines(plan)
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


def _hidden(plan: DeploymentPlan) -> Iterator[str]:
    more = len(plan.machines) - MACHINES_SHOWN
    if more > 0:
        yield f"… and {more} more Machines"


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


def _buttons(operation: Operation, plan: DeploymentPlan) -> list[Block]:
    if operation.state is State.REQUESTED:
        dismiss = button("Dismiss", action=CANCEL, value=operation.id, label="Dismiss this plan")
        return [actions(dismiss) if plan.is_blocked else actions(_deploy_button(operation), dismiss)]
    if operation.is_active and not operation.cancel_requested_by:
        ask = confirmation(
            "Cancel this deployment?",
            _cancel_words(plan),
            "Cancel deployment",
            "Let it run",
        )
        return [actions(button("Cancel", action=CANCEL, value=operation.id, style="danger", confirm=ask))]
    if operation.state in UNSUCCESSFUL and operation.started_at is not None:
        return [actions(button("Retry", action=RETRY, value=operation.id, label="Do what is missing"))]
    return []


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
    what = f"{escape(plan.ref)} ({plan.commit.short}) to {plan.app} ({plan.environment}), by {operation.actor.mention}"
    message = operation.outcome.get("message", "") if operation.is_final else ""
    parts = [f"Deployment of {what}, {_state(operation)}.", prose(message), receipt_line(operation)]
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
