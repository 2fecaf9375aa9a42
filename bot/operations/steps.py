"""What several steps of a rollout share: a Machine's next config, and steps taken side by side."""

from __future__ import annotations

import asyncio
import contextlib
import copy
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any

from bot.domain.deployment import DeploymentPlan, PlannedMachine
from bot.domain.model import Image, Machine
from bot.domain.proof import crash
from bot.domain.rollout import Action, Step, successors
from bot.domain.then_and_now import as_it_was
from bot.errors import LeaseHeld, NotFound, Reason, RemoteTimeout, StepFailed
from bot.operations.engine import Run
from bot.operations.health import MARKER

# States in which an update launches the Machine; any other is left as it is (flyctl, shouldSkipLaunch, which
# forgets those that Fly restarts just now).
LAUNCHED_STATES = frozenset({"started", "starting", "failed", "restarting"})
# On a Machine that an operation made: the Machine, or the process group, that it was made for.
FOR = "flytower_for"
SLEEP_WAIT_S = 30.0


def image_of(plan: DeploymentPlan) -> Image:
    """The image to run."""
    # A plan without an image is blocked, and a blocked plan never starts.
    assert plan.image is not None
    return plan.image


def release_metadata(run: Run) -> dict[str, str | None]:
    """What marks a Machine as moved by this operation, and by which release of Fly's books."""
    release = run.operation.row(Step.RECORD_RELEASE)
    metadata: dict[str, str | None] = {MARKER: run.operation.id, FOR: None}
    if release is not None and release.detail.get("release_id"):
        metadata["fly_release_id"] = release.detail["release_id"]
        metadata["fly_release_version"] = str(release.detail["version"])
    return metadata


def config_with(
    run: Run, config: Mapping[str, Any], image: Image, metadata: Mapping[str, str | None]
) -> dict[str, Any]:
    """A config with nothing changed but image and metadata; who stands by does so for the successors."""
    changed = copy.deepcopy(dict(config))
    changed["image"] = image.reference
    merged = {**changed.get("metadata", {}), **metadata}
    changed["metadata"] = {key: value for key, value in merged.items() if value is not None}
    if changed.get("standbys"):
        now = successors(run.operation)
        changed["standbys"] = [now.get(watched, watched) for watched in changed["standbys"]]
    return changed


async def config_for(run: Run, planned: PlannedMachine, now: Mapping[str, Any]) -> Mapping[str, Any]:
    """The config that a Machine gets in the place of `now`: the same, or with the configuration that the plan pinned.

    StepFailed where Fly does not show that any more.
    """
    if not planned.config_from:
        return now
    machine_id, _, version = planned.config_from.partition(":")
    return as_it_was(now, await config_of_version(run, machine_id, version))


async def config_of_version(run: Run, machine_id: str, version: str) -> Mapping[str, Any]:
    """A configuration that a Machine had; StepFailed where Fly does not show it any more."""
    versions = []
    with contextlib.suppress(NotFound):
        versions = await run.fly.machine_versions(run.operation.app, machine_id)
    found = next((each.config for each in versions if each.version == version), None)
    if not found:
        raise StepFailed(
            f"Fly does not show the configuration {version} of Machine {machine_id} any more.",
            hint="Roll back the image only.",
            reason=Reason.CONFIGURATION_UNKNOWN,
        )
    return found


def is_to_run(machine: Machine) -> bool:
    """Whether a Machine runs, or would if it had not crashed until Fly gave it up: that one does not sleep."""
    return machine.state in LAUNCHED_STATES or crash(machine) is not None


def is_moved(run: Run, plan: DeploymentPlan, machine: Machine) -> bool:
    """Whether this operation brought the Machine to the image already."""
    is_marked = machine.metadata.get(MARKER) == run.operation.id
    return is_marked and machine.image.digest == image_of(plan).digest


def undone(run: Run, action: Action) -> list[str]:
    """What is left of an action: it is taken again where Fly did not answer in the middle of it."""
    return [target for target in action.machines if not run.operation.done(action.step, target)]


async def put_to_sleep(run: Run, machine: Machine, *, nonce: str = "") -> None:
    """Stop a Machine that is to sleep; one that takes longer than usual is no failure of the image."""
    await run.fly.stop_machine(machine.app, machine.id, nonce=nonce)
    with contextlib.suppress(RemoteTimeout):
        await run.fly.wait_for_state(
            machine.app, machine.id, "stopped", version=machine.version, timeout_s=SLEEP_WAIT_S
        )


async def refuse_leases(run: Run, machines: Iterable[str]) -> None:
    """LeaseHeld where somebody else has a lease on one of these Machines."""
    for lease in await asyncio.gather(*(run.fly.lease(run.operation.app, machine) for machine in machines)):
        if lease is not None and lease.description != run.leases.description:
            raise LeaseHeld(lease.machine_id, lease.owner, lease.expires_at)


async def side_by_side(steps: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Let all come to an end, then raise the first error, so that each is recorded."""
    results = await asyncio.gather(*steps, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
