"""Socket Mode of the simulated Slack, through an independent WebSocket client."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from sandbox.faults import Fault
from sandbox.kit import ControlError
from tests.sandbox.slack_workspace import APP_TOKEN, FIXTURES, OpenWorkspace, Workspace, modal, text_input

slack_stage, open_workspace, slack = FIXTURES


class Socket:
    """A client that acknowledges by hand."""

    def __init__(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        self.websocket = websocket

    async def read(self) -> dict[str, Any]:
        return await self.websocket.receive_json()

    async def acknowledge(self, envelope: dict[str, Any], payload: Any = None) -> None:
        more = {} if payload is None else {"payload": payload}
        await self.websocket.send_json({"envelope_id": envelope["envelope_id"], **more})


async def address(slack: Workspace) -> str:
    return str((await slack.call("apps.connections.open", APP_TOKEN))["url"])


@contextlib.asynccontextmanager
async def connected(slack: Workspace) -> AsyncIterator[Socket]:
    async with aiohttp.ClientSession() as session, session.ws_connect(await address(slack)) as websocket:
        yield Socket(websocket)


async def test_a_socket_is_greeted(slack: Workspace) -> None:
    """Hello counts the connections of the app."""
    async with connected(slack) as first, connected(slack) as second:
        greetings = [await first.read(), await second.read()]

        assert [(each["type"], each["num_connections"]) for each in greetings] == [("hello", 1), ("hello", 2)]
        assert greetings[0]["connection_info"] == {"app_id": "A0FLYTOWER"}
        assert len(slack.sim.state()["sockets"]) == 2


async def test_an_address_works_once(slack: Workspace) -> None:
    """A used, an old and an invented ticket open nothing."""
    used, old = await address(slack), await address(slack)
    async with aiohttp.ClientSession() as session:
        await (await session.ws_connect(used)).close()
        for url, seconds in ((used, 0), (old, 31), (f"{slack.url}/link/?ticket=none", 0)):
            slack.clock.advance(seconds)
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await session.ws_connect(url)


async def test_a_command_comes_in_an_envelope_and_is_answered_in_the_acknowledgement(slack: Workspace) -> None:
    """With a socket open HTTP is not used; the payload of the acknowledgement is the answer."""
    async with connected(slack) as socket:
        await socket.read()
        typing = asyncio.create_task(slack.sim.command(user="ana", channel="deploys", text="/deploy payload"))
        envelope = await socket.read()
        await socket.acknowledge(envelope, {"text": "on it"})
        result = await typing

    assert (envelope["type"], envelope["accepts_response_payload"]) == ("slash_commands", True)
    assert (envelope["payload"]["command"], envelope["payload"]["text"]) == ("/deploy", "payload")
    assert (result["ephemeral"]["text"], slack.app.received) == ("on it", [])


@pytest.mark.parametrize("noise", [b"\x00", "", "{", "[1]", '"x"', '{"envelope_id": []}', "[" * 100_000])
async def test_noise_on_a_socket_is_passed_over(slack: Workspace, noise: str | bytes) -> None:
    """What is no acknowledgement changes nothing: the one that follows counts."""
    async with connected(slack) as socket:
        await socket.read()
        typing = asyncio.create_task(slack.sim.command(user="ana", channel="deploys", text="/deploy payload"))
        envelope = await socket.read()
        await (socket.websocket.send_bytes(noise) if isinstance(noise, bytes) else socket.websocket.send_str(noise))
        await socket.acknowledge(envelope, {"text": "on it"})

        result = await typing

    assert result["outcome"] == "ok"


async def test_a_submission_that_is_answered_with_a_list_is_in_trouble(slack: Workspace) -> None:
    """The form stays, and says so."""
    opened = await slack.sim.command(user="ana", channel="deploys", text="/deploy")
    await slack.call("views.open", trigger_id=opened["trigger_id"], view=modal(text_input()))
    async with connected(slack) as socket:
        await socket.read()
        submitting = asyncio.create_task(slack.sim.submit(user="ana", values={"reason": "x"}))
        await socket.acknowledge(await socket.read(), ["close"])
        result = await submitting

    assert result["trouble"].startswith("We had some trouble connecting")


async def test_a_click_accepts_no_payload(slack: Workspace) -> None:
    """Only commands, suggestions and submissions are answered in the acknowledgement."""
    block = {"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "Go"}}]}
    ts = await slack.post(blocks=[{**block, "elements": [{**block["elements"][0], "action_id": "go"}]}])
    async with connected(slack) as socket:
        await socket.read()
        clicking = asyncio.create_task(slack.sim.click(user="ana", channel="deploys", ts=ts, action_id="go"))
        envelope = await socket.read()
        await socket.acknowledge(envelope, {"text": "ignored"})
        result = await clicking

    assert (envelope["type"], envelope["accepts_response_payload"]) == ("interactive", False)
    assert (result["outcome"], len(slack.messages())) == ("ok", 1)
    assert slack.sim.state()["requests"][0]["answer"] == ""


async def test_a_submission_is_answered_with_errors(slack: Workspace) -> None:
    """response_action travels in the acknowledgement's payload."""
    opened = await slack.sim.command(user="ana", channel="deploys", text="/deploy")
    await slack.call("views.open", trigger_id=opened["trigger_id"], view=modal(text_input()))
    async with connected(slack) as socket:
        await socket.read()
        submitting = asyncio.create_task(slack.sim.submit(user="ana", values={"reason": "x"}))
        envelope = await socket.read()
        await socket.acknowledge(envelope, {"response_action": "errors", "errors": {"why": "More."}})
        result = await submitting

    assert result["errors"] == {"why": "More."}


async def test_each_payload_goes_to_one_socket(slack: Workspace) -> None:
    """Two sockets share the events between them."""
    async with connected(slack) as first, connected(slack) as second:
        seen = []
        for socket in (first, second):
            await socket.read()
        for socket in (first, second):
            opening = asyncio.create_task(slack.sim.open_home(user="ana"))
            envelope = await socket.read()
            await socket.acknowledge(envelope)
            await opening
            seen.append(envelope)

    assert [(envelope["type"], envelope["retry_attempt"]) for envelope in seen] == [("events_api", 0)] * 2


async def test_an_event_without_acknowledgement_is_retried(open_workspace: OpenWorkspace) -> None:
    """The second envelope carries the attempt and the reason."""
    async with open_workspace(speed=100, timing={"least_real_reaction_s": 0.05}) as slack, connected(slack) as socket:
        await socket.read()
        first_result = await slack.sim.open_home(user="ana")
        first, second = await socket.read(), await socket.read()
        await socket.acknowledge(second)

        assert first_result["outcome"] == "operation_timeout"
        assert first["envelope_id"] != second["envelope_id"]
        assert first["payload"]["event_id"] == second["payload"]["event_id"]
        assert (second["retry_attempt"], second["retry_reason"]) == (1, "http_timeout")


async def test_nobody_connected_loses_the_click(slack: Workspace) -> None:
    """Once Socket Mode is on, a command without any socket fails instead of going over HTTP."""
    async with connected(slack) as socket:
        await socket.read()
    await slack.sim.disconnect()

    result = await slack.sim.command(user="ana", channel="deploys", text="/deploy")

    assert (result["outcome"], slack.app.received) == ("connection_failed", [])


async def test_socket_mode_can_be_switched_off(slack: Workspace) -> None:
    """The one toggle of the app leads back to HTTP."""
    async with connected(slack) as socket:
        await socket.read()
    await slack.sim.configure(socket_mode=False)

    result = await slack.sim.command(user="ana", channel="deploys", text="/deploy")

    assert (result["http_status"], len(slack.app.received)) == (200, 1)


@pytest.mark.parametrize("reason", ["refresh_requested", "link_disabled", "warning"])
async def test_a_disconnect_is_announced_then_done(open_workspace: OpenWorkspace, reason: str) -> None:
    """The socket reads why and is closed; a warning comes ten seconds ahead."""
    async with open_workspace(speed=1_000) as slack, connected(slack) as socket:
        await socket.read()
        result = await slack.sim.disconnect(reason=reason)
        announced = await socket.read()
        closed = await socket.websocket.receive()

        assert (announced["type"], announced["reason"]) == ("disconnect", reason)
        assert closed.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}
        assert len(result["disconnected"]) == 1


async def test_a_disconnect_needs_a_known_reason(slack: Workspace) -> None:
    """Only documented reasons are sent."""
    with pytest.raises(ControlError, match="reason must be one of"):
        await slack.sim.disconnect(reason="boredom")


async def test_the_eleventh_socket_is_turned_away(slack: Workspace) -> None:
    """Ten sockets per app, no more."""
    slack.sim.rate_limits = False
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(10):
            socket = await stack.enter_async_context(connected(slack))
            await socket.read()

        eleventh = await stack.enter_async_context(connected(slack))

        assert (await eleventh.read())["reason"] == "too_many_websockets"


async def test_nonsense_on_the_socket_is_ignored(slack: Workspace) -> None:
    """Neither broken JSON nor an unknown envelope disturbs the next acknowledgement."""
    async with connected(slack) as socket:
        await socket.read()
        await socket.websocket.send_str("{")
        await socket.acknowledge({"envelope_id": "unknown"})
        opening = asyncio.create_task(slack.sim.open_home(user="ana"))
        await socket.acknowledge(await socket.read())

        assert (await opening)["outcome"] == "ok"


async def test_a_doubled_envelope_is_the_same_on_every_socket(slack: Workspace) -> None:
    """Both sockets get it by the same id, and the first acknowledgement counts."""
    slack.sim.faults.add(Fault("doubled_envelope", target="/deploy"))
    async with connected(slack) as first, connected(slack) as second:
        for socket in (first, second):
            await socket.read()
        typing = asyncio.create_task(slack.sim.command(user="ana", channel="deploys", text="/deploy"))
        envelopes = [await first.read(), await second.read()]
        await second.acknowledge(envelopes[1], {"text": "second"})
        await first.acknowledge(envelopes[0], {"text": "first"})
        result = await typing

    assert envelopes[0]["envelope_id"] == envelopes[1]["envelope_id"]
    assert result["ephemeral"]["text"] == "second"


async def test_a_dropped_socket_has_the_envelope_but_cannot_answer(slack: Workspace) -> None:
    """The person is told that it failed, although the app heard of it."""
    slack.sim.faults.add(Fault("dropped_socket", target="/deploy", times=1))
    async with connected(slack) as socket:
        await socket.read()
        result = await slack.sim.command(user="ana", channel="deploys", text="/deploy")
        envelope, closed = await socket.read(), await socket.websocket.receive()

    assert (result["outcome"], envelope["type"]) == ("connection_failed", "slash_commands")
    assert closed.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}
    assert "dispatch_failed" in result["ephemeral"]["text"]


async def test_a_warned_client_may_leave_by_itself(open_workspace: OpenWorkspace) -> None:
    """It was gone before the ten seconds were over, which disturbs nobody."""
    async with open_workspace(speed=1_000) as slack:
        async with connected(slack) as socket:
            await socket.read()
            await slack.sim.disconnect(reason="warning")
        async with connected(slack) as socket:
            await slack.clock.sleep(20)

            assert (await socket.read())["type"] == "hello"
