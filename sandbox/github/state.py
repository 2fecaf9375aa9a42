"""The world as JSON, for pages and assertions."""

from __future__ import annotations

from dataclasses import asdict

from sandbox.github.git import Commit
from sandbox.github.hooks import delivery_item
from sandbox.github.limits import Limits
from sandbox.github.model import Deployment, Job, Pull, Release, Repository, Run, World, iso
from sandbox.github.webhooks import Webhooks
from sandbox.kit import Json

NEWEST_COMMITS = 100


def snapshot(world: World, limits: Limits) -> Json:
    """Repositories by full name, users, installations and how much of the limits is used."""
    return {
        "repositories": {repo.full_name: _repository(repo) for repo in world.repositories.values()},
        "users": [asdict(user) for user in world.users.values()],
        "installations": [
            {"id": each.id, "permissions": dict(each.permissions), "suspended_at": iso(each.suspended_at)}
            for each in world.installations.values()
        ],
        "rate_limits": {
            "enforced": limits.enforced,
            "used": {bucket: usage.used for bucket, usage in limits.usage.items()},
        },
    }


def hooks(webhooks: Webhooks) -> list[Json]:
    """Every webhook with what was delivered to it, newest first."""
    return [
        {
            "id": hook.id,
            "of": "app" if hook.repository is None else "repository",
            "url": hook.url,
            "events": list(hook.events),
            "active": hook.active,
            "deliveries": [delivery_item(item) for item in webhooks.log(hook)],
        }
        for hook in webhooks.hooks.values()
    ]


def _repository(repo: Repository) -> Json:
    git = repo.git
    newest = sorted(git.commits.values(), key=lambda commit: commit.order, reverse=True)[:NEWEST_COMMITS]
    return {
        "id": repo.id,
        "default_branch": repo.default_branch,
        "branches": git.branches(),
        "tags": {name: _tag(repo, sha) for name, sha in git.tag_refs().items()},
        "commits": [_commit(repo, commit) for commit in newest],
        "runs": [run_json(run) for run in reversed(repo.runs)],
        "pulls": [_pull(pull) for pull in repo.pulls.values()],
        "comments": [{**asdict(c), **_instants(c.created_at, c.updated_at)} for c in repo.comments.values()],
        "deployments": [_deployment(deployment) for deployment in reversed(repo.deployments)],
        "environments": list(repo.environments),
        "releases": [_release(item) for item in reversed(repo.releases.values())],
    }


def _instants(created: float, updated: float) -> Json:
    return {"created_at": iso(created), "updated_at": iso(updated)}


def _tag(repo: Repository, sha: str) -> Json:
    commit = repo.git.peel(sha)
    return {"sha": commit.sha if commit else None, "object": sha, "annotated": sha in repo.git.tags}


def _commit(repo: Repository, commit: Commit) -> Json:
    before = repo.git.commits[commit.parents[0]].tree if commit.parents else {}
    paths = {path for path in before.keys() | commit.tree.keys() if before.get(path) != commit.tree.get(path)}
    return {
        "sha": commit.sha,
        "title": commit.title,
        "author": commit.author.login or commit.author.name,
        "date": iso(commit.at),
        "parents": list(commit.parents),
        "files": sorted(paths),
    }


def run_json(run: Run) -> Json:
    """A run as it stands, with the jobs and steps of its latest attempt."""
    return {
        "id": run.id,
        "workflow": run.workflow.file,
        "title": run.title,
        "event": run.event,
        "head_sha": run.head_sha,
        "head_branch": run.head_branch,
        "attempt": run.latest.number,
        "status": run.latest.status,
        "conclusion": run.latest.conclusion,
        "jobs": [_job(job) for job in run.latest.jobs],
        **_instants(run.created_at, run.latest.updated_at),
    }


def _job(job: Job) -> Json:
    return {
        "id": job.id,
        "name": job.name,
        "status": job.status,
        "conclusion": job.conclusion,
        "steps": {step.name: step.conclusion or step.status for step in job.steps},
        "log": job.log,
    }


def _pull(pull: Pull) -> Json:
    return {
        "number": pull.number,
        "title": pull.title,
        "author": pull.author,
        "state": pull.state,
        "draft": pull.draft,
        "head_ref": pull.head_ref,
        "head_sha": pull.head_sha,
        "base_ref": pull.base_ref,
        "fork": pull.fork.full_name if pull.fork else None,
        "merge_commit_sha": pull.merge_commit_sha,
        "closed_at": iso(pull.closed_at),
        "merged_at": iso(pull.merged_at),
        **_instants(pull.created_at, pull.updated_at),
    }


def _release(item: Release) -> Json:
    kept = {"id": item.id, "tag": item.tag, "name": item.name, "author": item.author, "draft": item.draft}
    return kept | {"prerelease": item.prerelease, "published_at": iso(item.published_at)}


def _deployment(item: Deployment) -> Json:
    return {
        "id": item.id,
        "sha": item.sha,
        "ref": item.ref,
        "task": item.task,
        "environment": item.environment,
        "payload": item.payload,
        "description": item.description,
        "creator": item.creator,
        "state": item.statuses[-1].state if item.statuses else None,
        "statuses": [{**asdict(status), "created_at": iso(status.created_at)} for status in item.statuses],
        **_instants(item.created_at, item.updated_at),
    }
