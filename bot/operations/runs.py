"""Deploy workflows under way: what is about to change an environment besides the bot, and how to stop it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta

from bot.audit import AuditEvent
from bot.domain.build import run_id
from bot.domain.model import Actor, Environment, WorkflowRun
from bot.domain.operation import Operation
from bot.domain.rollback import Cancelling, PendingRun
from bot.errors import NotFound, RemoteError, StaleAction
from bot.operations.engine import Changed
from bot.operations.people import People
from bot.operations.plans import plan_of
from bot.operations.requests import past
from bot.ports import Clock, GitHub
from bot.store import Store

# A job may wait that long for its reviewers; then GitHub ends it.
LONGEST = timedelta(days=30)


class PendingRuns:
    """Finds and cancels the runs of an environment's workflow that have not ended."""

    def __init__(
        self,
        github: GitHub,
        store: Store,
        people: People,
        clock: Clock,
        environment: Callable[[str], Environment],
        changed: Changed,
    ) -> None:
        self._github = github
        self._store = store
        self._people = people
        self._clock = clock
        self._environment = environment
        self._changed = changed

    async def of(self, environment: Environment) -> tuple[PendingRun, ...]:
        """The runs that have not ended, newest first, in one call; RemoteError where GitHub does not tell.

        One that the bot itself started and follows says so in its title. Where GitHub knows no such workflow, nothing
        runs.
        """
        since = self._clock.now() - LONGEST
        try:
            runs = await self._github.workflow_runs(environment.repository, environment.workflow, since=since)
        except NotFound:
            return ()
        under_way = [run for run in runs if _is_under_way(run)]
        if not under_way:
            return ()
        own = await self._store.active_operation(environment.app)
        return tuple(PendingRun(run.id, _title(run, own), run.url) for run in under_way)

    async def cancel(self, operation_id: str, *, by: Actor) -> Cancelling:
        """Cancel the runs that an operation's contract names, those that have ended left out. Safe to repeat.

        Raises NotAllowed, NotFound, and StaleAction where the operation is over or names no run.
        """
        await self._people.require_member(by)
        operation = await self._store.operation(operation_id)
        if operation.is_final:
            raise StaleAction(f"This no longer stops anything: the {operation.kind} {past(operation.state)}.")
        runs = _named(operation)
        if not runs:
            raise StaleAction("The plan names no workflow that is under way.", hint="Look at the card as it is now.")
        repository = self._environment(operation.request["environment"]).repository
        done = await self._cancel_all(repository, runs)
        if done.asked:
            detail = {"runs": [run.id for run in done.asked]}
            event = AuditEvent(self._clock.now(), by.user_id, "github.cancel_runs", operation_id, detail)
            await self._store.add_audit(event)
        self._changed(operation_id)
        return done

    async def _cancel_all(self, repository: str, runs: Iterable[PendingRun]) -> Cancelling:
        asked: list[PendingRun] = []
        ended: list[PendingRun] = []
        refused: list[tuple[PendingRun, str]] = []
        for run in runs:
            try:
                (asked if await self._cancel_one(repository, run) else ended).append(run)
            except RemoteError as error:
                # The others may still be stopped.
                refused.append((run, error.message))
        return Cancelling(tuple(asked), tuple(ended), tuple(refused))

    async def _cancel_one(self, repository: str, run: PendingRun) -> bool:
        """Whether there was still something to cancel."""
        try:
            if not _is_under_way(await self._github.workflow_run(repository, run.id)):
                return False
            await self._github.cancel_run(repository, run.id)
        except NotFound:
            return False
        return True


def _is_under_way(run: WorkflowRun) -> bool:
    return run.status != "completed"


def _named(operation: Operation) -> tuple[PendingRun, ...]:
    contract = plan_of(operation).contract if operation.plan else None
    return contract.pending if contract else ()


def _title(run: WorkflowRun, own: Operation | None) -> str:
    """What people know the run by: nothing that changes while it goes on."""
    name = run.title or f"Run {run.id}"
    place = f" on {run.head_branch}" if run.head_branch and run.head_branch not in name else ""
    is_own = own is not None and (own.id in name or run_id(own) == run.id)
    return f"{name}{place}{' (started by Flytower)' if is_own else ''}"
