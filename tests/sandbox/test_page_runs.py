"""Workflow runs of the simulated GitHub at the page."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sandbox.kit import Fault
from sandbox.page.snapshot import RUNS_SHOWN
from tests.sandbox.page_visit import FIXTURES, PRODUCTION, Visit

page_stage, bot_stage, visit = FIXTURES
LONGEST_WAIT_S = 20
TAG = {"name": "v1.5.0", "sha": "main", "runs": True}
MINUTES_PER_BLINK = 5_000


async def tagged(visit: Visit) -> None:
    """Somebody pushes a tag, and production's workflow starts."""
    visit.simulators.clock.speed = MINUTES_PER_BLINK
    await visit.simulators.github.actions()["tag"](TAG)


async def newest_run(visit: Visit, state: str = "") -> dict[str, Any]:
    """The newest run, once its status or conclusion is `state`."""
    async with asyncio.timeout(LONGEST_WAIT_S):
        while True:
            run: dict[str, Any] = (await visit.state())["runs"][0]
            if state in {"", run["status"], run["conclusion"]}:
                return run


async def test_a_run_is_shown_with_its_jobs(visit: Visit) -> None:
    """Workflow, commit, event and title; each job with its own state."""
    await tagged(visit)

    run = await newest_run(visit, "success")

    shown = [run[key] for key in ("workflow", "short", "head_branch", "event", "title")]
    assert shown == ["deploy-production.yml", "0c48c64", "v1.5.0", "push", "Deploy v1.5.0 to production"]
    assert [(job["name"], job["conclusion"], job["log"]) for job in run["jobs"]] == [
        ("build", "success", []),
        ("deploy", "success", []),
    ]


async def test_a_failed_job_says_where_and_why(visit: Visit) -> None:
    """The step that failed, and the end of the job's log."""
    visit.simulators.github.faults.add(
        Fault("step_fails", target="Build the image", detail={"lines": ["no space left"]})
    )
    await tagged(visit)

    run = await newest_run(visit, "failure")

    job = run["jobs"][0]
    assert (job["conclusion"], job["step"]) == ("failure", "Build the image")
    assert any(line.endswith("no space left") for line in job["log"])


@pytest.mark.parametrize(("decision", "ends"), [("approve", "success"), ("reject", "failure")])
async def test_a_run_that_waits_is_decided_at_the_page(visit: Visit, decision: str, ends: str) -> None:
    """With the switch on, the job of the app's environment waits until somebody says yes or no."""
    await visit.post("fault", app=PRODUCTION, fault="approval_required", on=True)
    await tagged(visit)
    waiting = await newest_run(visit, "waiting")

    await visit.post("run", run=waiting["id"], do=decision)

    ended = await newest_run(visit, "completed")
    assert (ended["id"], ended["conclusion"]) == (waiting["id"], ends)


async def test_only_the_newest_runs_are_shown_and_those_under_way(visit: Visit) -> None:
    """An older run that has not ended stays in sight."""
    before = (await visit.state())["runs"]
    oldest = visit.simulators.github.world.repositories[4711].runs[0]
    oldest.latest.status, oldest.latest.conclusion = "in_progress", None

    after = (await visit.state())["runs"]

    assert len(before) == RUNS_SHOWN
    assert [run["id"] for run in after] == [*(run["id"] for run in before), oldest.id]


async def test_a_run_is_not_shown_before_github_shows_it(visit: Visit) -> None:
    """A fault of the simulator holds it back."""
    visit.simulators.github.faults.add(Fault("run_appears_late", seconds=1e9))
    before = (await visit.state())["runs"]
    await tagged(visit)

    after = (await visit.state())["runs"]

    assert [run["id"] for run in after] == [run["id"] for run in before]


@pytest.mark.parametrize(
    ("name", "body", "sentence"),
    [
        ("run", {"run": 1, "do": "rerun"}, "`do` is `approve` or `reject`"),
        ("run", {"run": 1, "do": "approve"}, "no such run under way"),
        ("run", {"do": "approve"}, "`run` is missing or not a whole number"),
        (
            "fault",
            {"app": "reify-studio-pr-12", "fault": "approval_required", "on": True},
            "No workflow deploys reify-studio-pr-12.",
        ),
    ],
)
async def test_what_makes_no_sense_is_refused(visit: Visit, name: str, body: dict[str, Any], sentence: str) -> None:
    """400 and a sentence that says what is wrong."""
    answer = await visit.post(name, **body)

    assert answer.status_code == 400
    assert sentence in answer.json()["error"]
