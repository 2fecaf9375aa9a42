"""What GraphQL shows of apps, Machines, releases and the rest: a value for each type of the schema.

A value is a dictionary by field; what costs something, or leads back, is a function of the field's arguments.
"""

from __future__ import annotations

import json
from typing import Any

from sandbox.fly import configs
from sandbox.fly.answers import config_json
from sandbox.fly.auth import Access
from sandbox.fly.ids import rfc3339
from sandbox.fly.images import LAYER_BYTES, Image, ImageName
from sandbox.fly.machine import Machine
from sandbox.fly.model import Address, App, Organization, Release, Token, Volume
from sandbox.fly.releases_api import newest_first
from sandbox.fly.tokens import LIFETIME_S, PROFILES, listed
from sandbox.kit import Json

PAGE = 25
ROLES = {"postgres_cluster": "PostgresClusterAppRole"}
AVATAR = "https://fly.io/static/images/avatar.png"


class Views:
    """The objects, as one token sees them."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self.world = access.world

    def apps(self) -> list[App]:
        """Apps that the token may read."""
        return [app for app in self.world.apps.values() if self.access.may_read(app)]

    def own_organization(self) -> Organization:
        return self.world.organizations[self.access.token.organization]

    def organization(self, organization: Organization) -> Json:
        def apps(_: Any, **page: Any) -> Json:
            return connection([self.app(app) for app in self.apps()], page)

        def tokens(_: Any, **page: Any) -> Json:
            return connection([self.token(token) for token in listed(self.world, organization.slug)], page)

        return {
            "__typename": "Organization",
            "addOnSsoLink": None,
            "apps": apps,
            "billable": True,
            "billingStatus": "CURRENT",
            "id": organization_id(organization),
            "internalNumericId": str(organization.number),
            "limitedAccessTokens": tokens,
            # The sandbox's people are tokens; an organisation has no members.
            "members": lambda _, **page: connection([], page) | {"edges": []},
            "name": organization.name,
            "paidPlan": True,
            "provisionsBetaExtensions": False,
            "rawSlug": organization.raw_slug,
            "remoteBuilderApp": None,
            "remoteBuilderImage": "",
            "slug": organization.slug,
            "type": "PERSONAL" if organization.personal else "SHARED",
            "viewerRole": "admin",
        }

    def app(self, app: App) -> Json:
        """An app; its id is its name, here only."""
        shared = next((address.ip for address in app.addresses if address.type == "shared_v4"), None)
        return {
            "__typename": "App",
            "appUrl": f"https://{app.name}.fly.dev",
            "cnameTarget": f"{app.id}.{app.name}.fly.dev",
            "createdAt": rfc3339(app.created_at),
            "deployed": app.status in {"deployed", "suspended"},
            "egressIpAddresses": lambda _, **page: connection([], page),
            "hostIssues": lambda _, **page: connection([], page),
            "hostname": f"{app.name}.fly.dev",
            "id": app.name,
            "internalNumericId": app.number,
            "name": app.name,
            "network": app.network,
            "organization": lambda _: self.organization(self.world.organizations[app.organization]),
            "platformVersion": "machines",
            "role": {"__typename": ROLES.get(app.role, "EmptyAppRole"), "name": app.role} if app.role else None,
            "sharedIpAddress": shared,
            "state": app.status.upper(),
            "status": app.status,
            "version": max((release.version for release in app.releases), default=0),
            **self._app_parts(app),
            **self._app_releases(app),
        }

    def _app_parts(self, app: App) -> Json:
        def machines(_: Any, active: bool | None = None, version: int = 0, **page: Any) -> Json:  # noqa: ARG001
            found = app.machines.values() if active is False else app.active_machines()
            return connection([self.machine(app, machine) for machine in found], page)

        def machine(_: Any, id: str) -> Json | None:  # noqa: A002
            return self.machine(app, app.machines[id]) if id in app.machines else None

        def lock(_: Any) -> Json | None:
            if app.locked_until <= self.world.now():
                return None
            return {"lockId": app.lock_id, "expiration": rfc3339(app.locked_until)}

        public = [address for address in app.addresses if address.type != "shared_v4"]
        tokens = [token for token in listed(self.world, app.organization) if token.app == app.name]
        return {
            "currentLock": lock,
            "image": lambda _, ref: self.image(app, ref),
            "imageDetails": lambda _: self._image_details(app),
            "ipAddresses": lambda _, **page: connection([self.address(app, each) for each in public], page),
            "limitedAccessTokens": lambda _, **page: connection([self.token(token) for token in tokens], page),
            "machine": machine,
            "machines": machines,
            "regions": lambda _: [
                r for r in self.regions() if any(m.region == r["code"] for m in app.active_machines())
            ],
            "secrets": lambda _: [self.secret(app, name) for name in app.secrets],
            "services": lambda _: services_of(app),
            "volumes": lambda _, **page: connection([self.volume(app, each) for each in volumes_of(app)], page),
        }

    def _app_releases(self, app: App) -> Json:
        def releases(_: Any, **page: Any) -> Json:
            return connection([self.release(app, release) for release in newest_first(app)], page)

        def unprocessed(_: Any, status: str | None = None, **page: Any) -> Json:
            found = [release for release in newest_first(app) if not status or release.status == status]
            return connection([self.unprocessed_release(app, release) for release in found], page)

        def definition(_: Any) -> Json:
            found = newest_first(app)
            return {"definition": found[0].definition if found else {}, "errors": [], "valid": True} | {
                "services": services_of(app)
            }

        newest = next(iter(newest_first(app)), None)
        return {
            "config": definition,
            "currentRelease": lambda _: self.release(app, newest) if newest else None,
            "currentReleaseUnprocessed": lambda _: self.unprocessed_release(app, newest) if newest else None,
            "releases": releases,
            "releasesUnprocessed": unprocessed,
        }

    def unprocessed_release(self, app: App, release: Release) -> Json:
        return {
            "__typename": "ReleaseUnprocessed",
            "configDefinition": release.definition,
            "createdAt": rfc3339(release.created_at),
            "deploymentStrategy": release.strategy,
            "description": "Release",
            "evaluationId": None,
            "id": release.id,
            "image": lambda _: self.image(app, release.image_ref),
            "imageRef": release.image_ref,
            "inProgress": release.in_progress,
            "reason": "",
            "revertedTo": None,
            "stable": release.stable,
            "status": release.status,
            "updatedAt": rfc3339(release.updated_at),
            "user": user(release.user),
            "version": release.version,
        }

    def release(self, app: App, release: Release) -> Json:
        """A release as it was before definitions came unprocessed; the bookkeeping is the same."""
        config = {"definition": release.definition, "errors": [], "services": services_of(app), "valid": True}
        whole = self.unprocessed_release(app, release)
        return whole | {"__typename": "Release", "config": config, "metadata": release.metadata}

    def machine(self, app: App, machine: Machine) -> Json:
        address = {"family": "v6", "id": machine.private_ip, "ip": machine.private_ip, "kind": "privatenet"}
        return {
            "__typename": "Machine",
            "app": lambda _: self.app(app),
            "config": config_json(machine.config),
            "createdAt": rfc3339(machine.created_at),
            "host": {"id": f"host-{machine.region}"},
            "id": machine.id,
            "instanceId": machine.instance_id,
            "ips": lambda _, **page: connection([address | {"maskSize": 112}], page),
            "name": machine.name,
            "region": machine.region,
            "state": machine.state,
            "updatedAt": rfc3339(machine.updated_at),
        }

    def volume(self, app: App, volume: Volume) -> Json:
        attached = app.machines.get(volume.attached_machine_id or "")
        return {
            "__typename": "Volume",
            "app": lambda _: self.app(app),
            "attachedMachine": lambda _: self.machine(app, attached) if attached else None,
            "createdAt": rfc3339(volume.created_at),
            "encrypted": volume.encrypted,
            "host": {"id": f"host-{volume.region}"},
            "id": volume.id,
            "internalId": volume.id,
            "name": volume.name,
            "region": volume.region,
            "sizeGb": volume.size_gb,
            "snapshotRetentionDays": volume.snapshot_retention,
            "snapshots": lambda _, **page: connection(self._snapshots(app, volume), page),
            "state": volume.state,
            "status": volume.state,
        }

    def _snapshots(self, app: App, volume: Volume) -> list[Json]:
        return [
            {
                "__typename": "VolumeSnapshot",
                "createdAt": rfc3339(snapshot.created_at),
                "digest": "",
                "id": snapshot.id,
                "retentionDays": snapshot.retention_days,
                "size": str(snapshot.size),
                "volume": lambda _: self.volume(app, volume),
            }
            for snapshot in volume.snapshots
        ]

    def address(self, app: App, address: Address) -> Json:
        network = {
            "createdAt": rfc3339(app.created_at),
            "id": f"network-{app.network}",
            "name": app.network,
            "organization": lambda _: self.organization(self.world.organizations[app.organization]),
            "updatedAt": rfc3339(app.created_at),
        }
        return {
            "__typename": "IPAddress",
            "address": address.ip,
            "createdAt": rfc3339(address.created_at),
            "id": f"ip_{address.ip}",
            "network": network if address.type == "private_v6" else None,
            "region": address.region,
            "serviceName": address.service_name or None,
            "type": address.type,
        }

    def secret(self, app: App, name: str) -> Json:
        secret = app.secrets[name]
        created = rfc3339(secret.created_at)
        return {"id": f"{app.name}:{name}", "name": name, "digest": secret.digest, "createdAt": created, "user": None}

    def token(self, token: Token, *, header: str | None = None) -> Json:
        """A token; its text, with the scheme, only where it was just made."""
        kinds = {kind: profile for profile, kind in PROFILES.items()}
        expires_at = token.created_at + LIFETIME_S if token.expires_at is None else token.expires_at
        return {
            "__typename": "LimitedAccessToken",
            "createdAt": rfc3339(token.created_at),
            "expiresAt": rfc3339(expires_at),
            "id": token.id,
            "name": token.name,
            "organization": lambda _: self.organization(self.world.organizations[token.organization]),
            "profile": kinds.get(token.profile, token.profile),
            "profileParams": {"app_id": self.world.apps[token.app].id} if token.app in self.world.apps else None,
            "revokedAt": None,
            "revokedBy": None,
            "token": token.id,
            "tokenHeader": header,
            "user": user(token.user),
        }

    def regions(self) -> list[Json]:
        common = {"deprecated": False, "gatewayAvailable": True, "processGroup": None, "requiresPaidPlan": False}
        place = {"latitude": None, "longitude": None}
        return [{"code": code, "name": name, **common, **place} for code, name in self.world.regions.items()]

    def image(self, app: App, ref: str) -> Json | None:
        found = configs.resolve(self.world, app.organization, ref)
        return image_fields(*found) if found else None

    def _image_details(self, app: App) -> Json | None:
        machine = next(iter(app.active_machines()), None)
        found = self.world.registry.find(machine.image) if machine else None
        return image_version(machine.image, found) if machine and found else None


def services_of(app: App) -> list[Json]:
    """The services of an app's first Machine."""
    machine = next(iter(app.active_machines()), None)
    return [_service(service) for service in (machine.config.get("services") or [] if machine else [])]


def _service(service: Json) -> Json:
    ports = [
        {"port": port.get("port"), "handlers": [handler.upper() for handler in port.get("handlers") or []]}
        for port in service.get("ports") or []
    ]
    protocol = str(service.get("protocol") or "tcp").upper()
    outside = "/".join(str(port["port"]) for port in ports)
    described = f"{protocol} {outside} => {service['internal_port']}"
    return {"description": described, "internalPort": service["internal_port"], "ports": ports, "protocol": protocol}


def volumes_of(app: App) -> list[Volume]:
    return [volume for volume in app.volumes.values() if not volume.is_gone]


def user(email: str) -> Json:
    common = {"__typename": "User", "avatarUrl": AVATAR, "enablePaidHobby": False}
    return common | {"id": email, "email": email, "name": email.partition("@")[0]}


def image_version(name: ImageName, image: Image) -> Json:
    """An image as its labels tell its version; none for one that Fly does not make."""
    return {
        "digest": image.digest,
        "registry": name.registry,
        "repository": name.repository,
        "tag": name.tag or "",
        "version": image.labels.get("fly.version"),
    }


def image_fields(name: ImageName, image: Image) -> Json:
    absolute = ImageName(name.registry, name.repository, name.tag, image.digest)
    return {
        "absoluteRef": str(absolute),
        "compressedSize": LAYER_BYTES,
        "compressedSizeFull": str(LAYER_BYTES),
        "config": json.loads(image.config),
        "configDigest": image.config_digest,
        "createdAt": rfc3339(image.pushed_at),
        "digest": image.digest,
        "id": f"img_{image.digest[7:23]}",
        "label": name.tag or "",
        "manifest": json.loads(image.manifest),
        "ref": str(absolute),
        "registry": name.registry,
        "repository": name.repository,
        "tag": name.tag,
    }


def organization_id(organization: Organization) -> str:
    return f"org{organization.number}"


def connection(nodes: list[Json], page: Json) -> Json:
    """A page of a connection; a cursor is the position after a node."""
    start = int(page["after"]) if str(page.get("after") or "").isdecimal() else 0
    shown = nodes[start : start + (page.get("first") or PAGE)]
    if page.get("last"):
        shown = nodes[-page["last"] :]
    end = start + len(shown)
    info = {
        "endCursor": str(end),
        "hasNextPage": end < len(nodes),
        "hasPreviousPage": start > 0,
        "startCursor": str(start),
    }
    return {"nodes": shown, "pageInfo": info, "totalCount": len(nodes)}
