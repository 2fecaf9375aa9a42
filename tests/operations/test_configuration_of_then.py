"""A rollback with the configuration as it was: on Machines that are moved, on those that are made, and back again."""

from __future__ import annotations

import pytest

from bot.domain.deployment import DeploymentRequest
from bot.domain.operation import Event
from bot.domain.rollout import Step
from tests.operations.test_contracts import ANA, HEADING, IAD, SJC, V142, Table, table
from tests.world import PRODUCTION, World

__all__ = ["table"]
START = Event.START


async def prepared(table: Table) -> None:
    """v1.4.2 ran (v42); v1.5.0 runs with another configuration, and no migration lies in between."""
    await table.world.has_release_without_migration()
    await table.released(HEADING)
    now = await table.env(IAD) | {"FLAG": "on"}
    await table.configured(IAD, SJC, env=now)


async def test_image_and_configuration_come_back(table: Table) -> None:
    """Both Machines run the old image with the variables of then, and stay what they are otherwise."""
    await prepared(table)

    ended = await table.rolled_back("v42", with_configuration=True)

    assert (ended.state, table.world.labels()) == ("succeeded", {V142})
    assert "FLAG" not in await table.env(IAD) | await table.env(SJC)
    machine = await table.bot.fly[table.environment.organisation].machine(PRODUCTION, IAD)
    assert (machine.release_version, machine.group) == ("44", "app")


async def test_the_image_alone_leaves_the_configuration(table: Table) -> None:
    """What was not asked for does not change."""
    await prepared(table)

    await table.rolled_back("v42")

    assert table.world.labels() == {V142}
    assert (await table.env(IAD))["FLAG"] == (await table.env(SJC))["FLAG"] == "on"


@pytest.mark.parametrize("strategy", ["canary", "bluegreen"])
async def test_machines_that_are_made_get_it_too(table: Table, strategy: str) -> None:
    """A canary and greens boot with the variables of then."""
    await prepared(table)

    ended = await table.rolled_back("v42", with_configuration=True, strategy=strategy)

    assert ended.state == "succeeded"
    made = [m for m in table.world.all_machines() if m["label"] == V142 and m["id"] not in {IAD, SJC}]
    assert made
    assert all("FLAG" not in m["config"]["env"] for m in table.world.all_machines() if m["label"] == V142)


async def test_a_configuration_that_is_gone_stops_it_before_anything_moves(table: Table) -> None:
    """Fly forgot it between the plan and the start: refused, nothing touched."""
    await prepared(table)
    request = DeploymentRequest("production", "", release="v42", with_configuration=True)
    made, _ = await table.bot.deployments.request(request, by=ANA, channel="C0DEPLOYS", key="gone")
    shown = await table.bot.requests.prepare(made.id)
    table.world.fault("status", path=f"/machines/{SJC}/versions", status=404, body={"error": "not found"})
    await table.bot.store.transition(made.id, START, by=ANA, at=table.bot.clock.now(), plan_hash=shown.plan_hash)
    await table.bot.engine.resume()
    await table.world.settle()

    ended = await table.bot.store.operation(made.id)
    assert (ended.state, ended.reason) == ("failed", "configuration_unknown")
    assert table.world.labels() == {HEADING}


async def test_a_restore_brings_the_present_configuration_back(restoring_world: World) -> None:
    """The old image does not come up: the Machines have the image and the variables of before again."""
    table = Table(restoring_world)
    await prepared(table)
    table.world.fault("unhealthy", target=SJC, times=1)

    ended = await table.rolled_back("v42", with_configuration=True)

    assert (ended.state, table.world.labels()) == ("failed", {HEADING})
    assert (await table.env(IAD))["FLAG"] == (await table.env(SJC))["FLAG"] == "on"


async def test_a_restore_that_finds_no_configuration_says_so(restoring_world: World) -> None:
    """Fly forgot the present one meanwhile: nothing is guessed, and each Machine is named."""
    table = Table(restoring_world)
    await prepared(table)
    table.world.fault("unhealthy", target=SJC, times=1)
    before = (await table.draw("v42", with_configuration=True)).configs[SJC].partition(":")[2]

    def forget() -> None:
        for machine_id in (IAD, SJC):
            machine = table.world.fly.machine(machine_id)
            machine.versions[:] = [each for each in machine.versions if each["version"] == before]

    made, _ = await table.bot.deployments.request(
        DeploymentRequest("production", "", release="v42", with_configuration=True),
        by=ANA,
        channel="C0DEPLOYS",
        key="forget",
    )
    shown = await table.bot.requests.prepare(made.id)
    await table.bot.requests.confirm(made.id, plan_hash=shown.plan_hash, by=ANA)
    await table.world.until(
        lambda: next(m["label"] for m in table.world.machines() if m["id"] == SJC) == V142, "it is moved"
    )
    forget()
    await table.world.settle()

    ended = await table.bot.store.operation(made.id)
    rows = [row for row in ended.journal if row.step == Step.RESTORE and row.status == "failed"]
    assert rows
    assert all("does not show the configuration" in row.detail["message"] for row in rows)


async def test_a_machine_on_the_image_still_gets_its_configuration(table: Table) -> None:
    """One Machine had the old image already, with today's variables: it is not taken for done."""
    await prepared(table)
    await table.configured(IAD, image=f"registry.fly.io/{PRODUCTION}:{V142}")

    ended = await table.rolled_back("v42", with_configuration=True)

    assert ended.state == "succeeded"
    assert "FLAG" not in await table.env(IAD) | await table.env(SJC)
