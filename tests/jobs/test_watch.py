"""The beat of the watch: it follows what `tick` wants, and sleeps while nothing is watched."""

from __future__ import annotations

from tests.world import World


async def idles(world: World) -> int:
    """How many reads an hour without any deployment costs."""
    # The other jobs follow the machine's clock, and a minute of it may begin just now.
    world.bot.schedule.stop()
    reads = 0
    read = world.bot.store.read

    async def counted(work: object) -> object:
        nonlocal reads
        reads += 1
        return await read(work)  # type: ignore[arg-type]

    world.bot.store.read = counted  # type: ignore[method-assign, assignment]
    await world.simulators.clock.sleep(3600)
    return reads


async def test_an_hour_without_deployments_costs_nothing(unchecked: World) -> None:
    """Nothing is watched: the database is not even asked."""
    world = unchecked
    assert await idles(world) == 0


async def test_after_the_last_window_it_sleeps_again(unchecked: World) -> None:
    """A deployment was watched to its end; from then on nothing is asked any more."""
    world = unchecked
    await world.types("/deploy staging main")
    await world.simulators.clock.sleep(700)
    await world.settle()

    assert await idles(world) == 0
