"""Plans as they are stored: JSON in the operation's row, values in the code."""

from __future__ import annotations

from typing import Any

import msgspec

from bot.domain.deployment import DeploymentPlan, DeploymentRequest
from bot.domain.operation import Kind, Operation
from bot.domain.plan import Plan, Request
from bot.domain.scale import ScalePlan, ScaleRequest


def to_json(plan: Plan) -> dict[str, Any]:
    """The plan as JSON values."""
    stored: dict[str, Any] = msgspec.to_builtins(plan)
    return stored


def request_of(operation: Operation) -> DeploymentRequest:
    """What was asked of a deployment or a rollback."""
    return msgspec.convert(operation.request, DeploymentRequest)


def scale_request_of(operation: Operation) -> ScaleRequest:
    """What was asked of a scaling."""
    return msgspec.convert(operation.request, ScaleRequest)


def any_request_of(operation: Operation) -> Request:
    """What was asked of an operation of any kind."""
    return scale_request_of(operation) if operation.kind is Kind.SCALING else request_of(operation)


def plan_of(operation: Operation) -> DeploymentPlan:
    """The plan of a deployment or a rollback that was planned."""
    return msgspec.convert(operation.plan, DeploymentPlan)


def scale_plan_of(operation: Operation) -> ScalePlan:
    """The plan of a scaling that was planned."""
    return msgspec.convert(operation.plan, ScalePlan)


def any_plan_of(operation: Operation) -> Plan:
    """The plan of an operation of any kind that was planned."""
    return scale_plan_of(operation) if operation.kind is Kind.SCALING else plan_of(operation)
