"""Who asks, and what they may do.

Source: https://fly.io/docs/security/tokens/ and superfly/fly-go, tokens/tokens.go
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, replace

from sandbox.fly import macaroons
from sandbox.fly.errors import ApiError, unauthenticated, unauthorized
from sandbox.fly.model import App, Organization, Token
from sandbox.fly.world import World

SCHEMES = ("FlyV1 ", "Bearer ")


def token_of(world: World, header: str | None) -> Token:
    """The token of an Authorization header: one scheme word, then a comma-separated list; 401 otherwise."""
    scheme = next((s for s in SCHEMES if header and header.startswith(s)), None)
    if header is None or scheme is None:
        raise unauthenticated()
    return _known(world, header.removeprefix(scheme))


def registry_token_of(world: World, header: str | None) -> Token:
    """The token of a registry request: `Bearer`, or basic with user `x` and the token without a scheme."""
    if header and header.startswith("Basic "):
        try:
            user, _, password = base64.b64decode(header.removeprefix("Basic "), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise unauthenticated() from None
        if user != "x":
            raise unauthenticated()
        return _known(world, password)
    return token_of(world, header)


def _known(world: World, text: str) -> Token:
    for part in text.split(","):
        token = world.tokens.get(part) or _narrowed(world, part)
        if token is not None and (token.expires_at is None or world.now() < token.expires_at):
            return token
    raise unauthenticated()


def _narrowed(world: World, text: str) -> Token | None:
    """The token that a macaroon was made from, with what caveats took away from it: writing, or time."""
    found = macaroons.opened(text)
    if found is None:
        return None
    token_id, caveats = found
    base = next((token for token in world.tokens.values() if token.id and token.id == token_id), None)
    for kind, (first, second) in caveats:
        if base is None:
            return None
        base = _restricted(world, base, kind, first, second)
    return base


def _restricted(world: World, token: Token, kind: int, first: int, second: int) -> Token | None:
    if kind == macaroons.VALIDITY_WINDOW:
        ends = second if token.expires_at is None else min(second, token.expires_at)
        return replace(token, expires_at=ends) if first <= world.now() else None
    if kind != macaroons.ORGANIZATION or first != world.organizations[token.organization].number:
        return None
    if second == macaroons.EVERY_ACTION:
        return token
    return replace(token, profile="readonly") if second == macaroons.READ else None


@dataclass(frozen=True)
class Access:
    """What one token may reach."""

    world: World
    token: Token

    def organization(self, slug: str) -> Organization:
        """The organisation of a slug; 403 for another than the token's own."""
        organization = self.world.organization(slug)
        if organization is None:
            raise ApiError(404, "organization not found")
        if organization.slug != self.token.organization:
            raise unauthorized()
        return organization

    def whole_organization(self, slug: str) -> Organization:
        """Like `organization`, refused to a token of one app."""
        if self.token.profile == "deploy" or self.token.app:
            raise unauthorized()
        return self.organization(slug)

    def may_read(self, app: App) -> bool:
        return app.organization == self.token.organization and self.token.app in {None, app.name}

    def app(self, name: str) -> App:
        """An app: 404 if there is none of the name (or not yet everywhere), 403 if it is somebody else's."""
        app = self.world.apps.get(name)
        if app is None:
            raise ApiError(404, "app not found")
        if not self.may_read(app):
            raise unauthorized()
        if self.world.now() < app.created_at + self.world.durations.app_replication_s:
            raise ApiError(404, "app not found")
        return app

    @property
    def may_write(self) -> bool:
        return self.token.profile != "readonly"

    def check_write(self) -> None:
        if not self.may_write:
            raise unauthorized()
