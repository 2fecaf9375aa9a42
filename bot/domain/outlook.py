"""What a deployment would meet now: what `/deploy why` tells before somebody tries. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.deployment import DeploymentPlan
from bot.domain.status import Rules
from bot.errors import BotError


@dataclass(frozen=True)
class Outlook:
    """What a deployment of `ref` would meet; an empty `ref`: there is nothing yet that releases to the environment.

    Without a `plan` there is the `problem` why none could be made. `rules` are what the database and the calendar say,
    whoever else does not answer.
    """

    environment: str
    ref: str
    rules: Rules
    plan: DeploymentPlan | None = None
    problem: BotError | None = None
