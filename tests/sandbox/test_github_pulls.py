"""Pull requests and their comments."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from sandbox.faults import Fault
from sandbox.github import GitHubSimulator

HEADING = "0c48c64d2651fd5aef4f3d6a045e0744c0113d27"


async def opened(github: GitHubSimulator, branch: str, **body: Any) -> int:
    """A new branch with one commit, and a pull request of it."""
    await github.actions()["commit"]({"branch": branch, "title": branch, "author": "ana", "files": {branch: "x"}})
    pull = {"branch": branch, "title": branch.title(), "author": "ana", **body}
    return int((await github.actions()["open_pull"](pull))["number"])


async def numbers(repo: httpx.AsyncClient, **query: str) -> list[int]:
    return [pull["number"] for pull in (await repo.get("/pulls", params=query)).json()]


async def test_the_seeded_pull_request_is_open(repo: httpx.AsyncClient) -> None:
    """Number 12 by bo, from its branch to main, mergeable."""
    pull = (await repo.get("/pulls/12")).json()

    assert (pull["state"], pull["user"]["login"], pull["merged"], pull["mergeable"]) == ("open", "bo", False, True)
    assert (pull["head"]["ref"], pull["base"]["ref"], pull["base"]["sha"]) == ("feature/prices-table", "main", HEADING)
    assert (pull["commits"], pull["changed_files"]) == (1, 1)


async def test_a_list_lacks_what_only_one_pull_request_tells(repo: httpx.AsyncClient) -> None:
    """`merged` and `mergeable` are not in lists."""
    pull = (await repo.get("/pulls")).json()[0]

    assert not {"merged", "mergeable", "commits"} & pull.keys()


async def test_pull_requests_are_listed_by_state_and_order(github: GitHubSimulator, repo: httpx.AsyncClient) -> None:
    """Open ones by default and newest first; any other sort begins with the smallest."""
    first, second = await opened(github, "one"), await opened(github, "two")
    await github.actions()["close_pull"]({"number": first})

    assert await numbers(repo) == [second, 12]
    assert await numbers(repo, state="closed") == [first]
    assert await numbers(repo, state="all", sort="created", direction="asc") == [12, first, second]
    assert (await numbers(repo, state="all", sort="updated"))[0] == 12


async def test_pull_requests_are_filtered_by_head_and_base(github: GitHubSimulator, repo: httpx.AsyncClient) -> None:
    """`head` is owner and branch; `base` is a branch."""
    number = await opened(github, "one")

    assert await numbers(repo, head="reify:one") == [number]
    assert await numbers(repo, head="one") == []
    assert await numbers(repo, base="other") == []


async def test_an_unknown_state_is_refused(repo: httpx.AsyncClient) -> None:
    """422, so that a misspelling does not read as "none are open"."""
    answer = await repo.get("/pulls", params={"state": "merged"})

    assert answer.status_code == 422


async def test_a_number_may_be_an_issue(repo: httpx.AsyncClient) -> None:
    """Issue 11 is no pull request, but can be commented on."""
    pull, comments = await repo.get("/pulls/11"), await repo.get("/issues/11/comments")

    assert (pull.status_code, comments.status_code) == (404, 200)


async def test_a_push_moves_the_head(github: GitHubSimulator, repo: httpx.AsyncClient) -> None:
    """The pull request follows its branch."""
    made = await github.actions()["commit"]({"branch": "feature/prices-table", "title": "More", "author": "bo"})

    pull = (await repo.get("/pulls/12")).json()

    assert (pull["head"]["sha"], pull["commits"]) == (made["sha"], 2)


async def test_merging_brings_the_commits_to_the_base(github: GitHubSimulator, repo: httpx.AsyncClient) -> None:
    """A merge commit with two parents; the pull request is closed and merged."""
    merged = await github.actions()["merge_pull"]({"number": 12, "by": "cleo"})

    pull, tip = (await repo.get("/pulls/12")).json(), (await repo.get("/commits/main")).json()

    assert (pull["state"], pull["merged"], pull["merged_by"]["login"]) == ("closed", True, "cleo")
    assert pull["merge_commit_sha"] == tip["sha"] == merged["sha"]
    assert len(tip["parents"]) == 2
    assert (pull["commits"], pull["mergeable"]) == (1, None)


async def test_squashing_makes_one_commit(github: GitHubSimulator, repo: httpx.AsyncClient) -> None:
    """One parent, and the pull request's title with its number."""
    await github.actions()["merge_pull"]({"number": 12, "method": "squash"})

    tip = (await repo.get("/commits/main")).json()

    assert (tip["commit"]["message"], len(tip["parents"])) == ("Prices table (#12)", 1)


async def test_a_conflict_shows_in_mergeable(github: GitHubSimulator, repo: httpx.AsyncClient) -> None:
    """Both sides changed one file."""
    number = await opened(github, "one")
    await github.actions()["commit"]({"title": "Same file", "author": "bo", "files": {"one": "y"}})

    pull = (await repo.get(f"/pulls/{number}")).json()

    assert (pull["mergeable"], pull["mergeable_state"]) == (False, "dirty")


async def test_deleting_the_branch_closes_unmerged(github: GitHubSimulator, repo: httpx.AsyncClient) -> None:
    """Closed, not merged, with the time it happened."""
    await github.actions()["delete_ref"]({"ref": "heads/feature/prices-table"})

    pull = (await repo.get("/pulls/12")).json()

    assert (pull["state"], pull["merged"]) == ("closed", False)
    assert pull["closed_at"] is not None


async def test_a_closed_pull_request_can_be_opened_again(github: GitHubSimulator, repo: httpx.AsyncClient) -> None:
    """It is open as before, without a time of closing."""
    await github.actions()["close_pull"]({"number": 12})
    await github.actions()["reopen_pull"]({"number": 12})

    pull = (await repo.get("/pulls/12")).json()

    assert (pull["state"], pull["closed_at"]) == ("open", None)


async def test_a_commit_knows_its_pull_requests(github: GitHubSimulator, repo: httpx.AsyncClient) -> None:
    """Open ones while it is on a branch; the merged one after it landed."""
    before = (await repo.get("/commits/feature/prices-table/pulls")).json()
    await github.actions()["merge_pull"]({"number": 12})

    after = (await repo.get("/commits/feature/prices-table/pulls")).json()
    other = (await repo.get(f"/commits/{HEADING}/pulls")).json()

    assert [(p["number"], p["state"]) for p in before + after] == [(12, "open"), (12, "closed")]
    assert other == []


async def test_a_comment_is_posted_listed_and_changed(repo: httpx.AsyncClient) -> None:
    """It keeps its id and author; the new text replaces the old."""
    posted = await repo.post("/issues/12/comments", json={"body": "https://reify-studio-pr-12.fly.dev"})
    comment = posted.json()
    changed = await repo.patch(f"/issues/comments/{comment['id']}", json={"body": "gone"})

    listed = (await repo.get("/issues/12/comments")).json()

    assert (posted.status_code, comment["user"]["login"]) == (201, "reify-deployer")
    assert changed.json()["body"] == "gone"
    assert [(each["id"], each["body"]) for each in listed] == [(comment["id"], "gone")]


@pytest.mark.parametrize("body", [{}, {"body": ""}, {"body": 7}, {"body": "x" * 65_537}])
async def test_a_comment_needs_a_text_that_fits(repo: httpx.AsyncClient, body: dict[str, Any]) -> None:
    """Missing, empty, not text, or above 65,536 characters."""
    answer = await repo.post("/issues/12/comments", json=body)

    assert answer.status_code == 422


async def test_comments_since_a_time(repo: httpx.AsyncClient) -> None:
    """Only those updated since; a wrong time is 422."""
    await repo.post("/issues/12/comments", json={"body": "hello"})

    past = await repo.get("/issues/12/comments", params={"since": "2001-01-01T00:00:00Z"})
    future = await repo.get("/issues/12/comments", params={"since": "2999-01-01T00:00:00Z"})
    wrong = await repo.get("/issues/12/comments", params={"since": "soon"})

    assert (len(past.json()), len(future.json()), wrong.status_code) == (1, 0, 422)


@pytest.mark.parametrize(("method", "path"), [("GET", "/issues/99/comments"), ("PATCH", "/issues/comments/1")])
async def test_a_comment_of_nothing_is_not_found(repo: httpx.AsyncClient, method: str, path: str) -> None:
    """Neither an issue nor a comment of that number."""
    answer = await repo.request(method, path, json={"body": "x"} if method == "PATCH" else None)

    assert answer.status_code == 404


async def test_a_lost_answer_leaves_the_comment(github: GitHubSimulator, repo: httpx.AsyncClient) -> None:
    """`drop_after` does the work and cuts the line: looking again finds one comment."""
    github.faults.add(Fault("drop_after", method="POST", path="/comments$", times=1))

    with pytest.raises(httpx.TransportError):
        await repo.post("/issues/12/comments", json={"body": "hello"})

    assert len((await repo.get("/issues/12/comments")).json()) == 1
