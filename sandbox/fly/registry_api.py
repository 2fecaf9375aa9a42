"""registry.fly.io: manifests and config blobs of images.

Source: OCI distribution specification; https://fly.io/docs/blueprints/using-the-fly-docker-registry/
"""

from __future__ import annotations

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.fly import configs
from sandbox.fly.auth import registry_token_of
from sandbox.fly.errors import ApiError, registry_answer
from sandbox.fly.http import Api, Call
from sandbox.fly.images import CONFIG_TYPE, FLY_REGISTRY, MANIFEST_TYPE, Image, ImageName
from sandbox.fly.world import World


class RegistryApi(Api):
    """Reads only; images arrive by control action, as if CI had pushed them."""

    prefix = "/v2"

    def __init__(self, world: World) -> None:
        super().__init__(world, on_error=registry_answer, authenticate=registry_token_of)

    def routes(self) -> list[Route]:
        return [
            self.route("GET", "/", self.version),
            self.route("GET", "/{repository:path}/manifests/{reference}", self.manifest),
            self.route("GET", "/{repository:path}/blobs/{digest}", self.blob),
        ]

    async def version(self, _: Call) -> Response:
        return JSONResponse({}, headers={"Docker-Distribution-Api-Version": "registry/2.0"})

    async def manifest(self, call: Call) -> Response:
        """GET or HEAD of a manifest, by tag or digest."""
        self._check_repository(call)
        reference = call.path("reference")
        by_digest = reference.startswith("sha256:")
        name = ImageName(
            FLY_REGISTRY, call.path("repository"), None if by_digest else reference, reference if by_digest else None
        )
        image = self.world.registry.find(name)
        if image is None or configs.is_gone(self.world, name):
            raise ApiError(404, "manifest unknown", code="MANIFEST_UNKNOWN")
        return self._content(image.manifest, MANIFEST_TYPE, image.digest)

    async def blob(self, call: Call) -> Response:
        """The config blob of an image; layers are not stored."""
        self._check_repository(call)
        image = next((i for i in self._images(call) if i.config_digest == call.path("digest")), None)
        if image is None:
            raise ApiError(404, "blob unknown to registry", code="BLOB_UNKNOWN")
        return self._content(image.config, CONFIG_TYPE, image.config_digest)

    def _content(self, content: bytes, media_type: str, digest: str) -> Response:
        headers = {
            "Docker-Content-Digest": digest,
            "Docker-Distribution-Api-Version": "registry/2.0",
            "ETag": f'"{digest}"',
        }
        return Response(content, media_type=media_type, headers=headers)

    def _images(self, call: Call) -> list[Image]:
        repository = self.world.registry.repositories.get(f"{FLY_REGISTRY}/{call.path('repository')}")
        return list(repository.images.values()) if repository else []

    def _check_repository(self, call: Call) -> None:
        owner = self.world.apps.get(call.path("repository").split("/", maxsplit=1)[0])
        if owner is None:
            raise ApiError(404, "app repository not found", code="NAME_UNKNOWN")
        if owner.organization != call.token.organization:
            raise ApiError(403, "requested access to the resource is denied", code="DENIED")
