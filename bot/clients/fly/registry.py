"""Digests of images in Fly's registry.

Source: OCI distribution specification, "Pulling manifests"; Docker Registry, "Token authentication"; Fly docs, "Using
the Fly Docker registry": user `x`, the token as the password.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from urllib.parse import urlsplit

from bot.clients.http import HttpClient, Response, Retry, path
from bot.errors import UnexpectedResponse

REGISTRY = "registry.fly.io"
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
MANIFEST_TYPES = (
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json"
)
CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


class Registry:
    """Fly's registry, asked for manifests and nothing else. `basic` is the Authorization that it knows us by."""

    def __init__(self, http: HttpClient, base_url: str, basic: str) -> None:
        self._http = http
        self._base_url = base_url
        self._basic = basic

    async def resolve(self, name: str, label: str) -> str | None:
        """The digest of `name:label`, or None where there is no such label.

        Raises RemoteRejected where the registry does not let us in, UnexpectedResponse without a digest.
        """
        url = path("v2", *name.split("/"), "manifests", label)
        response = await self._head(url, self._basic)
        challenge = read_challenge(response.headers.get("www-authenticate", ""))
        if response.status == HTTPStatus.UNAUTHORIZED and challenge:
            response = await self._head(url, await self._bearer(response, challenge))
        if response.status == HTTPStatus.NOT_FOUND:
            return None
        if response.status == HTTPStatus.UNAUTHORIZED:
            raise response.rejected()
        digest = response.headers.get("docker-content-digest", "")
        if DIGEST.fullmatch(digest) is None:
            raise response.unexpected("The registry names no digest")
        return digest

    async def _head(self, url: str, authorization: str) -> Response:
        return await self._http.call(
            "HEAD",
            url,
            headers={"Accept": MANIFEST_TYPES, "Authorization": authorization},
            retry=Retry.SAFE,
            expect={HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND},
        )

    async def _bearer(self, refusal: Response, challenge: dict[str, str]) -> str:
        realm = challenge.pop("realm")
        if not self._may_know_us(realm):
            raise refusal.unexpected(f"The registry sends us to {urlsplit(realm).hostname} with our token")
        headers = {"Authorization": self._basic}
        response = await self._http.call("GET", realm, params=challenge, headers=headers, retry=Retry.SAFE)
        granted = response.object()
        token = granted.get("token") or granted.get("access_token")
        if not isinstance(token, str):
            raise UnexpectedResponse("The registry grants no token", **response.facts())
        return f"Bearer {token}"

    def _may_know_us(self, realm: str) -> bool:
        """A realm is the registry's word, and our token opens an organisation: to Fly's own hosts only."""
        asked, own = urlsplit(realm), urlsplit(self._base_url)
        is_fly = asked.scheme == "https" and (asked.hostname or "").endswith(".fly.io")
        return is_fly or (asked.scheme, asked.netloc) == (own.scheme, own.netloc)


def read_challenge(header: str) -> dict[str, str]:
    """Realm, service and scope of a Bearer challenge; empty where the header is something else."""
    scheme, _, rest = header.partition(" ")
    found = dict(CHALLENGE.findall(rest))
    wanted = {key: found[key] for key in ("realm", "service", "scope") if key in found}
    return wanted if scheme.lower() == "bearer" and "realm" in wanted else {}


def path_in_registry(repository: str) -> str:
    """The repository's path in Fly's registry, or an empty string where it is elsewhere."""
    host, _, name = repository.partition("/")
    return name if host == REGISTRY else ""
