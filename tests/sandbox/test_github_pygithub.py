"""PyGithub, a client that nobody here wrote, against the simulated GitHub."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import TypeVar

import pytest
from github import Auth, Github, GithubException, GithubIntegration, UnknownObjectException
from github.Repository import Repository

from sandbox.clock import Clock
from sandbox.github import APP_KEY_FILE, GitHubSimulator
from sandbox.kit import running
from tests.sandbox.actions_stage import CI, HEADING, PRODUCTION, STAGING, V142

NAME = "reify/reify-studio"
V141 = "dd085a7c339e27b92c8ba7afc115f2f8a21ee5f6"
APP_ID = 424242
SPEED, PATIENCE_S = 400.0, 20.0
Found = TypeVar("Found")


@pytest.fixture(scope="module")
async def served() -> AsyncIterator[GitHubSimulator]:
    """One server for the module; each test starts from the seed."""
    simulator = GitHubSimulator(clock=Clock(SPEED))
    async with running(simulator):
        yield simulator


@pytest.fixture
def simulator(served: GitHubSimulator) -> GitHubSimulator:
    served.reset()
    served.faults.clear()
    return served


def client(simulator: GitHubSimulator, auth: Auth.Auth | None = None) -> Github:
    """A client that neither waits between its calls nor tries again."""
    return Github(
        base_url=simulator.url,
        auth=auth or Auth.Token("ghp_sandbox"),
        seconds_between_requests=None,
        seconds_between_writes=None,
        retry=None,
    )


async def asked(simulator: GitHubSimulator, question: Callable[[Repository], Found]) -> Found:
    """What PyGithub finds out about the repository, in a thread of its own."""

    def ask() -> Found:
        with client(simulator) as github:
            return question(github.get_repo(NAME))

    return await asyncio.to_thread(ask)


async def ended(simulator: GitHubSimulator, number: int) -> None:
    """Return once a run ended."""
    (run,) = [run for repo in simulator.world.repositories.values() for run in repo.runs if run.id == number]
    async with asyncio.timeout(PATIENCE_S):
        while run.latest.status != "completed":
            await simulator.clock.sleep(1)


async def test_the_repository(simulator: GitHubSimulator) -> None:
    """Its facts, its owner, its branches and tags."""

    def question(repo: Repository) -> tuple[object, ...]:
        facts = repo.id, repo.full_name, repo.private, repo.default_branch, repo.owner.type
        return *facts, repo.get_branch("main").commit.sha, {tag.name: tag.commit.sha for tag in repo.get_tags()}

    *facts, head, tags = await asked(simulator, question)

    assert facts == [4711, NAME, True, "main", "Organization"]
    assert (head, tags["v1.4.2"], tags["v1.4.1"]) == (HEADING, V142, V141)  # type: ignore[index]


async def test_refs_come_and_go(simulator: GitHubSimulator) -> None:
    """Made, moved, read, deleted; an annotated tag peels to its commit."""

    def question(repo: Repository) -> tuple[str, str, str, str]:
        ref = repo.create_git_ref("refs/heads/release", V141)
        ref.edit(V142)
        moved = repo.get_git_ref("heads/release").object.sha
        ref.delete()
        tag = repo.get_git_ref("tags/v1.4.2").object
        with pytest.raises(UnknownObjectException):
            repo.get_git_ref("heads/release")
        return moved, tag.type, repo.get_git_tag(tag.sha).object.sha, repo.get_commit("v1.4.2").sha

    assert await asked(simulator, question) == (V142, "tag", V142, V142)


async def test_a_comparison(simulator: GitHubSimulator) -> None:
    """Ahead, with commits and files."""

    def question(repo: Repository) -> tuple[str, int, list[str], bool]:
        found = repo.compare("v1.4.1", "v1.4.2")
        migrations = any("migrations" in file.filename for file in found.files)
        return found.status, found.ahead_by, [commit.sha for commit in found.commits][-1:], migrations

    assert await asked(simulator, question) == ("ahead", 5, [V142], True)


async def test_contents(simulator: GitHubSimulator) -> None:
    """A file at a ref, decoded."""

    def question(repo: Repository) -> str:
        file = repo.get_contents("lib/page.ex", ref="main")
        assert not isinstance(file, list)
        return file.decoded_content.decode()

    assert "heading" in await asked(simulator, question)


async def test_a_pull_request_from_opening_to_merge(simulator: GitHubSimulator) -> None:
    """Opened, commented, edited, merged, and seen from its commit."""

    def question(repo: Repository) -> dict[str, object]:
        pull = repo.create_pull("main", "hostile", title="Headings", body="Why")
        comment = pull.create_issue_comment("hello")
        comment.edit("bye")
        pull.edit(title="All headings")
        files, commits = [file.filename for file in pull.get_files()], [each.sha for each in pull.get_commits()]
        merged = pull.merge(merge_method="squash", sha=pull.head.sha)
        pull.update()
        return {
            "title": pull.title,
            "comments": [each.body for each in pull.get_issue_comments()],
            "brought": (files, len(commits)),
            "merged": (pull.merged, pull.is_merged(), merged.merged, pull.state),
            "tip": repo.get_branch("main").commit.sha == merged.sha,
            "of the commit": [each.number for each in repo.get_commit(merged.sha).get_pulls()],
        }

    assert await asked(simulator, question) == {
        "title": "All headings",
        "comments": ["bye"],
        "brought": (["lib/page.ex"], 1),
        "merged": (True, True, True, "closed"),
        "tip": True,
        "of the commit": [13],
    }


async def test_pull_requests_are_listed(simulator: GitHubSimulator) -> None:
    """By state; a merged one can be merged no second time."""

    def question(repo: Repository) -> tuple[list[int], list[int], int]:
        pull = repo.get_pull(12)
        before = [each.number for each in repo.get_pulls()]
        pull.merge()
        with pytest.raises(GithubException) as refusal:
            pull.merge()
        return before, [each.number for each in repo.get_pulls()], refusal.value.status

    assert await asked(simulator, question) == ([12], [], 405)


async def test_a_run_is_asked_for_and_followed(simulator: GitHubSimulator) -> None:
    """Dispatched with its details, followed to its end with jobs and steps."""

    def dispatch(repo: Repository) -> int:
        run = repo.get_workflow(STAGING).create_dispatch("main", {"request_id": "r1"}, return_run_details=True)
        assert not isinstance(run, bool)
        return run.id

    def question(repo: Repository) -> tuple[object, ...]:
        run = repo.get_workflow_run(number)
        names = [(job.name, job.conclusion, [step.conclusion for step in job.steps][-1]) for job in run.jobs()]
        return run.status, run.conclusion, run.display_title, run.event, run.head_sha, names

    number = await asked(simulator, dispatch)
    await ended(simulator, number)

    assert await asked(simulator, question) == (
        "completed",
        "success",
        "Deploy main to staging r1",
        "workflow_dispatch",
        HEADING,
        [("build", "success", "success"), ("deploy", "success", "success")],
    )


async def test_a_dispatch_that_makes_no_sense_is_refused(simulator: GitHubSimulator) -> None:
    """422 for a ref whose file has no such trigger."""

    def question(repo: Repository) -> int:
        with pytest.raises(GithubException) as refusal:
            repo.get_workflow(PRODUCTION).create_dispatch("v1.3.0", throw=True)
        return refusal.value.status

    assert await asked(simulator, question) == 422


async def test_a_run_is_cancelled_and_run_again(simulator: GitHubSimulator) -> None:
    """Accepted both; the same id with a second attempt."""
    simulator.actions()
    number = await asked(simulator, lambda repo: repo.get_workflow_runs(event="push", head_sha=HEADING)[0].id)

    assert await asked(simulator, lambda repo: repo.get_workflow_run(number).rerun()) is True
    await ended(simulator, number)
    assert await asked(simulator, lambda repo: repo.get_workflow_run(number).run_attempt) == 2
    assert await asked(simulator, lambda repo: repo.get_workflow_run(number).cancel()) is False


async def test_ci_is_read_from_check_runs(simulator: GitHubSimulator) -> None:
    """The combined status stays pending, since Actions sets none."""

    def question(repo: Repository) -> tuple[list[tuple[str, str]], str, list[str]]:
        commit = repo.get_commit(HEADING)
        checks = [(check.name, check.conclusion) for check in commit.get_check_runs()]
        runs = repo.get_workflow(CI).get_runs(head_sha=HEADING)
        return checks, commit.get_combined_status().state, [run.conclusion for run in runs]

    assert await asked(simulator, question) == ([("test", "success")], "pending", ["success"])


async def test_a_deployment_and_its_statuses(simulator: GitHubSimulator) -> None:
    """Recorded without merging anything; its states newest first; its environment comes with it, and goes."""

    def question(repo: Repository) -> dict[str, object]:
        made = repo.create_deployment(
            "main", task="rollback", auto_merge=False, required_contexts=[], payload={"request_id": "r1"}
        )
        for state in ("in_progress", "success"):
            made.create_status(state, environment_url="https://reify-studio.fly.dev")
        environments = [each.name for each in repo.get_environments()]
        repo.delete_environment("production")
        return {
            "found": [each.id == made.id for each in repo.get_deployments(environment="production")],
            "payload": repo.get_deployment(made.id).payload,
            "states": [status.state for status in made.get_statuses()],
            "environments": (environments, [each.name for each in repo.get_environments()]),
        }

    assert await asked(simulator, question) == {
        "found": [True],
        "payload": {"request_id": "r1"},
        "states": ["success", "in_progress"],
        "environments": (["production"], []),
    }


async def test_a_hook_and_its_deliveries(simulator: GitHubSimulator) -> None:
    """Made, pinged, changed, its log read whole, deleted."""

    def make(repo: Repository) -> int:
        config = {"url": "http://127.0.0.1:9/", "content_type": "json", "secret": "s"}
        hook = repo.create_hook("web", config, events=["push", "pull_request"], active=True)
        hook.ping()
        hook.edit("web", config, events=["push"])
        return hook.id

    def question(repo: Repository) -> dict[str, object]:
        hook = repo.get_hook(number)
        newest, *_ = items = list(repo.get_hook_deliveries(hook.id))
        whole = repo.get_hook_delivery(hook.id, newest.id or 0)
        events = list(hook.events)
        hook.delete()
        return {
            "events": events,
            "config": hook.config["secret"],
            "log": [(item.event, item.status, item.status_code, item.redelivery) for item in items],
            "request": whole.request is not None and whole.request.headers["X-GitHub-Event"],  # type: ignore[index]
            "left": [each.id for each in repo.get_hooks()],
        }

    number = await asked(simulator, make)
    async with asyncio.timeout(PATIENCE_S):
        while simulator.webhooks.is_busy:
            await simulator.clock.sleep(1)

    assert await asked(simulator, question) == {
        "events": ["push"],
        "config": "********",
        "log": [("ping", "failed to connect to host", 502, False)] * 2,
        "request": "ping",
        "left": [],
    }


async def test_releases(simulator: GitHubSimulator) -> None:
    """Of a tag that it makes; found by tag and as the latest, changed, deleted."""

    def question(repo: Repository) -> tuple[object, ...]:
        made = repo.create_git_release("v1.5.0", "1.5.0", "New", target_commitish="main")
        latest, by_tag = repo.get_latest_release(), repo.get_release("v1.5.0")
        changed = made.update_release("1.5.0", "Newer")
        notes = repo.generate_release_notes("v1.6.0", "v1.4.2")
        made.delete_release()
        left = [each.tag_name for each in repo.get_releases()]
        return latest.id == by_tag.id == made.id, changed.body, "What's Changed" in notes.body, left

    assert await asked(simulator, question) == (True, "Newer", True, [])


async def test_pages_are_followed(simulator: GitHubSimulator) -> None:
    """More than a page of commits and tags arrives whole, by the links of the answers."""
    await simulator.actions()["many_commits"]({"count": 75})
    for number in range(40):
        await simulator.actions()["tag"]({"name": f"many-{number:02}"})

    def question(repo: Repository) -> tuple[int, int, int]:
        commits, tags = repo.get_commits(), repo.get_tags()
        return sum(1 for _ in commits), commits.totalCount, len(list(tags))

    assert await asked(simulator, question) == (86, 86, 44)


async def test_what_did_not_change_is_not_sent(simulator: GitHubSimulator) -> None:
    """A conditional request says so by 304, and costs nothing of the limit."""

    def question(repo: Repository) -> tuple[bool, int, int]:
        branch = repo.get_git_ref("heads/main")
        before = branch.requester.rate_limiting[0]
        changed = branch.update()
        return changed, before, branch.requester.rate_limiting[0]

    changed, before, after = await asked(simulator, question)

    assert (changed, after) == (False, before)


async def test_limits(simulator: GitHubSimulator) -> None:
    """5,000 an hour; asking costs nothing; its end raises what the client knows as such."""

    def question() -> tuple[int, int, int]:
        with client(simulator) as github:
            first = github.get_rate_limit().resources.core
            github.get_repo(NAME)
            second = github.get_rate_limit().resources.core
            assert second.reset > datetime.now(UTC)
            return first.limit, first.remaining, second.remaining

    assert await asyncio.to_thread(question) == (5000, 5000, 4999)


async def test_what_is_not_there(simulator: GitHubSimulator) -> None:
    """Unknown things are 404, a wrong token is 401, a private repository without a token is not there."""

    def question(repo: Repository) -> list[int]:
        with client(simulator, Auth.Token("wrong")) as wrong:
            found = [_status(lambda: repo.get_pull(999)), _status(lambda: repo.get_workflow_run(1))]
            return [*found, _status(lambda: wrong.get_repo(NAME))]

    assert await asked(simulator, question) == [404, 404, 401]


def _status(deed: Callable[[], object]) -> int:
    with pytest.raises(GithubException) as refusal:
        deed()
    return refusal.value.status


async def test_an_app_gets_its_installations_token(simulator: GitHubSimulator) -> None:
    """By its JSON web token; with that it acts as `flytower[bot]`, and only where it is installed."""

    def question() -> tuple[str, list[int], str, str]:
        auth = Auth.AppAuth(APP_ID, APP_KEY_FILE.read_text(encoding="utf-8"))
        with GithubIntegration(
            base_url=simulator.url, auth=auth, seconds_between_requests=None, seconds_between_writes=None
        ) as app:
            found = app.get_repo_installation("reify", "reify-studio")
            slug, ids = app.get_app().slug, [each.id for each in app.get_installations()]
            with client(simulator, auth.get_installation_auth(found.id)) as github:
                repo = github.get_repo(NAME)
                comment = repo.get_pull(12).create_issue_comment("hello")
                return slug, ids, repo.full_name, comment.user.login

    assert await asyncio.to_thread(question) == ("flytower", [515151], NAME, "flytower[bot]")
