"""Workflows, runs, jobs and check runs as GitHub's JSON, for the API and for webhooks alike."""

from __future__ import annotations

from sandbox.github import render
from sandbox.github.model import Attempt, Job, Pull, Repository, Run, Step, World, iso, node_id
from sandbox.github.workflows import Workflow
from sandbox.kit import Json

ACTIONS_ID = 15368


def workflow_json(world: World, repo: Repository, item: Workflow) -> Json:
    return {
        "id": item.id,
        "node_id": node_id("Workflow", item.id),
        "name": item.name,
        "path": item.path,
        "state": "active",
        "created_at": iso(item.created_at),
        "updated_at": iso(item.created_at),
        "url": render.api(world, repo, f"/actions/workflows/{item.id}"),
        "html_url": render.web(repo, f"/blob/{repo.default_branch}/{item.path}"),
        "badge_url": render.web(repo, f"/workflows/{item.name}/badge.svg"),
    }


def run_json(world: World, repo: Repository, run: Run, attempt: Attempt | None = None) -> Json:
    """A run as it stands in one of its attempts, the latest without."""
    attempt = attempt or run.latest
    url = render.api(world, repo, f"/actions/runs/{run.id}")
    earlier = attempt.number - 1
    return {
        "id": run.id,
        "name": run.workflow.name,
        "node_id": node_id("WorkflowRun", run.id),
        "head_branch": run.head_branch,
        "head_sha": run.head_sha,
        "path": run.workflow.path,
        "display_title": run.title,
        "run_number": run.number,
        "run_attempt": attempt.number,
        "event": run.event,
        "status": attempt.status,
        "conclusion": attempt.conclusion,
        "workflow_id": run.workflow.id,
        "check_suite_id": run.check_suite_id,
        "check_suite_node_id": node_id("CheckSuite", run.check_suite_id),
        "pull_requests": [pull_reference(world, repo, pull) for pull in pulls_of(repo, run)],
        "created_at": iso(run.created_at),
        "updated_at": iso(attempt.updated_at),
        "run_started_at": iso(attempt.started_at),
        "actor": render.user(world, run.actor),
        "triggering_actor": render.user(world, attempt.actor),
        "referenced_workflows": [],
        "url": url,
        "html_url": render.web(repo, f"/actions/runs/{run.id}"),
        "jobs_url": f"{url}/jobs",
        "logs_url": f"{url}/logs",
        "check_suite_url": render.api(world, repo, f"/check-suites/{run.check_suite_id}"),
        "artifacts_url": f"{url}/artifacts",
        "cancel_url": f"{url}/cancel",
        "rerun_url": f"{url}/rerun",
        "previous_attempt_url": f"{url}/attempts/{earlier}" if earlier else None,
        "workflow_url": render.api(world, repo, f"/actions/workflows/{run.workflow.id}"),
        "head_commit": _head_commit(repo, run),
        "repository": render.repository(world, repo),
        "head_repository": _head_repository(world, repo, run),
    }


def pulls_of(repo: Repository, run: Run) -> list[Pull]:
    """The open pull requests with the run's commit at their head; those of a fork are never told."""
    pulls = repo.pulls.values()
    return [each for each in pulls if each.state == "open" and each.fork is None and each.head_sha == run.head_sha]


def pull_reference(world: World, repo: Repository, pull: Pull) -> Json:
    """A pull request as runs and checks name it."""
    place = {"id": repo.id, "url": render.api(world, repo), "name": repo.name}
    return {
        "id": 2_000_000_000 + pull.number,
        "number": pull.number,
        "url": render.api(world, repo, f"/pulls/{pull.number}"),
        "head": {"ref": pull.head_ref, "sha": pull.head_sha, "repo": place},
        "base": {"ref": pull.base_ref, "sha": repo.git.refs.get(f"refs/heads/{pull.base_ref}", ""), "repo": place},
    }


def _head_commit(repo: Repository, run: Run) -> Json:
    commit = repo.git.commits[run.head_sha]
    person = {"name": commit.author.name, "email": commit.author.email}
    return {
        "id": commit.sha,
        "tree_id": commit.tree_sha,
        "message": commit.message,
        "timestamp": iso(commit.at),
        "author": person,
        "committer": person,
    }


def _head_repository(world: World, repo: Repository, run: Run) -> Json | None:
    pull = repo.pulls.get(run.pull or 0)
    return render.fork(world, repo, pull.fork) if pull and pull.fork else render.repository(world, repo)


def job_json(world: World, repo: Repository, run: Run, attempt: Attempt, job: Job) -> Json:
    has_runner = any(step.status != "queued" for step in job.steps)
    return {
        "id": job.id,
        "run_id": run.id,
        "run_url": render.api(world, repo, f"/actions/runs/{run.id}"),
        "run_attempt": attempt.number,
        "node_id": node_id("CheckRun", job.id),
        "head_sha": run.head_sha,
        "head_branch": run.head_branch,
        "workflow_name": run.workflow.name,
        "name": job.name,
        "status": job.status,
        "conclusion": job.conclusion,
        "created_at": iso(job.created_at),
        # The schema wants an instant even of a job that has not begun.
        "started_at": iso(job.started_at or job.created_at),
        "completed_at": iso(job.completed_at),
        "steps": [_step(step) for step in job.steps] if has_runner else [],
        "labels": ["ubuntu-24.04"],
        "runner_id": 1 if has_runner else None,
        "runner_name": "GitHub Actions 1" if has_runner else None,
        "runner_group_id": 0 if has_runner else None,
        "runner_group_name": "GitHub Actions" if has_runner else None,
        "url": render.api(world, repo, f"/actions/jobs/{job.id}"),
        "html_url": job_page(repo, run, job),
        "check_run_url": render.api(world, repo, f"/check-runs/{job.id}"),
    }


def job_page(repo: Repository, run: Run, job: Job) -> str:
    """Where people read a job."""
    return render.web(repo, f"/actions/runs/{run.id}/job/{job.id}")


def _step(step: Step) -> Json:
    return {
        "name": step.name,
        "number": step.number,
        "status": step.status,
        "conclusion": step.conclusion,
        "started_at": iso(step.started_at),
        "completed_at": iso(step.completed_at),
    }


def actions_app(world: World) -> Json:
    """The App behind every check run that Actions makes."""
    return {
        "id": ACTIONS_ID,
        "slug": "github-actions",
        "node_id": node_id("App", ACTIONS_ID),
        "client_id": "Iv1.05c79e9ad1f6bdfa",
        "owner": render.user(world, "github-actions[bot]"),
        "name": "GitHub Actions",
        "description": "Automate your workflow from idea to production",
        "external_url": "https://help.github.com/en/actions",
        "html_url": "https://github.com/apps/github-actions",
        "created_at": "2018-07-30T09:30:17Z",
        "updated_at": "2019-12-10T19:04:12Z",
        "permissions": {"checks": "write", "contents": "read", "metadata": "read"},
        "events": ["check_run", "check_suite"],
    }


def check_run_json(world: World, repo: Repository, run: Run, job: Job) -> Json:
    """A job as the check run that it is."""
    page = job_page(repo, run, job)
    return {
        "id": job.id,
        "node_id": node_id("CheckRun", job.id),
        "head_sha": run.head_sha,
        "name": job.name,
        "external_id": "",
        "status": job.status,
        "conclusion": job.conclusion,
        "started_at": iso(job.started_at or job.created_at),
        "completed_at": iso(job.completed_at),
        "url": render.api(world, repo, f"/check-runs/{job.id}"),
        "html_url": page,
        "details_url": page,
        "output": {
            "title": None,
            "summary": None,
            "text": None,
            "annotations_count": 0,
            "annotations_url": render.api(world, repo, f"/check-runs/{job.id}/annotations"),
        },
        "check_suite": {"id": run.check_suite_id},
        "app": actions_app(world),
        "pull_requests": [pull_reference(world, repo, pull) for pull in pulls_of(repo, run)],
    }


def check_suite_json(world: World, repo: Repository, run: Run) -> Json:
    """A run as the check suite that it is."""
    url = render.api(world, repo, f"/check-suites/{run.check_suite_id}")
    parents = repo.git.commits[run.head_sha].parents
    return {
        "id": run.check_suite_id,
        "node_id": node_id("CheckSuite", run.check_suite_id),
        "head_branch": run.head_branch,
        "head_sha": run.head_sha,
        "before": parents[0] if parents else None,
        "after": run.head_sha,
        "status": run.latest.status,
        "conclusion": run.latest.conclusion,
        "url": url,
        "check_runs_url": f"{url}/check-runs",
        "latest_check_runs_count": len(run.latest.jobs),
        "app": actions_app(world),
        "pull_requests": [pull_reference(world, repo, pull) for pull in pulls_of(repo, run)],
        "created_at": iso(run.created_at),
        "updated_at": iso(run.latest.updated_at),
    }
