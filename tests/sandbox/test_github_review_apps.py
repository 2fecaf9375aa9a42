"""Pull requests run the pipeline: CI, and a review app that comes, follows and goes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from sandbox.faults import Fault
from sandbox.fly import FlySimulator
from sandbox.github import default_seed
from sandbox.kit import Json
from tests.sandbox.actions_stage import CI, Actions, actions, pipeline

REVIEW = "review-app.yml"
APP, DATABASE = "reify-studio-pr-13", "reify-studio-pr-13-db"
SEEDED, SEEDED_DATABASE = "reify-studio-pr-12", "reify-studio-pr-12-db"


@dataclass
class Stage:
    actions: Actions
    fly: FlySimulator

    async def do(self, action: str, **body: Any) -> Any:
        return await self.actions.do(action, **body)

    async def open(self, **body: Any) -> str:
        """Pull request 13, whose review app has come; the commit at its head."""
        made = await self.do("commit", branch="feature/x", title="X", author="ana", files={"x": "1"})
        await self.do("open_pull", branch="feature/x", title="X", author="ana", runs=True, **body)
        await self.ended()
        return str(made["sha"])

    async def ended(self) -> Json:
        """The newest run of the review workflow, once it ended."""
        newest = (await self.actions.runs(REVIEW))[0]
        return await self.actions.ended(newest["id"])

    async def jobs(self) -> dict[str, str]:
        """The conclusions of the newest review run's jobs."""
        newest = (await self.actions.runs(REVIEW))[0]
        return {name: job["conclusion"] for name, job in (await self.actions.jobs(newest["id"])).items()}

    def apps(self) -> set[str]:
        """The apps of the review organisation."""
        return {app.name for app in self.fly.world.apps.values() if app.organization == "personal"}

    async def comments(self, number: int = 13) -> list[str]:
        found = (await self.actions.http.get(f"/issues/{number}/comments")).json()
        return [comment["body"] for comment in found]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with pipeline() as (made, fly):
        yield Stage(made, fly)


@pytest.fixture
async def github() -> AsyncIterator[Actions]:
    """GitHub alone."""
    async with actions() as made:
        yield made


async def test_opening_brings_an_app_with_its_database(stage: Stage) -> None:
    """Both in the review organisation, on the commit's image, migrated and seeded, in its region, one Machine each."""
    sha = await stage.open()

    (machine,), (postgres,) = stage.fly.machines(APP), stage.fly.machines(DATABASE)
    assert stage.apps() == {SEEDED, SEEDED_DATABASE, APP, DATABASE}
    assert (machine.image.tag, machine.region, machine.config["guest"]["memory_mb"]) == (f"sha-{sha}", "iad", 1024)
    assert [each["command"] for each in stage.fly.release_commands(APP)] == ["/app/bin/migrate_and_seed"]
    assert (postgres.state, postgres.config["mounts"][0]["size_gb"]) == ("started", 1)
    assert stage.fly.app(DATABASE).role == "postgres_cluster"
    assert "DATABASE_URL" in stage.fly.app(APP).secrets
    assert {address.type for address in stage.fly.app(APP).addresses} == {"v6", "shared_v4"}


async def test_opening_runs_ci_on_the_head(stage: Stage) -> None:
    """By the event `pull_request`, with the pull request in the run."""
    sha = await stage.open()

    ci = (await stage.actions.runs(CI))[0]

    assert (ci["event"], ci["head_sha"], ci["head_branch"]) == ("pull_request", sha, "feature/x")
    assert (ci["display_title"], [pull["number"] for pull in ci["pull_requests"]]) == ("X", [13])


async def test_the_pull_request_says_where(stage: Stage) -> None:
    """One comment by the workflow, which it changes instead of adding others."""
    first = await stage.open()
    before = await stage.comments()
    second = await stage.do("commit", branch="feature/x", title="More", author="ana", files={"y": "1"}, runs=True)
    await stage.ended()

    (after,) = await stage.comments()

    assert [f"https://{APP}.fly.dev" in text and first in text for text in before] == [True]
    assert after.startswith("<!-- review-app -->")
    assert second["sha"] in after


async def test_a_push_deploys_again(stage: Stage) -> None:
    """To the same app and database."""
    await stage.open()
    (before,) = stage.fly.machines(DATABASE)
    made = await stage.do("commit", branch="feature/x", title="More", author="ana", files={"y": "1"}, runs=True)

    run = await stage.ended()

    assert (run["conclusion"], run["head_sha"]) == ("success", made["sha"])
    assert [machine.image.tag for machine in stage.fly.machines(APP)] == [f"sha-{made['sha']}"]
    assert [machine.id for machine in stage.fly.machines(DATABASE)] == [before.id]


async def test_a_deployment_of_its_own_environment(stage: Stage) -> None:
    """Transient, with the URL, and inactive once the app is gone; the environment stays."""
    await stage.open()
    before = await stage.actions.deployments()
    await stage.do("close_pull", number=13, runs=True)
    await stage.ended()

    (deployment,) = (await stage.actions.http.get("/deployments")).json()
    environments = (await stage.actions.http.get("/environments")).json()["environments"]
    assert before == [("review/pr-13", ["in_progress", "success"])]
    assert await stage.actions.deployments() == [("review/pr-13", ["in_progress", "success", "inactive"])]
    assert (deployment["transient_environment"], deployment["production_environment"]) == (True, False)
    assert [each["name"] for each in environments] == ["review/pr-13"]


@pytest.mark.parametrize("end", ["close_pull", "merge_pull"])
async def test_closing_destroys_both(stage: Stage, end: str) -> None:
    """Merged or not, app and database go, and the comment says so."""
    await stage.open()
    await stage.do(end, number=13, runs=True)

    run = await stage.ended()

    assert (run["conclusion"], await stage.jobs()) == ("success", {"deploy": "skipped", "destroy": "success"})
    assert stage.apps() == {SEEDED, SEEDED_DATABASE}
    assert await stage.comments() == ["<!-- review-app -->\nThe review app is destroyed."]


async def test_reopening_brings_it_back(stage: Stage) -> None:
    """A new app and a new, empty database."""
    await stage.open()
    (before,) = stage.fly.machines(DATABASE)
    await stage.do("close_pull", number=13, runs=True)
    await stage.ended()
    await stage.do("reopen_pull", number=13, runs=True)

    run = await stage.ended()

    (after,) = stage.fly.machines(DATABASE)
    assert (run["conclusion"], after.id != before.id) == ("success", True)


async def test_the_seeds_pull_request_goes_too(stage: Stage) -> None:
    """What stood there before the workflow ever ran is destroyed by it as well."""
    await stage.do("close_pull", number=12, runs=True)

    await stage.ended()

    assert stage.apps() == set()


@pytest.mark.parametrize(
    ("step", "left"),
    [("Destroy the database", {DATABASE}), ("destroy/Destroy the app", {APP, DATABASE})],
)
async def test_a_failing_destruction_leaves_something_behind(stage: Stage, step: str, left: set[str]) -> None:
    """The run fails, and whatever came after the failed step is still there: an orphan."""
    await stage.open()
    stage.actions.fault("step_fails", target=step, times=1)
    await stage.do("close_pull", number=13, runs=True)

    run = await stage.ended()

    assert (run["conclusion"], (await stage.jobs())["destroy"]) == ("failure", "failure")
    assert stage.apps() == {SEEDED, SEEDED_DATABASE} | left


async def test_what_is_gone_is_destroyed_enough(stage: Stage) -> None:
    """A second attempt goes on with what the first left."""
    await stage.open()
    stage.actions.fault("step_fails", target="Destroy the database", times=1)
    await stage.do("close_pull", number=13, runs=True)
    run = await stage.ended()

    await stage.do("rerun", run=run["id"], failed=True)
    again = await stage.actions.ended(run["id"])

    assert (again["conclusion"], stage.apps()) == ("success", {SEEDED, SEEDED_DATABASE})


async def test_closing_interrupts_a_deployment(stage: Stage) -> None:
    """Of one pull request one run goes at a time, the newer one; nothing is left of the older."""
    await stage.do("commit", branch="feature/x", title="X", author="ana", files={"x": "1"})
    await stage.do("open_pull", branch="feature/x", title="X", author="ana", runs=True)
    (first,) = await stage.actions.runs(REVIEW)
    await stage.actions.comes_to("in_progress", first["id"])
    await stage.fly.clock.sleep(30)
    await stage.do("close_pull", number=13, runs=True)
    run = await stage.ended()

    cancelled = await stage.actions.ended(first["id"])

    assert (cancelled["conclusion"], run["conclusion"]) == ("cancelled", "success")
    assert stage.apps() == {SEEDED, SEEDED_DATABASE}


async def test_pull_requests_do_not_wait_for_each_other(stage: Stage) -> None:
    """The concurrency group is the pull request's own."""
    for number in (13, 14):
        await stage.do("commit", branch=f"feature/{number}", title="X", author="ana", files={f"{number}": "1"})
        await stage.do("open_pull", branch=f"feature/{number}", title="X", author="ana", runs=True)

    runs = [await stage.actions.ended(run["id"]) for run in await stage.actions.runs(REVIEW)]

    assert [run["conclusion"] for run in runs] == ["success", "success"]


async def test_a_fork_gets_ci_and_no_app(stage: Stage) -> None:
    """It has no secrets: the jobs are skipped, also when it is pushed to and closed."""
    made = await stage.do("open_pull", branch="main", fork="mallory", title="Mine", author="mallory", runs=True)
    await stage.do("push_to_fork", number=made["number"], title="More", files={"z": "1"}, runs=True)
    await stage.do("close_pull", number=made["number"], runs=True)
    await stage.ended()

    runs = [await stage.actions.ended(run["id"]) for run in await stage.actions.runs(REVIEW)]
    ci = (await stage.actions.runs(CI))[0]
    assert {run["conclusion"] for run in runs} <= {"skipped", "cancelled"}
    assert (ci["head_branch"], ci["head_repository"]["full_name"]) == ("main", "mallory/reify-studio")
    assert (ci["pull_requests"], stage.apps()) == ([], {SEEDED, SEEDED_DATABASE})


async def test_fly_refusing_fails_the_step(stage: Stage) -> None:
    """What flyctl says stands in the job's log."""
    stage.fly.faults.add(Fault("status", method="POST", path="/v1/apps$", status=422))
    await stage.open()

    run = await stage.ended()

    assert run["conclusion"] == "failure"
    assert "Error: simulated 422" in await stage.actions.log(run["id"], "deploy")


async def test_what_the_control_api_opens_rests(github: Actions) -> None:
    """Without `runs` nothing starts: not by opening, pushing, closing, or merging."""
    await github.do("commit", branch="feature/prices-table", title="More", author="bo", files={"n": "1"})
    await github.do("close_pull", number=12)
    await github.do("reopen_pull", number=12)
    await github.do("merge_pull", number=12)

    assert await github.runs(REVIEW) == []


@pytest.mark.parametrize("title", ["X [skip ci]", "[no ci] X", "X\n\nskip-checks: true"])
async def test_a_commit_may_ask_for_no_runs(github: Actions, title: str) -> None:
    """Neither CI nor a review app, whatever the pull request says."""
    await github.do("commit", branch="feature/x", title=title, author="ana", files={"x": "1"})
    await github.do("open_pull", branch="feature/x", title="X", author="ana", runs=True)

    assert await github.runs(REVIEW) == []


async def test_a_conflict_runs_nothing(github: Actions) -> None:
    """Not even when it is closed, so that its review app is left behind."""
    await github.do("commit", title="Other", author="ana", files={"lib/prices_table.ex": "other"})
    await github.do("close_pull", number=12, runs=True)

    assert await github.runs(REVIEW) == []


async def test_an_edited_title_runs_nothing(github: Actions) -> None:
    """Only what happens to its commits or its state does."""
    await github.do("edit_pull", number=12, title="New title")
    await github.do("set_draft", number=12, runs=True)

    assert await github.runs(REVIEW) == []


async def test_actions_may_be_disabled(github: Actions) -> None:
    """Then closing leaves the review app behind, and nobody is told."""
    github.fault("actions_disabled")
    await github.do("close_pull", number=12, runs=True)

    assert await github.runs(REVIEW) == []


async def test_pull_requests_of_the_api_run(github: Actions) -> None:
    """Opened by a client, a pull request starts CI and its review app."""
    await github.do("commit", branch="feature/x", title="X", author="ana", files={"x": "1"})
    answer = await github.http.post("/pulls", json={"title": "X", "head": "feature/x", "base": "main"})

    runs = await github.runs(REVIEW)

    assert (answer.status_code, [run["event"] for run in runs]) == (201, ["pull_request"])


async def test_a_workflow_may_cancel_nothing() -> None:
    """Without `cancel_in_progress` the newer run of a pull request waits for the older."""
    seed = default_seed()
    seed["repositories"][0]["workflows"][3]["versions"][0]["cancel_in_progress"] = False
    async with actions(seed) as github:
        await github.do("close_pull", number=12, runs=True)
        await github.do("reopen_pull", number=12, runs=True)
        runs = [await github.ended(run["id"]) for run in await github.runs(REVIEW)]

    assert [run["conclusion"] for run in runs] == ["success", "success"]
