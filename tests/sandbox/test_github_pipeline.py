"""Runs that go by themselves: what starts them, how they advance, and what people and faults do to them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from sandbox.kit import ControlError
from tests.sandbox.actions_stage import CI, HEADING, PRODUCTION, STAGING, Actions, actions

BUILD_STEPS = ["Set up job", "Run actions/checkout", "Build the image", "Push the image", "Complete job"]


@pytest.fixture
async def stage() -> AsyncIterator[Actions]:
    async with actions() as made:
        yield made


async def make_tag(stage: Actions, name: str, sha: str = HEADING) -> None:
    answer = await stage.http.post("/git/refs", json={"ref": f"refs/tags/{name}", "sha": sha})
    assert answer.status_code == 201, answer.text


async def test_a_run_goes_from_queue_to_success(stage: Actions) -> None:
    """Queued without steps, then in progress, then completed with every job and step in order."""
    number = await stage.dispatch()
    queued = await stage.jobs(number)
    await stage.comes_to("in_progress", number)
    under_way = await stage.jobs(number)

    run = await stage.ended(number)

    done = await stage.jobs(number)
    assert [(job["status"], job["steps"], job["runner_name"]) for job in queued.values()] == [("queued", [], None)] * 2
    assert [job["status"] for job in under_way.values()] == ["in_progress", "queued"]
    assert (run["conclusion"], [job["conclusion"] for job in done.values()]) == ("success", ["success", "success"])
    assert [(step["number"], step["name"]) for step in done["build"]["steps"]] == [*enumerate(BUILD_STEPS, 1)]


async def test_time_is_told_as_it_passed(stage: Actions) -> None:
    """Steps follow each other, jobs too, and the run was last changed when its last job ended."""
    number = await stage.dispatch()
    run = await stage.ended(number)

    jobs = list((await stage.jobs(number)).values())
    instants = [step[key] for job in jobs for step in job["steps"] for key in ("started_at", "completed_at")]
    assert instants == sorted(instants)
    assert run["run_started_at"] <= jobs[0]["started_at"] < jobs[0]["completed_at"] < jobs[1]["started_at"]
    assert run["updated_at"] == jobs[1]["completed_at"]


async def test_jobs_are_check_runs_of_the_commit(stage: Actions) -> None:
    """While they go they say so, beside those of CI."""
    number = await stage.dispatch()
    await stage.comes_to("in_progress", number)

    checks = (await stage.http.get(f"/commits/{HEADING}/check-runs")).json()["check_runs"]

    assert {check["name"]: check["status"] for check in checks} == {
        "build": "in_progress",
        "deploy": "queued",
        "test": "completed",
    }


@pytest.mark.parametrize("annotated", [False, True])
async def test_a_tag_through_the_api_releases(stage: Actions, annotated: bool) -> None:
    """A tag `v*` starts production by its push, with the tag as head branch."""
    sha = HEADING
    if annotated:
        body = {"tag": "v1.5.0", "message": "Release", "object": HEADING, "type": "commit"}
        sha = (await stage.http.post("/git/tags", json=body)).json()["sha"]

    await make_tag(stage, "v1.5.0", sha)

    (run,) = await stage.runs(PRODUCTION)
    assert (run["event"], run["head_branch"], run["head_sha"]) == ("push", "v1.5.0", HEADING)
    assert run["display_title"] == "Deploy v1.5.0 to production"


@pytest.mark.parametrize("name", ["nightly", "release/v2"])
async def test_other_tags_start_nothing(stage: Actions, name: str) -> None:
    """Only names that fit the filter, whose star does not reach over a slash."""
    await make_tag(stage, name)

    assert await stage.runs(PRODUCTION) == []


async def test_a_tag_runs_the_file_of_its_commit(stage: Actions) -> None:
    """An old commit's file has no run-name yet, so the title is the commit's."""
    await make_tag(stage, "v1.3.1", "bea63702e867ad7fefbc105706a32db1acf0da07")

    assert [run["display_title"] for run in await stage.runs(PRODUCTION)] == ["Add projects"]


async def test_main_goes_to_staging_by_itself(stage: Actions) -> None:
    """A push to main runs CI, and its success the staging workflow, on the tip of main."""
    made = await stage.do("commit", title="New", author="ana", runs=True)
    (ci, *_) = await stage.runs(CI)
    before = await stage.runs(STAGING)
    await stage.ended(ci["id"])
    (run,) = await stage.runs(STAGING)
    await stage.ended(run["id"])

    assert (ci["head_sha"], ci["event"], ci["actor"]["login"], before) == (made["sha"], "push", "ana", [])
    assert (run["event"], run["head_branch"], run["head_sha"]) == ("workflow_run", "main", made["sha"])
    assert await stage.deployments() == [("staging", ["in_progress", "success"])]


async def test_a_merge_is_a_push_to_main(stage: Actions) -> None:
    """Merging a pull request runs CI on the merge commit."""
    merged = await stage.do("merge_pull", number=12, by="cleo", runs=True)

    ci = (await stage.runs(CI))[0]

    assert (ci["head_sha"], ci["status"], ci["actor"]["login"]) == (merged["sha"], "queued", "cleo")


async def test_what_the_control_api_pushes_rests(stage: Actions) -> None:
    """Without `runs` a tag, a commit and its CI start nothing, so that a world can be set up."""
    await stage.do("commit", title="New", author="ana", ci="success")
    await stage.do("set_ci", sha=HEADING, conclusion="success")
    await stage.do("tag", name="v1.5.0", sha=HEADING)

    assert [*await stage.runs(PRODUCTION), *await stage.runs(STAGING)] == []


@pytest.mark.parametrize(
    ("sha", "conclusion", "count"), [("main", "success", 1), ("main", "failure", 0), ("v1.4.2", "success", 0)]
)
async def test_only_green_ci_of_the_tip_is_followed(stage: Actions, sha: str, conclusion: str, count: int) -> None:
    """A failed CI deploys nothing, nor does one of a commit that main has left behind."""
    await stage.do("set_ci", sha=sha, conclusion=conclusion, branch="main", runs=True)

    assert len(await stage.runs(STAGING)) == count


@pytest.mark.parametrize(
    ("step", "failed", "others"),
    [("Build the image", "build", {"deploy": "skipped"}), ("deploy/flyctl deploy", "deploy", {"build": "success"})],
)
async def test_a_step_fails(stage: Actions, step: str, failed: str, others: dict[str, str]) -> None:
    """The fault `step_fails` fails step, job and run; the log says why, and what needs the job is skipped."""
    stage.fault("step_fails", target=step, detail={"lines": ["** (CompileError) lib/page.ex:3"], "exit_code": 2})
    number = await stage.dispatch()

    run = await stage.ended(number)

    steps = await stage.steps(number, failed)
    assert run["conclusion"] == "failure"
    assert {name: job["conclusion"] for name, job in (await stage.jobs(number)).items()} == {
        failed: "failure",
        **others,
    }
    assert [name for name, conclusion in steps.items() if conclusion == "failure"] == [step.rpartition("/")[2]]
    assert steps["Complete job"] == "success"
    log = await stage.log(number, failed)
    assert "** (CompileError)" in log
    assert log.endswith("##[error]Process completed with exit code 2.\n")


async def test_a_failed_deployment_is_on_record(stage: Actions) -> None:
    """The deployment of a failed job ends as `failure`; a job that never began has none."""
    stage.fault("step_fails", target="flyctl deploy", times=1)
    await stage.ended(await stage.dispatch())
    stage.fault("step_fails", target="Build the image", times=1)
    await stage.ended(await stage.dispatch())

    assert await stage.deployments() == [("production", ["in_progress", "failure"])]


async def test_a_newer_deployment_retires_the_older_of_staging(stage: Actions) -> None:
    """Actions' deployments follow the rules of all others; each says where its job can be read."""
    for _ in range(2):
        await stage.ended(await stage.dispatch(STAGING))

    newest, older = (await stage.http.get("/deployments")).json()

    status = (await stage.http.get(f"/deployments/{newest['id']}/statuses")).json()[0]
    assert await stage.deployments() == [
        ("staging", ["in_progress", "success"]),
        ("staging", ["in_progress", "success", "inactive"]),
    ]
    assert (newest["sha"], newest["ref"], older["creator"]["login"]) == (HEADING, "main", "github-actions[bot]")
    assert "/actions/runs/" in status["log_url"]
    assert status["environment_url"] == "https://reify-studio-staging.fly.dev"


async def test_without_a_runner_a_run_stays_queued(stage: Actions) -> None:
    """The fault `no_runner` holds a workflow's runs in the queue until it is switched off."""
    fault = stage.fault("no_runner", target=PRODUCTION)
    number = await stage.dispatch()
    await stage.github.clock.sleep(600)
    waiting = await stage.run(number)

    stage.github.faults.remove(fault.id)
    run = await stage.ended(number)

    assert (waiting["status"], run["conclusion"]) == ("queued", "success")


@pytest.mark.parametrize(
    ("answer", "conclusion", "states"),
    [
        ("approve", "success", ["waiting", "in_progress", "success"]),
        ("reject", "failure", ["waiting", "failure"]),
    ],
)
async def test_an_environment_asks_for_approval(
    stage: Actions, answer: str, conclusion: str, states: list[str]
) -> None:
    """The fault `approval_required` lets the deploying job wait until a person answers."""
    stage.fault("approval_required", target="production", times=1)
    number = await stage.dispatch()
    await stage.comes_to("waiting", number)
    waiting = {name: job["status"] for name, job in (await stage.jobs(number)).items()}

    await stage.do(answer)
    run = await stage.ended(number)

    assert waiting == {"build": "completed", "deploy": "waiting"}
    assert (run["conclusion"], await stage.deployments()) == (conclusion, [("production", states)])


async def test_cancelling_what_waits_for_approval(stage: Actions) -> None:
    """The run ends as cancelled, its deployment in error."""
    stage.fault("approval_required")
    number = await stage.dispatch()
    await stage.comes_to("waiting", number)

    await stage.do("cancel")
    run = await stage.ended(number)

    assert (run["conclusion"], await stage.deployments()) == ("cancelled", [("production", ["waiting", "error"])])


async def test_production_queues_up(stage: Actions) -> None:
    """One run at a time; the others are pending and go in order."""
    numbers = [await stage.dispatch() for _ in range(3)]
    await stage.comes_to("in_progress", numbers[0])
    before = [(await stage.run(number))["status"] for number in numbers]

    runs = [await stage.ended(number) for number in numbers]

    assert before == ["in_progress", "pending", "pending"]
    assert [run["conclusion"] for run in runs] == ["success"] * 3
    assert [run["updated_at"] for run in runs] == sorted(run["updated_at"] for run in runs)


async def test_stagings_newest_replaces_the_one_that_waits(stage: Actions) -> None:
    """Without a queue the pending run is cancelled with no job begun, the running one goes on."""
    first, second, third = [await stage.dispatch(STAGING) for _ in range(3)]

    runs = [await stage.ended(number) for number in (first, second, third)]

    assert [run["conclusion"] for run in runs] == ["success", "cancelled", "success"]
    assert (await stage.jobs(second))["build"]["steps"] == []


async def test_environments_do_not_wait_for_each_other(stage: Actions) -> None:
    """Staging runs beside production."""
    production, staging = await stage.dispatch(), await stage.dispatch(STAGING)

    await stage.comes_to("in_progress", production)

    assert (await stage.run(staging))["status"] == "in_progress"


async def test_a_held_run_waits_for_a_person(stage: Actions) -> None:
    """`hold` keeps a run before its next step until it is let go."""
    number = await stage.dispatch()
    await stage.comes_to("in_progress", number)
    await stage.do("hold")
    await stage.github.clock.sleep(600)
    held = await stage.run(number)

    await stage.do("hold", run=number, on=False)
    run = await stage.ended(number)

    assert (held["status"], run["conclusion"]) == ("in_progress", "success")


async def test_people_see_and_repeat_runs(stage: Actions) -> None:
    """`runs` lists them with jobs, steps and log, `rerun` starts another attempt as somebody."""
    stage.fault("step_fails", target="flyctl deploy", times=1)
    number = await stage.dispatch()
    await stage.ended(number)

    await stage.do("rerun", run=number, by="cleo", failed=True)
    run = await stage.ended(number)

    (listed,) = (await stage.do("runs", workflow=PRODUCTION))["runs"]
    assert (run["run_attempt"], run["triggering_actor"]["login"], run["conclusion"]) == (2, "cleo", "success")
    assert (listed["id"], listed["jobs"][1]["steps"]["flyctl deploy"]) == (number, "success")
    assert listed["jobs"][1]["log"]


@pytest.mark.parametrize(
    ("action", "body"),
    [("approve", {}), ("cancel", {}), ("hold", {"run": 17_000_000_001}), ("rerun", {"run": 17_000_000_015})],
)
async def test_people_cannot_do_what_makes_no_sense(stage: Actions, action: str, body: dict[str, int]) -> None:
    """No run under way, one that has ended, one that still goes: refused with a reason."""
    if action == "rerun":
        await stage.dispatch()

    with pytest.raises(ControlError):
        await stage.do(action, **body)


async def test_a_run_that_does_not_wait_cannot_be_approved(stage: Actions) -> None:
    """The refusal says how it stands."""
    await stage.dispatch()

    with pytest.raises(ControlError, match="queued, not waiting"):
        await stage.do("approve")


async def test_a_reset_forgets_the_runs(stage: Actions) -> None:
    """Back to the seed nothing goes on, and new runs can be started."""
    await stage.dispatch()
    await stage.do("reset")

    number = await stage.dispatch()

    assert [run["id"] for run in await stage.runs(PRODUCTION)] == [number]
    assert (await stage.ended(number))["conclusion"] == "success"


async def test_stopping_leaves_no_task(stage: Actions) -> None:
    """When the server ends, a run stays where it is."""
    number = await stage.dispatch()
    await stage.comes_to("in_progress", number)

    await stage.github.stop()
    await stage.github.clock.sleep(600)

    assert (await stage.run(number))["status"] == "in_progress"
