"""Answers that the simulated GitHub does not give: other shapes, renamed branches, tags on trees, lists without end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from bot.clients.github import GitHubClient, TokenAuth
from bot.clock import SystemClock
from bot.domain.model import RefKind, Relation
from bot.errors import NotFound, RemoteRejected, UnexpectedResponse
from sandbox.kit import serving

REPO = "reify/reify-studio"
SHA = "dd085a7c339e27b92c8ba7afc115f2f8a21ee5f6"
COMMIT = {"sha": SHA, "commit": {"message": "Fix"}}


class Pages:
    """A GitHub that knows some paths below the repository, and nothing else."""

    def __init__(self) -> None:
        self.answers: dict[str, Response] = {}
        self.asked: list[str] = []

    def has(self, path: str, body: Any, status: int = 200) -> None:
        self.answers[path] = JSONResponse(body, status)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = Request(scope, receive).url.path.removeprefix(f"/repos/{REPO}/")
        self.asked.append(path)
        missing = JSONResponse({"message": "Not Found"}, 404)
        await self.answers.get(path, missing)(scope, receive, send)


@pytest.fixture
def pages() -> Pages:
    return Pages()


@pytest.fixture
async def client(pages: Pages) -> AsyncIterator[GitHubClient]:
    """A client of these pages."""
    async with serving(pages) as url, GitHubClient(url, auth=TokenAuth("t"), clock=SystemClock()) as client:
        yield client


async def test_a_tag_of_a_tag_is_peeled_to_its_commit(pages: Pages, client: GitHubClient) -> None:
    """An annotated tag may point to another one."""
    pages.has("git/ref/tags/v1", {"ref": "refs/tags/v1", "object": {"type": "tag", "sha": "a" * 40}})
    pages.has(f"git/tags/{'a' * 40}", {"object": {"type": "tag", "sha": "b" * 40}})
    pages.has(f"git/tags/{'b' * 40}", {"object": {"type": "commit", "sha": SHA}})
    pages.has(f"commits/{SHA}", COMMIT)

    found = await client.resolve(REPO, "v1")

    assert (found.kind, found.commit.sha) == (RefKind.TAG, SHA)


@pytest.mark.parametrize("kind", ["tree", "blob", "tag", None])
async def test_a_tag_that_names_no_commit_is_not_found(pages: Pages, client: GitHubClient, kind: str | None) -> None:
    """A tag on a tree, on a file, or on itself cannot be deployed; the branch of that name is not taken instead."""
    target = {"type": kind, "sha": "a" * 40}
    pages.has("git/ref/tags/v1", {"ref": "refs/tags/v1", "object": target})
    pages.has(f"git/tags/{'a' * 40}", {"object": target})
    pages.has("branches/v1", {"name": "v1", "commit": COMMIT})

    with pytest.raises(NotFound, match="names no commit"):
        await client.resolve(REPO, "v1")


@pytest.mark.parametrize("body", [[{"ref": "refs/tags/v1.4"}], {"ref": "refs/tags/v1.4"}])
async def test_a_tag_that_only_begins_so_is_another(pages: Pages, client: GitHubClient, body: Any) -> None:
    """Older servers answer with what begins like the name."""
    pages.has("git/ref/tags/v1", body)
    pages.has("branches/v1", {"name": "v1", "commit": COMMIT})

    assert (await client.resolve(REPO, "v1")).kind is RefKind.BRANCH


async def test_the_old_name_of_a_branch_is_not_its_new_one(pages: Pages, client: GitHubClient) -> None:
    """GitHub redirects; the rules for `master` must not let `main` through unsaid, so the new name is a hint."""
    pages.answers["branches/master"] = RedirectResponse(f"/repos/{REPO}/branches/main", 301)
    pages.has("branches/main", {"name": "main", "commit": COMMIT})
    pages.has("tags", [])
    pages.has("branches", [{"name": "main"}, {"name": "mastery"}, None])

    with pytest.raises(NotFound) as caught:
        await client.resolve(REPO, "master")

    assert caught.value.hint == "Close matches: mastery."


@pytest.mark.parametrize("body", [{"sha": "short"}, {"sha": None}, {}])
async def test_what_is_no_commit_is_unexpected(pages: Pages, client: GitHubClient, body: dict[str, Any]) -> None:
    """A commit without its hash is never passed on."""
    pages.has(f"commits/{SHA}", body)

    with pytest.raises(UnexpectedResponse):
        await client.commit(REPO, SHA)


async def test_a_branch_without_its_commit_is_unexpected(pages: Pages, client: GitHubClient) -> None:
    """The same for the tip of a branch."""
    pages.has("branches/main", {"name": "main", "commit": None})

    with pytest.raises(UnexpectedResponse):
        await client.resolve(REPO, "main")


async def test_another_commit_than_the_hash_is_not_found(pages: Pages, client: GitHubClient) -> None:
    """The endpoint takes branch names too: one that looks like a hash does not stand for it."""
    pages.has(f"commits/{'a' * 40}", COMMIT)

    with pytest.raises(NotFound):
        await client.commit(REPO, "a" * 40)


async def test_histories_without_a_common_commit_are_diverged(pages: Pages, client: GitHubClient) -> None:
    """GitHub says 404 with a sentence of its own; both commits exist."""
    pages.has(f"compare/{SHA}...main", {"message": f"No common ancestor between {SHA} and main."}, 404)

    found = await client.compare(REPO, SHA, "main")

    assert (found.relation, found.files_complete) == (Relation.DIVERGED, False)


async def test_a_list_without_end_is_given_up(pages: Pages, client: GitHubClient) -> None:
    """A next page that leads to itself does not keep the bot busy for ever, nor counts as read."""
    url = client._connection.base_url
    answer = JSONResponse({"check_runs": []}, headers={"Link": f'<{url}/again>; rel="next"'})
    pages.answers |= {f"commits/{SHA}/check-runs": answer, "/again": answer}
    pages.has(f"commits/{SHA}/status", {"statuses": []})

    with pytest.raises(UnexpectedResponse, match="does not end"):
        await client.ci(REPO, SHA, "")


async def test_an_unprocessable_request_is_githubs_refusal(pages: Pages, client: GitHubClient) -> None:
    """What is neither limit nor permission keeps GitHub's own sentence and has no hint."""
    pages.has(f"compare/{SHA}...main", {"message": "This diff is taking too long to generate."}, 422)

    with pytest.raises(RemoteRejected, match="too long") as caught:
        await client.compare(REPO, SHA, "main")

    assert caught.value.hint == ""


async def test_hints_that_cannot_be_read_do_not_hide_the_answer(pages: Pages, client: GitHubClient) -> None:
    """The ref is unknown, whether or not close matches can be listed."""
    pages.has("tags", {"message": "no"}, 422)

    with pytest.raises(NotFound) as caught:
        await client.resolve(REPO, "nothing")

    assert caught.value.hint == ""


@pytest.mark.parametrize("sha", ["main", "", "..", "a" * 41, SHA[:12]])
async def test_ci_is_asked_of_a_hash_only(pages: Pages, client: GitHubClient, sha: str) -> None:
    """What is no hash goes into no path."""
    with pytest.raises(NotFound):
        await client.ci(REPO, sha, "ci.yml")

    assert pages.asked == []
