"""The GitHub client against the simulated GitHub, over a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from bot.clients.github import GitHubClient, TokenAuth
from bot.clock import SystemClock
from bot.domain.migrations import migrations
from bot.domain.model import CiState, MigrationRisk, RefKind, Relation
from bot.errors import NotFound, RateLimited, Reason, RemoteError, RemoteRejected, RemoteUnavailable
from sandbox.faults import Fault
from sandbox.github import GitHubSimulator
from sandbox.kit import running

REPO = "reify/reify-studio"
V140 = "282e3e8a6ca27ebb7a2e067597fcc1d52ab5a781"
V141 = "dd085a7c339e27b92c8ba7afc115f2f8a21ee5f6"
V142 = "844d6008b85920b87c9f6767ee5ea0e879305a82"
PLAN = "6520dcab3bbddd93b49893ee90eb76d6ea6dea80"
HEADING = "0c48c64d2651fd5aef4f3d6a045e0744c0113d27"
BROKEN = "948f0c1d2e3c31744979b255a4a6ec1bb203c3fb"
HOSTILE = "15f7f3061d744d0efb11e0d1f2d27db09698ee85"
TOKEN = "ghp_sandbox"
ECTO = ["priv/*repo*/migrations/**/*.exs"]


@pytest.fixture
async def github() -> AsyncIterator[GitHubSimulator]:
    """A simulated GitHub that listens."""
    simulator = GitHubSimulator()
    async with running(simulator):
        yield simulator


@pytest.fixture
async def client(github: GitHubSimulator) -> AsyncIterator[GitHubClient]:
    """A client with a personal token."""
    async with GitHubClient(github.url, auth=TokenAuth(TOKEN), clock=SystemClock()) as client:
        yield client


async def do(github: GitHubSimulator, action: str, **body: Any) -> Any:
    """Let a person do something at GitHub."""
    return await github.actions()[action](body)


@pytest.mark.parametrize(
    ("ref", "kind", "sha"),
    [
        ("v1.4.1", RefKind.TAG, V141),
        ("v1.4.2", RefKind.TAG, V142),
        ("main", RefKind.BRANCH, HEADING),
        ("feature/broken", RefKind.BRANCH, BROKEN),
        (V141, RefKind.COMMIT, V141),
        (V141[:7], RefKind.COMMIT, V141),
        (V141[:12].upper(), RefKind.COMMIT, V141),
    ],
)
async def test_a_ref_means_a_tag_a_branch_or_a_commit(client: GitHubClient, ref: str, kind: RefKind, sha: str) -> None:
    """Lightweight and annotated tags, branches with slashes, whole and short hashes become their commit."""
    found = await client.resolve(REPO, ref)

    assert (found.ref, found.kind, found.commit.sha) == (ref, kind, sha)


async def test_a_resolved_commit_is_described(client: GitHubClient) -> None:
    """Title, author, instant and link come with the commit, whatever the ref was."""
    found = (await client.resolve(REPO, "v1.4.2")).commit

    assert (found.title, found.author, found.short) == ("Better error pages", "ana", "844d600")
    assert found.committed_at is not None
    assert found.url.endswith(V142)


async def test_a_tag_wins_over_a_branch_of_the_same_name(github: GitHubSimulator, client: GitHubClient) -> None:
    """Git asks the same order: the tag."""
    await do(github, "tag", name="both", sha=V141)
    await do(github, "branch", name="both", sha=HEADING)

    found = await client.resolve(REPO, "both")

    assert (found.kind, found.commit.sha) == (RefKind.TAG, V141)


async def test_a_branch_that_looks_like_a_hash_is_a_branch(github: GitHubSimulator, client: GitHubClient) -> None:
    """Who names a branch after another commit does not get that commit deployed as a hash."""
    await do(github, "branch", name=V141[:8], sha=HEADING)

    found = await client.resolve(REPO, V141[:8])

    assert (found.kind, found.commit.sha) == (RefKind.BRANCH, HEADING)


async def test_a_name_with_special_characters_arrives_whole(github: GitHubSimulator, client: GitHubClient) -> None:
    """Characters that mean something in a URL are encoded."""
    await do(github, "branch", name="fix/100%-#1&<b>+ü", sha=V141)

    found = await client.resolve(REPO, "fix/100%-#1&<b>+ü")

    assert (found.kind, found.commit.sha) == (RefKind.BRANCH, V141)


async def test_an_unknown_ref_names_close_matches(client: GitHubClient) -> None:
    """The error says what was probably meant, five at most, with its code."""
    with pytest.raises(NotFound) as caught:
        await client.resolve(REPO, "v1.4.9")

    assert caught.value.reason is Reason.UNKNOWN_REF
    assert "v1.4.2" in caught.value.hint
    assert len(caught.value.hint.split(",")) <= 5


@pytest.mark.parametrize("ref", ["zzz-nothing-alike", "deadbeef", "0" * 40])
async def test_an_unknown_ref_without_matches_has_no_hint(client: GitHubClient, ref: str) -> None:
    """Nothing alike is better than a wild guess."""
    with pytest.raises(NotFound) as caught:
        await client.resolve(REPO, ref)

    assert (caught.value.reason, caught.value.hint) == (Reason.UNKNOWN_REF, "")


async def test_an_illegal_ref_is_refused_without_a_request(github: GitHubSimulator, client: GitHubClient) -> None:
    """A name that git does not allow never reaches GitHub."""
    with pytest.raises(NotFound, match="two in a row"):
        await client.resolve(REPO, "../../../user")

    assert github.calls.all() == []


async def test_a_repository_that_is_not_shown_is_named(client: GitHubClient) -> None:
    """404 for everything means the repository, not the ref."""
    with pytest.raises(NotFound, match="no repository reify/nothing"):
        await client.resolve("reify/nothing", "main")


async def test_the_name_before_a_renaming_still_works(client: GitHubClient) -> None:
    """GitHub redirects to the repository's id, and the client goes along with its token."""
    found = await client.resolve("reify/studio", "v1.4.1")

    assert found.commit.sha == V141


async def test_a_commit_is_read_by_its_hash(client: GitHubClient) -> None:
    """Other people's text comes as it stands: it is made safe where it is shown."""
    found = await client.commit(REPO, HOSTILE)

    assert found.title == "Fix <!channel> & <https://evil.example|login> *now*"


@pytest.mark.parametrize(("sha", "expected"), [(V142, "v1.4.2"), (V141, "v1.4.1"), (HEADING, "")])
async def test_the_tag_of_a_commit_is_found(client: GitHubClient, sha: str, expected: str) -> None:
    """Lightweight or annotated, a tag is known by the commit that it means."""
    assert await client.tag_of(REPO, sha) == expected


@pytest.mark.parametrize("sha", ["0" * 40, "main", "", "../x"])
async def test_a_commit_that_is_none_is_not_found(client: GitHubClient, sha: str) -> None:
    """An unknown hash, or what is no hash at all."""
    with pytest.raises(NotFound):
        await client.commit(REPO, sha)


@pytest.mark.parametrize(("sha", "expected"), [(V142, CiState.SUCCESS), (BROKEN, CiState.FAILURE)])
async def test_ci_is_that_of_the_workflow(client: GitHubClient, sha: str, expected: CiState) -> None:
    """The run of the workflow for a push of the commit decides, and is linked."""
    found = await client.ci(REPO, sha, "ci.yml")

    assert found.state is expected
    assert found.url.startswith("https://")


async def test_a_run_that_began_again_is_pending(github: GitHubSimulator, client: GitHubClient) -> None:
    """While the second attempt runs, the first one's success is past."""
    await do(github, "set_ci", sha=V142, conclusion=None)

    assert (await client.ci(REPO, V142, "ci.yml")).state is CiState.PENDING


async def test_a_cancelled_run_proves_nothing(github: GitHubSimulator, client: GitHubClient) -> None:
    """Cancelled is neither red nor green."""
    await do(github, "set_ci", sha=V142, conclusion="cancelled")

    assert (await client.ci(REPO, V142, "ci.yml")).state is CiState.UNKNOWN


async def test_a_commit_without_any_ci_has_none(github: GitHubSimulator, client: GitHubClient) -> None:
    """Nothing exists for it, and that is said."""
    made = await do(github, "commit", title="No CI here", branch="quiet")

    assert (await client.ci(REPO, made["sha"], "ci.yml")).state is CiState.NONE


@pytest.mark.parametrize(("state", "expected"), [("success", CiState.SUCCESS), ("error", CiState.FAILURE)])
async def test_statuses_count_where_the_workflow_did_not_run(
    github: GitHubSimulator, client: GitHubClient, state: str, expected: CiState
) -> None:
    """Another tool's commit status answers for CI."""
    made = await do(github, "commit", title="Tested elsewhere", branch="quiet")
    await do(github, "set_status", sha=made["sha"], context="circle", state=state)

    assert (await client.ci(REPO, made["sha"], "ci.yml")).state is expected


async def test_without_a_workflow_all_checks_count(client: GitHubClient) -> None:
    """Where the configuration names none, what Actions reported counts."""
    assert (await client.ci(REPO, V142, "")).state is CiState.SUCCESS
    assert (await client.ci(REPO, BROKEN, "")).state is CiState.FAILURE


async def test_ci_of_a_commit_that_is_none_is_not_found(client: GitHubClient) -> None:
    """An unknown commit is not one without CI."""
    with pytest.raises(NotFound):
        await client.ci(REPO, "0" * 40, "ci.yml")


async def test_a_comparison_has_commits_and_files(client: GitHubClient) -> None:
    """Forward: commits oldest first with titles and authors, and the files between."""
    found = await client.compare(REPO, V141, V142)

    assert (found.relation, found.total_commits, found.files_complete) == (Relation.AHEAD, 5, True)
    assert (found.commits[0].title, found.commits[0].author) == ("Add plan to accounts", "ana")
    assert "mix.lock" in {file.path for file in found.files}


@pytest.mark.parametrize(
    ("base", "head", "expected"),
    [(V142, V141, Relation.BEHIND), (V141, V141, Relation.IDENTICAL), (BROKEN, HOSTILE, Relation.DIVERGED)],
)
async def test_relations_are_githubs(client: GitHubClient, base: str, head: str, expected: Relation) -> None:
    """Behind, identical and diverged are told apart."""
    assert (await client.compare(REPO, base, head)).relation is expected


async def test_migrations_of_a_range_are_listed(client: GitHubClient) -> None:
    """From v1.4.1 to v1.4.2 one migration comes along."""
    found = migrations(await client.compare(REPO, V141, V142), ECTO)

    assert found.risk is MigrationRisk.LISTED
    assert found.files == ("priv/repo/migrations/20261120080000_add_plan_to_accounts.exs",)


async def test_a_cut_list_of_files_is_never_none(github: GitHubSimulator, client: GitHubClient) -> None:
    """The migration lies behind the cut at 300 files: the answer is unknown."""
    github.faults.add(Fault("files_cut", times=1))

    found = migrations(await client.compare(REPO, V141, V142), ECTO)

    assert found.risk is MigrationRisk.UNKNOWN


async def test_many_commits_are_counted_and_the_newest_kept(github: GitHubSimulator, client: GitHubClient) -> None:
    """Beyond 250 commits the count is still right."""
    made = await do(github, "many_commits", count=260, branch="main")

    found = await client.compare(REPO, HEADING, made["sha"])

    assert (found.total_commits, len(found.commits), found.commits[-1].sha) == (260, 250, made["sha"])


async def test_comparing_with_an_unknown_commit_is_not_found(client: GitHubClient) -> None:
    """The error names both."""
    with pytest.raises(NotFound, match=V141):
        await client.compare(REPO, V141, "0" * 40)


async def test_comparing_with_what_is_no_name_asks_nobody(github: GitHubSimulator, client: GitHubClient) -> None:
    """Refs of other repositories in the fork network cannot be smuggled in."""
    with pytest.raises(NotFound):
        await client.compare(REPO, V141, "evil:main")

    assert github.calls.all() == []


async def test_a_short_trouble_is_repeated(github: GitHubSimulator) -> None:
    """A 502 and a broken connection do not reach the person."""
    github.faults.add(Fault("status", status=502, times=1))
    github.faults.add(Fault("drop_after", times=1))
    async with GitHubClient(github.url, auth=TokenAuth(TOKEN), clock=SystemClock(speed=20)) as client:
        found = await client.commit(REPO, V141)

    assert found.sha == V141


async def test_a_lasting_trouble_is_unavailable(github: GitHubSimulator) -> None:
    """After some tries the error says that GitHub failed."""
    github.faults.add(Fault("status", status=503))
    async with GitHubClient(github.url, auth=TokenAuth(TOKEN), clock=SystemClock(speed=20)) as client:
        with pytest.raises(RemoteUnavailable) as caught:
            await client.commit(REPO, V141)

    assert (caught.value.service, caught.value.status) == ("GitHub", 503)


async def test_an_empty_hour_stops_further_calls(github: GitHubSimulator, client: GitHubClient) -> None:
    """The error names the end of the hour, and until then nothing is sent."""
    await client.commit(REPO, V141)
    await do(github, "rate_limits", remaining=0)
    github.calls.clear()

    with pytest.raises(RateLimited) as first:
        await client.commit(REPO, V141)
    with pytest.raises(RateLimited) as second:
        await client.commit(REPO, V142)

    assert len(github.calls.all()) == 1
    assert first.value.retry_after is not None
    assert second.value.retry_after is not None
    assert timedelta(minutes=58) < second.value.retry_after <= first.value.retry_after <= timedelta(hours=1)
    assert not second.value.sent


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (429, {"retry-after": "120"}, timedelta(seconds=120)),
        (403, {"retry-after": "90"}, timedelta(seconds=90)),
        (429, {}, timedelta(minutes=1)),
    ],
)
async def test_a_secondary_limit_is_obeyed(
    github: GitHubSimulator, client: GitHubClient, status: int, headers: dict[str, str], expected: timedelta
) -> None:
    """Retry-After counts; without any header it is a minute, and the call is not sent again at once."""
    github.faults.add(Fault("status", status=status, headers=headers, body={"message": "secondary rate limit"}))

    with pytest.raises(RateLimited) as caught:
        await client.commit(REPO, V141)

    assert caught.value.retry_after == expected
    assert len(github.calls.all()) == 1


async def test_a_missing_permission_is_named(github: GitHubSimulator, client: GitHubClient) -> None:
    """403 without a limit is not repeated; the hint names the permission, and later calls go on."""
    github.seed["tokens"][0]["permissions"] = {"metadata": "read", "contents": "read"}
    github.seed["tokens"][0]["repositories"] = [REPO]
    github.reset()

    with pytest.raises(RemoteRejected) as caught:
        await client.ci(REPO, V142, "ci.yml")

    assert "actions=read" in caught.value.hint
    assert len(github.calls.all()) == 1
    assert (await client.commit(REPO, V141)).sha == V141


async def test_a_wrong_token_is_said_and_never_shown(github: GitHubSimulator) -> None:
    """401 for a personal token is final; neither error nor repr tells the token."""
    auth = TokenAuth("ghp_wrong_but_secret")
    async with GitHubClient(github.url, auth=auth, clock=SystemClock()) as client:
        with pytest.raises(RemoteRejected) as caught:
            await client.commit(REPO, V141)

    assert len(github.calls.all()) == 1
    assert "token" in caught.value.hint
    for shown in (str(caught.value), caught.value.hint, repr(caught.value), repr(auth), repr(client)):
        assert "ghp_wrong" not in shown


async def test_calls_carry_the_headers_that_github_asks_for(github: GitHubSimulator) -> None:
    """Without User-Agent, with another version or another type, the simulator would refuse; side by side too."""
    async with GitHubClient(f"{github.url}/", auth=TokenAuth(TOKEN), clock=SystemClock()) as client:
        found = await asyncio.gather(*(client.resolve(REPO, ref) for ref in ("main", "v1.4.1", V142)))

    assert [each.commit.sha for each in found] == [HEADING, V141, V142]


async def test_no_connection_is_unsent() -> None:
    """Where nobody listens, the error says that nothing was done."""
    async with GitHubClient("http://127.0.0.1:9", auth=TokenAuth(TOKEN), clock=SystemClock(speed=20)) as client:
        with pytest.raises(RemoteError) as caught:
            await client.commit(REPO, V141)

    assert not caught.value.sent
