"""The web server's routes: Slack's requests, health, figures. Verify, hand over, answer."""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from slack_bolt.response import BoltResponse
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bot.metrics import Metrics
from bot.slack_ingress import BODY_LIMIT, Refused, parse, verify

log = structlog.get_logger()

Dispatch = Callable[[dict[str, Any]], Awaitable[BoltResponse]]
Ready = Callable[[], dict[str, bool]]
# Refused requests are counted one by one and logged at most this often: an anonymous client may send many.
REFUSAL_LOG_S = 30.0


class Web:
    """The ASGI application of the bot."""

    def __init__(self, *, dispatch: Dispatch, signing_secret: str, metrics: Metrics, ready: Ready) -> None:
        self._dispatch = dispatch
        self._signing_secret = signing_secret
        self._metrics = metrics
        self._ready = ready
        self._logged_at = -REFUSAL_LOG_S

    def app(self) -> Starlette:
        """All routes."""
        return Starlette(
            routes=[
                Route("/slack/events", self._slack, methods=["POST"]),
                Route("/healthz", self._health),
                Route("/readyz", self._readiness),
                Route("/metrics", self._figures),
            ]
        )

    async def _slack(self, request: Request) -> Response:
        try:
            body = await _read(request)
            self._verify(body, request)
            parsed = parse(body, request.headers.get("content-type", ""))
        except Refused as refused:
            return self._refuse(refused)
        except ClientDisconnect:
            return self._refuse(Refused(400, "disconnected"))
        if "ssl_check" in parsed:
            return Response()
        return await self._work(parsed)

    def _verify(self, body: bytes, request: Request) -> None:
        if not self._signing_secret:
            # Socket Mode alone: nothing is expected here, so nothing is believed.
            raise Refused(404, "socket mode")
        verify(body, request.headers, secret=self._signing_secret, now=time.time())

    async def _work(self, body: dict[str, Any]) -> Response:
        try:
            answer = await self._dispatch(body)
        except Exception:
            incident = secrets.token_hex(4)
            log.exception("unexpected error", incident=incident)
            self._metrics.slack_requests.labels("error").inc()
            return JSONResponse({"text": f"Something went wrong inside Flytower. Incident {incident}."})
        self._metrics.slack_requests.labels("worked" if answer.status == 200 else "unmatched").inc()
        headers = answer.first_headers_without_set_cookie()
        return Response(answer.body, status_code=answer.status, headers=headers)

    def _refuse(self, refused: Refused) -> Response:
        self._metrics.slack_requests.labels("refused").inc()
        now = time.monotonic()
        if now - self._logged_at >= REFUSAL_LOG_S:
            self._logged_at = now
            log.warning("refused a request at /slack/events", why=refused.why, status=refused.status)
        closing = {"connection": "close"} if refused.status == 413 else {}
        return PlainTextResponse(refused.why, status_code=refused.status, headers=closing)

    async def _health(self, _: Request) -> Response:
        return PlainTextResponse("ok")

    async def _readiness(self, _: Request) -> Response:
        checks = self._ready()
        is_ready = all(checks.values())
        self._metrics.ready.set(int(is_ready))
        return JSONResponse(checks, status_code=200 if is_ready else 503)

    async def _figures(self, _: Request) -> Response:
        return Response(self._metrics.text(), media_type="text/plain; version=0.0.4")


async def _read(request: Request) -> bytes:
    """The raw body, refused as soon as it is known to be too large."""
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length) > BODY_LIMIT:
        raise Refused(413, "too large")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT:
            raise Refused(413, "too large")
    return bytes(body)
