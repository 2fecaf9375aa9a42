"""Leases on all Machines of a deployment, short and refreshed, so that a dead flyctl blocks nobody for long.

Source: superfly/flyctl, internal/machine/leasable_machine.go and machine_set.go.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from sandbox.flyctl.api import Api, FlyError

TTL_S, REFRESH_S = 13, 4.0
# On a fast clock 13 s are over before a busy machine has sent the next request.
LEAST_REAL_S = 2
PATIENCE_S, PAUSE_S = 60.0, 1.0


class Leases:
    """Hold the lease of every Machine (a path) inside `async with`; FlyError where one cannot be had in a minute."""

    def __init__(self, api: Api, machines: Sequence[str], say: Callable[[str], None]) -> None:
        self._api = api
        self._machines = machines
        self._say = say
        self._ttl_s = max(TTL_S, math.ceil(LEAST_REAL_S * api.clock.speed))
        self._nonces: dict[str, str] = {}

    def nonce(self, machine: str) -> str:
        return self._nonces[machine]

    async def __aenter__(self) -> Self:
        # The first lease may be had long before the last.
        self._refreshing = asyncio.create_task(self._refresh())
        try:
            for machine in self._machines:
                self._nonces[machine] = await self._acquire(machine)
        except BaseException:
            await self._release()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._release()

    async def _acquire(self, machine: str) -> str:
        deadline = self._api.clock.now() + PATIENCE_S
        while True:
            try:
                answer = await self._api.call("POST", f"{machine}/lease", params={"ttl": self._ttl_s})
            except FlyError as error:
                if error.status != 409 or self._api.clock.now() >= deadline:
                    raise
                await self._api.clock.sleep(PAUSE_S)
            else:
                return str(answer["data"]["nonce"])

    async def _refresh(self) -> None:
        while True:
            await self._api.clock.sleep(REFRESH_S)
            for machine, nonce in list(self._nonces.items()):
                try:
                    await self._api.call("POST", f"{machine}/lease", params={"ttl": self._ttl_s}, nonce=nonce)
                except FlyError as error:
                    self._say(f"WARN failed to refresh lease: {error}")

    async def _release(self) -> None:
        self._refreshing.cancel()
        await asyncio.gather(self._refreshing, return_exceptions=True)
        for machine, nonce in self._nonces.items():
            try:
                await self._api.call("DELETE", f"{machine}/lease", nonce=nonce)
            except FlyError as error:
                self._say(f"WARN failed to release lease: {error}")
