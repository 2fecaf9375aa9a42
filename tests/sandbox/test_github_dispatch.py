"""Starting, cancelling and repeating runs through the REST API: what is accepted, what is refused, and how."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from sandbox.github import default_seed
from tests.sandbox.actions_stage import HEADING, PRODUCTION, STAGING, V142, Actions, actions

V130 = "590ac9dad76472ded2c7647731e85dc4f1a34962"
DISPATCHES = f"/actions/workflows/{PRODUCTION}/dispatches"


@pytest.fixture
async def stage() -> AsyncIterator[Actions]:
    seed = default_seed()
    for name, permissions in {
        "reader": {"actions": "read", "contents": "read"},
        "writer": {"actions": "write"},
    }.items():
        seed["tokens"].append({"token": name, "login": "bo", "permissions": permissions})
    async with actions(seed) as made:
        yield made


async def dispatch(stage: Actions, workflow: str = PRODUCTION, **body: Any) -> httpx.Response:
    headers = body.pop("headers", {})
    return await stage.http.post(f"/actions/workflows/{workflow}/dispatches", json=body, headers=headers)


@pytest.mark.parametrize("workflow", [PRODUCTION, "9002"])
async def test_a_dispatch_tells_the_run(stage: Actions, workflow: str) -> None:
    """With `return_run_details` the answer is 200 with the run's id and addresses."""
    answer = await dispatch(stage, workflow, ref="main", return_run_details=True)

    number = answer.json()["workflow_run_id"]
    assert answer.status_code == 200
    assert answer.json() == {
        "workflow_run_id": number,
        "run_url": f"{stage.github.url}/repos/reify/reify-studio/actions/runs/{number}",
        "html_url": f"https://github.com/reify/reify-studio/actions/runs/{number}",
    }
    assert (await stage.run(number))["url"] == answer.json()["run_url"]


@pytest.mark.parametrize(
    ("body", "version", "status"),
    [
        ({}, "2022-11-28", 204),
        ({"return_run_details": False}, "2022-11-28", 204),
        ({"return_run_details": True}, "2022-11-28", 200),
        ({}, "2026-03-10", 200),
    ],
)
async def test_only_the_newer_version_always_tells(
    stage: Actions, body: dict[str, bool], version: str, status: int
) -> None:
    """Without the parameter the older API version answers 204; the run exists all the same."""
    answer = await dispatch(stage, ref="main", headers={"x-github-api-version": version}, **body)

    assert answer.status_code == status
    assert (await stage.runs(PRODUCTION))[0]["event"] == "workflow_dispatch"


@pytest.mark.parametrize("ref", ["v1.4.2", "refs/tags/v1.4.2", "tags/v1.4.2"])
async def test_a_run_says_what_it_is_for(stage: Actions, ref: str) -> None:
    """Ref, commit, actor and the request id in the title, so that a lost answer can be found again."""
    run = await stage.run(await stage.dispatch(ref=ref, request_id="r-17"))

    assert run["display_title"] == "Deploy v1.4.2 to production r-17"
    assert (run["head_branch"], run["head_sha"], run["event"]) == ("v1.4.2", V142, "workflow_dispatch")
    assert (run["actor"]["login"], run["status"], run["conclusion"]) == ("reify-deployer", "queued", None)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, 'Invalid request.\n\n"ref" wasn\'t supplied.'),
        ({"ref": "nowhere"}, "No ref found for: nowhere"),
        ({"ref": HEADING}, f"No ref found for: {HEADING}"),
        ({"ref": "refs/pull/12/head"}, "No ref found for: refs/pull/12/head"),
        ({"ref": "v1.3.0"}, "Workflow does not have 'workflow_dispatch' trigger"),
        ({"ref": "main", "inputs": {"who": "me"}}, 'Unexpected inputs provided: ["who"]'),
        (
            {"ref": "main", "inputs": {f"input_{n}": "" for n in range(26)}},
            "you may only define up to 25 `inputs` for a `workflow_dispatch` event",
        ),
    ],
)
async def test_a_wrong_dispatch_is_refused(stage: Actions, body: dict[str, Any], message: str) -> None:
    """A hash is no ref, the file of an old tag has no trigger, and unknown inputs are 422; nothing is started."""
    answer = await dispatch(stage, **body)

    assert (answer.status_code, answer.json()["message"]) == (422, message)
    assert await stage.runs(PRODUCTION) == []


@pytest.mark.parametrize("inputs", [["a"], "a"])
async def test_inputs_are_an_object(stage: Actions, inputs: object) -> None:
    """Anything else is 422."""
    answer = await dispatch(stage, ref="main", inputs=inputs)

    assert answer.status_code == 422


async def test_a_workflow_that_was_not_there_yet_has_no_trigger(stage: Actions) -> None:
    """The staging workflow came after v1.3.0; a dispatch on that tag finds no file."""
    answer = await dispatch(stage, STAGING, ref="v1.3.0")

    assert answer.json()["message"] == "Workflow does not have 'workflow_dispatch' trigger"


async def test_a_required_input_must_come() -> None:
    """Without it the dispatch is refused by name."""
    seed = default_seed()
    seed["repositories"][0]["workflows"][1]["versions"][1]["on"]["workflow_dispatch"]["request_id"]["required"] = True

    async with actions(seed) as stage:
        answer = await dispatch(stage, ref="main")

    assert (answer.status_code, answer.json()["message"]) == (422, "Required input 'request_id' not provided")


async def test_an_unknown_workflow_is_not_found(stage: Actions) -> None:
    """Neither by file nor by id."""
    answer = await dispatch(stage, "nope.yml", ref="main")

    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "needs"),
    [
        (DISPATCHES, {"ref": "main"}, "actions=write"),
        ("/actions/runs/17000000001/cancel", {}, "actions=write"),
        ("/actions/runs/17000000001/rerun", {}, "actions=write"),
        ("/actions/runs/17000000001/rerun-failed-jobs", {}, "actions=write"),
        ("/git/refs", {"ref": "refs/tags/v9", "sha": HEADING}, "contents=write"),
    ],
)
async def test_writing_needs_its_permission(stage: Actions, path: str, body: dict[str, str], needs: str) -> None:
    """A token that may only read is refused with the permission that it lacks."""
    answer = await stage.http.post(path, json=body, headers={"authorization": "Bearer reader"})

    assert (answer.status_code, answer.headers["x-accepted-github-permissions"]) == (403, needs)


async def test_a_token_may_dispatch_and_do_nothing_else(stage: Actions) -> None:
    """Actions: write starts a run and makes no tag."""
    headers = {"authorization": "Bearer writer"}

    started = await dispatch(stage, ref="main", headers=headers)
    tagged = await stage.http.post("/git/refs", json={"ref": "refs/tags/v9", "sha": HEADING}, headers=headers)

    assert (started.status_code, tagged.status_code) == (204, 403)


async def test_disabled_actions_refuse(stage: Actions) -> None:
    """The fault `actions_disabled` answers dispatch and rerun with 403, and a pushed tag starts nothing."""
    stage.fault("actions_disabled")

    started = await dispatch(stage, ref="main")
    again = await stage.http.post("/actions/runs/17000000001/rerun")
    await stage.http.post("/git/refs", json={"ref": "refs/tags/v1.5.0", "sha": HEADING})

    assert (started.status_code, again.status_code) == (403, 403)
    assert await stage.runs(PRODUCTION) == []


async def test_the_run_may_not_be_told(stage: Actions) -> None:
    """The fault `no_run_details` answers 204 although the run was asked for."""
    stage.fault("no_run_details", times=1)

    silent = await dispatch(stage, ref="main", return_run_details=True)
    told = await dispatch(stage, ref="main", return_run_details=True)

    assert (silent.status_code, told.status_code) == (204, 200)
    assert len(await stage.runs(PRODUCTION)) == 2


async def test_the_run_may_appear_late(stage: Actions) -> None:
    """The fault `run_appears_late` keeps a run out of lists and answers for so many seconds."""
    stage.fault("run_appears_late", target=PRODUCTION, seconds=20)
    number = await stage.dispatch()

    unseen, status = await stage.runs(PRODUCTION), (await stage.http.get(f"/actions/runs/{number}")).status_code
    await stage.github.clock.sleep(21)

    assert (unseen, status) == ([], 404)
    assert [run["id"] for run in await stage.runs(PRODUCTION)] == [number]


async def test_a_lost_answer_leaves_the_run(stage: Actions) -> None:
    """After `drop_after` the run is there, and its title finds it."""
    stage.fault("drop_after", method="POST", path="/dispatches$", times=1)

    with pytest.raises(httpx.RemoteProtocolError):
        await stage.dispatch(request_id="r-1")

    assert [run["display_title"] for run in await stage.runs(PRODUCTION)] == ["Deploy main to production r-1"]


async def test_a_cancelled_run_ends(stage: Actions) -> None:
    """202 at once; then the step under way is cancelled, later ones and later jobs are skipped."""
    number = await stage.dispatch()
    await stage.comes_to("in_progress", number)

    answer = await stage.http.post(f"/actions/runs/{number}/cancel")
    run = await stage.ended(number)

    assert (answer.status_code, answer.json(), run["conclusion"]) == (202, {}, "cancelled")
    assert {name: job["conclusion"] for name, job in (await stage.jobs(number)).items()} == {
        "build": "cancelled",
        "deploy": "skipped",
    }
    assert "cancelled" in (await stage.steps(number, "build")).values()


async def test_a_run_that_ended_cannot_be_cancelled(stage: Actions) -> None:
    """409, as for every seeded run."""
    answer = await stage.http.post("/actions/runs/17000000001/cancel")

    assert (answer.status_code, answer.json()["message"]) == (409, "Cannot cancel a workflow run that is completed.")


async def test_a_run_that_never_began_can_be_cancelled(stage: Actions) -> None:
    """A queued run ends at once, and none of its jobs has steps."""
    stage.fault("no_runner")
    number = await stage.dispatch()

    await stage.http.post(f"/actions/runs/{number}/cancel")
    await stage.ended(number)

    assert {name: (job["conclusion"], job["steps"]) for name, job in (await stage.jobs(number)).items()} == {
        "build": ("cancelled", []),
        "deploy": ("skipped", []),
    }


async def test_a_run_is_run_again(stage: Actions) -> None:
    """201, the same id, the next attempt; the first one can still be read."""
    number = await stage.dispatch()
    await stage.ended(number)

    answer = await stage.http.post(f"/actions/runs/{number}/rerun")
    run = await stage.ended(number)

    first = (await stage.http.get(f"/actions/runs/{number}/attempts/1/jobs")).json()["jobs"]
    assert (answer.status_code, run["run_attempt"], run["conclusion"]) == (201, 2, "success")
    assert {job["id"] for job in first}.isdisjoint(job["id"] for job in (await stage.jobs(number)).values())


async def test_only_what_failed_is_run_again(stage: Actions) -> None:
    """`rerun-failed-jobs` keeps the job that succeeded and runs the failed one anew."""
    stage.fault("step_fails", target="flyctl deploy", times=1)
    number = await stage.dispatch()
    await stage.ended(number)
    before = await stage.jobs(number)

    answer = await stage.http.post(f"/actions/runs/{number}/rerun-failed-jobs")
    run, after = await stage.ended(number), await stage.jobs(number)

    assert (answer.status_code, run["conclusion"]) == (201, "success")
    assert after["build"]["id"] == before["build"]["id"]
    assert after["deploy"]["id"] != before["deploy"]["id"]


@pytest.mark.parametrize("path", ["rerun", "rerun-failed-jobs"])
async def test_a_run_under_way_is_not_run_again(stage: Actions, path: str) -> None:
    """403 while it runs."""
    number = await stage.dispatch()

    answer = await stage.http.post(f"/actions/runs/{number}/{path}")

    assert answer.status_code == 403


async def test_a_success_has_nothing_that_failed(stage: Actions) -> None:
    """`rerun-failed-jobs` of a green run is 403."""
    answer = await stage.http.post("/actions/runs/17000000001/rerun-failed-jobs")

    assert answer.status_code == 403


async def test_logs_are_a_redirect_to_a_text(stage: Actions) -> None:
    """404 while the job goes, then 302 to a text that needs no token."""
    number = await stage.dispatch()
    job = (await stage.jobs(number))["build"]
    early = await stage.http.get(f"/actions/jobs/{job['id']}/logs")
    await stage.ended(number)

    answer = await stage.http.get(f"/actions/jobs/{job['id']}/logs")
    async with httpx.AsyncClient(verify=False) as anybody:
        text = await anybody.get(answer.headers["location"])

    assert (early.status_code, answer.status_code, text.status_code) == (404, 302, 200)
    assert "##[group]Build the image" in text.text


@pytest.mark.parametrize("path", ["/actions/jobs/1", "/actions/jobs/1/logs", "/actions/runs/1/cancel"])
async def test_unknown_runs_and_jobs_are_not_found(stage: Actions, path: str) -> None:
    """404 for each."""
    method = "POST" if path.endswith("cancel") else "GET"

    answer = await stage.http.request(method, path)

    assert answer.status_code == 404


async def test_a_job_is_read_by_its_id(stage: Actions) -> None:
    """The same job as in the run's list."""
    number = await stage.dispatch()
    await stage.ended(number)
    job = (await stage.jobs(number))["deploy"]

    assert (await stage.http.get(f"/actions/jobs/{job['id']}")).json() == job
