"""The questions that only Fly's GraphQL API answers: an app's definitions, and an image as Fly sees it.

Source: the schema in superfly/flyctl, `gql/schema.graphql`. Fly calls this API internal, so nothing else uses it.
"""

from __future__ import annotations

from typing import Any

from bot.clients.fly.connection import read
from bot.clients.http import HttpClient, Response, Retry
from bot.domain.model import Image

DEFINITION = "query($app: String!) { app(name: $app) { currentReleaseUnprocessed { configDefinition } } }"
DEFINITIONS = (
    "query($app: String!, $limit: Int!) "
    "{ app(name: $app) { releasesUnprocessed(first: $limit) { nodes { version configDefinition } } } }"
)
IMAGE = "query($app: String!, $ref: String!) { app(name: $app) { image(ref: $ref) { digest } } }"


class GraphQL:
    """Questions to Fly's GraphQL API; they change nothing, so they may be repeated."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    async def definition(self, app: str) -> dict[str, Any] | None:
        """The fly.toml of the app's newest release, or None."""
        response = await self._ask(DEFINITION, app=app)
        release = read(response, lambda body: body["data"]["app"]["currentReleaseUnprocessed"])
        definition = (release or {}).get("configDefinition") or None
        if not isinstance(definition, dict | None):
            raise response.unexpected("The definition is not an object")
        return definition

    async def definitions(self, app: str, limit: int) -> dict[int, dict[str, Any]]:
        """The fly.toml of the app's newest releases by version; what is none is left out, since it is only compared."""
        response = await self._ask(DEFINITIONS, app=app, limit=limit)
        return read(response, _definitions)

    async def image(self, app: str, repository: str, label: str) -> Image | None:
        """The image with its digest as Fly resolves it for `app`, or None."""
        response = await self._ask(IMAGE, app=app, ref=f"{repository}:{label}")
        found = read(response, lambda body: body["data"]["app"]["image"])
        return Image(repository, label, found["digest"]) if found else None

    async def _ask(self, query: str, **variables: str | int) -> Response:
        body = {"query": query, "variables": variables}
        response = await self._http.call("POST", "/graphql", json=body, retry=Retry.SAFE)
        # Refusals come with status 200, too.
        if response.object().get("errors"):
            raise response.rejected()
        return response


def _definitions(body: Any) -> dict[int, dict[str, Any]]:
    nodes = [node for node in body["data"]["app"]["releasesUnprocessed"]["nodes"] if node is not None]
    shown = {int(node["version"]): node.get("configDefinition") for node in nodes}
    return {version: definition for version, definition in shown.items() if isinstance(definition, dict)}
