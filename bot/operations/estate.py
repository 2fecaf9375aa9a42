"""The regular look at what runs: where it is not as it should be, the bot proposes the scaling that mends it.

Once for each difference, which two looks have to see, and never while somebody is at work. Nothing is changed here: a
person presses the button, and in production a second one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from bot.domain.estate import Difference, difference, is_moving
from bot.domain.model import Environment
from bot.domain.operation import Kind, State
from bot.domain.size import Prices
from bot.errors import BotError
from bot.operations.facts import Facts
from bot.operations.people import BOT
from bot.operations.plans import scale_plan_of
from bot.operations.requests import Requests
from bot.operations.scale_planning import ScalePlanner
from bot.operations.scalings import Scalings
from bot.ports import Clock
from bot.queries import Queries
from bot.scale_differences import ScaleDifferences, Seen
from bot.store import Store

log = structlog.get_logger()

# What is seen once may be over in a moment: a restart, a Machine that somebody is just making.
CONFIRMED_AFTER = timedelta(seconds=30)
# So many of the newest scalings say what people decided.
DECISIONS = 20
OVER = "What it would have mended is not so any more."


class Estate:
    """Compares the Machines of each environment with its config and with what people decided."""

    def __init__(
        self,
        environments: Sequence[Environment],
        store: Store,
        facts: Facts,
        planner: ScalePlanner,
        scalings: Scalings,
        requests: Requests,
        clock: Clock,
        prices: Prices,
    ) -> None:
        self._environments = [each for each in environments if each.policy.scale_check]
        self._store = store
        self._queries = Queries(store)
        self._differences = ScaleDifferences(store)
        self._facts = facts
        self._planner = planner
        self._scalings = scalings
        self._requests = requests
        self._clock = clock
        self._prices = prices
        # When each environment was looked at last.
        self._looked: dict[str, datetime] = {}

    def released(self) -> None:
        """Somebody else may have changed any of them: the next look is at all."""
        self._looked.clear()

    async def tick(self) -> float | None:
        """Look at every environment that is due; the seconds until the next look, or None where none is looked at."""
        waits = await asyncio.gather(*(self._look(environment) for environment in self._environments))
        return min(waits, default=None)

    async def _look(self, environment: Environment) -> float:
        """Look at one environment, where it is time or an operation ended; the seconds until that is due again."""
        usual, now = environment.policy.scale_check.total_seconds(), self._clock.now()
        last = self._looked.get(environment.title)
        if last is not None and not await self._queries.has_ended(environment.title, since=last):
            left = usual - (now - last).total_seconds()
            if left > 0:
                return left
        self._looked[environment.title] = now
        try:
            if await self._store.active_operation(environment.app) is not None:
                # Its end is a change, after which this is looked at again; until then Fly is asked nothing.
                return usual
            machines = await self._facts.machines(environment)
            if not machines or is_moving(machines):
                return usual
            decided = await self._queries.scaled(environment.title, limit=DECISIONS)
            plans = [scale_plan_of(operation) for operation in decided]
            found = difference(environment, machines, plans, self._prices)
            is_to_confirm = await self._follow(environment, found)
        except BotError as error:
            # The next look goes on from here: what was asked for has the same key then.
            log.info("the Machines could not be compared", environment=environment.title, error=str(error))
            return usual
        if not is_to_confirm:
            return usual
        del self._looked[environment.title]
        return min(usual, CONFIRMED_AFTER.total_seconds())

    async def _follow(self, environment: Environment, found: Difference | None) -> bool:
        """Propose what two looks saw; whether another look has to confirm it first."""
        now = self._clock.now()
        seen, over = await self._differences.seen(environment.title, found.hash if found else "", now)
        if over:
            await self._requests.withdraw(over, why=OVER)
        if found is None or seen is None or seen.operation_id:
            return False
        if now - seen.first_seen_at < CONFIRMED_AFTER:
            return True
        await self._propose(environment, found, seen)
        return False

    async def _propose(self, environment: Environment, found: Difference, seen: Seen) -> None:
        if await self._is_asked_for(environment):
            return
        plan = await self._planner.plan(environment, found.request, actor=BOT, is_automatic=True)
        if plan.is_blocked:
            log.info("no scaling is proposed", environment=environment.title, why=plan.blockers[0].message)
            return
        # The same difference at the same time is the same request, also when we died in between.
        key = f"scale:{environment.title}:{seen.hash}:{seen.first_seen_at.isoformat()}"
        made, _ = await self._scalings.request(found.request, by=BOT, channel=environment.channel, key=key)
        if made.state is State.REQUESTED:
            await self._requests.carry_out(made)
        await self._differences.proposed(seen, made.id)

    async def _is_asked_for(self, environment: Environment) -> bool:
        """Whether somebody asked for a scaling already, which waits."""
        waiting = await self._store.operations(State.REQUESTED)
        return any(
            each.kind is Kind.SCALING and each.actor != BOT and each.request["environment"] == environment.title
            for each in waiting
        )
