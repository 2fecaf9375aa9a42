"""GitHub Actions: what CI says of a commit; workflows started, followed and cancelled.

Sources: GitHub REST API, "Workflows" (create a workflow dispatch event), "Workflow runs", "Workflow jobs",
"Check runs", "Commit statuses".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, TypeVar

from bot.clients.github import answers, refs
from bot.clients.github.connection import ABSENT, NO_COMMIT, PAGE, Connection, unknown
from bot.clients.http import Query, Response, Retry, clip
from bot.domain.model import Ci, WorkflowJob, WorkflowRun
from bot.errors import NotFound, Reason

# "Cannot cancel a workflow run that is completed."
ENDED = frozenset({HTTPStatus.CONFLICT})
Item = TypeVar("Item")


class Actions:
    """The part of the client that speaks of CI and of workflows, named by path or by file."""

    _connection: Connection

    async def ci(self, repository: str, sha: str, workflow: str) -> Ci:
        """CI's answer for a commit (40 hex): that of the newest run of `workflow` for a push of it.

        Where there is no such run, or no workflow is named, all check runs and statuses together. Check runs
        of Actions then do not count beside a named workflow: they would be those of its pull request runs.
        """
        if not refs.WHOLE_HASH.fullmatch(sha):
            raise unknown(f"“{clip(sha)[:80]}” is not the whole hash of a commit.")
        if workflow:
            runs = await self._connection.get(
                repository, "actions", "runs", params={"head_sha": sha, "event": "push", "per_page": PAGE}
            )
            found = answers.run_ci(runs.object(), sha=sha, workflow=workflow)
            if found is not None:
                return found
        pages, status = await asyncio.gather(
            self._connection.pages(
                repository, "commits", sha, "check-runs", params={"filter": "latest"}, absent=NO_COMMIT
            ),
            self._connection.get(repository, "commits", sha, "status", params={"per_page": PAGE}, absent=NO_COMMIT),
        )
        if status.status in NO_COMMIT:
            raise unknown(f"There is no commit {clip(sha)[:80]} in {repository}.")
        checks = [run for page in pages for run in page.object().get("check_runs") or [] if isinstance(run, dict)]
        return answers.combined_ci(checks, status.object(), without_actions=bool(workflow))

    async def dispatch(self, repository: str, workflow: str, ref: str, inputs: Mapping[str, str]) -> int | None:
        """Start a workflow on a branch or tag; the run's id, or None where GitHub does not tell it.

        Never repeated once it may have been worked: after a RemoteError with `sent`, look for the run. NotFound
        where the default branch has no such workflow, RemoteRejected (422) where that ref's file has no such
        trigger or input.
        """
        response = await self._connection.post(
            repository,
            *_workflow(workflow),
            "dispatches",
            # Servers that do not know the flag answer 204, without the run.
            body={"ref": ref, "inputs": dict(inputs), "return_run_details": True},
            retry=Retry.UNSENT,
            absent=ABSENT,
        )
        if response.status in ABSENT:
            raise _no_workflow(repository, workflow)
        return answers.dispatched_run(response.object()) if response.body else None

    async def workflow_runs(
        self, repository: str, workflow: str, *, event: str = "", branch: str = "", since: datetime | None = None
    ) -> list[WorkflowRun]:
        """The newest hundred runs of a workflow, newest first; `branch` may be a tag. NotFound."""
        created = f">={since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if since else ""
        filters = {"event": event, "branch": branch, "created": created}
        params = {name: value for name, value in filters.items() if value}
        return await list_runs(self._connection, repository, workflow, {"per_page": PAGE, **params})

    async def workflow_run(self, repository: str, run_id: int) -> WorkflowRun:
        """One run as it stands; NotFound."""
        response = await self._connection.get(repository, *_run(run_id), absent=ABSENT)
        if response.status in ABSENT:
            raise _no_run(repository, run_id)
        return _read(response, answers.workflow_run_of, response.object())

    async def jobs(self, repository: str, run_id: int, attempt: int) -> list[WorkflowJob]:
        """The jobs of one attempt of a run, in GitHub's order; NotFound."""
        segments = *_run(run_id), "attempts", str(attempt), "jobs"
        pages = await self._connection.pages(repository, *segments, absent=ABSENT)
        if pages[0].status in ABSENT:
            raise _no_run(repository, run_id)
        return [job for page in pages for job in _read_list(page, "jobs", answers.workflow_job_of)]

    async def cancel_run(self, repository: str, run_id: int) -> None:
        """Ask Actions to cancel a run; one that has ended is fine. NotFound."""
        response = await self._connection.post(
            repository, *_run(run_id), "cancel", retry=Retry.SAFE, absent=ABSENT | ENDED
        )
        if response.status in ABSENT:
            raise _no_run(repository, run_id)


async def list_runs(connection: Connection, repository: str, workflow: str, params: Query) -> list[WorkflowRun]:
    """One page of the runs of a workflow, newest first; NotFound where there is no such workflow."""
    response = await connection.get(repository, *_workflow(workflow), "runs", params=params, absent=ABSENT)
    if response.status in ABSENT:
        raise _no_workflow(repository, workflow)
    return _read_list(response, "workflow_runs", answers.workflow_run_of)


def _workflow(workflow: str) -> tuple[str, str, str]:
    """GitHub takes the name of the file, not its path."""
    return "actions", "workflows", workflow.rpartition("/")[2]


def _run(run_id: int) -> tuple[str, str, str]:
    return "actions", "runs", str(run_id)


def _read(response: Response, parse: Callable[[Mapping[str, Any]], Item | None], body: object) -> Item:
    item = parse(body) if isinstance(body, dict) else None
    if item is None:
        raise response.unexpected("The answer is not what Actions tells")
    return item


def _read_list(response: Response, name: str, parse: Callable[[Mapping[str, Any]], Item | None]) -> list[Item]:
    """Every item, or UnexpectedResponse: whoever looks for a run must not miss it for its odd shape."""
    listed = response.object().get(name)
    if not isinstance(listed, list):
        raise response.unexpected(f"The answer has no {name}")
    return [_read(response, parse, item) for item in listed]


def _no_workflow(repository: str, workflow: str) -> NotFound:
    return NotFound(
        f"GitHub shows no workflow {workflow} in {repository} to this bot.",
        hint="The file must be on the default branch, and the bot's token needs the permission Actions.",
        reason=Reason.BUILD_IMPOSSIBLE,
    )


def _no_run(repository: str, run_id: int) -> NotFound:
    return NotFound(f"There is no workflow run {run_id} in {repository}.", reason=Reason.BUILD_UNKNOWN)
