"""Headers, pages, conditional requests, redirects and rate limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from sandbox.clock import Clock
from sandbox.faults import Fault
from sandbox.github import GitHubSimulator
from sandbox.github.http import Answer, Caller, Endpoint, GitHubError
from sandbox.github.limits import Limits
from sandbox.github.server import InFlight
from sandbox.kit import running

REPO = "/repos/reify/reify-studio"
USER = Caller("user", "user:ana")
READ = Endpoint("GET", "/meta", lambda _: Answer())
CREATE = Endpoint("POST", "/comments", lambda _: Answer(), who="account")
UPDATE = Endpoint("PATCH", "/comments", lambda _: Answer(), who="account")
HOUR_S = 3600


class StillClock(Clock):
    """Time that passes only when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.at = 1_795_435_200.0

    def now(self) -> float:
        return self.at


@pytest.fixture(scope="module")
def clock() -> StillClock:
    return StillClock()


@pytest.fixture(scope="module")
async def served(clock: StillClock) -> AsyncIterator[GitHubSimulator]:
    """One server for the module; each test starts from the seed."""
    simulator = GitHubSimulator(clock=clock)
    async with running(simulator):
        yield simulator


@pytest.fixture(scope="module")
async def client(served: GitHubSimulator) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"authorization": "Bearer ghp_sandbox"}
    async with httpx.AsyncClient(base_url=served.url, headers=headers, verify=False) as client:
        yield client


@pytest.fixture
def github(served: GitHubSimulator) -> GitHubSimulator:
    served.reset()
    served.faults.clear()
    return served


@pytest.fixture
def api(github: GitHubSimulator, client: httpx.AsyncClient) -> httpx.AsyncClient:
    """The client, in a world fresh from the seed."""
    return client


async def test_a_user_agent_is_demanded(api: httpx.AsyncClient) -> None:
    """Without one GitHub's administrative rules refuse, in plain words."""
    answer = await api.get("/meta", headers={"user-agent": ""})

    assert answer.status_code == 403
    assert "User-Agent" in answer.text


@pytest.mark.parametrize(("version", "status"), [("2022-11-28", 200), ("2026-03-10", 200), ("2020-01-01", 400)])
async def test_only_living_versions_are_served(api: httpx.AsyncClient, version: str, status: int) -> None:
    """A wrong version is 400, and a right one comes back in the answer."""
    answer = await api.get("/meta", headers={"x-github-api-version": version})

    assert answer.status_code == status
    assert answer.headers.get("x-github-api-version-selected") == (version if status == 200 else None)


async def test_the_newer_version_drops_old_fields(api: httpx.AsyncClient) -> None:
    """`rate` and `has_downloads` exist in the older one only."""
    older = [(await api.get(path)).json() for path in ("/rate_limit", REPO)]
    headers = {"x-github-api-version": "2026-03-10"}
    newer = [(await api.get(path, headers=headers)).json() for path in ("/rate_limit", REPO)]

    assert "rate" in older[0]
    assert "has_downloads" in older[1]
    assert "rate" not in newer[0]
    assert "has_downloads" not in newer[1]


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/vnd.github+json", 200),
        ("application/json", 200),
        ("*/*", 200),
        ("text/html, application/json;q=0.9", 200),
        ("application/xml", 415),
    ],
)
async def test_other_media_types_are_refused(api: httpx.AsyncClient, accept: str, status: int) -> None:
    """415 for what GitHub does not speak."""
    answer = await api.get("/meta", headers={"accept": accept})

    assert answer.status_code == status


async def test_every_answer_tells_the_limit_and_its_own_id(api: httpx.AsyncClient) -> None:
    """Also an error; the id differs from request to request."""
    first, second = await api.get("/meta"), await api.get("/nowhere")

    assert (first.headers["x-ratelimit-limit"], first.headers["x-ratelimit-remaining"]) == ("5000", "4999")
    assert second.headers["x-ratelimit-used"] == "2"
    assert first.headers["x-github-request-id"] != second.headers["x-github-request-id"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_an_unknown_path_or_method_is_not_found(api: httpx.AsyncClient, method: str) -> None:
    """GitHub knows no 405."""
    unknown, wrong = await api.request(method, "/nowhere"), await api.request("DELETE", f"{REPO}/pulls")

    assert unknown.status_code == wrong.status_code == 404
    assert unknown.json()["message"] == "Not Found"


@pytest.mark.parametrize(
    ("content", "message"), [(b"{", "Problems parsing JSON"), (b"[]", "Body should be a JSON object")]
)
async def test_a_body_must_be_a_json_object(api: httpx.AsyncClient, content: bytes, message: str) -> None:
    """400 before anything is looked at."""
    answer = await api.post(f"{REPO}/issues/12/comments", content=content)

    assert (answer.status_code, answer.json()["message"]) == (400, message)


async def test_links_lead_through_all_pages(api: httpx.AsyncClient) -> None:
    """Following `next` sees every commit once; the links name the repository by id."""
    answer = await api.get(f"{REPO}/commits", params={"per_page": 4})
    seen = [commit["sha"] for commit in answer.json()]
    assert "/repositories/4711/commits" in answer.links["next"]["url"]
    while "next" in answer.links:
        answer = await api.get(answer.links["next"]["url"])
        seen += [commit["sha"] for commit in answer.json()]

    assert len(seen) == len(set(seen)) == 11
    assert set(answer.links) == {"prev", "first"}


@pytest.mark.parametrize(
    ("query", "count"),
    [({}, 30), ({"per_page": "100"}, 100), ({"per_page": "500"}, 100), ({"per_page": "0"}, 30), ({"page": "99"}, 0)],
)
async def test_a_page_holds_30_and_at_most_100(
    github: GitHubSimulator, api: httpx.AsyncClient, query: dict[str, str], count: int
) -> None:
    """More than 100 is cut, nonsense is the default, a page past the end is empty."""
    await github.actions()["many_commits"]({"count": 110})

    answer = await api.get(f"{REPO}/commits", params=query)

    assert len(answer.json()) == count


async def test_an_unchanged_answer_is_304_and_free(github: GitHubSimulator, api: httpx.AsyncClient) -> None:
    """Nothing is counted until the list changes."""
    first = await api.get(f"{REPO}/pulls")
    same = await api.get(f"{REPO}/pulls", headers={"if-none-match": first.headers["etag"]})
    await github.actions()["close_pull"]({"number": 12})
    changed = await api.get(f"{REPO}/pulls", headers={"if-none-match": first.headers["etag"]})

    assert (same.status_code, same.content, same.headers["x-ratelimit-used"]) == (304, b"", "1")
    assert (changed.status_code, changed.headers["x-ratelimit-used"]) == (200, "2")


async def test_an_etag_belongs_to_its_credential(api: httpx.AsyncClient) -> None:
    """Another token gets the whole answer for the same ETag."""
    first = await api.get("/meta")
    headers = {"if-none-match": first.headers["etag"]}

    async with httpx.AsyncClient(base_url=api.base_url, headers=headers, verify=False) as other:
        answer = await other.get("/meta")

    assert answer.status_code == 200


@pytest.mark.parametrize(("method", "status"), [("GET", 301), ("POST", 307)])
async def test_a_renamed_repository_redirects(api: httpx.AsyncClient, method: str, status: int) -> None:
    """To the repository's id, path and query kept; a write keeps its method."""
    answer = await api.request(method, "/repos/reify/studio/issues/12/comments?page=2", json={"body": "x"})

    assert answer.status_code == status
    assert answer.headers["location"].endswith("/repositories/4711/issues/12/comments?page=2")


async def test_a_redirected_write_arrives_once(github: GitHubSimulator, api: httpx.AsyncClient) -> None:
    """Following 307 repeats the body at the new place."""
    await github.actions()["rename_repository"]({"name": "atelier"})

    answer = await api.post(f"{REPO}/issues/12/comments", json={"body": "hello"}, follow_redirects=True)

    assert answer.status_code == 201
    assert len((await api.get("/repos/reify/atelier/issues/12/comments")).json()) == 1


async def test_the_primary_limit_refuses_until_its_reset(
    clock: StillClock, github: GitHubSimulator, api: httpx.AsyncClient
) -> None:
    """403 with nothing remaining; an hour later it starts anew. Asking for the limits stays free."""
    await api.get("/meta")
    await github.actions()["rate_limits"]({"remaining": 1})
    last, refused, limits = await api.get("/meta"), await api.get("/meta"), await api.get("/rate_limit")
    clock.at += HOUR_S

    again = await api.get("/meta")

    assert (last.status_code, last.headers["x-ratelimit-remaining"]) == (200, "0")
    assert (refused.status_code, refused.headers["x-ratelimit-remaining"]) == (403, "0")
    assert refused.json()["message"].startswith("API rate limit exceeded")
    assert "retry-after" not in refused.headers
    assert limits.json()["resources"]["core"]["remaining"] == 0
    assert (again.status_code, again.headers["x-ratelimit-remaining"]) == (200, "4999")


async def test_without_a_token_there_are_60_an_hour(github: GitHubSimulator) -> None:
    """Counted by address."""
    async with httpx.AsyncClient(base_url=github.url, verify=False) as anonymous:
        answer = await anonymous.get("/meta")

    assert (answer.headers["x-ratelimit-limit"], answer.headers["x-ratelimit-remaining"]) == ("60", "59")


async def test_limits_can_be_switched_off(github: GitHubSimulator, api: httpx.AsyncClient) -> None:
    """They go on counting, and refuse nothing."""
    await api.get("/meta")
    await github.actions()["rate_limits"]({"on": False, "remaining": 0})

    answer = await api.get("/meta")

    assert (answer.status_code, answer.headers["x-ratelimit-remaining"]) == (200, "0")


@pytest.mark.parametrize(("endpoint", "most"), [(READ, 900), (UPDATE, 180), (CREATE, 80)])
def test_a_minute_has_points(endpoint: Endpoint, most: int) -> None:
    """900 points: reading costs 1, writing 5; creating content ends at 80. Then 403 says how long to wait."""
    clock = StillClock()
    limits = Limits(clock)
    for _ in range(most):
        limits.admit(USER, endpoint, 1)

    with pytest.raises(GitHubError, match="secondary rate limit") as refused:
        limits.admit(USER, endpoint, 1)
    clock.at += int(refused.value.headers["retry-after"])
    limits.admit(USER, endpoint, 1)

    assert refused.value.status == 403


def test_an_hour_has_500_creations() -> None:
    """However slowly they come; the answer waits for the oldest to be an hour old."""
    clock = StillClock()
    limits = Limits(clock)
    for _ in range(500):
        limits.admit(USER, CREATE, 1)
        clock.at += 1

    with pytest.raises(GitHubError) as refused:
        limits.admit(USER, CREATE, 1)

    assert HOUR_S - 500 <= int(refused.value.headers["retry-after"]) <= HOUR_S - 498


def test_a_hundred_may_be_under_way_at_once() -> None:
    """The next one is 429 with retry-after."""
    limits = Limits(Clock())
    limits.admit(USER, READ, 100)

    with pytest.raises(GitHubError) as refused:
        limits.admit(USER, READ, 101)

    assert (refused.value.status, refused.value.headers["retry-after"]) == (429, "60")


async def test_requests_under_way_are_counted_by_credential() -> None:
    """Each request knows how many of the same credential are not answered yet."""
    counts: list[tuple[bytes, int]] = []
    together = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        counts.append((scope["headers"][0][1], scope["in_flight"]))
        if len(counts) == len(scopes):
            together.set()
        await together.wait()

    layer = InFlight(app)
    scopes = [{"type": "http", "headers": [(b"authorization", token)]} for token in (b"a", b"a", b"b")]
    await asyncio.gather(*(layer(scope, None, None) for scope in scopes))
    await layer(scopes[0], None, None)

    assert counts == [(b"a", 1), (b"a", 2), (b"b", 1), (b"a", 1)]


async def test_a_fault_of_the_wire_answers_in_githubs_place(github: GitHubSimulator, api: httpx.AsyncClient) -> None:
    """A 429 with retry-after on demand, once, for one path."""
    github.faults.add(Fault("status", path="/pulls$", status=429, headers={"retry-after": "7"}, times=1))

    first, other, second = [await api.get(f"{REPO}/{path}") for path in ("pulls", "tags", "pulls")]

    assert (first.status_code, first.headers["retry-after"]) == (429, "7")
    assert (other.status_code, second.status_code) == (200, 200)
