"""What webhooks tell: every event in the shape that its schema demands, and what each is for."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sandbox.kit import Json
from tests.sandbox.actions_stage import CI, HEADING, PRODUCTION
from tests.sandbox.hook_receiver import Hooked, Received, hooked

SCHEMA: Json = json.loads(
    (Path(__file__).parent.parent / "data" / "github-webhooks.schema.json").read_text(encoding="utf-8")
)
# The schema knows this state of a run elsewhere, but not in what a deployment tells of it.
SCHEMA["definitions"]["deployment-workflow-run"]["properties"]["status"]["enum"].append("waiting")
ZEROS = "0" * 40
PRICES = "fa9b884c2545f4f8ae485e0f9a9856bc1bf1dc3a"


@pytest.fixture
async def stage() -> AsyncIterator[Hooked]:
    async with hooked() as made:
        yield made


def check(sent: Received) -> Json:
    """The payload, if it has what the schema of its event and action demands."""
    name = f"{sent.event}${sent.payload.get('action', 'event')}"
    schema = {"$ref": f"#/definitions/{name}", "definitions": SCHEMA["definitions"]}
    jsonschema.Draft7Validator(schema).validate(sent.payload)
    return sent.payload


async def api(stage: Hooked, method: str, path: str, body: Json | None = None) -> Any:
    answer = await stage.http.request(method, path, json=body)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


async def open_pull(stage: Hooked, **body: Any) -> int:
    """A new pull request that starts nothing; its number."""
    await stage.do("commit", branch="feature/x", title="X", author="ana", files={"x": "1"})
    made = await stage.do("open_pull", branch="feature/x", title="X", author="ana", **body)
    return int(made["number"])


async def do_release(stage: Hooked) -> None:
    made = await api(stage, "POST", "/releases", {"tag_name": "v1.5.0", "name": "New", "body": "New"})
    await api(stage, "PATCH", f"/releases/{made['id']}", {"body": "Newer"})
    await api(stage, "DELETE", f"/releases/{made['id']}")
    await api(stage, "POST", "/releases", {"tag_name": "v1.5.1", "body": "Early", "prerelease": True, "name": "E"})


async def do_comments(stage: Hooked) -> None:
    made = await api(stage, "POST", "/issues/12/comments", {"body": "hello"})
    await api(stage, "PATCH", f"/issues/comments/{made['id']}", {"body": "bye"})
    await api(stage, "DELETE", f"/issues/comments/{made['id']}")


async def do_pulls(stage: Hooked) -> None:
    number = await open_pull(stage, draft=True)
    await stage.do("set_draft", number=number, draft=False)
    await stage.do("set_draft", number=number)
    await stage.do("edit_pull", number=number, title="Y")
    await stage.do("commit", branch="feature/x", title="More", author="ana", files={"y": "1"})
    await stage.do("close_pull", number=number)
    await stage.do("reopen_pull", number=number)


async def do_run(stage: Hooked) -> None:
    stage.actions.fault("approval_required", times=1)
    number = await stage.actions.dispatch()
    await stage.actions.comes_to("waiting", number)
    await stage.do("approve")
    await stage.actions.ended(number)


async def do_deployment(stage: Hooked) -> None:
    body = {"ref": "main", "auto_merge": False, "required_contexts": [], "payload": {"request_id": "r1"}}
    made = await api(stage, "POST", "/deployments", body)
    await api(
        stage, "POST", f"/deployments/{made['id']}/statuses", {"state": "success", "environment_url": "https://x"}
    )


async def do_refs(stage: Hooked) -> None:
    await stage.do("tag", name="v9.0.0", sha="main")
    await stage.do("delete_ref", ref="tags/v9.0.0")


PLAYS: dict[str, tuple[Callable[[Hooked], Awaitable[None]], set[str]]] = {
    "releases": (
        do_release,
        {"release.created", "release.published", "release.released", "release.prereleased"}
        | {"release.edited", "release.deleted", "push", "create"}
        | {"workflow_run.requested", "workflow_run.in_progress", "workflow_job.queued", "workflow_job.in_progress"}
        | {"check_run.created"},
    ),
    "comments": (do_comments, {"issue_comment.created", "issue_comment.edited", "issue_comment.deleted"}),
    "pulls": (
        do_pulls,
        {f"pull_request.{action}" for action in ("opened", "edited", "synchronize", "closed", "reopened")}
        | {"pull_request.ready_for_review", "pull_request.converted_to_draft", "push", "create"},
    ),
    "runs": (
        do_run,
        {f"workflow_run.{action}" for action in ("requested", "in_progress", "completed")}
        | {f"workflow_job.{action}" for action in ("queued", "waiting", "in_progress", "completed")}
        | {"check_run.created", "check_run.completed", "check_suite.completed"}
        | {"deployment.created", "deployment_status.created"},
    ),
    "deployments": (do_deployment, {"deployment.created", "deployment_status.created"}),
    "refs": (do_refs, {"push", "create", "delete"}),
}


@pytest.mark.parametrize("play", PLAYS)
async def test_events_have_the_shape_of_their_schema(stage: Hooked, play: str) -> None:
    """Whatever happens is told, and each payload has every field that the schema of the event demands."""
    act, expected = PLAYS[play]
    await act(stage)
    for name in expected:
        await stage.told(name)
    await stage.settled()

    for sent in stage.receiver.received:
        check(sent)
    assert {sent.name for sent in stage.receiver.received} == expected | {"ping"}


@pytest.mark.parametrize(("suspended", "name"), [(True, "installation.suspend"), (False, "installation.unsuspend")])
async def test_an_apps_events_have_the_shape_of_their_schema(suspended: bool, name: str) -> None:
    """Its ping, its suspension and its end."""
    async with hooked(**{"for": "app"}) as stage:
        await stage.do("suspend_installation", suspended=suspended)
        payload = check(await stage.told(name))

    check(stage.receiver.received[0])
    assert (payload["installation"]["id"], bool(payload["installation"]["suspended_at"])) == (515151, suspended)
    assert [place["full_name"] for place in payload["repositories"]] == ["reify/reify-studio"]


async def test_a_push_tells_what_it_brought(stage: Hooked) -> None:
    """Before and after, the commits with their files oldest first, who pushed."""
    await stage.do("branch", name="next")
    await stage.do("commit", branch="next", title="One", author="ana", files={"a": "1"})
    two = await stage.do("commit", branch="next", title="Two", author="bo", files={"a": "2", "lib/page.ex": None})
    await stage.do("force_push", branch="main", sha="next", by="cleo")
    await stage.logged(6)

    pushed = check(stage.receiver.received[-1])
    assert (pushed["ref"], pushed["before"], pushed["after"]) == ("refs/heads/main", HEADING, two["sha"])
    assert (pushed["created"], pushed["deleted"], pushed["forced"]) == (False, False, False)
    assert [commit["message"] for commit in pushed["commits"]] == ["One", "Two"]
    assert (pushed["commits"][1]["modified"], pushed["commits"][1]["removed"]) == (["a"], ["lib/page.ex"])
    assert (pushed["head_commit"]["id"], pushed["pusher"]["name"], pushed["sender"]["login"]) == (
        two["sha"],
        "cleo",
        "cleo",
    )


async def test_a_push_back_is_forced(stage: Hooked) -> None:
    """Where the old tip is no ancestor of the new one; it brings no commits."""
    await stage.do("force_push", branch="main", sha="v1.4.1")

    pushed = check(await stage.told("push"))

    assert (pushed["forced"], pushed["commits"]) == (True, [])


@pytest.mark.parametrize("annotated", [False, True])
async def test_a_tag_names_its_commit_in_head_commit(stage: Hooked, annotated: bool) -> None:
    """`after` is the tag object of an annotated tag; the commit is `head_commit` either way."""
    made = await stage.do("tag", name="v1.5.0", sha="main", annotated=annotated)

    pushed = check(await stage.told("push"))

    assert (pushed["created"], pushed["before"], pushed["after"]) == (True, ZEROS, made["sha"])
    assert (pushed["head_commit"]["id"], pushed["base_ref"], pushed["commits"]) == (HEADING, "refs/heads/main", [])
    assert (made["sha"] == HEADING) is not annotated


async def test_a_deletion_has_no_head_commit(stage: Hooked) -> None:
    """Forty zeros after, and the event `delete` beside it."""
    await stage.do("delete_ref", ref="tags/v1.4.0")

    pushed, deleted = check(await stage.told("push")), check(await stage.told("delete"))

    assert (pushed["deleted"], pushed["after"], pushed["head_commit"]) == (True, ZEROS, None)
    assert (deleted["ref"], deleted["ref_type"]) == ("v1.4.0", "tag")


async def test_a_push_tells_at_most_2048_commits(stage: Hooked) -> None:
    """The newest beyond that are left out; the head is told all the same."""
    await stage.do("branch", name="long")
    await stage.do("configure", webhook_url=None)
    made = await stage.do("many_commits", branch="long", count=2050)
    await stage.do("configure", webhook_url=stage.url, events=["push"])
    await stage.do("force_push", branch="main", sha="long")

    pushed = (await stage.told("push")).payload
    while pushed["ref"] != "refs/heads/main":
        await stage.logged(len(stage.log()) + 1)
        pushed = stage.receiver.received[-1].payload

    assert (len(pushed["commits"]), pushed["head_commit"]["id"]) == (2048, made["sha"])


async def test_a_push_to_its_branch_is_told_with_the_pull_request(stage: Hooked) -> None:
    """`synchronize` with both hashes; the pull request has the new head."""
    made = await stage.do("commit", branch="feature/prices-table", title="More", author="bo", files={"n": "1"})

    told = check(await stage.told("pull_request.synchronize"))

    assert (told["number"], told["before"], told["after"]) == (12, PRICES, made["sha"])
    assert told["pull_request"]["head"]["sha"] == made["sha"]


async def test_closing_tells_merged_or_not(stage: Hooked) -> None:
    """A merge is `closed` with `merged`, and a push to the base."""
    number = await open_pull(stage)
    await stage.do("close_pull", number=number, by="cleo")
    await stage.do("merge_pull", number=12, by="cleo")
    await stage.logged(7)

    closed = [check(sent) for sent in stage.receiver.named("pull_request.closed")]
    assert [(each["number"], each["pull_request"]["merged"], each["sender"]["login"]) for each in closed] == [
        (number, False, "cleo"),
        (12, True, "cleo"),
    ]
    assert closed[1]["pull_request"]["merge_commit_sha"] == stage.receiver.received[-1].payload["after"]


async def test_deleting_the_branch_closes_its_pull_request(stage: Hooked) -> None:
    """Told as closed, not merged."""
    await stage.do("delete_ref", ref="heads/feature/prices-table")

    told = check(await stage.told("pull_request.closed"))

    assert (told["pull_request"]["state"], told["pull_request"]["merged"]) == ("closed", False)


async def test_a_forks_pull_request_names_the_fork(stage: Hooked) -> None:
    """Its head is another repository, and none once that is deleted."""
    made = await stage.do("open_pull", branch="main", fork="mallory", title="Mine", author="mallory")
    await stage.do("delete_fork", number=made["number"])
    await stage.do("close_pull", number=made["number"])

    opened = check(await stage.told("pull_request.opened"))["pull_request"]
    closed = (await stage.told("pull_request.closed")).payload["pull_request"]

    assert (opened["head"]["label"], opened["head"]["repo"]["fork"]) == ("mallory:main", True)
    assert opened["head"]["repo"]["id"] != opened["base"]["repo"]["id"] == 4711
    assert closed["head"]["repo"] is None


async def test_a_run_tells_its_life(stage: Hooked) -> None:
    """Requested, in progress, completed with its conclusion; its path says which workflow it is."""
    stage.actions.fault("step_fails", target="Build the image", times=1)
    number = await stage.actions.dispatch(PRODUCTION)
    await stage.actions.ended(number)
    told = check(await stage.told("workflow_run.completed"))

    names = [sent.name for sent in stage.receiver.received if sent.event == "workflow_run"]
    assert names == [f"workflow_run.{action}" for action in ("requested", "in_progress", "completed")]
    run = told["workflow_run"]
    assert (run["id"], run["conclusion"], run["event"]) == (number, "failure", "workflow_dispatch")
    assert (run["path"], told["workflow"]["path"]) == (f".github/workflows/{PRODUCTION}",) * 2
    assert run["head_repository"]["id"] == 4711


async def test_a_run_again_is_not_requested_again(stage: Hooked) -> None:
    """The same id with a higher attempt, from `in_progress` on."""
    number = await stage.actions.dispatch()
    await stage.actions.ended(number)
    await stage.do("rerun", run=number, by="cleo")
    await stage.actions.ended(number)
    await stage.settled()

    told = [sent.payload for sent in stage.receiver.received if sent.event == "workflow_run"]
    assert [(each["action"], each["workflow_run"]["run_attempt"]) for each in told] == [
        ("requested", 1),
        ("in_progress", 1),
        ("completed", 1),
        ("in_progress", 2),
        ("completed", 2),
    ]


async def test_a_tags_run_has_the_tag_as_head_branch(stage: Hooked) -> None:
    """Without `refs/tags/`, as many rely on."""
    await stage.do("tag", name="v1.5.0", sha="main", runs=True)

    run = check(await stage.told("workflow_run.requested"))["workflow_run"]

    assert (run["head_branch"], run["event"], run["head_sha"]) == ("v1.5.0", "push", HEADING)


async def test_ci_by_hand_is_told_too(stage: Hooked) -> None:
    """What the control API does to CI comes as events of a run."""
    made = await stage.do("commit", title="Red", author="ana", ci="failure")

    told = check(await stage.told("workflow_run.completed"))["workflow_run"]

    assert (told["head_sha"], told["conclusion"], told["path"]) == (made["sha"], "failure", f".github/workflows/{CI}")


async def test_a_deployment_by_a_run_names_the_run(stage: Hooked) -> None:
    """Its states come as statuses, oldest first, with environment, URL and run."""
    number = await stage.actions.dispatch()
    await stage.actions.ended(number)
    await stage.told("workflow_run.completed")

    told = [check(sent) for sent in stage.receiver.named("deployment_status.created")]
    assert [each["deployment_status"]["state"] for each in told] == ["in_progress", "success"]
    assert {each["workflow_run"]["id"] for each in told} == {number}
    assert told[-1]["deployment_status"]["environment_url"] == "https://reify-studio.fly.dev"
    assert told[-1]["deployment"]["environment"] == "production"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, ["created", "published", "released"]),
        ({"prerelease": True}, ["created", "published", "prereleased"]),
        ({"draft": True}, ["created"]),
    ],
)
async def test_a_release_is_told_by_what_it_is(stage: Hooked, body: Json, told: list[str]) -> None:
    """A draft is created, and published later; a prerelease is never released."""
    made = await api(stage, "POST", "/releases", {"tag_name": "v1.4.2", "name": "1.4.2", "body": "New", **body})
    await stage.settled()
    first = [sent.payload["action"] for sent in stage.receiver.received if sent.event == "release"]
    await api(stage, "PATCH", f"/releases/{made['id']}", {"draft": False})
    await stage.settled()

    actions = [sent.payload["action"] for sent in stage.receiver.received if sent.event == "release"]
    assert first == told
    assert actions[len(first) :] == (["published", "released"] if body.get("draft") else [])


async def test_an_inactive_deployment_is_not_told(stage: Hooked) -> None:
    """A success retires the one before; that state sends nothing."""
    body = {"ref": "main", "environment": "staging", "auto_merge": False, "required_contexts": []}
    for _ in range(2):
        made = await api(stage, "POST", "/deployments", body)
        await api(stage, "POST", f"/deployments/{made['id']}/statuses", {"state": "success"})
    await stage.logged(5)

    told = [sent.payload["deployment_status"]["state"] for sent in stage.receiver.named("deployment_status.created")]
    assert told == ["success", "success"]
    assert [states for _, states in await stage.actions.deployments()] == [["success"], ["success", "inactive"]]
    assert "workflow_run" not in stage.receiver.named("deployment_status.created")[0].payload


async def test_what_is_sent_is_how_it_was(stage: Hooked) -> None:
    """A late delivery tells the moment of the event, not that of its arrival."""
    stage.actions.fault("webhook_late", target="pull_request.edited", times=1, seconds=60)
    await stage.do("edit_pull", number=12, title="First")
    await stage.do("edit_pull", number=12, title="Second")
    await stage.logged(3)

    told = [sent.payload for sent in stage.receiver.named("pull_request.edited")]
    assert [each["pull_request"]["title"] for each in told] == ["Second", "First"]
    assert told[0]["changes"] == {"title": {"from": "First"}}
