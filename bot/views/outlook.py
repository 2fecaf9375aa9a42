"""What a deployment would meet now: every rule that says no, who has to approve it, what is in force at all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from bot.domain.deployment import DeploymentPlan
from bot.domain.model import Actor
from bot.domain.outlook import Outlook
from bot.views import incidents
from bot.views.blocks import Message, clip_mrkdwn, code, divider, escape, prose, section
from bot.views.machines import BAD, DONE, WARN
from bot.views.rules import rule_lines, ways_out
from bot.views.why import blocker_lines

# Beside the story of an operation they stay below what Slack takes in one message.
DECIDED_LIMIT, REST_LIMIT = 2000, 1200
STORY_PART_LIMIT = 1000


def outlook(found: Outlook, now: datetime, *, reader: Actor) -> Message:
    """What speaks for and against a deployment of this ref, with buttons for what its reader can lift."""
    parts = [
        (DECIDED_LIMIT, [_headline(found), *_decided(found), *_warnings(found)]),
        (REST_LIMIT, list(_in_force(found, now))),
    ]
    texts = [clip_mrkdwn("\n".join(lines), limit) for limit, lines in parts if lines]
    wants = f"/deploy {found.environment} {found.ref}"
    return Message("\n".join(texts), [*map(section, texts), *ways_out(found.rules, reader, wants)])


def joined(first: Message, second: Message) -> Message:
    """Two answers in one."""
    return Message(clip_mrkdwn(f"{first.text}\n{second.text}", 3500), [*first.blocks, divider(), *second.blocks])


def _headline(found: Outlook) -> str:
    where = f"*{escape(found.environment)}*"
    if found.plan is not None:
        verdict = _verdict(found.plan)
        return f"{verdict[0]} {code(found.ref, 100)} ({found.plan.commit.short}) to {where} now: *{verdict[1]}*"
    if found.problem is None:
        return f"{where} is released by tags, and there is none yet."
    return f"{BAD} What {code(found.ref, 100)} would meet in {where} cannot be told."


def _verdict(plan: DeploymentPlan) -> tuple[str, str]:
    if plan.is_blocked:
        return "🚫", "it would be refused"
    if plan.approval is not None:
        return "✋", "an approver would be asked"
    return DONE, "it would ask you to confirm its plan" if plan.needs_confirmation else "it would start at once"


def _decided(found: Outlook) -> Iterator[str]:
    if found.problem is not None:
        yield f"{BAD} {prose(str(found.problem))} (`{found.problem.reason}`)"
        if found.problem.hint:
            yield f"      {prose(found.problem.hint)}"
    plan = found.plan
    if plan is None:
        return
    for blocker in plan.blockers:
        yield blocker_lines(blocker)
    if plan.approval is not None:
        yield f"It needs an approval (`approval_needed`), by one of {plan.approval.mentions}, and not by whoever asks:"
        yield from (f"• {prose(because)}" for because in plan.approval.because)
    if plan.waived:
        yield f"🚨 No approval is needed now, because of *{escape(plan.waived)}*: it would be listed for review."


def _warnings(found: Outlook) -> Iterator[str]:
    for warning in found.plan.warnings if found.plan else ():
        yield f"{WARN} {prose(warning)}"


def _in_force(found: Outlook, now: datetime) -> Iterator[str]:
    rules = found.rules
    lines = [*([incidents.line(rules.incident)] if rules.incident else []), *rule_lines(rules, now)]
    if lines:
        yield "*In force there*"
        yield from lines
    elif found.plan is None:
        yield "No lock, no hold, no freeze, no incident."
