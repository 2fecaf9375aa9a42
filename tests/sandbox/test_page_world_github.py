"""The simulated GitHub at the page: refs, pull requests, deployments, and what a person does there."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sandbox.page.versions import next_version
from tests.sandbox.page_visit import FIXTURES, HOSTILE, Visit

page_stage, bot_stage, visit = FIXTURES
REPOSITORY, PRICES_TABLE = "github/repository/4711", "github/pull/4711-12"
LONGEST_WAIT_S = 20
MINUTES_PER_BLINK = 5_000


async def pull_of(visit: Visit, number: int = 12) -> dict[str, Any]:
    """A pull request as the page shows it."""
    pull: dict[str, Any] = await visit.item(f"github/pull/4711-{number}")
    return pull


async def refs_of(visit: Visit, kind: str) -> dict[str, dict[str, Any]]:
    """The commits of the `branches` or `tags`, by name."""
    return {ref["name"]: ref["commit"] for ref in (await visit.item(REPOSITORY))[kind]}


async def opens(visit: Visit, **more: Any) -> int:
    """Ana opens a pull request of her own; its number."""
    answer = await visit.post("github/open", title="Show prices per year", author="ana", **more)
    number: int = answer.raise_for_status().json()["number"]
    return number


async def ci_of(visit: Visit, number: int) -> str:
    """How the checks of a pull request ended."""
    visit.simulators.clock.speed = MINUTES_PER_BLINK
    async with asyncio.timeout(LONGEST_WAIT_S):
        while True:
            state: str | None = (await pull_of(visit, number))["head"]["ci"]
            if state not in {None, "pending"}:
                return str(state)


async def test_refs_stand_newest_first_with_their_checks(visit: Visit) -> None:
    """The default branch leads; a commit whose CI failed shows it; the next version is offered."""
    repository = await visit.item(REPOSITORY)

    branches = [(each["name"], each["commit"]["ci"]) for each in repository["branches"]]
    assert branches == [
        ("main", "success"),
        ("feature/prices-table", "success"),
        ("hostile", "success"),
        ("feature/broken", "failure"),
    ]
    assert [each["name"] for each in repository["tags"]] == ["v1.4.2", "v1.4.1", "v1.4.0", "v1.3.0"]
    assert repository["next_tag"] == "v1.4.3"


@pytest.mark.parametrize(
    ("tags", "offered"),
    [([], "v0.1.0"), (["v1.9.0", "v1.10.2", "v1.2"], "v1.10.3"), (["latest"], "v0.1.0")],
)
def test_the_next_version_follows_the_highest(tags: list[str], offered: str) -> None:
    """Numbers count as numbers, and other names do not count."""
    assert next_version(tags) == offered


async def test_a_commit_is_pushed(visit: Visit) -> None:
    """To main, where it starts CI."""
    await visit.post("github/push", branch="main", title="Fix rounding", author="cleo", migration=True)

    tip = (await refs_of(visit, "branches"))["main"]
    changed = visit.simulators.github.state()["repositories"]["reify/reify-studio"]["commits"][0]["files"]
    assert (tip["title"], tip["author"], tip["ci"]) == ("Fix rounding", "cleo", "pending")
    assert any(path.startswith("priv/repo/migrations/") for path in changed)


async def test_a_pushed_commit_can_fail_its_ci(visit: Visit) -> None:
    """Once: what is pushed after it goes well."""
    first = await opens(visit, fails=True)
    failed = await ci_of(visit, first)
    await visit.post("github/run", run=(await newest(visit, "ci.yml"))["id"], do="rerun_failed")

    again = await newest(visit, "ci.yml", is_complete=True)

    assert failed == "failure"
    assert (again["conclusion"], again["attempt"]) == ("success", 2)


async def newest(visit: Visit, workflow: str, *, is_complete: bool = False) -> dict[str, Any]:
    """The newest run of a workflow, once it has ended if that is asked for."""
    async with asyncio.timeout(LONGEST_WAIT_S):
        while True:
            runs = [run for run in (await visit.table("github/run")).values() if run["workflow"] == workflow]
            run: dict[str, Any] = max(runs, key=lambda each: each["id"])
            if run["status"] == "completed" or not is_complete:
                return run


async def test_a_branch_that_nothing_tests_shows_a_failure_at_once(visit: Visit) -> None:
    """No workflow runs for it, so another tool has reported."""
    await visit.post("github/push", branch="spike", title="Try", author="bo", fails=True)

    assert (await refs_of(visit, "branches"))["spike"]["ci"] == "failure"


async def test_a_tag_is_pushed_and_deleted(visit: Visit) -> None:
    """It starts the workflow that releases it."""
    await visit.post("github/tag", name="v1.4.3", commit="main", author="cleo")
    run = await newest(visit, "deploy-production.yml")
    pushed = await refs_of(visit, "tags")
    await visit.post("github/delete", ref="tags/v1.4.3")

    left = await refs_of(visit, "tags")

    assert (run["branch"], run["event"], run["actor"]) == ("v1.4.3", "push", "cleo")
    assert pushed.keys() - left.keys() == {"v1.4.3"}


async def test_a_pull_request_is_opened_from_nothing(visit: Visit) -> None:
    """Its branch is made, with one commit, and its number is the next one."""
    number = await opens(visit)

    pull = await pull_of(visit, number)
    shown = {key: pull[key] for key in ("title", "author", "state", "head_ref", "commits", "draft")}
    assert number == 13
    assert shown == {
        "title": "Show prices per year",
        "author": "ana",
        "state": "open",
        "head_ref": "feature/show-prices-per-year",
        "commits": 1,
        "draft": False,
    }


async def test_another_commit_is_pushed_to_a_pull_request(visit: Visit) -> None:
    """Its head moves, and its checks begin again."""
    before = await pull_of(visit)
    await visit.post("github/push", pull=12, title="Mind the cents", author="bo")

    after = await pull_of(visit)

    assert (before["commits"], after["commits"]) == (1, 2)
    assert (after["head"]["title"], after["head"]["ci"]) == ("Mind the cents", "pending")


async def test_a_fork_is_pushed_to_as_well(visit: Visit) -> None:
    """A pull request from outside says where it comes from."""
    number = await opens(visit, fork=True)
    before = await pull_of(visit, number)
    await visit.post("github/push", pull=number, title="Once more", author="ana")

    after = await pull_of(visit, number)

    assert before["fork"] == "ana/reify-studio"
    assert (before["head"]["title"], after["head"]["title"]) == ("Show prices per year", "Once more")
    assert "feature/show-prices-per-year" not in await refs_of(visit, "branches")


@pytest.mark.parametrize("method", ["merge", "squash"])
async def test_a_pull_request_is_merged(visit: Visit, method: str) -> None:
    """The default branch moves, and CI runs there."""
    await visit.post("github/pull", number=12, do=method, by="ana")

    pull, tip = await pull_of(visit), (await refs_of(visit, "branches"))["main"]
    assert (pull["state"], pull["merged_by"]) == ("merged", "ana")
    assert ("#12" in tip["title"], tip["ci"]) == (True, "pending")


async def test_a_pull_request_is_closed_and_reopened(visit: Visit) -> None:
    """As long as its branch is there."""
    await visit.post("github/pull", number=12, do="close")
    closed = await pull_of(visit)
    await visit.post("github/pull", number=12, do="reopen")

    reopened = await pull_of(visit)

    assert (closed["state"], closed["has_branch"], reopened["state"]) == ("closed", True, "open")


async def test_a_draft_is_not_merged(visit: Visit) -> None:
    """Only once it is ready for review."""
    await visit.post("github/pull", number=12, do="draft")
    refused = await visit.post("github/pull", number=12, do="merge")
    await visit.post("github/pull", number=12, do="ready")

    merged = await visit.post("github/pull", number=12, do="merge")

    assert "A draft cannot be merged" in refused.json()["error"]
    assert merged.status_code == 200


async def test_a_deleted_branch_closes_its_pull_request(visit: Visit) -> None:
    """And it cannot be reopened."""
    await visit.post("github/delete", ref="heads/feature/prices-table")

    pull = await pull_of(visit)
    assert (pull["state"], pull["has_branch"]) == ("closed", False)


async def test_a_workflow_is_started_by_hand(visit: Visit) -> None:
    """On a branch or a tag, by the person who says so."""
    answer = await visit.post("github/dispatch", workflow="deploy-staging.yml", ref="main", author="bo")

    run = await visit.item(f"github/run/{answer.json()['run']}")
    assert (run["event"], run["branch"], run["actor"]) == ("workflow_dispatch", "main", "bo")


async def test_deployments_are_shown_with_their_statuses(visit: Visit) -> None:
    """What a workflow reports about an environment, in its order."""
    visit.simulators.clock.speed = MINUTES_PER_BLINK
    await visit.post("github/tag", name="v1.4.3", commit="main")

    await newest(visit, "deploy-production.yml", is_complete=True)
    deployments = await visit.table("github/deployment")

    deployment = max(deployments.values(), key=lambda each: each["id"])
    assert (deployment["environment"], deployment["ref"], deployment["title"]) == (
        "production",
        "v1.4.3",
        "Rename a heading",
    )
    assert deployment["state"] == deployment["statuses"][-1]["state"]


@pytest.mark.parametrize(
    ("name", "body", "sentence"),
    [
        ("github/push", {"branch": "main", "title": "", "author": "ana"}, "A title is one line"),
        ("github/push", {"branch": "main", "title": "a\nb", "author": "ana"}, "A title is one line"),
        ("github/push", {"branch": "main", "title": "x" * 201, "author": "ana"}, "at most 200 characters"),
        ("github/push", {"branch": " ", "title": "x", "author": "ana"}, "That is no valid name for a branch."),
        ("github/push", {"branch": "a..b", "title": "x", "author": "ana"}, "That is no valid name for a branch."),
        ("github/push", {"branch": "main", "title": "x", "author": HOSTILE}, "Nobody at GitHub is called"),
        ("github/push", {"branch": "main", "title": "x", "author": "flytower[bot]"}, "Nobody at GitHub is called"),
        ("github/push", {"branch": "main", "title": "x", "author": "ana", "fails": "yes"}, "`fails` is"),
        ("github/push", {"pull": 99, "title": "x", "author": "ana"}, "There is no pull request 99."),
        ("github/tag", {"name": "v1.4.2", "commit": "main"}, "exists already"),
        ("github/tag", {"name": "a b", "commit": "main"}, "no valid name"),
        ("github/tag", {"name": "v2", "commit": "nope"}, "There is no commit nope."),
        ("github/tag", {"name": "v2", "commit": "main", "author": "eve"}, "Nobody at GitHub is called eve."),
        ("github/delete", {"ref": "heads/main"}, "is the default branch"),
        ("github/delete", {"ref": 1}, "`ref` is missing or not a text."),
        ("github/open", {"title": "x", "author": "bo", "branch": "feature/prices-table"}, "already exists"),
        ("github/open", {"title": "x", "author": "bo", "branch": "main"}, "No commits between"),
        ("github/pull", {"number": 12, "do": "delete"}, "`do` is one of merge, squash"),
        ("github/pull", {"number": True, "do": "merge"}, "`number` is missing or not a whole number."),
        ("github/pull", {"number": 12, "do": "reopen"}, "no closed pull request 12"),
        ("github/pull", {"number": 12, "do": "merge", "by": "nobody"}, "Nobody at GitHub is called nobody."),
        ("github/pull", {"number": 12, "do": "merge", "repository": 1}, "There is no repository 1."),
        ("github/dispatch", {"workflow": "nope.yml", "ref": "main", "author": "bo"}, "There is no workflow nope.yml."),
        ("github/dispatch", {"workflow": "ci.yml", "ref": "main", "author": "bo"}, "does not have"),
        ("github/log", {"job": 1}, "There is no job 1."),
    ],
)
async def test_what_makes_no_sense_is_refused(visit: Visit, name: str, body: dict[str, Any], sentence: str) -> None:
    """400 with a sentence, and nothing is pushed, opened or armed to fail."""
    before = {key: value for key, value in (await visit.items()).items() if key.startswith("github/")}

    answer = await visit.post(name, **body)

    assert answer.status_code == 400
    assert sentence in answer.json()["error"]
    assert {key: value for key, value in (await visit.items()).items() if key.startswith("github/")} == before
    assert visit.simulators.github.faults.all() == []
