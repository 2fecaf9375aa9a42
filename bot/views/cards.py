"""The card of every kind of operation: which view shows it."""

from __future__ import annotations

from bot.domain.model import Actor
from bot.domain.operation import Operation
from bot.domain.plan import Plan
from bot.domain.scale import ScalePlan
from bot.views import deployments, scalings
from bot.views.blocks import Message


def card(operation: Operation, plan: Plan) -> Message:
    """The operation's one message, as it stands now."""
    if isinstance(plan, ScalePlan):
        return scalings.card(operation, plan)
    return deployments.card(operation, plan)


def ended(operation: Operation, plan: Plan, *, whom: Actor) -> Message:
    """The reply that says how it ended, to the person whom it concerns."""
    if isinstance(plan, ScalePlan):
        return scalings.ended(operation, plan, whom=whom)
    return deployments.ended(operation, plan, whom=whom)


def refused(plan: Plan) -> Message:
    """What the policy refuses: every reason, and what lifts it."""
    return scalings.refused(plan) if isinstance(plan, ScalePlan) else deployments.refused(plan)


def not_started(difference: str, plan: Plan) -> Message:
    """The answer to a button where the plan is not true any more; `plan` is the one of now."""
    rows = [] if isinstance(plan, ScalePlan) else deployments.ways_out(plan)
    return deployments.not_started(difference, rows)
