"""Fly's books: the release that a rollout writes down, and how it ended. They are not the deployment itself."""

from __future__ import annotations

from bot.domain.deployment import DeploymentPlan
from bot.domain.model import NO_RELEASE, Release
from bot.domain.operation import Operation, StepStatus
from bot.domain.rollout import Action, Step, failure, failure_reason
from bot.errors import Reason, RemoteError
from bot.operations.engine import Run
from bot.operations.steps import image_of

TRIES = 3
WAIT_S = 1.0


async def record_release(run: Run, plan: DeploymentPlan, _: Action) -> None:
    """Write the release into Fly's books. A failure here is a warning."""
    problem = ""
    for _try in range(TRIES):
        try:
            release = await _open_release(run, plan)
        except RemoteError as error:
            problem = str(error)
            await run.clock.sleep(WAIT_S)
        else:
            warning = "" if release.id else "Fly shows no fly.toml of an earlier release, so none was recorded."
            await run.done(Step.RECORD_RELEASE, release_id=release.id, version=release.version, warning=warning)
            return
    # Where the attempt began, a release may have come of it after all: closing the books looks for it.
    begun = run.operation.row(Step.RECORD_RELEASE)
    warning = f"Fly's release record could not be written: {problem}"
    await run.done(Step.RECORD_RELEASE, release_id="", version=0, warning=warning, **(begun.detail if begun else {}))


async def _open_release(run: Run, plan: DeploymentPlan) -> Release:
    started = run.operation.row(Step.RECORD_RELEASE)
    if started is None:
        newest = next(iter(await run.fly.releases(plan.app, limit=1)), NO_RELEASE)
        await run.record(Step.RECORD_RELEASE, StepStatus.STARTED, detail={"after": newest.version})
        release = None
    else:
        release = await _own_release(run, plan, started.detail["after"])
    if release is None:
        definition = await run.fly.definition(plan.app)
        if definition is None:
            # A record with an empty fly.toml would be taken for the app's own by the next `fly deploy`.
            return NO_RELEASE
        release = await run.fly.create_release(
            plan.app, image=image_of(plan), definition=definition, strategy=plan.strategy.upper()
        )
    await run.fly.set_release_status(release.id, "running")
    return release


async def _own_release(run: Run, plan: DeploymentPlan, after: int) -> Release | None:
    # A create whose answer was lost may have happened: it is the first newer release of our image.
    releases = await run.fly.releases(plan.app, limit=10)
    ours = [r for r in releases if r.version > after and r.image.digest == image_of(plan).digest]
    return min(ours, key=lambda r: r.version, default=None)


async def close_release(run: Run, plan: DeploymentPlan, _: Action) -> None:
    """Tell Fly's books how it ended. A failure here is a warning."""
    first = failure(run.operation)
    status = "complete" if first is None else _failed_status(run.operation)
    warning = ""
    try:
        if release_id := await _release_id(run, plan):
            error = first.detail["message"] if first else ""
            await run.fly.set_release_status(release_id, status, error=error)
    except RemoteError as problem:
        warning = f"Fly's release record could not be closed: {problem}"
    await run.done(Step.CLOSE_RELEASE, status=status, warning=warning)


async def _release_id(run: Run, plan: DeploymentPlan) -> str:
    release = run.operation.row(Step.RECORD_RELEASE)
    # The books are closed only where opening them was tried.
    assert release is not None
    if release.detail.get("release_id"):
        return str(release.detail["release_id"])
    found = await _own_release(run, plan, release.detail["after"]) if "after" in release.detail else None
    return found.id if found else ""


def _failed_status(operation: Operation) -> str:
    return "interrupted" if failure_reason(operation) is Reason.CANCELLED else "failed"
