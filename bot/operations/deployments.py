"""Deployments and rollbacks: ask for one, look at its plan, try it again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import msgspec

from bot.domain.deployment import DeploymentPlan, DeploymentRequest
from bot.domain.model import Actor, Environment
from bot.domain.operation import ACTIVE, UNSUCCESSFUL, Kind, Operation, State
from bot.errors import NotAllowed, Reason, StaleAction
from bot.operations.people import People
from bot.operations.planning import Planner
from bot.operations.plans import plan_of, request_of
from bot.operations.requests import past
from bot.ports import Clock
from bot.store import NewOperation, Store

# Two clicks within this time are one.
DOUBLE_CLICK_S = 10


class Deployments:
    """What is asked of deployments and rollbacks alone; their plan, start and end are every operation's."""

    def __init__(
        self,
        store: Store,
        planner: Planner,
        people: People,
        clock: Clock,
        environment: Callable[[str], Environment],
    ) -> None:
        self._store = store
        self._planner = planner
        self._people = people
        self._clock = clock
        self._environment = environment

    async def request(self, request: DeploymentRequest, *, by: Actor, channel: str, key: str) -> tuple[Operation, bool]:
        """Store what was asked; the same request again gives the first operation and False.

        Raises NotFound for an environment that does not exist, NotAllowed for a rollback of one that has none. Talks
        to nobody, so it answers at once.
        """
        environment = self._environment(request.environment)
        refuse_without_rollback(environment, request)
        new = NewOperation(
            request_key=key,
            kind=Kind.ROLLBACK if request.goes_back else Kind.DEPLOYMENT,
            app=environment.app,
            environment=environment.name,
            pipeline=environment.pipeline,
            actor=by,
            channel=channel,
            request=msgspec.to_builtins(dataclasses.replace(request, environment=environment.title)),
        )
        return await self._store.create_operation(new, self._clock.now())

    async def retry(self, operation_id: str, *, by: Actor, channel: str) -> tuple[Operation, bool]:
        """Store a request to do what is missing of a deployment that did not succeed; False where one is under way.

        Raises StaleAction where there is nothing to try again.
        """
        earlier = await self._store.operation(operation_id)
        if earlier.started_at is None or earlier.state not in UNSUCCESSFUL:
            raise StaleAction(f"There is nothing to try again: the deployment {past(earlier.state)}.")
        for operation in await self._store.operations(State.REQUESTED, *ACTIVE):
            if operation.request.get("retry_of") == operation_id:
                return operation, False
        plan, asked = plan_of(earlier), request_of(earlier)
        release = plan.contract.target if plan.contract else None
        request = dataclasses.replace(
            asked,
            ref=plan.ref,
            retry_of=earlier.id,
            seen_hash="",
            # What was `previous` then may be something else by now; who came from a card named no release.
            release=release.name if asked.release and release and release.version else asked.release,
        )
        # Both halves of a double click are the same request.
        key = f"retry {earlier.id} {int(self._clock.now().timestamp() / DOUBLE_CLICK_S)}"
        return await self.request(request, by=by, channel=channel, key=key)

    def release_branch(self, environment: str) -> str:
        """The branch that releases to the environment; empty where tags do. NotFound."""
        found = self._environment(environment)
        return "" if found.released_by == "tag" else found.release_ref

    async def newest_release(self, environment: str, *, by: Actor) -> str:
        """The newest tag that releases to the environment, or an empty string. NotAllowed."""
        await self._people.require_member(by)
        return await self._planner.newest_release(self._environment(environment))

    async def dry_run(self, request: DeploymentRequest, *, by: Actor) -> DeploymentPlan:
        """The plan alone: nothing is stored and nothing starts."""
        environment = self._environment(request.environment)
        refuse_without_rollback(environment, request)
        await self._people.require_member(by)
        return await self._planner.plan(environment, request, actor=by)


def refuse_without_rollback(environment: Environment, request: DeploymentRequest) -> None:
    """Return unless a rollback is asked of an environment that only goes forward; NotAllowed with the way forward."""
    if request.release and not environment.policy.rollback:
        raise NotAllowed(
            f"`{environment.name}` has no formal rollback: it goes forward with the next push to "
            f"`{environment.release_ref}`.",
            hint=f"Push a fix or a revert, or `/deploy {environment.name} COMMIT` for an earlier commit. "
            "`policy.rollback` switches `/rollback` on.",
            reason=Reason.ROLLBACK_OFF,
        )
