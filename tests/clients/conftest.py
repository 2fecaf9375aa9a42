"""The simulated Fly on a socket and a client in front of it; a module that wants another world has its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.clients.fly import FlyClient
from tests.clients.fly_world import FlyWorld, fly_world


@pytest.fixture(scope="module")
async def listening() -> AsyncIterator[FlyWorld]:
    async with fly_world() as world:
        yield world


@pytest.fixture
def world(listening: FlyWorld) -> FlyWorld:
    """The reference world, untouched."""
    listening.begin()
    return listening


@pytest.fixture
async def fly(world: FlyWorld) -> AsyncIterator[FlyClient]:
    """A client with the token of production."""
    async with world.client() as client:
        yield client
