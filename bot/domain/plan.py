"""What every kind of operation is asked and planned as. Pure."""

from __future__ import annotations

from typing import TypeAlias

from bot.domain.deployment import DeploymentPlan, DeploymentRequest
from bot.domain.scale import ScalePlan, ScaleRequest

Plan: TypeAlias = DeploymentPlan | ScalePlan
Request: TypeAlias = DeploymentRequest | ScaleRequest


def difference(shown: Plan, fresh: Plan) -> str:
    """What changed since a plan was shown, in words; empty where nothing that matters did."""
    if isinstance(shown, ScalePlan) and isinstance(fresh, ScalePlan):
        return shown.difference(fresh)
    # The kind of an operation does not change, so neither does that of its plans.
    assert isinstance(shown, DeploymentPlan)
    assert isinstance(fresh, DeploymentPlan)
    return shown.difference(fresh)
