"""Registries: the images that exist, by tag and by digest.

Source: OCI distribution and image specifications; https://fly.io/docs/blueprints/using-the-fly-docker-registry/
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

from sandbox.kit import Json

FLY_REGISTRY = "registry.fly.io"
DOCKER_HUB = "registry-1.docker.io"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
LAYER_BYTES = 124_000_000


@dataclass(frozen=True)
class ImageName:
    """An image reference, taken apart."""

    registry: str
    repository: str
    tag: str | None
    digest: str | None

    @classmethod
    def parse(cls, text: str) -> ImageName:
        """Read `[registry/]repository[:tag][@digest]`, with Docker's defaults; ValueError if it is none."""
        rest, _, digest = text.partition("@")
        head, slash, last = rest.rpartition("/")
        last, _, tag = last.partition(":")
        registry, _, repository = f"{head}{slash}{last}".partition("/")
        if not last or (digest and not digest.startswith("sha256:")):
            raise ValueError(f"invalid reference format: {text!r}")
        if "." not in registry and ":" not in registry and registry != "localhost":
            registry, repository = DOCKER_HUB, f"{head}{slash}{last}" if slash else f"library/{last}"
        return cls(registry, repository, tag or (None if digest else "latest"), digest or None)

    @property
    def path(self) -> str:
        return f"{self.registry}/{self.repository}"

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.path}{tag}{'@' + self.digest if self.digest else ''}"


@dataclass(frozen=True)
class Image:
    """What a registry stores of an image: a manifest and the config blob that it names."""

    path: str
    labels: dict[str, str]
    manifest: bytes
    config: bytes
    pushed_at: float

    @property
    def digest(self) -> str:
        return sha256(self.manifest)

    @property
    def config_digest(self) -> str:
        return sha256(self.config)


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def build(path: str, labels: dict[str, str], *, content: str, at: float) -> Image:
    """The image of a build; the digest depends on the path, the labels and `content`."""
    layer = sha256(f"{path} {content}".encode())
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Labels": labels, "Entrypoint": ["/app/bin/server"]},
        "rootfs": {"type": "layers", "diff_ids": [layer]},
    }
    config_blob = json.dumps(config, sort_keys=True).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {"mediaType": CONFIG_TYPE, "digest": sha256(config_blob), "size": len(config_blob)},
        "layers": [{"mediaType": LAYER_TYPE, "digest": layer, "size": LAYER_BYTES}],
    }
    return Image(path, labels, json.dumps(manifest, sort_keys=True).encode(), config_blob, at)


@dataclass
class Repository:
    """Tags are mutable; a digest always means the same bytes."""

    tags: dict[str, str] = field(default_factory=dict)
    images: dict[str, Image] = field(default_factory=dict)

    def find(self, reference: str) -> Image | None:
        """The image of a tag or a digest."""
        return self.images.get(self.tags.get(reference, reference))


class Registry:
    """All repositories of all registries, by `registry/repository`."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}

    def push(self, path: str, tag: str, image: Image) -> Image:
        repository = self.repositories.setdefault(path, Repository())
        repository.images[image.digest] = image
        repository.tags[tag] = image.digest
        return image

    def delete(self, path: str, tag: str) -> None:
        """Forget a tag, and its image when no other tag means it; KeyError if there is none."""
        repository = self.repositories[path]
        digest = repository.tags.pop(tag)
        if digest not in repository.tags.values():
            del repository.images[digest]

    def find(self, name: ImageName) -> Image | None:
        """The image of a reference; a digest wins over a tag."""
        repository = self.repositories.get(name.path)
        reference = name.digest or name.tag
        return repository.find(reference) if repository and reference else None

    def state(self) -> Json:
        return {path: {"tags": dict(repository.tags)} for path, repository in sorted(self.repositories.items())}
