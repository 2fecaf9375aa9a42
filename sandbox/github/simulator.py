"""The simulator itself: world, routes, control."""

from __future__ import annotations

from typing import Any

from starlette.types import ASGIApp

from sandbox.github import actions, apps, checks, compare, deployments, pulls, refs, repositories, state
from sandbox.github.control import Control
from sandbox.github.dispatch import Dispatch
from sandbox.github.limits import Limits
from sandbox.github.model import World
from sandbox.github.pipeline import Pipeline
from sandbox.github.runs import RunControl
from sandbox.github.seed import build, default_seed
from sandbox.github.server import InFlight, Server
from sandbox.kit import Action, Clock, Json, Simulator


class GitHubSimulator(Simulator):
    """GitHub's REST API over one world; the base URL is the API's root."""

    name = "github"
    fault_kinds = frozenset(
        {
            "unknown_commit",
            "files_cut",
            "step_fails",
            "no_runner",
            "approval_required",
            "no_run_details",
            "run_appears_late",
            "actions_disabled",
        }
    )

    def __init__(self, seed: Json | None = None, *, clock: Clock | None = None, delay_ms: float = 0.0) -> None:
        super().__init__(clock=clock, delay_ms=delay_ms)
        self.seed = default_seed() if seed is None else seed
        self.world: World
        self.limits: Limits
        self.pipeline = Pipeline()
        self.reset()

    def reset(self) -> None:
        """Back to the seed, at the clock's present moment; faults and the call log stay."""
        self.world = build(self.seed, clock=self.clock, faults=self.faults, url=self.url)
        self.limits = Limits(self.clock, self.seed.get("rate_limits", True))
        self.pipeline.begin_anew(self.world)
        self.world.pushed = self.pipeline.pushed

    async def start(self) -> None:
        self.world.url = self.url

    async def stop(self) -> None:
        """End the runs under way, where they are."""
        await self.pipeline.stop()

    def routes(self) -> list[Any]:
        server = Server(lambda: self.world, lambda: self.limits)
        modules = (repositories, refs, compare, checks, actions, pulls, deployments)
        endpoints = [endpoint for module in modules for endpoint in module.ENDPOINTS]
        # `rate_limit` asks for the limits of the time of the call, so that it survives a reset.
        endpoints += apps.endpoints(lambda: self.limits)
        endpoints += Dispatch(self.pipeline).endpoints()
        return server.routes([*endpoints, repositories.COMMIT_ENDPOINT])

    def asgi(self) -> ASGIApp:
        """The application, counting what is under way even while the wire delays it."""
        return InFlight(super().asgi())

    def actions(self) -> dict[str, Action]:
        return Control(self).actions() | RunControl(self).actions()

    def state(self) -> Json:
        return state.snapshot(self.world, self.limits)
