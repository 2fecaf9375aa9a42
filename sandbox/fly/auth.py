"""Who asks, and what they may do.

Source: https://fly.io/docs/security/tokens/ and superfly/fly-go, tokens/tokens.go
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

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
        if part in world.tokens:
            return world.tokens[part]
    raise unauthenticated()


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
        if self.token.profile == "deploy":
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

    def check_write(self) -> None:
        if self.token.profile == "readonly":
            raise unauthorized()
