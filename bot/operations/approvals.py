"""Approvals: a second person decides on a plan that is still true, once; what is no longer true is void."""

from __future__ import annotations

import dataclasses

import structlog

from bot.domain.approval import ApprovalState
from bot.domain.deployment import DeploymentPlan
from bot.domain.model import Actor, CiState, Relation
from bot.domain.operation import Event, Operation, State
from bot.domain.plan import Plan, difference
from bot.errors import BotError, InvalidTransition, NotAllowed, Reason, StaleAction
from bot.operations.engine import Changed
from bot.operations.people import People
from bot.operations.plans import any_plan_of, request_of
from bot.operations.requests import Confirmation, Confirmed, Requests, refuse_decided, refuse_stale
from bot.ports import Clock
from bot.store import Store

log = structlog.get_logger()
UNDECIDABLE = {
    ApprovalState.VOID: "This is void: what was shown is no longer true. **Plan again** shows it as it is now.",
    ApprovalState.EXPIRED: "Nobody approved this in time. Ask for it again.",
}


class Approvals:
    """The use cases of who approves, and of what is asked anew."""

    def __init__(self, store: Store, requests: Requests, people: People, clock: Clock, changed: Changed) -> None:
        self._store = store
        self._requests = requests
        self._people = people
        self._clock = clock
        self._changed = changed

    async def approve(self, operation_id: str, *, plan_hash: str, by: Actor) -> Confirmation:
        """Start what was shown with this person's yes, if it is still true; otherwise the request for it is void.

        Raises NotAllowed (the requester, no approver, the group cannot be read), StaleAction (decided already, void,
        expired, or another plan is shown), OperationRunning. Any number of clicks decides once.
        """
        operation = await self._decidable(operation_id, plan_hash, by)
        fresh = await self._requests.fresh_plan(operation)
        if why := _untrue(operation, fresh):
            await self._void(operation, why)
            operation = await self._store.operation(operation.id)
            # What is no longer true may be what another approver has just begun.
            refuse_decided(operation)
            return Confirmation(Confirmed.PLAN_CHANGED, operation, why)
        return Confirmation(Confirmed.STARTED, await self._requests.start(operation, fresh, by=by, is_approved=True))

    async def reject(self, operation_id: str, *, plan_hash: str, by: Actor, why: str) -> Operation:
        """End what was asked with this person's no and its reason; raises like `approve`."""
        operation = await self._decidable(operation_id, plan_hash, by)
        now, outcome = self._clock.now(), {"by": by.user_id, "note": why}
        try:
            operation = await self._store.transition(
                operation.id,
                Event.REJECT,
                by=by,
                at=now,
                reason=Reason.REJECTED,
                outcome=outcome,
                plan_hash=plan_hash,
            )
        except InvalidTransition as error:
            # Another approver was quicker.
            raise StaleAction(f"This was decided already: the {operation.kind} is {error.state}.") from error
        self._changed(operation.id)
        return operation

    async def replan(self, operation_id: str, *, by: Actor) -> Operation:
        """Make the plan of what waits anew, and ask for approval of that; NotAllowed, StaleAction."""
        await self._people.require_member(by)
        operation = await self._store.operation(operation_id)
        refuse_decided(operation)
        if operation.approval is not None and operation.approval.is_pending:
            raise StaleAction("This plan is still the one to approve.")
        return await self._requests.show(operation, await self._requests.fresh_plan(operation))

    async def choose_configuration(self, operation_id: str, *, with_configuration: bool, by: Actor) -> Operation:
        """Let a rollback that waits bring the configuration of then back too, or the image alone.

        The plan is made anew, and so is the request for an approval. NotAllowed (not the requester), StaleAction.
        """
        await self._people.require_member(by)
        operation = await self._store.operation(operation_id)
        refuse_decided(operation)
        if by.user_id != operation.actor.user_id:
            raise NotAllowed(
                f"Only {operation.actor.mention} can choose that.",
                hint="Ask for a rollback of your own with `/rollback`.",
                reason=Reason.NOT_THE_REQUESTER,
            )
        request = dataclasses.replace(request_of(operation), with_configuration=with_configuration, seen_hash="")
        fresh = await self._requests.fresh_plan(operation, request)
        return await self._requests.show(operation, fresh, request=request)

    async def void_stale(self) -> int:
        """Void every request for approval whose plan is no longer true; how many there were.

        Nobody should spend thought on a plan that the button would refuse.
        """
        waiting = await self._store.operations(State.REQUESTED)
        pending = [operation for operation in waiting if operation.approval and operation.approval.is_pending]
        return sum([await self._void_if_stale(operation) for operation in pending])

    async def _void_if_stale(self, operation: Operation) -> bool:
        try:
            fresh = await self._requests.fresh_plan(operation)
        except BotError as error:
            # Who does not answer says nothing about the plan.
            log.info("plan not looked at", operation=operation.id, error=str(error))
            return False
        why = _untrue(operation, fresh)
        return bool(why) and not _is_silence(any_plan_of(operation), fresh) and await self._void(operation, why)

    async def _void(self, operation: Operation, why: str) -> bool:
        is_void = await self._store.void_approval(operation.id, operation.plan_hash, why=why, at=self._clock.now())
        self._changed(operation.id)
        return is_void

    async def _decidable(self, operation_id: str, plan_hash: str, by: Actor) -> Operation:
        operation = await self._store.operation(operation_id)
        await self._people.require_member(by)
        refuse_stale(operation, plan_hash)
        need, asked = any_plan_of(operation).approval, operation.approval
        if need is None or asked is None:
            raise StaleAction("Nobody has to approve this.")
        await self._people.require_approver(by, need, requester=operation.actor)
        if asked.state in UNDECIDABLE:
            raise StaleAction(UNDECIDABLE[asked.state], reason=Reason.APPROVAL_VOID)
        if asked.expires_at < self._clock.now():
            raise StaleAction(UNDECIDABLE[ApprovalState.EXPIRED], reason=Reason.APPROVAL_VOID)
        return operation


def _is_silence(shown: Plan, fresh: Plan) -> bool:
    """Whether somebody who told something for the plan that was shown does not answer now."""
    if not isinstance(shown, DeploymentPlan) or not isinstance(fresh, DeploymentPlan):
        # Without Fly there is no plan of a scaling at all, and without GitHub no other one.
        return False
    has_compared = shown.changes.relation is not Relation.UNKNOWN
    has_ci = shown.ci.state is not CiState.UNKNOWN
    is_uncompared = has_compared and fresh.changes.relation is Relation.UNKNOWN
    return is_uncompared or (has_ci and fresh.ci.state is CiState.UNKNOWN)


def _untrue(operation: Operation, fresh: Plan) -> str:
    """What is no longer true of the plan that was shown, in words; empty where all that matters is."""
    if fresh.is_blocked:
        return fresh.blockers[0].message
    return difference(any_plan_of(operation), fresh)
