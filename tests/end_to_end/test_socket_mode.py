"""Socket Mode by a switch: the same commands and clicks, through the bot's own WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_sdk.web.async_client import AsyncWebClient

from bot.config import load
from sandbox.faults import Fault
from sandbox.stack import Simulators, stack
from tests.virtual_time import VirtualClock, VirtualLoop
from tests.world import CHANNEL, EXAMPLE, SHA, Sight, World, text_of

APP_TOKEN = "xapp-sandbox-app"
CONFIRM = "deployment_confirm"
V142 = f"sha-{SHA['v1.4.2']}"


@pytest.fixture
async def socket_world(tmp_path: Path) -> AsyncIterator[Sight]:
    """A bot process with an app-level token and no signing secret, and the simulators around it."""
    switch = {"SLACK_APP_TOKEN": APP_TOKEN, "SLACK_SIGNING_SECRET": ""}
    async with stack(tmp_path, speed=20, extra=switch) as (simulators, _):
        sight = Sight(simulators)
        await sight.until(lambda: sight.slack.state()["socket_mode"], "the bot opened a socket")
        yield sight


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """The reference world in one process, where no request URL leads to the bot."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    async with Simulators(clock=VirtualClock()) as simulators:
        switch = {"SLACK_APP_TOKEN": APP_TOKEN, "FLYTOWER_DATABASE": str(tmp_path / "flytower.db")}
        made = World(simulators, load(EXAMPLE, simulators.environment() | switch))
        made.slack.rate_limits = False
        with loop.jumping(lambda: made.bot.store.is_busy):
            await made.bot.start()
            yield made
            await made.bot.stop()


@contextlib.asynccontextmanager
async def second_socket(world: World) -> AsyncIterator[None]:
    """The bot listens on another socket too, as two of its processes would for a moment."""
    web = AsyncWebClient(APP_TOKEN, base_url=world.settings.slack.api_url)
    handler = AsyncSocketModeHandler(world.bot._bolt, APP_TOKEN, web_client=web)
    await handler.connect_async()
    try:
        await world.until(lambda: len(connections(world)) == 2, "two sockets are open")
        yield
    finally:
        await handler.close_async()


@contextlib.asynccontextmanager
async def deaf_socket(world: World) -> AsyncIterator[None]:
    """A client with our app-level token, forgotten somewhere, that acknowledges nothing."""
    web = AsyncWebClient(APP_TOKEN, base_url=world.settings.slack.api_url)
    url = (await web.apps_connections_open(app_token=APP_TOKEN))["url"]
    async with aiohttp.ClientSession() as session, session.ws_connect(str(url)):
        await world.until(lambda: len(connections(world)) == 2, "two sockets are open")
        yield


def transports(world: Sight) -> set[str]:
    """How the bot was told what people did."""
    return {request["transport"] for request in world.slack.state()["requests"]}


def connections(world: Sight) -> set[str]:
    """The ids of the open sockets."""
    return {socket["id"] for socket in world.slack.state()["sockets"]}


async def test_a_deployment_runs_through_the_socket(socket_world: Sight) -> None:
    """A command with the word payload in it is answered, a deployment goes to its end, over the socket alone."""
    world = socket_world

    answer = await world.slack.command(user="U0ANA", channel="C0DEPLOYS", text="/deploy staging payload-service")
    await world.until(lambda: "payload-service" in world.private()[-1], "the answer is shown")
    await world.slack.command(user="U0ANA", channel="C0DEPLOYS", text="/deploy staging main")
    await world.until(lambda: len(world.messages()) == 1 and "live" in world.card()["text"], "it is live")

    assert answer["outcome"] == "ok"
    assert {request["transport"] for request in world.slack.state()["requests"]} == {"socket"}
    assert "Ship receipt: 1 of 1" in text_of(world.card())


async def test_a_recycled_connection_is_opened_anew(socket_world: Sight) -> None:
    """Slack recycles the socket: the bot opens another, and the next command is answered."""
    world = socket_world

    before = connections(world)
    await world.slack.disconnect(reason="refresh_requested")
    await world.until(lambda: bool(connections(world) - before), "the bot opened another connection")
    await world.until(lambda: not connections(world) & before, "the old connection is closed")
    answer = await world.slack.command(user="U0ANA", channel="C0DEPLOYS", text="/deploy help")

    assert answer["outcome"] == "ok"


async def test_the_modal_works_through_the_socket(world: World) -> None:
    """Command, search, both pages and the work afterwards: everything that HTTP does."""
    await world.types("/deploy")
    found = await world.slack.suggest(user="U0ANA", action_id="deploy_ref", value="v1.4.2")
    await world.slack.submit(user="U0ANA", values={"environment": "production", "deploy_ref": "v1.4.2"})
    await world.settle()
    result = await world.slack.submit(user="U0ANA")
    await world.settle()

    assert (found["outcome"], result["is_closed"]) == ("ok", True)
    assert (world.labels(), transports(world)) == ({V142}, {"socket"})


async def test_errors_beside_fields_come_through_the_socket(world: World) -> None:
    """The answer to a submission travels in the acknowledgement."""
    await world.types("/deploy")
    page = world.slack.world.views.top("U0ANA")
    assert page is not None
    page.values["ref"] = {"deploy_ref": {"selected_option": {"value": "two words"}}}

    result = await world.slack.submit(user="U0ANA", values={"environment": "production"})

    assert list(result["errors"]) == ["ref"]


async def test_an_envelope_on_two_sockets_has_one_effect(world: World) -> None:
    """The bot hears the command and the click twice, at the same time: one deployment, one card."""
    world.slack.faults.add(Fault("doubled_envelope"))
    async with second_socket(world):
        await world.types("/deploy production v1.4.2")
        await world.clicks(CONFIRM)

        assert len(await world.operations()) == 1
    assert (len(world.messages()), world.labels()) == (1, {V142})
    assert [machine["updates"] for machine in world.machines()] == [1, 1]


async def test_an_envelope_that_nobody_acknowledged_comes_again_and_counts(world: World) -> None:
    """The first went to a client that is deaf: what is delivered again is worked, once."""
    world.slack.faults.add(Fault("retry", target="/deploy", times=1))
    async with deaf_socket(world):
        answers = [await world.types("/deploy production v1.4.2")]

    outcomes = [request["outcome"] for request in world.slack.state()["requests"]]
    assert (sorted(outcomes), answers[0]["outcome"] in outcomes) == (["ok", "operation_timeout"], True)
    assert len(await world.operations()) == 1


async def test_an_acknowledgement_that_got_lost_leads_to_one_deployment(world: World) -> None:
    """Slack delivers command and click once more, each in a new envelope."""
    world.slack.faults.add(Fault("retry"))

    await world.types("/deploy production v1.4.2")
    await world.clicks(CONFIRM)

    assert len(await world.operations()) == 1
    assert (len(world.messages()), world.labels()) == (1, {V142})


async def test_a_socket_that_breaks_under_a_command_loses_nothing(world: World) -> None:
    """Slack tells the person that it failed; the command was heard, its card comes, and the next one is answered."""
    before = connections(world)
    world.slack.faults.add(Fault("dropped_socket", target="/deploy", times=1))

    lost = await world.types("/deploy production v1.4.2")
    await world.until(lambda: bool(connections(world) - before), "the bot opened another connection")
    await world.until(lambda: bool(world.messages()), "the card is there")
    await world.clicks(CONFIRM)
    answer = await world.types("/deploy help")

    assert (lost["outcome"], answer["outcome"]) == ("connection_failed", "ok")
    assert (len(await world.operations()), world.labels()) == (1, {V142})


@pytest.mark.parametrize("reason", ["warning", "refresh_requested"])
async def test_a_connection_recycled_under_a_deployment_does_not_disturb_it(world: World, reason: str) -> None:
    """Slack replaces the socket while Machines move: the card goes on, and its button is heard on the new socket."""
    before = connections(world)
    await world.types("/deploy production v1.4.2")
    await world.press(CONFIRM)
    await world.slack.disconnect(reason=reason)
    await world.until(lambda: bool(connections(world) - before), "the bot opened another connection")
    await world.settle()
    late: dict[str, Any] = await world.types("/deploy help")

    assert (late["outcome"], world.labels()) == ("ok", {V142})
    assert "Ship receipt: 2 of 2" in text_of(world.card(CHANNEL))
