"""What a review tried in order to break rollbacks: second tries, silent providers, plans that change back."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.domain.deployment import DeploymentRequest
from bot.domain.model import Actor
from bot.domain.operation import Operation, State
from bot.operations.people import BOT
from sandbox.faults import Fault
from tests.world import CHANNEL, RESTORING, SHA, STAGING, World, text_of
from tests.world import world as make_world

CONFIRM, APPROVE, RETRY = "deployment_confirm", "approval_approve", "deployment_retry"
ANA = Actor("U0ANA", "T0REIFY")
IAD = "148e2d1c6e9789"
OLD, NEW = f"sha-{SHA['v1.4.1']}", f"sha-{SHA['v1.4.2']}"


@pytest.fixture
async def bad(world: World) -> World:
    """Production runs v1.4.2 by Ana, which brought a migration."""
    await world.types("/deploy production v1.4.2")
    await world.clicks(CONFIRM)
    return world


@pytest.fixture
async def restoring(tmp_path: Path) -> AsyncIterator[World]:
    """The same where failures are restored."""
    async with make_world(tmp_path / "flytower.db", change=RESTORING) as made:
        await made.types("/deploy production v1.4.2")
        await made.clicks(CONFIRM)
        yield made


async def test_a_red_rollback_that_fails_half_way_brings_back_what_ran(restoring: World) -> None:
    """The schema is that of what ran before the rollback: its migrations are no reason to leave two images."""
    await restoring.types("/rollback production")
    asked = restoring.card()
    await restoring.press(APPROVE, by="U0CLEO", card=asked)
    await restoring.until(lambda: OLD in restoring.labels(), "the first Machine is moved")
    moved = next(machine["id"] for machine in restoring.machines() if machine["label"] == OLD)
    states = {"started"}
    await restoring.until(
        lambda: {m["state"] for m in restoring.machines() if m["id"] == moved} == states, "it runs on the old image"
    )
    restoring.fly.control.set_health(moved, "critical", "no database")
    await restoring.settle()

    assert (await restoring.operations())[-1].state is State.FAILED
    assert restoring.labels() == {NEW}


async def test_a_rollback_goes_without_a_repository(bad: World) -> None:
    """GitHub says 404 to everything, as where its app was uninstalled: the contract comes all the same."""
    # What GitHub said before is kept for a moment.
    await bad.simulators.clock.sleep(60)
    bad.github.faults.add(Fault("status", status=404))
    await bad.types("/rollback production v41")

    assert "Verdict: red" in text_of(bad.card())


async def test_a_second_try_from_a_card_needs_no_formal_rollback(world: World) -> None:
    """Staging goes back by the button on a card, and so does the try after a failure."""
    await world.types("/deploy staging main")
    deployed = (await world.operations())[-1]
    request = DeploymentRequest("staging", "", back_from=deployed.id)
    fault = world.fault("status", method="POST", path=f"/apps/{STAGING}/machines/[^/]+$", status=422)
    operation, _ = await world.bot.deployments.request(request, by=ANA, channel=CHANNEL, key="back")
    await world.bot.deploy.prepare(operation.id)
    await world.settle()
    await world.clicks(CONFIRM)
    failed = await world.bot.store.operation(operation.id)
    world.fly.faults.remove(fault.id)
    again, is_new = await world.bot.deployments.retry(operation.id, by=ANA, channel=CHANNEL)

    assert deployed.state is State.SUCCEEDED
    assert failed.state is State.FAILED
    assert is_new
    assert again.request["back_from"] == deployed.id


async def test_a_plan_that_changes_back_still_has_a_button(world: World) -> None:
    """It waits on a card: that it is the one from the form again neither hides it nor starts it at the next start."""
    request = DeploymentRequest("production", "v1.4.2")
    seen = await world.bot.deployments.dry_run(request, by=ANA)
    request = dataclasses.replace(request, seen_hash=seen.hash)
    await world.types('/deploy lock production "careful"')
    operation, _ = await world.bot.deployments.request(request, by=ANA, channel=CHANNEL, key="form")
    await world.bot.deploy.prepare(operation.id)
    await world.types("/deploy unlock production")
    waiting = await world.bot.store.operation(operation.id)
    answer = await world.bot.requests.confirm(operation.id, plan_hash=waiting.plan_hash, by=ANA)

    assert answer.operation.plan is not None
    assert answer.operation.plan["needs_confirmation"]
    assert operation.id not in await world.bot.requests.unplanned()


async def test_a_rule_for_another_app_does_not_stop_the_bots_own_way_back(
    bad: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody locks staging between the plan and the start of a restore: it is planned anew and goes on."""
    deployed = (await bad.operations())[-1]
    restorer, start, locks = bad.bot.watching._restorer, bad.bot.engine.start, ["staging"]

    async def locked_before(*args: Any, **details: Any) -> Operation:
        if locks:
            await bad.slack.command(user="U0BO", channel=CHANNEL, text=f'/deploy lock {locks.pop()} "careful"')
            await bad.bot.tasks.settle()
        return await start(*args, **details)

    monkeypatch.setattr(bad.bot.engine, "start", locked_before)
    made = await restorer.restore(deployed)
    await bad.settle()

    assert made.actor == BOT
    assert made.started_at is not None
    assert bad.labels() == {OLD}
