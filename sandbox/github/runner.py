"""One attempt of a run as it goes: queue, jobs, steps, approvals, cancelling, deployments at GitHub.

Jobs run one after the other. Waiting is looked at every simulated second, since a person or a fault may end it.
Sources: "Workflow runs", "Managing environments for deployment", "Workflow cancellation reference".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from sandbox.github import happenings
from sandbox.github.ci import COMPLETE, SET_UP, complete_job
from sandbox.github.comments import stick
from sandbox.github.deployments import add_deployment, add_status, retire_all, retire_earlier
from sandbox.github.model import Deployment, Job, Repository, Run, Step, World
from sandbox.github.run_views import job_page
from sandbox.github.workflows import JobSpec, StepSpec
from sandbox.kit import Json

ACTIONS_LOGIN = "github-actions[bot]"
# How long a runner takes to come, and to begin and end a job.
RUNNER_S, SET_UP_S, COMPLETE_S = 2.0, 2.0, 1.0
LOOK_S = 1.0
Say = Callable[[str], None]
# What a job's conclusion is for its deployment.
STATUS_OF = {"success": "success", "failure": "failure"}


class Cloud(Protocol):
    """Where jobs deploy to."""

    async def push_image(self, app: str, label: str, labels: dict[str, str], say: Say) -> int:
        """Push what was built under a label; the exit code."""
        ...

    async def deploy(
        self, environment: str, app: str, label: str, config: Json, say: Say, *, highly_available: bool = True
    ) -> int:
        """Deploy the image of that label with the environment's token; the exit code."""
        ...

    async def create_app(self, environment: str, app: str, organization: str, say: Say) -> int:
        """An app without Machines, unless it exists; the exit code."""
        ...

    async def create_database(self, environment: str, app: str, organization: str, region: str, say: Say) -> int:
        """A Postgres app with its volume and Machine, unless it exists; the exit code."""
        ...

    async def attach_database(self, environment: str, app: str, database: str, say: Say) -> int:
        """Tell an app where its database is, unless it knows; the exit code."""
        ...

    async def destroy_app(self, environment: str, app: str, say: Say) -> int:
        """Destroy an app with all that it has, unless it is gone; the exit code."""
        ...


@dataclass
class Stage:
    """What all attempts share: the world, what they deploy to, those under way, and those that a person holds."""

    world: World
    cloud: Callable[[], Cloud | None]
    live: list[Execution] = field(default_factory=list)
    held: set[int] = field(default_factory=set)


class Execution:
    """The latest attempt of a run, from the queue to its conclusion."""

    def __init__(self, stage: Stage, repo: Repository, run: Run) -> None:
        self.repo, self.run = repo, run
        self.attempt = run.latest
        self.is_cancelled = False
        # A person's answer where an environment asks for one.
        self.approved: bool | None = None
        self._stage = stage
        self._world = stage.world
        self._deployment: Deployment | None = None
        self._specs = [spec.filled(run.facts) for spec in run.file.jobs]
        self._is_told = False

    async def go(self) -> None:
        """Run to the end; a task that is cancelled without `is_cancelled` just stops."""
        try:
            await self._take_turn()
            conclusion = await self._run_jobs()
        except asyncio.CancelledError:
            if not self.is_cancelled:
                raise
            conclusion = "cancelled"
        self._end(conclusion)

    async def _take_turn(self) -> None:
        if self._is_in_line():
            self._set("pending")
            await self._while(self._is_in_line)
        self._set("queued")

    def _is_in_line(self) -> bool:
        """Whether an earlier run of the same concurrency group has not ended."""
        live, group = self._stage.live, self.run.concurrency
        earlier = live[: live.index(self)]
        return bool(group) and any(e.repo is self.repo and e.run.concurrency == group for e in earlier)

    async def _run_jobs(self) -> str:
        for spec, job in zip(self._specs, self.attempt.jobs, strict=True):
            if not self._applies(spec):
                self._complete(spec, job, "skipped")
                continue
            if job.status != "completed":
                await self._run_job(spec, job)
            if job.conclusion != "success":
                return "failure"
        return "success" if any(job.conclusion == "success" for job in self.attempt.jobs) else "skipped"

    def _applies(self, spec: JobSpec) -> bool:
        """Whether the job's condition holds for what happened, and for whose pull request it happened to."""
        pull = self.repo.pulls.get(self.run.pull or 0)
        is_foreign = pull is not None and pull.fork is not None
        return not (spec.own and is_foreign) and (not spec.when or self.run.action in spec.when)

    async def _run_job(self, spec: JobSpec, job: Job) -> None:
        self._tell(job, "queued")
        if spec.environment:
            if not any(step.does == "retire" for step in spec.steps):
                self._open_deployment(spec, job)
            if not await self._is_approved(spec, job):
                self._complete(spec, job, "failure")
                return
        await self._wait_for_runner()
        job.status, job.started_at = "in_progress", self._world.clock.now()
        self._set("in_progress")
        self._tell(job, "in_progress")
        self._report("in_progress", spec, job)
        is_good = await self._run_steps(spec, job)
        self._complete(spec, job, "success" if is_good else "failure")

    async def _wait_for_runner(self) -> None:
        targets = (self.run.workflow.file, str(self.run.id))
        await self._while(lambda: self._world.faults.peek("no_runner", *targets) is not None)
        await self._world.clock.sleep(RUNNER_S)

    async def _is_approved(self, spec: JobSpec, job: Job) -> bool:
        if self._world.faults.take("approval_required", spec.environment) is None:
            return True
        job.status, self.approved, job.waits_for = "waiting", None, _record(spec)
        self._set("waiting")
        self._tell(job, "waiting")
        self._report("waiting", spec, job)
        await self._while(lambda: self.approved is None)
        job.status, job.waits_for = "queued", ""
        self._set("queued")
        return bool(self.approved)

    async def _run_steps(self, spec: JobSpec, job: Job) -> bool:
        specs = [StepSpec(SET_UP, SET_UP_S), *spec.steps, StepSpec(COMPLETE, COMPLETE_S)]
        for each, step in zip(specs, job.steps, strict=True):
            if not await self._run_step(spec, job, each, step):
                return False
        return True

    async def _run_step(self, spec: JobSpec, job: Job, each: StepSpec, step: Step) -> bool:
        await self._while(lambda: self.run.id in self._stage.held)
        step.status, step.started_at = "in_progress", self._world.clock.now()
        code = await self._work(spec, job, each)
        if code:
            self._say(job, f"##[error]Process completed with exit code {code}.")
        step.status, step.conclusion = "completed", "failure" if code else "success"
        step.completed_at = self.attempt.updated_at = self._world.clock.now()
        return code == 0

    async def _work(self, spec: JobSpec, job: Job, each: StepSpec) -> int:
        """What a step does; its exit code."""
        say = partial(self._say, job)
        say(f"##[group]{each.name}")
        await self._world.clock.sleep(each.seconds)
        fault = self._world.faults.take("step_fails", each.name, f"{job.name}/{each.name}")
        if fault is not None:
            for line in fault.detail.get("lines", ["a simulated failure"]):
                say(line)
            return int(fault.detail.get("exit_code", 1))
        if each.does == "comment":
            stick(self._world, self.repo, self.run.pull or 0, each.text)
        elif each.does == "retire":
            retire_all(self._world, self.repo, _record(spec), ACTIONS_LOGIN)
        cloud = self._stage.cloud()
        return 0 if cloud is None else await self._at_cloud(cloud, each.does, spec, say)

    async def _at_cloud(self, cloud: Cloud, does: str, spec: JobSpec, say: Say) -> int:
        label, environment, app = f"sha-{self.run.head_sha}", spec.environment, spec.app
        match does:
            case "push_image":
                labels = {"GH_SHA": self.run.head_sha, "GH_REPO": self.repo.full_name}
                return await cloud.push_image(app, label, labels, say)
            case "deploy":
                many = spec.highly_available
                return await cloud.deploy(environment, app, label, spec.config, say, highly_available=many)
            case "create_app":
                return await cloud.create_app(environment, app, spec.organization, say)
            case "create_database":
                region = spec.config["primary_region"]
                return await cloud.create_database(environment, spec.database, spec.organization, region, say)
            case "attach_database":
                return await cloud.attach_database(environment, app, spec.database, say)
            case "destroy_app" | "destroy_database":
                return await cloud.destroy_app(environment, app if does == "destroy_app" else spec.database, say)
        return 0

    def _complete(self, spec: JobSpec, job: Job, conclusion: str) -> None:
        complete_job(job, conclusion, self._world.clock.now())
        self._tell(job, "completed")
        self._report(STATUS_OF.get(conclusion, "error"), spec, job)
        self._deployment = None

    def _tell(self, job: Job, action: str) -> None:
        happenings.job(self._world, self.repo, self.run, self.attempt, job, action, self._deployment)

    def _end(self, conclusion: str) -> None:
        """Complete the attempt; a job that needs one that did not succeed is skipped."""
        can_begin = True
        for spec, job in zip(self._specs, self.attempt.jobs, strict=True):
            applies = self._applies(spec)
            if job.status != "completed":
                self._complete(spec, job, conclusion if can_begin and applies else "skipped")
            can_begin = can_begin if not applies else job.conclusion == "success"
        self.attempt.conclusion = conclusion
        self._set("completed")
        happenings.run(self._world, self.repo, self.run, "completed")

    def _set(self, status: str) -> None:
        self.attempt.status, self.attempt.updated_at = status, self._world.clock.now()
        if status == "in_progress" and not self._is_told:
            self._is_told = True
            happenings.run(self._world, self.repo, self.run, "in_progress")

    def _open_deployment(self, spec: JobSpec, job: Job) -> None:
        self._deployment = add_deployment(
            self._world,
            self.repo,
            sha=self.run.head_sha,
            ref=self.run.head_branch or self.run.head_sha,
            task="deploy",
            environment=_record(spec),
            description="",
            payload={},
            creator=ACTIONS_LOGIN,
            transient_environment=spec.transient,
            production_environment=spec.environment == "production",
            run=self.run,
            job=job,
        )

    def _report(self, state: str, spec: JobSpec, job: Job) -> None:
        """Tell the deployment of the job's environment, where it has one."""
        deployment, page = self._deployment, job_page(self.repo, self.run, job)
        if deployment is None:
            return
        add_status(self._world, self.repo, deployment, state, ACTIONS_LOGIN, log_url=page, url=spec.url)
        if state == "success":
            retire_earlier(self._world, self.repo, deployment, ACTIONS_LOGIN)

    def _say(self, job: Job, text: str) -> None:
        at = datetime.fromtimestamp(self._world.clock.now(), UTC)
        job.log += [f"{at:%Y-%m-%dT%H:%M:%S.%f}0Z {line}" for line in text.splitlines()]

    async def _while(self, condition: Callable[[], bool]) -> None:
        while condition():
            await self._world.clock.sleep(LOOK_S)


def _record(spec: JobSpec) -> str:
    """The environment that the job's deployment names."""
    return spec.record or spec.environment
