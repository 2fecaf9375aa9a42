"""The simulated Fly's whole state and its agenda: what is due happens whenever somebody looks.

Nothing runs in the background. A change that takes time is a step planned on the simulated clock; `settle` runs
the steps that are due, in order, each at its own time.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable

from sandbox.fly.ids import Ids
from sandbox.fly.images import Registry
from sandbox.fly.limits import Limiter
from sandbox.fly.machine import GONE_STATES, Machine
from sandbox.fly.model import App, Durations, LogLine, Organization, Token
from sandbox.kit import Clock, Faults

Step = Callable[[float], None]
LOG_LINES_KEPT = 5000
# A longer sleep would not notice that somebody changed the clock's speed.
LONGEST_SLEEP_REAL_S = 0.5


class World:
    """Organisations, tokens, apps and images; knows the time."""

    def __init__(self, clock: Clock, faults: Faults) -> None:
        self.clock = clock
        self.faults = faults
        self.clear()

    def clear(self) -> None:
        """Forget everything, planned steps included."""
        self.ids = Ids()
        self.durations = Durations()
        self.limiter = Limiter(enabled=True)
        self.organizations: dict[str, Organization] = {}
        self.tokens: dict[str, Token] = {}
        self.apps: dict[str, App] = {}
        self.registry = Registry()
        self.regions: dict[str, str] = {}
        self.builds: dict[int, dict[str, object]] = {}
        self.numbers = itertools.count(7001)
        self._agenda: list[tuple[float, int, Step]] = []
        self._order = itertools.count()
        self._changed = asyncio.Event()
        self._newest_log_ns = 0

    def now(self) -> float:
        return self.clock.now()

    def organization(self, slug: str) -> Organization | None:
        """By slug or raw slug."""
        for organization in self.organizations.values():
            if slug in {organization.slug, organization.raw_slug}:
                return organization
        return None

    def find_machine(self, machine_id: str) -> Machine | None:
        return next((a.machines[machine_id] for a in self.apps.values() if machine_id in a.machines), None)

    def plan(self, machine: Machine, at: float, step: Step) -> None:
        """Run `step` at a time, unless something else is asked of the Machine before."""
        epoch = machine.epoch

        def run(due: float) -> None:
            if machine.epoch == epoch:
                step(due)

        heapq.heappush(self._agenda, (at, next(self._order), run))

    def settle(self) -> None:
        """Let everything happen that is due by now."""
        now = self.now()
        while self._agenda and self._agenda[0][0] <= now:
            due, _, step = heapq.heappop(self._agenda)
            step(due)

    def touch(self) -> None:
        """Wake those who wait for a change."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_until(self, condition: Callable[[], bool], timeout_s: float, *, every_s: float = 60.0) -> bool:
        """Whether `condition` became true within simulated seconds; asked after every change and every `every_s`."""
        deadline = self.now() + timeout_s
        self.settle()
        while not condition():
            if self.now() >= deadline:
                return False
            await self._next_change(min(deadline, self.now() + every_s))
            self.settle()
        return True

    async def _next_change(self, deadline: float) -> None:
        due = min(deadline, self._agenda[0][0]) if self._agenda else deadline
        pause_s = min(max(0.0, due - self.now()), LONGEST_SLEEP_REAL_S * self.clock.speed)
        waiters = [asyncio.ensure_future(self.clock.sleep(pause_s)), asyncio.ensure_future(self._changed.wait())]
        try:
            await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiter in waiters:
                waiter.cancel()

    def event(self, machine: Machine, at: float, kind: str, status: str, source: str, request: object = None) -> None:
        """Record an event of a Machine, newest first."""
        entry = {
            "id": self.ids.ulid(at),
            "type": kind,
            "status": status,
            "source": source,
            "timestamp": int(at * 1000),
        }
        if request is not None:
            entry["request"] = request
        machine.events.insert(0, entry)
        machine.updated_at = at

    def log(self, machine: Machine, at: float, message: str, *, provider: str = "app", level: str = "info") -> None:
        """Write a log line of a Machine; no two lines share a time, so that a page can end between them."""
        app = self.apps.get(machine.app)
        if app is None:
            return
        self._newest_log_ns = max(int(at * 1e9), self._newest_log_ns + 1)
        identifier = self.ids.ulid(at)
        app.logs.append(LogLine(self._newest_log_ns, identifier, message, level, machine.id, machine.region, provider))
        del app.logs[:-LOG_LINES_KEPT]

    def host_is_reachable(self, machine: Machine) -> bool:
        return self.faults.peek("host_unreachable", machine.id, machine.app) is None

    def forget(self, app: App, machine: Machine) -> None:
        """Drop a destroyed Machine for good."""
        assert machine.state in GONE_STATES
        app.machines.pop(machine.id, None)
