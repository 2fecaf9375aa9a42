"""Workflow runs as they come about: started, finished, run again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from sandbox.github.git import BRANCHES, TAGS, Commit
from sandbox.github.model import Attempt, Job, Repository, Run, Step, World
from sandbox.github.workflows import JobSpec, Workflow, WorkflowFile, filled

CONCLUSIONS = frozenset(
    {
        "success",
        "failure",
        "cancelled",
        "skipped",
        "timed_out",
        "action_required",
        "neutral",
        "stale",
        "startup_failure",
    }
)
# How long a seeded CI run took.
CI_SECONDS = 90
FIRST_RUN_ID, FIRST_JOB_ID, FIRST_SUITE_ID = 17_000_000_001, 48_000_000_001, 38_000_000_001
# What a runner does before and after the steps of the file.
SET_UP, COMPLETE = "Set up job", "Complete job"


def create_run(
    world: World,
    repo: Repository,
    workflow: Workflow,
    commit: Commit,
    *,
    event: str,
    branch: str | None,
    actor: str,
    at: float,
    file: WorkflowFile | None = None,
    title: str = "",
    facts: Mapping[str, str] = MappingProxyType({}),
) -> Run:
    """A run without an attempt; `file` is the workflow's newest version unless given."""
    file = file or workflow.newest
    run = Run(
        id=world.next_id("run", FIRST_RUN_ID),
        workflow=workflow,
        file=file,
        number=1 + sum(other.workflow is workflow for other in repo.runs),
        head_sha=commit.sha,
        head_branch=branch,
        event=event,
        actor=actor,
        title=title or commit.title,
        created_at=at,
        check_suite_id=world.next_id("suite", FIRST_SUITE_ID),
        attempts=[],
        facts=facts,
        concurrency=filled(file.concurrency, facts),
    )
    repo.runs.append(run)
    return run


def new_run(
    world: World,
    repo: Repository,
    workflow: Workflow,
    commit: Commit,
    *,
    conclusion: str | None,
    branch: str | None,
    at: float,
) -> Run:
    """A run for a push that began at `at`: in progress without a conclusion, else completed."""
    actor = commit.author.login or repo.owner
    run = create_run(world, repo, workflow, commit, event="push", branch=branch, actor=actor, at=at)
    start_attempt(world, run, at)
    if conclusion is not None:
        finish(run, conclusion, min(at + CI_SECONDS, world.clock.now()))
    return run


def queue_attempt(
    world: World, run: Run, at: float, *, actor: str, status: str = "queued", again: Iterable[str] = ()
) -> Attempt:
    """Another attempt, whose jobs wait; of those that are not run `again` (all without) the results are kept."""
    kept = {job.name: job for job in run.latest.jobs if job.name not in again} if run.attempts and again else {}
    jobs = [kept.get(spec.name) or new_job(world, spec, at) for spec in run.file.jobs]
    attempt = Attempt(len(run.attempts) + 1, at, at, jobs, actor, status)
    run.attempts.append(attempt)
    return attempt


def new_job(world: World, spec: JobSpec, at: float) -> Job:
    names = [SET_UP, *(step.name for step in spec.steps), COMPLETE]
    steps = [Step(number, name) for number, name in enumerate(names, 1)]
    return Job(world.next_id("job", FIRST_JOB_ID), spec.name, at, steps)


def start_attempt(world: World, run: Run, at: float) -> None:
    """Begin an attempt that a person completes, in its last step; a run that ended runs again under the same id."""
    attempt = queue_attempt(world, run, at, actor=run.actor, status="in_progress")
    for job in attempt.jobs:
        job.status, job.started_at = "in_progress", at
        for step in job.steps[:-1]:
            step.status, step.conclusion, step.started_at, step.completed_at = "completed", "success", at, at
        job.steps[-2].status, job.steps[-2].conclusion, job.steps[-2].completed_at = "in_progress", None, None


def finish(run: Run, conclusion: str, at: float) -> None:
    """Complete the latest attempt, and what of its jobs is not completed, with one conclusion."""
    attempt = run.latest
    attempt.status, attempt.conclusion, attempt.updated_at = "completed", conclusion, at
    for job in attempt.jobs:
        if job.status != "completed":
            complete_job(job, conclusion, at)


def complete_job(job: Job, conclusion: str, at: float) -> None:
    """Complete a job: a step under way ends like it, and those that had not begun are skipped unless it succeeded."""
    if job.started_at is None:
        # No runner took it, so it has no steps, though GitHub shows a start.
        job.started_at, job.steps = at, []
    job.status, job.conclusion, job.completed_at = "completed", conclusion, at
    for step in job.steps:
        if step.status == "in_progress":
            step.status, step.conclusion, step.completed_at = "completed", conclusion, at
        elif step.status == "queued":
            ends = "success" if conclusion == "success" or step.name == COMPLETE else "skipped"
            step.status, step.conclusion, step.started_at, step.completed_at = "completed", ends, at, at


def branch_of(repo: Repository, sha: str) -> str | None:
    """The name a push of `sha` would have: a branch whose tip it is, the default branch, a tag."""
    for prefix in (BRANCHES, TAGS):
        names = [ref for ref, tip in sorted(repo.git.refs.items()) if ref.startswith(prefix) and tip == sha]
        if names:
            return names[0].removeprefix(prefix)
    return repo.default_branch if repo.git.contains(repo.tip().sha, sha) else None


def jobs_at(repo: Repository, sha: str) -> Iterator[tuple[Run, Job]]:
    """Every job of every attempt on a commit, newest first; each one is a check run."""
    for run in reversed(repo.runs):
        if run.head_sha == sha:
            for attempt in reversed(run.attempts):
                for job in attempt.jobs:
                    yield run, job


def latest_jobs_at(repo: Repository, sha: str) -> list[tuple[Run, Job]]:
    """The latest job of each name and check suite on a commit."""
    latest: dict[tuple[int, str], tuple[Run, Job]] = {}
    for run, job in jobs_at(repo, sha):
        latest.setdefault((run.check_suite_id, job.name), (run, job))
    return list(latest.values())
