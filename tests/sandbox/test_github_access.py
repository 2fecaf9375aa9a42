"""Who may do what: tokens, the App's JSON web token, installation tokens, permissions."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import httpx
import jwt
import pytest

from sandbox.clock import Clock
from sandbox.github import APP_KEY_FILE, GitHubSimulator, default_seed
from sandbox.kit import running

APP_ID, INSTALLATION = 424242, 515151
REPO = "/repos/reify/reify-studio"
KEY = APP_KEY_FILE.read_text(encoding="utf-8")
HOUR_S = 3600
DEPLOYMENT = {"ref": "main", "auto_merge": False, "required_contexts": []}


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
    seed = default_seed()
    seed["tokens"].append({"token": "github_pat_reader", "login": "bo", "permissions": {"contents": "read"}})
    seed["tokens"].append({"token": "github_pat_elsewhere", "login": "bo", "repositories": []})
    simulator = GitHubSimulator(seed, clock=clock)
    async with running(simulator):
        yield simulator


@pytest.fixture(scope="module")
async def client(served: GitHubSimulator) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a credential."""
    async with httpx.AsyncClient(base_url=served.url, verify=False) as client:
        yield client


@pytest.fixture
def github(served: GitHubSimulator) -> GitHubSimulator:
    served.reset()
    return served


@pytest.fixture
def api(github: GitHubSimulator, client: httpx.AsyncClient) -> httpx.AsyncClient:
    """The client, in a world fresh from the seed."""
    return client


def bearer(credential: str) -> dict[str, str]:
    return {"authorization": f"Bearer {credential}"}


def app_jwt(*, issued_s: float = -60, life_s: float = 540, **changes: Any) -> str:
    """A web token as an App should sign it, except for `changes` (None leaves a claim out)."""
    now = int(time.time())
    claims = {"iat": now + issued_s, "exp": now + life_s, "iss": str(APP_ID)} | changes
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, KEY, algorithm="RS256")


async def installation_token(api: httpx.AsyncClient, **narrowing: Any) -> str:
    """A fresh installation token, narrowed."""
    path = f"/app/installations/{INSTALLATION}/access_tokens"
    answer = await api.post(path, headers=bearer(app_jwt()), json=narrowing)
    return str(answer.json()["token"])


@pytest.mark.parametrize("scheme", ["Bearer", "token", "bearer", "TOKEN"])
async def test_a_token_stands_after_either_word(api: httpx.AsyncClient, scheme: str) -> None:
    """`Bearer` and `token` mean the same for personal tokens."""
    answer = await api.get("/user", headers={"authorization": f"{scheme} ghp_sandbox"})

    assert answer.json()["login"] == "reify-deployer"


@pytest.mark.parametrize(
    "header", ["Bearer ghp_wrong", "Bearer", "Basic Z2hw", "ghp_sandbox", "Bearer a.b", "token a.b.c"]
)
async def test_a_wrong_credential_is_refused(api: httpx.AsyncClient, header: str) -> None:
    """401 even where nothing would have been needed."""
    answer = await api.get("/meta", headers={"authorization": header})

    assert (answer.status_code, answer.json()["message"]) == (401, "Bad credentials")


async def test_a_private_repository_hides_itself(api: httpx.AsyncClient) -> None:
    """Without a token, or with one for other repositories, it does not exist."""
    anonymous = await api.get(REPO)
    elsewhere = await api.get(REPO, headers=bearer("github_pat_elsewhere"))

    assert (anonymous.status_code, elsewhere.status_code) == (404, 404)


async def test_writing_needs_an_account(api: httpx.AsyncClient) -> None:
    """A POST without a token asks for one."""
    answer = await api.post(f"{REPO}/issues/12/comments", json={"body": "hello"})

    assert (answer.status_code, answer.json()["message"]) == (401, "Requires authentication")


async def test_a_fine_grained_token_is_held_to_its_permissions(api: httpx.AsyncClient) -> None:
    """Reading contents works, reading deployments does not, and the answer names what was missing."""
    allowed = await api.get(f"{REPO}/commits/main", headers=bearer("github_pat_reader"))
    refused = await api.get(f"{REPO}/deployments", headers=bearer("github_pat_reader"))

    assert allowed.status_code == 200
    assert (refused.status_code, refused.json()["message"]) == (
        403,
        "Resource not accessible by personal access token",
    )
    assert refused.headers["x-accepted-github-permissions"] == "deployments=read"


async def test_the_app_proves_itself_with_its_key(api: httpx.AsyncClient) -> None:
    """A token signed by the App's private key opens /app, by App id or client id."""
    by_id = await api.get("/app", headers=bearer(app_jwt()))
    by_client = await api.get("/app", headers=bearer(app_jwt(iss="Iv23liSandboxFlytower")))

    assert by_id.json()["slug"] == by_client.json()["slug"] == "flytower"


@pytest.mark.parametrize(
    ("token", "status", "message"),
    [
        ({"issued_s": 30}, 401, "'Issued at' claim ('iat') must be an Integer"),
        ({"iat": None}, 401, "'Issued at' claim ('iat') must be an Integer"),
        ({"life_s": -1}, 401, "'Expiration time' claim ('exp') must be a numeric value"),
        ({"exp": None}, 401, "'Expiration time' claim ('exp') must be a numeric value"),
        ({"life_s": 660}, 401, "'Expiration time' claim ('exp') is too far in the future"),
        ({"iss": None}, 401, "Missing 'issuer' claim ('iss')"),
        ({"iss": "1"}, 404, "Integration not found"),
    ],
)
async def test_a_web_token_with_a_wrong_claim_is_refused(
    api: httpx.AsyncClient, token: dict[str, Any], status: int, message: str
) -> None:
    """Each claim has its sentence."""
    answer = await api.get("/app", headers=bearer(app_jwt(**token)))

    assert answer.status_code == status
    assert answer.json()["message"].startswith(message)


async def test_only_rs256_with_the_apps_key_counts(api: httpx.AsyncClient) -> None:
    """Another algorithm, a changed signature, or a personal token open nothing."""
    claims = {"iat": int(time.time()) - 60, "exp": int(time.time()) + 60, "iss": str(APP_ID)}
    tokens = [jwt.encode(claims, "x" * 32, algorithm="HS256"), app_jwt()[:-8] + "AAAAAAAA", "ghp_sandbox"]

    answers = [await api.get("/app", headers=bearer(token)) for token in tokens]

    assert {(a.status_code, a.json()["message"]) for a in answers} == {(401, "A JSON web token could not be decoded")}


async def test_a_web_token_opens_no_repository(api: httpx.AsyncClient) -> None:
    """The App itself only manages its installations."""
    answer = await api.get(f"{REPO}/commits/main", headers=bearer(app_jwt()))

    assert (answer.status_code, answer.json()["message"]) == (403, "Resource not accessible by integration")


async def test_the_installation_of_a_repository_is_found(api: httpx.AsyncClient) -> None:
    """By repository, in the list, and not for a repository without one."""
    found = await api.get(f"{REPO}/installation", headers=bearer(app_jwt()))
    listed = await api.get("/app/installations", headers=bearer(app_jwt()))
    missing = await api.get("/repos/reify/other/installation", headers=bearer(app_jwt()))

    assert found.json()["id"] == listed.json()[0]["id"] == INSTALLATION
    assert missing.status_code == 404


async def test_an_installation_token_acts_as_the_bot(api: httpx.AsyncClient) -> None:
    """What it creates belongs to `name[bot]`."""
    token = await installation_token(api)

    answer = await api.post(f"{REPO}/deployments", headers=bearer(token), json=DEPLOYMENT)

    assert token.startswith("ghs_")
    assert answer.json()["creator"]["login"] == "flytower[bot]"
    assert answer.json()["creator"]["type"] == "Bot"


async def test_an_installation_token_lives_an_hour(
    clock: StillClock, github: GitHubSimulator, api: httpx.AsyncClient
) -> None:
    """On the simulated clock: good to the last second, and refused after it."""
    token = await installation_token(api)
    clock.at += HOUR_S - 1
    before = await api.get(REPO, headers=bearer(token))
    clock.at += 1
    after = await api.get(REPO, headers=bearer(token))

    assert (before.status_code, after.status_code) == (200, 401)


async def test_a_token_can_be_narrowed(api: httpx.AsyncClient) -> None:
    """With fewer permissions it may do less; metadata stays."""
    token = await installation_token(api, permissions={"deployments": "read"}, repositories=["reify-studio"])

    read = await api.get(f"{REPO}/deployments", headers=bearer(token))
    write = await api.post(f"{REPO}/deployments", headers=bearer(token), json=DEPLOYMENT)
    other = await api.get(f"{REPO}/pulls", headers=bearer(token))
    metadata = await api.get(REPO, headers=bearer(token))

    assert [a.status_code for a in (read, write, other, metadata)] == [200, 403, 403, 200]
    assert write.headers["x-accepted-github-permissions"] == "deployments=write"
    assert write.json()["message"] == "Resource not accessible by integration"


@pytest.mark.parametrize(
    "narrowing",
    [
        {"permissions": {"administration": "write"}},
        {"permissions": {"checks": "write"}},
        {"permissions": {"contents": "everything"}},
        {"permissions": "contents"},
        {"repositories": ["other"]},
        {"repositories": "reify-studio"},
        {"repository_ids": [1]},
    ],
)
async def test_a_token_cannot_be_widened(api: httpx.AsyncClient, narrowing: dict[str, Any]) -> None:
    """Neither other permissions, nor higher ones, nor other repositories."""
    path = f"/app/installations/{INSTALLATION}/access_tokens"

    answer = await api.post(path, headers=bearer(app_jwt()), json=narrowing)

    assert answer.status_code == 422


async def test_either_of_two_permissions_may_comment(api: httpx.AsyncClient) -> None:
    """Comments on a pull request need issues or pull requests; the header lists both."""
    pulls = await installation_token(api, permissions={"pull_requests": "write"})
    contents = await installation_token(api, permissions={"contents": "write"})

    allowed = await api.post(f"{REPO}/issues/12/comments", headers=bearer(pulls), json={"body": "hello"})
    refused = await api.post(f"{REPO}/issues/12/comments", headers=bearer(contents), json={"body": "hello"})

    assert (allowed.status_code, refused.status_code) == (201, 403)
    assert refused.headers["x-accepted-github-permissions"] == "issues=write; pull_requests=write"


async def test_a_suspended_installation_is_shut_out(github: GitHubSimulator, api: httpx.AsyncClient) -> None:
    """Its tokens stop at once, it gets no new ones, and it comes back."""
    token = await installation_token(api)
    await github.actions()["suspend_installation"]({})
    used = await api.get(REPO, headers=bearer(token))
    path = f"/app/installations/{INSTALLATION}/access_tokens"
    minted = await api.post(path, headers=bearer(app_jwt()))
    await github.actions()["suspend_installation"]({"suspended": False})

    again = await api.get(REPO, headers=bearer(token))

    assert (used.status_code, minted.status_code, again.status_code) == (403, 403, 200)
    assert used.json()["message"] == "This installation has been suspended"


async def test_a_person_is_found_by_login(api: httpx.AsyncClient) -> None:
    """Whatever the case; nobody is 404."""
    found, missing = await api.get("/users/ANA"), await api.get("/users/nobody")

    assert (found.json()["name"], missing.status_code) == ("Ana Lima", 404)


async def test_an_installation_is_no_person(api: httpx.AsyncClient) -> None:
    """`GET /user` is for people's tokens."""
    token = await installation_token(api)

    answer = await api.get("/user", headers=bearer(token))

    assert (answer.status_code, answer.json()["message"]) == (403, "Resource not accessible by integration")


@pytest.mark.parametrize(("number", "status"), [(INSTALLATION, 200), (1, 404)])
async def test_one_installation(api: httpx.AsyncClient, number: int, status: int) -> None:
    """Found by its id, with the App's permissions; another id is 404 here and for tokens."""
    shown = await api.get(f"/app/installations/{number}", headers=bearer(app_jwt()))
    minted = await api.post(f"/app/installations/{number}/access_tokens", headers=bearer(app_jwt()))

    assert shown.status_code == status
    assert minted.status_code == (201 if status == 200 else 404)


async def test_a_token_tells_its_end_and_its_reach(clock: StillClock, api: httpx.AsyncClient) -> None:
    """`expires_at` an hour ahead, the permissions with metadata, the repositories by id."""
    path = f"/app/installations/{INSTALLATION}/access_tokens"

    answer = await api.post(path, headers=bearer(app_jwt()), json={"permissions": {"contents": "read"}})

    body = answer.json()
    assert datetime.fromisoformat(body["expires_at"]).timestamp() == clock.at + HOUR_S
    assert body["permissions"] == {"metadata": "read", "contents": "read"}
    assert [repo["id"] for repo in body["repositories"]] == [4711]


async def test_an_installation_shares_one_limit_between_its_tokens(api: httpx.AsyncClient) -> None:
    """A new token brings no new requests."""
    first, second = await installation_token(api), await installation_token(api)

    await api.get("/meta", headers=bearer(first))
    answer = await api.get("/meta", headers=bearer(second))

    assert answer.headers["x-ratelimit-used"] == "2"


async def test_an_installation_knows_its_repositories(api: httpx.AsyncClient) -> None:
    """Those that its token reaches; a person has no such list."""
    token = await installation_token(api)

    found = await api.get("/installation/repositories", headers=bearer(token))
    refused = await api.get("/installation/repositories", headers=bearer("ghp_sandbox"))

    body = found.json()
    assert (body["total_count"], [repo["full_name"] for repo in body["repositories"]]) == (1, ["reify/reify-studio"])
    assert refused.status_code == 403


async def test_an_empty_wish_gets_all_permissions(api: httpx.AsyncClient) -> None:
    """As clients ask that name none in particular."""
    token = await installation_token(api, permissions={})

    answer = await api.post(f"{REPO}/issues/12/comments", headers=bearer(token), json={"body": "hello"})

    assert answer.status_code == 201
