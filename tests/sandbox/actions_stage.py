"""A simulated GitHub whose Actions run, with or without a simulated Fly, on a clock that jumps; and its client."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx

from sandbox.faults import Fault
from sandbox.fly import FlySimulator
from sandbox.flyctl import Flyctl
from sandbox.github import GitHubSimulator
from sandbox.kit import Json, running
from sandbox.stack import CI_TOKENS
from tests.virtual_time import VirtualClock, VirtualLoop

PRODUCTION, STAGING, CI = "deploy-production.yml", "deploy-staging.yml", "ci.yml"
HEADING, V142 = "0c48c64d2651fd5aef4f3d6a045e0744c0113d27", "844d6008b85920b87c9f6767ee5ea0e879305a82"
LONGEST_S = 3600.0


class Actions:
    """GitHub's Actions as a caller with all rights sees them, and as people at its web pages do."""

    def __init__(self, github: GitHubSimulator, http: httpx.AsyncClient) -> None:
        self.github = github
        self.http = http

    async def dispatch(self, workflow: str = PRODUCTION, ref: str = "main", **inputs: str) -> int:
        """The id of a run that was asked for."""
        body = {"ref": ref, "inputs": inputs, "return_run_details": True}
        answer = await self.http.post(f"/actions/workflows/{workflow}/dispatches", json=body)
        assert answer.status_code == 200, answer.text
        return int(answer.json()["workflow_run_id"])

    async def run(self, number: int) -> Json:
        run: Json = (await self.http.get(f"/actions/runs/{number}")).json()
        return run

    async def runs(self, workflow: str) -> list[Json]:
        """The runs of a workflow, newest first."""
        runs: list[Json] = (await self.http.get(f"/actions/workflows/{workflow}/runs")).json()["workflow_runs"]
        return runs

    async def jobs(self, number: int) -> dict[str, Json]:
        """The jobs of the latest attempt by name."""
        jobs = (await self.http.get(f"/actions/runs/{number}/jobs")).json()["jobs"]
        return {job["name"]: job for job in jobs}

    async def steps(self, number: int, job: str) -> dict[str, str | None]:
        """The conclusions of a job's steps."""
        return {step["name"]: step["conclusion"] for step in (await self.jobs(number))[job]["steps"]}

    async def comes_to(self, status: str, number: int) -> Json:
        """The run, once it has that status."""
        (run,) = [run for repo in self.github.world.repositories.values() for run in repo.runs if run.id == number]
        async with asyncio.timeout(LONGEST_S):
            # What is simulated elsewhere on this loop rings no bell.
            while run.latest.status != status:  # noqa: ASYNC110
                await asyncio.sleep(0.5)
        return await self.run(number)

    async def ended(self, number: int) -> Json:
        return await self.comes_to("completed", number)

    async def log(self, number: int, job: str) -> str:
        """What a job wrote, as a client follows the redirect to it."""
        path = f"/actions/jobs/{(await self.jobs(number))[job]['id']}/logs"
        return (await self.http.get(path, follow_redirects=True)).text

    async def do(self, action: str, **body: Any) -> Any:
        return await self.github.actions()[action](body)

    async def deployments(self) -> list[tuple[str, list[str]]]:
        """The repository's deployments, newest first: environment and states, oldest first."""
        found = (await self.http.get("/deployments")).json()
        listed = [(await self.http.get(f"/deployments/{each['id']}/statuses")).json() for each in found]
        states = [[status["state"] for status in reversed(statuses)] for statuses in listed]
        return [(each["environment"], known) for each, known in zip(found, states, strict=True)]

    def fault(self, kind: str, **details: Any) -> Fault:
        return self.github.faults.add(Fault(kind, **details))


@contextlib.asynccontextmanager
async def actions(seed: Json | None = None) -> AsyncIterator[Actions]:
    """GitHub alone: its jobs deploy to nothing."""
    github = GitHubSimulator(seed, clock=VirtualClock())
    headers = {"authorization": "Bearer ghp_sandbox"}
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    with loop.jumping(lambda: False):
        async with running(github):
            base = f"{github.url}/repos/reify/reify-studio"
            async with httpx.AsyncClient(base_url=base, headers=headers, verify=False) as http:
                yield Actions(github, http)


@contextlib.asynccontextmanager
async def pipeline() -> AsyncIterator[tuple[Actions, FlySimulator]]:
    """GitHub whose jobs deploy to a Fly, both on one clock."""
    async with actions() as made:
        fly = FlySimulator(clock=made.github.clock)
        async with running(fly):
            made.github.pipeline.cloud = Flyctl(fly.url, CI_TOKENS, fly.clock)
            yield made, fly
            await made.github.pipeline.stop()
