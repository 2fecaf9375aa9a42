"""Workflow runs of the simulated GitHub at the page."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sandbox.faults import Fault
from sandbox.page.github_part import RUNS_SHOWN
from tests.sandbox.page_visit import FIXTURES, Visit

page_stage, bot_stage, visit = FIXTURES
LONGEST_WAIT_S = 20
TAG = {"name": "v1.5.0", "sha": "main", "runs": True}
MINUTES_PER_BLINK = 5_000


async def tagged(visit: Visit) -> None:
    """Somebody pushes a tag, and production's workflow starts."""
    visit.simulators.clock.speed = MINUTES_PER_BLINK
    await visit.simulators.github.actions()["tag"](TAG)


async def runs_of(visit: Visit) -> list[dict[str, Any]]:
    """The runs that the page shows, newest first."""
    runs = (await visit.table("github/run")).values()
    return sorted(runs, key=lambda run: -run["id"])


async def newest_run(visit: Visit, state: str = "") -> dict[str, Any]:
    """The newest run, once its status or conclusion is `state`."""
    async with asyncio.timeout(LONGEST_WAIT_S):
        while True:
            run = (await runs_of(visit))[0]
            if state in {"", run["status"], run["conclusion"]}:
                return run


async def test_a_run_is_shown_with_its_jobs_and_steps(visit: Visit) -> None:
    """Workflow, commit, event and title; each job with its state, how long it took, and its steps."""
    await tagged(visit)

    run = await newest_run(visit, "success")

    shown = [run[key] for key in ("workflow", "short", "branch", "event", "title", "attempt")]
    assert shown == ["deploy-production.yml", "0c48c64", "v1.5.0", "push", "Deploy v1.5.0 to production", 1]
    assert [(job["name"], job["conclusion"]) for job in run["jobs"]] == [("build", "success"), ("deploy", "success")]
    assert [step["name"] for step in run["jobs"][0]["steps"]][1:3] == ["Run actions/checkout", "Build the image"]
    assert all(step["seconds"] >= 0 for step in run["jobs"][0]["steps"])
    assert run["jobs"][0]["seconds"] > 60


async def test_a_failed_job_says_where_and_why(visit: Visit) -> None:
    """The step that failed, and the job's log, read when somebody opens it."""
    visit.simulators.github.faults.add(
        Fault("step_fails", target="Build the image", detail={"lines": ["no space left"]})
    )
    await tagged(visit)

    job = (await newest_run(visit, "failure"))["jobs"][0]
    log = (await visit.post("github/log", job=job["id"])).json()["lines"]

    failed = [step["name"] for step in job["steps"] if step["conclusion"] == "failure"]
    assert (job["conclusion"], failed) == ("failure", ["Build the image"])
    assert any(line.endswith("no space left") for line in log)
    assert len(log) == job["lines"]
    assert "no space left" not in (await visit.poll()).text


@pytest.mark.parametrize(("decision", "ends"), [("approve", "success"), ("reject", "failure")])
async def test_a_run_that_waits_is_decided_at_the_page(visit: Visit, decision: str, ends: str) -> None:
    """The job of an environment that asks for approval waits until somebody says yes or no."""
    visit.simulators.github.faults.add(Fault("approval_required", target="production", times=1))
    await tagged(visit)
    waiting = await newest_run(visit, "waiting")

    await visit.post("github/run", run=waiting["id"], do=decision)

    ended = await newest_run(visit, "completed")
    assert (ended["id"], ended["conclusion"]) == (waiting["id"], ends)


async def test_a_run_is_cancelled_and_run_again(visit: Visit) -> None:
    """All its jobs run again as another attempt."""
    visit.simulators.github.faults.add(Fault("no_runner", target="deploy-production.yml"))
    await tagged(visit)
    run = await newest_run(visit, "queued")
    await visit.post("github/run", run=run["id"], do="cancel")
    cancelled = await newest_run(visit, "completed")
    visit.simulators.github.faults.clear()

    await visit.post("github/run", run=run["id"], do="rerun")

    again = await newest_run(visit, "success")
    assert (cancelled["conclusion"], again["id"], again["attempt"]) == ("cancelled", run["id"], 2)


async def test_only_the_newest_runs_are_shown_and_those_under_way(visit: Visit) -> None:
    """An older run that has not ended stays in sight."""
    repository = visit.simulators.github.world.repositories[4711]
    oldest = repository.runs[0]
    while len(repository.runs) <= RUNS_SHOWN + 1:
        await visit.simulators.github.actions()["commit"]({"title": "More", "ci": "success"})
    before = [run["id"] for run in await runs_of(visit)]
    oldest.latest.status, oldest.latest.conclusion = "in_progress", None

    after = [run["id"] for run in await runs_of(visit)]

    assert len(before) == RUNS_SHOWN
    assert after == [*before, oldest.id]


async def test_a_run_is_not_shown_before_github_shows_it(visit: Visit) -> None:
    """A fault of the simulator holds it back."""
    visit.simulators.github.faults.add(Fault("run_appears_late", seconds=1e9))
    before = await runs_of(visit)
    await tagged(visit)

    after = await runs_of(visit)

    assert [run["id"] for run in after] == [run["id"] for run in before]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"run": 1, "do": "hold"}, "`do` is one of approve, reject"),
        ({"run": 1, "do": "approve"}, "There is no run 1."),
        ({"do": "approve"}, "`run` is missing or not a whole number"),
        ({"run": 17_000_000_001, "do": "approve"}, "no such run under way"),
    ],
)
async def test_what_makes_no_sense_is_refused(visit: Visit, body: dict[str, Any], sentence: str) -> None:
    """400 and a sentence that says what is wrong."""
    answer = await visit.post("github/run", **body)

    assert answer.status_code == 400
    assert sentence in answer.json()["error"]
