"""The way through CI: whether it can be taken, and from plan and journal to its next step. Pure.

check → create_tag or dispatch → find_run (where GitHub named no run) → follow → prove_image → receipt. A recorded
failure turns the way: cancel_run (after a cancel, or where the run builds another commit) → receipt.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from bot.domain.deployment import Build, DeploymentPlan, PlannedMachine
from bot.domain.model import ASLEEP, Environment, Machine, RefKind, WorkflowJob, WorkflowRun
from bot.domain.operation import Operation, StepStatus
from bot.domain.proof import Reading, judged, line_of
from bot.domain.rollout import Action, Step, failure_reason, is_past_cancel
from bot.domain.text import quoted
from bot.errors import Reason, StepFailed

HEADS, TAGS = "refs/heads/", "refs/tags/"
# One push of a button, and one more where GitHub certainly shows no run of the first.
MOST_SENDS = 2
# Above this likeness two names differ by a slip of the finger rather than by a release.
LIKENESS = 0.9
WELL = frozenset({"success", "skipped", "neutral", ""})
LEAVES_NO_RUN = frozenset({Reason.CANCELLED, Reason.CHANGED_OUTSIDE})
HOW_TO_LABEL = "The workflow's image has to be labelled `sha-` and the commit, and to be the one that it deploys."
# Names that git takes, and nobody mistakes for something else.
_TAG = re.compile(r"[A-Za-z0-9_]+(?:[.+/-][A-Za-z0-9_]+)*")


def build_for(environment: Environment, name: str, kind: RefKind, *, creates_tag: bool = False) -> Build | None:
    """How CI would build and release this ref, or None where it cannot: workflows run on branches and tags only."""
    if kind is RefKind.COMMIT or (kind is RefKind.BRANCH and environment.released_by == "tag"):
        return None
    return Build(environment.repository, environment.workflow, name, creates_tag, environment.image_repository)


def short_name(ref: str) -> str:
    """A ref without `refs/heads/` or `refs/tags/`."""
    return ref.removeprefix(HEADS).removeprefix(TAGS)


def is_tag_name(name: str) -> bool:
    """Whether a tag of this name can be made without doubt about what was meant."""
    return len(name) <= 100 and _TAG.fullmatch(name) is not None and not name.endswith(".lock")


def close_tags(name: str, tags: Iterable[str]) -> list[str]:
    """Tags that a person who typed `name` may have meant."""
    return get_close_matches(name, list(tags), n=3, cutoff=LIKENESS)


def newest_tag(tags: Iterable[str]) -> str:
    """The highest version among tags, numbers by their value, or an empty string."""

    def key(name: str) -> list[tuple[int, str]]:
        return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.findall(r"\d+|\D+", name)]

    # A tag with a suffix (`v1.5.0-rc1`) comes before the one without.
    return max(tags, key=lambda name: (key(re.split(r"[-+]", name)[0]), "-" not in name, key(name)), default="")


def next_action(operation: Operation, plan: DeploymentPlan) -> Action | None:
    """The step to take now, or None when there is nothing left to do."""
    if operation.row(Step.FAILURE) is not None:
        return _after_failure(operation)
    if operation.cancel_requested_by and not is_past_cancel(operation):
        return Action(Step.FAILURE)
    assert plan.build is not None
    begin = Step.CREATE_TAG if plan.build.creates_tag else Step.DISPATCH
    known = (Step.FIND_RUN,) if run_id(operation) is None else ()
    steps = (Step.CHECK, begin, *known, Step.FOLLOW, Step.PROVE_IMAGE, Step.RECEIPT)
    return next((Action(step) for step in steps if not operation.done(step)), None)


def _after_failure(operation: Operation) -> Action | None:
    steps = [row.step for row in operation.journal]
    failures = [row for row in operation.journal if row.step == Step.FAILURE]
    # None that fails now is tried again, or the operation would never end.
    given_up = {row.detail["step"] for row in failures[1:]}
    is_asked = failure_reason(operation) in LEAVES_NO_RUN and may_have_begun(operation)
    if is_asked and not operation.done(Step.CANCEL_RUN) and Step.CANCEL_RUN not in given_up:
        return Action(Step.CANCEL_RUN)
    after = steps[len(steps) - steps[::-1].index(Step.FAILURE) :]
    return None if Step.RECEIPT in after or Step.RECEIPT in given_up else Action(Step.RECEIPT)


def may_have_begun(operation: Operation) -> bool:
    """Whether a run may go on at GitHub because of this operation."""
    return operation.row(Step.CREATE_TAG) is not None or sends(operation) > 0


def sends(operation: Operation) -> int:
    """How often the dispatch was sent; a time that certainly did nothing is taken back by a failed row."""
    rows = [row.status for row in operation.journal if row.step == Step.DISPATCH]
    return rows.count(StepStatus.STARTED) - rows.count(StepStatus.FAILED)


def run_id(operation: Operation) -> int | None:
    """The run that this operation follows, once it is known."""
    rows = (operation.row(step) for step in (Step.FIND_RUN, Step.DISPATCH))
    return next((row.detail["run"] for row in rows if row is not None and row.detail.get("run")), None)


def seen_run(run: WorkflowRun, jobs: Sequence[WorkflowJob]) -> dict[str, Any]:
    """What a person can see of a run, as the journal keeps it."""
    return {
        "run": run.id,
        "url": run.url,
        "status": run.status,
        "conclusion": run.conclusion,
        "jobs": [
            {"name": j.name, "status": j.status, "conclusion": j.conclusion, "url": j.url, "failed_step": j.failed_step}
            for j in jobs
        ],
    }


def build_failure(seen: Mapping[str, Any]) -> StepFailed:
    """The failure of a run that ended without success: the job, its step, and where to look."""
    job = next((job for job in seen["jobs"] if job["conclusion"] not in WELL), None)
    if seen["conclusion"] == "cancelled":
        return StepFailed(_cancelled_words(job), hint=f"See {seen['url']}", reason=Reason.BUILD_FAILED)
    if job is None:
        return StepFailed(
            f"The run on GitHub ended with “{quoted(seen['conclusion'])}”.",
            hint=f"See {seen['url']}",
            reason=Reason.BUILD_FAILED,
        )
    name, step = quoted(job["name"]), quoted(job["failed_step"])
    how = f"failed in step “{step}”" if step else f"ended with “{quoted(job['conclusion'])}”"
    return StepFailed(f"Job {name} {how}.", hint=f"Its log: {job['url'] or seen['url']}", reason=Reason.BUILD_FAILED)


def _cancelled_words(job: Mapping[str, Any] | None) -> str:
    if job is None or not job["failed_step"]:
        # Of those that wait in a concurrency group GitHub keeps the newest alone.
        begun = f"job {quoted(job['name'])}" if job else "any job"
        return f"The run was cancelled on GitHub before {begun} began: a newer one took its place, or somebody did it."
    return f"The run was cancelled on GitHub, in step “{quoted(job['failed_step'])}” of job {quoted(job['name'])}."


def to_prove(machines: Sequence[Machine], label: str) -> tuple[str, ...]:
    """One Machine of each process group that sleeps as a whole: flyctl gave them an image that never ran."""
    awake = {machine.group for machine in machines if machine.state not in ASLEEP}
    first = {m.group: m.id for m in reversed(machines) if not m.is_standby and m.image.label == label}
    return tuple(machine for group, machine in sorted(first.items()) if group not in awake)


def proof_of(machines: Sequence[Machine], digest: str, label: str, before: Sequence[PlannedMachine]) -> Reading:
    """What the Machines show after a run; a run that says so proves no image, no Machines and no health."""
    lines = [line_of(machine, digest) for machine in machines]
    missing = f"the registry has no image `{label}`" if not digest else "the app has no Machines"
    if not digest or not machines:
        problem = StepFailed(f"The run succeeded, but {missing}.", reason=Reason.WRONG_IMAGE)
        return Reading(lines, problem, may_mend=True)
    slept = {machine.id for machine in before if not machine.is_warm}
    reading = judged(lines, machines, slept, after="The run succeeded, but")
    if reading.problem is not None and reading.problem.reason is Reason.WRONG_IMAGE:
        reading.problem.hint = HOW_TO_LABEL
    # What CI has just written may not be shown everywhere yet.
    return dataclasses.replace(reading, may_mend=reading.problem is not None)
