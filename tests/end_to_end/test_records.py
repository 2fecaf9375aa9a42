"""What the bot rolls out itself is in GitHub's books, whatever GitHub is doing meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.faults import Fault
from sandbox.github.model import Deployment
from tests.world import SHA, World


def ours(world: World) -> list[Deployment]:
    """The deployments at GitHub that carry an operation of the bot."""
    repository = world.github.world.repository("reify/reify-studio")
    assert repository is not None
    return [each for each in repository.deployments if isinstance(each.payload, dict) and "flytower" in each.payload]


def states(deployment: Deployment) -> list[str]:
    return [status.state for status in deployment.statuses]


async def deploys(world: World) -> str:
    """The id of a deployment of staging by the image way, which succeeded."""
    await world.types("/deploy staging main")
    (operation,) = await world.operations()
    assert operation.state == "succeeded"
    return operation.id


async def test_a_rollout_of_our_own_is_recorded_at_github(world: World) -> None:
    """One deployment of the commit to the environment, begun and ended, with the way to the card."""
    operation_id = await deploys(world)
    await world.simulators.clock.sleep(30)

    (made,) = ours(world)
    assert (made.sha, made.environment, made.task) == (SHA["heading"], "staging", "deploy")
    assert made.payload == {"flytower": operation_id}
    assert states(made) == ["in_progress", "success"]
    assert made.statuses[-1].log_url.startswith("https://reify.slack.com/archives/C0DEPLOYS/p")
    assert made.statuses[-1].environment_url == "https://reify-studio-staging.fly.dev"


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 502},
        {"kind": "status", "status": 403},
        {"kind": "drop_before"},
        {"kind": "drop_after", "times": 2},
    ],
)
async def test_github_in_trouble_holds_no_deployment_up(world: World, fault: dict[str, Any]) -> None:
    """It ends as ever; once GitHub is well, there is one deployment in the state in which it ended."""
    world.github.faults.add(Fault(method="POST", path="/deployments", **fault))
    await deploys(world)
    world.github.faults.clear()
    await world.later(3600)

    (made,) = ours(world)
    assert states(made)[-1] == "success"
    assert len(states(made)) == len(set(states(made)))


async def test_a_commit_that_github_lost_stays_without_a_record(world: World) -> None:
    """GitHub does not know the commit any more: it is told nothing, and asked once."""
    world.github.faults.add(Fault("status", method="POST", path="/deployments$", status=422))
    await deploys(world)
    await world.later(3600)

    assert ours(world) == []
    assert len(world.github.calls.find("POST", "/deployments$")) == 1
