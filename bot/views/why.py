"""Why a deployment ended as it did: what was asked, which rule or step said no, where the Machines stand, what next."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from bot.domain.approval import ApprovalState
from bot.domain.deployment import Blocker, DeploymentPlan
from bot.domain.explanations import EXPLANATIONS
from bot.domain.model import Actor
from bot.domain.operation import JournalRow, Kind, Operation, State, StepStatus
from bot.domain.rollout import Step, failure
from bot.domain.text import quoted
from bot.errors import Reason
from bot.views.blocks import Block, Message, clip_mrkdwn, code, code_block, escape, prose, section
from bot.views.deployments import ICON, STATE_WORDS
from bot.views.machines import BAD, DOING, machine_lines, receipt_line, standing
from bot.views.words import place, ref_of, span, stamp, step_words, took

TAIL_LINES = 15
MACHINES_NAMED = 5
# Five parts and the log stay below what Slack takes in one message.
PART_LIMIT = 2000


def looking() -> Message:
    """The immediate answer to the command."""
    return Message(text="Looking into it…")


def nothing() -> Message:
    """The answer where nothing was ever done."""
    return Message(text="Nothing was deployed here with Flytower yet, so there is nothing to explain.")


def why(
    operation: Operation,
    plan: DeploymentPlan | None,
    *,
    running: Operation | None,
    later: Operation | None,
    now: datetime,
    workspace: str,
    part_limit: int = PART_LIMIT,
) -> Message:
    """The whole story of one operation, and what holds or moved the environment since.

    `workspace` is its address, for links to cards; `part_limit` is how long each of its six parts may be.
    """
    parts = [
        [_headline(operation, plan, now), *_asked(operation, workspace)],
        [*_decided(operation, plan), *_failed_step(operation)],
        [*_machines(operation, plan)],
        [*_next(operation)],
        [*_since(operation, running, later, now, workspace)],
    ]
    texts = ["\n".join(lines) for lines in parts if lines]
    blocks = [section(clip_mrkdwn(text, part_limit)) for text in texts]
    blocks[2:2] = _tail(operation, part_limit)
    return Message(text=clip_mrkdwn("\n".join(texts), 3500), blocks=blocks)


def _headline(operation: Operation, plan: DeploymentPlan | None, now: datetime) -> str:
    commit = f" ({plan.commit.short})" if plan else ""
    ended = operation.finished_at or operation.started_at or operation.created_at
    where = f"{escape(operation.pipeline)}/{escape(operation.environment)}"
    return (
        f"{ICON[operation.state]} *{where}* {_kind(operation)}{code(ref_of(operation), 100)}{commit}: "
        f"*{_outcome(operation)}* {span(now - ended)} ago"
    )


def _kind(operation: Operation) -> str:
    return "" if operation.kind is Kind.DEPLOYMENT else f"{operation.kind} to "


def _outcome(operation: Operation) -> str:
    is_refused = operation.state is State.FAILED and operation.started_at is None
    return "refused" if is_refused else STATE_WORDS[operation.state]


def _asked(operation: Operation, workspace: str) -> Iterator[str]:
    reason = str(operation.request.get("why", ""))
    said = f" · “{escape(reason, 300)}”" if reason else ""
    when, card = stamp(operation.created_at), place(operation.card, workspace)
    yield f"Asked by {operation.actor.mention} on {when}{said}{card}"
    approval = operation.approval
    if approval is not None and approval.state is ApprovalState.APPROVED:
        yield f"Approved by {Actor(approval.decided_by).mention}."
    if operation.started_at and operation.finished_at:
        seconds = (operation.finished_at - operation.started_at).total_seconds()
        yield f"Ran from {stamp(operation.started_at)} for {took(seconds)}."
    if operation.cancel_requested_by:
        yield f"<@{operation.cancel_requested_by}> asked to cancel it."


def _decided(operation: Operation, plan: DeploymentPlan | None) -> Iterator[str]:
    """Each rule that said no, or the failure: its sentence, its code, what the code means, who lifts it."""
    if plan and plan.is_blocked and operation.started_at is None:
        for blocker in plan.blockers:
            yield blocker_lines(blocker)
        return
    if not operation.reason:
        return
    message = str(operation.outcome.get("message", "")) or _rejection(operation)
    yield f"{BAD} {prose(message or _outcome(operation))} (`{operation.reason}`)"
    if hint := str(operation.outcome.get("hint", "")):
        yield f"      {prose(hint)}"
    if means := _means(operation.reason):
        yield f"      {means}"


def _rejection(operation: Operation) -> str:
    if operation.state is not State.REJECTED:
        return ""
    who, why = Actor(str(operation.outcome.get("by", ""))).mention, str(operation.outcome.get("note", ""))
    return f"{who} rejected it: {quoted(why)}" if why else f"{who} rejected it."


def blocker_lines(blocker: Blocker) -> str:
    """One rule that says no: its sentence and code, what the code means, who lifts it."""
    return "\n".join(
        [
            f"{BAD} {prose(blocker.message)} (`{blocker.reason}`)",
            f"      {_means(blocker.reason)}",
            f"      To lift it: {prose(blocker.lift)}",
        ]
    )


def _means(reason: str) -> str:
    """What the code means and who lifts it; nothing for a code of another version."""
    known = next((known for known in Reason if known == reason), None)
    if known is None:
        return ""
    explained = EXPLANATIONS[known]
    # The sentences are Markdown, where two asterisks are what one is to Slack.
    return f"{explained.what} What lifts it: {explained.lift}".replace("**", "*")


def _failed_step(operation: Operation) -> Iterator[str]:
    first = failure(operation)
    if first is not None:
        yield f"It ended at the step: {step_words(first.detail['step'])}{_at_machines(first)}, on {stamp(first.at)}."
    elif operation.is_active and operation.journal:
        yield f"{DOING} At the step: {step_words(operation.journal[-1].step)}."


def _at_machines(row: JournalRow) -> str:
    named = row.detail.get("machines") or []
    if not named:
        return ""
    more = f" and {len(named) - MACHINES_NAMED} more" if len(named) > MACHINES_NAMED else ""
    return f" at Machine {', '.join(code(name, 40) for name in named[:MACHINES_NAMED])}{more}"


def _tail(operation: Operation, limit: int) -> list[Block]:
    row = operation.row(Step.RELEASE_COMMAND)
    if row is None or row.status is not StepStatus.FAILED:
        return []
    lines = [str(line) for line in row.detail.get("tail") or ["(it logged nothing)"]]
    head = f"Last lines of the release command {code(str(row.detail.get('command', '')))}:"
    return [section(head), section(code_block("\n".join(lines[-TAIL_LINES:]), limit))]


def _machines(operation: Operation, plan: DeploymentPlan | None) -> Iterator[str]:
    if plan is None or operation.started_at is None:
        return
    yield from machine_lines(operation, plan)
    if receipt := receipt_line(operation):
        yield receipt
    if operation.is_final and operation.state is not State.SUCCEEDED:
        yield from standing(operation, plan)


def _next(operation: Operation) -> Iterator[str]:
    # A plan that was dismissed or that nobody confirmed is nothing to mend.
    if operation.state is not State.FAILED and (operation.state is not State.CANCELLED or not operation.started_at):
        return
    command, what = "/deploy", ref_of(operation)
    if operation.kind is Kind.ROLLBACK:
        command, what = "/rollback", _release(operation) or what
    again = f"{command} {operation.pipeline}/{operation.environment} {what}"
    yield f"*To try again*: {code(again, 320)}"


def _release(operation: Operation) -> str:
    """The release to go back to, by Fly's number, which stays what it is."""
    target = ((operation.plan or {}).get("contract") or {}).get("target") or {}
    return f"v{target['version']}" if target.get("version") else ""


def _since(
    operation: Operation, running: Operation | None, later: Operation | None, now: datetime, workspace: str
) -> Iterator[str]:
    if later:
        ended = later.finished_at or later.created_at
        yield f"Since then {_named(later)} went live, {span(now - ended)} ago."
    if running and running.id != operation.id:
        since = f" for {span(now - running.started_at)}" if running.started_at else ""
        yield f"Now {_named(running)} is {running.state}{since}{place(running.card, workspace)}."


def _named(operation: Operation) -> str:
    return f"{_kind(operation)}{code(ref_of(operation), 60)} by {operation.actor.mention}"
