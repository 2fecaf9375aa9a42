"""These tests live on virtual time, except where the bot is a process of its own."""

from __future__ import annotations

import pytest

from tests.virtual_time import VirtualLoop


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    """A loop that does not wait."""
    return ("asyncio", {"loop_factory": VirtualLoop})
