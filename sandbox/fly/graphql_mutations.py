"""The mutations of GraphQL: older ways to what the Machines API and `api/v1` do, by the same rules."""

from __future__ import annotations

from typing import Any

from graphql import GraphQLError

from sandbox.fly import apps_api, secrets_api, tokens
from sandbox.fly.auth import Access
from sandbox.fly.graphql_queries import not_found, refused
from sandbox.fly.graphql_views import Views, organization_id
from sandbox.fly.ids import rfc3339
from sandbox.fly.lifecycle import Lifecycle
from sandbox.fly.model import App, Organization, Release
from sandbox.fly.releases_api import change_release, create_release, finish_build, released, start_build
from sandbox.kit import Json

LOCK_S = 15 * 60.0
PLATFORM = "machines"


class Mutations:
    """Root of a mutation, as one token that may write sees the world. Methods are resolvers, named as their fields."""

    def __init__(self, access: Access, lifecycle: Lifecycle) -> None:
        self._access = access
        self._world = access.world
        self._lifecycle = lifecycle
        self._views = Views(access)

    # Apps

    def createApp(self, _: Any, input: Json) -> Json:  # noqa: A002, N802
        organization = self._organization(input["organizationId"])
        name = input.get("name") or f"app-{self._world.ids.hex(8)}"
        network, role = input.get("network") or "", input.get("appRoleId")
        app = apps_api.create_app(self._world, name, organization, network=network, role=role)
        return self._payload(app, input)

    def deleteApp(self, _: Any, appId: str) -> Json:  # noqa: N802, N803
        app = self._app(appId)
        organization = self._world.organizations[app.organization]
        apps_api.delete_app(self._access, app)
        return {"organization": self._views.organization(organization)}

    def restartApp(self, _: Any, input: Json) -> Json:  # noqa: A002, N802
        """Restart every Machine that runs, all at once; a lease of somebody else does not hold it up."""
        app = self._app(input["appId"])
        for machine in app.active_machines():
            if machine.state == "started":
                self._lifecycle.restart(machine)
        return self._payload(app, input)

    def lockApp(self, _: Any, input: Json) -> Json:  # noqa: A002, N802
        """Lock an app for a quarter of an hour: a second lock is refused, and nothing else."""
        app, now = self._app(input["appId"]), self._world.now()
        if app.locked_until > now:
            raise refused(f"App is locked until {rfc3339(app.locked_until)}", "LOCKED")
        app.lock_id, app.locked_until = self._world.ids.hex(16), now + LOCK_S
        answer = {"lockId": app.lock_id, "expiration": rfc3339(app.locked_until)}
        return answer | {"clientMutationId": input.get("clientMutationId")}

    def unlockApp(self, _: Any, input: Json) -> Json:  # noqa: A002, N802
        app = self._app(input["appId"])
        if not app.lock_id or app.lock_id != input["lockId"]:
            raise not_found("Lock")
        app.lock_id, app.locked_until = "", 0.0
        return self._payload(app, input)

    # What belongs to an app

    def allocateIpAddress(self, _: Any, input: Json) -> Json:  # noqa: A002, N802
        """A new address; a shared one shows on the app, and not by itself."""
        app = self._app(input["appId"])
        if input.get("organizationId"):
            self._organization(input["organizationId"])
        kind, region = input["type"], input.get("region") or "global"
        service = input.get("serviceName") or ""
        address = apps_api.assign_address(
            self._world, app, kind=kind, region=region, service=service, network=input.get("network") or ""
        )
        shown = None if kind == "shared_v4" else self._views.address(app, address)
        return self._payload(app, input) | {"ipAddress": shown}

    def releaseIpAddress(self, _: Any, input: Json) -> Json:  # noqa: A002, N802
        app = self._app(input.get("appId") or "")
        wanted = input.get("ip") or str(input.get("ipAddressId") or "").removeprefix("ip_")
        apps_api.release_address(app, wanted)
        return self._payload(app, input)

    def setSecrets(self, _: Any, input: Json) -> Json:  # noqa: A002, N802
        """Store secrets; `replaceAll` removes the others. No release comes of it: Machines take them when they boot."""
        app = self._app(input["appId"])
        values: dict[str, str | None] = {secret["key"]: secret["value"] for secret in input["secrets"]}
        if input.get("replaceAll"):
            values = dict.fromkeys(app.secrets) | values
        return self._stored(app, values, input)

    def unsetSecrets(self, _: Any, input: Json) -> Json:  # noqa: A002, N802
        app = self._app(input["appId"])
        return self._stored(app, dict.fromkeys(input["keys"]), input)

    def _stored(self, app: App, values: dict[str, str | None], given: Json) -> Json:
        secrets_api.check_all(values)
        secrets_api.store(self._world, app, values)
        return self._payload(app, given) | {"release": None}

    # Releases and builds

    def createRelease(self, _: Any, input: Json) -> Json:  # noqa: A002, N802
        if input["platformVersion"] != PLATFORM:
            raise refused(f"platformVersion must be {PLATFORM}", "BAD_REQUEST")
        app = self._app(input["appId"])
        release = create_release(
            self._world,
            app,
            image=input["image"],
            definition=input["definition"],
            strategy=input["strategy"],
            user=self._access.token.user,
        )
        return self._payload(app, input) | {"release": self._views.release(app, release)}

    def updateRelease(self, _: Any, input: Json) -> Json:  # noqa: A002, N802
        app, release = self._release(input["releaseId"])
        change_release(self._world, release, input.get("status"), input.get("metadata"))
        mutation = input.get("clientMutationId")
        return {"clientMutationId": mutation, "release": self._views.release(app, release)}

    def createBuild(self, _: Any, input: Json) -> Json:  # noqa: A002, N802
        build = start_build(self._world, self._app(input["appName"]))
        return {"clientMutationId": input.get("clientMutationId"), "id": str(build["id"]), "status": build["status"]}

    def finishBuild(self, _: Any, input: Json) -> Json:  # noqa: A002, N802
        app = self._app(input["appName"])
        number = int(input["buildId"]) if input["buildId"].isdecimal() else 0
        build = finish_build(self._world, app, number, input["status"])
        shown = {"id": str(build["id"]), "status": build["status"], "wallclockTimeMs": build["wallclock_time_ms"]}
        return shown | {"clientMutationId": input.get("clientMutationId")}

    # Tokens

    def createLimitedAccessToken(self, _: Any, input: Json) -> Json:  # noqa: A002, N802
        token = tokens.create(
            self._access,
            self._organization(input["organizationId"]),
            name=input["name"],
            profile=input["profile"],
            params=input.get("profileParams"),
            expiry=input.get("expiry") or "",
        )
        shown = self._views.token(token, header=f"FlyV1 {token.text}")
        return {"clientMutationId": input.get("clientMutationId"), "limitedAccessToken": shown}

    def deleteLimitedAccessToken(self, _: Any, input: Json) -> Json:  # noqa: A002, N802
        self._access.whole_organization(self._access.token.organization)
        token = tokens.revoke(self._access, input.get("id") or input.get("token") or "")
        return {"clientMutationId": input.get("clientMutationId"), "revokedBy": None, "token": token.id}

    # What a sandbox has not

    def addWireGuardPeer(self, _: Any, input: Json) -> Json:  # noqa: A002, ARG002, N802
        raise _absent("WireGuard")

    def createDelegatedWireGuardToken(self, _: Any, input: Json) -> Json:  # noqa: A002, ARG002, N802
        raise _absent("WireGuard")

    def validateWireGuardPeers(self, _: Any, input: Json) -> Json:  # noqa: A002, N802
        """No peer is valid, since there is none."""
        mutation = input.get("clientMutationId")
        return {"clientMutationId": mutation, "invalidPeerIps": input["peerIps"], "validPeerIps": []}

    def issueCertificate(self, _: Any, input: Json) -> Json:  # noqa: A002, ARG002, N802
        raise _absent("SSH")

    def ensureMachineRemoteBuilder(self, _: Any, input: Json) -> Json:  # noqa: A002, ARG002, N802
        raise _absent("a remote builder")

    def ensureDepotRemoteBuilder(self, _: Any, input: Json) -> Json:  # noqa: A002, ARG002, N802
        raise _absent("a remote builder")

    def _payload(self, app: App, given: Json) -> Json:
        return {"app": self._views.app(app), "clientMutationId": given.get("clientMutationId")}

    def _app(self, app_id: str) -> App:
        app = self._world.apps.get(app_id)
        if app is None or not self._access.may_read(app):
            raise not_found("App")
        return app

    def _release(self, release_id: str) -> tuple[App, Release]:
        found = released(self._access, release_id)
        if found is None:
            raise not_found("Release")
        return found

    def _organization(self, identifier: str) -> Organization:
        own = self._views.own_organization()
        if identifier not in {organization_id(own), own.slug, own.raw_slug}:
            raise not_found("Organization")
        return self._access.whole_organization(own.slug)


def _absent(what: str) -> GraphQLError:
    return refused(f"The sandbox does not have {what}", "NOT_IMPLEMENTED")
