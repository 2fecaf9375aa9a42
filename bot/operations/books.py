"""Fly's books: the release that a rollout writes down, and how it ended. They are not the deployment itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

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
    release, problem = await _patiently(run, lambda: _open_release(run, plan))
    if release is not None:
        warning = "" if release.id else "Fly shows no fly.toml of an earlier release, so none was recorded."
        await run.done(Step.RECORD_RELEASE, release_id=release.id, version=release.version, warning=warning)
        return
    # Where the attempt began, a release may have come of it after all: closing the books looks for it.
    begun = run.operation.row(Step.RECORD_RELEASE)
    warning = f"Fly's release record could not be written: {problem}"
    await run.done(Step.RECORD_RELEASE, release_id="", version=0, warning=warning, **(begun.detail if begun else {}))


async def _patiently(run: Run, write: Callable[[], Awaitable[Release]]) -> tuple[Release | None, str]:
    """What comes of a few tries, and what spoke against the last of them."""
    problem = ""
    for _ in range(TRIES):
        try:
            return await write(), ""
        except RemoteError as error:
            problem = str(error)
            await run.clock.sleep(WAIT_S)
    return None, problem


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
    error = first.detail["message"] if first else ""
    _done, problem = await _patiently(run, lambda: _close(run, plan, status, error))
    warning = f"Fly's release record could not be closed: {problem}" if problem else ""
    await run.done(Step.CLOSE_RELEASE, status=status, warning=warning)


async def _close(run: Run, plan: DeploymentPlan, status: str, error: str) -> Release:
    release = run.operation.row(Step.RECORD_RELEASE)
    # The books are closed only where opening them was tried.
    assert release is not None
    release_id = release.detail.get("release_id")
    if not release_id and "after" in release.detail:
        release_id = (await _own_release(run, plan, release.detail["after"]) or NO_RELEASE).id
    if release_id:
        await run.fly.set_release_status(release_id, status, error=error)
    return NO_RELEASE


def _failed_status(operation: Operation) -> str:
    return "interrupted" if failure_reason(operation) is Reason.CANCELLED else "failed"
