"""Waiting for the state of a Machine.

Source: Fly docs, "Wait for a Machine to reach a specified state": one request waits 60 s at most, 408 means
"not yet", 404 that the Machine is gone.
"""

from __future__ import annotations

import math
from http import HTTPStatus

from bot.clients.fly.connection import machine_gone, machine_path
from bot.clients.fly.machines import Machines
from bot.clients.http import Retry, is_transient
from bot.errors import NotFound, RemoteError, RemoteTimeout

# Fly's proxy cuts longer waits.
SLICE_S = 60
# The HTTP time-out must outlast the wait.
MARGIN_S = 15.0
# Fly's copies lag behind: a Machine that was just created may be unknown for a moment.
LAG_S = 5.0
PAUSE_S = 1.0


class Waiting(Machines):
    """The part of the client that waits for Machines."""

    async def wait_for_state(
        self, app: str, machine_id: str, state: str, *, version: str = "", timeout_s: float
    ) -> None:
        """Return once the Machine is in `state`, of `version` if that is given; `stopped` needs one.

        Waits on Fly's side, in slices of at most 60 s. Raises NotFound when the Machine is gone (waiting for
        `destroyed` returns then); one that Fly does not know at all is given 5 s to appear first. Raises
        RemoteTimeout when it is not there in time; trouble on the way (429, 5xx, a broken connection) costs
        time and is raised only where that runs out.
        """
        started = self._clock.now()
        trouble: RemoteError | None = None
        while (waited_s := (self._clock.now() - started).total_seconds()) < timeout_s:
            try:
                status = await self._wait_slice(app, machine_id, state, version, timeout_s - waited_s)
            except RemoteError as error:
                if not is_transient(error):
                    raise
                status, trouble = 0, error
            if status == HTTPStatus.OK or (status == HTTPStatus.NOT_FOUND and state == "destroyed"):
                return
            if status == HTTPStatus.NOT_FOUND and (waited_s >= LAG_S or await self._is_gone(app, machine_id)):
                raise machine_gone(app, machine_id)
            if status != HTTPStatus.REQUEST_TIMEOUT:
                await self._clock.sleep(PAUSE_S)
        raise trouble or RemoteTimeout(
            f"Machine {machine_id} of {app} is not {state} after {timeout_s:.0f} s", service=self._flaps.service
        )

    async def _is_gone(self, app: str, machine_id: str) -> bool:
        """Whether the Machine can still be read, and is gone: what Fly cannot find may be too new instead."""
        try:
            return (await self.machine(app, machine_id)).is_gone
        except NotFound:
            return False

    async def _wait_slice(self, app: str, machine_id: str, state: str, version: str, left_s: float) -> int:
        slice_s = max(1, min(SLICE_S, math.ceil(left_s)))
        params: dict[str, str | int] = {"state": state, "timeout": slice_s}
        if version:
            params["version"] = version
        response = await self._flaps.call(
            "wait",
            machine_id,
            "GET",
            machine_path(app, machine_id, "wait"),
            params=params,
            timeout_s=slice_s + MARGIN_S,
            retry=Retry.NEVER,
            expect={HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.NOT_FOUND},
        )
        return response.status
