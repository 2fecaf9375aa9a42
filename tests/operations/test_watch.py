"""The watch's use cases where the end-to-end tests do not go: many apps, odd moments, what left the configuration."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from bot.domain.deployment import DeploymentPlan
from bot.domain.model import Actor
from bot.domain.operation import Event, JournalRow, Operation, StepStatus
from bot.domain.rollout import Step
from bot.domain.watch import Phase, Watch
from bot.errors import StaleAction
from bot.operations.plans import to_json
from bot.operations.watch import Returns
from bot.store import NewOperation
from bot.watches import Watches
from sandbox.fly import configs
from tests.builders import ANA, new_operation, plan
from tests.world import PRODUCTION, SHA, World

LABEL = f"sha-{SHA['v1.4.1']}"
MACHINE = {
    "services": [{"internal_port": 4000, "checks": [{"type": "http"}]}],
    "metadata": {"fly_platform_version": "v2", "fly_process_group": "app"},
}


async def succeeded(
    world: World, new: NewOperation, of: DeploymentPlan, machines: tuple[dict[str, Any], ...] = ()
) -> Operation:
    """A deployment that succeeded just now, with what its receipt saw."""
    store, now = world.bot.store, world.bot.clock.now()
    operation, _ = await store.create_operation(new, now)
    await store.set_plan(operation.id, to_json(of), of.hash)
    await store.transition(operation.id, Event.START, by=ANA, at=now)
    seen = JournalRow(Step.RECEIPT, "", StepStatus.DONE, now, {"machines": list(machines)})
    await store.append_journal(operation.id, seen)
    for event in (Event.VERIFY, Event.SUCCEED):
        operation = await store.transition(operation.id, event, by=ANA, at=now)
    return operation


def makes_app(world: World, name: str) -> tuple[dict[str, Any], ...]:
    """An app with one healthy Machine, as a receipt sees it."""
    control = world.fly.control
    control.create_app(name, "reify-studio-production")
    app = control.app(name)
    config = configs.accepted({**MACHINE, "image": f"registry.fly.io/{PRODUCTION}:{LABEL}"})
    image = configs.pulled(control.world, app, config)
    made = control.lifecycle.create(app, name="", region="iad", config=config, image=image, launch=True, by="ci")
    return ({"id": made.id, "region": "iad", "state": "started", "digest": image[1].digest},)


def watched(**changes: Any) -> DeploymentPlan:
    """A plan with a window of ten minutes."""
    return plan(watch_s=600.0, **changes)


async def put(world: World, **changes: Any) -> Operation:
    """A deployment of production whose watch stands as the test wants it."""
    of = changes.pop("of", watched())
    name, app = changes.pop("environment", "production"), changes.pop("app", PRODUCTION)
    request = {"environment": f"reify-studio/{name}", "ref": "v1.4.2", "why": ""}
    operation = await succeeded(world, new_operation(app, request=request), of)
    watches = Watches(world.bot.store)
    await watches.begin(world.bot.clock.now())
    watch = await watches.of(operation.id)
    assert watch is not None
    await watches.save(dataclasses.replace(watch, since=world.bot.clock.now(), **changes))
    return operation


async def stands(world: World, operation: Operation) -> Watch:
    watch = await Watches(world.bot.store).of(operation.id)
    assert watch is not None
    return watch


async def test_forty_watched_apps_cost_one_list_call_each(world: World) -> None:
    """A look at everything is one request for each app, whatever else is watched."""
    for number in range(40):
        name = f"reify-studio-{number}"
        app = makes_app(world, name)
        await succeeded(world, new_operation(name), watched(app=name), app)
    # The apps are not in the configuration, which says whose token reaches an app.
    world.bot.watching._organisation_of = lambda _: "reify-studio-production"
    await world.simulators.clock.sleep(10)
    earlier = len(world.fly.calls.all())
    await world.bot.watching.tick()

    calls = Counter(call["path"] for call in world.fly.calls.all()[earlier:])
    assert set(calls.values()) == {1}
    assert len(calls) == 40
    phases = [followed.watch.phase for followed in await Watches(world.bot.store).followed()]
    assert phases == [Phase.WATCHING] * 40


async def test_an_environment_that_left_the_configuration_is_watched_no_more(world: World) -> None:
    """Nobody knows which token it would take: the watch ends, and says that nobody looked."""
    operation = await put(world, environment="gone", app="gone")
    await world.bot.watching.tick()

    assert (await stands(world, operation)).phase is Phase.MISSED


async def test_a_restore_in_an_environment_that_left_the_configuration_is_given_up(world: World) -> None:
    """The countdown is over, the environment is gone: people are told, and nothing is asked for ever."""
    operation = await put(world, environment="gone", app="gone", phase=Phase.RESTORING)
    await world.bot.watching.tick()

    watch = await stands(world, operation)
    assert watch.phase is Phase.TROUBLE
    assert "could not be restored" in watch.note


async def test_a_restore_whose_planning_fails_for_good_is_ended(world: World) -> None:
    """The plan has nothing in common with the world (its image is gone): the request ends with the reason."""
    operation = await put(world, phase=Phase.RESTORING)
    world.fault("status", path=r"/machines$", status=403)
    await world.bot.watching.tick()

    made = (await world.operations())[-1]
    assert (made.state, made.reason) == ("failed", "remote_rejected")
    assert (await stands(world, operation)).phase is Phase.TROUBLE


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"phase": Phase.RESTORED}, "The countdown is over"),
        ({"phase": Phase.RECOVERED}, "well again"),
        ({"phase": Phase.TROUBLE, "note": "Bo stopped the restore."}, "Bo stopped the restore."),
        ({"phase": Phase.SUPERSEDED}, "Nothing is going to be restored any more"),
    ],
)
async def test_a_stop_that_comes_too_late_says_why(world: World, changes: dict[str, Any], words: str) -> None:
    """The button of an older message answers with what happened since."""
    operation = await put(world, **changes)

    with pytest.raises(StaleAction, match=words):
        await world.bot.watching.stop_restore(operation.id, by=ANA)


async def test_a_stop_where_nothing_is_watched_is_refused(world: World) -> None:
    """A button whose operation the database does not know any more."""
    with pytest.raises(StaleAction, match="not watched"):
        await world.bot.watching.stop_restore("no-such-operation", by=ANA)


async def test_a_stop_while_a_newer_deployment_runs_is_told_so(world: World) -> None:
    """There is nothing left to stop, and it does not try for ever."""
    operation = await put(world, phase=Phase.TROUBLE, restore_at=world.bot.clock.now() + timedelta(minutes=1))
    newer, _ = await world.bot.store.create_operation(new_operation(), world.bot.clock.now())
    await world.simulators.clock.sleep(1)
    await world.bot.store.transition(newer.id, Event.START, by=ANA, at=world.bot.clock.now())

    with pytest.raises(StaleAction, match="newer deployment"):
        await world.bot.watching.stop_restore(operation.id, by=ANA)


async def test_there_is_no_way_back_from_the_first_deployment(world: World) -> None:
    """Nothing ran before: the refusal says so."""
    operation = await put(world, of=watched(live=None))
    returns = Returns(world.bot.store, Watches(world.bot.store), world.bot.deployments, _people(world))

    with pytest.raises(StaleAction, match="nothing ran before"):
        await returns.roll_back(operation.id, by=Actor("U0ANA", "T0REIFY"), channel="C0DEPLOYS")


async def test_two_ticks_at_once_restore_once(world: World) -> None:
    """Even if the beat were doubled: one request, one way back."""
    await put(world, phase=Phase.RESTORING)
    await asyncio.gather(world.bot.watching.tick(), world.bot.watching.tick(), return_exceptions=True)
    await world.settle()

    assert len(await world.operations()) == 2


def _people(world: World) -> Any:
    return world.bot.deployments._people


async def test_a_defect_in_the_look_at_one_app_is_raised_when_all_were_looked_at(world: World) -> None:
    """The job logs it; the other watch went on."""
    broken = await put(world)
    other = await succeeded(world, new_operation("other"), watched(app="other"))
    store = world.bot.store
    await store.write(lambda db: db.conn.execute("UPDATE operation SET plan = '{}' WHERE id = ?", [broken.id]).rowcount)

    with pytest.raises(msgspec.ValidationError):
        await world.bot.watching.tick()
    watch = await Watches(store).of(other.id)
    assert watch is not None
    assert watch.phase is Phase.MISSED
