"""The simulator itself: world, routes, control."""

from __future__ import annotations

from typing import Any

from starlette.types import ASGIApp

from sandbox.clock import Clock
from sandbox.github import (
    actions,
    apps,
    checks,
    comments,
    compare,
    deployments,
    pull_writes,
    pulls,
    refs,
    releases,
    repositories,
    state,
)
from sandbox.github.control import Control
from sandbox.github.dispatch import Dispatch
from sandbox.github.environments import Environments
from sandbox.github.hook_control import HookControl
from sandbox.github.hooks_api import HooksApi
from sandbox.github.limits import Limits
from sandbox.github.model import World
from sandbox.github.pipeline import Pipeline
from sandbox.github.pull_control import PullControl
from sandbox.github.runs import RunControl
from sandbox.github.seed import build, default_seed, hooks
from sandbox.github.server import InFlight, Server
from sandbox.github.webhooks import FAULTS, Webhooks
from sandbox.kit import Action, Json, Simulator


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
        | FAULTS
    )

    def __init__(self, seed: Json | None = None, *, clock: Clock | None = None, delay_ms: float = 0.0) -> None:
        super().__init__(clock=clock, delay_ms=delay_ms)
        self.seed = default_seed() if seed is None else seed
        self.world: World
        self.limits: Limits
        self.pipeline = Pipeline()
        self.webhooks = Webhooks()
        self._hook_control = HookControl(self.webhooks)
        self.reset()

    def reset(self) -> None:
        """Back to the seed, at the clock's present moment; faults, the call log and configured webhooks stay."""
        self.world = build(self.seed, clock=self.clock, faults=self.faults, url=self.url)
        self.limits = Limits(self.clock, self.seed.get("rate_limits", True))
        self.pipeline.begin_anew(self.world)
        self.world.pushed, self.world.pulled = self.pipeline.pushed, self.pipeline.pulled
        self.webhooks.begin_anew(self.world, hooks(self.seed, self.world))
        self._hook_control.begin_anew(self.world)

    async def start(self) -> None:
        self.world.url = self.url

    async def stop(self) -> None:
        """End the runs and deliveries under way, where they are."""
        try:
            await self.pipeline.stop()
        finally:
            await self.webhooks.stop()

    def routes(self) -> list[Any]:
        server = Server(lambda: self.world, lambda: self.limits)
        modules = (
            repositories,
            refs,
            compare,
            checks,
            actions,
            pulls,
            pull_writes,
            comments,
            deployments,
            releases,
        )
        endpoints = [endpoint for module in modules for endpoint in module.ENDPOINTS]
        # `rate_limit` asks for the limits of the time of the call, so that it survives a reset.
        endpoints += apps.endpoints(lambda: self.limits)
        endpoints += Dispatch(self.pipeline).endpoints() + Environments(self.pipeline).endpoints()
        endpoints += HooksApi(self.webhooks).endpoints()
        return server.routes([*endpoints, repositories.COMMIT_ENDPOINT])

    def asgi(self) -> ASGIApp:
        """The application, counting what is under way even while the wire delays it."""
        return InFlight(super().asgi())

    def actions(self) -> dict[str, Action]:
        control = Control(self)
        of_pulls = PullControl(self, control).actions()
        return control.actions() | of_pulls | RunControl(self).actions() | self._hook_control.actions()

    def state(self) -> Json:
        return state.snapshot(self.world, self.limits) | {"hooks": state.hooks(self.webhooks)}
