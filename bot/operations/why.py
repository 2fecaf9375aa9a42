"""Why an environment is not where somebody wanted it: the operation to explain, and what happened since."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.domain.model import Actor, Environment
from bot.domain.operation import ACTIVE, Operation, State
from bot.operations.people import People
from bot.queries import Queries


@dataclass(frozen=True)
class Case:
    """What there is to explain. `operation` is None where nothing was ever done.

    `running` holds the environment now; `later` succeeded after the one that is explained.
    """

    operation: Operation | None
    running: Operation | None = None
    later: Operation | None = None


class Whys:
    """The use case behind `/deploy why`."""

    def __init__(self, queries: Queries, people: People, environment: Callable[[str], Environment]) -> None:
        self._queries = queries
        self._people = people
        self._environment = environment

    def title_of(self, name: str) -> str:
        """The unambiguous name of an environment, empty for none; NotFound."""
        return self._environment(name).title if name else ""

    async def case(self, title: str, *, by: Actor) -> Case:
        """The newest operation that ended badly or was refused, else the running one, else the newest. NotAllowed."""
        await self._people.require_member(by)
        running = await self._queries.newest(title, states=ACTIVE)
        bad = await self._queries.newest_failure(title)
        if bad is None:
            return Case(running or await self._queries.newest(title), running)
        good = await self._queries.newest(f"{bad.pipeline}/{bad.environment}", states=[State.SUCCEEDED])
        return Case(bad, running, good if good and good.id > bad.id else None)
