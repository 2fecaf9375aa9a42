"""What comes between the plan of a scaling and its end: others' hands, sleep, illness, a change of mind."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from bot.clients.fly import FlyClient
from bot.domain.model import Machine
from bot.domain.operation import Operation, State
from bot.domain.rollout import Step
from bot.domain.scale import Count, ScaleRequest, SizeWish
from bot.errors import NotAllowed, Reason, StaleAction
from bot.operations.people import BOT
from bot.operations.plans import scale_plan_of, scale_request_of, to_json
from jobs.approvals import void_stale
from sandbox.faults import Fault
from tests.operations.test_scaling import ANA, CLEO, asked, regions, scaled
from tests.world import CHANNEL, PRODUCTION, SHA, World

FRA = Count("fra", 1)


async def begun(world: World, operation: Operation) -> None:
    """Start the plan as it was shown, whatever happened since."""
    fresh = scale_plan_of(operation)
    is_approved = operation.approval is not None
    await world.bot.requests.start(operation, fresh, by=CLEO, is_approved=is_approved)


async def ended(world: World, operation: Operation) -> Operation:
    """The operation when all has come to rest."""
    await world.settle()
    return await world.bot.store.operation(operation.id)


async def until_journaled(world: World, operation: Operation, step: Step) -> None:
    """Return when the step was begun."""
    while (await world.bot.store.operation(operation.id)).rows(step) == {}:
        await world.simulators.clock.sleep(0.05)


def fly(world: World, environment: str = "production") -> FlyClient:
    """The bot's own client of Fly."""
    return world.bot.fly[world.settings.environment(environment).organisation]


async def machine_in(world: World, region: str, environment: str = "production") -> Machine:
    """The first Machine of a region."""
    found = await fly(world, environment).machines(world.settings.environment(environment).app)
    return next(machine for machine in found if machine.region == region and machine.is_serving)


async def changed_by_hand(
    world: World, machine: Machine, config: dict[str, Any], environment: str = "production"
) -> None:
    """A colleague takes the lease, updates the Machine and gives the lease back."""
    client = fly(world, environment)
    lease = await client.acquire_lease(machine.app, machine.id, ttl_s=30, description="a colleague")
    await client.update_machine(machine, config=config, nonce=lease.nonce, skip_launch=not machine.is_warm)
    await client.release_lease(machine.app, lease)


async def has_machine_with_volume(world: World, region: str) -> None:
    """Somebody made a Machine with a volume, and left another volume unattached."""
    model = await machine_in(world, "iad")
    used = await fly(world).create_volume(PRODUCTION, name="data", region=region, size_gb=1)
    mount = {"volume": used.id, "path": "/data", "name": "data", "size_gb": 1}
    config = {**model.config, "mounts": [mount]}
    await fly(world).create_machine(PRODUCTION, config=config, region=region, skip_service_registration=False)
    await fly(world).create_volume(PRODUCTION, name="data", region=region, size_gb=1)
    await world.simulators.clock.sleep(60)


async def test_machines_with_volumes_get_volumes_of_their_own(world: World) -> None:
    """First the one that nobody uses, then a new one; no two share one."""
    await has_machine_with_volume(world, "fra")

    operation = await scaled(world, Count("fra", 3))

    assert operation.state is State.SUCCEEDED
    volumes = await fly(world).volumes(PRODUCTION)
    assert len(volumes) == 3
    assert all(volume.machine_id for volume in volumes)
    assert len({volume.machine_id for volume in volumes}) == 3


async def test_a_machine_that_went_before_the_start_stops_it_at_once(world: World) -> None:
    """The plan is of other Machines: nothing is touched."""
    operation = await asked(world, FRA)
    world.fly.control.destroy_machine((await machine_in(world, "sjc")).id)

    await begun(world, operation)

    assert (await ended(world, operation)).reason == Reason.CHANGED_OUTSIDE
    assert regions(world) == ["iad"]


async def test_a_model_that_is_gone_makes_nothing(world: World) -> None:
    """There is nobody to be like any more."""
    operation = await asked(world, FRA)
    plan = scale_plan_of(operation)
    lost = dataclasses.replace(plan, creations=(dataclasses.replace(plan.creations[0], model="4d891"),))
    stored = await world.bot.store.set_plan(operation.id, to_json(lost), plan.hash, approval=operation.approval)

    await begun(world, stored)

    assert (await ended(world, operation)).reason == Reason.MACHINE_GONE
    assert regions(world) == ["iad", "sjc"]


async def test_a_new_machine_that_sleeps_after_a_restart_is_started(world: World) -> None:
    """Found by its mark, woken, seen healthy."""
    operation = await asked(world, FRA)
    await begun(world, operation)
    await until_journaled(world, operation, Step.CREATE)
    await world.until(lambda: "fra" in regions(world), "the Machine is made")

    def stop() -> None:
        (made,) = [machine for machine in world.machines() if machine["region"] == "fra"]
        world.fly.control.stop_machine(made["id"])

    await world.until(lambda: all(m["state"] == "started" for m in world.machines()), "it is started")
    await world.restarts_after(stop)

    assert (await ended(world, operation)).state is State.SUCCEEDED
    assert {m["state"] for m in world.machines()} == {"started"}
    assert regions(world) == ["fra", "iad", "sjc"]


@pytest.mark.parametrize("steps", range(1, 7))
async def test_a_restart_while_memory_changes_goes_on(world: World, steps: int) -> None:
    """Each Machine is changed once, whenever the bot died."""
    operation = await asked(world, sizes=(SizeWish(memory_mb=2048),))
    await begun(world, operation)
    while world.bot.engine.is_busy and len((await world.bot.store.operation(operation.id)).journal) < steps:
        await world.simulators.clock.sleep(0.2)

    await world.restarts_after(lambda: None)

    assert (await ended(world, operation)).state is State.SUCCEEDED
    assert {m["config"]["guest"]["memory_mb"] for m in world.machines()} == {2048}


async def test_what_fly_refuses_for_another_reason_is_told_as_that(world: World) -> None:
    """Only a want of room is called that."""
    world.fault("status", method="POST", path=rf"/apps/{PRODUCTION}/machines$", status=422)

    operation = await scaled(world, FRA)

    assert operation.state is State.FAILED
    assert operation.reason != Reason.NO_CAPACITY


async def test_nobody_goes_while_nobody_who_stays_is_well(world: World) -> None:
    """The Machine that would stay fell ill since the plan: nothing is destroyed."""
    operation = await asked(world, Count("iad", 0))
    world.fly.control.set_health((await machine_in(world, "sjc")).id, "critical")

    await begun(world, operation)

    assert (await ended(world, operation)).reason == Reason.MACHINE_UNHEALTHY
    assert regions(world) == ["iad", "sjc"]


async def test_a_machine_that_somebody_changed_meanwhile_is_not_destroyed(world: World) -> None:
    """Another image while the new one booted: whoever it is now, it is not the one of the plan."""
    operation = await asked(world, Count("iad", 0), FRA)
    await begun(world, operation)
    await until_journaled(world, operation, Step.CREATE)
    iad = await machine_in(world, "iad")
    image = f"registry.fly.io/{PRODUCTION}:sha-{SHA['v1.4.2']}"
    await changed_by_hand(world, iad, {**iad.config, "image": image})

    assert (await ended(world, operation)).reason == Reason.CHANGED_OUTSIDE
    assert "iad" in regions(world)


async def test_a_machine_that_somebody_destroyed_meanwhile_is_done(world: World) -> None:
    """It had to go anyway."""
    operation = await asked(world, Count("iad", 0), FRA)
    await begun(world, operation)
    await until_journaled(world, operation, Step.CREATE)
    world.fly.control.destroy_machine((await machine_in(world, "iad")).id)

    assert (await ended(world, operation)).state is State.SUCCEEDED
    assert regions(world) == ["fra", "sjc"]


async def test_a_machine_that_falls_ill_beside_it_fails_the_receipt(world: World) -> None:
    """All that was planned is done, and still nobody may call that a success."""
    operation = await asked(world, FRA)
    await begun(world, operation)
    world.fly.control.set_health((await machine_in(world, "sjc")).id, "critical")

    assert (await ended(world, operation)).reason == Reason.MACHINE_UNHEALTHY
    assert regions(world) == ["fra", "iad", "sjc"]


async def test_a_machine_that_somebody_added_fails_the_receipt(world: World) -> None:
    """The number that was read back is not the planned one."""
    operation = await asked(world, FRA)
    await begun(world, operation)
    await until_journaled(world, operation, Step.CREATE)
    model = await machine_in(world, "iad")
    await fly(world).create_machine(PRODUCTION, config=model.config, region="iad", skip_service_registration=False)

    assert (await ended(world, operation)).reason == Reason.CHANGED_OUTSIDE


async def test_a_cancel_before_anything_was_made_makes_nothing(world: World) -> None:
    """The Machines are as they were."""
    operation = await asked(world, FRA)
    world.fault("delay", method="GET", path=rf"/apps/{PRODUCTION}/machines$", seconds=30, times=1)
    await begun(world, operation)
    await world.bot.requests.cancel(operation.id, by=ANA)

    assert (await ended(world, operation)).state is State.CANCELLED
    assert regions(world) == ["iad", "sjc"]


async def test_a_sleeper_is_started_where_nobody_may_sleep(world: World) -> None:
    """As the configuration says."""
    world.fly.control.stop_machine((await machine_in(world, "sjc")).id)
    await world.simulators.clock.sleep(10)

    operation = await scaled(world, as_configured=True)

    assert [row.target for row in operation.journal if row.step == Step.WAKE] != []
    assert operation.state is State.SUCCEEDED
    assert {machine["state"] for machine in world.machines()} == {"started"}


async def test_who_woke_up_meanwhile_is_only_seen_healthy(world: World) -> None:
    """There is nothing to start any more."""
    sjc = (await machine_in(world, "sjc")).id
    world.fly.control.stop_machine(sjc)
    await world.simulators.clock.sleep(10)
    operation = await asked(world, as_configured=True)
    world.fly.control.start_machine(sjc)
    await world.simulators.clock.sleep(30)

    await begun(world, operation)

    assert (await ended(world, operation)).state is State.SUCCEEDED


@pytest.mark.parametrize(
    "service",
    [{"autostop": "off"}, {"min_machines_running": 1}, {"autostop": "off", "min_machines_running": 1}],
)
async def test_what_keeps_machines_awake_goes_back_to_the_config(world: World, service: dict[str, Any]) -> None:
    """Staging sleeps, and a Machine that sleeps is not woken for it."""
    environment = world.settings.environment("staging")
    machine = await machine_in(world, environment.primary_region, "staging")
    config = {**machine.config, "services": [{**each, **service} for each in machine.config["services"]]}
    await changed_by_hand(world, machine, config, environment="staging")
    await world.simulators.clock.sleep(30)

    operation = await scaled(world, environment="staging", as_configured=True)

    assert operation.state is State.SUCCEEDED, operation.outcome
    now = await machine_in(world, environment.primary_region, "staging")
    said = [(s.get("autostop"), s.get("min_machines_running") or 0) for s in now.config["services"]]
    assert set(said) <= {("stop", environment.min_machines), (True, environment.min_machines)}


async def test_a_plan_that_machines_overtook_is_void(world: World) -> None:
    """Nobody can approve what is not true any more."""
    operation = await asked(world, FRA)
    world.fly.control.destroy_machine((await machine_in(world, "sjc")).id)

    await void_stale(world.bot.approvals).run()

    stored = await world.bot.store.operation(operation.id)
    assert stored.approval is not None
    assert not stored.approval.is_pending
    with pytest.raises(StaleAction):
        await world.bot.approvals.approve(operation.id, plan_hash=operation.plan_hash, by=CLEO)


async def test_what_the_next_deployment_does_is_unknown_without_github(world: World) -> None:
    """That is said, and the scaling goes on."""
    world.github.faults.add(Fault("status", path="/contents/"))

    operation = await asked(world, sizes=(SizeWish(memory_mb=2048),))

    (undoing,) = scale_plan_of(operation).undone_by
    assert "is not known" in undoing.what


async def test_an_image_that_names_no_commit_has_no_fly_toml(world: World) -> None:
    """Nothing is guessed."""
    world.fly.control.push_image(app=PRODUCTION, label="by-hand")
    await world.fly.control.ci.deploy(PRODUCTION, f"registry.fly.io/{PRODUCTION}:by-hand")

    resized = await asked(world, sizes=(SizeWish(memory_mb=2048),))
    counted = await asked(world, FRA)

    assert "names no commit" in scale_plan_of(resized).undone_by[0].what
    assert scale_plan_of(counted).undone_by == ()


async def test_a_failed_scaling_is_asked_for_again_once(world: World) -> None:
    """Two clicks are one request; what has not failed is not tried again."""
    world.fault("no_capacity", target="fra", times=1)
    failed = await scaled(world, FRA)
    await asked(world, Count("ord", 1))

    again, is_new = await world.bot.scalings.retry(failed.id, by=ANA, channel=CHANNEL)
    same, is_newer = await world.bot.scalings.retry(failed.id, by=ANA, channel=CHANNEL)

    assert (is_new, is_newer, same.id) == (True, False, again.id)
    assert scale_request_of(again).counts == (FRA,)
    with pytest.raises(StaleAction):
        await world.bot.scalings.retry(again.id, by=ANA, channel=CHANNEL)


async def test_the_bots_own_request_is_confirmed_by_any_member(world: World) -> None:
    """Nobody else could; and of somebody's own request only that person."""
    there = await machine_in(world, world.settings.environment("staging").primary_region, "staging")
    request = ScaleRequest("staging", (Count(there.region, 2),))
    made, _ = await world.bot.scalings.request(request, by=BOT, channel=CHANNEL, key="the bot's")
    planned = await world.bot.requests.prepare(made.id)

    await world.bot.requests.confirm(planned.id, plan_hash=planned.plan_hash, by=CLEO)

    assert (await ended(world, planned)).started_at is not None
    theirs = await asked(world, FRA)
    with pytest.raises(NotAllowed):
        await world.bot.requests.confirm(theirs.id, plan_hash=theirs.plan_hash, by=CLEO)


async def test_a_create_that_never_reached_fly_is_sent_again(world: World) -> None:
    """Written down, not done, and looked for in vain: then it is done, once."""
    world.fault("drop_before", method="POST", path=rf"/apps/{PRODUCTION}/machines$", times=4)

    operation = await scaled(world, FRA)

    assert operation.state is State.SUCCEEDED, operation.outcome
    assert regions(world) == ["fra", "iad", "sjc"]


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
async def test_an_update_whose_answer_is_lost_is_done_once(world: World, kind: str) -> None:
    """Whether Fly heard it or not, the Machine is looked at before it is written again."""
    world.fault(kind, method="POST", path=rf"/apps/{PRODUCTION}/machines/[0-9a-f]+$", times=4)

    operation = await scaled(world, sizes=(SizeWish(memory_mb=2048),))

    assert operation.state is State.SUCCEEDED, operation.outcome
    assert {m["config"]["guest"]["memory_mb"] for m in world.machines()} == {2048}


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
async def test_a_removal_whose_answer_is_lost_is_done_once(world: World, kind: str) -> None:
    """What is gone is done; what is not is destroyed after all."""
    world.fault(kind, method="DELETE", path=rf"/apps/{PRODUCTION}/machines/[0-9a-f]+$", times=4)

    operation = await scaled(world, Count("sjc", 0))

    assert operation.state is State.SUCCEEDED, operation.outcome
    assert regions(world) == ["iad"]
