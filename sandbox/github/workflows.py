"""Workflow files as data: what starts a run, which inputs it takes, what its jobs do and for how long.

A file has versions; the one that counts at a commit is the newest whose `since` the commit contains, so that an
old tag runs the old file, or finds none. Each version states what it changes of the one before.

Sources: "Workflow syntax for GitHub Actions", "Events that trigger workflows".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import accumulate
from typing import Any

from sandbox.github.git import Git
from sandbox.kit import Json

EXPRESSION = re.compile(r"\$\{\{\s*([\w.]+)\s*\}\}")
# What starts a workflow on `pull_request` that names no types.
PULL_ACTIONS = ("opened", "synchronize", "reopened")


@dataclass(frozen=True)
class StepSpec:
    """A step and its length in simulated seconds; `does` names its work at Fly or GitHub, with `text` to say there."""

    name: str
    seconds: float
    does: str = ""
    text: str = ""


@dataclass(frozen=True)
class JobSpec:
    """A job, which needs the one before it. `app` and `config` (fly.toml as JSON) are what it deploys, and where.

    One with `when` (actions of `pull_request`) stands by itself and is skipped at other actions, as is one for
    the repository's `own` pull requests at those of forks. `record` is the environment that its deployment names,
    where that is not the one whose secrets it has.
    """

    name: str
    steps: tuple[StepSpec, ...]
    environment: str = ""
    url: str = ""
    app: str = ""
    config: Json = field(default_factory=dict)
    when: tuple[str, ...] = ()
    own: bool = False
    record: str = ""
    transient: bool = False
    organization: str = ""
    database: str = ""
    highly_available: bool = True

    def filled(self, facts: Mapping[str, str]) -> JobSpec:
        """The job with its expressions filled in."""
        return JobSpec(**filled({**vars(self), "steps": ()}, facts) | {"steps": self._steps(facts), "when": self.when})

    def _steps(self, facts: Mapping[str, str]) -> tuple[StepSpec, ...]:
        return tuple(StepSpec(**filled(vars(step), facts)) for step in self.steps)


def filled(value: Any, facts: Mapping[str, str]) -> Any:
    """A JSON value whose texts have `facts` such as `github.sha` in the place of their expressions."""
    if isinstance(value, str):
        return EXPRESSION.sub(lambda found: facts.get(found[1], ""), value)
    if isinstance(value, dict):
        return {key: filled(inner, facts) for key, inner in value.items()}
    return [filled(inner, facts) for inner in value] if isinstance(value, list) else value


@dataclass(frozen=True)
class WorkflowFile:
    """One version of a workflow's file.

    `inputs` says which are required; None is a file without `workflow_dispatch`. `follows` names the workflow
    whose success on the default branch starts it (`workflow_run`), `pull_actions` what happens to a pull request.
    Of a concurrency group one run goes at a time; with `queue` `max` the others wait in order, else a newer one
    cancels the one that waits, and with `cancel_in_progress` the one that goes, too.
    """

    since: str
    jobs: tuple[JobSpec, ...]
    push_branches: tuple[str, ...] = ()
    push_tags: tuple[str, ...] = ()
    follows: str = ""
    inputs: Mapping[str, bool] | None = None
    run_name: str = ""
    concurrency: str = ""
    queue: str = "single"
    cancel_in_progress: bool = False
    pull_actions: tuple[str, ...] = ()

    def starts_on_push(self, branch: str | None, tag: str | None) -> bool:
        """Whether a push to this branch or of this tag starts it. A `*` of a filter does not reach over a slash."""
        if branch is not None:
            return any(_fits(branch, pattern) for pattern in self.push_branches)
        return tag is not None and any(_fits(tag, pattern) for pattern in self.push_tags)

    def title(self, facts: Mapping[str, str]) -> str:
        """The `run-name` with `facts` such as `inputs.request_id` filled in; empty where it has none."""
        return str(filled(self.run_name, facts)).strip()


def _fits(name: str, pattern: str) -> bool:
    return name.count("/") == pattern.count("/") and fnmatchcase(name, pattern)


@dataclass(frozen=True)
class Workflow:
    id: int
    name: str
    path: str
    versions: tuple[WorkflowFile, ...]
    created_at: float

    @property
    def file(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def newest(self) -> WorkflowFile:
        return self.versions[-1]

    def at(self, git: Git, *shas: str) -> WorkflowFile | None:
        """The file as it stands in a commit, or in a merge of several; None where it is not there yet."""
        history = set().union(*(git.ancestors(sha) for sha in shas))
        return next((version for version in reversed(self.versions) if version.since in history), None)


def workflow(seed: Json, created_at: float) -> Workflow:
    """A workflow of a seed; each of its `versions` inherits what it does not state from the one before."""
    whole: Iterator[Json] = accumulate(seed["versions"], lambda before, version: {**before, **version})
    return Workflow(seed["id"], seed["name"], seed["path"], tuple(_file(version) for version in whole), created_at)


def _file(seed: Json) -> WorkflowFile:
    triggers = seed["on"]
    push, dispatch = triggers.get("push", {}), triggers.get("workflow_dispatch")
    inputs = None if dispatch is None else {name: bool(each.get("required")) for name, each in dispatch.items()}
    return WorkflowFile(
        since=seed["since"],
        jobs=tuple(_job(job) for job in seed["jobs"]),
        push_branches=tuple(push.get("branches", ())),
        push_tags=tuple(push.get("tags", ())),
        follows=triggers.get("workflow_run", ""),
        inputs=inputs,
        run_name=seed.get("run_name", ""),
        concurrency=seed.get("concurrency", ""),
        queue=seed.get("queue", "single"),
        cancel_in_progress=seed.get("cancel_in_progress", False),
        pull_actions=tuple(triggers["pull_request"].get("types", PULL_ACTIONS)) if "pull_request" in triggers else (),
    )


def _job(seed: Json) -> JobSpec:
    steps = tuple(StepSpec(**step) for step in seed["steps"])
    return JobSpec(**{**seed, "steps": steps, "when": tuple(seed.get("when", ()))})
