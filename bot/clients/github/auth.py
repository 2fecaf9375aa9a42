"""How the bot proves itself to GitHub: a person's fine-grained token, or an App's short-lived ones.

Sources: GitHub, "Generating a JSON Web Token (JWT) for a GitHub App", "Authenticating as a GitHub App
installation".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Protocol

import jwt

from bot.clients.github.answers import instant
from bot.clients.http import HttpClient, Response, Retry, path
from bot.clients.memory import Memory
from bot.errors import ConfigError, NotFound
from bot.ports import Clock

HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28", "User-Agent": "flytower"}
# GitHub refuses a token that was issued in its future, and clocks differ.
JWT_BACKDATED = timedelta(seconds=60)
# GitHub allows ten minutes, by its own clock.
JWT_LIFE = timedelta(minutes=9)
# A token must not run out in the middle of a call.
TOKEN_MARGIN = timedelta(minutes=5)
INSTALLATION_KEPT = timedelta(hours=1)


@dataclass(frozen=True)
class TokenAuth:
    """A fine-grained token: Checks and Commit statuses to read; Contents, Actions and Deployments to write.

    Writing is for what has to be built first (making a tag, starting and cancelling a workflow) and for recording
    what the bot deployed itself.
    """

    token: str = field(repr=False)


@dataclass(frozen=True)
class AppAuth:
    """A GitHub App with its private key in PEM; the installation is looked up by repository where none is given.

    ConfigError where the key cannot be read.
    """

    app_id: str
    private_key: str = field(repr=False)
    installation_id: int | None = None

    def __post_init__(self) -> None:
        try:
            self.signed({})
        except (jwt.InvalidKeyError, ValueError, TypeError):
            problem = "GITHUB_APP_PRIVATE_KEY is not an RSA private key in PEM; download it anew from the App's page"
            raise ConfigError([problem]) from None

    def signed(self, claims: Mapping[str, object]) -> str:
        """The claims as a token that GitHub can verify."""
        # Environment files often hold the key in one line.
        return jwt.encode(dict(claims), self.private_key.replace("\\n", "\n"), algorithm="RS256")


class Credentials(Protocol):
    """Where a call gets its token from."""

    async def token(self, repository: str) -> str:
        """The token to use for a repository; may raise RemoteError, or NotFound where the App is not installed."""
        ...

    def renew(self, repository: str, refused: str) -> bool:
        """Forget a token that GitHub refused; whether another one may do better."""
        ...

    async def aclose(self) -> None: ...


class PersonalToken:
    """One token for everything, for good."""

    def __init__(self, auth: TokenAuth) -> None:
        self._auth = auth

    async def token(self, repository: str) -> str:  # noqa: ARG002 - the same for every repository
        return self._auth.token

    def renew(self, repository: str, refused: str) -> bool:  # noqa: ARG002 - there is no other
        return False

    async def aclose(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True)
class InstallationToken:
    """A token of one installation."""

    text: str = field(repr=False)
    expires_at: datetime


class InstallationTokens:
    """Tokens of an App's installations, each kept until 5 minutes before its end and asked for once at a time."""

    def __init__(self, auth: AppAuth, http: HttpClient, clock: Clock) -> None:
        self._auth = auth
        self._http = http
        self._clock = clock
        self._tokens = Memory(clock, load=self._mint, good_until=lambda token, _: token.expires_at - TOKEN_MARGIN)
        self._installations = Memory(
            clock, load=self._find, good_until=lambda _, asked_at: asked_at + INSTALLATION_KEPT
        )
        self._latest: dict[str, tuple[int, InstallationToken]] = {}

    async def token(self, repository: str) -> str:
        installation = self._auth.installation_id or await self._installations.get(repository)
        token = await self._tokens.get(installation)
        self._latest[repository] = installation, token
        return token.text

    def renew(self, repository: str, refused: str) -> bool:
        installation, token = self._latest[repository]
        if token.text == refused:
            self._tokens.forget(installation, token)
            # An App that was removed and installed again has another installation.
            self._installations.forget(repository, installation)
        return True

    async def aclose(self) -> None:
        await self._tokens.aclose()
        await self._installations.aclose()

    def _headers(self) -> dict[str, str]:
        now = self._clock.now()
        claims = {
            "iat": int((now - JWT_BACKDATED).timestamp()),
            "exp": int((now + JWT_LIFE).timestamp()),
            "iss": self._auth.app_id,
        }
        return {**HEADERS, "Authorization": f"Bearer {self._auth.signed(claims)}"}

    async def _find(self, repository: str) -> int:
        url = path("repos", *repository.split("/"), "installation")
        headers = self._headers()
        expect = {HTTPStatus.NOT_FOUND}
        response = await self._http.call("GET", url, headers=headers, retry=Retry.SAFE, follow=True, expect=expect)
        if response.status == HTTPStatus.NOT_FOUND:
            raise NotFound(
                f"The GitHub App is not installed on {repository}, or there is no such repository.",
                hint="Install the App there, or correct the repository in the configuration.",
            )
        return _number(response, "id")

    async def _mint(self, installation: int) -> InstallationToken:
        # A second token does no harm: the first one is simply never used.
        response = await self._http.call(
            "POST",
            path("app", "installations", str(installation), "access_tokens"),
            headers=self._headers(),
            retry=Retry.SAFE,
        )
        body = response.object()
        text, expires_at = body.get("token"), instant(str(body.get("expires_at")))
        if not isinstance(text, str) or expires_at is None:
            # The answer is not quoted: it may hold the token.
            raise Response(response.status, {}, b"", response.place).unexpected("GitHub gave no usable token")
        return InstallationToken(text, expires_at)


def _number(response: Response, name: str) -> int:
    value = response.object().get(name)
    if not isinstance(value, int):
        raise response.unexpected(f"The answer has no {name}")
    return value
