"""What the tests of the Fly client share: a simulated Fly on a socket, and its time as the client's clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from bot.clients.fly import FlyClient, FlyEndpoints
from sandbox.clock import Clock
from sandbox.faults import Fault
from sandbox.fly.simulator import FlySimulator
from sandbox.kit import running
from tests.virtual_time import BotClock, VirtualClock, VirtualLoop

APP = "reify-studio"
IAD = "148e2d1c6e9789"
SJC = "9080e4f2c51387"
STAGING_APP = "reify-studio-staging"
V140 = "sha-282e3e8a6ca27ebb7a2e067595fcc1d52ab5a781"
V141 = "sha-dd085a7c339e27b92c8ba7afc115f2f8a21ee5f6"
V142 = "sha-844d6008b85920b87c9f6767ee5ea0e879305a82"
TOKEN = "FlyV1 fm2_sandbox_production"


class SimulatedTime(BotClock):
    """The simulator's time as the client's clock; remembers how long somebody slept."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await super().sleep(seconds)


class FlyWorld:
    """The reference world in a simulator, and clients of it."""

    def __init__(self, simulator: FlySimulator, url: str) -> None:
        self.simulator = simulator
        self.endpoints = FlyEndpoints(machines=url, graphql=url, uiex=url, registry=url)

    def begin(self) -> None:
        """The world as it is at first, for the next test."""
        self.simulator.control.reset()
        self.simulator.calls.clear()
        self.time = SimulatedTime(self.simulator.clock)

    def client(self, token: str = TOKEN) -> FlyClient:
        return FlyClient(self.endpoints, token, clock=self.time)

    def goes_wrong(self, kind: str, method: str, path: str, times: int | None = 1, **detail: Any) -> None:
        """The next request of this method and path meets a fault of the wire."""
        self.simulator.faults.add(Fault(kind, method=method, path=path, times=times, **detail))

    def calls(self, method: str, path: str) -> list[dict[str, Any]]:
        """What the simulator received, oldest first."""
        return self.simulator.calls.find(method, path)


@asynccontextmanager
async def fly_world() -> AsyncIterator[FlyWorld]:
    """A simulated Fly that listens; waiting for it takes no time."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    simulator = FlySimulator(clock=VirtualClock())
    async with running(simulator) as url:
        with loop.jumping(lambda: False):
            yield FlyWorld(simulator, url)
