"""Endpoints: check runs, check suites, the combined commit status.

GitHub keeps two systems apart: Actions makes check runs, others set commit statuses; the combined status
knows nothing of check runs.

Sources: "REST API endpoints for check runs", "... check suites", "... commit statuses".
"""

from __future__ import annotations

from sandbox.github import render
from sandbox.github.ci import jobs_at, latest_jobs_at
from sandbox.github.git import Commit
from sandbox.github.http import Answer, Call, Endpoint, not_found
from sandbox.github.model import CommitStatus, Job, Repository, iso, node_id
from sandbox.github.run_views import ACTIONS_ID, check_run_json, check_suite_json
from sandbox.kit import Json

CHECKS, STATUSES = ("checks=read",), ("statuses=read",)
FAILED_STATES = {"error", "failure"}


def list_check_runs(call: Call) -> Answer:
    """Check runs of a commit; `filter=latest` (default) leaves out those of earlier attempts."""
    commit = call.known_commit(call.params["ref"])
    everything = call.query.get("filter") == "all"
    found = list(jobs_at(call.repo, commit.sha)) if everything else latest_jobs_at(call.repo, commit.sha)
    shown = [item for item in found if _wanted(call, item[1])]
    return call.counted("check_runs", shown, lambda item: check_run_json(call.world, call.repo, *item))


def _wanted(call: Call, job: Job) -> bool:
    query = call.query
    facts = {"check_name": job.name, "status": job.status, "app_id": str(ACTIONS_ID)}
    return all(query[name] == value for name, value in facts.items() if name in query)


def list_check_suites(call: Call) -> Answer:
    commit = call.known_commit(call.params["ref"])
    found = [run for run in call.repo.runs if run.head_sha == commit.sha]
    return call.counted("check_suites", found, lambda run: check_suite_json(call.world, call.repo, run))


def combined_status(call: Call) -> Answer:
    """`pending` where nobody ever set a status, however the check runs ended."""
    commit = call.commit(call.params["ref"])
    if commit is None:
        raise not_found()
    latest = latest_statuses(call.repo, commit)
    page, headers = call.page(latest)
    body = {
        "state": _combined([status.state for status in latest]),
        "statuses": [_status(call, commit, status) for status in page],
        "sha": commit.sha,
        "total_count": len(latest),
        "repository": render.repository(call.world, call.repo),
        "commit_url": render.api(call.world, call.repo, f"/commits/{commit.sha}"),
        "url": render.api(call.world, call.repo, f"/commits/{commit.sha}/status"),
    }
    return Answer(body, headers=headers)


def latest_statuses(repo: Repository, commit: Commit) -> list[CommitStatus]:
    """The latest status of each context on a commit."""
    return list({status.context: status for status in repo.statuses.get(commit.sha, [])}.values())


def _combined(states: list[str]) -> str:
    if FAILED_STATES & set(states):
        return "failure"
    return "success" if states and set(states) == {"success"} else "pending"


def _status(call: Call, commit: Commit, status: CommitStatus) -> Json:
    return {
        "id": status.id,
        "node_id": node_id("StatusContext", status.id),
        "url": render.api(call.world, call.repo, f"/statuses/{commit.sha}"),
        "state": status.state,
        "context": status.context,
        "description": status.description,
        "target_url": None,
        "created_at": iso(status.at),
        "updated_at": iso(status.at),
    }


def failing_contexts(repo: Repository, commit: Commit, required: list[str] | None) -> list[Json]:
    """Contexts (statuses and check runs) that keep a deployment back; None requires all that exist."""
    states = {status.context: status.state for status in latest_statuses(repo, commit)}
    for _, job in latest_jobs_at(repo, commit.sha):
        states.setdefault(job.name, job.conclusion or "pending")
    wanted = states.keys() if required is None else required
    found = [{"context": context, "state": states.get(context, "pending")} for context in wanted]
    return [context for context in found if context["state"] != "success"]


COMMITS = "/repos/{owner}/{repo}/commits"
ENDPOINTS = [
    Endpoint("GET", f"{COMMITS}/{{ref:path}}/status", combined_status, STATUSES),
    Endpoint("GET", f"{COMMITS}/{{ref:path}}/check-runs", list_check_runs, CHECKS),
    Endpoint("GET", f"{COMMITS}/{{ref:path}}/check-suites", list_check_suites, CHECKS),
]
