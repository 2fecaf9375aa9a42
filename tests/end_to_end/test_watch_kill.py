"""The watch in a bot that dies at every new fact: the trouble is told once, and it goes back once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sqlite_utils import Database

from bot.app import Application
from bot.domain.operation import State
from bot.store import Store
from tests.world import SHA, World, replacing, text_of
from tests.world import world as make_world

T = TypeVar("T")
WATCHED = replacing(("restore_on_trouble = false", "restore_on_trouble = true"))
IAD = "148e2d1c6e9789"
LIVES = 60
A_LIFE_S = 240.0


class MortalStore(Store):
    """Takes no further write, and lets nobody go on, once a commit left watches and operations as never before."""

    def __init__(self, path: str, known: set[tuple[Any, ...]]) -> None:
        super().__init__(path)
        self._known = known
        self.death = asyncio.Event()

    async def open(self) -> None:
        await super().open()
        # A write that was under way when the one before died: its death has been had.
        self._known.add(await self.read(_facts))

    async def write(self, work: Callable[[Database], T]) -> T:
        await self._stay_dead()
        result = await super().write(work)
        facts = await self.read(_facts)
        if facts not in self._known:
            self._known.add(facts)
            self.death.set()
        await self._stay_dead()
        return result

    async def _stay_dead(self) -> None:
        if self.death.is_set():
            await asyncio.Event().wait()


def _facts(db: Database) -> tuple[Any, ...]:
    watches = (
        "SELECT phase, told, card_ts, json_extract(facts, '$.restore_at') IS NULL FROM watch ORDER BY operation_id"
    )
    operations = "SELECT state, plan IS NULL, card_ts, announced FROM operation ORDER BY id"
    return (*db.execute(watches).fetchall(), *db.execute(operations).fetchall())


async def lives(world: World, known: set[tuple[Any, ...]]) -> bool:
    """One life of a bot: whether it died of a new fact, or had come to rest."""
    world.bot = Application(world.settings, clock=world.bot.clock)
    world.bot.store = store = MortalStore(str(world.settings.database), known)
    start, death = asyncio.create_task(world.bot.start()), asyncio.create_task(store.death.wait())
    # The bot may die before it is up; until then no time is left out.
    await asyncio.wait({start, death}, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.wait({death}, timeout=A_LIFE_S)
    for task in (start, death):
        task.cancel()
    await asyncio.gather(start, death, return_exceptions=True)
    await world.bot.stop()
    return store.death.is_set()


async def test_killed_at_every_new_fact_it_tells_once_and_goes_back_once(tmp_path: Path) -> None:
    """From the success to the end of the way back the bot dies a dozen times, and nothing happens twice."""
    async with make_world(tmp_path / "flytower.db", change=WATCHED) as world:
        await world.has_release_without_migration()
        await world.types("/deploy production v1.5.0")
        await world.clicks("deployment_confirm")
        await world.bot.stop()
        world.fly.control.crash(IAD, loops=True)

        known: set[tuple[Any, ...]] = set()
        deaths = 0
        while await lives(world, known):
            deaths += 1
            assert deaths < LIVES, "it never comes to an end"

        world.bot = world.new_bot()
        await world.bot.start()
        states = [operation.state for operation in await world.operations()]
        trouble = [message for message in world.messages() if "Being restored" in text_of(message)]
        assert deaths > 8
        assert states == [State.SUCCEEDED, State.SUCCEEDED]
        assert world.labels() == {f"sha-{SHA['v1.4.2']}"}
        assert len(trouble) == 1
        assert len(world.messages()) == 3
