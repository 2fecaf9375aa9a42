"""How the GitHub client proves itself: App tokens from the simulator, and the exact claims at a server of our own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bot.clients.github import AppAuth, GitHubClient, TokenAuth
from bot.clock import SystemClock
from bot.errors import ConfigError, NotFound, RemoteRejected, UnexpectedResponse
from sandbox.faults import Fault
from sandbox.github import GitHubSimulator
from sandbox.github.seed import APP_KEY_FILE, default_seed
from sandbox.kit import running, serving

REPO = "reify/reify-studio"
V141 = "dd085a7c339e27b92c8ba7afc115f2f8a21ee5f6"
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MINT = "/app/installations/515151/access_tokens"
FIND = f"/repos/{REPO}/installation"


@pytest.fixture(scope="session")
def key() -> str:
    """The private key of the simulated App."""
    return Path(APP_KEY_FILE).read_text(encoding="utf-8")


@pytest.fixture
async def github() -> AsyncIterator[GitHubSimulator]:
    """A simulated GitHub that listens."""
    simulator = GitHubSimulator()
    async with running(simulator):
        yield simulator


@pytest.fixture
async def client(github: GitHubSimulator, key: str) -> AsyncIterator[GitHubClient]:
    """A client of the App whose installation is not configured."""
    async with GitHubClient(github.url, auth=AppAuth("424242", key), clock=SystemClock()) as client:
        yield client


class SteppingClock:
    """Time that moves when a test says so."""

    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class Office:
    """A GitHub that gives out numbered tokens of one hour, and knows a commit."""

    def __init__(self, clock: SteppingClock) -> None:
        self.clock = clock
        self.minted: list[str] = []
        self.authorizations: list[str] = []
        self.life = timedelta(hours=1)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        await self.answer(request)(scope, receive, send)

    def answer(self, request: Request) -> Response:
        if request.url.path == MINT:
            self.minted.append(request.headers["authorization"].removeprefix("Bearer "))
            expires_at = (self.clock.now() + self.life).strftime("%Y-%m-%dT%H:%M:%SZ")
            return JSONResponse({"token": f"ghs_{len(self.minted)}", "expires_at": expires_at}, 201)
        self.authorizations.append(request.headers["authorization"])
        return JSONResponse({"sha": V141, "commit": {"message": "m"}})


@pytest.fixture
async def office() -> AsyncIterator[tuple[Office, str]]:
    """The office and its URL."""
    office = Office(SteppingClock())
    async with serving(office) as url:
        yield office, url


async def test_an_app_finds_its_installation_once(github: GitHubSimulator, client: GitHubClient) -> None:
    """The installation is looked up by repository, and one token serves many calls at a time."""
    await asyncio.gather(*(client.commit(REPO, V141) for _ in range(8)))

    assert (len(github.calls.find("GET", FIND)), len(github.calls.find("POST", MINT))) == (1, 1)


async def test_a_configured_installation_is_not_looked_up(github: GitHubSimulator, key: str) -> None:
    """With an installation id there is one call less."""
    auth = AppAuth("424242", key, installation_id=515151)
    async with GitHubClient(github.url, auth=auth, clock=SystemClock()) as client:
        await client.commit(REPO, V141)

    assert github.calls.find("GET", FIND) == []


async def test_a_revoked_token_is_replaced_once(github: GitHubSimulator, client: GitHubClient) -> None:
    """401 with a kept token: a new one is asked for, and the call succeeds, for everybody at a time."""
    await client.commit(REPO, V141)
    github.world.installation_tokens.clear()

    await asyncio.gather(*(client.commit(REPO, V141) for _ in range(4)))

    assert len(github.calls.find("POST", MINT)) == 2


async def test_a_refusal_of_a_fresh_token_is_final(github: GitHubSimulator, client: GitHubClient) -> None:
    """401 twice ends the call: the client does not go on asking for tokens."""
    github.faults.add(Fault("status", path="/commits/", status=401, body={"message": "Bad credentials"}))

    with pytest.raises(RemoteRejected, match="Bad credentials"):
        await client.commit(REPO, V141)

    assert len(github.calls.find("POST", MINT)) == 2


async def test_a_suspended_installation_is_said(github: GitHubSimulator, client: GitHubClient) -> None:
    """GitHub's own sentence reaches the person."""
    await github.actions()["suspend_installation"]({})

    with pytest.raises(RemoteRejected, match="suspended"):
        await client.commit(REPO, V141)


async def test_a_repository_without_the_app_is_said(client: GitHubClient) -> None:
    """The hint says to install it there."""
    with pytest.raises(NotFound) as caught:
        await client.commit("reify/elsewhere", V141)

    assert "not installed on reify/elsewhere" in caught.value.message
    assert "Install the App" in caught.value.hint


async def test_a_failure_to_get_a_token_is_not_kept(github: GitHubSimulator, client: GitHubClient) -> None:
    """The next call asks again."""
    github.faults.add(Fault("status", path="access_tokens", status=403, times=1, body={"message": "no"}))

    with pytest.raises(RemoteRejected):
        await client.commit(REPO, V141)

    assert (await client.commit(REPO, V141)).sha == V141


async def test_a_missing_permission_of_the_app_is_named(key: str) -> None:
    """What the installation was not granted stands in the hint."""
    seed = default_seed()
    seed["app"]["installations"][0]["permissions"] = {"contents": "read"}
    github = GitHubSimulator(seed)
    async with running(github), GitHubClient(github.url, auth=AppAuth("424242", key), clock=SystemClock()) as client:
        with pytest.raises(RemoteRejected) as caught:
            await client.ci(REPO, V141, "ci.yml")

    assert "actions=read" in caught.value.hint


async def test_the_json_web_token_is_as_github_wants_it(office: tuple[Office, str], key: str) -> None:
    """RS256, issued a minute ago, valid for less than ten minutes, in the App's name."""
    server, url = office
    async with GitHubClient(url, auth=AppAuth("424242", key, 515151), clock=server.clock) as client:
        await client.commit(REPO, V141)

    public = default_seed()["app"]["public_key"]
    unchecked = {"verify_exp": False, "verify_iat": False}
    claims = jwt.decode(server.minted[0], public, algorithms=["RS256"], options=unchecked)
    now = int(NOW.timestamp())
    assert (claims["iss"], claims["iat"]) == ("424242", now - 60)
    assert now < claims["exp"] < now + 600


@pytest.mark.parametrize(("later", "minted"), [(timedelta(minutes=54), 1), (timedelta(minutes=55), 2)])
async def test_a_token_is_kept_until_five_minutes_before_its_end(
    office: tuple[Office, str], key: str, later: timedelta, minted: int
) -> None:
    """Not a token that could run out in the middle of a call, and not one more than needed."""
    server, url = office
    async with GitHubClient(url, auth=AppAuth("424242", key, 515151), clock=server.clock) as client:
        await client.commit(REPO, V141)
        server.clock.time += later
        await client.commit(REPO, V141)

    assert server.authorizations == ["Bearer ghs_1", f"Bearer ghs_{minted}"]


@pytest.mark.parametrize("answer", [{"token": "ghs_secret"}, {"expires_at": "soon"}, {"token": 1, "expires_at": "x"}])
async def test_an_unusable_token_is_unexpected_and_not_shown(key: str, answer: dict[str, Any]) -> None:
    """A grant of another shape is an error that does not quote it."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await JSONResponse(answer, 201)(scope, receive, send)

    async with serving(app) as url, GitHubClient(url, auth=AppAuth("1", key, 2), clock=SystemClock()) as client:
        with pytest.raises(UnexpectedResponse) as caught:
            await client.commit(REPO, V141)

    assert "ghs_secret" not in str(caught.value)


async def test_an_installation_without_an_id_is_unexpected(key: str) -> None:
    """No token is asked for in the name of nobody."""
    asked: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        asked.append(scope["path"])
        await JSONResponse({"id": "515151"})(scope, receive, send)

    async with serving(app) as url, GitHubClient(url, auth=AppAuth("1", key), clock=SystemClock()) as client:
        with pytest.raises(UnexpectedResponse, match="no id"):
            await client.commit(REPO, V141)

    assert asked == [FIND]


async def test_a_next_page_elsewhere_is_not_followed() -> None:
    """The token goes to GitHub's own host only, whatever a Link header says."""
    link = '<https://evil.example/page2>; rel="next"'

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = {"check_runs": [], "statuses": []}
        await Response(json.dumps(body), headers={"Link": link})(scope, receive, send)

    async with serving(app) as url, GitHubClient(url, auth=TokenAuth("t"), clock=SystemClock()) as client:
        with pytest.raises(UnexpectedResponse, match="elsewhere"):
            await client.ci(REPO, V141, "")


async def test_all_pages_of_check_runs_count() -> None:
    """A failure on the second page is seen."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        page = request.query_params.get("page", "1")
        conclusion = "failure" if page == "2" else "success"
        check_runs = [{"status": "completed", "conclusion": conclusion}]
        headers = {"Link": f'<{request.url.replace(query="page=2")}>; rel="next"'} if page == "1" else {}
        await Response(json.dumps({"check_runs": check_runs, "statuses": []}), headers=headers)(scope, receive, send)

    async with serving(app) as url, GitHubClient(url, auth=TokenAuth("t"), clock=SystemClock()) as client:
        found = await client.ci(REPO, V141, "")

    assert found.state == "failure"


def test_a_key_in_one_line_is_read(key: str) -> None:
    """Environment files often write the line breaks as backslash n."""
    assert AppAuth("1", key.replace("\n", "\\n")).signed({"iss": "1"})


@pytest.mark.parametrize("text", ["", "not a key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"])
def test_a_bad_key_is_found_at_start(text: str) -> None:
    """The configuration error names the variable and not its content."""
    with pytest.raises(ConfigError, match="GITHUB_APP_PRIVATE_KEY"):
        AppAuth("1", text)


def test_credentials_do_not_print(key: str) -> None:
    """Neither the key nor the token is in a repr."""
    assert "PRIVATE" not in repr(AppAuth("1", key))
    assert "ghp" not in repr(TokenAuth("ghp_1"))
