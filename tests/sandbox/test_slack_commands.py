"""Slash commands of the simulated Slack: what the app gets, what the person sees, what the network does."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.responses import PlainTextResponse, Response

from sandbox.faults import Fault
from sandbox.kit import ControlError
from tests.sandbox.slack_workspace import DEPLOYS, FIXTURES, OpenWorkspace, Received, Workspace, happens, section

slack_stage, open_workspace, slack = FIXTURES

FAILED = "/deploy failed with the error"
QUICK = {"least_real_reaction_s": 0.05}


async def types(slack: Workspace, text: str = "/deploy staging main", user: str = "ana") -> dict[str, Any]:
    return await slack.sim.command(user=user, channel="deploys", text=text)


async def test_a_command_arrives_as_a_signed_form(slack: Workspace) -> None:
    """All documented fields are there, and the SDK's own verifier accepts the signature."""
    result = await types(slack, "/deploy staging main")

    [received] = slack.app.received
    assert received.is_signed()
    assert not received.is_signed("another-secret")
    assert received.headers["content-type"] == "application/x-www-form-urlencoded"
    assert received.fields | {"token": ""} == {
        "token": "",
        "team_id": "T0REIFY",
        "team_domain": "reify",
        "channel_id": DEPLOYS,
        "channel_name": "deploys",
        "user_id": "U0ANA",
        "user_name": "ana",
        "command": "/deploy",
        "text": "staging main",
        "api_app_id": "A0FLYTOWER",
        "is_enterprise_install": "false",
        "response_url": result["response_url"],
        "trigger_id": result["trigger_id"],
    }


async def test_a_stranger_carries_the_team_they_come_from(slack: Workspace) -> None:
    """Eve's command names her workspace, not ours."""
    await types(slack, user="eve")

    assert (slack.app.last["team_id"], slack.app.last["team_domain"]) == ("T0OTHER", "other")


async def test_a_direct_message_has_a_fixed_channel_name(slack: Workspace) -> None:
    """The name of a DM is the same for everyone."""
    await slack.sim.command(user="ana", channel="U0ANA", text="/deploy")

    assert (slack.app.last["channel_id"], slack.app.last["channel_name"]) == ("D0ANA", "directmessage")


@pytest.mark.parametrize(
    ("typed", "escaped"),
    [
        ("a & b <c>", "a &amp; b &lt;c&gt;"),
        ("for @bo", "for <@U0BO>"),
        ("for @approvers", "for <!subteam^S0APPROVERS|@approvers>"),
        ("in #deploys", "in <#C0DEPLOYS|deploys>"),
        ("for @nobody in #nowhere", "for @nobody in #nowhere"),
        ("mail ana@bo.example", "mail ana@bo.example"),
        ("see https://reify.example/a?b=1&c=2", "see <https://reify.example/a?b=1&amp;c=2>"),
        ("<!channel>", "&lt;!channel&gt;"),
    ],
)
async def test_text_is_escaped_where_the_manifest_asks_for_it(slack: Workspace, typed: str, escaped: str) -> None:
    """Mentions, channels and addresses become control sequences, the rest entities."""
    await types(slack, f"/deploy {typed}")

    assert slack.app.last["text"] == escaped


async def test_text_is_literal_where_the_manifest_does_not_ask(open_workspace: OpenWorkspace) -> None:
    """Without should_escape everything arrives as typed."""
    async with open_workspace(app={"commands": [{"command": "/raw"}]}) as slack:
        await types(slack, "/raw @bo <b> & #deploys")

        assert slack.app.last["text"] == "@bo <b> & #deploys"


async def test_an_unregistered_command_never_reaches_the_app(slack: Workspace) -> None:
    """Slackbot says so to the person."""
    result = await types(slack, "/ship staging")

    assert (result["sent"], slack.app.received) == (False, [])
    assert result["ephemeral"]["text"] == "`/ship` is not a valid command."


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (PlainTextResponse(""), []),
        (PlainTextResponse("on it"), [("U0FLYTOWER", "on it", "U0ANA")]),
        ({"text": "on it"}, [("U0FLYTOWER", "on it", "U0ANA")]),
        ({"text": "on it", "response_type": "ephemeral"}, [("U0FLYTOWER", "on it", "U0ANA")]),
        (
            {"text": "on it", "response_type": "in_channel"},
            [("U0ANA", "/deploy staging main", None), ("U0FLYTOWER", "on it", None)],
        ),
        ({"response_type": "in_channel"}, [("U0ANA", "/deploy staging main", None)]),
        ({"blocks": [section("on it")]}, [("U0FLYTOWER", "on it", "U0ANA")]),
        (
            PlainTextResponse("no", status_code=500),
            [("USLACKBOT", f'{FAILED} "dispatch_failed"', "U0ANA")],
        ),
        ({"blocks": [section("")]}, [("USLACKBOT", f'{FAILED} "invalid_blocks"', "U0ANA")]),
    ],
    ids=["empty", "plain", "json", "ephemeral", "in channel", "echo only", "blocks", "error", "bad blocks"],
)
async def test_the_answer_is_shown_as_slack_shows_it(slack: Workspace, answer: Any, shown: list[Any]) -> None:
    """Text or JSON, to one or to all, with the command echoed in public only."""
    if isinstance(answer, Response):
        slack.app.answers.append(answer)
    else:
        slack.app.will_say(answer)

    result = await types(slack)

    messages = [(message["user"], message["text"], message["visible_to"]) for message in slack.messages()]
    assert messages == shown
    assert result["http_status"] == (answer.status_code if isinstance(answer, Response) else 200)


async def test_a_late_answer_is_a_timeout(open_workspace: OpenWorkspace) -> None:
    """After three seconds the person reads operation_timeout, whatever the app answers later."""
    async with open_workspace(speed=100, timing=QUICK) as slack:
        never = asyncio.Event()

        async def hang(_: Received) -> Response:
            await never.wait()
            return PlainTextResponse("late")

        slack.app.on_request = hang
        result = await types(slack)
        never.set()

        assert (result["outcome"], result["http_status"]) == ("operation_timeout", None)
        assert result["ephemeral"]["text"] == '/deploy failed with the error "operation_timeout"'


async def test_an_app_that_is_down_is_a_failed_dispatch(slack: Workspace) -> None:
    """Nobody listens: the person sees dispatch_failed."""
    slack.sim.request_url = "http://127.0.0.1:9/slack/events"

    result = await types(slack)

    assert result["outcome"] == "connection_failed"
    assert "dispatch_failed" in result["ephemeral"]["text"]


async def test_a_retry_brings_the_same_trigger_twice(slack: Workspace) -> None:
    """With the fault `retry` the app gets one command two times and the person one answer."""
    slack.sim.faults.add(Fault(kind="retry", target="/deploy", times=1))
    slack.app.will_say({"text": "first"})
    slack.app.will_say({"text": "second"})

    result = await types(slack)

    assert len({received.fields["trigger_id"] for received in slack.app.received}) == 1
    assert len(slack.app.received) == 2
    assert [message["text"] for message in result["messages"]] == ["second"]


async def test_a_lost_command_never_arrives(slack: Workspace) -> None:
    """With the fault `lost_interaction` the person sees a timeout and the app nothing."""
    slack.sim.faults.add(Fault(kind="lost_interaction", target="U0ANA", times=1))

    result = await types(slack)
    await types(slack, user="bo")

    assert "operation_timeout" in result["ephemeral"]["text"]
    assert [received.fields["user_id"] for received in slack.app.received] == ["U0BO"]


async def test_a_slow_network_delivers_after_the_timeout(open_workspace: OpenWorkspace) -> None:
    """A command that is on its way too long fails for the person and still reaches the app."""
    async with open_workspace(speed=100, timing=QUICK) as slack:
        arrived = asyncio.Event()

        async def arrive(_: Received) -> Response:
            arrived.set()
            return PlainTextResponse("")

        slack.app.on_request = arrive
        slack.sim.faults.add(Fault(kind="slow_network", seconds=10, times=1))
        result = await types(slack)
        await happens(arrived)

        assert result["outcome"] == "operation_timeout"
        assert len(slack.app.received) == 1


async def test_resend_repeats_the_last_request_byte_for_byte(slack: Workspace) -> None:
    """What a network that doubles requests would do; nobody sees the second answer."""
    await types(slack)

    result = await slack.sim.resend()

    first, second = slack.app.received
    assert (first.body, first.headers) == (second.body, second.headers)
    assert (result["http_status"], len(slack.messages())) == (200, 0)


async def test_resend_needs_something_to_resend(slack: Workspace) -> None:
    """There is no last request at first."""
    with pytest.raises(ControlError, match="nothing was sent"):
        await slack.sim.resend()


@pytest.mark.parametrize("sign", [True, False])
async def test_raw_posts_what_an_attacker_would(slack: Workspace, *, sign: bool) -> None:
    """Any body and headers reach the app, signed on request."""
    slack.app.answers.append(PlainTextResponse("refused", status_code=401))
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Odd": "1"}

    result = await slack.sim.raw(body=urlencode({"command": "/deploy"}), headers=headers, sign=sign)

    [received] = slack.app.received
    assert (received.is_signed(), received.headers["x-odd"]) == (sign, "1")
    assert (result["http_status"], result["body"]) == (401, "refused")


async def test_every_request_is_on_record(slack: Workspace) -> None:
    """The state lists what was sent to the app, by whom, with status and milliseconds."""
    slack.app.answers.append(PlainTextResponse("no", status_code=500))
    await types(slack)

    [record] = slack.sim.state()["requests"]
    assert (record["kind"], record["what"], record["user"]) == ("slash_command", "/deploy", "U0ANA")
    assert (record["status"], record["outcome"], record["answer"]) == (500, "http_error", "no")
    assert record["ms"] > 0
