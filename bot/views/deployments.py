"""The deployment card and what is said around it: pure functions of the operation, its plan and its journal."""

from __future__ import annotations

from collections.abc import Iterator

from bot.domain.deployment import DeploymentPlan, PlannedMachine
from bot.domain.model import CiState, MigrationRisk, Relation
from bot.domain.operation import JournalRow, Operation, State, StepStatus
from bot.domain.rollout import Step, moved
from bot.views.blocks import (
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

CONFIRM = "deployment_confirm"
CANCEL = "deployment_cancel"

DONE, DOING, BAD, WARN, UNTOUCHED, ASLEEP = "✔", "…", "✖", "⚠", "•", "☾"
COMMITS_SHOWN = 8
MIGRATIONS_SHOWN = 5
MACHINES_SHOWN = 12
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
    lines = [_headline(operation, plan), *_plan_lines(plan), *_progress_lines(operation, plan)]
    blocks = [section("\n".join(lines))]
    if commits := _commits(plan):
        blocks.append(context(commits))
    if ending := "\n".join(_ending_lines(operation, plan)):
        blocks.append(section(ending))
    blocks.extend(_buttons(operation))
    return Message(text=_summary(operation, plan), blocks=blocks)


def plan_preview(plan: DeploymentPlan, *, by: str) -> Message:
    """A dry run: the plan, private, with nothing to press."""
    head = f"📋 *Plan only* — {code(plan.app)} → *{escape(plan.environment)}*   {_ref(plan)}"
    blocks = [section("\n".join([head, *_plan_lines(plan), *_machine_preview(plan)]))]
    if commits := _commits(plan):
        blocks.append(context(commits))
    if plan.is_blocked:
        blocks.append(section("\n".join(_blocker_lines(plan))))
    verdict = "it would be refused" if plan.is_blocked else "nothing speaks against it"
    blocks.append(context(f"Nothing was changed; {verdict}. Asked by {by}."))
    return Message(text=f"Plan: {escape(plan.ref)} to {plan.app} ({plan.environment}); {verdict}.", blocks=blocks)


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


def ended(operation: Operation, plan: DeploymentPlan) -> Message:
    """The reply that says how it ended, since edits notify nobody."""
    text = _summary(operation, plan)
    mention = operation.actor.mention
    lines = [f"{ICON[operation.state]} {mention} {_ref(plan)} to *{escape(plan.environment)}*: {_state(operation)}"]
    if operation.state is State.SUCCEEDED:
        lines[0] += f" in {_regions(plan)}, {_took(operation)}. {receipt_line(operation)}"
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


def receipt_line(operation: Operation) -> str:
    """`Ship receipt: 2 of 2 Machines on the image.`, or an empty string before the Machines were read back."""
    row = operation.row(Step.RECEIPT)
    if row is None or row.status is StepStatus.FAILED:
        return ""
    machines = row.detail["machines"]
    on_image = sum(machine["on_image"] for machine in machines)
    return f"Ship receipt: {on_image} of {len(machines)} Machines on the image."


def _headline(operation: Operation, plan: DeploymentPlan) -> str:
    why = f" · “{escape(plan.why)}”" if plan.why else ""
    state = f"{ICON[operation.state]} *{_state(operation).capitalize()}*"
    return (
        f"{state} · {code(plan.app)} → *{escape(plan.environment)}*   {_ref(plan)}   by {operation.actor.mention}{why}"
    )


def _ref(plan: DeploymentPlan) -> str:
    return f"{code(plan.ref)} ({link(plan.commit.url, plan.commit.short)})"


def _state(operation: Operation) -> str:
    if operation.cancel_requested_by and operation.is_active:
        return f"being cancelled, asked by <@{operation.cancel_requested_by}>"
    return STATE_WORDS[operation.state]


def _plan_lines(plan: DeploymentPlan) -> Iterator[str]:
    live = code(plan.live_ref) if plan.live_ref else "nothing"
    yield f"from {live} · {_change_count(plan)} · {_migration_words(plan)}"
    if plan.image is not None:
        pin = f"{plan.image.repository}@{clip(plan.image.digest, 20)}"
        yield f"{DONE} image {code(clip(plan.image.label, 16))} {code(pin)}"
    else:
        yield f"{BAD} no image of this commit"
    if plan.ci.state is not CiState.SUCCESS:
        yield f"{WARN} CI: {link(plan.ci.url, plan.ci.state)}"
    for warning in plan.warnings:
        yield f"{WARN} {prose(warning)}"


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
    yield from _release_lines(operation, plan)
    for machine in plan.machines[:MACHINES_SHOWN]:
        yield _machine_line(operation, machine)
    yield from _hidden(plan)
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


def _machine_line(operation: Operation, machine: PlannedMachine) -> str:
    name = f"{machine.region} {code(machine.id)}"
    restored = operation.row(Step.RESTORE, machine.id)
    is_unrestored = restored is not None and restored.status is StepStatus.FAILED
    if not is_unrestored and (read_back := _read_back(operation, machine.id)) is not None:
        return f"{_read_back_icon(operation, read_back)} {name}  {_read_back_words(read_back)}"
    if restored is not None:
        return f"{_restore_words(restored).replace('NAME', name)}"
    if operation.is_final:
        return f"{WARN} {name}  not read back"
    proving = operation.row(Step.PROVE_IMAGE, machine.id)
    row = operation.row(Step.UPDATE, machine.id)
    if proving is not None and not operation.done(Step.PROVE_IMAGE):
        return f"{DOING} {name}  booting once to prove the image"
    if row is None:
        return f"{DOING} {name}  {machine.state} · waits"
    if row.status is StepStatus.STARTED:
        return f"{DOING} {name}  updating"
    return f"{DONE} {name}  updated, healthy" if row.detail["proven"] else f"{DONE} {name}  updated, asleep {ASLEEP}"


def _read_back(operation: Operation, machine_id: str) -> dict[str, object] | None:
    row = operation.row(Step.RECEIPT)
    machines = row.detail["machines"] if row else []
    return next((machine for machine in machines if machine["id"] == machine_id), None)


def _read_back_icon(operation: Operation, seen: dict[str, object]) -> str:
    if seen["on_image"]:
        return DONE
    return BAD if seen["id"] in moved(operation) and not operation.done(Step.RESTORE, str(seen["id"])) else UNTOUCHED


def _read_back_words(seen: dict[str, object]) -> str:
    checks = f" · {seen['checks_passing']}/{seen['checks']} checks" if seen.get("checks") else ""
    if seen["state"] in {"stopped", "suspended"}:
        checks = f" {ASLEEP}"
    where = "on the image" if seen["on_image"] else f"on {code(clip(str(seen['label'] or seen['digest']), 16))}"
    return f"{escape(str(seen['state']))}{checks} · {where}"


def _restore_words(row: JournalRow) -> str:
    if row.status is StepStatus.STARTED:
        return f"{DOING} NAME  restoring the previous image"
    if row.status is StepStatus.FAILED:
        return f"{BAD} NAME  could not be restored: {escape(row.detail['message'])}"
    return f"{DONE} NAME  previous image restored"


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
    yield from _where_things_stand(operation, plan)


def _where_things_stand(operation: Operation, plan: DeploymentPlan) -> Iterator[str]:
    receipt = operation.row(Step.RECEIPT)
    if receipt is None or receipt.status is StepStatus.FAILED:
        yield f"{WARN} The Machines could not be read back; look with `fly machine list -a {plan.app}`."
        return
    machines = receipt.detail["machines"]
    on_new = sum(machine["on_image"] for machine in machines)
    before = {machine.id: machine.image.digest for machine in plan.machines}
    if all(machine["digest"] == before[machine["id"]] for machine in machines):
        yield f"{_all(machines)} what ran before."
    elif on_new == len(machines):
        yield f"{_all(machines)} the new image."
    else:
        yield f"*Mixed*: {on_new} of {len(machines)} Machines run the new image, the lines above say which."
    if operation.outcome.get("not_restored"):
        yield f"The previous image was not restored: {prose(operation.outcome['not_restored'])}."
        yield f"To go back: `/deploy {plan.environment} {plan.live_ref}`"


def _all(machines: list[object]) -> str:
    return "The one Machine runs" if len(machines) == 1 else f"All {len(machines)} Machines run"


def _buttons(operation: Operation) -> list[Block]:
    if operation.state is State.REQUESTED:
        dismiss = button("Dismiss", action=CANCEL, value=operation.id, label="Dismiss this plan")
        return [actions(_deploy_button(operation), dismiss)]
    if operation.is_active and not operation.cancel_requested_by:
        ask = confirmation(
            "Cancel this deployment?",
            "It stops after the current step, restores the previous image if the policy says so, and says where "
            "each Machine is.",
            "Cancel deployment",
            "Let it run",
        )
        return [actions(button("Cancel", action=CANCEL, value=operation.id, style="danger", confirm=ask))]
    return []


def _deploy_button(operation: Operation) -> Block:
    caption = f"Deploy to {operation.environment}"
    value = f"{operation.id}:{operation.plan_hash}"
    return button(caption, action=CONFIRM, value=value, style="primary", label=caption)


def _summary(operation: Operation, plan: DeploymentPlan) -> str:
    what = f"{escape(plan.ref)} ({plan.commit.short}) to {plan.app} ({plan.environment}), by {operation.actor.mention}"
    message = operation.outcome.get("message", "") if operation.is_final else ""
    parts = [f"Deployment of {what}, {_state(operation)}.", prose(message), receipt_line(operation)]
    return clip_mrkdwn(" ".join(part for part in parts if part), 3000)


def _regions(plan: DeploymentPlan) -> str:
    return " and ".join(sorted({machine.region for machine in plan.machines}))


def _took(operation: Operation) -> str:
    assert operation.started_at is not None
    assert operation.finished_at is not None
    seconds = int((operation.finished_at - operation.started_at).total_seconds())
    return f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"
