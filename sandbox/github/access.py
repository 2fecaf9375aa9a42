"""Who asks, and what they may do: personal tokens, the App's JSON web token, installation tokens.

Sources: "Authenticating to the REST API", "Generating a JSON Web Token (JWT) for a GitHub App", "Permissions
required for GitHub Apps".
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import jwt
from jwt.types import Options

from sandbox.github.http import Caller, Endpoint, GitHubError
from sandbox.github.model import App, Installation, InstallationToken, Repository, World
from sandbox.kit import Json

LONGEST_JWT_S = 600
LEVELS = {"read": 1, "write": 2, "admin": 3}
NOT_FOR_APPS = "Resource not accessible by integration"
# The claims are checked here, with GitHub's sentences.
UNCHECKED: Options = {
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}


def bad_credentials(message: str = "Bad credentials") -> GitHubError:
    return GitHubError(401, message)


def identify(world: World, authorization: str | None, client: str) -> Caller:
    """The caller behind an Authorization header; 401 for a credential that is not good."""
    if not authorization:
        return Caller("anonymous", f"address:{client}")
    scheme, _, credential = authorization.partition(" ")
    credential = credential.strip()
    if scheme.lower() not in {"bearer", "token"} or not credential:
        raise bad_credentials()
    if credential.count(".") == 2 and scheme.lower() == "bearer":
        app = _app(world, credential)
        return Caller("app", f"app:{app.id}", app_id=app.id, credential=credential)
    if credential in world.installation_tokens:
        return _installation(world, credential, world.installation_tokens[credential])
    return _person(world, credential)


def _person(world: World, credential: str) -> Caller:
    token = world.tokens.get(credential)
    if token is None:
        raise bad_credentials()
    # The limit belongs to the person, whatever token is used.
    return Caller(
        "user",
        f"user:{token.login}",
        login=token.login,
        permissions=None if token.permissions is None else {"metadata": "read", **token.permissions},
        repositories=token.repositories,
        credential=credential,
    )


def _installation(world: World, credential: str, token: InstallationToken) -> Caller:
    if token.expires_at <= world.clock.now():
        raise bad_credentials()
    installation = world.installations[token.installation]
    refuse_suspended(installation)
    app = world.app
    return Caller(
        "installation",
        f"installation:{installation.id}",
        login=f"{app.slug}[bot]",
        app_id=app.id,
        permissions={"metadata": "read", **token.permissions},
        repositories=token.repositories,
        credential=credential,
    )


def refuse_suspended(installation: Installation) -> None:
    if installation.suspended_at is not None:
        raise GitHubError(403, "This installation has been suspended")


def _app(world: World, credential: str) -> App:
    """The App whose key signed; its instants are checked against the wall clock.

    The caller signs with its own clock, which simulated time leaves behind as soon as it runs faster.
    """
    try:
        claims: Json = jwt.decode(credential, world.app.public_key, algorithms=["RS256"], options=UNCHECKED)
    except jwt.PyJWTError as error:
        raise bad_credentials("A JSON web token could not be decoded") from error
    if "iss" not in claims:
        raise bad_credentials("Missing 'issuer' claim ('iss')")
    if str(claims["iss"]) not in {str(world.app.id), world.app.client_id}:
        raise GitHubError(404, "Integration not found")
    _check_instants(claims, time.time())
    return world.app


def _check_instants(claims: Json, now: float) -> None:
    issued, expires = claims.get("iat"), claims.get("exp")
    if not isinstance(issued, int) or issued > now:
        raise bad_credentials(
            "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
        )
    if not isinstance(expires, int | float) or expires <= now:
        raise bad_credentials(
            "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the "
            "assertion expires"
        )
    if expires > now + LONGEST_JWT_S:
        raise bad_credentials("'Expiration time' claim ('exp') is too far in the future")


def covers(granted: Mapping[str, str], need: str) -> bool:
    """Whether `granted` holds a need such as `contents=read`; a higher level holds the lower ones."""
    name, _, level = need.partition("=")
    return LEVELS.get(granted.get(name, ""), 0) >= LEVELS[level]


def check_kind(caller: Caller, endpoint: Endpoint) -> None:
    """Refuse a kind of credential that the endpoint is not made for."""
    if endpoint.who == "app":
        if caller.kind != "app":
            raise bad_credentials("A JSON web token could not be decoded")
    elif caller.kind == "app" and (endpoint.needs or endpoint.who == "account"):
        raise GitHubError(403, NOT_FOR_APPS)
    elif endpoint.who == "account" and caller.kind == "anonymous":
        raise GitHubError(401, "Requires authentication")


def check_repository(caller: Caller, repo: Repository | None) -> Repository:
    """A repository that the caller cannot see does not exist for them."""
    if repo is None or not caller.sees(repo):
        raise GitHubError(404, "Not Found")
    return repo


def check_permission(caller: Caller, endpoint: Endpoint) -> None:
    """403 where the token lacks what the endpoint needs; the header names it."""
    if not endpoint.needs or caller.permissions is None or caller.kind == "anonymous":
        return
    if not any(covers(caller.permissions, need) for need in endpoint.needs):
        kind = "integration" if caller.kind == "installation" else "personal access token"
        headers = {"x-accepted-github-permissions": "; ".join(endpoint.needs)}
        raise GitHubError(403, f"Resource not accessible by {kind}", headers=headers)
