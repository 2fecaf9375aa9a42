"""Opening, changing and merging pull requests through the API; what they bring; pull requests of forks."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from sandbox.github import GitHubSimulator
from sandbox.kit import ControlError

HEADING = "0c48c64d2651fd5aef4f3d6a045e0744c0113d27"
PRICES = "fa9b884c2545f4f8ae485e0f9a9856bc1bf1dc3a"


async def opened(repo: httpx.AsyncClient, **body: Any) -> httpx.Response:
    """A pull request of the hostile branch, which has one commit."""
    return await repo.post("/pulls", json={"title": "Headings", "head": "hostile", "base": "main", **body})


async def messages(repo: httpx.AsyncClient) -> list[str]:
    """The messages of main, newest first."""
    return [commit["commit"]["message"] for commit in (await repo.get("/commits")).json()]


async def test_a_pull_request_is_opened(repo: httpx.AsyncClient) -> None:
    """201 with all that it brings; its number follows the last of issues and pull requests."""
    answer = await opened(repo, body="Why", draft=True)

    pull = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (201, pull["url"])
    assert (pull["number"], pull["user"]["login"], pull["draft"], pull["body"]) == (13, "reify-deployer", True, "Why")
    assert (pull["head"]["label"], pull["base"]["ref"]) == ("reify:hostile", "main")
    assert (pull["commits"], pull["changed_files"], pull["mergeable"], pull["merged"]) == (1, 1, True, False)


async def test_the_head_may_name_its_owner(repo: httpx.AsyncClient) -> None:
    """`reify:hostile` is the branch `hostile`."""
    assert (await opened(repo, head="reify:hostile")).json()["head"]["ref"] == "hostile"


@pytest.mark.parametrize(
    ("body", "field"),
    [({"title": ""}, "title"), ({"head": "nope"}, "head"), ({"base": "nope"}, "base"), ({"draft": "yes"}, "draft")],
)
async def test_one_that_makes_no_sense_is_refused(repo: httpx.AsyncClient, body: dict[str, Any], field: str) -> None:
    """422 with the field."""
    answer = await opened(repo, **body)

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"head": "feature/prices-table"}, "A pull request already exists for reify:feature/prices-table."),
        ({"head": "main"}, "No commits between main and main"),
    ],
)
async def test_one_that_brings_nothing_new_is_refused(
    repo: httpx.AsyncClient, body: dict[str, str], message: str
) -> None:
    """422 with GitHub's sentence: there is one already, or no commit between."""
    answer = await opened(repo, **body)

    assert (answer.status_code, answer.json()["errors"][0]["message"]) == (422, message)


async def test_it_tells_its_files_and_commits(repo: httpx.AsyncClient) -> None:
    """Files by name with their patch, commits oldest first."""
    files = (await repo.get("/pulls/12/files")).json()
    commits = (await repo.get("/pulls/12/commits")).json()

    assert [(each["filename"], each["status"], each["additions"] > 0) for each in files] == [
        ("lib/prices_table.ex", "added", True)
    ]
    assert [commit["sha"] for commit in commits] == [PRICES]


async def test_title_text_and_base_are_changed(github: GitHubSimulator, repo: httpx.AsyncClient) -> None:
    """What is not named stays; another base changes what it brings."""
    await github.actions()["branch"]({"name": "stable", "sha": "v1.4.2"})

    pull = (await repo.patch("/pulls/12", json={"title": "New", "base": "stable"})).json()

    assert (pull["title"], pull["body"]) == ("New", "Shows all prices side by side.")
    assert (pull["base"]["ref"], pull["commits"]) == ("stable", 2)


async def test_it_is_closed_and_opened_again(repo: httpx.AsyncClient) -> None:
    """By its state."""
    closed = (await repo.patch("/pulls/12", json={"state": "closed"})).json()
    again = (await repo.patch("/pulls/12", json={"state": "open"})).json()

    assert (closed["state"], closed["closed_at"] is None, closed["merged"]) == ("closed", False, False)
    assert (again["state"], again["closed_at"]) == ("open", None)


@pytest.mark.parametrize("body", [{"state": "merged"}, {"base": "nope"}, {"title": ""}, {"title": 7}])
async def test_a_change_that_makes_no_sense_is_refused(repo: httpx.AsyncClient, body: dict[str, Any]) -> None:
    """422, and it stays as it was."""
    before = (await repo.get("/pulls/12")).json()

    answer = await repo.patch("/pulls/12", json={**body})

    assert answer.status_code == 422
    assert (await repo.get("/pulls/12")).json() == before


@pytest.mark.parametrize(
    ("body", "first", "parents"),
    [
        ({}, "Merge pull request #12 from reify/feature/prices-table\n\nPrices table", 2),
        ({"merge_method": "squash"}, "Prices table (#12)", 1),
        ({"merge_method": "rebase"}, "Add a table of prices", 1),
        ({"commit_title": "All prices", "commit_message": "At once."}, "All prices\n\nAt once.", 2),
    ],
)
async def test_it_is_merged(repo: httpx.AsyncClient, body: dict[str, str], first: str, parents: int) -> None:
    """With a merge commit, as one commit, or commit by commit; the base has what it brought."""
    await repo.post("/git/refs", json={"ref": "refs/heads/other", "sha": HEADING})

    merged = await repo.put("/pulls/12/merge", json=body)

    pull, tip = (await repo.get("/pulls/12")).json(), (await repo.get("/commits/main")).json()
    assert (merged.status_code, merged.json()["merged"]) == (200, True)
    assert merged.json()["sha"] == pull["merge_commit_sha"] == tip["sha"] != PRICES
    assert (tip["commit"]["message"], len(tip["parents"])) == (first, parents)
    assert (pull["merged"], pull["merged_by"]["login"]) == (True, "reify-deployer")
    assert (await repo.get("/contents/lib/prices_table.ex")).status_code == 200
    assert (await repo.get("/pulls/12/merge")).status_code == 204


async def test_an_unmerged_one_says_so(repo: httpx.AsyncClient) -> None:
    """404 at `merge`."""
    assert (await repo.get("/pulls/12/merge")).status_code == 404


async def test_a_conflict_cannot_be_merged(github: GitHubSimulator, repo: httpx.AsyncClient) -> None:
    """405, and main stays."""
    files = {"lib/prices_table.ex": "other"}
    await github.actions()["commit"]({"title": "Other", "author": "ana", "files": files})

    answer = await repo.put("/pulls/12/merge")

    assert (answer.status_code, answer.json()["message"]) == (405, "Pull Request is not mergeable")
    assert (await messages(repo))[0] == "Other"


async def test_a_draft_cannot_be_merged(repo: httpx.AsyncClient) -> None:
    """405 until it is ready."""
    number = (await opened(repo, draft=True)).json()["number"]

    assert (await repo.put(f"/pulls/{number}/merge")).status_code == 405


async def test_what_moved_is_not_merged_unseen(repo: httpx.AsyncClient) -> None:
    """409 where the head is not the `sha` that the caller saw."""
    answer = await repo.put("/pulls/12/merge", json={"sha": HEADING})

    assert answer.status_code == 409


async def test_a_strange_method_is_refused(repo: httpx.AsyncClient) -> None:
    """422."""
    assert (await repo.put("/pulls/12/merge", json={"merge_method": "octopus"})).status_code == 422


async def test_a_merged_one_stays_closed(repo: httpx.AsyncClient) -> None:
    """It can be merged no second time and not be opened again."""
    await repo.put("/pulls/12/merge")

    again, reopened = await repo.put("/pulls/12/merge"), await repo.patch("/pulls/12", json={"state": "open"})

    assert (again.status_code, reopened.status_code) == (405, 422)


async def test_a_deployer_that_only_reads_cannot_write(github: GitHubSimulator, repo: httpx.AsyncClient) -> None:
    """403 without the permissions."""
    github.seed["tokens"] = [
        *github.seed["tokens"],
        {"token": "ghp_reader", "login": "ana", "permissions": {"pull_requests": "read"}},
    ]
    github.reset()
    reader = {"authorization": "Bearer ghp_reader"}

    answers = [
        await repo.post("/pulls", json={}, headers=reader),
        await repo.patch("/pulls/12", json={}, headers=reader),
        await repo.put("/pulls/12/merge", headers=reader),
    ]

    github.seed["tokens"].pop()
    assert [answer.status_code for answer in answers] == [403] * 3


async def fork(github: GitHubSimulator, **body: Any) -> int:
    """A pull request of a fork's branch that is called main."""
    made = await github.actions()["open_pull"](
        {"branch": "main", "fork": "mallory", "title": "Mine", "author": "mallory", "files": {"x": "1"}, **body}
    )
    return int(made["number"])


async def test_a_forks_pull_request_shows_where_it_comes_from(github: GitHubSimulator, repo: httpx.AsyncClient) -> None:
    """Another repository at its head; it is found by its owner's name."""
    number = await fork(github)

    pull = (await repo.get(f"/pulls/{number}")).json()
    found = (await repo.get("/pulls", params={"head": "mallory:main"})).json()

    assert (pull["head"]["label"], pull["head"]["repo"]["full_name"]) == ("mallory:main", "mallory/reify-studio")
    assert (pull["head"]["repo"]["fork"], pull["base"]["repo"]["full_name"]) == (True, "reify/reify-studio")
    assert [each["number"] for each in found] == [number]


async def test_a_push_to_main_does_not_move_a_forks_main(github: GitHubSimulator, repo: httpx.AsyncClient) -> None:
    """Branches of the same name have nothing to do with each other."""
    number = await fork(github)
    before = (await repo.get(f"/pulls/{number}")).json()["head"]["sha"]
    await github.actions()["commit"]({"title": "Ours", "author": "ana"})

    pushed = await github.actions()["push_to_fork"]({"number": number, "title": "More", "files": {"y": "1"}})

    pull = (await repo.get(f"/pulls/{number}")).json()
    assert (pull["head"]["sha"], pull["commits"]) == (pushed["sha"], 2)
    assert pushed["sha"] != before


async def test_a_deleted_fork_leaves_its_pull_request(github: GitHubSimulator, repo: httpx.AsyncClient) -> None:
    """Without a head repository, and it can still be merged."""
    number = await fork(github)
    await github.actions()["delete_fork"]({"number": number})

    pull = (await repo.get(f"/pulls/{number}")).json()
    merged = await repo.put(f"/pulls/{number}/merge")

    assert (pull["head"]["repo"], pull["head"]["label"], merged.status_code) == (None, "mallory:main", 200)


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("open_pull", {"branch": "hostile", "title": "x", "author": "nobody"}),
        ("open_pull", {"branch": "nope", "title": "x", "author": "ana"}),
        ("open_pull", {"branch": "feature/prices-table", "title": "x", "author": "ana"}),
        ("open_pull", {"branch": "x", "fork": "nobody", "title": "x", "author": "ana"}),
        ("push_to_fork", {"number": 12, "title": "x"}),
        ("delete_fork", {"number": 12}),
        ("edit_pull", {"number": 99, "title": "x"}),
        ("merge_pull", {"number": 12, "method": "octopus"}),
        ("merge_pull", {"number": 12, "by": "nobody"}),
        ("set_draft", {"number": 99}),
    ],
)
async def test_people_cannot_do_what_makes_no_sense(github: GitHubSimulator, action: str, body: dict[str, Any]) -> None:
    """Refused with a sentence; nothing changes."""
    before = github.state()["repositories"]

    with pytest.raises(ControlError):
        await github.actions()[action](body)

    assert github.state()["repositories"] == before


async def test_an_issue_is_told_as_far_as_it_is_one(repo: httpx.AsyncClient) -> None:
    """A pull request is an issue with a reference to itself; issue 11 is none."""
    pull, issue = (await repo.get("/issues/12")).json(), (await repo.get("/issues/11")).json()

    assert (pull["title"], pull["pull_request"]["url"].endswith("/pulls/12")) == ("Prices table", True)
    assert ("pull_request" in issue, (await repo.get("/issues/99")).status_code) == (False, 404)


async def test_a_comment_is_deleted(repo: httpx.AsyncClient) -> None:
    """204, then 404."""
    number = (await repo.post("/issues/12/comments", json={"body": "hello"})).json()["id"]

    answers = [await repo.delete(f"/issues/comments/{number}"), await repo.get(f"/issues/comments/{number}")]

    assert [answer.status_code for answer in answers] == [204, 404]
