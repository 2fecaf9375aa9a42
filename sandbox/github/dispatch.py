"""Endpoints: starting a workflow, cancelling a run, running it again, what a job wrote.

Sources: "REST API endpoints for workflows" (create a workflow dispatch event), "... workflow runs", "... workflow
jobs" (download job logs).
"""

from __future__ import annotations

from sandbox.github import render
from sandbox.github.actions import ACTIONS, READ, known_job, known_run, known_workflow
from sandbox.github.git import BRANCHES, TAGS
from sandbox.github.http import Answer, Call, Endpoint, GitHubError, not_found
from sandbox.github.pipeline import Pipeline
from sandbox.kit import Json

WRITE = ("actions=write",)
MOST_INPUTS = 25
# From this version on the answer always tells the run: "Breaking changes".
ALWAYS_TELLS = "2026-03-10"


class Dispatch:
    """The endpoints over one pipeline."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def endpoints(self) -> list[Endpoint]:
        run = f"{ACTIONS}/runs/{{run:int}}"
        return [
            Endpoint("POST", f"{ACTIONS}/workflows/{{workflow}}/dispatches", self.dispatch, WRITE, who="account"),
            Endpoint("POST", f"{run}/cancel", self.cancel, WRITE, who="account"),
            Endpoint("POST", f"{run}/rerun", self.rerun, WRITE, who="account"),
            Endpoint("POST", f"{run}/rerun-failed-jobs", self.rerun_failed, WRITE, who="account"),
            Endpoint("GET", f"{ACTIONS}/jobs/{{job:int}}/logs", job_logs, READ),
            Endpoint("GET", "/_logs/{repository_number:int}/{job:int}", log_file),
        ]

    def dispatch(self, call: Call) -> Answer:
        """204; with `return_run_details` (or in the newer API version) 200 and the run."""
        workflow = known_workflow(call)
        _refuse_disabled(call)
        ref, inputs = _ref(call), _inputs(call)
        tells = call.flag("return_run_details", default=False, resource="WorkflowDispatch")
        name = ref.removeprefix("refs/").removeprefix("heads/").removeprefix("tags/")
        commit = next((call.commit(full) for full in _full_names(ref) if full in call.repo.git.refs), None)
        if commit is None:
            raise GitHubError(422, f"No ref found for: {ref}")
        try:
            run = self._pipeline.dispatch(
                call.repo, workflow, name=name, commit=commit, inputs=inputs, actor=call.login
            )
        except ValueError as refusal:
            raise GitHubError(422, str(refusal)) from refusal
        hides = call.world.faults.take("no_run_details", workflow.file) is not None
        if hides or not (tells or call.version >= ALWAYS_TELLS):
            return Answer(status=204)
        url = render.api(call.world, call.repo, f"/actions/runs/{run.id}")
        page = render.web(call.repo, f"/actions/runs/{run.id}")
        return Answer({"workflow_run_id": run.id, "run_url": url, "html_url": page})

    def cancel(self, call: Call) -> Answer:
        """202, and the run ends some time later; 409 where it has ended."""
        run = known_run(call)
        if run.latest.status == "completed":
            raise GitHubError(409, "Cannot cancel a workflow run that is completed.")
        self._pipeline.cancel(run)
        return Answer({}, 202)

    def rerun(self, call: Call) -> Answer:
        return self._rerun(call, only_failed=False)

    def rerun_failed(self, call: Call) -> Answer:
        return self._rerun(call, only_failed=True)

    def _rerun(self, call: Call, *, only_failed: bool) -> Answer:
        """201, and another attempt under the same id; 403 for a run under way, or without a failed job."""
        run = known_run(call)
        _refuse_disabled(call)
        if run.latest.status != "completed":
            raise GitHubError(403, "This workflow is already running")
        if only_failed and run.latest.conclusion == "success":
            raise GitHubError(403, "This workflow run has no failed jobs")
        self._pipeline.rerun(call.repo, run, call.login, only_failed=only_failed)
        return Answer({}, 201)


def _refuse_disabled(call: Call) -> None:
    if call.world.faults.peek("actions_disabled") is not None:
        raise GitHubError(403, "GitHub Actions is disabled for this repository.")


def _ref(call: Call) -> str:
    ref = call.body.get("ref")
    if not isinstance(ref, str) or not ref:
        raise GitHubError(422, 'Invalid request.\n\n"ref" wasn\'t supplied.')
    return ref


def _full_names(ref: str) -> list[str]:
    """What a dispatch may mean by a ref, a branch before a tag; a hash is nothing of it."""
    if ref.startswith("refs/"):
        return [ref] if ref.startswith((BRANCHES, TAGS)) else []
    return [BRANCHES + ref, TAGS + ref, f"refs/{ref}"]


def _inputs(call: Call) -> dict[str, str]:
    inputs: Json = call.body.get("inputs") or {}
    if not isinstance(inputs, dict):
        raise GitHubError(422, f"Invalid request.\n\nFor 'properties/inputs', {inputs!r} is not an object.")
    if len(inputs) > MOST_INPUTS:
        raise GitHubError(422, f"you may only define up to {MOST_INPUTS} `inputs` for a `workflow_dispatch` event")
    return {name: str(value) for name, value in inputs.items()}


def job_logs(call: Call) -> Answer:
    """302 to a text that needs no token; 404 until the job has ended."""
    _, _, job = known_job(call)
    if job.status != "completed":
        raise not_found()
    return Answer(status=302, headers={"location": f"{call.world.url}/_logs/{call.repo.id}/{job.id}"})


def log_file(call: Call) -> Answer:
    repo = call.world.repositories.get(call.params["repository_number"])
    for run in repo.runs if repo else []:
        for attempt in run.attempts:
            for job in attempt.jobs:
                if job.id == call.params["job"]:
                    return Answer(text="\n".join(job.log) + "\n")
    raise not_found()
