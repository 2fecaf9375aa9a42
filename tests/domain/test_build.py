"""The way through CI: which way there is, which step comes next, what a run and the Machines behind it prove."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.domain.build import (
    build_failure,
    build_for,
    close_tags,
    is_tag_name,
    newest_tag,
    next_action,
    proof_of,
    run_id,
    seen_run,
    sends,
    short_name,
)
from bot.domain.deployment import Build, DeploymentPlan
from bot.domain.model import Exit, Machine, RefKind, WorkflowJob, WorkflowRun
from bot.domain.operation import JournalRow, State, StepStatus
from bot.domain.proof import line_of, may_sleep
from bot.domain.rollout import Step
from bot.errors import Reason
from tests.builders import NEW, NOW, OLD, environment, failure, machine, operation, plan, planned, receipt, row, started

BUILD = Build("reify/reify-studio", ".github/workflows/deploy-production.yml", "v1.5.0", image_repository="r")
DISPATCHING = plan(build=BUILD, image=None)
TAGGING = plan(build=dataclasses.replace(BUILD, creates_tag=True), image=None)
CHECKED, TAGGED = row(Step.CHECK), row(Step.CREATE_TAG, tag="v1.5.0")
SENT, NAMED, UNNAMED = started(Step.DISPATCH), row(Step.DISPATCH, run=7), row(Step.DISPATCH, run=None)
FOUND, FOLLOWED, PROVEN = row(Step.FIND_RUN, run=8), row(Step.FOLLOW, run=7), receipt(m1=NEW)
NOT_SENT = row(Step.DISPATCH, "", StepStatus.FAILED, message="refused")
BOOTED = row(Step.PROVE_IMAGE)
CANCELLED = failure(Step.FOLLOW, Reason.CANCELLED)
FAILED, MOVED = failure(Step.FOLLOW, Reason.BUILD_FAILED), failure(Step.FOLLOW, Reason.CHANGED_OUTSIDE)
STOPPED = row(Step.CANCEL_RUN, run=7)
UNSTOPPED = failure(Step.CANCEL_RUN, Reason.REMOTE_UNAVAILABLE)
UNREAD = failure(Step.RECEIPT, Reason.REMOTE_UNAVAILABLE)


def next_step(*journal: JournalRow, of: DeploymentPlan = DISPATCHING, **changes: Any) -> Step | None:
    """The step that comes next, or None."""
    action = next_action(operation(*journal, of=of, **changes), of)
    return action.step if action else None


@pytest.mark.parametrize(
    ("kind", "released_by", "is_possible"),
    [
        (RefKind.TAG, "tag", True),
        (RefKind.BRANCH, "tag", False),
        (RefKind.COMMIT, "tag", False),
        (RefKind.TAG, "push", True),
        (RefKind.BRANCH, "push", True),
        (RefKind.COMMIT, "push", False),
    ],
)
def test_what_ci_can_build(kind: RefKind, released_by: str, is_possible: bool) -> None:
    """Workflows run on branches and tags; where tags release, a branch does not."""
    found = build_for(environment(released_by=released_by), "x", kind)

    assert (found is not None) is is_possible


@pytest.mark.parametrize(
    ("ref", "name"), [("refs/heads/a/b", "a/b"), ("refs/tags/v1", "v1"), ("main", "main"), ("refs/x", "refs/x")]
)
def test_a_full_name_is_made_short(ref: str, name: str) -> None:
    """Only git's own two prefixes are taken off."""
    assert short_name(ref) == name


@pytest.mark.parametrize("name", ["v1.5.0", "v1.5.0-rc.1", "release/2026_11", "v1+build"])
def test_an_ordinary_name_can_be_a_tag(name: str) -> None:
    """Digits, letters, dots, dashes and slashes between them."""
    assert is_tag_name(name)


@pytest.mark.parametrize("name", ["", "v1..2", "v1.", "-v1", "v 1", "v1.lock", "v1~2", "v*", "v\u0435", "v" * 101])
def test_a_doubtful_name_is_no_tag_to_make(name: str) -> None:
    """What git refuses, and what looks like something else, is never offered."""
    assert not is_tag_name(name)


def test_only_a_slip_of_the_finger_is_close() -> None:
    """One character too many is asked about; the next release is not."""
    known = ["v1.4.2", "v1.4.1", "v1.3.0"]

    assert close_tags("v1.4.22", known) == ["v1.4.2"]
    assert close_tags("v1.5.0", known) == []


@pytest.mark.parametrize(
    ("tags", "newest"),
    [
        ([], ""),
        (["v1.9.0", "v1.10.0", "v1.2.0"], "v1.10.0"),
        (["v1.5.0-rc1", "v1.5.0"], "v1.5.0"),
        (["v1.5.0-rc1", "v1.5.0-rc2"], "v1.5.0-rc2"),
        (["v1", "release"], "v1"),
    ],
)
def test_the_newest_tag_is_the_highest_version(tags: list[str], newest: str) -> None:
    """Numbers count by their value, and a candidate comes before its release."""
    assert newest_tag(tags) == newest


@example(["v²"])
@given(st.lists(st.text(max_size=12), max_size=6))
def test_any_tags_have_a_newest(tags: list[str]) -> None:
    """Whatever people call their tags, comparing them does not fail."""
    assert newest_tag(tags) in {*tags, ""}


@pytest.mark.parametrize(
    ("journal", "step"),
    [
        ((), Step.CHECK),
        ((CHECKED,), Step.DISPATCH),
        ((CHECKED, SENT), Step.DISPATCH),
        ((CHECKED, SENT, NAMED), Step.FOLLOW),
        ((CHECKED, SENT, UNNAMED), Step.FIND_RUN),
        ((CHECKED, SENT, UNNAMED, FOUND), Step.FOLLOW),
        ((CHECKED, SENT, NAMED, started(Step.FOLLOW)), Step.FOLLOW),
        ((CHECKED, SENT, NAMED, FOLLOWED), Step.PROVE_IMAGE),
        ((CHECKED, SENT, NAMED, FOLLOWED, BOOTED), Step.RECEIPT),
        ((CHECKED, SENT, NAMED, FOLLOWED, BOOTED, PROVEN), None),
    ],
)
def test_a_dispatch_goes_its_way(journal: tuple[JournalRow, ...], step: Step | None) -> None:
    """Check, dispatch, find the run where it was not named, follow it, read everything back."""
    assert next_step(*journal) == step


def test_a_tag_goes_its_way() -> None:
    """Where the tag is made nothing is dispatched, and the run has to be found."""
    assert next_step(CHECKED, of=TAGGING) == Step.CREATE_TAG
    assert next_step(CHECKED, TAGGED, of=TAGGING) == Step.FIND_RUN
    assert next_step(CHECKED, TAGGED, FOUND, of=TAGGING) == Step.FOLLOW


@pytest.mark.parametrize(
    ("journal", "step"),
    [
        ((FAILED,), Step.RECEIPT),
        ((SENT, NAMED, FAILED), Step.RECEIPT),
        ((SENT, NAMED, FAILED, PROVEN), None),
        ((SENT, NAMED, FAILED, UNREAD), None),
        ((SENT, CANCELLED), Step.CANCEL_RUN),
        ((SENT, NAMED, CANCELLED, STOPPED), Step.RECEIPT),
        ((SENT, NAMED, CANCELLED, UNSTOPPED), Step.RECEIPT),
        ((SENT, NAMED, CANCELLED, UNSTOPPED, PROVEN), None),
        ((SENT, NAMED, MOVED), Step.CANCEL_RUN),
        ((CHECKED, CANCELLED), Step.RECEIPT),
        ((SENT, NOT_SENT, CANCELLED), Step.RECEIPT),
        ((started(Step.CREATE_TAG), CANCELLED), Step.CANCEL_RUN),
    ],
)
def test_after_a_failure_no_run_of_ours_goes_on_unseen(journal: tuple[JournalRow, ...], step: Step | None) -> None:
    """A cancel, or a run of another commit, stops the run that may be there; then every Machine is read back."""
    assert next_step(*journal) == step


def test_a_cancel_is_a_failure_until_the_run_has_succeeded() -> None:
    """Asked for before the end it turns the way; afterwards the result is read back as always."""
    assert next_step(CHECKED, SENT, NAMED, cancel_requested_by="U0BO") == Step.FAILURE
    assert next_step(CHECKED, SENT, NAMED, FOLLOWED, cancel_requested_by="U0BO") == Step.PROVE_IMAGE


def test_a_send_that_did_nothing_does_not_count() -> None:
    """Refused or never sent is taken back; what may have been worked is not."""
    assert sends(operation(SENT, NOT_SENT, SENT)) == 1
    assert run_id(operation(SENT)) is None


JOBS = [
    WorkflowJob("build", "completed", "success", "https://x/1"),
    WorkflowJob("deploy <!here>", "completed", "failure", "https://x/2", "flyctl deploy"),
]


def run(conclusion: str = "failure") -> WorkflowRun:
    """A run that has ended."""
    return WorkflowRun(7, "completed", conclusion, "t", "s", "v1.5.0", "push", "https://x", 1, NOW)


@pytest.mark.parametrize(
    ("jobs", "conclusion", "message", "hint"),
    [
        (JOBS, "failure", "Job deploy ‹!here› failed in step “flyctl deploy”.", "https://x/2"),
        ([dataclasses.replace(JOBS[1], failed_step="", conclusion="timed_out")], "failure", "“timed_out”", "x/2"),
        ([dataclasses.replace(JOBS[1], url="")], "failure", "flyctl deploy", "https://x"),
        ([JOBS[0]], "startup_failure", "ended with “startup_failure”", "https://x"),
        ([], "cancelled", "before any job began: a newer one took its place", "https://x"),
        (
            [dataclasses.replace(JOBS[1], failed_step="", conclusion="cancelled")],
            "cancelled",
            "before job",
            "https://x",
        ),
        (JOBS, "cancelled", "was cancelled on GitHub, in step “flyctl deploy” of job deploy", "https://x"),
    ],
)
def test_a_failed_run_names_job_step_and_place(
    jobs: list[WorkflowJob], conclusion: str, message: str, hint: str
) -> None:
    """What a person needs to go and look, with other people's words made harmless."""
    failed = build_failure(seen_run(run(conclusion), jobs))

    assert failed.reason is Reason.BUILD_FAILED
    assert message in failed.message
    assert hint in failed.hint


ASLEEP = machine("m1", image=NEW, state="stopped", checks=())
SLEEPY = {"services": [{"autostop": "stop", "checks": [{"type": "http"}]}]}
CRASHED = Exit(1, requested_stop=False, restarting=False, oom_killed=False, restart_count=3, at=None)
STOPPED_WELL = dataclasses.replace(CRASHED, requested_stop=True)


def proof(*machines: Machine, digest: str = NEW.digest, before: str = "started") -> Reason | None:
    """The reason against success, or None."""
    problem = proof_of(machines, digest, "sha-x", [planned("m1", state=before)]).problem
    return problem.reason if problem else None


@pytest.mark.parametrize(
    ("seen", "before", "reason"),
    [
        (machine("m1", image=NEW), "started", None),
        (machine("m1", image=OLD), "started", Reason.WRONG_IMAGE),
        (machine("m1", image=NEW, checks=()), "started", Reason.MACHINE_UNHEALTHY),
        (ASLEEP, "started", Reason.MACHINE_UNHEALTHY),
        (ASLEEP, "stopped", None),
        (dataclasses.replace(ASLEEP, config=SLEEPY), "started", None),
        (dataclasses.replace(ASLEEP, config=SLEEPY, exit=STOPPED_WELL), "started", None),
        (dataclasses.replace(ASLEEP, config=SLEEPY, exit=CRASHED), "started", Reason.MACHINE_UNHEALTHY),
        (dataclasses.replace(ASLEEP, id="new", config={"standbys": ["m1"]}), "started", None),
    ],
)
def test_success_is_what_the_machines_show(seen: Machine, before: str, reason: Reason | None) -> None:
    """On the image and healthy, or asleep where it slept before or may sleep, and did not crash into it."""
    assert proof(seen, before=before) == reason


def test_a_run_without_image_or_machines_proves_nothing() -> None:
    """CI says success, but the registry has no such label, or nothing runs."""
    assert proof(machine("m1"), digest="") == Reason.WRONG_IMAGE
    assert proof() == Reason.WRONG_IMAGE


def test_an_unknown_digest_is_on_no_image() -> None:
    """Where the registry shows none, no Machine is called to be on it."""
    assert not line_of(machine("m1", image=dataclasses.replace(NEW, digest="")), "")["on_image"]
    assert line_of(machine("m1", image=NEW), NEW.digest)["on_image"]
    assert not may_sleep(machine("m1"))


def test_the_state_of_the_operation_does_not_change_the_order() -> None:
    """Verifying goes on where running was."""
    assert next_step(CHECKED, SENT, NAMED, FOLLOWED, BOOTED, state=State.VERIFYING) == Step.RECEIPT
