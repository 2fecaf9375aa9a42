"""Scalings for some hours: say before the end that they go back, and ask for it then.

All is in the database, each change conditional on the one before: a restart goes on, and two at once have one effect.
Nothing goes back by itself: it is a scaling of its own, which asks again whoever has to agree.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime

import structlog

from bot.audit import AuditEvent
from bot.domain.model import Actor, Environment
from bot.domain.operation import Operation, State
from bot.domain.scale import ScaleRequest
from bot.domain.time_box import NOTICE, BoxState, TimeBox, going_back, in_force
from bot.errors import BotError, NotFound, Reason, StaleAction
from bot.operations.engine import Changed
from bot.operations.people import BOT, People
from bot.operations.plans import scale_plan_of
from bot.operations.requests import Requests
from bot.operations.scale_planning import ScalePlanner
from bot.operations.scalings import Scalings
from bot.ports import Clock
from bot.queries import Queries
from bot.store import Store
from bot.time_boxes import TimeBoxes

log = structlog.get_logger()

# What stands in the way is looked at again after so long.
AGAIN_S = 60.0
SAVE_TRIES = 5
# So many of the newest scalings may decide of the same places.
DECISIONS = 50
GONE = "The environment is not in the configuration any more."
DECIDED = "A newer scaling decides of what this one changed."
OVER = {
    BoxState.ASKED: "Going back was asked for already: its card says how that goes.",
    BoxState.OVERTAKEN: "Nothing goes back any more: something newer decides here.",
}


class TimeBoxing:
    """Follows scalings for some hours to their end."""

    def __init__(
        self,
        store: Store,
        planner: ScalePlanner,
        scalings: Scalings,
        requests: Requests,
        people: People,
        clock: Clock,
        environment: Callable[[str], Environment],
        changed: Changed,
    ) -> None:
        self._store = store
        self._boxes = TimeBoxes(store)
        self._queries = Queries(store)
        self._planner = planner
        self._scalings = scalings
        self._requests = requests
        self._people = people
        self._clock = clock
        self._environment = environment
        self._changed = changed

    async def tick(self) -> float | None:
        """Look at every time box; the seconds until the next one has to be looked at, or None where none has."""
        await self._boxes.begin()
        waits = [await self._follow(box) for box in await self._boxes.open()]
        untold = await self._boxes.untold()
        for box in untold:
            self._changed(box.operation_id)
        return min([each for each in waits if each is not None] + [AGAIN_S] * bool(untold), default=None)

    async def keep(self, operation_id: str, *, by: Actor) -> None:
        """Let the scaling stay as it is.

        What a second person agreed to for some hours, a second person keeps. NotAllowed, StaleAction.
        """
        operation = await self._store.operation(operation_id)
        need = scale_plan_of(operation).approval
        if need is None:
            await self._people.require_member(by)
        else:
            await self._people.require_approver(by, need, requester=operation.actor)
        await self._press(operation_id, "keep", by, lambda box: dataclasses.replace(box, state=BoxState.KEPT, note=""))

    async def end_now(self, operation_id: str, *, by: Actor) -> None:
        """Ask for going back now, in this person's name: so it is not theirs to approve. NotAllowed, StaleAction."""
        await self._people.require_member(by)
        now = self._clock.now()
        await self._press(operation_id, "back_now", by, lambda box: dataclasses.replace(box, due_at=now))

    async def _press(self, operation_id: str, what: str, by: Actor, change: Callable[[TimeBox], TimeBox]) -> None:
        event = AuditEvent(self._clock.now(), by.user_id, f"scaling.{what}", operation_id)
        # A look may write between the read and the write; then this is tried again on what it wrote.
        for _ in range(SAVE_TRIES):
            box = await self._boxes.of(operation_id)
            if box is None or box.state is not BoxState.OPEN:
                raise StaleAction(_why_over(box))
            if await self._boxes.save(dataclasses.replace(change(box), by=by), event):
                self._changed(operation_id)
                return
        raise StaleAction("This changes at the moment.", hint="Try again in a moment.")

    async def _follow(self, box: TimeBox) -> float | None:
        """Do what is due; the seconds until the next look at it, None where it is over."""
        until_notice, until_end = ((at - self._clock.now()).total_seconds() for at in (box.due_at - NOTICE, box.due_at))
        if until_notice > 0:
            return until_notice
        try:
            environment = self._environment(box.environment)
        except NotFound:
            await self._end(box, BoxState.OVERTAKEN, GONE)
            return None
        request = await self._request(box)
        if request is None:
            # Until its end the newer one may be over, and this one in force again.
            if until_end > 0:
                return until_end
            await self._end(box, BoxState.OVERTAKEN, DECIDED)
            return None
        if box.ref != request.ref:
            await self._save(dataclasses.replace(box, ref=request.ref))
            return 0.0
        if until_end > 0:
            return until_end
        return await self._ask(box, environment, request)

    async def _request(self, box: TimeBox) -> ScaleRequest | None:
        operation = await self._store.operation(box.operation_id)
        first = operation
        while earlier := first.request.get("retry_of"):
            first = await self._store.operation(earlier)
        decided = await self._queries.scaled(box.environment, limit=DECISIONS)
        newer = [each for each in decided if _ended(each) > _ended(operation)]
        overtaken = await self._boxes.overtaken(box)
        return going_back(
            box,
            scale_plan_of(first),
            scale_plan_of(operation),
            newer=[scale_plan_of(each) for each in in_force(newer)],
            overtaken=[scale_plan_of(each) for each in overtaken],
        )

    async def _ask(self, box: TimeBox, environment: Environment, request: ScaleRequest) -> float | None:
        by = box.by or BOT
        try:
            hindrance = await self._hindrance(box, environment)
            if not hindrance:
                plan = await self._planner.plan(environment, request, actor=by, is_automatic=by == BOT)
                if any(blocker.reason == Reason.NOTHING_TO_SCALE for blocker in plan.blockers):
                    await self._end(box, BoxState.OVERTAKEN, plan.blockers[0].message)
                    return None
                hindrance = plan.blockers[0].message if plan.blockers else ""
            if not hindrance:
                await self._go_back(box, request, by)
                return None
        except BotError as error:
            log.info("going back waits", operation=box.operation_id, error=str(error))
            hindrance = error.message
        if hindrance != box.note:
            await self._save(dataclasses.replace(box, note=hindrance))
        return AGAIN_S

    async def _hindrance(self, box: TimeBox, environment: Environment) -> str:
        running = await self._store.active_operation(environment.app)
        if running is not None:
            return f"A {running.kind} by {running.actor.mention} is running."
        rules = await self._store.rules_in_force(environment.title)
        # Who presses a button in an incident knows of it.
        return "An incident goes on." if rules.incident is not None and box.by is None else ""

    async def _go_back(self, box: TimeBox, request: ScaleRequest, by: Actor) -> None:
        operation = await self._store.operation(box.operation_id)
        channel = operation.card.channel if operation.card else operation.channel
        key = f"scale-back:{box.operation_id}"
        made, _ = await self._scalings.request(request, by=by, channel=channel, key=key)
        if made.state is State.REQUESTED:
            made = await self._requests.carry_out(made)
        note = str(made.outcome.get("message", "")) if made.started_at is None else ""
        await self._end(dataclasses.replace(box, asked_id=made.id), BoxState.ASKED, note)

    async def _end(self, box: TimeBox, state: BoxState, note: str) -> None:
        detail = {"state": state, "note": note, "asked": box.asked_id}
        event = AuditEvent(self._clock.now(), BOT.user_id, "scaling.time_box", box.operation_id, detail)
        await self._save(dataclasses.replace(box, state=state, note=note), event)

    async def _save(self, box: TimeBox, event: AuditEvent | None = None) -> None:
        # Where a button was quicker, the next look goes on from what it left.
        await self._boxes.save(box, event)
        self._changed(box.operation_id)


def _ended(operation: Operation) -> datetime:
    assert operation.finished_at is not None
    return operation.finished_at


def _why_over(box: TimeBox | None) -> str:
    if box is None:
        return "This scaling has no end."
    if box.state is BoxState.KEPT:
        who = box.by.mention if box.by else "Somebody"
        return f"{who} kept it already."
    return OVER[box.state]
