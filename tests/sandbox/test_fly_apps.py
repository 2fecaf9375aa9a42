"""The simulated Machines API: tokens, apps and what belongs to them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.fly_client import APP, FIXTURES, IAD, Fly

STAGING_APP = "reify-studio-staging"

fly_stage, fly = FIXTURES


def bearer(text: str, scheme: str = "Bearer") -> dict[str, str]:
    return {"Authorization": f"{scheme} {text}"}


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("FlyV1 fm2_sandbox_production", 200),
        ("Bearer fm2_sandbox_production", 200),
        ("FlyV1 fm2_unknown,fm2_sandbox_production", 200),
        ("Bearer FlyV1 fm2_sandbox_production", 401),
        ("FlyV1 Bearer fm2_sandbox_production", 401),
        ("fm2_sandbox_production", 401),
        ("FlyV1 fm2_unknown", 401),
        ("", 401),
    ],
)
async def test_one_scheme_and_a_known_token(fly: Fly, header: str, status: int) -> None:
    """Either scheme will do, a doubled or missing one will not."""
    answer = await fly.http.get(f"/v1/apps/{APP}", headers={"Authorization": header})

    assert answer.status_code == status
    assert answer.is_success or answer.json() == {"error": "Authenticate: token validation error"}


@pytest.mark.parametrize(
    ("name", "status"), [(APP, 200), (STAGING_APP, 403), ("reify-studio-pr-12", 403), ("nobody", 404)]
)
async def test_a_name_is_ours_taken_or_free(fly: Fly, name: str, status: int) -> None:
    """200 is ours, 403 somebody else's, 404 free."""
    answer = await fly.http.get(f"/v1/apps/{name}")

    assert answer.status_code == status


async def test_a_token_says_what_it_is_for(fly: Fly) -> None:
    """Organisation, apps and user of the token."""
    deploy = fly.token("fm2_deploy", profile="deploy", app=APP)

    own = (await fly.get("/v1/tokens/current"))["tokens"][0]
    narrow = (await fly.http.get("/v1/tokens/current", headers=deploy)).json()["tokens"][0]

    assert (own["org_slug"], own["apps"]) == ("reify-studio-production", [])
    assert narrow["apps"] == [APP]


@pytest.mark.parametrize(
    ("method", "path", "body", "deploy", "readonly"),
    [
        ("GET", f"/v1/apps/{APP}", None, 200, 200),
        ("GET", "/v1/apps?org_slug=reify-studio-production", None, 403, 200),
        ("GET", "/v1/orgs/reify-studio-production/machines", None, 403, 200),
        ("GET", "/v1/apps/reify-studio-production-db", None, 403, 200),
        ("POST", "/v1/apps", {"name": "more", "org_slug": "reify-studio-production"}, 403, 403),
        ("DELETE", f"/v1/apps/{APP}?force=true", None, 403, 403),
        ("POST", f"/v1/apps/{APP}/machines/{IAD}/lease", {"ttl": 5}, 201, 403),
        ("POST", f"/v1/apps/{APP}/secrets", {"values": {"A": "b"}}, 200, 403),
        ("GET", f"/api/v1/apps/{APP}/releases", None, 200, 200),
        ("GET", f"/api/v1/apps/{APP}/logs", None, 401, 200),
    ],
)
async def test_a_narrow_token_does_less(
    fly: Fly, method: str, path: str, body: Any, deploy: int, readonly: int
) -> None:
    """A deploy token has one app and no logs here; a read-only token writes nothing."""
    tokens = [fly.token("fm2_deploy", profile="deploy", app=APP, logs=False), fly.token("fm2_read", profile="readonly")]

    statuses = [(await fly.call(method, path, body, headers=token)).status_code for token in tokens]

    assert statuses == [deploy, readonly]


async def test_apps_are_listed_per_organisation_and_role(fly: Fly) -> None:
    """One organisation at a time; databases by their role."""
    everything = await fly.get("/v1/apps", org_slug="reify-studio-production")
    databases = await fly.get("/v1/apps", org_slug="reify-studio-production", app_role="postgres_cluster")

    assert {app["name"]: app["status"] for app in everything["apps"]} == {
        APP: "deployed",
        f"{APP}-production-db": "deployed",
    }
    assert (databases["total_apps"], databases["apps"][0]["app_role"]) == (1, "postgres_cluster")
    assert databases["apps"][0]["organization"]["slug"] == "reify-studio-production"


@pytest.mark.parametrize("slug", ["personal", "reify-personal"])
async def test_personal_is_an_alias(fly: Fly, slug: str) -> None:
    """The owner's personal organisation answers to `personal` and to its raw slug; suspended: nothing runs."""
    answer = await fly.http.get("/v1/apps", params={"org_slug": slug}, headers=bearer("fm2_sandbox_personal"))

    assert {app["name"]: app["status"] for app in answer.json()["apps"]} == {
        "reify-studio-pr-12": "suspended",
        "reify-studio-pr-12-db": "suspended",
    }


@pytest.mark.parametrize(("slug", "status"), [("reify-studio-staging", 403), ("no-such-organisation", 404), ("", 400)])
async def test_another_organisation_is_not_listed(fly: Fly, slug: str, status: int) -> None:
    """A token lists its own organisation only."""
    answer = await fly.http.get("/v1/apps", params={"org_slug": slug})

    assert answer.status_code == status


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (APP, "name_taken"),
        (STAGING_APP, "name_taken"),
        ("reify_studio", None),
        ("Reify", None),
        ("-a", None),
        ("a-", None),
        ("", None),
        ("a" * 64, None),
    ],
)
async def test_a_name_is_global_and_has_rules(fly: Fly, name: str, code: str | None) -> None:
    """422; with `name_taken` where the name exists anywhere."""
    answer = await fly.call("POST", "/v1/apps", {"name": name, "org_slug": "reify-studio-production"})

    assert answer.status_code == 422
    assert answer.json().get("status") == code


async def test_a_new_app_is_found_after_a_moment_and_pending(fly: Fly) -> None:
    """201, then 404 until it is known everywhere; without Machines it is pending, without addresses unreachable."""
    body = {"name": "fresh", "org_slug": "reify-studio-production"}
    created = await fly.call("POST", "/v1/apps", body)
    early = await fly.http.get("/v1/apps/fresh")
    again = await fly.call("POST", "/v1/apps", body)
    fly.clock.advance(1)
    app = await fly.get("/v1/apps/fresh")

    assert (created.status_code, early.status_code, again.json()["status"]) == (201, 404, "name_taken")
    assert (app["status"], app["machine_count"]) == ("pending", 0)
    assert await fly.get("/v1/apps/fresh/ip_assignments") == {"ips": []}


async def test_an_app_goes_with_everything_in_it(fly: Fly) -> None:
    """Running Machines are not in the way; afterwards the name is free, and the database is still there."""
    await fly.update()
    destroyed = await fly.call("DELETE", f"/v1/apps/{APP}")
    fly.clock.advance(60)

    assert destroyed.status_code == 202
    assert (await fly.http.get(f"/v1/apps/{APP}")).status_code == 404
    assert (await fly.http.get(f"/v1/apps/{APP}/machines")).json() == {"error": "app not found"}
    assert list(fly.sim.app(f"{APP}-production-db").machines) == ["3287a91b4d0e85"]


async def test_addresses_are_assigned_one_by_one(fly: Fly) -> None:
    """Each POST makes another; the type shows in the address and in `shared` only."""
    path = f"/v1/apps/{APP}/ip_assignments"
    for row in (await fly.get(path))["ips"]:
        await fly.call("DELETE", f"{path}/{row['ip']}")

    for kind in ("v6", "shared_v4", "private_v6"):
        await fly.call("POST", path, {"type": kind})
    refused = await fly.call("POST", path, {"type": "v5"})
    rows = (await fly.get(path))["ips"]

    assert [(row["shared"], ":" in row["ip"], row["ip"].startswith("fdaa:")) for row in rows] == [
        (False, True, False),
        (True, False, False),
        (False, True, True),
    ]
    assert "type" not in rows[0]
    assert refused.status_code == 400


async def test_secrets_are_write_only_and_staged(fly: Fly) -> None:
    """Answers show digests; the version grows; a Machine has it once it is updated."""
    path = f"/v1/apps/{APP}/secrets"
    before = fly.sim.machine(IAD).secrets_version
    changed = (await fly.call("POST", path, {"values": {"NEW": "hush", "SECRET_KEY_BASE": None}})).json()
    running = fly.sim.machine(IAD).secrets_version
    updated = await fly.update(min_secrets_version=changed["version"])
    fly.clock.advance(30)

    assert {secret["name"] for secret in changed["secrets"]} == {"DATABASE_URL", "NEW"}
    assert "hush" not in str(changed) + str(fly.sim.state())
    assert (running, updated.status_code) == (before, 200)
    assert fly.sim.machine(IAD).secrets_version == changed["version"] == before + 1


async def test_single_secrets(fly: Fly) -> None:
    """Set, read and delete one; each change has a version; a version that is not there yet is refused."""
    path = f"/v1/apps/{APP}/secrets/TOKEN"
    answers = [
        await fly.call("POST", path, {"value": "x"}),
        await fly.http.get(path),
        await fly.http.get(path, params={"min_version": 99}),
        await fly.call("DELETE", path),
        await fly.http.get(path),
        await fly.call("POST", f"/v1/apps/{APP}/secrets/a-b", {"value": "x"}),
        await fly.call("POST", path, {"value": None}),
    ]

    assert [answer.status_code for answer in answers] == [201, 200, 412, 200, 404, 400, 400]
    assert answers[3].json()["version"] == answers[0].json()["version"] + 1


async def test_a_volume_belongs_to_one_machine(fly: Fly) -> None:
    """A mounted volume is neither mounted twice nor deleted; destroying the Machine frees it."""
    volumes = f"/v1/apps/{APP}/volumes"
    volume = (await fly.call("POST", volumes, {"name": "data", "region": "iad", "size_gb": 1})).json()
    mounts = [{"volume": volume["id"], "path": "/data"}]
    machine = (await fly.create({"mounts": mounts})).json()
    second = await fly.create({"mounts": mounts})
    kept = await fly.call("DELETE", f"{volumes}/{volume['id']}")
    await fly.call("DELETE", f"/v1/apps/{APP}/machines/{machine['id']}", params={"force": "true"})
    fly.clock.advance(5)
    freed = await fly.get(f"{volumes}/{volume['id']}")

    assert (second.status_code, kept.status_code) == (412, 412)
    assert freed["attached_machine_id"] is None
    assert (await fly.call("DELETE", f"{volumes}/{volume['id']}")).is_success
    assert [v["state"] for v in await fly.get(volumes)] == ["scheduling_destroy"]


async def test_a_database_has_a_volume_with_snapshots_and_its_own_checks(fly: Fly) -> None:
    """The reference world's Postgres prints what postgres-flex prints."""
    app = "reify-studio-production-db"
    machine = (await fly.get(f"/v1/apps/{app}/machines"))[0]
    outputs = {check["name"]: check["output"] for check in machine["checks"]}
    volume = machine["config"]["mounts"][0]["volume"]

    assert outputs["role"] == "primary"
    assert "[✓] connections: 9 used, 3 reserved, 300 max" in outputs["pg"]
    assert machine["image_ref"]["repository"] == "flyio/postgres-flex"
    assert len(await fly.get(f"/v1/apps/{app}/volumes/{volume}/snapshots")) == 5


async def test_an_organisation_shows_all_its_machines_in_pages(fly: Fly) -> None:
    """Oldest change first, without checks, with a cursor while there are more."""
    path = "/v1/orgs/reify-studio-production/machines"
    first = await fly.get(path, limit=2)
    second = await fly.get(path, limit=2, cursor=first["next_cursor"])
    changed_at = fly.clock.now() - 1
    await fly.call("POST", f"/v1/apps/{APP}/machines/{IAD}/restart")
    changed = await fly.get(path, updated_after=f"{first['last_updated_at'][:4]}-01-01T00:00:00Z", state="restarting")

    assert "next_cursor" not in second
    assert len({m["id"] for m in first["machines"] + second["machines"]}) == 3
    assert {"image", "guest", "metadata"} == first["machines"][1]["config"].keys()
    assert [m["id"] for m in changed["machines"]] == [IAD]
    assert changed_at < fly.sim.machine(IAD).updated_at


async def test_regions_are_listed(fly: Fly) -> None:
    """The platform's regions by code."""
    answer = await fly.get("/v1/platform/regions")

    assert {"iad", "sjc"} <= {region["code"] for region in answer["regions"]}
