"""Messages of the simulated Slack: posts, edits, threads, ephemeral and direct messages."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.slack_workspace import DEPLOYS, FIXTURES, OpenWorkspace, Workspace, actions, button, section

METADATA = {"event_type": "deployment", "event_payload": {"id": "7"}}


slack_stage, open_workspace, slack = FIXTURES


async def test_a_post_appears_in_the_channel(slack: Workspace) -> None:
    """The answer names channel and ts, and the message carries ids for all blocks and buttons."""
    block = {"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "Go"}}]}

    answer = await slack.web.chat_postMessage(channel="#deploys", text="hi", blocks=[block], metadata=METADATA)

    message = slack.message(answer["ts"])
    assert (answer["channel"], message["text"], message["user"]) == (DEPLOYS, "hi", "U0FLYTOWER")
    assert message["metadata"] == METADATA
    assert message["blocks"][0]["block_id"]
    assert message["blocks"][0]["elements"][0]["action_id"]
    assert answer["message"]["blocks"] == message["blocks"]


async def test_timestamps_are_unique_text(slack: Workspace) -> None:
    """Every ts has six decimals and is later than the one before."""
    stamps = [await slack.post() for _ in range(4)]

    assert sorted(set(stamps)) == stamps
    assert all(len(ts.partition(".")[2]) == 6 for ts in stamps)


async def test_text_is_derived_from_blocks_where_it_was_left_out(slack: Workspace) -> None:
    """Notifications of a message with blocks alone read their texts."""
    ts = await slack.post(text=None, blocks=[section("Deployed"), section("to staging")])

    assert slack.message(ts)["text"] == "Deployed to staging"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"channel": "C0NONE"}, "channel_not_found"),
        ({"channel": "C0GENERAL"}, "not_in_channel"),
        ({"channel": "U0EVE"}, "channel_not_found"),
        ({"channel": "U0FLYTOWER"}, "cannot_dm_bot"),
        ({"channel": None}, "invalid_arguments"),
        ({"text": ""}, "no_text"),
        ({"text": "", "blocks": []}, "no_text"),
        ({"blocks": "[{"}, "invalid_blocks_format"),
        ({"blocks": {"type": "divider"}}, "invalid_blocks_format"),
        ({"attachments": [{}] * 101}, "too_many_attachments"),
        ({"attachments": ["text"]}, "invalid_attachments"),
        ({"metadata": {"event_type": "x"}}, "invalid_metadata_schema"),
        ({"metadata": "{"}, "invalid_metadata_format"),
        ({"markdown_text": "# x"}, "markdown_text_conflict"),
        ({"text": None, "markdown_text": "x" * 12_001}, "msg_too_long"),
        ({"thread_ts": "1234567890.123456"}, "thread_not_found"),
        ({"thread_ts": 1234567890.1}, "invalid_thread_ts"),
    ],
)
async def test_a_post_that_slack_refuses_is_refused(slack: Workspace, arguments: dict[str, Any], error: str) -> None:
    """Nothing is posted, and the error is Slack's."""
    answer = await slack.call("chat.postMessage", **({"channel": DEPLOYS, "text": "hi"} | arguments))

    assert answer["error"] == error
    assert slack.messages() == []


async def test_an_archived_channel_takes_no_posts(open_workspace: OpenWorkspace) -> None:
    """Archived channels can be read only."""
    old = {"id": "C0OLD", "name": "old", "members": ["U0FLYTOWER"], "is_archived": True}
    async with open_workspace(channels=[old]) as slack:
        assert (await slack.call("chat.postMessage", channel="C0OLD", text="x"))["error"] == "is_archived"


async def test_the_public_scope_spares_the_invitation(open_workspace: OpenWorkspace) -> None:
    """With chat:write.public the bot posts where it is no member."""
    async with open_workspace(app={"bot_scopes": ["chat:write", "chat:write.public"]}) as slack:
        assert (await slack.call("chat.postMessage", channel="C0GENERAL", text="x"))["ok"]


async def test_long_text_is_cut(slack: Workspace) -> None:
    """Text above 40,000 characters is truncated, not refused."""
    ts = await slack.post(text="x" * 40_001)

    assert len(slack.message(ts)["text"]) == 40_000


async def test_a_post_to_a_person_opens_their_direct_message(slack: Workspace) -> None:
    """The answer's channel is the DM, and only that id can be used to update."""
    posted = await slack.web.chat_postMessage(channel="U0ANA", text="hi")
    by_user = await slack.call("chat.update", channel="U0ANA", ts=posted["ts"], text="x")
    by_channel = await slack.call("chat.update", channel=posted["channel"], ts=posted["ts"], text="x")

    assert posted["channel"] == "D0ANA"
    assert (by_user["error"], by_channel["ok"]) == ("channel_not_found", True)


async def test_an_update_keeps_the_earlier_version(slack: Workspace) -> None:
    """An edit changes the message in place, marks it and remembers what it said."""
    ts = await slack.post(text="one", blocks=[section("one")])

    answer = await slack.web.chat_update(channel=DEPLOYS, ts=ts, text="two", blocks=[section("two")])

    message = slack.message(ts)
    assert (answer["ts"], answer["text"]) == (ts, "two")
    assert message["edited"]["user"] == "U0FLYTOWER"
    assert [version["text"] for version in message["earlier"]] == ["one"]


@pytest.mark.parametrize("change", [{"text": "two"}, {"text": "two", "blocks": []}], ids=["left out", "empty"])
async def test_an_update_without_blocks_removes_them(slack: Workspace, change: dict[str, Any]) -> None:
    """Text alone replaces text and blocks."""
    ts = await slack.post(text="one", blocks=[section("one")])

    await slack.call("chat.update", channel=DEPLOYS, ts=ts, **change)

    assert slack.message(ts)["blocks"] == []


async def test_an_update_keeps_attachments_and_metadata(slack: Workspace) -> None:
    """What is left out stays, but for blocks; an empty list clears."""
    ts = await slack.post(attachments=[{"text": "side"}], metadata=METADATA)

    await slack.call("chat.update", channel=DEPLOYS, ts=ts, text="two")
    kept = slack.message(ts)
    await slack.call("chat.update", channel=DEPLOYS, ts=ts, text="three", attachments=[], metadata={})
    cleared = slack.message(ts)

    assert (kept["attachments"][0]["text"], kept["metadata"]) == ("side", METADATA)
    assert (cleared["attachments"], cleared["metadata"]) == ([], None)


@pytest.mark.parametrize("method", ["chat.update", "chat.delete"])
async def test_only_own_messages_can_be_changed(slack: Workspace, method: str) -> None:
    """A person's message and one that a response_url posted are not the bot's to change."""
    theirs = await slack.sim.say(user="ana", channel="deploys", text="mine")
    said = await slack.sim.command(user="ana", channel="deploys", text="/deploy")
    await slack.respond(said["response_url"], text="public", response_type="in_channel")
    responded = slack.messages()[-1]["ts"]

    errors = [
        (await slack.call(method, channel=DEPLOYS, ts=ts, text="x"))["error"]
        for ts in (theirs["ts"], responded, "1.000001")
    ]

    verb = method.partition(".")[2]
    assert errors == [f"cant_{verb}_message", f"cant_{verb}_message", "message_not_found"]


async def test_an_edit_window_closes(open_workspace: OpenWorkspace) -> None:
    """A workspace may forbid late edits."""
    async with open_workspace(edit_window_s=60) as slack:
        ts = await slack.post()
        slack.clock.advance(61)

        assert (await slack.call("chat.update", channel=DEPLOYS, ts=ts, text="x"))["error"] == "edit_window_closed"


async def test_a_deleted_message_is_gone(slack: Workspace) -> None:
    """It can be neither changed nor replied to."""
    ts = await slack.post()
    await slack.web.chat_delete(channel=DEPLOYS, ts=ts)

    update = await slack.call("chat.update", channel=DEPLOYS, ts=ts, text="x")
    reply = await slack.call("chat.postMessage", channel=DEPLOYS, text="x", thread_ts=ts)

    assert slack.message(ts)["deleted"]
    assert (update["error"], reply["error"]) == ("message_not_found", "thread_not_found")


async def test_replies_are_counted_at_their_parent(slack: Workspace) -> None:
    """A reply names its parent; a broadcast says so; a reply has no thread of its own."""
    parent = await slack.post()
    reply = await slack.post(thread_ts=parent, reply_broadcast=True)

    nested = await slack.call("chat.postMessage", channel=DEPLOYS, text="x", thread_ts=reply)

    assert slack.message(parent)["replies"] == [reply]
    assert (slack.message(reply)["thread_ts"], slack.message(reply)["reply_broadcast"]) == (parent, True)
    assert nested["error"] == "cannot_reply_to_message"


async def test_a_permalink_names_channel_and_thread(slack: Workspace) -> None:
    """Links lead to a message, within its thread where it has one."""
    parent = await slack.post()
    reply = await slack.post(thread_ts=parent)

    link = await slack.web.chat_getPermalink(channel=DEPLOYS, message_ts=reply)

    expected = f"https://reify.slack.com/archives/C0DEPLOYS/p{reply.replace('.', '')}?thread_ts={parent}&cid=C0DEPLOYS"
    assert link["permalink"] == expected


async def test_an_ephemeral_message_is_for_one_person_and_cannot_be_updated(slack: Workspace) -> None:
    """Only its reader is named, and neither chat.update nor chat.delete finds it."""
    answer = await slack.web.chat_postEphemeral(channel=DEPLOYS, user="U0ANA", text="psst")
    ts = answer["message_ts"]

    errors = [
        (await slack.call(f"chat.{verb}", channel=DEPLOYS, ts=ts, text="x"))["error"] for verb in ("update", "delete")
    ]

    message = slack.message(ts)
    assert (message["is_ephemeral"], message["visible_to"]) == (True, "U0ANA")
    assert errors == ["message_not_found", "message_not_found"]


async def test_an_ephemeral_message_needs_a_member(slack: Workspace) -> None:
    """Whoever is not in the channel cannot be shown one there."""
    answer = await slack.call("chat.postEphemeral", channel=DEPLOYS, user="U0EVE", text="psst")

    assert answer["error"] == "user_not_in_channel"


async def test_reactions_need_their_scope_and_are_single(open_workspace: OpenWorkspace) -> None:
    """The bot reacts once per emoji and can take it back once."""
    async with open_workspace(app={"bot_scopes": ["chat:write", "reactions:write"]}) as slack:
        target = {"channel": DEPLOYS, "timestamp": await slack.post(), "name": "eyes"}

        answers = [await slack.call(f"reactions.{verb}", **target) for verb in ("add", "add", "remove", "remove")]

        assert [answer.get("error") for answer in answers] == [None, "already_reacted", None, "no_reaction"]


async def test_attachments_can_carry_blocks(slack: Workspace) -> None:
    """Blocks in attachments are checked and their buttons work."""
    ts = await slack.post(attachments=[{"color": "#ff0000", "blocks": [actions(button())]}])

    clicked = await slack.sim.click(user="ana", channel="deploys", ts=ts, action_id="go")

    assert clicked["outcome"] == "ok"


async def test_an_unknown_outcome_is_a_drop_after_the_post(slack: Workspace) -> None:
    """With the wire's drop_after the message stands although the caller saw a broken connection."""
    fault = {"kind": "drop_after", "path": "chat.postMessage", "times": 1}
    await slack.http.post("/_control/faults", json=fault)

    with pytest.raises(Exception, match=r"(?i)disconnected|reset|peer"):
        await slack.post(text="posted")

    assert [message["text"] for message in slack.messages()] == ["posted"]
