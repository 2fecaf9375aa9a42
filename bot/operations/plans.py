"""Plans as they are stored: JSON in the operation's row, values in the code."""

from __future__ import annotations

from typing import Any

import msgspec

from bot.domain.deployment import DeploymentPlan, DeploymentRequest
from bot.domain.operation import Operation


def to_json(plan: DeploymentPlan) -> dict[str, Any]:
    """The plan as JSON values."""
    stored: dict[str, Any] = msgspec.to_builtins(plan)
    return stored


def request_of(operation: Operation) -> DeploymentRequest:
    """What was asked of a deployment."""
    return msgspec.convert(operation.request, DeploymentRequest)


def plan_of(operation: Operation) -> DeploymentPlan:
    """The plan of an operation that was planned."""
    return msgspec.convert(operation.plan, DeploymentPlan)
