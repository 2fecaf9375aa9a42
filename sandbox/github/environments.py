"""Endpoints: environments, and the jobs that wait for their reviewers.

Sources: "REST API endpoints for deployment environments", "... workflow runs" (pending deployments).
"""

from __future__ import annotations

from typing import Any

from sandbox.github import render
from sandbox.github.actions import ACTIONS, known_run
from sandbox.github.http import Answer, Call, Endpoint, GitHubError, not_found
from sandbox.github.model import Environment, Run
from sandbox.github.pipeline import Pipeline
from sandbox.github.views import deployment_json, environment_json
from sandbox.kit import Json

READ, ADMIN = ("actions=read",), ("administration=write",)
PENDING = f"{ACTIONS}/runs/{{run:int}}/pending_deployments"
VERDICTS = {"approved": True, "rejected": False}


class Environments:
    """The endpoints over one pipeline."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def endpoints(self) -> list[Endpoint]:
        home = "/repos/{owner}/{repo}/environments"
        return [
            Endpoint("GET", home, list_environments, READ),
            Endpoint("GET", f"{home}/{{name:path}}", get_environment, READ),
            Endpoint("DELETE", f"{home}/{{name:path}}", delete_environment, ADMIN, who="account"),
            Endpoint("GET", PENDING, list_pending, READ),
            Endpoint("POST", PENDING, self.review, ("deployments=write",), who="account"),
        ]

    def review(self, call: Call) -> Answer:
        """Approve or reject the environments for which a run waits; a person's right, which no App has.

        422 where the run does not wait for one of them.
        """
        if call.caller.kind == "installation":
            raise GitHubError(403, "Resource not accessible by integration")
        run = known_run(call)
        wanted, verdict = _environment_ids(call), call.required_text("state", resource="Deployment")
        call.required_text("comment", resource="Deployment")
        if verdict not in VERDICTS:
            raise GitHubError(422, "Invalid request.\n\nstate must be one of: approved, rejected.")
        waiting = _waiting(call, run)
        if not wanted or not wanted <= {each.id for each in waiting}:
            raise GitHubError(422, "No pending deployment requests to approve or reject")
        names = {each.name for each in waiting}
        found = [item for item in call.repo.deployments if item.run is run and item.environment in names]
        self._pipeline.decide(run, approved=VERDICTS[verdict])
        return Answer([deployment_json(call.world, call.repo, item) for item in found[-1:]])


def _environment_ids(call: Call) -> set[int]:
    numbers: Any = call.body.get("environment_ids")
    if not isinstance(numbers, list) or not all(isinstance(number, int) for number in numbers):
        raise GitHubError(422, "Invalid request.\n\nenvironment_ids is not an array of integers.")
    return set(numbers)


def _waiting(call: Call, run: Run) -> list[Environment]:
    names = {job.waits_for for job in run.latest.jobs if job.status == "waiting"}
    return [each for each in call.repo.environments.values() if each.name in names]


def list_pending(call: Call) -> Answer:
    """The environments for whose reviewers a run waits; an App can never approve."""
    can_approve = call.caller.kind == "user"
    return Answer([_pending(call, each, can_approve) for each in _waiting(call, known_run(call))])


def _pending(call: Call, item: Environment, can_approve: bool) -> Json:
    shown = environment_json(call.world, call.repo, item)
    return {
        "environment": {key: shown[key] for key in ("id", "node_id", "name", "url", "html_url")},
        "wait_timer": 0,
        "wait_timer_started_at": None,
        "current_user_can_approve": can_approve,
        "reviewers": [{"type": "User", "reviewer": render.user(call.world, call.caller.login)}] if can_approve else [],
    }


def list_environments(call: Call) -> Answer:
    environments = list(call.repo.environments.values())
    return call.counted("environments", environments, lambda item: environment_json(call.world, call.repo, item))


def get_environment(call: Call) -> Answer:
    return Answer(environment_json(call.world, call.repo, _known(call)))


def delete_environment(call: Call) -> Answer:
    """Its deployments stay."""
    del call.repo.environments[_known(call).name]
    return Answer(status=204)


def _known(call: Call) -> Environment:
    found = call.repo.environments.get(call.params["name"])
    if found is None:
        raise not_found()
    return found
