"""GitHub's JSON read into the domain's values: only the fields that we use, each with a default. Pure.

Sources: GitHub REST API, "Commits", "Workflow runs", "Workflow jobs", "Check runs", "Commit statuses", "Deployments".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from bot.domain.model import (
    ChangedFile,
    Ci,
    CiState,
    Commit,
    Comparison,
    GitHubDeployment,
    Relation,
    WorkflowJob,
    WorkflowRun,
)

Json = Mapping[str, Any]

# GitHub lists at most so many files of a comparison and does not say that there are more.
MOST_FILES = 300
ACTIONS_APP = "github-actions"
# The key in a deployment's payload that says which operation of ours it records.
OPERATION = "flytower"

# Only `success` proves anything. `cancelled` mostly means that a newer push took over, `stale` that GitHub gave
# up waiting, `skipped` and `neutral` that nothing was judged: no verdict is unknown, neither red nor green.
CONCLUSIONS = {
    "success": CiState.SUCCESS,
    "failure": CiState.FAILURE,
    "timed_out": CiState.FAILURE,
    "startup_failure": CiState.FAILURE,
    "action_required": CiState.PENDING,
    "cancelled": CiState.UNKNOWN,
    "stale": CiState.UNKNOWN,
    "skipped": CiState.UNKNOWN,
    "neutral": CiState.UNKNOWN,
}
STATUSES = {
    "success": CiState.SUCCESS,
    "failure": CiState.FAILURE,
    "error": CiState.FAILURE,
    "pending": CiState.PENDING,
}
# How a step of a job may end without anything being wrong; empty while it has not ended.
HARMLESS_ENDS = frozenset({"", "success", "skipped", "neutral"})
# Among several checks the first of these that occurs decides.
WORST_FIRST = (CiState.FAILURE, CiState.PENDING, CiState.UNKNOWN, CiState.SUCCESS)
# What `git revert` writes. Where it reverts a merge, `, reversing changes made to …` follows, of what stays.
REVERTS = re.compile(r"^[ \t]*This reverts commit ([0-9a-f]{7,40})\b", re.MULTILINE | re.IGNORECASE)
# The trailer of Git and of the Linux kernel, often with the title behind it in brackets.
# Source: Linux kernel documentation, "Submitting patches: Using Reported-by:, … and Fixes:".
FIXES = re.compile(r"^Fixes:[ \t]*([0-9a-f]{7,40})\b", re.MULTILINE | re.IGNORECASE)


def commit_of(body: Json) -> Commit:
    """A commit; its title is the first line of the message, as it stands.

    What it reverts is what git's own sentence says, what it mends what its `Fixes:` trailers do.
    """
    inner = _object(body, "commit")
    account, author = _object(body, "author"), _object(inner, "author")
    message = _text(inner, "message")
    title = message.strip().split("\n", 1)[0]
    return Commit(
        sha=_text(body, "sha"),
        title=title.strip(),
        author=_text(account, "login") or _text(author, "name"),
        committed_at=instant(_text(_object(inner, "committer"), "date")),
        url=_text(body, "html_url"),
        reverts=_named(REVERTS, message),
        fixes=_named(FIXES, message),
    )


def _named(pattern: re.Pattern[str], message: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(digits.lower() for digits in pattern.findall(message)))


def named_commits(listed: Iterable[object]) -> dict[str, str]:
    """Commit by name from a list of tags or branches, in its order; what names no commit is left out."""
    items = [item for item in listed if isinstance(item, dict)]
    pairs = [(_text(item, "name"), _text(_object(item, "commit"), "sha")) for item in items]
    return {name: sha for name, sha in pairs if name and sha}


def comparison_of(body: Json) -> Comparison:
    """A comparison; the list of files counts as whole only where GitHub certainly did not cut it."""
    known = {relation.value for relation in Relation}
    status = _text(body, "status")
    commits = tuple(commit_of(commit) for commit in _objects(body, "commits"))
    listed = body.get("files")
    files = tuple(_file(file) for file in _objects(body, "files") if _text(file, "filename"))
    whole = isinstance(listed, list) and len(files) == len(listed) < MOST_FILES
    return Comparison(
        relation=Relation(status) if status in known else Relation.UNKNOWN,
        commits=commits,
        total_commits=_number(body, "total_commits", len(commits)),
        files=files,
        files_complete=whole,
        url=_text(body, "html_url"),
        merge_base=_text(_object(body, "merge_base_commit"), "sha"),
    )


def _file(body: Json) -> ChangedFile:
    return ChangedFile(_text(body, "filename"), _text(body, "status"), _text(body, "previous_filename"))


def run_ci(body: Json, *, sha: str, workflow: str) -> Ci | None:
    """CI's answer from a list of workflow runs: that of the newest run of `workflow`, None where it has none.

    `workflow` is a file's name or its whole path; a run's `path` may carry `@` and a ref behind it. Runs of
    pull requests do not count: they tested a merge with the base branch and not this commit, and a fork's
    author decides what they do.
    """
    wanted = workflow if "/" in workflow else f".github/workflows/{workflow}"
    runs = [
        run
        for run in _objects(body, "workflow_runs")
        if _text(run, "path").partition("@")[0] == wanted
        and (_text(run, "head_sha"), _text(run, "event")) == (sha, "push")
    ]
    if not runs:
        return None
    newest = max(runs, key=lambda run: _number(run, "run_number", 0))
    return Ci(_state(newest), _text(newest, "html_url"))


def combined_ci(check_runs: Iterable[Json], status: Json, *, without_actions: bool) -> Ci:
    """CI's answer from all check runs and commit statuses together; `none` where there are none.

    A skipped or neutral check beside others decides nothing: a condition in a workflow is no failure.
    """
    checks = [run for run in check_runs if not (without_actions and _slug(run) == ACTIONS_APP)]
    verdicts = [(_state(run), _text(run, "html_url")) for run in checks if not _is_void(run)]
    verdicts += [
        (STATUSES.get(_text(each, "state"), CiState.UNKNOWN), _text(each, "target_url"))
        for each in _objects(status, "statuses")
    ]
    for state in WORST_FIRST:
        found = next((Ci(state, url) for verdict, url in verdicts if verdict is state), None)
        if found is not None:
            return found
    return Ci(CiState.UNKNOWN if checks else CiState.NONE)


def workflow_run_of(body: Json) -> WorkflowRun | None:
    """A run of a workflow; None where it lacks what identifies it."""
    number, created_at = _number(body, "id", 0), instant(_text(body, "created_at"))
    if number <= 0 or created_at is None or created_at.tzinfo is None:
        return None
    return WorkflowRun(
        id=number,
        status=_text(body, "status"),
        conclusion=_text(body, "conclusion"),
        title=_text(body, "display_title"),
        head_sha=_text(body, "head_sha"),
        head_branch=_text(body, "head_branch"),
        event=_text(body, "event"),
        url=_text(body, "html_url"),
        attempt=_number(body, "run_attempt", 1),
        created_at=created_at,
    )


def workflow_job_of(body: Json) -> WorkflowJob | None:
    """A job of a run; None where it has no name."""
    if not _text(body, "name"):
        return None
    failed = (step for step in _objects(body, "steps") if _text(step, "conclusion") not in HARMLESS_ENDS)
    return WorkflowJob(
        name=_text(body, "name"),
        status=_text(body, "status"),
        conclusion=_text(body, "conclusion"),
        url=_text(body, "html_url"),
        failed_step=next((_text(step, "name") for step in failed), ""),
    )


def deployment_of(body: Json) -> GitHubDeployment | None:
    """A deployment; None where it has no id."""
    number = _number(body, "id", 0)
    if number <= 0:
        return None
    return GitHubDeployment(
        id=number,
        sha=_text(body, "sha"),
        environment=_text(body, "environment"),
        task=_text(body, "task"),
        operation=_text(_payload(body), OPERATION),
    )


def _payload(body: Json) -> Json:
    """The payload, which comes as it was sent: as an object or as JSON in a text."""
    payload = body.get("payload")
    if isinstance(payload, str):
        try:
            payload = json.loads(payload)
        except ValueError:
            payload = None
    return payload if isinstance(payload, dict) else {}


def states_of(listed: Iterable[object]) -> list[str]:
    """The states from a list of a deployment's statuses, in its order."""
    return [_text(item, "state") for item in listed if isinstance(item, dict)]


def dispatched_run(body: Json) -> int | None:
    """The id of the run that a dispatch started, or None where GitHub does not tell."""
    number = _number(body, "workflow_run_id", 0)
    return number if number > 0 else None


def ci_states(runs: Iterable[WorkflowRun]) -> dict[str, CiState]:
    """CI's answer by commit, from its runs, newest first: the newest one of each commit counts."""
    states: dict[str, CiState] = {}
    for run in runs:
        states.setdefault(run.head_sha, _verdict(run.status, run.conclusion))
    return states


def _state(run: Json) -> CiState:
    return _verdict(_text(run, "status"), _text(run, "conclusion"))


def _verdict(status: str, conclusion: str) -> CiState:
    return CONCLUSIONS.get(conclusion, CiState.UNKNOWN) if status == "completed" else CiState.PENDING


def _is_void(run: Json) -> bool:
    return _text(run, "status") == "completed" and _text(run, "conclusion") in {"skipped", "neutral"}


def _slug(run: Json) -> str:
    return _text(_object(run, "app"), "slug")


def instant(text: str) -> datetime | None:
    """An ISO 8601 instant, or None where it is none."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _text(body: Json, name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""


def _number(body: Json, name: str, default: int) -> int:
    value = body.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def _object(body: Json, name: str) -> Json:
    value = body.get(name)
    return value if isinstance(value, dict) else {}


def _objects(body: Json, name: str) -> list[Json]:
    value = body.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
