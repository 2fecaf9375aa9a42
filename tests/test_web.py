"""Health, readiness and figures."""

from __future__ import annotations

import httpx
from slack_bolt.response import BoltResponse

from bot.github_ingress import Delivery, Hooks
from bot.metrics import Metrics
from bot.web import Web
from tests.world import World

NO_HOOKS = Hooks([], frozenset())


async def never_kept(_: Delivery) -> bool:
    raise AssertionError("kept")


async def get(world: World, path: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, verify=False) as client:
        return await client.get(f"{world.url}{path}")


async def test_a_running_bot_is_healthy_and_ready(world: World) -> None:
    """Health touches nothing; readiness names what it depends on."""
    health, ready = await get(world, "/healthz"), await get(world, "/readyz")

    assert (health.status_code, health.text) == (200, "ok")
    assert ready.status_code == 200
    assert ready.json() == {"started": True, "database": True, "scheduler": True}


async def test_a_bot_that_stopped_is_not_ready(world: World) -> None:
    """What the bot depends on is down: 503 with what is missing, while health still answers."""
    world.bot.schedule.stop()
    world.bot._started = False

    ready = await get(world, "/readyz")

    assert ready.status_code == 503
    assert ready.json()["started"] is False
    assert (await get(world, "/healthz")).status_code == 200


async def test_the_figures_count_what_happened(world: World) -> None:
    """Requests, calls to all three providers and ended operations are there, in Prometheus' format."""
    await world.types("/deploy staging main")

    text = (await get(world, "/metrics")).text

    assert 'flytower_slack_requests_total{result="worked"} 1.0' in text
    assert 'flytower_operations_total{kind="deployment",state="succeeded"} 1.0' in text
    for service in ("Fly Machines API", "GitHub", "Slack"):
        assert f'service="{service}"' in text


async def test_a_defect_behind_the_ingress_is_an_incident() -> None:
    """An unexpected error is answered with an id instead of a 500, and counted."""

    async def broken(_: dict[str, object]) -> BoltResponse:
        raise RuntimeError("a defect")

    metrics = Metrics()
    web = Web(dispatch=broken, signing_secret="s", hooks=NO_HOOKS, keep=never_kept, metrics=metrics, ready=dict)

    answer = await web._work({})

    assert answer.status_code == 200
    assert b"Incident" in answer.body
    assert b'result="error"} 1.0' in metrics.text()


async def test_a_bot_in_socket_mode_takes_no_requests() -> None:
    """Without a signing secret nothing can be verified, so nothing is believed."""

    async def never(_: dict[str, object]) -> BoltResponse:
        raise AssertionError("dispatched")

    web = Web(dispatch=never, signing_secret="", hooks=NO_HOOKS, keep=never_kept, metrics=Metrics(), ready=dict)
    transport = httpx.ASGITransport(app=web.app())
    async with httpx.AsyncClient(transport=transport, base_url="http://bot") as client:
        answer = await client.post("/slack/events", content=b"text=x")

    assert answer.status_code == 404
