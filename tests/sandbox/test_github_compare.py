"""Comparison of two commits."""

from __future__ import annotations

import httpx
import pytest

from sandbox.faults import Fault
from sandbox.github import GitHubSimulator

HEADING, V141 = "0c48c64d2651fd5aef4f3d6a045e0744c0113d27", "dd085a7c339e27b92c8ba7afc115f2f8a21ee5f6"
MIGRATION = "priv/repo/migrations/20261120080000_add_plan_to_accounts.exs"


@pytest.mark.parametrize(
    ("basehead", "status", "ahead", "behind"),
    [
        ("v1.4.1...v1.4.2", "ahead", 5, 0),
        ("v1.4.2...v1.4.1", "behind", 0, 5),
        ("v1.4.2...v1.4.2", "identical", 0, 0),
        ("feature/broken...hostile", "diverged", 1, 1),
        (f"{V141[:8]}...{HEADING}", "ahead", 6, 0),
    ],
)
async def test_a_comparison_counts_both_directions(
    repo: httpx.AsyncClient, basehead: str, status: str, ahead: int, behind: int
) -> None:
    """Status and counts come from the commit graph."""
    body = (await repo.get(f"/compare/{basehead}")).json()

    assert (body["status"], body["ahead_by"], body["behind_by"]) == (status, ahead, behind)
    assert body["total_commits"] == len(body["commits"]) == ahead


async def test_a_comparison_shows_the_migrations_in_range(repo: httpx.AsyncClient) -> None:
    """Commits oldest first, files by name with their status."""
    body = (await repo.get("/compare/v1.4.1...v1.4.2")).json()

    assert body["commits"][0]["commit"]["message"] == "Add plan to accounts"
    assert body["merge_base_commit"]["sha"] == V141
    assert {file["filename"]: file["status"] for file in body["files"]} == {
        "lib/accounts.ex": "added",
        "lib/errors.ex": "added",
        "lib/prices.ex": "modified",
        "lib/search.ex": "added",
        "mix.lock": "modified",
        MIGRATION: "added",
    }


async def test_a_renamed_file_tells_its_former_name(github: GitHubSimulator, repo: httpx.AsyncClient) -> None:
    """A migration that was moved away still names where it was."""
    text = (await repo.get(f"/contents/{MIGRATION}", headers={"accept": "application/vnd.github.raw+json"})).text
    await github.actions()["commit"]({"title": "Move", "author": "bo", "files": {MIGRATION: None, "old.exs": text}})

    files = (await repo.get(f"/compare/{HEADING}...main")).json()["files"]

    assert [(f["filename"], f["status"], f["previous_filename"]) for f in files] == [("old.exs", "renamed", MIGRATION)]


async def test_files_are_taken_from_the_merge_base(repo: httpx.AsyncClient) -> None:
    """What only the base's side changed is not in the list."""
    files = (await repo.get("/compare/feature/broken...hostile")).json()["files"]

    assert [file["filename"] for file in files] == ["lib/page.ex"]


async def test_unpaged_comparison_ends_with_the_newest_of_250(github: GitHubSimulator, repo: httpx.AsyncClient) -> None:
    """The oldest commits are left out, and the total says so."""
    made = await github.actions()["many_commits"]({"branch": "main", "count": 260})

    body = (await repo.get(f"/compare/{HEADING}...main")).json()

    assert (body["total_commits"], len(body["commits"])) == (260, 250)
    assert body["commits"][-1]["sha"] == made["sha"]


async def test_a_paged_comparison_gives_files_on_the_first_page_alone(
    github: GitHubSimulator, repo: httpx.AsyncClient
) -> None:
    """Pages go from the oldest commit on; the second has no files."""
    await github.actions()["many_commits"]({"branch": "main", "count": 3})

    first = await repo.get(f"/compare/{HEADING}...main", params={"per_page": 2})
    second = await repo.get(first.links["next"]["url"])

    assert (len(first.json()["commits"]), len(first.json()["files"])) == (2, 3)
    assert (len(second.json()["commits"]), second.json()["files"]) == (1, [])


async def test_no_more_than_300_files_are_listed(github: GitHubSimulator, repo: httpx.AsyncClient) -> None:
    """The list stops without a word."""
    await github.actions()["many_commits"]({"branch": "main", "count": 1, "files": 301})

    files = (await repo.get(f"/compare/{HEADING}...main")).json()["files"]

    assert len(files) == 300


@pytest.mark.parametrize("basehead", ["v1.4.1...nope", "nope...main", "v1.4.1..main", "main"])
async def test_a_comparison_with_an_unknown_side_is_not_found(repo: httpx.AsyncClient, basehead: str) -> None:
    """Both sides must exist, and three dots stand between them."""
    answer = await repo.get(f"/compare/{basehead}")

    assert answer.status_code == 404


async def test_a_cut_comparison_hides_the_real_files(github: GitHubSimulator, repo: httpx.AsyncClient) -> None:
    """The fault `files_cut` answers 300 files without the migration."""
    github.faults.add(Fault("files_cut", target="v1.4.1...v1.4.2", times=1))

    cut = (await repo.get("/compare/v1.4.1...v1.4.2")).json()["files"]
    whole = (await repo.get("/compare/v1.4.1...v1.4.2")).json()["files"]

    assert len(cut) == 300
    assert MIGRATION not in {file["filename"] for file in cut}
    assert MIGRATION in {file["filename"] for file in whole}


async def test_a_hidden_commit_looks_as_if_never_pushed(github: GitHubSimulator, repo: httpx.AsyncClient) -> None:
    """The fault `unknown_commit` hides one commit by hash, whatever name is used."""
    github.faults.add(Fault("unknown_commit", target=V141))

    commit, compare = await repo.get("/commits/v1.4.1"), await repo.get("/compare/v1.4.1...main")
    other = await repo.get("/commits/v1.4.2")

    assert (commit.status_code, compare.status_code, other.status_code) == (422, 404, 200)


async def test_histories_without_a_common_commit_cannot_be_compared(
    github: GitHubSimulator, repo: httpx.AsyncClient
) -> None:
    """404 with a sentence of its own, unlike an unknown side."""
    git = github.world.repository("reify/reify-studio").git
    git.refs["refs/heads/pages"] = git.add_commit("Pages", github.world.person("ana"), 0.0, files={"x": "x"}).sha

    answer = await repo.get("/compare/main...pages")

    assert (answer.status_code, answer.json()["message"]) == (404, "No common ancestor between main and pages.")
