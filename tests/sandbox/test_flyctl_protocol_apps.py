"""Flyctl's commands for apps, secrets, addresses and tokens against the simulated Fly, by REST and by GraphQL."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.fly_client import APP, FIXTURES, Fly
from tests.sandbox.flyctl_conversation import TOKENS, Conversation

fly_stage, fly = FIXTURES
NEW_APP = "reify-studio-new"
ORGANIZATION = "org7001"
CREATE = "mutation ($input: CreateAppInput!) { createApp(input: $input) { app { id name organization { slug } } } }"
DELETE = "mutation ($appId: ID!) { deleteApp(appId: $appId) { organization { id } } }"
SET = "mutation ($input: SetSecretsInput!) { setSecrets(input: $input) { release { id version } } }"
UNSET = "mutation ($input: UnsetSecretsInput!) { unsetSecrets(input: $input) { release { id version } } }"
ALLOCATE = """mutation ($input: AllocateIPAddressInput!) { allocateIpAddress(input: $input) {
  app { sharedIpAddress } ipAddress { id address type region createdAt } } }"""
RELEASE = "mutation ($input: ReleaseIPAddressInput!) { releaseIpAddress(input: $input) { clientMutationId } }"
LOCK = "mutation ($input: LockAppInput!) { lockApp(input: $input) { lockId expiration } }"
UNLOCK = "mutation ($input: UnlockAppInput!) { unlockApp(input: $input) { app { currentLock { lockId } } } }"
MAKE_TOKEN = """mutation ($name: String!, $organizationId: ID!, $profile: String!, $profileParams: JSON,
    $expiry: String!) {
  createLimitedAccessToken(input: {name: $name, organizationId: $organizationId, profile: $profile,
    profileParams: $profileParams, expiry: $expiry}) { limitedAccessToken { id tokenHeader } } }"""
LIST_TOKENS = """query ($slug: String!) { organization(slug: $slug) { limitedAccessTokens { nodes {
  id name expiresAt revokedAt user { email } } } } }"""
APP_TOKENS = "query ($n: String!) { app(name: $n) { limitedAccessTokens { nodes { id name token expiresAt } } } }"
REVOKE = "mutation ($input: DeleteLimitedAccessTokenInput!) { deleteLimitedAccessToken(input: $input) { token } }"


@pytest.fixture
def talk(fly: Fly) -> Conversation:
    return Conversation(fly)


async def test_an_app_is_created_and_destroyed(talk: Conversation) -> None:
    """It is found a moment later, and its name is free again afterwards."""
    body = {"name": NEW_APP, "org_slug": "reify-studio-production", "network": "", "app_role_id": ""}
    created = (await talk.flaps("POST", "/apps?wait=true", body)).json()
    early = await talk.flaps("GET", f"/apps/{NEW_APP}")
    talk.fly.clock.advance(1)
    found = (await talk.flaps("GET", f"/apps/{NEW_APP}")).json()
    destroyed = await talk.flaps("DELETE", f"/apps/{NEW_APP}")

    assert (created["name"], early.status_code, found["status"]) == (NEW_APP, 404, "pending")
    assert (destroyed.status_code, (await talk.flaps("GET", f"/apps/{NEW_APP}")).status_code) == (202, 404)


async def test_destroying_an_app_takes_what_runs(talk: Conversation) -> None:
    """No force is asked for, whatever runs."""
    assert (await talk.flaps("DELETE", f"/apps/{APP}")).status_code == 202
    assert APP not in talk.fly.sim.world.apps


async def test_the_older_way_to_an_app(talk: Conversation) -> None:
    """`createApp` and `deleteApp`; a taken name is refused as by REST."""
    created = await talk.graphql(CREATE, input={"organizationId": ORGANIZATION, "name": NEW_APP, "machines": True})
    taken = await talk.graphql_answer(CREATE, input={"organizationId": ORGANIZATION, "name": NEW_APP})
    deleted = await talk.graphql(DELETE, appId=NEW_APP)

    assert created["createApp"]["app"] == {
        "id": NEW_APP,
        "name": NEW_APP,
        "organization": {"slug": "reify-studio-production"},
    }
    assert taken["errors"][0]["message"] == "Validation failed: Name has already been taken"
    assert taken["errors"][0]["extensions"]["code"] == "UNPROCESSABLE"
    assert deleted["deleteApp"]["organization"]["id"] == ORGANIZATION
    assert NEW_APP not in talk.fly.sim.world.apps


async def test_an_app_without_a_name_gets_one(talk: Conversation) -> None:
    """`fly apps create --generate-name` leaves the name to Fly."""
    created = await talk.graphql(CREATE, input={"organizationId": ORGANIZATION})

    assert created["createApp"]["app"]["name"] in talk.fly.sim.world.apps


async def test_secrets_are_staged(talk: Conversation) -> None:
    """`secrets set --stage`, `list` and `unset`: stored, not shown, and no Machine restarts."""
    path = f"/apps/{APP}/secrets"
    stored = (await talk.flaps("POST", path, {"values": {"A": "one", "B": "two"}})).json()
    await talk.flaps("POST", path, {"values": {"B": None}})
    listed = (await talk.flaps("GET", path, params={"version": stored["version"]})).json()["secrets"]

    assert {"A", "DATABASE_URL"} <= {secret["name"] for secret in listed}
    assert not any("value" in secret or secret["name"] == "B" for secret in listed)
    assert {machine.counts["updates"] for machine in talk.fly.sim.machines(APP)} == {0}


async def test_secrets_deploy(talk: Conversation) -> None:
    """A release with the image of the newest, and every Machine again with its own configuration and the secrets."""
    version = (await talk.flaps("POST", f"/apps/{APP}/secrets", {"values": {"A": "one"}})).json()["version"]
    query = "query LatestImage($n: String!) { app(name: $n) { currentReleaseUnprocessed { id version imageRef } } }"
    image = (await talk.graphql(query, n=APP))["app"]["currentReleaseUnprocessed"]["imageRef"]
    body = {"app_name": APP, "build_id": 0, "definition": {}, "image": image, "strategy": "ROLLING"}
    release = (await talk.uiex("POST", "/releases", body)).json()["release"]
    for machine in await talk.machines():
        lease = await talk.lease(machine["id"])
        metadata = machine["config"]["metadata"] | {"fly_release_version": str(release["version"])}
        config = machine["config"] | {"metadata": metadata}
        update = {"config": config, "region": machine["region"], "min_secrets_version": version}
        path = f"/apps/{APP}/machines/{machine['id']}"
        updated = (await talk.flaps("POST", path, update, headers=lease)).json()
        await talk.wait(updated, "started")
        await talk.release_lease(machine["id"], lease)

    machines = talk.fly.sim.machines(APP)
    assert release["version"] == 42
    assert [machine.secrets_version for machine in machines] == [version] * 2
    assert {str(machine.image) for machine in machines} == {image}


async def test_the_older_way_to_secrets(talk: Conversation) -> None:
    """They are stored without a release; `replaceAll` removes the others."""
    pairs = [{"key": "A", "value": "one"}, {"key": "B", "value": "two"}]
    stored = await talk.graphql(SET, input={"appId": APP, "secrets": pairs, "replaceAll": True})
    await talk.graphql(UNSET, input={"appId": APP, "keys": ["B"]})
    refused = await talk.graphql_answer(SET, input={"appId": APP, "secrets": [{"key": "no-dash", "value": ""}]})

    listed = (await talk.graphql("query ($n: String!) { app(name: $n) { secrets { name digest createdAt } } }", n=APP))[
        "app"
    ]
    assert (stored["setSecrets"]["release"], [secret["name"] for secret in listed["secrets"]]) == (None, ["A"])
    assert refused["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_addresses_come_and_go(talk: Conversation) -> None:
    """`ips allocate-v6`, `release`: the type shows in the flags of an address, not by name."""
    path = f"/apps/{APP}/ip_assignments"
    body = {
        "type": "private_v6",
        "region": "",
        "org_slug": "reify-studio-production",
        "network": "",
        "service_name": "x",
    }
    made = (await talk.flaps("POST", path, body)).json()
    released = await talk.flaps("DELETE", f"{path}/{made['ip']}")
    foreign = await talk.flaps("POST", path, body | {"org_slug": "reify-studio-staging"})

    assert (made["service_name"], made["egress"], made["network"]["name"]) == ("x", False, "default")
    assert (released.status_code, foreign.status_code) == (204, 403)
    assert [address.type for address in talk.fly.sim.app(APP).addresses] == ["v6", "shared_v4"]


async def test_the_older_way_to_addresses(talk: Conversation) -> None:
    """A shared one shows on the app alone; a release names the address."""
    shared = (await talk.graphql(ALLOCATE, input={"appId": APP, "type": "shared_v4"}))["allocateIpAddress"]
    own = (await talk.graphql(ALLOCATE, input={"appId": APP, "type": "v6", "region": ""}))["allocateIpAddress"]
    await talk.graphql(RELEASE, input={"appId": APP, "ip": own["ipAddress"]["address"]})
    again = await talk.graphql_answer(RELEASE, input={"appId": APP, "ip": own["ipAddress"]["address"]})

    assert (shared["ipAddress"], bool(shared["app"]["sharedIpAddress"])) == (None, True)
    assert (own["ipAddress"]["type"], own["ipAddress"]["region"]) == ("v6", "global")
    assert again["errors"][0]["extensions"]["code"] == "NOT_FOUND"


async def test_a_lock_is_taken_once(talk: Conversation) -> None:
    """Until it is given back with its id, or a quarter of an hour has passed."""
    first = (await talk.graphql(LOCK, input={"appId": APP}))["lockApp"]["lockId"]
    second = await talk.graphql_answer(LOCK, input={"appId": APP})
    wrong = await talk.graphql_answer(UNLOCK, input={"appId": APP, "lockId": "another"})
    unlocked = (await talk.graphql(UNLOCK, input={"appId": APP, "lockId": first}))["unlockApp"]["app"]
    await talk.graphql(LOCK, input={"appId": APP})
    talk.fly.clock.advance(16 * 60)
    later = await talk.graphql_answer(LOCK, input={"appId": APP})

    assert [answer["errors"][0]["extensions"]["code"] for answer in (second, wrong)] == ["LOCKED", "NOT_FOUND"]
    assert (unlocked["currentLock"], "errors" in later) == (None, False)


async def made_token(talk: Conversation, profile: str, params: Any = None, expiry: str = "1h0m0s") -> Any:
    answer = await talk.graphql(
        MAKE_TOKEN, name="ci", organizationId=ORGANIZATION, profile=profile, profileParams=params, expiry=expiry
    )
    return answer["createLimitedAccessToken"]["limitedAccessToken"]


async def test_a_token_for_one_app(talk: Conversation) -> None:
    """`tokens create deploy`: it opens its app, is listed with it, and ends when it is revoked."""
    app_id = (await talk.flaps("GET", f"/apps/{APP}")).json()["id"]
    token = await made_token(talk, "deploy", {"app_id": app_id})
    narrow = Conversation(talk.fly, token["tokenHeader"].removeprefix("FlyV1 "))
    paths = [f"/apps/{APP}", f"/apps/{APP}-production-db", "/apps?org_slug=reify-studio-production"]

    opened = [(await narrow.flaps("GET", path)).status_code for path in paths]
    (listed,) = (await talk.graphql(APP_TOKENS, n=APP))["app"]["limitedAccessTokens"]["nodes"]
    await talk.graphql(REVOKE, input={"id": token["id"]})

    assert (opened, listed["name"]) == ([200, 403, 403], "ci")
    assert (await narrow.flaps("GET", f"/apps/{APP}")).status_code == 401


async def test_a_token_for_the_organisation_expires(talk: Conversation) -> None:
    """`tokens create org --expiry 1h` is good for an hour."""
    token = await made_token(talk, "deploy_organization", {})
    other = Conversation(talk.fly, token["tokenHeader"].removeprefix("FlyV1 "))
    nodes = (await talk.graphql(LIST_TOKENS, slug="reify-studio-production"))["organization"]["limitedAccessTokens"][
        "nodes"
    ]

    before = (await other.flaps("GET", "/apps?org_slug=reify-studio-production")).status_code
    talk.fly.clock.advance(3601)
    after = (await other.flaps("GET", "/apps?org_slug=reify-studio-production")).status_code

    assert (before, after) == (200, 401)
    assert [node["name"] for node in nodes] == ["Sandbox token for flyctl", "ci"]


@pytest.mark.parametrize(
    ("profile", "params", "expiry", "code"),
    [
        ("identity", None, "1h", "UNPROCESSABLE"),
        ("deploy", {"app_id": "nobody"}, "1h", "NOT_FOUND"),
        ("deploy", None, "1h", "NOT_FOUND"),
        ("deploy_organization", None, "soon", "BAD_REQUEST"),
    ],
)
async def test_no_token_for_that(talk: Conversation, profile: str, params: Any, expiry: str, code: str) -> None:
    """Other profiles, unknown apps and times that are none are refused."""
    answer = await talk.graphql_answer(
        MAKE_TOKEN, name="x", organizationId=ORGANIZATION, profile=profile, profileParams=params, expiry=expiry
    )

    assert answer["errors"][0]["extensions"]["code"] == code


MUTATIONS: list[tuple[str, Any]] = [
    (CREATE, {"organizationId": ORGANIZATION, "name": NEW_APP}),
    (SET, {"appId": APP, "secrets": [{"key": "A", "value": "b"}]}),
    (UNSET, {"appId": APP, "keys": ["DATABASE_URL"]}),
    (ALLOCATE, {"appId": APP, "type": "v4"}),
    (RELEASE, {"appId": APP, "ip": "66.241.124.11"}),
    (LOCK, {"appId": APP}),
    (UNLOCK, {"appId": APP, "lockId": "x"}),
    (REVOKE, {"id": "sandbox-production"}),
]


@pytest.mark.parametrize(("query", "given"), MUTATIONS)
@pytest.mark.parametrize("kind", ["readonly", "staging"])
async def test_a_mutation_needs_the_right(fly: Fly, query: str, given: Any, kind: str) -> None:
    """A read-only token changes nothing, and another organisation's does not see what it would change."""
    fly.token("fm2_read", profile="readonly")
    talk = Conversation(fly, "fm2_read" if kind == "readonly" else TOKENS["reify-studio-staging"])
    before = fly.sim.state()["apps"]

    answer = await talk.graphql_answer(query, input=given)

    codes = {error["extensions"]["code"] for error in answer["errors"]}
    assert codes == ({"UNAUTHORIZED"} if kind == "readonly" else {"NOT_FOUND"})
    assert fly.sim.state()["apps"] == before


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        (CREATE, {"input": {"organizationId": ORGANIZATION, "name": NEW_APP}}),
        (DELETE, {"appId": APP}),
        (REVOKE, {"input": {"id": "sandbox-production"}}),
    ],
)
async def test_a_deploy_token_is_for_its_app_only(fly: Fly, query: str, variables: Any) -> None:
    """It neither creates nor destroys apps, nor revokes tokens."""
    fly.token("fm2_deploy", profile="deploy", app=APP)

    answer = await Conversation(fly, "fm2_deploy").graphql_answer(query, **variables)

    assert answer["errors"][0]["message"] == "unauthorized"
    assert answer["errors"][0]["extensions"]["code"] == "UNAUTHORIZED"


async def test_destroying_too_many_apps_is_slowed_down(fly: Fly) -> None:
    """A hundred a minute, by GraphQL as by REST."""
    fly.sim.world.limiter.enabled = True
    talk = Conversation(fly)
    for number in range(101):
        fly.sim.control.create_app(f"app-{number}", "reify-studio-production")

    answers = [await talk.graphql_answer(DELETE, appId=f"app-{number}") for number in range(101)]

    assert ["errors" in answer for answer in answers] == [False] * 100 + [True]
    assert answers[-1]["errors"][0]["message"] == "rate limit exceeded"
