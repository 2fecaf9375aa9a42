"""Stores for tests: in memory, and in a file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.store import Store
from bot.writer import MEMORY


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    """An open store in memory."""
    made = Store(MEMORY)
    await made.open()
    yield made
    await made.close()


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Where a database may be made."""
    return str(tmp_path / "flytower.db")
