"""The world with its agenda survives being written down and read again."""

from __future__ import annotations

import pickle

from sandbox.fly import FlySimulator
from sandbox.fly.world import World
from tests.sandbox.fly_client import APP, FIXTURES, IAD, NEXT, Fly, JumpingClock

fly_stage, fly = FIXTURES


def again(world: World) -> tuple[World, JumpingClock]:
    """Another world that was read from what this one writes, and its clock."""
    found: World = pickle.loads(pickle.dumps(world))
    assert isinstance(found.clock, JumpingClock)
    return found, found.clock


async def test_a_boot_goes_on_in_a_world_that_was_saved_in_the_middle_of_it(fly: Fly) -> None:
    """The steps that were planned are saved with the world, and happen in the loaded one."""
    await fly.update(IAD)
    assert fly.sim.machine(IAD).state == "replacing"

    loaded, clock = again(fly.sim.world)
    clock.advance(60)
    loaded.settle()

    assert loaded.apps[APP].machines[IAD].state == "started"
    assert loaded.apps[APP].machines[IAD].image.tag == NEXT
    assert fly.sim.machine(IAD).state == "replacing"


async def test_a_release_command_ends_in_a_world_that_was_saved_while_it_ran(fly: Fly) -> None:
    """What it prints and how it ends are saved with it."""
    config = {"auto_destroy": True, "init": {"cmd": ["/app/bin/migrate"]}, "restart": {"policy": "no"}}
    await fly.create(config)
    fly.clock.advance(4)
    fly.sim.world.settle()

    loaded, clock = again(fly.sim.world)
    clock.advance(60)
    loaded.settle()

    assert [run["exit_code"] for run in loaded.apps[APP].release_commands] == [0]


def test_the_whole_estate_is_saved() -> None:
    """Every app, image, token and number of the reference world comes back as it was."""
    clock = JumpingClock()
    simulator = FlySimulator(clock=clock)

    loaded, _ = again(simulator.world)

    assert loaded.apps == simulator.world.apps
    assert loaded.tokens == simulator.world.tokens
    assert loaded.registry.state() == simulator.world.registry.state()
    assert next(loaded.numbers) == next(simulator.world.numbers)
    assert loaded.ids.machine() == simulator.world.ids.machine()
