"""Refs, commits and contents, as a client sees them."""

from __future__ import annotations

import base64

import httpx
import pytest

from sandbox.github import GitHubSimulator

HEADING, V142 = "0c48c64d2651fd5aef4f3d6a045e0744c0113d27", "844d6008b85920b87c9f6767ee5ea0e879305a82"
V141 = "dd085a7c339e27b92c8ba7afc115f2f8a21ee5f6"
BROKEN = "948f0c1d2e3c31744979b255a4a6ec1bb203c3fb"
MIGRATION = "priv/repo/migrations/20261120080000_add_plan_to_accounts.exs"


@pytest.mark.parametrize(
    ("ref", "sha"),
    [
        ("main", HEADING),
        ("heads/main", HEADING),
        ("feature/broken", BROKEN),
        ("feature%2Fbroken", BROKEN),
        ("v1.4.1", V141),
        ("v1.4.2", V142),
        ("tags/v1.4.2", V142),
        (V142, V142),
        (V142[:7], V142),
    ],
)
async def test_a_commit_answers_to_all_its_names(repo: httpx.AsyncClient, ref: str, sha: str) -> None:
    """Branch, tag (also annotated), hash and abbreviated hash name the same commit."""
    answer = await repo.get(f"/commits/{ref}")

    assert answer.status_code == 200
    assert answer.json()["sha"] == sha


@pytest.mark.parametrize("ref", ["nope", "f" * 40, V142[:6], "v9.9.9"])
async def test_an_unknown_commit_is_unprocessable(repo: httpx.AsyncClient, ref: str) -> None:
    """GitHub says 422, not 404, and names what it looked for."""
    answer = await repo.get(f"/commits/{ref}")

    assert answer.status_code == 422
    assert answer.json()["message"] == f"No commit found for SHA: {ref}"


async def test_a_commit_names_its_author_parents_and_files(repo: httpx.AsyncClient) -> None:
    """The Git author and the account stand side by side; files are against the parent."""
    commit = (await repo.get(f"/commits/{V142}")).json()

    assert commit["commit"]["message"] == "Better error pages"
    assert commit["commit"]["author"]["email"] == "ana@reify.example"
    assert commit["author"]["login"] == "ana"
    assert [parent["sha"][:7] for parent in commit["parents"]] == ["2fcdf22"]
    assert [(file["filename"], file["status"]) for file in commit["files"]] == [("lib/errors.ex", "added")]


async def test_a_commit_without_an_account_has_no_author(github: GitHubSimulator, repo: httpx.AsyncClient) -> None:
    """An e-mail that belongs to nobody leaves `author` null and the Git author in place."""
    author = {"name": "Someone Else", "email": "someone@elsewhere.example"}
    made = await github.actions()["commit"]({"title": "Drive by", "author": author, "files": {"x": "x"}})

    commit = (await repo.get(f"/commits/{made['sha']}")).json()

    assert commit["author"] is None
    assert commit["commit"]["author"]["name"] == "Someone Else"


async def test_only_the_hash_is_given_where_the_media_type_asks(repo: httpx.AsyncClient) -> None:
    """`application/vnd.github.sha` turns a commit into its hash as text."""
    answer = await repo.get("/commits/main", headers={"accept": "application/vnd.github.sha"})

    assert answer.text == HEADING


async def test_commits_are_listed_newest_first_in_pages(repo: httpx.AsyncClient) -> None:
    """A page of the history of a ref, with a link to the next."""
    answer = await repo.get("/commits", params={"sha": "v1.4.1", "per_page": 2})

    assert [commit["commit"]["message"] for commit in answer.json()] == [
        "Fix rounding of prices",
        "Show prices per month",
    ]
    assert 'rel="next"' in answer.headers["link"]


async def test_commits_that_touch_a_path(repo: httpx.AsyncClient) -> None:
    """`path` keeps only commits that changed something below it."""
    answer = await repo.get("/commits", params={"path": "priv/repo/migrations"})

    assert [commit["commit"]["message"] for commit in answer.json()] == ["Add plan to accounts", "Add billing plans"]


async def test_a_list_of_an_unknown_ref_is_not_found(repo: httpx.AsyncClient) -> None:
    """Unlike a single commit, the list answers 404."""
    answer = await repo.get("/commits", params={"sha": "nope"})

    assert answer.status_code == 404


async def test_a_lightweight_tag_points_at_its_commit(repo: httpx.AsyncClient) -> None:
    """`object.type` is commit, and there is no tag object to read."""
    target = (await repo.get("/git/ref/tags/v1.4.1")).json()["object"]
    tag = await repo.get(f"/git/tags/{target['sha']}")

    assert (target["type"], target["sha"]) == ("commit", V141)
    assert tag.status_code == 404


async def test_an_annotated_tag_has_to_be_peeled(repo: httpx.AsyncClient) -> None:
    """The ref names a tag object, which names the commit."""
    target = (await repo.get("/git/ref/tags/v1.4.2")).json()["object"]
    tag = (await repo.get(f"/git/tags/{target['sha']}")).json()

    assert target["type"] == "tag"
    assert target["sha"] != V142
    assert tag["object"]["sha"] == V142


async def test_a_prefix_is_no_ref(repo: httpx.AsyncClient) -> None:
    """Exact look-up finds nothing for `v1.4`; matching finds three, in order of name."""
    exact = await repo.get("/git/ref/tags/v1.4")
    matching = await repo.get("/git/matching-refs/tags/v1.4")

    assert exact.status_code == 404
    assert [ref["ref"] for ref in matching.json()] == ["refs/tags/v1.4.0", "refs/tags/v1.4.1", "refs/tags/v1.4.2"]


async def test_nothing_matching_is_an_empty_list(repo: httpx.AsyncClient) -> None:
    """matching-refs never answers 404 for a name."""
    answer = await repo.get("/git/matching-refs/tags/w")

    assert (answer.status_code, answer.json()) == (200, [])


async def test_a_tag_is_created_once(repo: httpx.AsyncClient) -> None:
    """201, then 422 with GitHub's sentence."""
    body = {"ref": "refs/tags/v1.5.0", "sha": HEADING}

    first, second = await repo.post("/git/refs", json=body), await repo.post("/git/refs", json=body)

    assert first.status_code == 201
    assert first.json()["object"]["sha"] == HEADING
    assert (second.status_code, second.json()["message"]) == (422, "Reference already exists")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"ref": "tags/v2", "sha": HEADING}, "tags/v2 is not a valid ref name."),
        ({"ref": "refs/tags/a b", "sha": HEADING}, "refs/tags/a b is not a valid ref name."),
        ({"ref": "refs/tags/v2", "sha": "f" * 40}, "Object does not exist"),
        (
            {"ref": "refs/tags/v2", "sha": HEADING[:7]},
            "The sha parameter must be exactly 40 characters and contain only [0-9a-f].",
        ),
        ({"ref": "refs/tags/v2"}, "Validation Failed"),
        ({"ref": 7, "sha": HEADING}, "Validation Failed"),
    ],
)
async def test_a_wrong_ref_is_refused(repo: httpx.AsyncClient, body: dict[str, str], message: str) -> None:
    """Each mistake has its own 422."""
    answer = await repo.post("/git/refs", json=body)

    assert (answer.status_code, answer.json()["message"]) == (422, message)


async def test_an_annotated_tag_is_made_in_two_steps(repo: httpx.AsyncClient) -> None:
    """The object first, then the ref to it; a commit look-up goes through both."""
    body = {"tag": "v1.5.0", "message": "Release", "object": HEADING, "type": "commit"}
    tag = (await repo.post("/git/tags", json=body)).json()
    await repo.post("/git/refs", json={"ref": "refs/tags/v1.5.0", "sha": tag["sha"]})

    commit = await repo.get("/commits/v1.5.0")

    assert commit.json()["sha"] == HEADING


async def test_a_ref_moves_forward_only_unless_forced(repo: httpx.AsyncClient) -> None:
    """Back to an ancestor is no fast forward."""
    gentle = await repo.patch("/git/refs/heads/main", json={"sha": V141})
    forced = await repo.patch("/git/refs/heads/main", json={"sha": V141, "force": True})
    forward = await repo.patch("/git/refs/heads/main", json={"sha": HEADING})

    assert (gentle.status_code, gentle.json()["message"]) == (422, "Update is not a fast forward")
    assert forced.json()["object"]["sha"] == V141
    assert forward.json()["object"]["sha"] == HEADING


async def test_a_ref_is_deleted_once(repo: httpx.AsyncClient) -> None:
    """204, then 422; the commit stays reachable by its hash."""
    first, second = await repo.delete("/git/refs/heads/hostile"), await repo.delete("/git/refs/heads/hostile")

    assert (first.status_code, first.content) == (204, b"")
    assert (second.status_code, second.json()["message"]) == (422, "Reference does not exist")


async def test_branches_and_tags_are_listed_with_their_commits(repo: httpx.AsyncClient) -> None:
    """Branches by name, tags from the last name to the first, annotated ones peeled."""
    branches, tags = (await repo.get("/branches")).json(), (await repo.get("/tags")).json()

    assert [branch["name"] for branch in branches] == ["feature/broken", "feature/prices-table", "hostile", "main"]
    assert [tag["name"] for tag in tags] == ["v1.4.2", "v1.4.1", "v1.4.0", "v1.3.0"]
    assert tags[0]["commit"]["sha"] == V142


async def test_a_branch_gives_its_tip(repo: httpx.AsyncClient) -> None:
    """A name with a slash works; a tag is no branch."""
    branch, tag = await repo.get("/branches/feature/broken"), await repo.get("/branches/v1.4.1")

    assert branch.json()["commit"]["sha"] == BROKEN
    assert (tag.status_code, tag.json()["message"]) == (404, "Branch not found")


async def test_a_file_comes_in_base64(repo: httpx.AsyncClient) -> None:
    """Decoded, it is the text at that ref."""
    old = (await repo.get("/contents/mix.lock", params={"ref": "v1.4.0"})).json()
    new = (await repo.get("/contents/mix.lock")).json()

    assert "1.8.0" in base64.b64decode(old["content"]).decode()
    assert "1.8.3" in base64.b64decode(new["content"]).decode()
    assert old["sha"] != new["sha"]


async def test_a_directory_lists_its_entries(repo: httpx.AsyncClient) -> None:
    """Files and directories side by side, not what lies below."""
    answer = await repo.get("/contents", params={"ref": "v1.4.0"})

    assert [(entry["name"], entry["type"]) for entry in answer.json()] == [
        (".github", "dir"),
        ("fly.production.toml", "file"),
        ("fly.staging.toml", "file"),
        ("lib", "dir"),
        ("mix.exs", "file"),
        ("mix.lock", "file"),
        ("priv", "dir"),
    ]


@pytest.mark.parametrize(
    "path", ["/contents/nope.txt", "/contents/mix.lock?ref=nope", f"/contents/{MIGRATION}?ref=v1.4.1"]
)
async def test_a_file_that_is_not_there_is_not_found(repo: httpx.AsyncClient, path: str) -> None:
    """Neither by path, nor by ref, nor at a commit before it came."""
    answer = await repo.get(path)

    assert answer.status_code == 404


async def test_commits_of_one_author(repo: httpx.AsyncClient) -> None:
    """By login or e-mail."""
    by_login = await repo.get("/commits", params={"author": "cleo"})
    by_email = await repo.get("/commits", params={"author": "cleo@reify.example"})

    assert [c["commit"]["message"] for c in by_login.json()] == ["Pricing fix", "Add billing plans"]
    assert by_email.json() == by_login.json()


async def test_the_default_branch_stays(repo: httpx.AsyncClient) -> None:
    """It cannot be deleted."""
    answer = await repo.delete("/git/refs/heads/main")

    assert answer.status_code == 422
    assert (await repo.get("/branches/main")).status_code == 200


@pytest.mark.parametrize("change", [{"type": "tree"}, {"object": "f" * 40}, {"message": ""}, {"tag": 7}])
async def test_a_wrong_tag_object_is_refused(repo: httpx.AsyncClient, change: dict[str, object]) -> None:
    """It must have a name, a message and a commit that exists."""
    body = {"tag": "v2", "message": "Two", "object": HEADING, "type": "commit", **change}

    answer = await repo.post("/git/tags", json=body)

    assert answer.status_code == 422


async def test_the_hostile_title_comes_through_as_it_is(repo: httpx.AsyncClient) -> None:
    """GitHub escapes nothing for Slack: that is the reader's business."""
    commit = (await repo.get("/commits/hostile")).json()

    assert commit["commit"]["message"] == "Fix <!channel> & <https://evil.example|login> *now*"
