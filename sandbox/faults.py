"""What goes wrong on purpose: which faults are on, and which of them a request or an object meets."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Fault:
    """One thing that goes wrong, `times` times (None: always), where it matches.

    `kind` is `status` (answer `status` instead of working), `drop_before` (close the connection unworked),
    `drop_after` (do the work, then close the connection without an answer), `delay` (wait `seconds`, then
    work), or a name that only one simulator knows. `method` and `path` (a regular expression searched in
    the path) choose requests; `target` chooses an object for the simulator's own kinds.
    """

    kind: str
    method: str | None = None
    path: str | None = None
    target: str | None = None
    times: int | None = None
    status: int = 503
    seconds: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    detail: dict[str, Any] = field(default_factory=dict)
    id: int = 0

    def matches_request(self, method: str, path: str) -> bool:
        """Whether this fault is meant for a request of this method and path."""
        if self.method is not None and self.method.upper() != method.upper():
            return False
        return self.path is None or re.search(self.path, path) is not None


WIRE_KINDS = frozenset({"status", "drop_before", "drop_after", "delay"})


class Faults:
    """The switched-on faults, in the order they were added."""

    def __init__(self, kinds: frozenset[str] = frozenset()) -> None:
        self.kinds = WIRE_KINDS | kinds
        self._ids = itertools.count(1)
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        """Switch a fault on; ValueError for a kind that this simulator does not have, or a path that is no pattern."""
        if fault.kind not in self.kinds:
            raise ValueError(f"unknown fault kind {fault.kind!r}; known: {', '.join(sorted(self.kinds))}")
        try:
            re.compile(fault.path or "")
        except re.error as error:
            raise ValueError(f"path {fault.path!r} is no regular expression: {error}") from None
        fault.id = next(self._ids)
        self._faults.append(fault)
        return fault

    def remove(self, fault_id: int) -> None:
        self._faults = [fault for fault in self._faults if fault.id != fault_id]

    def clear(self) -> None:
        self._faults.clear()

    def all(self) -> list[Fault]:
        return list(self._faults)

    def take_wire(self, method: str, path: str) -> Fault | None:
        """The first fault of the wire for this request, counted as used."""
        for fault in self._faults:
            if fault.kind in WIRE_KINDS and fault.matches_request(method, path):
                return self._use(fault)
        return None

    def take(self, kind: str, *targets: str) -> Fault | None:
        """The first fault of `kind` for one of `targets` (or for any target), counted as used."""
        found = self.peek(kind, *targets)
        return self._use(found) if found else None

    def peek(self, kind: str, *targets: str) -> Fault | None:
        """Like `take`, without counting it as used."""
        for fault in self._faults:
            if fault.kind == kind and (fault.target is None or fault.target in targets):
                return fault
        return None

    def _use(self, fault: Fault) -> Fault:
        if fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                self.remove(fault.id)
        return fault
