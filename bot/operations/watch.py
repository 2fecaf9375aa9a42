"""After a success: look at the Machines, say what is wrong, and bring the image from before back.

Looking costs one list call for each watched app, all apps side by side. What was seen, the countdown and its end
are in the database, each change conditional on the one before: a restart goes on, and two at once have one effect.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from datetime import timedelta

import structlog

from bot.audit import AuditEvent
from bot.domain import watch as rules
from bot.domain.deployment import DeploymentPlan, DeploymentRequest
from bot.domain.model import Actor
from bot.domain.operation import Operation, State
from bot.domain.redact import redact
from bot.domain.watch import Phase, Watch
from bot.errors import BotError, NotFound, RateLimited, RemoteError, RemoteTimeout, RemoteUnavailable, StaleAction
from bot.operations.deployments import Deployments
from bot.operations.engine import Changed
from bot.operations.people import BOT, People
from bot.operations.plans import plan_of, request_of
from bot.operations.requests import Requests, past
from bot.ports import Clock, FlyByOrganisation
from bot.store import Store
from bot.watches import RESTORE_KEY, Followed, Watches

log = structlog.get_logger()

LOOK_EVERY_S = 15.0
TAIL_LINES = 30
TAIL_BEFORE = timedelta(minutes=1)
STOP_TRIES = 5


class Restorer:
    """Lets the bot itself go back, once for each watch. It passes no member check: the policy switched it on."""

    def __init__(self, deployments: Deployments, requests: Requests) -> None:
        self._deployments = deployments
        self._requests = requests

    async def restore(self, operation: Operation) -> Operation:
        """The operation that goes back, started, or ended with the reason why it may not.

        Safe to repeat: its request key belongs to the watch. RemoteError where a provider does not answer now.
        """
        request = going_back(operation, f"trouble after {plan_of(operation).ref}")
        channel = operation.card.channel if operation.card else operation.channel
        made, _ = await self._deployments.request(request, by=BOT, channel=channel, key=f"{RESTORE_KEY}{operation.id}")
        if made.state is not State.REQUESTED:
            return made
        try:
            return await self._requests.carry_out(made)
        except (RemoteUnavailable, RemoteTimeout, RateLimited):
            raise
        except BotError as error:
            return await self._requests.end(made, error.reason, error.message)


class Watching:
    """Follows what succeeded for its window."""

    def __init__(
        self,
        watches: Watches,
        restorer: Restorer,
        people: People,
        fly: FlyByOrganisation,
        clock: Clock,
        organisation_of: Callable[[Operation], str],
        changed: Changed,
    ) -> None:
        self._watches = watches
        self._restorer = restorer
        self._people = people
        self._fly = fly
        self._clock = clock
        self._organisation_of = organisation_of
        self._changed = changed

    async def tick(self) -> float | None:
        """Look once at everything that is watched; the seconds until the next look, or None where nothing is."""
        await self._watches.begin(self._clock.now())
        followed = await self._watches.followed()
        results = await asyncio.gather(*(self._follow(f) for f in followed), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return self._pause_s([watch for watch in results if isinstance(watch, Watch)])

    async def stop_restore(self, operation_id: str, *, by: Actor) -> None:
        """Stop the countdown for good; StaleAction when there is none (any more)."""
        await self._people.require_member(by)
        event = AuditEvent(self._clock.now(), by.user_id, "watch.stop_restore", operation_id)
        # A look may write between the read and the write; then this is tried again on what it wrote.
        for _ in range(STOP_TRIES):
            watch = await self._watches.of(operation_id)
            if watch is None or watch.restore_at is None:
                raise StaleAction(_why_nothing_to_stop(watch))
            note = f"{by.mention} stopped the restore."
            if await self._watches.save(dataclasses.replace(watch, restore_at=None, note=note), event):
                self._changed(operation_id)
                return
        raise StaleAction("A newer deployment runs already; nothing is restored any more.")

    async def _follow(self, followed: Followed) -> Watch:
        watch, operation = followed.watch, followed.operation
        with structlog.contextvars.bound_contextvars(operation=operation.id):
            if watch.is_open and followed.has_newer:
                watch = await self._save(watch, rules.superseded(watch))
            elif watch.is_open:
                watch = await self._advance(watch, operation)
        if watch.phase is Phase.TROUBLE or watch.told != watch.phase:
            self._changed(operation.id)
        return watch

    async def _advance(self, watch: Watch, operation: Operation) -> Watch:
        if watch.phase is not Phase.RESTORING:
            watch = await self._save(watch, await self._look(watch, operation))
        if watch.phase is Phase.RESTORING:
            watch = await self._save(watch, await self._restore(watch, operation))
        return watch

    async def _look(self, watch: Watch, operation: Operation) -> Watch:
        try:
            fly = self._fly[self._organisation_of(operation)]
            machines = await fly.machines(operation.app)
        except NotFound:
            # The environment left the configuration.
            return dataclasses.replace(watch, phase=Phase.MISSED, restore_at=None)
        except RemoteError as error:
            log.info("Fly does not answer the watch", error=str(error))
            return rules.over(watch, self._clock.now(), is_seen=False)
        now = self._clock.now()
        seen = rules.looked(watch, operation, plan_of(operation), machines, now)
        if seen.phase is Phase.TROUBLE and seen.troubles != watch.troubles:
            seen = dataclasses.replace(seen, tail=await self._tail(seen, operation))
        return rules.over(rules.due(seen, now), now)

    async def _tail(self, watch: Watch, operation: Operation) -> tuple[str, ...]:
        """The last lines of the first Machine in trouble, credentials taken out, or why they cannot be read."""
        assert watch.since is not None
        machine_id = watch.troubles[0].machine_id
        fly = self._fly[self._organisation_of(operation)]
        try:
            lines = await fly.logs(operation.app, machine_id, since=watch.since - TAIL_BEFORE)
        except RemoteError as error:
            link = f"https://fly.io/apps/{operation.app}/monitoring?instance={machine_id}"
            return (f"The log could not be read: {error}", f"See {link}")
        return tuple(redact(line.message) for line in lines[-TAIL_LINES:])

    async def _restore(self, watch: Watch, operation: Operation) -> Watch:
        try:
            made = await self._restorer.restore(operation)
        except RemoteError as error:
            log.warning("restoring waits for a provider", error=str(error))
            return watch
        except NotFound as error:
            # The environment left the configuration.
            return dataclasses.replace(watch, phase=Phase.TROUBLE, note=f"It could not be restored: {error.message}")
        if made.started_at is not None:
            return dataclasses.replace(watch, phase=Phase.RESTORED)
        why = made.outcome.get("message") or "its plan expired."
        return dataclasses.replace(watch, phase=Phase.TROUBLE, note=f"It could not be restored: {why}")

    async def _save(self, old: Watch, new: Watch) -> Watch:
        """The watch as it stands now: where somebody else changed it meanwhile, as it was read."""
        if new == old or not await self._watches.save(new):
            return old
        return dataclasses.replace(new, revision=new.revision + 1)

    def _pause_s(self, watches: list[Watch]) -> float | None:
        if not watches:
            return None
        now = self._clock.now()
        ends = [(w.restore_at - now).total_seconds() for w in watches if w.restore_at is not None]
        return max(1.0, min([LOOK_EVERY_S, *ends]))


class Returns:
    """What a person asks for after the end: go back, or do what is missing."""

    def __init__(self, store: Store, watches: Watches, deployments: Deployments, people: People) -> None:
        self._store = store
        self._watches = watches
        self._deployments = deployments
        self._people = people

    async def roll_back(self, operation_id: str, *, by: Actor, channel: str) -> tuple[Operation, bool]:
        """Ask for the image from before the operation; False where the same person's request waits already.

        Raises NotAllowed, and StaleAction when something was started on the app since.
        """
        await self._people.require_member(by)
        operation = await self._store.operation(operation_id)
        if operation.state is not State.SUCCEEDED:
            raise StaleAction(f"There is nothing to go back from: the deployment {past(operation.state)}.")
        if refusal := rules.nothing_before(plan_of(operation)):
            raise StaleAction(f"There is nothing to go back to: {refusal}.")
        newer = await self._watches.since(operation)
        _refuse_overtaken([o for o in newer if o.started_at is not None])
        for waiting in newer:
            if waiting.state is State.REQUESTED and waiting.actor == by and request_of(waiting).back_from:
                return waiting, False
        # Two clicks on the same state of affairs are one request; after another end it is a new one.
        newest = newer[-1] if newer else operation
        key = f"back:{operation.id}:{newest.id}:{newest.state}:{by.user_id}"
        request = going_back(operation, f"roll back {plan_of(operation).ref}")
        return await self._deployments.request(request, by=by, channel=channel, key=key)

    async def retry(self, operation_id: str, *, by: Actor, channel: str) -> tuple[Operation, bool]:
        """Ask for what a failed or cancelled deployment left undone; False where that is asked for already.

        Raises NotAllowed, and StaleAction when a newer deployment runs or succeeded, or there is nothing to do.
        """
        await self._people.require_member(by)
        operation = await self._store.operation(operation_id)
        newer = await self._watches.since(operation)
        own = [o for o in newer if o.is_active and request_of(o).retry_of == operation_id]
        _refuse_overtaken([o for o in newer if o not in own and (o.is_active or o.state is State.SUCCEEDED)])
        return await self._deployments.retry(operation_id, by=by, channel=channel)


def going_back(operation: Operation, why: str) -> DeploymentRequest:
    """The request for what ran before an operation."""
    plan: DeploymentPlan = plan_of(operation)
    assert plan.live is not None
    ref = plan.live_ref or plan.live.sha or plan.live.label
    return DeploymentRequest(operation.request["environment"], ref, why, back_from=operation.id)


def _refuse_overtaken(newer: list[Operation]) -> None:
    if newer:
        last = newer[-1]
        since = f"{last.started_at:%H:%M} UTC" if last.started_at else "then"
        raise StaleAction(
            f"Since {since} there is a newer deployment, of `{last.request['ref']}` by {last.actor.mention}: it "
            f"{past(last.state)}.",
            hint="Look at its card.",
        )


def _why_nothing_to_stop(watch: Watch | None) -> str:
    if watch is None:
        return "This deployment is not watched."
    if watch.phase in {Phase.RESTORING, Phase.RESTORED}:
        return "The countdown is over: the image from before is being restored; cancel that on its card."
    if watch.phase in {Phase.RECOVERED, Phase.HEALED}:
        return "The Machines are well again: nothing is going to be restored."
    return watch.note or "Nothing is going to be restored any more."
