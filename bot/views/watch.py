"""What is said of the watch after a success: a line below the card, and a message of its own where there is trouble."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import datetime

from bot.domain.deployment import DeploymentPlan
from bot.domain.model import Actor, MigrationRisk
from bot.domain.operation import Operation
from bot.domain.watch import Phase, Watch, nothing_before
from bot.views.blocks import (
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
    prose,
    section,
)
from bot.views.machines import BAD, MACHINES_SHOWN
from bot.views.words import took

ROLL_BACK = "watch_roll_back"
STOP = "watch_stop_restore"

EYES = "👀"
# The countdown is shown in steps, since it is edited seldom.
STEP_S = 5
# What all Machines together may say: escaped, and with the rest, it fits a section.
WORDS_SHOWN = 1200
HEADLINES = {
    Phase.TROUBLE: "🚨 *Trouble*",
    Phase.RECOVERED: "💚 *Well again*",
    Phase.HEALED: "💚 *Well again*",
    Phase.UNHEALED: "🚨 *Still trouble*",
    Phase.RESTORING: "↩ *Being restored*",
    Phase.RESTORED: "↩ *Being restored*",
    Phase.SUPERSEDED: "⏹ *Superseded*",
    Phase.MISSED: "⏹ *No longer watched*",
}
PRESSABLE = frozenset({Phase.TROUBLE, Phase.RECOVERED, Phase.HEALED, Phase.UNHEALED})


def with_watch(card: Message, operation: Operation, plan: DeploymentPlan, watch: Watch | None) -> Message:
    """The card of a deployment that succeeded, with the watch as its last line; `watch` is None before it began."""
    if operation.finished_at is None or plan.watch_s <= 0:
        return card
    return dataclasses.replace(card, blocks=[*card.blocks, context(_card_line(operation, plan, watch))])


def trouble(operation: Operation, plan: DeploymentPlan, watch: Watch, now: datetime, *, whom: Actor) -> Message:
    """The one message about the trouble of a watch, as it stands now, to the person whom it concerns."""
    head = f"{HEADLINES[watch.phase]} · {_what(plan)}   {whom.mention}"
    machines, standing = list(_machine_lines(watch)), list(_standing(plan, watch, now))
    blocks = [section("\n".join([head, *machines]))]
    if standing:
        blocks.append(section("\n".join(standing)))
    if watch.tail and watch.phase in {Phase.TROUBLE, Phase.UNHEALED}:
        first = watch.troubles[0]
        whose = f"Last lines of {first.region} {code(first.machine_id)}:\n"
        blocks.append(section(whose + code_block("\n".join(watch.tail), 2500)))
    blocks.append(context(_footer(operation, watch)))
    if buttons := list(_buttons(operation, plan, watch)):
        blocks.append(actions(*buttons))
    return Message(text=clip_mrkdwn(" ".join([head, *standing, *machines]), 3000), blocks=blocks)


def waits_already() -> Message:
    """The second click: the first one's plan is there."""
    return Message(text="You asked for that already: its plan waits, or is being made; look at its card.")


def _card_line(operation: Operation, plan: DeploymentPlan, watch: Watch | None) -> str:
    assert operation.finished_at is not None
    if watch is None or watch.phase is Phase.WATCHING:
        end = operation.finished_at.timestamp() + plan.watch_s
        until = watch.until if watch else datetime.fromtimestamp(end, operation.finished_at.tzinfo)
        return f"{EYES} Watching the Machines until {_clock(until)}"
    if watch.since is not None:
        ends = {Phase.RECOVERED: ", well again", Phase.HEALED: ", well again", Phase.RESTORED: ", being restored"}
        return f"🚨 Trouble since {_clock(watch.since)}{ends.get(watch.phase, '')}: see the message about it"
    words = {
        Phase.QUIET: f"{EYES} Watched {took(plan.watch_s)}, no trouble",
        Phase.SUPERSEDED: f"{EYES} Watched until something newer took over, no trouble",
    }
    return words.get(watch.phase, "Not watched to the end: Flytower was away, or Fly did not answer")


def _what(plan: DeploymentPlan) -> str:
    return f"{code(plan.app)} → *{escape(plan.environment)}*   {code(plan.ref)}"


def _machine_lines(watch: Watch) -> Iterator[str]:
    icon = BAD if watch.phase in {Phase.TROUBLE, Phase.UNHEALED} else "•"
    shown = watch.troubles[:MACHINES_SHOWN]
    for found in shown:
        what = prose(found.what, WORDS_SHOWN // len(shown), mentions=False)
        yield f"{icon} {found.region} {code(found.machine_id)}  {what}"
    more = len(watch.troubles) - MACHINES_SHOWN
    if more > 0:
        yield f"… and {more} more Machines"


def _standing(plan: DeploymentPlan, watch: Watch, now: datetime) -> Iterator[str]:
    if watch.restore_at is not None:
        left = max(0, round((watch.restore_at - now).total_seconds() / STEP_S) * STEP_S)
        when = f"at {watch.restore_at:%H:%M:%S} UTC, in {left} s" if left else "as soon as Fly answers"
        yield f"⏳ *Restores {code(plan.live_ref)}* {when}, unless somebody stops it."
    said = {
        Phase.RECOVERED: "The Machines are well again; the lines above say what was.",
        Phase.HEALED: "The Machines are well again; the watch is over.",
        Phase.UNHEALED: "The watch is over, the trouble is not.",
        Phase.RESTORING: f"Flytower restores {code(plan.live_ref)}.",
        Phase.RESTORED: f"Flytower restores {code(plan.live_ref)}: its card says how that goes.",
        Phase.SUPERSEDED: "Something newer runs on the app, so this is over.",
    }
    if words := said.get(watch.phase):
        yield words
    if watch.note:
        yield prose(watch.note)
    if watch.phase in PRESSABLE and (refusal := nothing_before(plan)):
        yield f"There is nothing to roll back to: {refusal}."


def _footer(operation: Operation, watch: Watch) -> str:
    assert watch.since is not None
    assert operation.finished_at is not None
    end = "watched until" if watch.is_open else "was to be watched until"
    live, since = _clock(operation.finished_at), f"{watch.since:%H:%M:%S} UTC"
    return f"Live since {live}, trouble since {since}, {end} {_clock(watch.until)}"


def _buttons(operation: Operation, plan: DeploymentPlan, watch: Watch) -> Iterator[Block]:
    if watch.restore_at is not None:
        yield button("Stop", action=STOP, value=operation.id, style="primary", label="Stop the restore")
    if watch.phase in PRESSABLE and not nothing_before(plan):
        label = f"Roll back to {plan.live_ref}"
        ask = confirmation("Roll back?", _contract(plan), "Roll back")
        yield button("Roll back", action=ROLL_BACK, value=operation.id, style="danger", confirm=ask, label=label)


def _contract(plan: DeploymentPlan) -> str:
    migrations = "" if plan.migrations.risk is MigrationRisk.NONE else " *A migration may be in range.*"
    return (
        f"Comes back: the image of {code(plan.live_ref, 60)}. Stays: migrations and data; config and secrets are "
        f"today's.{migrations}"
    )


def _clock(at: datetime) -> str:
    return f"{at:%H:%M} UTC"
