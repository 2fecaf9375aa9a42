"""Images and their digests, and which credentials each of Fly's hosts is shown."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bot.clients.fly import FlyClient, FlyEndpoints
from bot.clients.fly.registry import read_challenge
from bot.domain.model import Image
from bot.errors import NotFound, Reason, RemoteRejected
from sandbox.clock import Clock
from sandbox.kit import serving
from tests.clients.fly_world import APP, IAD, STAGING_APP, TOKEN, V140, V142, FlyWorld, SimulatedTime

REPOSITORY = f"registry.fly.io/{APP}"
MANIFESTS = "/manifests/"
GRAPHQL = "/graphql"
DIGEST = "sha256:" + "b" * 64
BASIC = "Basic " + base64.b64encode(b"x:fm2_sandbox_production").decode()


async def test_a_label_is_resolved_to_its_digest(fly: FlyClient, world: FlyWorld) -> None:
    """The digest is that which Machines on the image report; the registry alone is asked."""
    image = await fly.resolve_image(REPOSITORY, (await fly.machine(APP, IAD)).image.label)

    assert image == (await fly.machine(APP, IAD)).image
    assert world.calls("POST", GRAPHQL) == []
    assert len(world.calls("HEAD", MANIFESTS)) == 1


async def test_a_missing_label_is_none(fly: FlyClient) -> None:
    """No image for the commit: nothing went wrong, there is just none."""
    assert await fly.resolve_image(REPOSITORY, "sha-" + "0" * 40) is None


async def test_a_pruned_image_is_none(fly: FlyClient, world: FlyWorld) -> None:
    """Fly deletes old images; a rollback has to know before it begins."""
    world.simulator.control.delete_image(APP, V140)

    assert await fly.resolve_image(REPOSITORY, V140) is None


@pytest.mark.parametrize("status", [401, 403])
async def test_graphql_answers_where_the_registry_refuses(fly: FlyClient, world: FlyWorld, status: int) -> None:
    """Fly's own way of resolving is the second try, with the same digest."""
    expected = await fly.resolve_image(REPOSITORY, V142)
    world.goes_wrong("status", "HEAD", MANIFESTS, status=status)

    image = await fly.resolve_image(REPOSITORY, V142)

    assert image is not None
    assert image == expected
    assert len(world.calls("POST", GRAPHQL)) == 1


async def test_graphql_may_not_know_the_label_either(fly: FlyClient, world: FlyWorld) -> None:
    """A null image is None."""
    world.goes_wrong("status", "HEAD", MANIFESTS, status=401)

    assert await fly.resolve_image(REPOSITORY, "sha-" + "0" * 40) is None


async def test_another_organisations_image_is_refused(fly: FlyClient) -> None:
    """Images are readable within one organisation: staging's cannot be promoted, and that is said."""
    with pytest.raises(RemoteRejected):
        await fly.resolve_image(f"registry.fly.io/{STAGING_APP}", V142)


@pytest.mark.parametrize(
    "repository", ["ghcr.io/reify/studio", "flyio/postgres-flex", "registry.fly.io.evil.example/x"]
)
async def test_other_registries_do_not_see_the_token(fly: FlyClient, world: FlyWorld, repository: str) -> None:
    """Nobody is asked; the error says what to name instead."""
    with pytest.raises(NotFound) as caught:
        await fly.resolve_image(repository, "v1")

    assert caught.value.reason is Reason.IMAGE_UNKNOWN
    assert world.simulator.calls.all() == []


Answer = Callable[[Request], Response]


class Host:
    """All of Fly's hosts at once; answers by path and remembers what it was shown."""

    def __init__(self, **answers: Answer) -> None:
        self.url = ""
        self.seen: list[tuple[str, str, str]] = []
        self._answers = answers

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        self.seen.append((request.method, request.url.path, request.headers.get("authorization", "")))
        answer = next((a for name, a in self._answers.items() if f"/{name}" in request.url.path), None)
        response = answer(request) if answer else Response(status_code=404)
        await response(scope, receive, send)

    def client(self, token: str = TOKEN) -> FlyClient:
        endpoints = FlyEndpoints(machines=self.url, graphql=self.url, uiex=f"{self.url}/", registry=self.url)
        return FlyClient(endpoints, token, clock=SimulatedTime(Clock()))


async def test_a_registry_that_wants_a_token_of_its_own_gets_it() -> None:
    """The Bearer challenge is followed with our password, and the manifest asked for with what it grants."""
    host = Host()

    def manifests(request: Request) -> Response:
        if request.headers["authorization"] == "Bearer granted":
            return Response(headers={"Docker-Content-Digest": DIGEST})
        realm = f'Bearer realm="{host.url}/token?a=1",service="registry.fly.io",scope="repository:shop:pull"'
        return Response(status_code=401, headers={"WWW-Authenticate": realm})

    def token(request: Request) -> Response:
        assert dict(request.query_params) == {"a": "1", "service": "registry.fly.io", "scope": "repository:shop:pull"}
        return JSONResponse({"token": "granted"})

    host = Host(manifests=manifests, token=token)
    async with serving(host) as host.url, host.client() as fly:
        image = await fly.resolve_image("registry.fly.io/shop", "v1")

    assert image == Image("registry.fly.io/shop", "v1", DIGEST)
    assert [authorization for _, _, authorization in host.seen] == [BASIC, BASIC, "Bearer granted"]


@pytest.mark.parametrize(
    "realm", ["https://evil.example/token", "http://auth.fly.io/token", "https://fly.io.evil.example/t", "nonsense"]
)
async def test_a_challenge_does_not_lure_the_token_away(realm: str) -> None:
    """A realm elsewhere is not asked; GraphQL answers instead."""
    host = Host(
        manifests=lambda _: Response(status_code=401, headers={"WWW-Authenticate": f'Bearer realm="{realm}"'}),
        graphql=lambda _: JSONResponse({"data": {"app": {"image": {"digest": DIGEST}}}}),
    )

    async with serving(host) as host.url, host.client() as fly:
        image = await fly.resolve_image("registry.fly.io/shop", "v1")

    assert image is not None
    assert [path for _, path, _ in host.seen] == ["/v2/shop/manifests/v1", "/graphql"]


async def test_a_registry_without_a_digest_is_not_believed() -> None:
    """What is deployed is pinned by digest, so one is needed: GraphQL tells it."""
    host = Host(
        manifests=lambda _: Response(headers={"Docker-Content-Digest": "latest"}),
        graphql=lambda _: JSONResponse({"data": {"app": {"image": {"digest": DIGEST}}}}),
    )

    async with serving(host) as host.url, host.client() as fly:
        image = await fly.resolve_image("registry.fly.io/shop", "v1")

    assert image == Image("registry.fly.io/shop", "v1", DIGEST)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (
            'Bearer realm="https://a/t",service="s",scope="x,y"',
            {"realm": "https://a/t", "service": "s", "scope": "x,y"},
        ),
        ('bearer realm="https://a/t",error="denied"', {"realm": "https://a/t"}),
        ('Basic realm="registry.fly.io"', {}),
        ('Bearer service="s"', {}),
        ("", {}),
    ],
)
def test_a_challenge_is_read(header: str, expected: dict[str, str]) -> None:
    """Realm, service and scope of a Bearer challenge; nothing of another."""
    assert read_challenge(header) == expected


async def test_each_host_gets_the_header_that_it_wants() -> None:
    """Paths and schemes are those of flyctl: FlyV1 for the Machines API, GraphQL and logs, Bearer for `api/v1`."""
    host = Host(
        machines=lambda _: JSONResponse([]),
        graphql=lambda _: JSONResponse({"data": {"app": {"currentReleaseUnprocessed": None}}}),
        releases=lambda _: JSONResponse({"releases": []}),
        logs=lambda _: JSONResponse({"data": []}),
        manifests=lambda _: Response(status_code=404),
    )

    async with serving(host) as host.url, host.client("fm2_a,fm2_b") as fly:
        await fly.machines("shop")
        await fly.definition("shop")
        await fly.releases("shop")
        await fly.logs("shop", "148e1", since=SimulatedTime(Clock()).now())
        await fly.resolve_image("registry.fly.io/shop", "v1")

    assert host.seen == [
        ("GET", "/v1/apps/shop/machines", "FlyV1 fm2_a,fm2_b"),
        ("POST", "/graphql", "FlyV1 fm2_a,fm2_b"),
        ("GET", "/api/v1/apps/shop/releases", "Bearer fm2_a,fm2_b"),
        ("GET", "/api/v1/apps/shop/logs", "FlyV1 fm2_a,fm2_b"),
        ("HEAD", "/v2/shop/manifests/v1", "Basic " + base64.b64encode(b"x:fm2_a,fm2_b").decode()),
    ]
