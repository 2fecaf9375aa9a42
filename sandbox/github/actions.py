"""Endpoints: workflows, their runs and jobs.

Sources: "REST API endpoints for workflows", "... workflow runs", "... workflow jobs".
"""

from __future__ import annotations

from sandbox.github.http import Answer, Call, Endpoint, GitHubError, not_found
from sandbox.github.model import Attempt, Job, Run
from sandbox.github.run_views import job_json, run_json, workflow_json
from sandbox.github.search import in_created
from sandbox.github.workflows import Workflow

READ = ("actions=read",)
MOST_FILTERED = 1000
FILTERS = frozenset({"actor", "branch", "check_suite_id", "created", "event", "head_sha", "status"})


def list_workflows(call: Call) -> Answer:
    return call.counted("workflows", call.repo.workflows, lambda item: workflow_json(call.world, call.repo, item))


def get_workflow(call: Call) -> Answer:
    return Answer(workflow_json(call.world, call.repo, known_workflow(call)))


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
    return call.counted("workflow_runs", found, lambda run: run_json(call.world, call.repo, run))


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
    return Answer(run_json(call.world, call.repo, known_run(call)))


def get_attempt(call: Call) -> Answer:
    run = known_run(call)
    return Answer(run_json(call.world, call.repo, run, _known_attempt(call, run)))


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
    return call.counted("jobs", found, lambda item: job_json(call.world, call.repo, run, *item))


def get_job(call: Call) -> Answer:
    return Answer(job_json(call.world, call.repo, *known_job(call)))


def known_job(call: Call) -> tuple[Run, Attempt, Job]:
    """The job of the path, with its run and the latest attempt that it is part of."""
    for run in call.repo.runs:
        for attempt in reversed(run.attempts if run.visible_at <= call.now else []):
            for job in attempt.jobs:
                if job.id == call.params["job"]:
                    return run, attempt, job
    raise not_found()


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
