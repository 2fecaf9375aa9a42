"""The way through CI: start the workflow, follow its run, and prove at Fly what it says. Nothing is written at
Fly, but for one boot where all sleep.

Neither a dispatch nor a tag can be sent twice without harm, so a journal row stands before each write, and after
a lost answer or a restart GitHub is asked what came of it before anything is sent again.
Source: GitHub REST API, "Create a workflow dispatch event", "Create a reference", "List workflow runs for a workflow".
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from bot.domain import build as rules
from bot.domain.deployment import Build, DeploymentPlan
from bot.domain.model import Machine, RefKind, WorkflowJob, WorkflowRun
from bot.domain.operation import Event, Operation, State, StepStatus
from bot.domain.proof import Reading
from bot.domain.rollout import Action, Step, failure, failure_reason
from bot.domain.text import quoted
from bot.errors import (
    NotFound,
    RateLimited,
    Reason,
    RemoteError,
    RemoteRejected,
    RemoteTimeout,
    RemoteUnavailable,
    StepFailed,
    UnexpectedResponse,
)
from bot.operations.engine import Procedure, Run, Verdict
from bot.operations.facts import serving_machines
from bot.operations.health import cancelled, stop_if_cancelled
from bot.operations.machines import prove_images
from bot.operations.plans import plan_of
from bot.operations.receipt import write_receipt
from bot.operations.steps import refuse_leases
from bot.ports import GitHub

POLL_S = 5.0
# GitHub shows a run some seconds after it was asked for; its clock may differ from ours.
LOOK_FOR_S, APPEARS_S = 30.0, 120.0
CLOCKS_DIFFER = timedelta(minutes=1)
CANCEL_WAIT_S = 180.0

T = TypeVar("T")
StepFunction = Callable[[Run, DeploymentPlan], Awaitable[None]]


class EitherWay:
    """A deployment's procedure: the rollout, or where the plan lets CI build, the way through CI."""

    def __init__(self, rollout: Procedure, build_way: Procedure) -> None:
        self._rollout = rollout
        self._build_way = build_way

    def _of(self, operation: Operation) -> Procedure:
        return self._build_way if plan_of(operation).build else self._rollout

    def next_action(self, operation: Operation) -> Action | None:
        """The step to take now."""
        return self._of(operation).next_action(operation)

    def phase(self, operation: Operation, action: Action) -> State:
        """The state in which an operation takes this step."""
        return self._of(operation).phase(operation, action)

    async def perform(self, run: Run, action: Action) -> None:
        """Take one step and record it."""
        await self._of(run.operation).perform(run, action)

    def verdict(self, operation: Operation) -> Verdict:
        """How the operation ends."""
        return self._of(operation).verdict(operation)


class BuildWay:
    """Lets CI build and release one commit, and verifies the result."""

    def __init__(self, github: GitHub) -> None:
        self._github = github
        self._steps: Mapping[Step, StepFunction] = {
            Step.CHECK: self._check,
            Step.CREATE_TAG: self._create_tag,
            Step.DISPATCH: self._dispatch,
            Step.FIND_RUN: self._find_run,
            Step.FOLLOW: self._follow,
            Step.PROVE_IMAGE: _prove_image,
            Step.RECEIPT: self._receipt,
            Step.CANCEL_RUN: self._cancel_run,
            Step.FAILURE: _cancelled,
        }

    def next_action(self, operation: Operation) -> Action | None:
        """The step to take now; see bot.domain.build."""
        return rules.next_action(operation, plan_of(operation))

    def phase(self, operation: Operation, action: Action) -> State:
        """Verifying begins when the run has succeeded."""
        is_end = action.step is Step.RECEIPT and failure(operation) is None
        return State.VERIFYING if is_end else operation.state

    async def perform(self, run: Run, action: Action) -> None:
        """Take one step and record it."""
        await self._steps[action.step](run, plan_of(run.operation))

    def verdict(self, operation: Operation) -> Verdict:
        """Succeeded, failed or cancelled, with what the receipt saw."""
        first = failure(operation)
        if first is None:
            return Verdict(Event.SUCCEED)
        reason = failure_reason(operation)
        receipt = operation.row(Step.RECEIPT)
        is_moved = receipt is not None and any(machine["on_image"] for machine in receipt.detail["machines"])
        why = "CI moved the Machines, so a person decides" if is_moved else ""
        event = Event.CANCEL if reason is Reason.CANCELLED else Event.FAIL
        return Verdict(event, str(reason), dict(first.detail) | {"not_restored": why})

    async def _check(self, run: Run, plan: DeploymentPlan) -> None:
        """Refuse before anything is sent: somebody else's lease, or a ref that means another commit by now."""
        machines = await serving_machines(run.fly, plan.app)
        await refuse_leases(run, [machine.id for machine in machines])
        build = _build(plan)
        if not build.creates_tag:
            now = await self._github.resolve(build.repository, build.ref)
            if now.commit.sha != plan.commit.sha:
                raise StepFailed(
                    f"`{quoted(build.ref)}` means {now.commit.short} by now, not {plan.commit.short}; "
                    "nothing was started.",
                    hint="Ask for a new plan.",
                    reason=Reason.PLAN_CHANGED,
                )
        await run.done(Step.CHECK, machines=len(machines))

    async def _create_tag(self, run: Run, plan: DeploymentPlan) -> None:
        if not await self._has_tag(plan):
            if run.operation.row(Step.CREATE_TAG) is None:
                await run.record(Step.CREATE_TAG, StepStatus.STARTED, detail={"tag": _build(plan).ref})
            try:
                await self._github.create_tag(_build(plan).repository, _build(plan).ref, plan.commit.sha)
            except RemoteError as error:
                # Somebody was quicker, or the answer was lost: what counts is the tag that is there.
                if not error.sent or not await self._has_tag(plan):
                    raise
        await run.done(Step.CREATE_TAG, tag=_build(plan).ref)

    async def _has_tag(self, plan: DeploymentPlan) -> bool:
        """Whether the tag is on the planned commit; StepFailed when it is on another."""
        build = _build(plan)
        try:
            found = await self._github.resolve(build.repository, build.ref)
        except NotFound:
            return False
        if found.kind is not RefKind.TAG:
            return False
        if found.commit.sha != plan.commit.sha:
            raise StepFailed(
                f"The tag {quoted(build.ref)} is on {found.commit.short} by now, not on {plan.commit.short}.",
                hint="Take another name, or deploy the tag as it is.",
                reason=Reason.TAG_TAKEN,
            )
        return True

    async def _dispatch(self, run: Run, plan: DeploymentPlan) -> None:
        """Start the workflow, once: what may have been sent is looked for before it is sent again."""
        build = _build(plan)
        while True:
            if rules.sends(run.operation) and (found := await self._look_for(run, plan, LOOK_FOR_S)):
                return await run.done(Step.DISPATCH, run=found.id, url=found.url)
            if rules.sends(run.operation) >= rules.MOST_SENDS:
                raise _unknown(plan, "GitHub did not say whether it started the workflow, and shows no run of it.")
            await stop_if_cancelled(run)
            request = {"request_id": run.operation.id}
            await run.record(Step.DISPATCH, StepStatus.STARTED, detail=request)
            try:
                number = await self._github.dispatch(build.repository, build.workflow, build.ref, request)
            except (NotFound, RemoteRejected) as error:
                raise await _refused(run, plan, error) from error
            except RemoteError as error:
                if isinstance(error, RateLimited) or not error.sent:
                    # It certainly did nothing.
                    await run.record(Step.DISPATCH, StepStatus.FAILED, detail={"message": error.message})
                    raise
            else:
                return await run.done(Step.DISPATCH, run=number)

    async def _find_run(self, run: Run, plan: DeploymentPlan) -> None:
        found = await self._look_for(run, plan, APPEARS_S)
        if found is None:
            raise _unknown(plan, f"GitHub shows no run of the workflow on {quoted(_build(plan).ref)}.")
        await run.done(Step.FIND_RUN, run=found.id, url=found.url)

    async def _look_for(self, run: Run, plan: DeploymentPlan, patience_s: float) -> WorkflowRun | None:
        """The run of this operation; waits for it to appear."""
        since = _began(run.operation)
        deadline = run.clock.now() + timedelta(seconds=patience_s)
        while True:
            found = None
            # A run may be under way because of us: GitHub gets its time to show where.
            with contextlib.suppress(NotFound):
                found = await self._run_of(run.operation, plan, since - CLOCKS_DIFFER)
            if found is not None or run.clock.now() >= deadline:
                return found
            await run.clock.sleep(POLL_S)

    async def _run_of(self, operation: Operation, plan: DeploymentPlan, since: datetime) -> WorkflowRun | None:
        build = _build(plan)
        if build.creates_tag:
            runs = await self._github.workflow_runs(
                build.repository, build.workflow, event="push", branch=build.ref, since=since
            )
            return next((r for r in runs if r.head_branch == build.ref and r.head_sha == plan.commit.sha), None)
        runs = await self._github.workflow_runs(
            build.repository, build.workflow, event="workflow_dispatch", since=since
        )
        return next((r for r in runs if operation.id in r.title), None)

    async def _follow(self, run: Run, plan: DeploymentPlan) -> None:
        """Look at the run until it ends; a journal row for everything that a person can see."""
        deadline = _began(run.operation) + timedelta(seconds=plan.build_timeout_s)
        while True:
            try:
                seen = await self._look_at(run, plan)
            except (RemoteUnavailable, RemoteTimeout, RateLimited, UnexpectedResponse) as error:
                # The run goes on without us, so GitHub gets as long as the run.
                if run.clock.now() >= deadline:
                    raise
                await _record_waiting(run, error)
            else:
                if seen["status"] == "completed":
                    if seen["conclusion"] != "success":
                        await _record_seen(run, seen)
                        raise rules.build_failure(seen)
                    return await run.done(Step.FOLLOW, **seen)
                await _record_seen(run, seen)
                if run.clock.now() >= deadline:
                    raise _too_long(plan, seen)
            await stop_if_cancelled(run)
            await run.clock.sleep(POLL_S)

    async def _look_at(self, run: Run, plan: DeploymentPlan) -> dict[str, Any]:
        number = rules.run_id(run.operation)
        assert number is not None
        repository = _build(plan).repository
        found = await _once_visible(run, lambda: self._github.workflow_run(repository, number))
        if found.head_sha != plan.commit.sha:
            raise StepFailed(
                f"The run builds {found.head_sha[:7]}, not {plan.commit.short}: `{quoted(_build(plan).ref)}` was moved "
                "in the same moment. It was told to stop.",
                hint=f"See {found.url}",
                reason=Reason.CHANGED_OUTSIDE,
            )
        return rules.seen_run(found, await self._jobs(repository, found))

    async def _jobs(self, repository: str, run: WorkflowRun) -> list[WorkflowJob]:
        """The run's jobs; none where GitHub does not show them yet, since what counts is the run."""
        try:
            return await self._github.jobs(repository, run.id, run.attempt)
        except NotFound:
            return []

    async def _cancel_run(self, run: Run, plan: DeploymentPlan) -> None:
        """Stop the run, if there is one, and wait until it has stopped."""
        repository = _build(plan).repository
        number = rules.run_id(run.operation)
        if number is None:
            found = await self._look_for(run, plan, LOOK_FOR_S)
            if found is None:
                return await run.done(Step.CANCEL_RUN, run=0)
            number = found.id
        known = number
        await _once_visible(run, lambda: self._github.cancel_run(repository, known))
        deadline = run.clock.now() + timedelta(seconds=CANCEL_WAIT_S)
        while True:
            found = await self._github.workflow_run(repository, number)
            if found.status == "completed" or run.clock.now() >= deadline:
                return await run.done(Step.CANCEL_RUN, **rules.seen_run(found, await self._jobs(repository, found)))
            await run.clock.sleep(POLL_S)

    async def _receipt(self, run: Run, plan: DeploymentPlan) -> None:
        """Read the registry and every Machine back: only what was seen is called done."""
        label = f"sha-{plan.commit.sha}"

        async def read(machines: Sequence[Machine]) -> Reading:
            image = await run.fly.resolve_image(_build(plan).image_repository, label)
            return rules.proof_of(machines, image.digest if image else "", label, plan.machines)

        await write_receipt(run, plan, read)


async def _prove_image(run: Run, plan: DeploymentPlan) -> None:
    """Boot one Machine where all sleep, as a rollout does: a run that ended well has booted none of them."""
    machines = await serving_machines(run.fly, plan.app)
    asleep = rules.to_prove(machines, f"sha-{plan.commit.sha}")
    # What was booted before a restart is to sleep again, too.
    begun = (target for target in run.operation.rows(Step.PROVE_IMAGE) if target)
    await prove_images(run, plan, Action(Step.PROVE_IMAGE, tuple(dict.fromkeys((*begun, *asleep)))))
    await run.done(Step.PROVE_IMAGE)


async def _cancelled(run: Run, _: DeploymentPlan) -> None:
    raise cancelled(run.operation)


async def _once_visible(run: Run, ask: Callable[[], Awaitable[T]]) -> T:
    """What GitHub answers once it shows the run, which may take it a while; NotFound where it never does."""
    deadline = _began(run.operation) + timedelta(seconds=APPEARS_S)
    while True:
        try:
            return await ask()
        except NotFound:
            if run.clock.now() >= deadline:
                raise
        await run.clock.sleep(POLL_S)


async def _refused(run: Run, plan: DeploymentPlan, error: NotFound | RemoteRejected) -> StepFailed:
    """GitHub says no: recorded as not sent, so that nobody looks for a run of it."""
    await run.record(Step.DISPATCH, StepStatus.FAILED, detail={"message": error.message})
    build = _build(plan)
    return StepFailed(
        f"GitHub does not start {build.workflow} on {quoted(build.ref)}: {quoted(error.message)}",
        hint=error.hint
        or "The workflow of that ref needs the trigger `workflow_dispatch` with an input `request_id`; "
        "an old tag runs its old workflow.",
        reason=Reason.BUILD_IMPOSSIBLE,
    )


async def _record_seen(run: Run, seen: Mapping[str, Any]) -> None:
    newest = run.operation.journal[-1]
    if newest.step != Step.FOLLOW or newest.detail != seen:
        await run.record(Step.FOLLOW, StepStatus.STARTED, detail=seen)


async def _record_waiting(run: Run, error: RemoteError) -> None:
    if run.operation.journal[-1].step != Step.WAITING:
        detail = {"step": Step.FOLLOW, "message": error.message, "service": error.service}
        await run.record(Step.WAITING, StepStatus.STARTED, detail=detail)


def _too_long(plan: DeploymentPlan, seen: Mapping[str, Any]) -> StepFailed:
    return StepFailed(
        f"The run did not end within {plan.build_timeout_s / 60:.0f} min. It was not cancelled and may still deploy.",
        hint=f"See {seen['url']} and cancel it there if need be; a longer limit is `policy.build_timeout`.",
        reason=Reason.BUILD_TIMEOUT,
    )


def _unknown(plan: DeploymentPlan, what: str) -> StepFailed:
    web = plan.commit.url.partition("/commit/")[0]
    file = _build(plan).workflow.rpartition("/")[2]
    return StepFailed(
        what,
        hint=f"Look there before you deploy again: {web}/actions/workflows/{file}",
        reason=Reason.BUILD_UNKNOWN,
    )


def _began(operation: Operation) -> datetime:
    """When the workflow was first asked for."""
    return next(row.at for row in operation.journal if row.step in {Step.CREATE_TAG, Step.DISPATCH})


def _build(plan: DeploymentPlan) -> Build:
    # Plans without a build take the other way.
    assert plan.build is not None
    return plan.build
