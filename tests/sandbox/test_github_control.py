"""The control API: what people make happen at GitHub, the state, the seed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from sandbox.github import GitHubSimulator, default_seed
from sandbox.kit import running

HEADING, V141 = "0c48c64d2651fd5aef4f3d6a045e0744c0113d27", "dd085a7c339e27b92c8ba7afc115f2f8a21ee5f6"
NAME = "reify/reify-studio"


@pytest.fixture(scope="module")
async def served() -> AsyncIterator[GitHubSimulator]:
    """One server for the module; each test starts from the seed."""
    simulator = GitHubSimulator()
    async with running(simulator):
        yield simulator


@pytest.fixture(scope="module")
async def client(served: GitHubSimulator) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"{served.url}/_control", verify=False) as client:
        yield client


@pytest.fixture
def control(served: GitHubSimulator, client: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client of the control API, in a world fresh from the seed."""
    served.reset()
    return client


async def do(control: httpx.AsyncClient, action: str, **body: Any) -> Any:
    """The result of an action that must succeed."""
    answer = await control.post(f"/do/{action}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["result"]


async def state(control: httpx.AsyncClient) -> dict[str, Any]:
    world: dict[str, Any] = (await control.get("/state")).json()["repositories"][NAME]
    return world


async def test_the_seed_is_the_shared_world(control: httpx.AsyncClient) -> None:
    """Eleven commits on main with their tags, two other tips, one open pull request, CI for each commit."""
    world = await state(control)

    assert world["branches"]["main"] == HEADING
    assert world["tags"]["v1.4.1"] == {"sha": V141, "object": V141, "annotated": False}
    assert world["tags"]["v1.4.2"]["annotated"] is True
    assert [run["conclusion"] for run in world["runs"]].count("failure") == 1
    assert len(world["runs"]) == len(world["commits"]) == 14
    assert [(pull["number"], pull["state"], pull["author"]) for pull in world["pulls"]] == [(12, "open", "bo")]


async def test_commits_are_told_newest_first(control: httpx.AsyncClient) -> None:
    """With title, author, parents and the files that changed."""
    made = await do(control, "commit", branch="main", title="New", author="cleo", files={"a": "1", "lib/page.ex": None})

    newest = (await state(control))["commits"][0]

    assert (newest["sha"], newest["title"], newest["author"]) == (made["sha"], "New", "cleo")
    assert (newest["parents"], newest["files"]) == ([HEADING], ["a", "lib/page.ex"])


async def test_a_commit_makes_its_branch(control: httpx.AsyncClient) -> None:
    """A branch that did not exist starts at `from`."""
    made = await do(control, "commit", **{"branch": "hotfix", "from": "v1.4.1", "title": "Hotfix", "author": "ana"})

    world = await state(control)

    assert world["branches"]["hotfix"] == made["sha"]
    assert world["commits"][0]["parents"] == [V141]


async def test_a_commit_may_bring_its_ci(control: httpx.AsyncClient) -> None:
    """`ci` is the conclusion; null leaves the run in progress."""
    await do(control, "commit", title="Green", author="ana", ci="success")
    await do(control, "commit", title="Running", author="ana", ci=None)

    runs = (await state(control))["runs"]

    assert [(run["status"], run["conclusion"]) for run in runs[:2]] == [
        ("in_progress", None),
        ("completed", "success"),
    ]


async def test_branches_and_tags_come_and_go(control: httpx.AsyncClient) -> None:
    """Made at any ref, annotated on request, deleted by name."""
    await do(control, "branch", name="release", sha="v1.4.1")
    tag = await do(control, "tag", name="v1.5.0", sha="main", annotated=True)
    await do(control, "delete_ref", ref="heads/hostile")

    world = await state(control)

    assert world["branches"]["release"] == V141
    assert world["tags"]["v1.5.0"] == {"sha": HEADING, "object": tag["sha"], "annotated": True}
    assert "hostile" not in world["branches"]


async def test_a_tag_can_be_moved_by_force(control: httpx.AsyncClient) -> None:
    """The answer says where it was and where it is."""
    moved = await do(control, "force_push", ref="tags/v1.4.1", sha="main")

    assert (moved["before"], moved["after"]) == (V141, HEADING)
    assert (await state(control))["tags"]["v1.4.1"]["sha"] == HEADING


async def test_the_state_holds_the_newest_hundred_commits(control: httpx.AsyncClient) -> None:
    """The rest stays readable through the API."""
    await do(control, "many_commits", branch="main", count=120)

    assert len((await state(control))["commits"]) == 100


async def test_deployments_and_comments_are_in_the_state(served: GitHubSimulator, control: httpx.AsyncClient) -> None:
    """What a client wrote can be asserted without asking the API."""
    headers = {"authorization": "Bearer ghp_sandbox"}
    async with httpx.AsyncClient(base_url=f"{served.url}/repos/{NAME}", headers=headers, verify=False) as repo:
        made = (await repo.post("/deployments", json={"ref": "main", "environment": "staging"})).json()
        await repo.post(f"/deployments/{made['id']}/statuses", json={"state": "success", "log_url": "https://x"})
        await repo.post("/issues/12/comments", json={"body": "hello"})

    world = await state(control)

    assert [(d["environment"], d["state"], d["creator"]) for d in world["deployments"]] == [
        ("staging", "success", "reify-deployer")
    ]
    assert world["deployments"][0]["statuses"][0]["log_url"] == "https://x"
    assert [(c["issue"], c["body"]) for c in world["comments"]] == [(12, "hello")]


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("commit", {}),
        ("commit", {"title": "x", "author": "nobody"}),
        ("commit", {"title": "x", "author": "ana", "ci": "fine"}),
        ("commit", {"title": "x", "author": "ana", "branch": "new", "from": "nope"}),
        ("branch", {"name": "main"}),
        ("branch", {"name": "a b"}),
        ("tag", {"name": "v1.4.1"}),
        ("tag", {"name": "v2", "sha": "nope"}),
        ("delete_ref", {"ref": "heads/nope"}),
        ("delete_ref", {"ref": "heads/main"}),
        ("force_push", {"ref": "heads/nope", "sha": "main"}),
        ("set_ci", {"sha": "main", "workflow": "nope.yml"}),
        ("set_ci", {"sha": "main", "conclusion": "fine"}),
        ("set_status", {"sha": "main", "context": "x", "state": "fine"}),
        ("open_pull", {"branch": "main", "title": "x", "author": "ana"}),
        ("open_pull", {"branch": "hostile", "title": "x", "author": "ana", "number": 11}),
        ("merge_pull", {"number": 99}),
        ("reopen_pull", {"number": 12}),
        ("suspend_installation", {"id": 1}),
        ("commit", {"repository": "reify/other", "title": "x"}),
    ],
)
async def test_nonsense_is_refused(control: httpx.AsyncClient, action: str, body: dict[str, Any]) -> None:
    """400 with a reason, and the world stays as it was."""
    before = await state(control)

    answer = await control.post(f"/do/{action}", json=body)

    assert answer.status_code == 400
    assert answer.json()["error"]
    assert await state(control) == before


async def test_a_conflicting_pull_request_cannot_be_merged(control: httpx.AsyncClient) -> None:
    """Both sides changed the file; the pull request stays open."""
    await do(control, "commit", title="x", author="ana", files={"lib/prices_table.ex": "other"})

    answer = await control.post("/do/merge_pull", json={"number": 12})

    assert answer.status_code == 400
    assert "conflict" in answer.json()["error"]


async def test_reset_brings_the_seed_back(control: httpx.AsyncClient) -> None:
    """Commits, tags and pull requests are as at the start."""
    await do(control, "commit", title="x", author="ana")
    await do(control, "close_pull", number=12)

    await do(control, "reset")

    world = await state(control)
    assert world["branches"]["main"] == HEADING
    assert world["pulls"][0]["state"] == "open"


def test_a_seed_can_be_changed_without_touching_the_next() -> None:
    """`default_seed` gives a copy each time."""
    seed = default_seed()
    seed["repositories"][0]["name"] = "other"

    assert default_seed()["repositories"][0]["name"] == "reify-studio"
    assert "reify/other" in GitHubSimulator(seed).state()["repositories"]


async def test_it_runs_alone() -> None:
    """`python -m sandbox.github` prints its address in one line, serves, and ends well when asked to."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sandbox.github", "--speed", "60", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode().strip()
    async with httpx.AsyncClient(base_url=line.rpartition(" ")[2], verify=False) as client:
        clock = (await client.get("/_control/clock")).json()
        meta = await client.get("/meta")
    process.terminate()
    await process.communicate()

    assert line.startswith("github simulator listening on http://127.0.0.1:")
    assert (clock["speed"], meta.status_code, process.returncode) == (60.0, 200, 0)
