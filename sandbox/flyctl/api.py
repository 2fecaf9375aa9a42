"""HTTP to Fly as flyctl does it: retries, waits, errors.

Source: superfly/fly-go, flaps and its retry.go; superfly/flyctl, internal/uiex.
"""

from __future__ import annotations

from typing import Any

import httpx

from sandbox.clock import Clock
from sandbox.kit import Json

RETRIES = 3
PAUSE_S = 1.0
PASSING = frozenset({429, 502, 503})
WAIT_SLICE_S = 60
NONCE = "fly-machine-lease-nonce"


class FlyError(Exception):
    """Fly's refusal in its own words; `status` 0 where there was no answer."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Api:
    """Calls with retries; `clock` is the one that the simulated Fly lives by."""

    def __init__(self, client: httpx.AsyncClient, clock: Clock) -> None:
        self._client = client
        self.clock = clock

    async def call(
        self, method: str, path: str, body: Json | None = None, *, params: Json | None = None, nonce: str = ""
    ) -> Any:
        """The answer's JSON; a POST is sent again only where Fly said that it did nothing."""
        headers = {NONCE: nonce} if nonce else {}
        retries = RETRIES
        while True:
            try:
                answer = await self._client.request(method, path, json=body, params=params, headers=headers)
            except httpx.TransportError as error:
                if method == "POST" or not retries:
                    raise FlyError(0, f"{method} {path}: {error!r}") from error
            else:
                if answer.status_code not in PASSING or not retries:
                    return _read(answer)
            retries -= 1
            await self.clock.sleep(PAUSE_S)

    async def graphql(self, query: str, variables: Json) -> Json:
        """The `data` of a query; FlyError where it has errors."""
        answer = await self.call("POST", "/graphql", {"query": query, "variables": variables})
        if answer.get("errors"):
            raise FlyError(200, answer["errors"][0]["message"])
        data: Json = answer["data"]
        return data

    async def wait(self, machine: str, state: str, version: str, timeout_s: float) -> None:
        """Return once the Machine (a path) is in the state; FlyError 408 after simulated seconds, 404 if it is gone."""
        deadline = self.clock.now() + timeout_s
        while True:
            left_s = max(1, min(WAIT_SLICE_S, int(deadline - self.clock.now())))
            params = {"state": state, "timeout": left_s, "version": version}
            try:
                await self.call("GET", f"{machine}/wait", params=params)
            except FlyError as error:
                if error.status != 408 or self.clock.now() >= deadline:
                    raise
            else:
                return


def _read(answer: httpx.Response) -> Any:
    if answer.is_success:
        return answer.json() if answer.content else None
    try:
        error = answer.json().get("error") or answer.text
    except ValueError:
        error = answer.text
    raise FlyError(answer.status_code, str(error))
