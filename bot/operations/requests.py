"""What was asked for and has not started: plan it, show it, start what was shown, withdraw it. For every kind."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from bot.domain.approval import Approval, ApprovalState
from bot.domain.model import Actor, Environment
from bot.domain.operation import Event, Kind, Operation, State
from bot.domain.plan import Plan, Request, difference
from bot.domain.rollout import is_past_cancel
from bot.errors import BotError, InvalidTransition, NotAllowed, NotFound, Reason, StaleAction
from bot.operations.engine import Changed, Engine
from bot.operations.people import BOT, People, person_behind
from bot.operations.plans import any_plan_of, any_request_of, to_json
from bot.ports import Clock
from bot.store import Store

# So often a plan is made anew because the rules changed while it was made.
PLAN_TRIES = 3
COMMANDS = {Kind.DEPLOYMENT: "/deploy", Kind.ROLLBACK: "/rollback", Kind.SCALING: "/scale"}


class Confirmed(StrEnum):
    """What pressing Deploy did."""

    STARTED = "started"
    PLAN_CHANGED = "plan_changed"


@dataclass(frozen=True)
class Confirmation:
    """The answer to pressing Deploy; `difference` says what changed since the plan was shown."""

    result: Confirmed
    operation: Operation
    difference: str = ""


class PlanMaker(Protocol):
    """Whoever makes the plans of one kind of operation."""

    async def plan(
        self, environment: Environment, request: Any, *, actor: Actor, is_automatic: bool, operation_id: str
    ) -> Plan:
        """The plan as of now; BotError where none can be made."""
        ...


class Requests:
    """The life of an operation before it starts."""

    def __init__(
        self,
        store: Store,
        engine: Engine,
        planners: Mapping[Kind, PlanMaker],
        people: People,
        clock: Clock,
        environment: Callable[[str], Environment],
        changed: Changed,
    ) -> None:
        self._store = store
        self._engine = engine
        self._planners = planners
        self._people = people
        self._clock = clock
        self._environment = environment
        self._changed = changed

    async def prepare(self, operation_id: str) -> Operation:
        """Plan a requested operation and, where no confirmation is asked for, start it.

        A plan that is blocked, and everything that makes planning impossible, ends the operation: the
        BotError says why to the person, the row and the audit keep it.
        """
        operation = await self._store.operation(operation_id)
        if operation.state is not State.REQUESTED:
            return operation
        try:
            return await self.carry_out(operation)
        except BotError as error:
            await self.end(operation, error.reason, error.message)
            raise
        except Exception:
            # A request that nobody planned must not wait to be deployed by some later start.
            await self.end(operation, Reason.INTERNAL, "Flytower met an unexpected error while planning.")
            raise

    async def carry_out(self, operation: Operation, tries_left: int = PLAN_TRIES) -> Operation:
        """Plan what was requested and, where nobody is asked, start it; a plan that is blocked ends it.

        What the rules change between plan and start is planned anew, a few times. BotError where that cannot be done.
        """
        if operation.actor != BOT:
            await self._people.require_member(operation.actor)
        plan = await self.fresh_plan(operation)
        operation = await self.show(operation, plan)
        if operation.is_final or plan.needs_confirmation:
            return operation
        try:
            return await self._engine.start(
                operation.id, by=operation.actor, plan_hash=plan.hash, rules_revision=plan.rules_revision
            )
        except StaleAction:
            # A lock or a hold came between the plan and the start.
            if tries_left == 1:
                raise
        return await self.carry_out(operation, tries_left - 1)

    async def show(self, operation: Operation, plan: Plan, *, request: Request | None = None) -> Operation:
        """Give a requested operation this plan, and end it where the plan is blocked; its card follows."""
        operation = await self._store.set_plan(
            operation.id,
            to_json(plan),
            plan.hash,
            request=msgspec.to_builtins(request) if request else None,
            approval=self._asked_for(operation, plan),
        )
        if plan.is_blocked:
            operation = await self.end(operation, plan.blockers[0].reason, plan.blockers[0].message)
        if operation.card is not None or (plan.needs_confirmation and not plan.is_blocked):
            self._changed(operation.id)
        return operation

    def _asked_for(self, operation: Operation, plan: Plan) -> Approval | None:
        if plan.approval is None or plan.is_blocked:
            return None
        now, policy = self._clock.now(), self._environment_of(operation).policy
        return Approval(ApprovalState.PENDING, plan.hash, now, now + policy.approval_expires)

    async def confirm(self, operation_id: str, *, plan_hash: str, by: Actor) -> Confirmation:
        """Start what the person saw, if it is still true; otherwise give the operation its new plan.

        Raises NotAllowed (not the requester, or a second person has to approve it), StaleAction (decided already,
        expired, or another plan is shown), OperationRunning.
        """
        operation = await self._store.operation(operation_id)
        await self._people.require_member(by)
        # What the bot proposes by itself may be pressed by everybody who works here.
        if operation.actor != BOT and by.user_id != operation.actor.user_id:
            raise NotAllowed(
                f"Only {operation.actor.mention} can confirm this {operation.kind}.",
                hint=f"Ask for one of your own with `{COMMANDS[operation.kind]}`.",
                reason=Reason.NOT_THE_REQUESTER,
            )
        refuse_stale(operation, plan_hash)
        shown = any_plan_of(operation)
        if shown.approval is not None:
            raise NotAllowed(
                f"A second person has to approve this {operation.kind}.",
                hint=f"Ask one of {shown.approval.mentions}.",
                reason=Reason.APPROVAL_NEEDED,
            )
        fresh = await self.fresh_plan(operation)
        changes = difference(shown, fresh)
        if changes or fresh.is_blocked:
            changed = await self.show(operation, fresh)
            blocked = fresh.blockers[0].message if fresh.is_blocked else ""
            return Confirmation(Confirmed.PLAN_CHANGED, changed, blocked or changes)
        return Confirmation(Confirmed.STARTED, await self.start(operation, fresh, by=by))

    async def start(self, operation: Operation, fresh: Plan, *, by: Actor, is_approved: bool = False) -> Operation:
        """Start what was shown, which `fresh` says is still true; StaleAction where somebody was quicker."""
        try:
            return await self._engine.start(
                operation.id,
                by=by,
                plan_hash=operation.plan_hash,
                rules_revision=fresh.rules_revision,
                is_approved=is_approved,
            )
        except InvalidTransition as error:
            # The other half of a double click was quicker.
            raise StaleAction(f"This was decided already: the {operation.kind} is {error.state}.") from error

    async def cancel(self, operation_id: str, *, by: Actor) -> Operation:
        """Withdraw a plan, or ask a running deployment to stop in a stated condition."""
        await self._people.require_member(by)
        operation = await self._store.operation(operation_id)
        if operation.state is State.REQUESTED and (withdrawn := await self._withdraw(operation_id, by)):
            return withdrawn
        # Somebody may have decided while we looked.
        operation = await self._store.operation(operation_id)
        if operation.is_final:
            raise StaleAction(f"The {operation.kind} has ended already: it {past(operation.state)}.")
        if is_past_cancel(operation):
            raise StaleAction("All Machines are moved already; nothing is left to cancel.")
        operation = await self._store.request_cancel(operation_id, by, self._clock.now())
        self._changed(operation_id)
        return operation

    async def withdraw(self, operation_id: str, *, why: str) -> None:
        """Take back what the bot itself proposed, unless it was decided already."""
        await self._withdraw(operation_id, BOT, why)

    async def _withdraw(self, operation_id: str, by: Actor, why: str = "") -> Operation | None:
        """Withdraw a plan that waits; None where it was decided a moment ago."""
        try:
            operation = await self._store.transition(
                operation_id,
                Event.CANCEL,
                by=by,
                at=self._clock.now(),
                reason=Reason.CANCELLED,
                outcome={"by": by.user_id} | ({"message": why} if why else {}),
                only_from=State.REQUESTED,
            )
        except InvalidTransition:
            return None
        self._changed(operation_id)
        return operation

    async def expire(self) -> list[Operation]:
        """End plans that nobody confirmed in time; returns them."""
        expired = []
        for operation in await self._store.operations(State.REQUESTED):
            now = self._clock.now()
            if now <= self._waits_until(operation):
                continue
            # Somebody may press Deploy at this very moment.
            with contextlib.suppress(InvalidTransition):
                expired.append(await self._store.transition(operation.id, Event.EXPIRE, by=BOT, at=now))
                self._changed(operation.id)
        return expired

    def _waits_until(self, operation: Operation) -> datetime:
        try:
            policy = self._environment_of(operation).policy
        except NotFound:
            # The environment left the configuration, so the plan is nobody's any more.
            return operation.created_at
        if operation.approval is not None:
            return operation.approval.expires_at
        return operation.created_at + policy.plan_expires

    async def unplanned(self) -> list[str]:
        """Requests that wait for the bot and for nobody else: not planned, refused, or in need of no button."""
        return [o.id for o in await self._store.operations(State.REQUESTED) if _waits_for_the_bot(o)]

    def _environment_of(self, operation: Operation) -> Environment:
        return self._environment(operation.request["environment"])

    async def fresh_plan(self, operation: Operation, request: Request | None = None) -> Plan:
        """The plan of a requested operation as of now, also of what would be asked instead."""
        request = request or any_request_of(operation)
        plan = await self._planners[operation.kind].plan(
            self._environment_of(operation),
            request,
            actor=await person_behind(self._store, operation),
            is_automatic=operation.actor == BOT,
            operation_id=operation.id,
        )
        # Whoever has read this very plan has agreed to it; whoever read another one is asked again.
        is_seen = plan.hash == request.seen_hash and plan.approval is None
        asks = not is_seen if request.seen_hash else plan.needs_confirmation
        if operation.plan is not None and any_plan_of(operation).needs_confirmation:
            # Once it waits on a card it does so until somebody presses: nobody else would start it.
            asks = True
        return dataclasses.replace(plan, needs_confirmation=asks)

    async def end(self, operation: Operation, reason: str, message: str) -> Operation:
        """End what was requested, with the reason why it does not start."""
        outcome = {"message": message}
        return await self._store.transition(
            operation.id, Event.FAIL, by=BOT, at=self._clock.now(), reason=reason, outcome=outcome
        )


def refuse_stale(operation: Operation, plan_hash: str) -> None:
    """Return where this plan is the one that waits; StaleAction with what happened since where not."""
    refuse_decided(operation)
    if operation.plan is None or operation.plan_hash != plan_hash:
        raise StaleAction("This is an older plan; look at the newest state of the card.")


def refuse_decided(operation: Operation) -> None:
    """Return while the operation waits for people; StaleAction with what happened since where not."""
    if operation.state is not State.REQUESTED:
        raise StaleAction(f"This was decided already: the {operation.kind} {past(operation.state)}.")


def _waits_for_the_bot(operation: Operation) -> bool:
    if operation.plan is None:
        return True
    plan = any_plan_of(operation)
    return plan.is_blocked or not plan.needs_confirmation


def past(state: State) -> str:
    """A state as the end of a sentence about a deployment."""
    words = {
        State.REQUESTED: "waits for its confirmation",
        State.RUNNING: "is running",
        State.VERIFYING: "is being verified",
        State.SUCCEEDED: "succeeded",
        State.FAILED: "failed",
        State.CANCELLED: "was cancelled",
        State.EXPIRED: "expired",
        State.REJECTED: "was rejected",
    }
    return words[state]
