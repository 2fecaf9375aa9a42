"""What people do in conversations of the simulated Slack besides commands: replies, reactions, joining."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.kit import ControlError
from tests.sandbox.slack_workspace import DEPLOYS, FIXTURES, OpenWorkspace, Workspace

slack_stage, open_workspace, slack = FIXTURES


async def test_a_reply_can_be_sent_to_the_channel_too(open_workspace: OpenWorkspace) -> None:
    """The message and its event say so: https://docs.slack.dev/reference/events/message/thread_broadcast."""
    app = {"bot_events": ["message.channels"], "bot_scopes": ["channels:history", "chat:write"]}
    async with open_workspace(app=app) as slack:
        parent = await slack.post()

        said = await slack.sim.say(user="ana", channel="deploys", text="done", thread_ts=parent, broadcast=True)

        event = slack.app.last["event"]
        assert (event["subtype"], event["thread_ts"]) == ("thread_broadcast", parent)
        assert slack.message(said["ts"])["reply_broadcast"] is True


async def test_a_message_that_is_no_reply_is_not_broadcast(slack: Workspace) -> None:
    """Outside a thread there is nothing to send elsewhere."""
    said = await slack.sim.say(user="ana", channel="deploys", text="done", broadcast=True)

    assert slack.message(said["ts"])["reply_broadcast"] is False


async def test_only_a_message_of_the_channel_has_a_thread(slack: Workspace) -> None:
    """Neither a reply, nor what one person sees, nor what was deleted."""
    parent, gone = await slack.post(), await slack.post()
    reply = (await slack.sim.say(user="ana", channel="deploys", text="yes", thread_ts=parent))["ts"]
    await slack.call("chat.postEphemeral", channel=DEPLOYS, user="U0ANA", text="psst")
    private = slack.messages(DEPLOYS)[-1]["ts"]
    await slack.call("chat.delete", channel=DEPLOYS, ts=gone)

    for ts in (reply, private, gone, "1.1"):
        with pytest.raises(ControlError, match=ts):
            await slack.sim.say(user="ana", channel="deploys", text="and", thread_ts=ts)


async def test_a_reaction_is_taken_back(open_workspace: OpenWorkspace) -> None:
    """Of several people's the others' stay; the app hears reaction_removed where it subscribed."""
    app = {"bot_events": ["reaction_removed"], "bot_scopes": ["reactions:read", "chat:write"]}
    async with open_workspace(app=app) as slack:
        ts = await slack.post()
        for user in ("ana", "bo"):
            await slack.sim.react(user=user, channel="deploys", ts=ts, name="eyes")

        await slack.sim.react(user="ana", channel="deploys", ts=ts, name="eyes", remove=True)

        event = slack.app.last["event"]
        assert slack.message(ts)["reactions"] == {"eyes": ["U0BO"]}
        assert (event["type"], event["user"], event["reaction"]) == ("reaction_removed", "U0ANA", "eyes")


async def test_nobody_reacts_to_what_one_person_sees(slack: Workspace) -> None:
    """A private message takes no reactions."""
    await slack.call("chat.postEphemeral", channel=DEPLOYS, user="U0ANA", text="psst")
    (private,) = slack.messages(DEPLOYS)

    with pytest.raises(ControlError, match="no message"):
        await slack.sim.react(user="ana", channel="deploys", ts=private["ts"], name="eyes")


async def test_who_joins_a_channel_is_in_it(open_workspace: OpenWorkspace) -> None:
    """The app hears it in its channels: https://docs.slack.dev/reference/events/member_joined_channel."""
    app = {"bot_events": ["member_joined_channel"], "bot_scopes": ["channels:read"]}
    async with open_workspace(app=app) as slack:
        slack.sim.world.channels[DEPLOYS].members.remove("U0BO")

        await slack.sim.join(user="bo", channel="deploys")

        event = slack.app.last["event"]
        assert (event["type"], event["user"], event["channel"]) == ("member_joined_channel", "U0BO", DEPLOYS)
        assert "U0BO" in slack.sim.world.channels[DEPLOYS].members


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        ({"user": "gus", "channel": "general"}, "gus cannot join general without an invitation"),
        ({"user": "eve", "channel": "deploys"}, "eve cannot join deploys without an invitation"),
        ({"user": "ana", "channel": "U0BO"}, "ana cannot join D0BO without an invitation"),
        ({"user": "ana", "channel": "general"}, "ana is in #general already"),
    ],
)
async def test_not_everybody_joins_everything(slack: Workspace, act: dict[str, Any], sentence: str) -> None:
    """Guests and other workspaces are invited, direct messages have no door, and once is enough."""
    with pytest.raises(ControlError, match=sentence):
        await slack.sim.join(**act)
