"""The engine: an operation is a row, not a stack frame.

`advance` reads the row, asks its procedure for the one next step, takes it, records it, again. A step looks
before it acts, so that taking it twice does no harm: a crash at any point, a new bot version and a person
with flyctl are the same case. On start every active operation goes on from its journal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog

from bot.domain.model import Actor
from bot.domain.operation import Event, JournalRow, Kind, Operation, State, StepStatus
from bot.domain.rollout import Action, Step, is_past_cancel
from bot.domain.text import quoted
from bot.errors import BotError, RateLimited, Reason, RemoteError, RemoteTimeout, RemoteUnavailable
from bot.operations.leases import Leases
from bot.operations.people import BOT
from bot.ports import Clock, Fly, FlyByOrganisation
from bot.store import Store

log = structlog.get_logger()
Changed = Callable[[str], None]

# A provider that does not answer gets about a minute before an operation gives up on it.
RETRY_AFTER_S = (2.0, 5.0, 10.0, 20.0, 30.0)


@dataclass(frozen=True)
class Verdict:
    """How an operation ends."""

    event: Event
    reason: str = ""
    outcome: Mapping[str, Any] = field(default_factory=dict)


class Run:
    """One run of one operation: its row as it stands now, its Fly client, its leases, its journal."""

    def __init__(self, operation: Operation, fly: Fly, clock: Clock, store: Store, changed: Changed) -> None:
        self.operation = operation
        self.fly = fly
        self.clock = clock
        self._store = store
        self._changed = changed
        description = f"flytower {operation.id} {operation.actor.user_id}"
        self.leases = Leases(fly, clock, operation.app, description)

    async def record(
        self, step: str, status: StepStatus, *, target: str = "", detail: Mapping[str, Any] | None = None
    ) -> None:
        """Append a journal row; the operation as this run sees it includes it afterwards."""
        row = JournalRow(step, target, status, self.clock.now(), dict(detail or {}))
        self._see(await self._store.append_journal(self.operation.id, row))
        self._changed(self.operation.id)

    async def done(self, step: str, target: str = "", **detail: Any) -> None:
        """Record that a step is done."""
        await self.record(step, StepStatus.DONE, target=target, detail=detail)

    async def reload(self) -> None:
        """Read the row again: somebody may have asked to cancel."""
        self._see(await self._store.operation(self.operation.id))

    def _see(self, operation: Operation) -> None:
        # What was read before another step's row was written may arrive after it.
        if len(operation.journal) >= len(self.operation.journal):
            self.operation = operation


class Procedure(Protocol):
    """What a kind of operation knows: its next step, how to take it, how it ended."""

    def next_action(self, operation: Operation) -> Action | None:
        """The step to take now, or None when the operation is over."""
        ...

    def phase(self, operation: Operation, action: Action) -> State:
        """The state in which an operation takes this step."""
        ...

    async def perform(self, run: Run, action: Action) -> None:
        """Take the step and record it; a BotError means that the operation cannot go on this way."""
        ...

    def verdict(self, operation: Operation) -> Verdict:
        """How the operation ends, once there is no next step."""
        ...


class Engine:
    """Runs operations, one task each, owned and awaited."""

    def __init__(
        self,
        store: Store,
        fly: FlyByOrganisation,
        clock: Clock,
        procedures: Mapping[Kind, Procedure],
        organisation_of: Callable[[Operation], str],
        changed: Changed,
    ) -> None:
        self._store = store
        self._fly = fly
        self._clock = clock
        self._procedures = procedures
        self._organisation_of = organisation_of
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._is_stopping = False
        self._changed = changed

    async def start(
        self,
        operation_id: str,
        *,
        by: Actor,
        plan_hash: str,
        rules_revision: int | None = None,
        is_approved: bool = False,
    ) -> Operation:
        """Start a requested operation; Conflict when another one holds the app or the plan or the rules changed.

        `is_approved`: `by` approves it with that.
        """
        operation = await self._store.transition(
            operation_id,
            Event.START,
            by=by,
            at=self._clock.now(),
            plan_hash=plan_hash,
            rules_revision=rules_revision,
            is_approved=is_approved,
        )
        self._changed(operation.id)
        self._spawn(operation.id)
        return operation

    async def resume(self) -> list[str]:
        """Let every active operation go on; returns their ids."""
        active = await self._store.operations(State.RUNNING, State.VERIFYING)
        for operation in active:
            self._spawn(operation.id)
            self._changed(operation.id)
        return [operation.id for operation in active]

    @property
    def is_busy(self) -> bool:
        return bool(self._tasks)

    async def settle(self) -> None:
        """Return when no operation runs any more."""
        while self._tasks:
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)
            # Gathering what is done already does not yield, and the callback that forgets a task needs a turn.
            await asyncio.sleep(0)

    async def stop(self) -> None:
        """Leave every operation where it is; its journal says where to go on. What is started later waits too."""
        self._is_stopping = True
        for task in self._tasks.values():
            task.cancel()
        await self.settle()

    def _spawn(self, operation_id: str) -> None:
        if operation_id in self._tasks or self._is_stopping:
            return
        task = asyncio.create_task(self._guarded(operation_id), name=f"operation {operation_id}")
        self._tasks[operation_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(operation_id, None))

    async def _guarded(self, operation_id: str) -> None:
        with structlog.contextvars.bound_contextvars(operation=operation_id):
            try:
                await self.run(operation_id)
            except asyncio.CancelledError:
                log.info("operation left for the next start")
                raise
            except BotError as error:
                # Before any step: the environment left the configuration, or the database refuses.
                log.warning("operation cannot go on", error=str(error))
                await self._give_up(operation_id, error.reason, error.message)
            except Exception:
                # A defect of ours must not hold the app for ever: say so and let it go.
                log.exception("operation stopped by an unexpected error")
                message = f"Flytower met an unexpected error; incident {operation_id}."
                await self._give_up(operation_id, Reason.INTERNAL, message)

    async def run(self, operation_id: str) -> None:
        """Advance an operation until it is over."""
        operation = await self._store.operation(operation_id)
        fly = self._fly[self._organisation_of(operation)]
        run = Run(operation, fly, self._clock, self._store, self._changed)
        async with run.leases:
            while await self.advance(run):
                await run.reload()
        await self._finish(run)

    async def advance(self, run: Run) -> bool:
        """Take the one next step and record it; False when there is none."""
        procedure = self._procedures[run.operation.kind]
        action = procedure.next_action(run.operation)
        if action is None:
            return False
        await self._enter(run, procedure.phase(run.operation, action))
        try:
            await self._patiently(run, action, lambda: procedure.perform(run, action))
        except BotError as error:
            log.warning("step failed", step=action.step, machines=action.machines, error=str(error))
            await run.record(Step.FAILURE, StepStatus.DONE, detail=failure_detail(error, action))
        return True

    async def _patiently(self, run: Run, action: Action, perform: Callable[[], Awaitable[None]]) -> None:
        for wait_s in RETRY_AFTER_S:
            try:
                return await perform()
            except (RemoteUnavailable, RemoteTimeout, RateLimited) as error:
                log.info("provider does not answer", step=action.step, error=str(error))
                detail = {"step": action.step, "message": error.message, "service": error.service}
                await run.record(Step.WAITING, StepStatus.STARTED, detail=detail)
                await self._clock.sleep(wait_s)
                await run.reload()
                if _is_being_cancelled(run.operation):
                    return None
        return await perform()

    async def _enter(self, run: Run, state: State) -> None:
        if state is State.VERIFYING and run.operation.state is State.RUNNING:
            now = self._clock.now()
            run.operation = await self._store.transition(run.operation.id, Event.VERIFY, by=BOT, at=now)
            self._changed(run.operation.id)

    async def _finish(self, run: Run) -> None:
        verdict = self._procedures[run.operation.kind].verdict(run.operation)
        await self._store.transition(
            run.operation.id,
            verdict.event,
            by=run.operation.actor,
            at=self._clock.now(),
            reason=verdict.reason,
            outcome=verdict.outcome,
        )
        log.info("operation ended", verdict=verdict.event, reason=verdict.reason)
        self._changed(run.operation.id)

    async def _give_up(self, operation_id: str, reason: Reason, message: str) -> None:
        await self._store.transition(
            operation_id, Event.FAIL, by=BOT, at=self._clock.now(), reason=reason, outcome={"message": message}
        )
        self._changed(operation_id)


def _is_being_cancelled(operation: Operation) -> bool:
    """Whether the next step is to stop, so that the one under way need not be tried again."""
    is_open = operation.row(Step.FAILURE) is None and not is_past_cancel(operation)
    return bool(operation.cancel_requested_by) and is_open


def failure_detail(error: BotError, action: Action) -> dict[str, Any]:
    """What the journal keeps of a failure."""
    return {
        "reason": error.reason,
        "message": quoted(str(error), 800) if isinstance(error, RemoteError) else error.message,
        "hint": error.hint,
        "step": action.step,
        "machines": list(action.machines),
    }
