"""Releases, environments, and the reviews that runs wait for."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import jwt
import pytest

from sandbox.github import APP_KEY_FILE
from sandbox.kit import Json
from tests.sandbox.actions_stage import HEADING, PRODUCTION, STAGING, Actions, actions


@pytest.fixture
async def stage() -> AsyncIterator[Actions]:
    async with actions() as made:
        yield made


async def release(stage: Actions, **body: Any) -> httpx.Response:
    return await stage.http.post("/releases", json={"tag_name": "v1.4.2", **body})


async def tags(stage: Actions, path: str = "/releases") -> list[str]:
    return [each["tag_name"] for each in (await stage.http.get(path)).json()]


async def test_a_release_of_a_tag(stage: Actions) -> None:
    """201; found by id, by tag, and as the latest."""
    made = await release(stage, name="1.4.2", body="Better error pages")

    number = made.json()["id"]
    found = [await stage.http.get(f"/releases/{path}") for path in (number, "tags/v1.4.2", "latest")]
    assert (made.status_code, made.json()["author"]["login"]) == (201, "reify-deployer")
    assert [each.json()["id"] for each in found] == [number] * 3
    assert (made.json()["draft"], made.json()["published_at"] is None) == (False, False)


async def test_a_release_makes_its_tag(stage: Actions) -> None:
    """At its target, the default branch without; the push of that tag starts production."""
    await release(stage, tag_name="v1.5.0")

    tag = (await stage.http.get("/git/ref/tags/v1.5.0")).json()
    (run,) = await stage.runs(PRODUCTION)
    assert (tag["object"]["sha"], run["head_branch"]) == (HEADING, "v1.5.0")


async def test_a_draft_makes_no_tag_until_it_is_published(stage: Actions) -> None:
    """It is nobody's latest, and found by its id alone."""
    number = (await release(stage, tag_name="v1.5.0", draft=True)).json()["id"]
    before = [(await stage.http.get(path)).status_code for path in ("/releases/latest", "/releases/tags/v1.5.0")]
    refs = (await stage.http.get("/git/ref/tags/v1.5.0")).status_code

    published = (await stage.http.patch(f"/releases/{number}", json={"draft": False})).json()

    assert (before, refs) == ([404, 404], 404)
    assert (published["draft"], (await stage.http.get("/git/ref/tags/v1.5.0")).status_code) == (False, 200)


async def test_a_prerelease_is_not_the_latest(stage: Actions) -> None:
    """The newest that is neither draft nor prerelease is."""
    await release(stage)
    await stage.github.clock.sleep(60)
    await release(stage, tag_name="v1.5.0-rc1", prerelease=True)

    assert (await stage.http.get("/releases/latest")).json()["tag_name"] == "v1.4.2"
    assert await tags(stage) == ["v1.5.0-rc1", "v1.4.2"]


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"tag_name": ""}, "tag_name", "missing_field"),
        ({"tag_name": "v1.4.1"}, "tag_name", "already_exists"),
        ({"tag_name": "v9", "target_commitish": "nope"}, "target_commitish", "invalid"),
        ({"draft": "yes"}, "draft", "invalid"),
    ],
)
async def test_a_release_that_makes_no_sense_is_refused(stage: Actions, body: Json, field: str, code: str) -> None:
    """422 with the field, and none is made."""
    await release(stage, tag_name="v1.4.1")

    answer = await release(stage, **body)

    error = answer.json()["errors"][0]
    assert (answer.status_code, error["field"], error["code"]) == (422, field, code)
    assert await tags(stage) == ["v1.4.1"]


async def test_a_release_is_changed_and_deleted(stage: Actions) -> None:
    """Its text changes, it never becomes a draft again, and its tag outlives it."""
    number = (await release(stage, body="Old")).json()["id"]

    changed = (await stage.http.patch(f"/releases/{number}", json={"body": "New", "prerelease": True})).json()
    draft = await stage.http.patch(f"/releases/{number}", json={"draft": True})
    gone = await stage.http.delete(f"/releases/{number}")

    assert (changed["body"], changed["prerelease"], draft.status_code, gone.status_code) == ("New", True, 422, 204)
    assert (await tags(stage), (await stage.http.get("/git/ref/tags/v1.4.2")).status_code) == ([], 200)


async def test_notes_are_made_and_not_saved(stage: Actions) -> None:
    """Of the pull requests merged since the tag before."""
    await stage.do("merge_pull", number=12)
    body = {"tag_name": "v1.5.0", "previous_tag_name": "v1.4.2"}

    notes = (await stage.http.post("/releases/generate-notes", json=body)).json()

    assert notes["name"] == "v1.5.0"
    assert "Prices table by @bo in #12" in notes["body"]
    assert "v1.4.2...v1.5.0" in notes["body"]
    assert await tags(stage) == []


async def test_notes_need_tags_that_exist(stage: Actions) -> None:
    """422 for an unknown one before."""
    body = {"tag_name": "v1.5.0", "previous_tag_name": "v0"}

    assert (await stage.http.post("/releases/generate-notes", json=body)).status_code == 422


async def test_an_environment_comes_with_its_first_deployment(stage: Actions) -> None:
    """Listed, found by name also where that has a slash, deleted; the deployments stay."""
    for name in ("staging", "review/pr-12"):
        body: Json = {"ref": "main", "environment": name, "auto_merge": False, "required_contexts": []}
        await stage.http.post("/deployments", json=body)

    listed = (await stage.http.get("/environments")).json()
    found = await stage.http.get("/environments/review%2Fpr-12")
    gone = await stage.http.delete("/environments/review%2Fpr-12")

    assert (listed["total_count"], [each["name"] for each in listed["environments"]]) == (
        2,
        ["staging", "review/pr-12"],
    )
    assert (found.json()["name"], gone.status_code) == ("review/pr-12", 204)
    assert (await stage.http.get("/environments/review%2Fpr-12")).status_code == 404
    assert len((await stage.http.get("/deployments")).json()) == 2


async def waiting(stage: Actions, workflow: str = PRODUCTION) -> int:
    """A run that waits for its environment's reviewers."""
    stage.fault("approval_required", times=1)
    number = await stage.dispatch(workflow)
    await stage.comes_to("waiting", number)
    return number


@pytest.mark.parametrize(("state", "conclusion"), [("approved", "success"), ("rejected", "failure")])
async def test_a_waiting_run_is_reviewed(stage: Actions, state: str, conclusion: str) -> None:
    """The environments that it waits for are listed, and approved or rejected by their ids."""
    number = await waiting(stage)
    path = f"/actions/runs/{number}/pending_deployments"
    (pending,) = (await stage.http.get(path)).json()

    body = {"environment_ids": [pending["environment"]["id"]], "state": state, "comment": "Seen"}
    answer = await stage.http.post(path, json=body)
    run = await stage.ended(number)

    assert (pending["environment"]["name"], pending["current_user_can_approve"]) == ("production", True)
    assert ([each["environment"] for each in answer.json()], run["conclusion"]) == (["production"], conclusion)
    assert (await stage.http.get(path)).json() == []


@pytest.mark.parametrize(
    "change",
    [{"environment_ids": []}, {"environment_ids": [1]}, {"environment_ids": "x"}, {"state": "maybe"}, {"comment": ""}],
)
async def test_a_review_that_makes_no_sense_is_refused(stage: Actions, change: Json) -> None:
    """422, and the run waits on."""
    number = await waiting(stage)
    path = f"/actions/runs/{number}/pending_deployments"
    (pending,) = (await stage.http.get(path)).json()
    body = {"environment_ids": [pending["environment"]["id"]], "state": "approved", "comment": "Seen"}

    answer = await stage.http.post(path, json={**body, **change})

    assert (answer.status_code, (await stage.run(number))["status"]) == (422, "waiting")


async def test_what_does_not_wait_cannot_be_reviewed(stage: Actions) -> None:
    """422, and nothing is pending."""
    number = await stage.dispatch(STAGING)
    path = f"/actions/runs/{number}/pending_deployments"

    body = {"environment_ids": [160_000_001], "state": "approved", "comment": "Seen"}
    answer = await stage.http.post(path, json=body)

    assert (answer.status_code, (await stage.http.get(path)).json()) == (422, [])


async def test_an_app_cannot_review(stage: Actions) -> None:
    """403: that is a person's right."""
    number = await waiting(stage)
    now = int(time.time())
    token = jwt.encode({"iss": "424242", "iat": now - 60, "exp": now + 300}, APP_KEY_FILE.read_text(), "RS256")
    url = f"{stage.github.url}/app/installations/515151/access_tokens"
    made = (await stage.http.post(url, headers={"authorization": f"Bearer {token}"})).json()
    headers = {"authorization": f"Bearer {made['token']}"}
    path = f"/actions/runs/{number}/pending_deployments"

    pending = (await stage.http.get(path, headers=headers)).json()
    body = {"environment_ids": [pending[0]["environment"]["id"]], "state": "approved", "comment": "Seen"}
    answer = await stage.http.post(path, json=body, headers=headers)

    assert (pending[0]["current_user_can_approve"], answer.status_code) == (False, 403)
