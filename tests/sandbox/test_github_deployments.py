"""Deployments and their statuses."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from sandbox.github import GitHubSimulator

HEADING, V141 = "0c48c64d2651fd5aef4f3d6a045e0744c0113d27", "dd085a7c339e27b92c8ba7afc115f2f8a21ee5f6"
PLAIN = {"auto_merge": False, "required_contexts": []}


async def deployed(repo: httpx.AsyncClient, **body: Any) -> int:
    answer = await repo.post("/deployments", json={"ref": "main", **PLAIN, **body})
    return int(answer.json()["id"])


async def states(repo: httpx.AsyncClient, deployment: int) -> list[str]:
    return [status["state"] for status in (await repo.get(f"/deployments/{deployment}/statuses")).json()]


async def test_a_deployment_records_what_was_asked(repo: httpx.AsyncClient) -> None:
    """The ref with its commit, and everything that was sent."""
    body = {"ref": "v1.4.1", "task": "rollback", "environment": "production", "payload": {"request_id": "r1"}, **PLAIN}

    answer = await repo.post("/deployments", json=body)

    made = answer.json()
    assert (answer.status_code, made["sha"], made["ref"], made["task"]) == (201, V141, "v1.4.1", "rollback")
    assert (made["payload"], made["creator"]["login"]) == ({"request_id": "r1"}, "reify-deployer")
    assert (made["production_environment"], made["transient_environment"]) == (True, False)


async def test_defaults_are_a_deployment_to_production(repo: httpx.AsyncClient) -> None:
    """Of a branch that is not behind and whose checks passed."""
    made = (await repo.post("/deployments", json={"ref": "main"})).json()

    assert (made["task"], made["environment"], made["payload"], made["sha"]) == ("deploy", "production", {}, HEADING)


async def test_by_default_a_branch_behind_is_merged_instead(github: GitHubSimulator, repo: httpx.AsyncClient) -> None:
    """202, a merge commit on the branch, and no deployment."""
    await github.actions()["commit"]({"title": "Ahead", "author": "bo", "files": {"new.txt": "x"}})

    answer = await repo.post("/deployments", json={"ref": "hostile"})

    tip = (await repo.get("/commits/hostile")).json()
    assert (answer.status_code, answer.json()["message"]) == (202, "Auto-merged main into hostile on deployment.")
    assert (tip["commit"]["message"], len(tip["parents"])) == ("Merge main into hostile", 2)
    assert (await repo.get("/deployments")).json() == []


async def test_by_default_a_conflicting_branch_is_refused(github: GitHubSimulator, repo: httpx.AsyncClient) -> None:
    """409 where the default branch cannot be merged, and nothing changed."""
    await github.actions()["commit"]({"title": "Same", "author": "bo", "files": {"lib/page.ex": "other"}})

    answer = await repo.post("/deployments", json={"ref": "hostile", "required_contexts": []})

    assert (answer.status_code, answer.json()["message"]) == (409, "Conflict merging main into hostile.")


@pytest.mark.parametrize("ref", ["v1.4.1", V141])
async def test_by_default_an_old_tag_or_hash_is_refused(repo: httpx.AsyncClient, ref: str) -> None:
    """Nothing can be merged into it: a rollback has to say `auto_merge: false`."""
    default = await repo.post("/deployments", json={"ref": ref, "required_contexts": []})
    explicit = await repo.post("/deployments", json={"ref": ref, **PLAIN})

    assert (default.status_code, explicit.status_code) == (409, 201)


@pytest.mark.parametrize(
    ("contexts", "status"), [({}, 409), ({"required_contexts": ["test"]}, 409), ({"required_contexts": []}, 201)]
)
async def test_a_failed_check_holds_a_deployment_back(
    repo: httpx.AsyncClient, contexts: dict[str, Any], status: int
) -> None:
    """All contexts by default, the named ones, or none with an empty list."""
    answer = await repo.post("/deployments", json={"ref": "feature/broken", "auto_merge": False, **contexts})

    assert answer.status_code == status
    if status == 409:
        assert answer.json()["errors"][0]["contexts"] == [{"context": "test", "state": "failure"}]


@pytest.mark.parametrize(("state", "status"), [("success", 201), ("pending", 409), ("error", 409)])
async def test_commit_statuses_count_as_contexts(
    github: GitHubSimulator, repo: httpx.AsyncClient, state: str, status: int
) -> None:
    """A status of another tool holds back like a check."""
    await github.actions()["set_status"]({"sha": "main", "context": "security", "state": state})

    answer = await repo.post("/deployments", json={"ref": "main"})

    assert answer.status_code == status


async def test_a_context_that_never_reported_holds_back(repo: httpx.AsyncClient) -> None:
    """A required name without any status is pending."""
    answer = await repo.post("/deployments", json={"ref": "main", "required_contexts": ["nobody"]})

    assert answer.json()["errors"][0]["contexts"] == [{"context": "nobody", "state": "pending"}]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"ref": "nope", **PLAIN},
        {"ref": "main", "description": "x" * 141, **PLAIN},
        {"ref": "main", "description": ["x"], **PLAIN},
        {"ref": "main", "payload": 7, **PLAIN},
        {"ref": "main", "required_contexts": "test"},
        {"ref": "main", "auto_merge": "false"},
    ],
)
async def test_a_wrong_deployment_is_refused(repo: httpx.AsyncClient, body: dict[str, Any]) -> None:
    """422, and nothing is recorded."""
    answer = await repo.post("/deployments", json=body)

    assert answer.status_code == 422
    assert (await repo.get("/deployments")).json() == []


async def test_a_payload_may_be_a_string(repo: httpx.AsyncClient) -> None:
    """It comes back as it was sent."""
    number = await deployed(repo, payload='{"request_id": "r1"}')

    assert (await repo.get(f"/deployments/{number}")).json()["payload"] == '{"request_id": "r1"}'


async def test_deployments_are_listed_newest_first_and_filtered(repo: httpx.AsyncClient) -> None:
    """By environment, task, ref and commit."""
    staging = await deployed(repo, environment="staging")
    rollback = await deployed(repo, task="rollback", ref="v1.4.1")

    async def found(**query: str) -> list[int]:
        return [each["id"] for each in (await repo.get("/deployments", params=query)).json()]

    assert await found() == [rollback, staging]
    assert await found(environment="staging") == [staging]
    assert await found(task="rollback", sha=V141) == [rollback]
    assert await found(ref="v1.4.1", environment="staging") == []
    assert await found(environment="none") == [rollback, staging]


async def test_statuses_are_kept_newest_first(repo: httpx.AsyncClient) -> None:
    """Each one with its links; the deployment's time of change moves along."""
    number = await deployed(repo)
    await repo.post(f"/deployments/{number}/statuses", json={"state": "in_progress"})
    body = {"state": "success", "log_url": "https://logs.example", "environment_url": "https://app.example"}

    made = await repo.post(f"/deployments/{number}/statuses", json=body)

    status = (await repo.get(f"/deployments/{number}/statuses/{made.json()['id']}")).json()
    assert await states(repo, number) == ["success", "in_progress"]
    assert (status["log_url"], status["environment_url"]) == ("https://logs.example", "https://app.example")
    assert (made.status_code, status["environment"]) == (201, "production")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"state": "done"},
        {"state": "success", "description": "x" * 141},
        {"state": "success", "log_url": 1},
        {"state": "success", "log_url": "ftp://logs.example"},
        {"state": "success", "target_url": "logs.example"},
        {"state": "success", "environment_url": "javascript:alert(1)"},
    ],
)
async def test_a_wrong_status_is_refused(repo: httpx.AsyncClient, body: dict[str, Any]) -> None:
    """422, and the deployment stays as it was."""
    number = await deployed(repo)

    answer = await repo.post(f"/deployments/{number}/statuses", json=body)

    assert answer.status_code == 422
    assert await states(repo, number) == []


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ({"environment": "staging"}, {}, ["inactive", "success"]),
        ({"environment": "staging"}, {"auto_inactive": False}, ["success"]),
        ({"environment": "staging", "transient_environment": True}, {}, ["success"]),
        ({"environment": "production"}, {}, ["success"]),
    ],
)
async def test_a_success_retires_the_earlier_one(
    repo: httpx.AsyncClient, first: dict[str, Any], second: dict[str, Any], expected: list[str]
) -> None:
    """Only of the same environment, neither transient nor production, unless told not to."""
    earlier = await deployed(repo, **first)
    await repo.post(f"/deployments/{earlier}/statuses", json={"state": "success"})
    other = await deployed(repo, environment="elsewhere")
    await repo.post(f"/deployments/{other}/statuses", json={"state": "success"})
    later = await deployed(repo, **first)

    await repo.post(f"/deployments/{later}/statuses", json={"state": "success", **second})

    assert await states(repo, earlier) == expected
    assert await states(repo, other) == ["success"]


@pytest.mark.parametrize("path", ["/deployments/1", "/deployments/1/statuses"])
async def test_an_unknown_deployment_is_not_found(repo: httpx.AsyncClient, path: str) -> None:
    """404 for the deployment and for its statuses."""
    answer = await repo.get(path)

    assert answer.status_code == 404
