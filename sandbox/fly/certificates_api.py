"""Machines API: certificates for host names of an app's own.

A certificate is issued at the first check after the name's DNS points to the app.

Source: https://fly.io/docs/networking/custom-domain/ and https://docs.machines.dev (Certificates)
"""

from __future__ import annotations

import re

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.fly.errors import ApiError, machines_answer
from sandbox.fly.http import Api, Call
from sandbox.fly.ids import rfc3339
from sandbox.fly.model import App, Certificate
from sandbox.fly.world import World
from sandbox.kit import Json

HOSTNAME = re.compile(r"(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}")
VALID_S = 90 * 86_400


class CertificatesApi(Api):
    prefix = "/v1/apps/{app}/certificates"

    def __init__(self, world: World) -> None:
        super().__init__(world, on_error=machines_answer)

    def routes(self) -> list[Route]:
        return [
            self.route("GET", "", self.index),
            self.route("POST", "/acme", self.request),
            self.route("GET", "/{hostname}", self.get),
            self.route("DELETE", "/{hostname}", self.remove),
            self.route("POST", "/{hostname}/check", self.check),
        ]

    async def index(self, call: Call) -> Response:
        app = call.app("list_certificates")
        rows = [_summary(certificate) for certificate in app.certificates.values()]
        return JSONResponse({"certificates": rows, "total_count": len(rows)})

    async def request(self, call: Call) -> Response:
        """Ask for a certificate; 422 where somebody has it already, in any app."""
        app = call.app("create_certificate")
        hostname = str(call.json({"hostname": str}).get("hostname") or "").lower()
        if not HOSTNAME.fullmatch(hostname):
            raise ApiError(422, "Validation failed: Hostname is invalid")
        if any(hostname in other.certificates for other in self.world.apps.values()):
            raise ApiError(422, "Validation failed: Hostname already exists on app")
        app.certificates[hostname] = Certificate(hostname, self.world.now())
        return JSONResponse(_detail(app, app.certificates[hostname]), status_code=201)

    async def get(self, call: Call) -> Response:
        app = call.app("get_certificate")
        return JSONResponse(_detail(app, _find(app, call)))

    async def check(self, call: Call) -> Response:
        """Look at the DNS of a name now."""
        app = call.app("check_certificate")
        certificate = _find(app, call)
        if certificate.configured and certificate.checked_at is None:
            certificate.checked_at = self.world.now()
        return JSONResponse(_detail(app, certificate))

    async def remove(self, call: Call) -> Response:
        app = call.app("delete_certificate")
        del app.certificates[_find(app, call).hostname]
        return Response(status_code=204)


def _find(app: App, call: Call) -> Certificate:
    certificate = app.certificates.get(call.path("hostname"))
    if certificate is None:
        raise ApiError(404, "certificate not found")
    return certificate


def _summary(certificate: Certificate) -> Json:
    return {
        "hostname": certificate.hostname,
        "configured": certificate.configured,
        "status": _status(certificate),
        "acme_requested": True,
        "has_fly_certificate": certificate.checked_at is not None,
        "has_custom_certificate": False,
        "created_at": rfc3339(certificate.created_at),
        "updated_at": rfc3339(certificate.checked_at or certificate.created_at),
    }


def _detail(app: App, certificate: Certificate) -> Json:
    ips = [address.ip for address in app.addresses if address.type in {"v4", "shared_v4"}]
    ipv6 = [address.ip for address in app.addresses if address.type == "v6"]
    issued: list[Json] = []
    if certificate.checked_at is not None:
        expires_at = rfc3339(certificate.checked_at + VALID_S)
        entry = {"type": "ecdsa", "certificate_authority": "lets_encrypt", "expires_at": expires_at}
        created_at = rfc3339(certificate.checked_at)
        issued = [
            {
                "source": "fly",
                "status": "active",
                "created_at": created_at,
                "expires_at": expires_at,
                "issued": [entry],
            }
        ]
    return {
        "hostname": certificate.hostname,
        "configured": certificate.configured,
        "status": _status(certificate),
        "acme_requested": True,
        "certificates": issued,
        "dns_requirements": {"a": ips, "aaaa": ipv6, "cname": f"{app.name}.fly.dev"},
    }


def _status(certificate: Certificate) -> str:
    return "active" if certificate.checked_at is not None else "pending_validation"
