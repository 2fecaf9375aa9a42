"""Scalings: ask for one, look at how an environment stands, try one again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import msgspec

from bot.domain.model import Actor, Environment
from bot.domain.operation import ACTIVE, UNSUCCESSFUL, Kind, Operation, State
from bot.domain.scale import ScalePlan, ScaleRequest, Standing
from bot.errors import StaleAction
from bot.operations.deployments import DOUBLE_CLICK_S
from bot.operations.people import People
from bot.operations.plans import scale_request_of
from bot.operations.requests import past
from bot.operations.scale_planning import ScalePlanner
from bot.ports import Clock
from bot.store import NewOperation, Store
from bot.time_boxes import TimeBoxes


class Scalings:
    """What is asked of scalings alone; their plan, start and end are every operation's (bot/operations/requests.py)."""

    def __init__(
        self,
        store: Store,
        planner: ScalePlanner,
        people: People,
        clock: Clock,
        environment: Callable[[str], Environment],
    ) -> None:
        self._store = store
        self._boxes = TimeBoxes(store)
        self._planner = planner
        self._people = people
        self._clock = clock
        self._environment = environment

    async def request(self, request: ScaleRequest, *, by: Actor, channel: str, key: str) -> tuple[Operation, bool]:
        """Store what was asked; the same request again gives the first operation and False.

        Raises NotFound for an environment that does not exist. Talks to nobody, so it answers at once.
        """
        environment = self._environment(request.environment)
        asked = dataclasses.replace(request, environment=environment.title)
        new = NewOperation(
            request_key=key,
            kind=Kind.SCALING,
            app=environment.app,
            environment=environment.name,
            pipeline=environment.pipeline,
            actor=by,
            channel=channel,
            # In the words in which every operation is listed and searched for.
            request={**msgspec.to_builtins(asked), "ref": asked.ref},
        )
        return await self._store.create_operation(new, self._clock.now())

    async def retry(self, operation_id: str, *, by: Actor, channel: str) -> tuple[Operation, bool]:
        """Ask again for a scaling that did not succeed; False where that is asked for already.

        Raises NotAllowed, and StaleAction where there is nothing to try again.
        """
        await self._people.require_member(by)
        earlier = await self._store.operation(operation_id)
        if earlier.started_at is None or earlier.state not in UNSUCCESSFUL:
            raise StaleAction(f"There is nothing to try again: the scaling {past(earlier.state)}.")
        for operation in await self._store.operations(State.REQUESTED, *ACTIVE):
            if operation.request.get("retry_of") == operation_id:
                return operation, False
        request = dataclasses.replace(scale_request_of(earlier), retry_of=earlier.id, seen_hash="")
        # Both halves of a double click are the same request.
        key = f"retry {earlier.id} {int(self._clock.now().timestamp() / DOUBLE_CLICK_S)}"
        return await self.request(request, by=by, channel=channel, key=key)

    async def dry_run(self, request: ScaleRequest, *, by: Actor) -> ScalePlan:
        """The plan alone: nothing is stored and nothing starts. NotAllowed, NotFound, RemoteError."""
        environment = self._environment(request.environment)
        await self._people.require_member(by)
        return await self._planner.plan(environment, request, actor=by)

    async def look(self, environment: str, *, by: Actor) -> Standing:
        """How an environment stands. NotAllowed, NotFound, RemoteError."""
        found = self._environment(environment)
        await self._people.require_member(by)
        standing = await self._planner.look(found)
        boxes = [box for box in await self._boxes.open() if box.environment == found.title]
        return dataclasses.replace(standing, ends=tuple(box.due_at for box in boxes))
