"""The simulated GitHub on the page: repositories with their refs, pull requests, workflow runs, deployments.

Names of branches hold slashes, so refs stand in their repository's item; what has a number has an item of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from sandbox.github import GitHubSimulator
from sandbox.github.git import BRANCHES, Commit
from sandbox.github.model import Deployment, Job, Pull, Repository, Run, Step
from sandbox.kit import Json
from sandbox.page.bodies import Act
from sandbox.page.github_hands import GitHubHands
from sandbox.page.items import Items
from sandbox.page.rollup import Rollup
from sandbox.page.versions import next_version

RUNS_SHOWN = 30
PULLS_SHOWN = 30
TAGS_SHOWN = 30
COMMITS_SHOWN = 20
DEPLOYMENTS_SHOWN = 15


class GitHubPart:
    """What GitHub shows, newest first where there are many."""

    def __init__(self, github: GitHubSimulator) -> None:
        self._github = github
        self._hands = GitHubHands(github)
        self._seen: dict[str, tuple[Any, Json]] = {}
        self._fresh: dict[str, tuple[Any, Json]] = {}

    def items(self) -> Items:
        self._fresh = {}
        for repository in self._github.world.repositories.values():
            self._look_at(repository)
        self._seen = self._fresh
        return {key: item for key, (_, item) in self._seen.items()}

    def acts(self) -> dict[str, Act]:
        return self._hands.acts()

    def _look_at(self, repository: Repository) -> None:
        rollup = Rollup(repository, self._github.clock.now())
        refs = dict(repository.git.refs)
        self._keep(
            f"github/repository/{repository.id}",
            (repository.full_name, len(repository.git.commits), refs, rollup.print),
            partial(_repository_json, repository, rollup),
        )
        for pull in sorted(repository.pulls.values(), key=_urgency)[:PULLS_SHOWN]:
            self._keep(
                f"github/pull/{repository.id}-{pull.number}",
                (vars(pull).copy(), rollup.of(pull.head_sha), _has_branch(repository, pull)),
                partial(_pull_json, repository, pull, rollup),
            )
        for position, run in enumerate(reversed(rollup.runs)):
            if position < RUNS_SHOWN or run.latest.status != "completed":
                self._keep(f"github/run/{run.id}", _run_print(run), partial(_run_json, repository, run))
        for deployment in repository.deployments[-DEPLOYMENTS_SHOWN:]:
            self._keep(
                f"github/deployment/{deployment.id}",
                len(deployment.statuses),
                partial(_deployment_json, repository, deployment),
            )

    def _keep(self, key: str, seen: Any, make: Callable[[], Json]) -> None:
        """Take the known item where `seen`, all that it is made of, has not changed."""
        known = self._seen.get(key)
        self._fresh[key] = known if known is not None and known[0] == seen else (seen, make())


def _urgency(pull: Pull) -> tuple[bool, int]:
    return pull.state != "open", -pull.number


def _commit_json(commit: Commit, rollup: Rollup) -> Json:
    return {
        "sha": commit.sha,
        "short": commit.sha[:7],
        "title": commit.title,
        "author": commit.author.login or commit.author.name,
        "at": commit.at,
        "ci": rollup.of(commit.sha),
    }


def _repository_json(repository: Repository, rollup: Rollup) -> Json:
    git, main = repository.git, repository.default_branch
    branches = {name: git.commits[sha] for name, sha in git.branches().items()}
    tagged = ((name, git.peel(sha)) for name, sha in git.tag_refs().items())
    tags = {name: commit for name, commit in tagged if commit is not None}
    return {
        "id": repository.id,
        "full_name": repository.full_name,
        "default_branch": main,
        "next_tag": next_version(tags),
        "branches": _newest_first(branches, rollup, first=main),
        "tags": _newest_first(tags, rollup)[:TAGS_SHOWN],
        "commits": [_commit_json(commit, rollup) for commit in git.history(repository.tip().sha)[:COMMITS_SHOWN]],
        "workflows": [
            {"file": each.file, "name": each.name, "can_be_dispatched": each.newest.inputs is not None}
            for each in repository.workflows
        ],
    }


def _newest_first(refs: dict[str, Commit], rollup: Rollup, *, first: str = "") -> list[Json]:
    ordered = sorted(refs.items(), key=lambda ref: (ref[0] != first, -ref[1].order))
    return [{"name": name, "commit": _commit_json(commit, rollup)} for name, commit in ordered]


def _has_branch(repository: Repository, pull: Pull) -> bool:
    """Whether what it comes from is still there, so that it can be pushed to and reopened."""
    if pull.fork is not None:
        return not pull.fork.is_deleted
    return BRANCHES + pull.head_ref in repository.git.refs


def _pull_json(repository: Repository, pull: Pull, rollup: Rollup) -> Json:
    git = repository.git
    head = git.commits[pull.head_sha]
    return {
        "repository": repository.id,
        "number": pull.number,
        "title": pull.title,
        "author": pull.author,
        "state": "merged" if pull.merged_at is not None else pull.state,
        "draft": pull.draft,
        "head_ref": pull.head_ref,
        "base_ref": pull.base_ref,
        "fork": pull.fork.full_name if pull.fork else None,
        "has_branch": _has_branch(repository, pull),
        "head": _commit_json(head, rollup),
        "commits": len(git.between(pull.base_sha, head.sha)) if pull.base_sha else 1,
        "merged_by": pull.merged_by,
        "updated_at": pull.updated_at,
    }


def _run_print(run: Run) -> Any:
    latest = run.latest
    return (
        latest.number,
        latest.status,
        latest.updated_at,
        [(job.id, job.status, len(job.log), [step.status for step in job.steps]) for job in latest.jobs],
    )


def _run_json(repository: Repository, run: Run) -> Json:
    latest = run.latest
    return {
        "repository": repository.id,
        "id": run.id,
        "workflow": run.workflow.file,
        "name": run.workflow.name,
        "title": run.title,
        "event": run.event,
        "branch": run.head_branch,
        "short": run.head_sha[:7],
        "actor": latest.actor,
        "attempt": latest.number,
        "status": latest.status,
        "conclusion": latest.conclusion,
        "created_at": run.created_at,
        "updated_at": latest.updated_at,
        "jobs": [_job_json(job) for job in latest.jobs],
    }


def _job_json(job: Job) -> Json:
    return {
        "id": job.id,
        "name": job.name,
        "status": job.status,
        "conclusion": job.conclusion,
        "seconds": _seconds(job),
        "lines": len(job.log),
        "steps": [
            {"name": step.name, "status": step.status, "conclusion": step.conclusion, "seconds": _seconds(step)}
            for step in job.steps
        ],
    }


def _seconds(timed: Job | Step) -> float | None:
    """How long it took, once it has ended."""
    if timed.started_at is None or timed.completed_at is None:
        return None
    return round(timed.completed_at - timed.started_at, 1)


def _deployment_json(repository: Repository, deployment: Deployment) -> Json:
    commit = repository.git.commits.get(deployment.sha)
    statuses = [
        {"state": each.state, "description": each.description, "creator": each.creator, "at": each.created_at}
        for each in deployment.statuses
    ]
    return {
        "id": deployment.id,
        "environment": deployment.environment,
        "ref": deployment.ref,
        "short": deployment.sha[:7],
        "title": commit.title if commit else "",
        "description": deployment.description or "",
        "creator": deployment.creator,
        "created_at": deployment.created_at,
        "state": statuses[-1]["state"] if statuses else "pending",
        "statuses": statuses,
    }
