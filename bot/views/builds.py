"""The way through CI on a deployment's card: how it was started, the run, its jobs, and the Machines at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bot.domain.build import run_id
from bot.domain.deployment import Build, DeploymentPlan
from bot.domain.operation import JournalRow, Operation, StepStatus
from bot.domain.rollout import Step
from bot.views.blocks import clip, code, escape, link
from bot.views.machines import (
    BAD,
    DOING,
    DONE,
    MACHINES_SHOWN,
    UNTOUCHED,
    WARN,
    Seen,
    is_unwell,
    most_urgent,
    seen_line,
)

JOBS_SHOWN = 12
# GitHub's words for a run that nobody works on yet; `waiting` is an environment's reviewers or timer.
STATUS_WORDS = {
    "queued": "is queued",
    "requested": "is queued",
    "pending": "waits for another run of its group",
    "waiting": "waits for an approval on GitHub: open it to review",
    "in_progress": "is running",
}
ENDINGS = {"success": DONE, "skipped": UNTOUCHED, "neutral": UNTOUCHED, "cancelled": UNTOUCHED}


def way(build: Build) -> str:
    """Which way the deployment takes, and why."""
    file = code(build.workflow.rpartition("/")[2])
    on = f"the new tag {code(build.ref)}" if build.creates_tag else code(build.ref)
    return f"🏗 no image of this commit yet: CI builds it ({file} on {on}), then I verify at Fly"


def preview(plan: DeploymentPlan) -> Iterator[str]:
    """What the Machines run before CI moves them."""
    for machine in plan.machines[:MACHINES_SHOWN]:
        runs = code(clip(machine.image.label or machine.image.digest, 16))
        yield f"• {machine.region} {code(machine.id)} {machine.state} · {runs} → moved by CI"
    if not plan.machines:
        yield "• the app has no Machines yet; CI makes them"


def progress(operation: Operation, plan: DeploymentPlan, build: Build) -> Iterator[str]:
    """What has happened on this way so far, a line for each thing that a person may look at."""
    yield from _start_lines(operation, build)
    yield from _run_lines(operation)
    for machine, row in operation.rows(Step.PROVE_IMAGE).items():
        if machine and row.status is StepStatus.STARTED and operation.is_active:
            yield f"{DOING} {code(machine)}  booting once to prove the image"
    yield from _machine_lines(operation, plan)


def _start_lines(operation: Operation, build: Build) -> Iterator[str]:
    made = operation.row(Step.CREATE_TAG)
    sent = operation.row(Step.DISPATCH)
    name, file = code(build.ref), code(build.workflow.rpartition("/")[2])
    if made is not None and made.status is StepStatus.DONE:
        yield f"{DONE} tag {name} is on the commit"
    elif made is not None:
        yield _open(operation, f"tag {name}", "is being made", "may have been made, or not")
    if sent is not None and sent.status is StepStatus.DONE:
        yield f"{DONE} {file} was started on {name}"
    elif sent is not None and sent.status is StepStatus.FAILED:
        yield f"{BAD} {file} was not started: {escape(sent.detail['message'])}"
    elif sent is not None:
        yield _open(operation, file, f"is being started on {name}", f"may have been started on {name}, or not")
    begun = operation.done(Step.CREATE_TAG) or operation.done(Step.DISPATCH)
    if begun and run_id(operation) is None and operation.is_active:
        yield f"{DOING} looking for the run on GitHub"


def _open(operation: Operation, what: str, doing: str, unknown: str) -> str:
    return f"{DOING} {what} {doing}" if operation.is_active else f"{WARN} {what} {unknown}"


def _run_lines(operation: Operation) -> Iterator[str]:
    row = newest_look(operation)
    if row is None:
        return
    seen = row.detail
    yield f"{_icon(operation, seen)} {link(seen['url'], 'the run on GitHub')} {_run_words(operation, seen)}"
    for job in seen["jobs"][:JOBS_SHOWN]:
        yield f"   {_icon(operation, job)} {_job_words(job)}"
    if len(seen["jobs"]) > JOBS_SHOWN:
        yield f"   … and {len(seen['jobs']) - JOBS_SHOWN} more jobs"


def newest_look(operation: Operation) -> JournalRow | None:
    """The newest row that tells how the run stands."""
    rows = (r for r in reversed(operation.journal) if r.step in {Step.FOLLOW, Step.CANCEL_RUN} and "status" in r.detail)
    return next(rows, None)


def _icon(operation: Operation, seen: Mapping[str, Any]) -> str:
    if seen["status"] == "completed":
        return ENDINGS.get(seen["conclusion"], BAD)
    return DOING if operation.is_active else WARN


def _run_words(operation: Operation, seen: Mapping[str, Any]) -> str:
    if seen["status"] == "completed":
        return f"ended: {escape(seen['conclusion'])}"
    words = STATUS_WORDS.get(seen["status"], f"is {escape(seen['status'])}")
    return words if operation.is_active else f"was not over when this ended ({escape(seen['status'])})"


def _job_words(job: Mapping[str, Any]) -> str:
    name = link(job["url"], clip(job["name"], 80))
    if job["failed_step"]:
        how = "cancelled" if job["conclusion"] == "cancelled" else "failed"
        return f"{name}  {how} in step {code(job['failed_step'], 80)}"
    if job["status"] == "completed":
        return f"{name}  {escape(job['conclusion'])}"
    return f"{name}  {escape(job['status'].replace('_', ' '))}"


def _machine_lines(operation: Operation, plan: DeploymentPlan) -> Iterator[str]:
    receipt = operation.row(Step.RECEIPT)
    if receipt is None:
        return
    machines: list[Seen] = receipt.detail["machines"]
    planned = {machine.id: machine for machine in plan.machines}
    yield from most_urgent([seen_line(m, is_well=not is_unwell(planned.get(m["id"]), m)) for m in machines])
