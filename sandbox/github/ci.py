"""Workflow runs as they come about: started, finished, run again."""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.github.git import BRANCHES, TAGS, Commit
from sandbox.github.model import Attempt, Job, Repository, Run, Workflow, World

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


def new_run(
    world: World,
    repo: Repository,
    workflow: Workflow,
    commit: Commit,
    *,
    conclusion: str | None,
    branch: str | None,
    at: float,
    event: str = "push",
) -> Run:
    """A run of `workflow` that began at `at`: in progress without a conclusion, else completed."""
    run = Run(
        id=world.next_id("run", FIRST_RUN_ID),
        workflow=workflow,
        number=1 + sum(other.workflow is workflow for other in repo.runs),
        head_sha=commit.sha,
        head_branch=branch,
        event=event,
        actor=commit.author.login or repo.owner,
        title=commit.title,
        created_at=at,
        check_suite_id=world.next_id("suite", FIRST_SUITE_ID),
        attempts=[],
    )
    repo.runs.append(run)
    start_attempt(world, run, at)
    if conclusion is not None:
        finish(run, conclusion, min(at + CI_SECONDS, world.clock.now()))
    return run


def start_attempt(world: World, run: Run, at: float) -> None:
    """Begin the first attempt of a run, or run it again under the same id."""
    jobs = [Job(world.next_id("job", FIRST_JOB_ID), name) for name in run.workflow.jobs]
    run.attempts.append(Attempt(len(run.attempts) + 1, at, at, jobs))


def finish(run: Run, conclusion: str, at: float) -> None:
    """Complete the latest attempt."""
    run.latest.status, run.latest.conclusion, run.latest.updated_at = "completed", conclusion, at


def branch_of(repo: Repository, sha: str) -> str | None:
    """The name a push of `sha` would have: a branch whose tip it is, the default branch, a tag."""
    for prefix in (BRANCHES, TAGS):
        names = [ref for ref, tip in sorted(repo.git.refs.items()) if ref.startswith(prefix) and tip == sha]
        if names:
            return names[0].removeprefix(prefix)
    return repo.default_branch if repo.git.contains(repo.tip().sha, sha) else None


def jobs_at(repo: Repository, sha: str) -> Iterator[tuple[Run, Attempt, Job]]:
    """Every job of every attempt on a commit, newest first; each one is a check run."""
    for run in reversed(repo.runs):
        if run.head_sha == sha:
            for attempt in reversed(run.attempts):
                for job in attempt.jobs:
                    yield run, attempt, job


def latest_jobs_at(repo: Repository, sha: str) -> list[tuple[Run, Attempt, Job]]:
    """The latest job of each name and check suite on a commit."""
    latest: dict[tuple[int, str], tuple[Run, Attempt, Job]] = {}
    for run, attempt, job in jobs_at(repo, sha):
        latest.setdefault((run.check_suite_id, job.name), (run, attempt, job))
    return list(latest.values())
