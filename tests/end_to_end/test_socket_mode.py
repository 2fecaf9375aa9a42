"""Socket Mode by a switch: the same commands and clicks, through the bot's own WebSocket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.stack import stack
from tests.world import Sight, text_of

STAGING = "reify-studio-staging"


@pytest.fixture
async def socket_world(tmp_path: Path) -> AsyncIterator[Sight]:
    """A bot process with an app-level token and no signing secret, and the simulators around it."""
    switch = {"SLACK_APP_TOKEN": "xapp-sandbox-app", "SLACK_SIGNING_SECRET": ""}
    async with stack(tmp_path, speed=20, extra=switch) as (simulators, _):
        sight = Sight(simulators)
        await sight.until(lambda: sight.slack.state()["socket_mode"], "the bot opened a socket")
        yield sight


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
