"""A client of the simulated Fly for its tests; every good answer of the Machines API is checked against its schema."""

from __future__ import annotations

import contextlib
import functools
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.clock import Clock
from sandbox.faults import Fault
from sandbox.fly import FlySimulator
from sandbox.fly.seeding import reference_seed
from sandbox.kit import serving

APP = "reify-studio"
IAD, SJC = "148e2d1c6e9789", "9080e4f2c51387"
STAGING = "6e82dd4f7a1c08"
LIVE = "sha-dd085a7c339e27b92c8ba7afc115f2f8a21ee5f6"
NEXT = "sha-844d6008b85920b87c9f6767ee5ea0e879305a82"
SPEC = json.loads((Path(__file__).parent.parent / "data" / "fly-machines-openapi.json").read_text(encoding="utf-8"))


class JumpingClock(Clock):
    """A clock that stands still until somebody sleeps, and then is there at once."""

    def __init__(self) -> None:
        super().__init__()
        self._at = super().now()

    def now(self) -> float:
        return self._at

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self._at += max(0.0, seconds)


@dataclass
class Fly:
    """The simulator, and an HTTP client that holds the production token."""

    sim: FlySimulator
    http: httpx.AsyncClient
    clock: Any

    async def get(self, path: str, **query: Any) -> Any:
        return (await self.http.get(path, params=query)).json()

    async def call(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        return await self.http.request(method, path, json=body, **options)

    async def machine(self, machine: str = IAD, app: str = APP) -> Any:
        return await self.get(f"/v1/apps/{app}/machines/{machine}")

    async def update(self, machine: str = IAD, *, label: str = NEXT, nonce: str = "", **body: Any) -> httpx.Response:
        """Update a Machine of the production app to an image, with what else is in `body`."""
        config = (await self.machine(machine)).get("config") or {}
        body = {"config": {**config, "image": f"registry.fly.io/{APP}:{label}"}, **body}
        headers = {"fly-machine-lease-nonce": nonce} if nonce else {}
        return await self.http.post(f"/v1/apps/{APP}/machines/{machine}", json=body, headers=headers)

    async def create(self, config: Any = None, **body: Any) -> httpx.Response:
        config = {"image": f"registry.fly.io/{APP}:{NEXT}", **(config or {})}
        return await self.http.post(f"/v1/apps/{APP}/machines", json={"config": config, "region": "iad", **body})

    async def lease(self, machine: str = IAD, ttl: int = 13) -> str:
        answer = await self.http.post(f"/v1/apps/{APP}/machines/{machine}/lease", json={"ttl": ttl})
        return str(answer.json()["data"]["nonce"])

    async def do(self, action: str, **arguments: Any) -> Any:
        return (await self.http.post(f"/_control/do/{action}", json=arguments)).json()

    def fault(self, kind: str, **options: Any) -> None:
        self.sim.faults.add(Fault(kind, **options))

    def token(self, text: str, **token: Any) -> dict[str, str]:
        """Add a token of the production organisation; the header that carries it."""
        self.sim.control.add_token(**{"text": text, "organization": "reify-studio-production", **token})
        return {"Authorization": f"FlyV1 {text}"}


class Stage:
    """One server for all tests; each puts its own simulator on it."""

    url = ""
    app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)

    @contextlib.asynccontextmanager
    async def fly(self, clock: Clock | None = None, **seed: Any) -> AsyncIterator[Fly]:
        """The reference world, on a jumping clock unless one is given, without rate limits unless the seed says so."""
        clock = clock or JumpingClock()
        sim = FlySimulator({**reference_seed(), "rate_limits": False, **seed}, clock=clock)
        self.app, sim.url = sim.asgi(), self.url
        headers = {"Authorization": "FlyV1 fm2_sandbox_production"}
        hooks = {"response": [check_answer]}
        # Loading the certificates would take longer than most tests.
        async with httpx.AsyncClient(base_url=self.url, headers=headers, event_hooks=hooks, verify=False) as http:
            yield Fly(sim, http, clock)


@pytest.fixture(scope="session")
async def fly_stage() -> AsyncIterator[Stage]:
    stage = Stage()
    async with serving(stage) as stage.url:
        yield stage


@pytest.fixture
async def fly(fly_stage: Stage) -> AsyncIterator[Fly]:
    """The reference world."""
    async with fly_stage.fly() as running:
        yield running


# A test module assigns these to names of its own: pytest looks for fixtures there.
FIXTURES = (fly_stage, fly)


async def check_answer(response: httpx.Response) -> None:
    """Every answer has a request id; a good one of the Machines API fits the provider's OpenAPI document."""
    path = response.request.url.path
    if path.startswith("/_control"):
        return
    assert response.headers["fly-request-id"]
    if not response.is_success or not path.startswith("/v1/"):
        return
    schema = schema_of(response.request.method, path.removeprefix("/v1"), response.status_code)
    if schema is None:
        return
    await response.aread()
    validator_of(json.dumps(schema)).validate(as_documented(response.json()))


@functools.cache
def validator_of(schema: str) -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator({**json.loads(schema), "components": SPEC["components"]})


def schema_of(method: str, path: str, status: int) -> Any:
    """Schema of an answer; None where the document gives no body for it. An undocumented path or code fails."""
    candidates = sorted((p for p in SPEC["paths"] if fits(p, path)), key=lambda p: p.count("{"))
    assert candidates, f"{path} is not in the document"
    responses = SPEC["paths"][candidates[0]][method.lower()]["responses"]
    assert str(status) in responses, f"{method} {path} does not answer {status}"
    return responses[str(status)].get("content", {}).get("application/json", {}).get("schema")


def fits(template: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path) is not None


def as_documented(answer: Any) -> Any:
    """The answer without what the document has wrong.

    - A lease comes in an envelope (`status`, `data`), as superfly/fly-go reads it; the document shows the inside.
    - `autostop` is answered as a boolean for `off` and `stop`, as the document's own prose says, not its type.
    - A volume without a Machine has `attached_machine_id: null`, as the documentation's examples show.
    """
    if isinstance(answer, dict) and set(answer) == {"status", "data"}:
        return as_documented(answer["data"])
    if isinstance(answer, list):
        return [as_documented(item) for item in answer]
    if not isinstance(answer, dict):
        return answer
    words = {False: "off", True: "stop"}
    known = {k: words.get(v, v) if k == "autostop" else v for k, v in answer.items() if v is not None}
    return {key: as_documented(value) for key, value in known.items()}
