"""The simulated `api/v1`, GraphQL and registry: releases, logs, images."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest

from tests.sandbox.fly_client import APP, FIXTURES, IAD, LIVE, NEXT, Fly

IMAGE = f"registry.fly.io/{APP}:{NEXT}"
ANY_MANIFEST = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
STAGING = {"Authorization": "Bearer fm2_sandbox_staging"}

fly_stage, fly = FIXTURES


def release(**changed: Any) -> dict[str, Any]:
    body = {"app_name": APP, "build_id": 0, "definition": {"env": {"A": "b"}}, "image": IMAGE, "strategy": "ROLLING"}
    return {**body, **changed}


async def test_releases_are_newest_first(fly: Fly) -> None:
    """The reference world: v41 is live, v40 failed."""
    listed = (await fly.get(f"/api/v1/apps/{APP}/releases", limit=3))["releases"]

    assert [(r["version"], r["status"], r["stable"]) for r in listed] == [
        (41, "complete", True),
        (40, "failed", False),
        (39, "complete", True),
    ]
    assert await fly.get(f"/api/v1/apps/{APP}/releases/current") == listed[0]


async def test_a_release_counts_up_and_changes_no_machine(fly: Fly) -> None:
    """POST gives the next version, PATCH its status; both are bookkeeping only."""
    created = await fly.call("POST", "/api/v1/releases", release())
    made = created.json()["release"]
    patched = await fly.call("PATCH", f"/api/v1/releases/{made['id']}", {"status": "running", "metadata": None})
    fly.clock.advance(60)

    assert (created.status_code, made["version"], made["status"]) == (201, 42, "pending")
    assert (patched.json()["status"], patched.json()["in_progress"]) == ("running", True)
    assert fly.sim.labels(APP) == {LIVE}
    assert (await fly.get("/api/v1/releases/all_current")).keys() == {APP}


@pytest.mark.parametrize(
    ("changed", "status", "text"),
    [
        ({"image": f"registry.fly.io/{APP}:none"}, 404, "Could not find image"),
        ({"app_name": "nobody"}, 404, "app not found"),
        ({"app_name": "reify-studio-staging"}, 403, "unauthorized"),
        ({"strategy": "rolling"}, 422, "strategy"),
        ({"definition": None}, 422, "definition"),
    ],
)
async def test_a_wrong_release_is_refused(fly: Fly, changed: dict[str, Any], status: int, text: str) -> None:
    """The error has this API's own shape, and no version is used up."""
    answer = await fly.call("POST", "/api/v1/releases", release(**changed))

    assert answer.status_code == status
    assert text in answer.json()["errors"]["detail"]
    assert fly.sim.app(APP).releases[-1].version == 41


@pytest.mark.parametrize(("status", "code"), [("complete", 200), ("interrupted", 200), ("failed", 200), ("done", 422)])
async def test_a_release_has_four_statuses_to_write(fly: Fly, status: str, code: int) -> None:
    """Flyctl's four are taken, another word is not; metadata is kept."""
    release_id = fly.sim.app(APP).releases[-1].id

    answer = await fly.call("PATCH", f"/api/v1/releases/{release_id}", {"status": status, "metadata": {"by": "ana"}})

    assert answer.status_code == code
    assert fly.sim.app(APP).releases[-1].metadata == ({"by": "ana"} if code == 200 else None)


async def test_releases_of_others_are_out_of_reach(fly: Fly) -> None:
    """403 for the list, 404 for a release by id; an app without releases has no current one."""
    foreign = fly.sim.app("reify-studio-staging").releases[0].id
    answers = [
        await fly.http.get("/api/v1/apps/reify-studio-staging/releases"),
        await fly.call("PATCH", f"/api/v1/releases/{foreign}", {"status": "failed"}),
        await fly.http.get(f"/api/v1/apps/{APP}-production-db/releases/current"),
        await fly.http.get(f"/api/v1/apps/{APP}/releases", headers={"Authorization": "Bearer x"}),
    ]

    assert [answer.status_code for answer in answers] == [403, 404, 404, 401]


@pytest.mark.parametrize(
    ("slug", "token", "raw_slug"),
    [
        ("reify-studio-production", "fm2_sandbox_production", "reify-studio-production"),
        ("personal", "fm2_sandbox_personal", "reify-personal"),
    ],
)
async def test_an_organisation_has_a_raw_slug(fly: Fly, slug: str, token: str, raw_slug: str) -> None:
    """`personal` stays an alias; the true name is beside it."""
    answer = await fly.http.get(f"/api/v1/organizations/{slug}", headers={"Authorization": f"Bearer {token}"})

    organization = answer.json()["organization"]
    assert (organization["slug"], organization["raw_slug"]) == (slug, raw_slug)


async def test_a_build_is_opened_and_finished(fly: Fly) -> None:
    """Both answers carry the build; an unknown build cannot be finished."""
    opened = (await fly.call("POST", "/api/v1/builds", {"app_name": APP})).json()
    finished = await fly.call(
        "POST", "/api/v1/builds/finish", {"build_id": opened["id"], "app_name": APP, "status": "completed"}
    )
    unknown = await fly.call("POST", "/api/v1/builds/finish", {"build_id": 1, "app_name": APP, "status": "completed"})

    assert finished.json() == {"id": opened["id"], "status": "completed", "wallclock_time_ms": 0}
    assert unknown.status_code == 404


async def messages(fly: Fly, **query: Any) -> tuple[list[str], str]:
    answer = await fly.get(f"/api/v1/apps/{APP}/logs", **query)
    return [line["attributes"]["message"] for line in answer["data"]], answer["meta"]["next_token"]


async def test_logs_arrive_late_and_are_paged(fly: Fly) -> None:
    """A line shows up after the lag; each token goes on exactly where the last page ended."""
    machine = fly.sim.machine(IAD)
    token = str(int((fly.clock.now() - 5) * 1e9))
    for number in range(150):
        fly.sim.world.log(machine, fly.clock.now(), f"line {number}")
    early, _ = await messages(fly, next_token=token)
    fly.clock.advance(3)

    first, middle = await messages(fly, next_token=token, instance=IAD)
    second, end = await messages(fly, next_token=middle, instance=IAD)
    third, _ = await messages(fly, next_token=end)

    assert (early, len(first), third) == ([], 100, [])
    assert first + second == [f"line {number}" for number in range(150)]
    assert (await messages(fly))[0] == [f"line {number}" for number in range(50, 150)]
    assert (await messages(fly, instance="another"))[0] == []


async def graphql(fly: Fly, query: str, headers: dict[str, str] | None = None, **variables: Any) -> httpx.Response:
    return await fly.call("POST", "/graphql", {"query": query, "variables": variables}, headers=headers)


@pytest.mark.parametrize(
    ("ref", "found"),
    [
        (IMAGE, True),
        ("flyio/postgres-flex:17.2", True),
        (f"registry.fly.io/{APP}:none", False),
        (f"registry.fly.io/reify-studio-staging:{LIVE}", False),
        ("registry.fly.io/", False),
    ],
)
async def test_graphql_resolves_an_image(fly: Fly, ref: str, *, found: bool) -> None:
    """A known image has a digest and a whole reference; an absent or foreign one is null."""
    query = 'query($ref: String!) { app(name: "reify-studio") { image(ref: $ref) { ref digest label manifest } } }'
    image = (await graphql(fly, query, ref=ref)).json()["data"]["app"]["image"]

    assert (image is not None) == found
    assert image is None or image["ref"].endswith(f":{image['label']}@{image['digest']}")


async def test_graphql_knows_the_definition_of_the_newest_release(fly: Fly) -> None:
    """Definition, and releases filtered by status and paged."""
    query = """query { app(name: "reify-studio") {
        id name state platformVersion organization { slug rawSlug type internalNumericId } role { name }
        currentReleaseUnprocessed { version configDefinition user { email } image { digest } }
        releasesUnprocessed(first: 2, status: "complete") {
            nodes { version imageRef stable deploymentStrategy } pageInfo { hasNextPage } totalCount } } }"""
    app = (await graphql(fly, query)).json()["data"]["app"]

    assert app["currentReleaseUnprocessed"]["configDefinition"]["deploy"] == {"release_command": "/app/bin/migrate"}
    assert app["currentReleaseUnprocessed"]["version"] == 41
    assert [node["version"] for node in app["releasesUnprocessed"]["nodes"]] == [41, 39]
    assert app["releasesUnprocessed"]["pageInfo"] == {"hasNextPage": True}
    assert (app["state"], app["organization"]["type"], app["role"]) == ("DEPLOYED", "SHARED", None)


async def test_graphql_lists_what_the_token_sees(fly: Fly) -> None:
    """Apps by role, the organisation, regions, the newest tag of a public image."""
    query = """query { apps(role: "postgres_cluster") { totalCount nodes { name role { __typename name } } }
        organizations { nodes { slug apps { totalCount } } } organization(slug: "reify-studio-production") { id }
        platform { requestRegion regions { code } } nearestRegion { code }
        latestImageTag(repository: "flyio/postgres-flex") appNameAvailable(name: "reify-studio-staging") }"""
    data = (await graphql(fly, query)).json()["data"]

    assert [node["role"]["__typename"] for node in data["apps"]["nodes"]] == ["PostgresClusterAppRole"]
    assert data["organizations"]["nodes"] == [{"slug": "reify-studio-production", "apps": {"totalCount": 2}}]
    assert data["latestImageTag"].startswith("flyio/postgres-flex:17.2@sha256:")
    assert (data["platform"]["requestRegion"], data["appNameAvailable"]) == ("iad", False)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ('{ app(name: "reify-studio-staging") { id } }', "NOT_FOUND"),
        ('{ organization(slug: "reify-studio-staging") { id } }', "NOT_FOUND"),
        ("{ personalOrganization { id } }", "NOT_FOUND"),
        ('{ latestImageTag(repository: "flyio/none") }', "NOT_FOUND"),
        ('{ app(name: "reify-studio") { secretValues } }', "GRAPHQL_VALIDATION_FAILED"),
    ],
)
async def test_graphql_errors_come_at_200_with_a_code(fly: Fly, query: str, code: str) -> None:
    """Clients match on `extensions.code`."""
    answer = await graphql(fly, query)

    assert answer.status_code == 200
    assert answer.json()["errors"][0]["extensions"]["code"] == code


async def test_graphql_without_a_token_is_refused(fly: Fly) -> None:
    """401 in GraphQL's shape; 400 without a query."""
    refused = await graphql(fly, "{ platform { requestRegion } }", headers={"Authorization": "Bearer x"})
    empty = await fly.call("POST", "/graphql", {})

    assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (401, "UNAUTHORIZED")
    assert empty.status_code == 400


async def test_a_manifest_is_read_by_tag_and_by_digest(fly: Fly) -> None:
    """HEAD and GET name the digest; the config blob has the labels."""
    head = await fly.http.head(f"/v2/{APP}/manifests/{NEXT}", headers=ANY_MANIFEST)
    digest = head.headers["docker-content-digest"]
    manifest = (await fly.http.get(f"/v2/{APP}/manifests/{digest}", headers=ANY_MANIFEST)).json()
    blob = (await fly.http.get(f"/v2/{APP}/blobs/{manifest['config']['digest']}")).json()

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == manifest["mediaType"]
    assert blob["config"]["Labels"]["GH_SHA"] == NEXT.removeprefix("sha-")


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


@pytest.mark.parametrize(
    ("headers", "path", "status"),
    [
        (basic("x", "fm2_sandbox_production"), f"{APP}/manifests/{NEXT}", 200),
        (basic("x", "FlyV1 fm2_sandbox_production"), f"{APP}/manifests/{NEXT}", 401),
        (basic("ana", "fm2_sandbox_production"), f"{APP}/manifests/{NEXT}", 401),
        ({"Authorization": "Basic ?"}, f"{APP}/manifests/{NEXT}", 401),
        ({"Authorization": ""}, "", 401),
        (STAGING, f"{APP}/manifests/{NEXT}", 403),
        (STAGING, "", 200),
        ({}, f"{APP}/manifests/none", 404),
        ({}, "nobody/manifests/none", 404),
        ({}, f"{APP}/blobs/sha256:00", 404),
    ],
)
async def test_the_registry_knows_who_asks(fly: Fly, headers: dict[str, str], path: str, status: int) -> None:
    """Basic as `x` or a bearer token of the same organisation; errors in the registry's own shape."""
    answer = await fly.http.get(f"/v2/{path}", headers=headers)

    assert answer.status_code == status
    assert answer.is_success or answer.json()["errors"][0]["code"]


async def test_an_image_label_moves_and_goes(fly: Fly) -> None:
    """A label pushed again means another digest, the old digest stays; a deleted label is unknown."""
    path = f"/v2/{APP}/manifests"
    before = (await fly.http.head(f"{path}/{NEXT}")).headers["docker-content-digest"]
    await fly.do("push_image", app=APP, label=NEXT, content="built again")
    after = (await fly.http.head(f"{path}/{NEXT}")).headers["docker-content-digest"]
    await fly.do("delete_image", app=APP, label=NEXT)

    assert before != after
    assert (await fly.http.head(f"{path}/{before}")).status_code == 200
    assert (await fly.http.head(f"{path}/{NEXT}")).status_code == 404


async def test_the_state_is_json_without_secrets(fly: Fly) -> None:
    """Everything that assertions need, nothing that opens a door."""
    text = json.dumps(await fly.get("/_control/state"))

    assert APP in text
    assert "fm2_sandbox" not in text
    assert "postgres://" not in text
