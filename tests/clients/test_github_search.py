"""Refs searched while somebody types: what fits, what it costs, and what happens when GitHub is slow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from bot.clients.github import GitHubClient, TokenAuth
from bot.clients.github.search import candidates, fitting
from bot.domain.model import CiState, Commit, FoundRef, RefKind
from bot.errors import NotFound, RemoteRejected
from sandbox.faults import Fault
from sandbox.github import GitHubSimulator
from sandbox.kit import running
from tests.virtual_time import BotClock, VirtualClock, VirtualLoop

REPO, CI = "reify/reify-studio", ".github/workflows/ci.yml"
V141 = "dd085a7c339e27b92c8ba7afc115f2f8a21ee5f6"
V142 = "844d6008b85920b87c9f6767ee5ea0e879305a82"
HEADING = "0c48c64d2651fd5aef4f3d6a045e0744c0113d27"
BROKEN = "948f0c1d2e3c31744979b255a4a6ec1bb203c3fb"
LISTS = 5


@pytest.fixture
async def github() -> AsyncIterator[GitHubSimulator]:
    """A simulated GitHub whose time jumps."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    simulator = GitHubSimulator(clock=VirtualClock())
    async with running(simulator):
        with loop.jumping(lambda: False):
            yield simulator


@pytest.fixture
async def client(github: GitHubSimulator) -> AsyncIterator[GitHubClient]:
    """A client on the same time."""
    async with GitHubClient(github.url, auth=TokenAuth("ghp_sandbox"), clock=BotClock(github.clock)) as client:
        yield client


def names(found: list[FoundRef], kind: RefKind) -> list[str]:
    """What was found of one kind, in order."""
    return [each.ref for each in found if each.kind is kind]


async def test_nothing_typed_shows_the_newest(client: GitHubClient) -> None:
    """Tags from the highest version, the default branch before the others, the newest commits with their titles."""
    found = await client.search_refs(REPO, "", CI)

    commits = [each.commit.title for each in found if each.kind is RefKind.COMMIT]
    assert names(found, RefKind.TAG) == ["v1.4.2", "v1.4.1", "v1.4.0", "v1.3.0"]
    assert names(found, RefKind.BRANCH)[0] == "main"
    assert "feature/broken" in names(found, RefKind.BRANCH)
    assert commits[:2] == ["Rename a heading", "Better error pages"]


async def test_ci_is_told_where_it_is_known(client: GitHubClient) -> None:
    """Green and red come with tags, branches and commits; a tag on a recent commit has its title."""
    found = {each.ref: each for each in await client.search_refs(REPO, "", CI)}

    assert found[HEADING].ci is CiState.SUCCESS
    assert found["feature/broken"].ci is CiState.FAILURE
    assert (found["v1.4.2"].ci, found["v1.4.2"].commit.title) == (CiState.SUCCESS, "Better error pages")


async def test_without_a_workflow_ci_is_unknown(github: GitHubSimulator, client: GitHubClient) -> None:
    """Where the configuration names no CI, nobody asks for its runs."""
    found = await client.search_refs(REPO, "v1", "")

    assert {each.ci for each in found} == {CiState.UNKNOWN}
    assert not github.calls.find("GET", "/runs")


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("v1.4.1", "v1.4.1"),
        ("V1.4", "v1.4.2"),
        ("  main ", "main"),
        ("broken", "feature/broken"),
        (V141[:4], "v1.4.1"),
        (BROKEN[:12].upper(), "feature/broken"),
        ("plan accounts", "6520dcab3bbddd93b49893ee90eb76d6ea6dea80"),
    ],
)
async def test_the_best_match_comes_first(client: GitHubClient, typed: str, first: str) -> None:
    """A name, its begin, a part of it, the begin of a hash, or words of a title."""
    found = await client.search_refs(REPO, typed, CI)

    assert found[0].ref == first


@pytest.mark.parametrize("typed", ["nothing like this", "zz", "<!channel>", "../..", "e" * 300])
async def test_what_fits_nothing_finds_nothing(github: GitHubSimulator, client: GitHubClient, typed: str) -> None:
    """No error, and nothing of what was typed in a path."""
    assert await client.search_refs(REPO, typed, CI) == []
    assert len(github.calls.all()) == LISTS


async def test_an_old_commit_is_found_by_its_hash(github: GitHubSimulator, client: GitHubClient) -> None:
    """Seven digits are enough to ask GitHub for a commit that is on no list."""
    made = await github.actions()["commit"]({"title": "Old", "branch": "old"})
    await github.actions()["delete_ref"]({"ref": "refs/heads/old"})

    found = await client.search_refs(REPO, made["sha"][:7], CI)

    assert [(each.kind, each.commit.title) for each in found] == [(RefKind.COMMIT, "Old")]


async def test_a_keystroke_costs_no_call(github: GitHubSimulator, client: GitHubClient) -> None:
    """One call for each list, side by side, however much is typed within 20 s; then the lists are read anew."""
    for typed in ("", "v", "v1", "v1.4"):
        await client.search_refs(REPO, typed, CI)
    soon = len(github.calls.all())
    await github.clock.sleep(21)
    await client.search_refs(REPO, "v1.4.2", CI)

    assert soon == LISTS
    # The default branch is kept for longer.
    assert len(github.calls.all()) == 2 * LISTS - 1


@pytest.mark.parametrize(
    ("fault", "missing"),
    [
        (Fault("status", path="/tags$", status=422), RefKind.TAG),
        (Fault("delay", path="/tags$", seconds=4), RefKind.TAG),
        (Fault("delay", path="/branches$", seconds=4), RefKind.BRANCH),
        (Fault("delay", path="/commits$", seconds=4), RefKind.COMMIT),
    ],
)
async def test_a_slow_or_failing_list_is_left_out(
    github: GitHubSimulator, client: GitHubClient, fault: Fault, missing: RefKind
) -> None:
    """The others are there in time for Slack, which gives a menu 3 s."""
    github.faults.add(fault)
    asked_at = github.clock.now()

    found = await client.search_refs(REPO, "", CI)

    assert {each.kind for each in found} == set(RefKind) - {missing}
    assert github.clock.now() - asked_at < 2


async def test_a_slow_list_is_there_for_the_next_key(github: GitHubSimulator, client: GitHubClient) -> None:
    """It goes on loading, and is not asked for twice."""
    github.faults.add(Fault("delay", path="/tags$", seconds=4, times=1))
    await client.search_refs(REPO, "", CI)
    await github.clock.sleep(3)

    found = await client.search_refs(REPO, "v1.4.2", CI)

    assert found[0].ref == "v1.4.2"
    assert len(github.calls.find("GET", "/tags$")) == 1


@pytest.mark.parametrize("path", ["/runs$", f"^/repos/{REPO}$"])
async def test_without_ci_or_default_branch_all_refs_are_there(
    github: GitHubSimulator, client: GitHubClient, path: str
) -> None:
    """What only decorates does not hold up what is looked for."""
    github.faults.add(Fault("delay", path=path, seconds=4))

    found = await client.search_refs(REPO, "", CI)

    assert {each.kind for each in found} == set(RefKind)


async def test_tags_and_default_branch(client: GitHubClient) -> None:
    """Commit by name, annotated tags peeled."""
    assert await client.default_branch(REPO) == "main"
    assert (await client.tags(REPO))["v1.4.2"] == V142


async def test_a_tag_is_made_once_and_known_at_once(github: GitHubSimulator, client: GitHubClient) -> None:
    """The tag is lightweight, on the commit; the lists that were kept know it."""
    before = await client.tags(REPO)

    await client.create_tag(REPO, "v1.5.0", HEADING)

    assert "v1.5.0" not in before
    assert (await client.tags(REPO))["v1.5.0"] == HEADING
    assert await client.tag_of(REPO, HEADING) == "v1.5.0"
    assert len(github.calls.find("POST", "/git/refs$")) == 1


async def test_a_taken_tag_is_refused(client: GitHubClient) -> None:
    """GitHub's refusal comes as it is, and the tag stays where it was."""
    with pytest.raises(RemoteRejected, match="already exists") as caught:
        await client.create_tag(REPO, "v1.4.1", HEADING)

    assert caught.value.status == 422
    assert (await client.resolve(REPO, "v1.4.1")).commit.sha == V141


async def test_an_illegal_tag_is_not_sent(github: GitHubSimulator, client: GitHubClient) -> None:
    """A name that git does not allow never reaches GitHub."""
    with pytest.raises(NotFound, match="two in a row"):
        await client.create_tag(REPO, "v1..5", HEADING)

    assert github.calls.all() == []


async def test_a_lost_answer_is_not_asked_for_twice(github: GitHubSimulator, client: GitHubClient) -> None:
    """The tag may have been made: the error says so, and nothing is sent again."""
    github.faults.add(Fault("drop_after", method="POST", times=1))

    with pytest.raises(Exception, match="connection broke") as caught:
        await client.create_tag(REPO, "v1.5.0", HEADING)

    assert getattr(caught.value, "sent", None) is True
    assert len(github.calls.find("POST", "/git/refs$")) == 1
    assert (await client.tags(REPO))["v1.5.0"] == HEADING


def test_of_a_kind_there_are_twenty_at_most() -> None:
    """A hundred branches do not crowd out the tags, and of each kind the best ones stay."""
    tags = {f"v1.{number}": f"{number:040x}" for number in range(100)}
    branches = {f"fix-v1.{number}": f"{number:040x}" for number in range(100)}
    commits = [Commit(f"{number:040x}", f"Prepare v1.{number}", "ana") for number in range(100)]
    found = candidates(tags, branches, commits, default="fix-v1.7", ci={})

    shown, unasked = fitting(found, "v1."), fitting(found, "")

    assert [len(names(shown, kind)) for kind in RefKind] == [20, 20, 20]
    assert [len(names(unasked, kind)) for kind in RefKind] == [20, 20, 15]
    assert names(shown, RefKind.TAG)[:2] == ["v1.99", "v1.98"]
    assert names(unasked, RefKind.BRANCH)[0] == "fix-v1.7"
