"""What the page shows, cut into items, so that only what changed is sent.

An item has a key such as `slack/message/C0DEPLOYS/1763923000.000100`: all before the last `/` is its table, the rest
its id. Its value is JSON.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any, Protocol

from sandbox.kit import Json
from sandbox.page.bodies import Act

Items = dict[str, Any]


class Part(Protocol):
    """One topic of the page: what it shows, and what a person can do there."""

    def items(self) -> Items:
        """What the page shows of it now, by key. A value that did not change may be the very same object."""
        ...

    def acts(self) -> dict[str, Act]:
        """What a person can do, by the path below `/api/`."""
        ...


class Ledger:
    """The items with the revision at which each changed last; a key that went away is remembered as gone."""

    def __init__(self) -> None:
        # Another run of the sandbox counts anew, and a page that was left open must not mistake its numbers for ours.
        self.instance = secrets.token_hex(8)
        self.revision = 0
        self._values: Items = {}
        self._changed_at: dict[str, int] = {}
        self._gone_at: dict[str, int] = {}

    def update(self, items: Items) -> None:
        """Take these as all there is; the revision grows where anything differs."""
        changed = [key for key, value in items.items() if self._differs(key, value)]
        gone = [key for key in self._values if key not in items]
        if not changed and not gone:
            return
        self.revision += 1
        for key in changed:
            self._changed_at[key] = self.revision
            self._gone_at.pop(key, None)
        for key in gone:
            del self._changed_at[key]
            self._gone_at[key] = self.revision
        self._values = dict(items)

    def _differs(self, key: str, value: Any) -> bool:
        if key not in self._values:
            return True
        known = self._values[key]
        return known is not value and known != value

    def since(self, revision: int, instance: str) -> Json:
        """What changed after `revision` of `instance`; everything, and `is_complete`, for one that is not ours."""
        is_complete = instance != self.instance or not 0 < revision <= self.revision
        start = 0 if is_complete else revision
        return {
            "instance": self.instance,
            "revision": self.revision,
            "is_complete": is_complete,
            "items": {key: self._values[key] for key in self._keys_since(self._changed_at, start)},
            "gone": [] if is_complete else list(self._keys_since(self._gone_at, start)),
        }

    @staticmethod
    def _keys_since(at: dict[str, int], revision: int) -> Iterator[str]:
        return (key for key, changed in at.items() if changed > revision)
