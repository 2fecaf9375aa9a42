"""Fixtures for every test: one event loop for the whole run, and a world that a test may ask for."""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import settings

from bot.log import configure
from tests.virtual_time import VirtualLoop
from tests.world import RESTORING, UNCHECKED, World
from tests.world import world as make_world

# A busy machine is slow and not wrong.
settings.register_profile("untimed", settings.default, deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, object]]:
    """Asyncio alone, since Bolt and APScheduler know nothing else; its time may be made to jump."""
    return ("asyncio", {"loop_factory": VirtualLoop})


def pytest_collection_finish() -> None:
    """Leave out what a run would do many thousand times in vain."""
    # httpcore looks through all folders for sniffio, which is not installed, with each lock that it makes.
    sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]
    # What was imported stays, so the collector need not look through it again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def _logging() -> None:
    """As in production: the default console traceback takes long enough to lose a lease on a fast clock."""
    configure("json")
    # pytest listens to this logger although the simulators' servers switched it off.
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """The reference world: three simulators and the bot, nothing deployed by it yet."""
    async with make_world(tmp_path / "flytower.db") as made:
        yield made


@pytest.fixture
async def restoring_world(tmp_path: Path) -> AsyncIterator[World]:
    """The reference world, where a failed production deployment brings the previous image back."""
    async with make_world(tmp_path / "flytower.db", change=RESTORING) as made:
        yield made


@pytest.fixture
async def unchecked(tmp_path: Path) -> AsyncIterator[World]:
    """A world in which nobody compares the Machines with the configuration, for whoever counts calls."""
    async with make_world(tmp_path / "flytower.db", change=UNCHECKED) as made:
        yield made
