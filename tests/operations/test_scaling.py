"""A scaling on the simulators: what Fly runs afterwards, whatever is lost, refused, crashes or dies on the way."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from bot.domain.model import Actor
from bot.domain.operation import Operation, State
from bot.domain.scale import Count, ScaleRequest, SizeWish
from bot.errors import Reason
from tests.world import CHANNEL, PRODUCTION, World

ANA, CLEO = Actor("U0ANA", "T0REIFY"), Actor("U0CLEO", "T0REIFY")
KEYS = itertools.count(1)


async def scaled(world: World, *counts: Count, environment: str = "production", **how: Any) -> Operation:
    """A scaling by Ana, approved by Cleo where somebody must, when it has come to rest."""
    operation = await asked(world, *counts, environment=environment, **how)
    if operation.approval is not None and operation.approval.is_pending:
        await world.bot.approvals.approve(operation.id, plan_hash=operation.plan_hash, by=CLEO)
        await world.settle()
    return await world.bot.store.operation(operation.id)


async def asked(world: World, *counts: Count, environment: str = "production", **how: Any) -> Operation:
    """A scaling that Ana asked for, as its plan shows it."""
    request = ScaleRequest(environment, counts=counts, **how)
    made, _ = await world.bot.scalings.request(request, by=ANA, channel=CHANNEL, key=f"scale {next(KEYS)}")
    operation = await world.bot.requests.prepare(made.id)
    await world.settle()
    return operation


def regions(world: World, app: str = PRODUCTION) -> list[str]:
    """Where the app's Machines are."""
    return sorted(machine["region"] for machine in world.machines(app))


async def test_another_region_gets_a_machine_like_the_others(world: World) -> None:
    """The new one runs the image and the size of the others, healthy, and people are sent to it."""
    operation = await scaled(world, Count("fra", 1))

    assert (operation.state, operation.reason) == (State.SUCCEEDED, "")
    assert regions(world) == ["fra", "iad", "sjc"]
    configs = [machine["config"] for machine in world.machines()]
    assert len({config["image"] for config in configs}) == 1
    assert len({str(config["guest"]) for config in configs}) == 1
    (new,) = [machine for machine in world.machines() if machine["region"] == "fra"]
    assert new["state"] == "started"
    assert not new["cordoned"]


async def test_a_region_that_goes_is_destroyed_after_the_new_one_is_well(world: World) -> None:
    """From iad to fra: the journal has the creation before the removal."""
    operation = await scaled(world, Count("iad", 0), Count("fra", 1))

    assert regions(world) == ["fra", "sjc"]
    done = [row.step for row in operation.journal if row.status == "done"]
    assert done.index("create") < done.index("remove")


async def test_a_create_whose_answer_is_lost_makes_no_second_machine(world: World) -> None:
    """It is found again by its mark."""
    world.fault("drop_after", method="POST", path=rf"/apps/{PRODUCTION}/machines$", times=1)

    operation = await scaled(world, Count("fra", 1))

    assert operation.state is State.SUCCEEDED
    assert regions(world) == ["fra", "iad", "sjc"]
    assert len([m for m in world.all_machines() if m["region"] == "fra"]) == 1


async def test_a_region_without_room_stops_it_and_nothing_is_destroyed(world: World) -> None:
    """Fly could not reserve the resource: the old Machines go on serving."""
    world.fault("no_capacity", target="fra")

    operation = await scaled(world, Count("iad", 0), Count("fra", 1))

    assert (operation.state, operation.reason) == (State.FAILED, Reason.NO_CAPACITY)
    assert "no room in fra" in operation.outcome["message"]
    assert regions(world) == ["iad", "sjc"]


async def test_memory_changes_on_every_machine(world: World) -> None:
    """One after the other, each seen healthy."""
    operation = await scaled(world, sizes=(SizeWish(memory_mb=2048),))

    assert operation.state is State.SUCCEEDED
    assert {machine["config"]["guest"]["memory_mb"] for machine in world.machines()} == {2048}


async def test_a_machine_that_is_never_well_is_taken_away_again(world: World) -> None:
    """What was made and not seen healthy goes, what was there stays."""
    world.fault("unhealthy", target="fra")

    operation = await scaled(world, Count("iad", 0), Count("fra", 1))

    assert operation.state is State.FAILED
    assert regions(world) == ["iad", "sjc"]


async def test_staging_scales_without_a_second_person(world: World) -> None:
    """By the policy; production never."""
    operation = await asked(world, Count("iad", 2), environment="staging")

    assert operation.approval is None
    assert operation.state is not State.FAILED


@pytest.mark.parametrize("steps", range(1, 9))
async def test_a_restart_after_any_step_goes_on(world: World, steps: int) -> None:
    """However many journal rows there were, the end is the same."""
    operation = await asked(world, Count("iad", 0), Count("fra", 1))
    await world.bot.approvals.approve(operation.id, plan_hash=operation.plan_hash, by=CLEO)

    async def rows() -> int:
        return len((await world.bot.store.operation(operation.id)).journal)

    while world.bot.engine.is_busy and await rows() < steps:
        await world.simulators.clock.sleep(0.2)
    await world.restarts_after(lambda: None)
    await world.settle()

    ended = await world.bot.store.operation(operation.id)
    assert ended.state is State.SUCCEEDED
    assert regions(world) == ["fra", "sjc"]
    assert len([m for m in world.all_machines() if m["region"] == "fra"]) == 1
