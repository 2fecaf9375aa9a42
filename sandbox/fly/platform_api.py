"""Machines API: regions, placements, and what a token is for.

Source: Fly Machines API (https://docs.machines.dev), Platform and Tokens
"""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.fly.errors import ApiError, machines_answer
from sandbox.fly.http import Api, Call
from sandbox.fly.world import World

# How many Machines of one organisation a region takes when nobody asks for a number.
REGION_LIMIT = 50
CONCURRENCY = 8
ANYWHERE = "any"


class PlatformApi(Api):
    prefix = "/v1"

    def __init__(self, world: World) -> None:
        super().__init__(world, on_error=machines_answer)

    def routes(self) -> list[Route]:
        return [
            self.route("GET", "/platform/regions", self.regions),
            self.route("POST", "/platform/placements", self.placements),
            self.route("GET", "/tokens/current", self.current_token),
        ]

    async def regions(self, call: Call) -> Response:
        common = {"deprecated": False, "gateway_available": True, "requires_paid_plan": False}
        rows = [{"code": code, "name": name, **common} for code, name in call.world.regions.items()]
        return JSONResponse({"nearest": next(iter(call.world.regions), ""), "regions": rows})

    async def placements(self, call: Call) -> Response:
        """Where so many Machines would go: all into the first wanted region that has room."""
        body = call.json({"org_slug": str, "count": int, "region": str})
        call.access.organization(str(body.get("org_slug") or ""))
        count = body.get("count") or 0
        if count < 0:
            raise ApiError(400, "invalid_argument: count must be a whole number")
        regions = self._wanted(str(body.get("region") or ANYWHERE))
        free = [region for region in regions if self.world.faults.peek("no_capacity", region) is None]
        if not free:
            raise ApiError(422, "insufficient_capacity: no capacity available", code="insufficient_capacity")
        shown = free[:1] if count else free
        rows = [{"region": region, "count": count or REGION_LIMIT, "concurrency": CONCURRENCY} for region in shown]
        return JSONResponse({"regions": rows})

    async def current_token(self, call: Call) -> Response:
        token = call.token
        row: dict[str, Any] = {
            "token_id": token.id or token.text.rsplit("_", maxsplit=1)[-1],
            "org_slug": token.organization,
            "organization": str(call.world.organizations[token.organization].number),
            "apps": [token.app] if token.app else [],
            "user": token.user,
        }
        return JSONResponse({"tokens": [row]})

    def _check_write(self, call: Call) -> None:
        """Nothing here changes anything; placements are only simulated."""

    def _wanted(self, expression: str) -> list[str]:
        wanted: list[str] = []
        for word in expression.split(","):
            if word != ANYWHERE and word not in self.world.regions:
                raise ApiError(400, f"invalid_argument: region {word!r} does not exist")
            wanted += self.world.regions if word == ANYWHERE else [word]
        return list(dict.fromkeys(wanted))
