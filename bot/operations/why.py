"""Why an environment is not where somebody wanted it: what stands in the way now, and what went wrong last."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from bot.domain.deployment import DeploymentPlan, DeploymentRequest
from bot.domain.model import Actor, Environment
from bot.domain.operation import ACTIVE, Operation, State
from bot.domain.outlook import Outlook
from bot.errors import BotError, Conflict, NotFound, RemoteError
from bot.operations.deployments import Deployments
from bot.operations.people import People
from bot.operations.status import rules_at
from bot.ports import Clock
from bot.queries import Queries
from bot.store import Store


@dataclass(frozen=True)
class Case:
    """What there is to explain. `operation` is None where nothing was ever done.

    `running` holds the environment now; `later` succeeded after the one that is explained.
    """

    operation: Operation | None
    running: Operation | None = None
    later: Operation | None = None


class Whys:
    """The use cases behind `/deploy why`."""

    def __init__(
        self,
        queries: Queries,
        people: People,
        environment: Callable[[str], Environment],
        deployments: Deployments,
        store: Store,
        clock: Clock,
    ) -> None:
        self._queries = queries
        self._people = people
        self._environment = environment
        self._deployments = deployments
        self._store = store
        self._clock = clock

    def title_of(self, name: str) -> str:
        """The unambiguous name of an environment, empty for none; NotFound."""
        return self._environment(name).title if name else ""

    async def outlook(self, title: str, ref: str, *, by: Actor) -> Outlook:
        """What stands in the way of a deployment now: a dry run, and the rules whether or not it can be made.

        Without a ref it is about what a bare `/deploy` would take: the branch that releases, or the newest tag.
        Raises NotAllowed.
        """
        await self._people.require_member(by)
        environment = self._environment(title)
        found, (ref, plan, problem) = await asyncio.gather(
            self._store.rules_in_force(environment.title), self._tried(environment.title, ref, by)
        )
        rules = rules_at(self._clock.now(), environment, found)
        return Outlook(environment.title, ref, rules, plan, problem)

    async def _tried(self, title: str, ref: str, by: Actor) -> tuple[str, DeploymentPlan | None, BotError | None]:
        """The ref that was meant, its plan, and why there is none."""
        try:
            ref = ref or self._deployments.release_branch(title) or await self._deployments.newest_release(title, by=by)
            plan = await self._deployments.dry_run(DeploymentRequest(title, ref), by=by) if ref else None
        except (RemoteError, NotFound, Conflict) as error:
            return ref, None, error
        return ref, plan, None

    async def case(self, title: str, *, by: Actor) -> Case:
        """The newest operation that ended badly or was refused, else the running one, else the newest. NotAllowed."""
        await self._people.require_member(by)
        running = await self._queries.newest(title, states=ACTIVE)
        bad = await self._queries.newest_failure(title)
        if bad is None:
            return Case(running or await self._queries.newest(title), running)
        good = await self._queries.newest(f"{bad.pipeline}/{bad.environment}", states=[State.SUCCEEDED])
        return Case(bad, running, good if good and good.id > bad.id else None)
