"""Answers of a provider, kept for a while: one request at a time for each key, and failures are never kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from datetime import datetime
from typing import Generic, TypeVar

from bot.ports import Clock

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Memory(Generic[Key, Value]):
    """Values by key. `load` fetches one; `good_until` says, from the value and the instant of asking, how long."""

    def __init__(
        self,
        clock: Clock,
        *,
        load: Callable[[Key], Awaitable[Value]],
        good_until: Callable[[Value, datetime], datetime],
    ) -> None:
        self._clock = clock
        self._load = load
        self._good_until = good_until
        self._kept: dict[Key, tuple[Value, datetime]] = {}
        self._loading: dict[Key, asyncio.Task[Value]] = {}

    async def get(self, key: Key) -> Value:
        """The kept value while it is good, else a new one; whoever asks meanwhile shares the same request.

        Raises what `load` raises, to everybody who waited for it.
        """
        kept = self._kept.get(key)
        if kept is not None and self._clock.now() < kept[1]:
            return kept[0]
        task = self._loading.get(key)
        if task is None:
            task = self._loading[key] = asyncio.create_task(self._fetch(key))
            task.add_done_callback(_mark_retrieved)
        # One impatient caller must not take the answer from the others.
        return await asyncio.shield(task)

    def forget(self, key: Key, value: Value) -> None:
        """Drop `value`, which turned out to be bad; a newer one that somebody else has fetched stays."""
        kept = self._kept.get(key)
        if kept is not None and kept[0] == value:
            del self._kept[key]

    def drop(self, key: Key) -> None:
        """Ask anew next time, since we have changed it ourselves."""
        self._kept.pop(key, None)

    async def aclose(self) -> None:
        """Give up the requests that are under way."""
        tasks = list(self._loading.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _fetch(self, key: Key) -> Value:
        asked_at = self._clock.now()
        try:
            value = await self._load(key)
        finally:
            del self._loading[key]
        self._kept = {known: entry for known, entry in self._kept.items() if asked_at < entry[1]}
        self._kept[key] = value, self._good_until(value, asked_at)
        return value


def _mark_retrieved(task: asyncio.Task[Value]) -> None:
    # Where all who asked have gone, asyncio would otherwise complain about an error that nobody saw.
    if not task.cancelled():
        task.exception()
