"""Endpoints: workflows, their runs and jobs.

Sources: "REST API endpoints for workflows", "... workflow runs", "... workflow jobs".
"""

from __future__ import annotations

from sandbox.github import render
from sandbox.github.http import Answer, Call, Endpoint, GitHubError, not_found
from sandbox.github.model import Attempt, Job, Repository, Run, Step, iso, node_id
from sandbox.github.search import in_created
from sandbox.github.workflows import Workflow
from sandbox.kit import Json

READ = ("actions=read",)
MOST_FILTERED = 1000
FILTERS = frozenset({"actor", "branch", "check_suite_id", "created", "event", "head_sha", "status"})


def list_workflows(call: Call) -> Answer:
    return call.counted("workflows", call.repo.workflows, lambda item: _workflow(call, item))


def get_workflow(call: Call) -> Answer:
    return Answer(_workflow(call, known_workflow(call)))


def _workflow(call: Call, item: Workflow) -> Json:
    return {
        "id": item.id,
        "node_id": node_id("Workflow", item.id),
        "name": item.name,
        "path": item.path,
        "state": "active",
        "created_at": iso(item.created_at),
        "updated_at": iso(item.created_at),
        "url": render.api(call.world, call.repo, f"/actions/workflows/{item.id}"),
        "html_url": render.web(call.repo, f"/blob/{call.repo.default_branch}/{item.path}"),
        "badge_url": render.web(call.repo, f"/workflows/{item.name}/badge.svg"),
    }


def known_workflow(call: Call) -> Workflow:
    """By id or by file name."""
    wanted = call.params["workflow"]
    for workflow in call.repo.workflows:
        if wanted in {str(workflow.id), workflow.file}:
            return workflow
    raise not_found()


def list_runs(call: Call) -> Answer:
    return _runs(call, call.repo.runs)


def list_workflow_runs(call: Call) -> Answer:
    workflow = known_workflow(call)
    return _runs(call, [run for run in call.repo.runs if run.workflow is workflow])


def _runs(call: Call, runs: list[Run]) -> Answer:
    """Newest first; a filtered list ends at 1,000."""
    found = [run for run in reversed(runs) if run.visible_at <= call.now and _wanted(call, run)]
    if FILTERS & call.query.keys():
        found = found[:MOST_FILTERED]
    return call.counted("workflow_runs", found, lambda run: _run(call, run))


def _wanted(call: Call, run: Run) -> bool:
    query, latest = call.query, run.latest
    facts: dict[str, set[str | None]] = {
        "actor": {run.actor},
        "branch": {run.head_branch},
        "check_suite_id": {str(run.check_suite_id)},
        "event": {run.event},
        "head_sha": {run.head_sha},
        # One parameter for two fields, as documented: "status or conclusion".
        "status": {latest.status, latest.conclusion},
    }
    if any(query[name] not in values for name, values in facts.items() if name in query):
        return False
    return "created" not in query or _created(query["created"], run)


def _created(query: str, run: Run) -> bool:
    try:
        return in_created(query, run.created_at)
    except ValueError as error:
        raise GitHubError(422, f"Invalid `created` filter: {error}") from error


def get_run(call: Call) -> Answer:
    return Answer(_run(call, known_run(call)))


def get_attempt(call: Call) -> Answer:
    run = known_run(call)
    return Answer(_run(call, run, _known_attempt(call, run)))


def known_run(call: Call) -> Run:
    """The run of the path; 404 also for one that does not show yet."""
    for run in call.repo.runs:
        if run.id == call.params["run"] and run.visible_at <= call.now:
            return run
    raise not_found()


def _known_attempt(call: Call, run: Run) -> Attempt:
    number: int = call.params["attempt"]
    if not 1 <= number <= len(run.attempts):
        raise not_found()
    return run.attempts[number - 1]


def _run(call: Call, run: Run, attempt: Attempt | None = None) -> Json:
    attempt = attempt or run.latest
    url = render.api(call.world, call.repo, f"/actions/runs/{run.id}")
    suite = render.api(call.world, call.repo, f"/check-suites/{run.check_suite_id}")
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
        "pull_requests": [],
        "created_at": iso(run.created_at),
        "updated_at": iso(attempt.updated_at),
        "run_started_at": iso(attempt.started_at),
        "actor": render.user(call.world, run.actor),
        "triggering_actor": render.user(call.world, attempt.actor),
        "url": url,
        "html_url": render.web(call.repo, f"/actions/runs/{run.id}"),
        "jobs_url": f"{url}/jobs",
        "logs_url": f"{url}/logs",
        "check_suite_url": suite,
        "artifacts_url": f"{url}/artifacts",
        "cancel_url": f"{url}/cancel",
        "rerun_url": f"{url}/rerun",
        "previous_attempt_url": f"{url}/attempts/{earlier}" if earlier else None,
        "workflow_url": render.api(call.world, call.repo, f"/actions/workflows/{run.workflow.id}"),
        "head_commit": _head_commit(call, run),
        "repository": render.repository(call.world, call.repo),
        "head_repository": render.repository(call.world, call.repo),
    }


def _head_commit(call: Call, run: Run) -> Json:
    commit = call.repo.git.commits[run.head_sha]
    person = {"name": commit.author.name, "email": commit.author.email}
    return {
        "id": commit.sha,
        "tree_id": commit.tree_sha,
        "message": commit.message,
        "timestamp": iso(commit.at),
        "author": person,
        "committer": person,
    }


def list_jobs(call: Call) -> Answer:
    """Jobs of the latest attempt, or of all with `filter=all`."""
    run = known_run(call)
    attempts = run.attempts if call.query.get("filter") == "all" else [run.latest]
    return _jobs(call, run, attempts)


def list_attempt_jobs(call: Call) -> Answer:
    run = known_run(call)
    return _jobs(call, run, [_known_attempt(call, run)])


def _jobs(call: Call, run: Run, attempts: list[Attempt]) -> Answer:
    found = [(attempt, job) for attempt in attempts for job in attempt.jobs]
    return call.counted("jobs", found, lambda item: _job(call, run, *item))


def get_job(call: Call) -> Answer:
    return Answer(_job(call, *known_job(call)))


def known_job(call: Call) -> tuple[Run, Attempt, Job]:
    """The job of the path, with its run and the latest attempt that it is part of."""
    for run in call.repo.runs:
        for attempt in reversed(run.attempts if run.visible_at <= call.now else []):
            for job in attempt.jobs:
                if job.id == call.params["job"]:
                    return run, attempt, job
    raise not_found()


def _job(call: Call, run: Run, attempt: Attempt, job: Job) -> Json:
    has_runner = any(step.status != "queued" for step in job.steps)
    return {
        "id": job.id,
        "run_id": run.id,
        "run_url": render.api(call.world, call.repo, f"/actions/runs/{run.id}"),
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
        "url": render.api(call.world, call.repo, f"/actions/jobs/{job.id}"),
        "html_url": job_page(call.repo, run, job),
        "check_run_url": render.api(call.world, call.repo, f"/check-runs/{job.id}"),
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


ACTIONS = "/repos/{owner}/{repo}/actions"
ENDPOINTS = [
    Endpoint("GET", f"{ACTIONS}/workflows", list_workflows, READ),
    Endpoint("GET", f"{ACTIONS}/workflows/{{workflow}}", get_workflow, READ),
    Endpoint("GET", f"{ACTIONS}/workflows/{{workflow}}/runs", list_workflow_runs, READ),
    Endpoint("GET", f"{ACTIONS}/runs", list_runs, READ),
    Endpoint("GET", f"{ACTIONS}/runs/{{run:int}}", get_run, READ),
    Endpoint("GET", f"{ACTIONS}/runs/{{run:int}}/jobs", list_jobs, READ),
    Endpoint("GET", f"{ACTIONS}/jobs/{{job:int}}", get_job, READ),
    Endpoint("GET", f"{ACTIONS}/runs/{{run:int}}/attempts/{{attempt:int}}", get_attempt, READ),
    Endpoint("GET", f"{ACTIONS}/runs/{{run:int}}/attempts/{{attempt:int}}/jobs", list_attempt_jobs, READ),
]
