"""What flyctl's reading commands ask the simulated Fly, and the tokens that they ask with."""

from __future__ import annotations

import base64
import hashlib
import hmac
from pathlib import Path
from typing import Any

import pytest

from sandbox.fly.macaroons import PREFIX, mint, opened, pack
from tests.sandbox.fly_client import APP, FIXTURES, IAD, LIVE, SJC, Fly
from tests.sandbox.flyctl_conversation import APP_FIELDS, COMPACT, TOKENS, Conversation

fly_stage, fly = FIXTURES
DATABASE = f"{APP}-production-db"
LOCATION = b"https://api.fly.io/v1"
VERSION = "query ($appName: String!) { app(name: $appName) { currentRelease: currentReleaseUnprocessed { version } } }"
LATEST = """query ($image: String!, $flyVersion: String) {
  latestImageDetails(image: $image, flyVersion: $flyVersion) { registry repository tag version digest } }"""
RELEASES = """query ($appName: String!, $limit: Int!) { app(name: $appName) {
  releases: releasesUnprocessed(first: $limit) { nodes {
    id version description reason status imageRef stable user { id email name } createdAt } } } }"""
DETAILED = """query ($slug: String!) { organizationdetails: organization(slug: $slug) {
  id slug name type viewerRole internalNumericId remoteBuilderImage remoteBuilderApp { name }
  members { edges { cursor node { id name email } joinedAt role } } } }"""
ADDRESSES = """query ($appName: String!) { app(name: $appName) { sharedIpAddress ipAddresses { nodes {
  id address type region createdAt serviceName network { name organization { slug } } } } } }"""
VOLUME = "query ($id: ID!) { volume: node(id: $id) { ... on Volume { app { name } state } } }"


@pytest.fixture
def talk(fly: Fly) -> Conversation:
    return Conversation(fly)


def narrowed(token: str, *caveats: tuple[int, tuple[int, int]]) -> str:
    """A token as flyctl narrows it: caveats at the end of the list, and the tail signed on."""
    data = base64.b64decode(token.removeprefix(PREFIX))
    head, tail = data[:-34], data[-32:]
    at = head.rindex(LOCATION) + len(LOCATION)
    body = head[at + 1 :]
    for caveat in caveats:
        tail = hmac.new(tail, pack(caveat), hashlib.sha256).digest()
        body += pack(caveat)[1:]
    count = bytes([head[at] + 2 * len(caveats)])
    return PREFIX + base64.b64encode(head[:at] + count + body + pack(tail)).decode()


@pytest.mark.parametrize(("slug", "number"), list(zip(TOKENS, (7001, 7002, 7003), strict=True)))
async def test_flyctl_can_decode_the_seeds_tokens(fly: Fly, slug: str, number: int) -> None:
    """A nonce of three, the location of permissions, one organisation with every action, and a tail."""
    data = base64.b64decode(TOKENS[slug].removeprefix(PREFIX), validate=True)
    token_id = f"sandbox-{slug.removeprefix('reify-studio-')}".encode()

    nonce = b"\x93\xc4" + bytes([len(token_id)]) + token_id + b"\xc4\x10"
    caveats = b"\x92\x00\x92\xcd" + number.to_bytes(2, "big") + b"\x1f"
    assert data.startswith(b"\x94" + nonce)
    assert data[len(nonce) + 17 : -34] == b"\xc2\xb5" + LOCATION + caveats
    assert data[-34:-32] == b"\xc4\x20"
    assert fly.sim.world.organizations[slug].number == number


async def test_the_documented_tokens_are_those_of_the_seed() -> None:
    """Who copies one from the page gets in."""
    page = (Path(__file__).parents[2] / "docs" / "sandbox-flyctl.md").read_text("utf-8")

    assert [token for token in TOKENS.values() if f"`FlyV1 {token}`" not in page] == []


async def test_a_macaroon_is_signed_caveat_by_caveat() -> None:
    """One that was minted opens; with another byte anywhere it does not, nor does any other text."""
    token = mint("id", 7001, window=(1, 2**31))
    data = base64.b64decode(token.removeprefix(PREFIX))
    changed = [data[:n] + bytes([data[n] ^ 1]) + data[n + 1 :] for n in range(len(data))]

    assert opened(token) == ("id", [(0, [7001, 31]), (4, [1, 2**31])])
    assert [opened(PREFIX + base64.b64encode(each).decode()) for each in (*changed, b"", data + b"\0")] == [None] * (
        len(data) + 2
    )
    assert opened("fm2_sandbox_production") is None


@pytest.mark.parametrize(
    ("caveats", "read", "write"),
    [
        ([], 200, 201),
        ([(0, (7001, 1))], 200, 403),
        ([(4, (0, 2**33))], 200, 201),
        ([(4, (0, 10))], 401, 401),
        ([(4, (2**33, 2**34))], 401, 401),
        ([(0, (7002, 31))], 401, 401),
        ([(0, (7001, 2))], 401, 401),
        ([(9, (1, 1))], 401, 401),
    ],
)
async def test_a_token_may_be_narrowed_by_who_has_it(
    fly: Fly, caveats: list[tuple[int, tuple[int, int]]], read: int, write: int
) -> None:
    """`tokens create readonly` does so without asking; what the sandbox cannot read it does not trust."""
    talk = Conversation(fly, narrowed(TOKENS["reify-studio-production"], *caveats))

    answers = [
        await talk.flaps("GET", f"/apps/{APP}"),
        await talk.flaps("POST", f"/apps/{APP}/machines/{IAD}/lease?ttl=5"),
    ]

    assert [answer.status_code for answer in answers] == [read, write]


@pytest.mark.parametrize("value", [-1, 2**64, b"x" * 256, "x" * 256, [1] * 16])
async def test_what_is_too_long_is_not_packed(value: Any) -> None:
    """A token holds small things only."""
    with pytest.raises(ValueError, match="is "):
        pack(value)


async def test_a_token_goes_by_each_way(talk: Conversation) -> None:
    """As `FlyV1`, as `Bearer`, with tokens of other organisations beside it."""
    both = Conversation(talk.fly, f"{TOKENS['reify-studio-staging'][:-4]}AAA=,{talk.token}")

    assert (await talk.flaps("GET", f"/apps/{APP}")).is_success
    assert (await both.uiex("GET", f"/apps/{APP}/releases", limit=1)).is_success


async def test_whoami(talk: Conversation) -> None:
    """A macaroon stands for itself; its user is an address."""
    query = "query { viewer { ... on User { id email enablePaidHobby } ... on Macaroon { email } } }"

    assert (await talk.graphql(query))["viewer"] == {"email": "5b0f3f0e-production@tokens.fly.io"}


async def test_apps_list(talk: Conversation) -> None:
    """Organisations, the times of their current releases, and the apps of each."""
    organizations = (await talk.uiex("GET", "/organizations", admin="false")).json()["organizations"]
    times = (await talk.uiex("GET", "/releases/all_current")).json()
    listed = [(await talk.flaps("GET", f"/apps?org_slug={each['slug']}")).json() for each in organizations]

    assert [each["raw_slug"] for each in organizations] == ["reify-studio-production"]
    assert {app["name"] for page in listed for app in page["apps"]} == {APP, DATABASE}
    assert times.keys() == {APP}


async def test_apps_of_a_person_bear_the_raw_slug(fly: Fly) -> None:
    """The list of organisations turns it back into `personal`."""
    talk = Conversation(fly, TOKENS["personal"])
    (organization,) = (await talk.uiex("GET", "/organizations")).json()["organizations"]
    apps = (await talk.flaps("GET", "/apps?org_slug=personal")).json()["apps"]

    assert (organization["slug"], organization["raw_slug"]) == ("personal", "reify-personal")
    assert {app["organization"]["slug"] for app in apps} == {"reify-personal"}


async def test_the_older_apps_list(talk: Conversation) -> None:
    """Pages of GraphQL, by role for `postgres list`."""
    query = f"""query ($role: String, $after: String) {{
      apps(type: "container", first: 200, after: $after, role: $role) {{
        pageInfo {{ hasNextPage endCursor }}
        nodes {{ {APP_FIELDS} currentRelease {{ createdAt status }} }} }} }}"""

    everything = (await talk.graphql(query, after=""))["apps"]
    databases = (await talk.graphql(query, role="postgres_cluster"))["apps"]

    assert ({node["id"] for node in everything["nodes"]}, everything["pageInfo"]["hasNextPage"]) == (
        {APP, DATABASE},
        False,
    )
    assert [node["name"] for node in databases["nodes"]] == [DATABASE]


async def test_status(talk: Conversation) -> None:
    """App, Machines, and no newer version of an image that is not Fly's own."""
    app = (await talk.graphql(COMPACT, appName=APP))["app"]
    machines = await talk.machines()
    image = f"{machines[0]['image_ref']['repository']}:{machines[0]['image_ref']['tag']}"
    latest = await talk.graphql_answer(LATEST, image=image, flyVersion="")

    assert (app["id"], app["hostname"], app["organization"]["slug"]) == (
        APP,
        f"{APP}.fly.dev",
        "reify-studio-production",
    )
    assert [(m["state"], m["config"]["metadata"]["fly_release_version"]) for m in machines] == [("started", "41")] * 2
    assert latest["errors"][0]["message"] == "Unknown repository"
    assert (await talk.graphql(VERSION, appName=APP))["app"]["currentRelease"]["version"] == 41


async def test_status_of_a_database(talk: Conversation) -> None:
    """Its role is that of a cluster, and its image has a newest version."""
    app = (await talk.graphql(COMPACT, appName=DATABASE))["app"]
    (machine,) = (await talk.flaps("GET", f"/apps/{DATABASE}/machines")).json()
    latest = (await talk.graphql(LATEST, image="flyio/postgres-flex:17.2", flyVersion="v0.1.0"))["latestImageDetails"]

    assert app["postgresAppRole"] == {"name": "postgres_cluster"}
    assert (latest["digest"], latest["version"]) == (machine["image_ref"]["digest"], "v0.1.0")
    assert {check["name"] for check in machine["checks"]} == {"pg", "role", "vm"}


async def test_releases(talk: Conversation) -> None:
    """Both ways tell the same versions, images and states; `current` is the newest that is complete."""
    listed = (await talk.uiex("GET", f"/apps/{APP}/releases", limit=25)).json()["releases"]
    older = (await talk.graphql(RELEASES, appName=APP, limit=25, status="complete"))["app"]["releases"]["nodes"]
    current = (await talk.uiex("GET", f"/apps/{APP}/releases/current")).json()

    assert [r["version"] for r in listed] == [r["version"] for r in older] == [41, 40, 39, 38]
    assert [r["image_ref"] for r in listed] == [r["imageRef"] for r in older]
    assert (current["version"], current["image_ref"]) == (41, f"registry.fly.io/{APP}:{LIVE}")


async def test_a_failed_release_is_not_the_current_one(talk: Conversation) -> None:
    """`current` and `all_current` stay with the last complete one; a list by status leaves it out."""
    body = {"app_name": APP, "build_id": 0, "definition": {}, "image": f"registry.fly.io/{APP}:{LIVE}"}
    release = (await talk.uiex("POST", "/releases", body | {"strategy": "ROLLING"})).json()["release"]
    await talk.uiex("PATCH", f"/releases/{release['id']}", {"status": "failed", "metadata": None})

    current = (await talk.uiex("GET", f"/apps/{APP}/releases/current")).json()
    query = 'query ($n: String!) { app(name: $n) { releasesUnprocessed(status: "complete") { nodes { version } } } }'
    complete = (await talk.graphql(query, n=APP))["app"]["releasesUnprocessed"]["nodes"]

    assert (release["version"], current["version"]) == (42, 41)
    assert [node["version"] for node in complete] == [41, 39, 38]


async def test_config_show(talk: Conversation) -> None:
    """The definition of the newest release, with fly.toml's names."""
    query = "query ($appName: String!) { app(name: $appName) { currentReleaseUnprocessed { configDefinition } } }"
    current = (await talk.graphql(query, appName=APP))["app"]["currentReleaseUnprocessed"]

    assert current["configDefinition"]["http_service"]["internal_port"] == 4000


async def test_orgs(talk: Conversation) -> None:
    """List and show."""
    query = """query ($admin: Boolean!) { organizations(admin: $admin) { nodes {
      id slug name type paidPlan billable viewerRole internalNumericId } } }"""
    (listed,) = (await talk.graphql(query, admin=False))["organizations"]["nodes"]
    shown = (await talk.graphql(DETAILED, slug=listed["slug"]))["organizationdetails"]

    assert (listed["type"], listed["internalNumericId"]) == ("SHARED", "7001")
    assert (shown["id"], shown["members"]["edges"]) == (listed["id"], [])


async def test_addresses(talk: Conversation) -> None:
    """A shared address stands on the app in GraphQL, and in the list of the Machines API."""
    app = (await talk.graphql(ADDRESSES, appName=APP))["app"]
    rows = (await talk.flaps("GET", f"/apps/{APP}/ip_assignments")).json()["ips"]
    (private,) = (await talk.flaps("GET", f"/apps/{DATABASE}/ip_assignments")).json()["ips"]

    assert [node["type"] for node in app["ipAddresses"]["nodes"]] == ["v6"]
    assert {row["ip"] for row in rows} == {app["sharedIpAddress"], app["ipAddresses"]["nodes"][0]["address"]}
    assert private["network"] == {"name": "default", "org_slug": "reify-studio-production"}


async def test_an_id_alone_finds_its_app(talk: Conversation) -> None:
    """Commands that take a Machine or a volume without an app ask whose it is."""
    query = (
        "query ($id: String!) { gqlmachine: machine(machineId: $id) { id name app { name organization { id slug } } } }"
    )
    machine = (await talk.graphql(query, id=IAD))["gqlmachine"]
    volume = (await talk.graphql(VOLUME, id="vol_4ql7m2xkz9prod01"))["volume"]
    foreign = await talk.graphql_answer(query, id="6e82dd4f7a1c08")

    assert (machine["app"]["name"], volume) == (APP, {"app": {"name": DATABASE}, "state": "created"})
    assert foreign["errors"][0]["extensions"]["code"] == "NOT_FOUND"


async def test_platform(talk: Conversation) -> None:
    """Regions both ways, sizes, and where a Machine would go."""
    query = """query { platform { requestRegion
      regions { name code latitude longitude gatewayAvailable requiresPaidPlan }
      vmSizes { name cpuCores memoryGb memoryMb } } }"""
    platform = (await talk.graphql(query))["platform"]
    regions = (await talk.flaps("GET", "/platform/regions")).json()
    wanted = {"org_slug": "reify-studio-production", "region": "sjc,any", "count": 2}
    placed = (await talk.flaps("POST", "/platform/placements", wanted)).json()["regions"]

    assert [r["code"] for r in regions["regions"]] == [r["code"] for r in platform["regions"]]
    assert (platform["vmSizes"][0]["name"], platform["vmSizes"][0]["memoryMb"]) == ("shared-cpu-1x", 256)
    assert [(row["region"], row["count"]) for row in placed] == [("sjc", 2)]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"org_slug": "reify-studio-staging"}, 403),
        ({"org_slug": "reify-studio-production", "region": "moon"}, 400),
        ({"org_slug": "reify-studio-production", "count": "two"}, 400),
        ({"org_slug": "reify-studio-production", "region": "gru"}, 422),
    ],
)
async def test_no_place_for_that(talk: Conversation, body: Any, status: int) -> None:
    """Another organisation, an unknown region, a number that is none, no capacity."""
    talk.fly.fault("no_capacity", target="gru")

    assert (await talk.flaps("POST", "/platform/placements", body)).status_code == status


@pytest.mark.parametrize("path", ["postgres", "postgres/deleted", "postgresv2", "postgresv2/deleted"])
async def test_there_is_no_managed_postgres(talk: Conversation, path: str) -> None:
    """An empty list for the own organisation, a refusal for another."""
    own = await talk.uiex("GET", f"/organizations/reify-studio-production/{path}")
    other = await talk.uiex("GET", f"/organizations/reify-studio-staging/{path}")

    assert (own.json(), other.status_code) == ({"data": []}, 403)


async def test_logs(talk: Conversation) -> None:
    """`fly logs --no-tail` polls with the token that it was given last."""
    talk.fly.sim.world.log(talk.fly.sim.machine(SJC), talk.fly.clock.now(), "hello")
    talk.fly.clock.advance(10)

    page = (await talk.uiex("GET", f"/apps/{APP}/logs", next_token="", instance=SJC)).json()
    after = (await talk.uiex("GET", f"/apps/{APP}/logs", next_token=page["meta"]["next_token"])).json()

    assert [line["attributes"]["message"] for line in page["data"]] == ["hello"]
    assert after["data"] == []


async def test_what_flyctl_asks_besides(talk: Conversation) -> None:
    """Host issues, buckets for static files, the network: nothing to report."""
    issues = """query ($appName: String!) { apphostissues: app(name: $appName) {
      hostIssues { nodes { internalId message createdAt updatedAt } } } }"""
    addons = """query ($type: AddOnType) { addOns(type: $type) { nodes {
      id name addOnPlan { displayName description } privateIp primaryRegion readRegions options metadata
      organization { id slug } } } }"""

    assert (await talk.graphql(issues, appName=APP))["apphostissues"]["hostIssues"]["nodes"] == []
    assert (await talk.graphql(addons, type="tigris"))["addOns"]["nodes"] == []
    network = await talk.graphql("query ($n: String!) { appnetwork: app(name: $n) { network } }", n=APP)
    assert network["appnetwork"]["network"] == "default"
