"""Tokens that are made and revoked while the simulator runs.

Source: https://fly.io/docs/security/tokens/ and superfly/flyctl, internal/command/tokens
"""

from __future__ import annotations

from typing import Any

from sandbox.fly import macaroons
from sandbox.fly.auth import Access
from sandbox.fly.errors import ApiError
from sandbox.fly.machine import seconds_of
from sandbox.fly.model import App, Organization, Token
from sandbox.fly.world import World

LIFETIME_S = 20 * 365 * 24 * 3600
PROFILES = {"deploy_organization": "org", "deploy": "deploy"}


def create(access: Access, organization: Organization, *, name: str, profile: str, params: Any, expiry: str) -> Token:
    """A further token of an organisation, or of one app of it (`params["app_id"]`); good for 20 years unless told.

    422 for a profile that is none of `PROFILES`, 400 for an `expiry` that is no Go duration, 404 for an unknown app.
    """
    if profile not in PROFILES:
        raise ApiError(422, f"profile {profile!r} is not simulated; known: {', '.join(PROFILES)}")
    world = access.world
    app = _app_of(access, params) if profile == "deploy" else None
    now, token_id = world.now(), world.ids.hex(32)
    expires_at = now + _lifetime_s(expiry)
    token = Token(
        text=macaroons.mint(token_id, organization.number, window=(int(now), int(expires_at))),
        organization=organization.slug,
        profile=PROFILES[profile],
        app=app.name if app else None,
        user=f"{token_id}@tokens.fly.io",
        id=token_id,
        name=name,
        created_at=now,
        expires_at=expires_at,
    )
    world.tokens[token.text] = token
    return token


def revoke(access: Access, token_id: str) -> Token:
    """Make a token of the own organisation worthless; 404 if there is none with this id."""
    for token in listed(access.world, access.token.organization):
        if token.id == token_id:
            return access.world.tokens.pop(token.text)
    raise ApiError(404, "Could not find Token")


def listed(world: World, organization: str) -> list[Token]:
    """The tokens of an organisation that have a name, oldest first."""
    return [token for token in world.tokens.values() if token.organization == organization and token.name]


def _app_of(access: Access, params: Any) -> App:
    wanted = str(params.get("app_id") or "") if isinstance(params, dict) else ""
    for app in access.world.apps.values():
        if wanted in {app.id, app.name, str(app.number)} and access.may_read(app):
            return app
    raise ApiError(404, "Could not find App")


def _lifetime_s(expiry: str) -> float:
    try:
        return seconds_of(expiry or None, LIFETIME_S)
    except ValueError as error:
        raise ApiError(400, f"invalid_argument: {error}") from None
