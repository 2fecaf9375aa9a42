"""The statistics of deliveries: who may ask, of which environments, over which days."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from bot.domain.dora import Performance, performance
from bot.domain.model import Actor, Environment
from bot.operations.people import People
from bot.ports import Clock
from bot.queries import Queries


class Statistics:
    """Answers from the bot's own records alone."""

    def __init__(
        self,
        queries: Queries,
        people: People,
        clock: Clock,
        environments: Sequence[Environment],
        environment: Callable[[str], Environment],
    ) -> None:
        self._queries = queries
        self._people = people
        self._clock = clock
        self._environments = environments
        self._environment = environment

    async def of(self, name: str, days: int, *, by: Actor) -> Mapping[str, Performance]:
        """The figures of the past days by environment, of all where no name is given, in the configuration's order.

        Raises NotFound for an environment that does not exist, NotAllowed.
        """
        asked = [self._environment(name)] if name else self._environments
        await self._people.require_member(by)
        until = self._clock.now()
        since = until - timedelta(days=days)
        deployed = await self._queries.deployed_since(since)
        return {each.title: performance(deployed.get(each.title, []), since=since, until=until) for each in asked}
