"""What a rollback does beyond a rollout: it holds what it came from."""

from __future__ import annotations

from collections.abc import Callable

from bot.domain.deployment import DeploymentPlan
from bot.domain.model import Environment
from bot.domain.rollback import nothing_to_hold
from bot.domain.rollout import Action, Step
from bot.holds import Holds, NewHold
from bot.operations.engine import Run


class HoldStep:
    """Holds the commits that a rollback brought away. A step of `bot.operations.rollout.Rollout`."""

    def __init__(self, holds: Holds, environment: Callable[[str], Environment]) -> None:
        self._holds = holds
        self._environment = environment

    async def __call__(self, run: Run, plan: DeploymentPlan, _: Action) -> None:
        """Write the hold, once however often it is taken, or record why there is none."""
        # Only plans with a contract come here.
        assert plan.contract is not None
        if problem := nothing_to_hold(plan.contract, plan.changes.relation):
            await run.done(Step.HOLD, warning=problem)
            return
        bad, good, operation = plan.contract.current, plan.contract.target, run.operation
        environment = self._environment(operation.request["environment"])
        new = NewHold(
            environment=environment.title,
            repository=environment.repository,
            operation_id=operation.id,
            good=good.image.sha,
            good_ref=good.ref,
            bad=bad.image.sha,
            bad_ref=bad.ref,
            by=operation.actor,
            why=plan.why,
        )
        hold = await self._holds.place(new, run.clock.now())
        await run.done(Step.HOLD, hold=hold.id, environment=hold.environment, bad_ref=hold.bad_ref)
