"""The Events API of the simulated Slack: subscriptions, payloads, retries."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.responses import PlainTextResponse, Response

from sandbox.faults import Fault
from sandbox.kit import ControlError
from tests.sandbox.slack_workspace import DEPLOYS, FIXTURES, OpenWorkspace, Received, Workspace, happens, section

slack_stage, open_workspace, slack = FIXTURES

# Five minutes pass in 30 milliseconds.
FAST = 10_000.0


def answering(slack: Workspace, *answers: Response) -> asyncio.Event:
    """Answer with these in turn; the event is set when the last was given."""
    left, is_done = list(answers), asyncio.Event()

    async def answer(_: Received) -> Response:
        given = left.pop(0)
        if not left:
            is_done.set()
        return given

    slack.app.on_request = answer
    return is_done


def refusal(**headers: str) -> Response:
    return PlainTextResponse("", status_code=500, headers=headers)


async def test_a_mention_carries_its_thread(slack: Workspace) -> None:
    """app_mention names person, channel and thread, inside the documented envelope."""
    parent = await slack.post()

    result = await slack.sim.mention(user="ana", channel="deploys", text="status", thread_ts=parent)

    payload = slack.app.last
    assert slack.app.received[-1].is_signed()
    assert (payload["type"], payload["team_id"], payload["event_id"]) == (
        "event_callback",
        "T0REIFY",
        result["event_id"],
    )
    assert payload["authorizations"][0]["user_id"] == "U0FLYTOWER"
    assert payload["event"]["text"] == "<@U0FLYTOWER> status"
    assert (payload["event"]["type"], payload["event"]["user"]) == ("app_mention", "U0ANA")
    assert (payload["event"]["channel"], payload["event"]["thread_ts"]) == (DEPLOYS, parent)


async def test_a_mention_where_the_bot_is_not_is_unheard(slack: Workspace) -> None:
    """Events come from the bot's channels only."""
    result = await slack.sim.mention(user="ana", channel="general", text="status")

    assert (result["sent"], slack.app.received) == (False, [])


@pytest.mark.parametrize(
    ("app", "heard"),
    [
        ({}, []),
        ({"bot_events": ["message.channels"]}, []),
        ({"bot_events": ["message.channels"], "bot_scopes": ["channels:history"]}, ["message"]),
    ],
    ids=["not subscribed", "no scope", "both"],
)
async def test_an_event_needs_subscription_and_scope(
    open_workspace: OpenWorkspace, app: dict[str, Any], heard: list[str]
) -> None:
    """Without history scopes the app does not read along."""
    async with open_workspace(app=app) as slack:
        await slack.sim.say(user="ana", channel="deploys", text="lunch?")

        assert [received.fields["event"]["type"] for received in slack.app.received] == heard


@pytest.mark.parametrize("tab", ["home", "messages"])
async def test_opening_the_app_names_the_tab(slack: Workspace, tab: str) -> None:
    """app_home_opened comes for both tabs, with the view once there is one."""
    await slack.call("views.publish", user_id="U0ANA", view={"type": "home", "blocks": [section()]})

    await slack.sim.open_home(user="ana", tab=tab)

    event = slack.app.last["event"]
    assert (event["type"], event["tab"], "view" in event) == ("app_home_opened", tab, tab == "home")


async def test_a_reaction_is_seen_and_told(open_workspace: OpenWorkspace) -> None:
    """It counts once per person at the message, and is an event where it is subscribed to."""
    app = {"bot_events": ["reaction_added"], "bot_scopes": ["reactions:read", "chat:write"]}
    async with open_workspace(app=app) as slack:
        ts = await slack.post()

        await slack.sim.react(user="ana", channel="deploys", ts=ts, name=":eyes:")
        await slack.sim.react(user="ana", channel="deploys", ts=ts, name="eyes")

        assert slack.message(ts)["reactions"] == {"eyes": ["U0ANA"]}
        assert slack.app.last["event"]["item"] == {"type": "message", "channel": DEPLOYS, "ts": ts}


async def test_a_failed_event_comes_three_more_times(open_workspace: OpenWorkspace) -> None:
    """At once, after a minute and after five more, with number, reason and the same event_id."""
    async with open_workspace(speed=FAST) as slack:
        is_done = answering(slack, *[refusal()] * 4)

        await slack.sim.open_home(user="ana")
        await happens(is_done)

        received = slack.app.received
        assert [each.headers.get("x-slack-retry-num") for each in received] == [None, "1", "2", "3"]
        assert {each.headers.get("x-slack-retry-reason") for each in received[1:]} == {"http_error"}
        assert len({each.fields["event_id"] for each in received}) == 1
        assert all(each.is_signed() for each in received)


async def test_a_minute_lies_between_the_retries(open_workspace: OpenWorkspace) -> None:
    """The second retry comes a simulated minute after the first, the third five minutes later."""
    async with open_workspace(speed=FAST) as slack:
        is_done = answering(slack, *[refusal()] * 4)

        await slack.sim.open_home(user="ana")
        await happens(is_done)

        at = [record["at"] for record in slack.sim.state()["requests"]]
        assert (at[2] - at[1] >= 60, at[3] - at[2] >= 300) == (True, True)


async def test_success_ends_the_retries(open_workspace: OpenWorkspace) -> None:
    """After a 200 nothing more comes; a lost answer is reported as a timeout."""
    async with open_workspace(speed=FAST) as slack:
        slack.sim.faults.add(Fault(kind="retry", target="app_home_opened", times=1))
        is_done = answering(slack, PlainTextResponse(""), PlainTextResponse(""))

        first = await slack.sim.open_home(user="ana")
        await happens(is_done)

        assert first["outcome"] == "operation_timeout"
        assert slack.app.received[1].headers["x-slack-retry-reason"] == "http_timeout"


async def test_an_app_can_decline_retries(open_workspace: OpenWorkspace) -> None:
    """X-Slack-No-Retry on a failure stops them."""
    async with open_workspace(speed=FAST) as slack:
        accepted = [PlainTextResponse("") for _ in range(4)]
        answering(slack, refusal(**{"X-Slack-No-Retry": "1"}), *accepted)

        await slack.sim.open_home(user="ana")
        for _ in range(3):
            await slack.sim.open_home(user="bo")

        assert [each.fields["event"]["user"] for each in slack.app.received] == ["U0ANA", "U0BO", "U0BO", "U0BO"]


@pytest.mark.parametrize(("answers_challenge", "is_verified"), [(True, True), (False, False)])
async def test_the_request_url_proves_itself(slack: Workspace, *, answers_challenge: bool, is_verified: bool) -> None:
    """The signed challenge must come back."""

    async def answer(received: Received) -> Response:
        return PlainTextResponse(received.fields["challenge"] if answers_challenge else "hello")

    slack.app.on_request = answer
    result = await slack.sim.verify_url()

    assert result["is_verified"] is is_verified
    assert slack.app.received[0].is_signed()


async def test_people_act_on_messages_that_exist(slack: Workspace) -> None:
    """A thread and a reaction need their message."""
    with pytest.raises(ControlError, match="no message"):
        await slack.sim.say(user="ana", channel="deploys", text="x", thread_ts="1.000001")
    with pytest.raises(ControlError, match="no message"):
        await slack.sim.react(user="ana", channel="deploys", ts="1.000001", name="eyes")
