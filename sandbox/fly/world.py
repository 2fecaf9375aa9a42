"""The simulated Fly's whole state and its agenda: what is due happens whenever somebody looks.

Nothing runs in the background. A change that takes time is a step planned on the simulated clock; `settle` runs
the steps that are due, in order, each at its own time.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.clock import Clock
from sandbox.faults import Faults
from sandbox.fly.ids import Ids, Numbers
from sandbox.fly.images import Registry
from sandbox.fly.limits import Limiter
from sandbox.fly.machine import GONE_STATES, Machine
from sandbox.fly.model import App, Durations, LogLine, ManagedCluster, Organization, Token

# Called with its time. A method or a `functools.partial` of one: a closure could not be saved with the world.
Step = Callable[[float], None]
LOG_LINES_KEPT = 5000
# A longer sleep would not notice that somebody changed the clock's speed.
LONGEST_SLEEP_REAL_S = 0.5


@dataclass(order=True, frozen=True)
class Planned:
    """A step of the agenda: at its time, and in the order of planning; void once its Machine's epoch is another."""

    at: float
    order: int
    step: Step = field(compare=False)
    machine: Machine | None = field(compare=False, default=None)
    epoch: int = field(compare=False, default=0)

    def run(self) -> None:
        if self.machine is None or self.machine.epoch == self.epoch:
            self.step(self.at)


class World:
    """Organisations, tokens, apps and images; knows the time.

    A world can be pickled with its agenda, also in the middle of a boot: steps are methods and arguments. Who waits
    for it is not part of it.
    """

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
        self.managed_clusters: list[ManagedCluster] = []
        # By an app's name, the apps with a secret that names its host.
        self.users_of: dict[str, set[str]] = {}
        # The sum of all changes that `sandbox.fly.state` has seen.
        self.revision = 0
        self.shown: dict[str, Any] = {}
        # Looked at whenever the world is, for what depends on faults alone.
        self.watches: list[Callable[[], None]] = []
        self.numbers = Numbers(7001)
        self._agenda: list[Planned] = []
        self._order = Numbers()
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

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if key not in {"_changed", "shown"}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _changed=asyncio.Event(), shown={})

    def plan(self, machine: Machine | None, at: float, step: Step) -> None:
        """Run `step` at a time, unless something else is asked of the Machine (if one is given) before."""
        epoch = machine.epoch if machine else 0
        heapq.heappush(self._agenda, Planned(at, next(self._order), step, machine, epoch))

    def settle(self) -> None:
        """Let everything happen that is due by now."""
        now = self.now()
        while self._agenda and self._agenda[0].at <= now:
            heapq.heappop(self._agenda).run()
        for watch in self.watches:
            watch()

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
        due = min(deadline, self._agenda[0].at) if self._agenda else deadline
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

    def users_of_app(self, name: str) -> list[App]:
        """The apps that have a secret naming this app's host."""
        return [self.apps[user] for user in sorted(self.users_of.get(name, ())) if user in self.apps]

    def host_is_reachable(self, machine: Machine) -> bool:
        return self.faults.peek("host_unreachable", machine.id, machine.app) is None

    def forget(self, app: App, machine: Machine, _: float) -> None:
        """Drop a destroyed Machine for good."""
        assert machine.state in GONE_STATES
        app.machines.pop(machine.id, None)
