"""The web server's routes: Slack's requests, GitHub's deliveries, health, figures. Verify, hand over, answer."""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from slack_bolt.response import BoltResponse
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bot import github_ingress, slack_ingress
from bot.github_ingress import Delivery, Hooks
from bot.ingress import Refused, read_body
from bot.metrics import Metrics
from bot.slack_ingress import parse, verify

log = structlog.get_logger()

Dispatch = Callable[[dict[str, Any]], Awaitable[BoltResponse]]
Ready = Callable[[], dict[str, bool]]
# Keeps a delivery for good; False where it was kept before.
Keep = Callable[[Delivery], Awaitable[bool]]
# Refused requests are counted one by one and logged at most this often: an anonymous client may send many.
REFUSAL_LOG_S = 30.0


class Web:
    """The ASGI application of the bot."""

    def __init__(
        self, *, dispatch: Dispatch, signing_secret: str, hooks: Hooks, keep: Keep, metrics: Metrics, ready: Ready
    ) -> None:
        self._dispatch = dispatch
        self._signing_secret = signing_secret
        self._hooks = hooks
        self._keep = keep
        self._metrics = metrics
        self._ready = ready
        self._logged_at = dict.fromkeys(("/slack/events", "/github/webhooks"), -REFUSAL_LOG_S)

    def app(self) -> Starlette:
        """All routes."""
        return Starlette(
            routes=[
                Route("/slack/events", self._slack, methods=["POST"]),
                Route("/github/webhooks", self._github, methods=["POST"]),
                Route("/healthz", self._health),
                Route("/readyz", self._readiness),
                Route("/metrics", self._figures),
            ]
        )

    async def _slack(self, request: Request) -> Response:
        try:
            body = await read_body(request, limit=slack_ingress.BODY_LIMIT)
            self._verify(body, request)
            parsed = parse(body, request.headers.get("content-type", ""))
        except Refused as refused:
            self._metrics.slack_requests.labels("refused").inc()
            return self._refuse(request, refused)
        except ClientDisconnect:
            self._metrics.slack_requests.labels("refused").inc()
            return self._refuse(request, Refused(400, "disconnected"))
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

    async def _github(self, request: Request) -> Response:
        """A delivery is acknowledged once it is committed; whatever it leads to comes later."""
        try:
            body = await read_body(request, limit=github_ingress.BODY_LIMIT)
            delivery = self._hooks.take(body, request.headers)
        except Refused as refused:
            self._metrics.github_deliveries.labels("refused").inc()
            return self._refuse(request, refused)
        except ClientDisconnect:
            self._metrics.github_deliveries.labels("refused").inc()
            return self._refuse(request, Refused(400, "disconnected"))
        result, status = await self._kept(delivery)
        self._metrics.github_deliveries.labels(result).inc()
        return PlainTextResponse(result, status_code=status)

    async def _kept(self, delivery: Delivery) -> tuple[str, int]:
        if delivery.event not in github_ingress.EVENTS:
            return "ignored", 202
        try:
            return ("kept" if await self._keep(delivery) else "known"), 202
        except (sqlite3.Error, RuntimeError):
            # GitHub's log then shows a failure, and the delivery can be asked for again: better than a lost one.
            log.exception("a delivery could not be kept", guid=delivery.guid, kind=delivery.event)
            return "unavailable", 503

    def _refuse(self, request: Request, refused: Refused) -> Response:
        path, now = request.url.path, time.monotonic()
        if now - self._logged_at[path] >= REFUSAL_LOG_S:
            self._logged_at[path] = now
            log.warning("refused a request", path=path, why=refused.why, status=refused.status)
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
