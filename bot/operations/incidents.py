"""The emergency lane: declare an incident, end it, review afterwards what passed without an approval."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.domain.incident import Incident, Passage, Review
from bot.domain.model import Actor
from bot.errors import NotAllowed, Reason, StaleAction
from bot.incidents import Incidents
from bot.operations.people import People
from bot.ports import Clock


@dataclass(frozen=True)
class Standing:
    """The incident that goes on, or None; what passed because of it, and what of all incidents waits for a review."""

    incident: Incident | None
    passed: tuple[Passage, ...]
    unreviewed: tuple[Passage, ...]


class EmergencyLane:
    """The use cases of `/deploy incident`, for full members only.

    `channels` are told of every start and end; `changed` is called when there is something to tell.
    """

    def __init__(
        self,
        incidents: Incidents,
        people: People,
        clock: Clock,
        *,
        channels: Sequence[str],
        changed: Callable[[], None],
    ) -> None:
        self._incidents = incidents
        self._people = people
        self._clock = clock
        self._channels = tuple(channels)
        self._changed = changed

    async def start(self, why: str, *, by: Actor) -> tuple[Incident, bool]:
        """Declare an incident; False where the same person did so already. NotAllowed, Conflict where one goes on."""
        await self._people.require_member(by)
        incident, is_new = await self._incidents.start(why, by, self._clock.now(), self._channels)
        self._changed()
        return incident, is_new

    async def end(self, *, by: Actor) -> tuple[Incident, tuple[Passage, ...]]:
        """End the incident, whoever declared it, and what passed because of it. NotAllowed, Conflict without one."""
        await self._people.require_member(by)
        incident = await self._incidents.end(by, self._clock.now(), self._channels)
        self._changed()
        return incident, tuple(await self._incidents.passed(incident.id))

    async def standing(self, *, by: Actor) -> Standing:
        """What goes on and what waits for a review. NotAllowed."""
        await self._people.require_member(by)
        incident = await self._incidents.current()
        passed = await self._incidents.passed(incident.id) if incident else []
        return Standing(incident, tuple(passed), tuple(await self._incidents.unreviewed()))

    async def reviewable(self, operation_id: str, *, by: Actor) -> Passage:
        """The rollback that this person may review.

        NotAllowed where they asked for it or started it themselves, StaleAction where there is nothing to review
        (any more).
        """
        await self._people.require_member(by)
        passage = await self._incidents.passage(operation_id)
        if passage is None:
            raise StaleAction("This rollback needs no review: it did not pass without an approval.")
        if passage.review is not None:
            raise _reviewed(passage.review)
        if by.user_id in {passage.operation.actor.user_id, await self._incidents.starter(operation_id)}:
            raise NotAllowed(
                "Nobody reviews a rollback that they asked for or started themselves.",
                hint="Ask a colleague.",
                reason=Reason.OWN_APPROVAL,
            )
        return passage

    async def review(self, operation_id: str, note: str, *, by: Actor) -> Passage:
        """Record that somebody reviewed the rollback, once for any number of clicks. NotAllowed, StaleAction."""
        passage = await self.reviewable(operation_id, by=by)
        review = Review(by.user_id, self._clock.now(), note)
        if earlier := await self._incidents.review(passage, review):
            raise _reviewed(earlier)
        self._changed()
        return dataclasses.replace(passage, review=review)


def _reviewed(review: Review) -> StaleAction:
    return StaleAction(f"{Actor(review.by).mention} has reviewed it already.")
