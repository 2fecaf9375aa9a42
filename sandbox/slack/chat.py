"""Web API methods `chat.*` and `reactions.*`.

Source: https://docs.slack.dev/reference/methods/chat.postMessage and the pages beside it.
"""

from __future__ import annotations

import re
from typing import Any

from sandbox.kit import Json
from sandbox.slack.api import method
from sandbox.slack.arguments import Arguments
from sandbox.slack.blocks import check_message_blocks, with_ids
from sandbox.slack.errors import SlackError
from sandbox.slack.limits import SPECIAL, TIER_2, TIER_3, TIER_4
from sandbox.slack.messages import Content, Message, fallback_text
from sandbox.slack.world import Channel, World

TEXT_LIMIT = 40_000
MARKDOWN_LIMIT = 12_000
ATTACHMENT_LIMIT = 100
TS = re.compile(r"\d{10}\.\d{6}")


def message_object(world: World, message: Message) -> Json:
    """The message as Slack's API and payloads show it."""
    content = message.content
    body: Json = {"type": "message", "user": message.user, "ts": message.ts, "text": content.text}
    if message.user == world.app.bot_user_id:
        body |= {"bot_id": world.app.bot_id, "app_id": world.app.id, "team": world.team["id"]}
    optional = {
        "blocks": content.blocks,
        "attachments": content.attachments,
        "metadata": content.metadata,
        "thread_ts": message.thread_ts,
        "edited": message.edited,
    }
    return body | {key: value for key, value in optional.items() if value}


def read_content(arguments: Arguments) -> Content:
    """What a call wants a message to say, checked as Slack checks it."""
    blocks = arguments.parsed("blocks", "invalid_blocks_format")
    attachments = arguments.parsed("attachments", "invalid_attachments") or []
    text = arguments.text("text") or ""
    markdown = arguments.text("markdown_text")
    if markdown is not None:
        text = _markdown(markdown, has_more=bool(text or blocks))
    blocks = check_message_blocks(blocks or [])
    _check_attachments(attachments)
    if not (text or blocks or attachments):
        raise SlackError("no_text")
    return Content(
        text=text[:TEXT_LIMIT] or fallback_text(blocks),
        blocks=with_ids(blocks),
        attachments=attachments,
        metadata=_metadata(arguments),
        mrkdwn=arguments.flag("mrkdwn", default=True),
        link_names=arguments.flag("link_names") or arguments.text("parse") == "full",
    )


def _check_attachments(attachments: Any) -> None:
    if not isinstance(attachments, list) or not all(isinstance(attachment, dict) for attachment in attachments):
        raise SlackError("invalid_attachments")
    if len(attachments) > ATTACHMENT_LIMIT:
        raise SlackError("too_many_attachments")
    for number, attachment in enumerate(attachments):
        blocks = check_message_blocks(attachment.get("blocks") or [], f"/attachments/{number}/blocks")
        attachment["blocks"] = with_ids(blocks)


def _markdown(markdown: str, *, has_more: bool) -> str:
    if has_more:
        raise SlackError("markdown_text_conflict")
    if len(markdown) > MARKDOWN_LIMIT:
        raise SlackError("msg_too_long")
    return markdown


def _metadata(arguments: Arguments) -> Json | None:
    metadata = arguments.parsed("metadata", "invalid_metadata_format")
    if not metadata:
        return None
    if not isinstance(metadata, dict):
        raise SlackError("invalid_metadata_format")
    if not isinstance(metadata.get("event_type"), str) or not isinstance(metadata.get("event_payload"), dict):
        raise SlackError("invalid_metadata_schema")
    return metadata


def _channel(world: World, channel_id: str) -> Channel:
    """The channel with this id, as far as the bot can see it."""
    channel = world.channels.get(channel_id)
    if channel is None or (channel.kind != "public" and not world.is_member(channel)):
        raise SlackError("channel_not_found")
    return channel


def writable_channel(world: World, name: str) -> Channel:
    """The channel that the bot may post to; a user's id means the direct message with them."""
    user = world.users.get(name)
    if user is not None:
        if user.is_bot:
            raise SlackError("cannot_dm_bot")
        if user.deleted or user.is_stranger:
            raise SlackError("channel_not_found")
        return world.open_im(user.id)
    by_name = {channel.name: channel.id for channel in world.channels.values() if channel.kind == "public"}
    channel = _channel(world, by_name.get(name.removeprefix("#"), name))
    if not world.is_member(channel) and "chat:write.public" not in world.app.bot_scopes:
        raise SlackError("not_in_channel")
    if channel.is_archived:
        raise SlackError("is_archived")
    return channel


def thread_parent(channel: Channel, thread_ts: str | None) -> str | None:
    """The `ts` of the thread to reply in; only a message that is no reply itself can have one."""
    if thread_ts is None:
        return None
    if not TS.fullmatch(thread_ts):
        raise SlackError("invalid_thread_ts")
    parent = channel.messages.get(thread_ts)
    if parent is None or parent.deleted:
        raise SlackError("thread_not_found")
    if parent.is_reply or parent.is_ephemeral:
        raise SlackError("cannot_reply_to_message")
    return thread_ts


def _existing(channel: Channel, ts: str) -> Message:
    message = channel.messages.get(ts)
    if message is None or message.deleted or message.is_ephemeral:
        raise SlackError("message_not_found")
    return message


def is_own(world: World, message: Message) -> bool:
    """Whether the bot token owns the message; what a response_url posted belongs to no token."""
    return message.user == world.app.bot_user_id and message.source.startswith(("chat.", "files."))


@method("chat.postMessage", scope="chat:write", per_minute=SPECIAL, per_channel=True)
def post_message(world: World, arguments: Arguments) -> Json:
    """Post to a channel, a thread or, by user id, a direct message."""
    channel = writable_channel(world, arguments.required("channel"))
    thread_ts = thread_parent(channel, arguments.text("thread_ts"))
    content = read_content(arguments)
    broadcast = arguments.flag("reply_broadcast") and thread_ts is not None
    more: Json = {"thread_ts": thread_ts, "reply_broadcast": broadcast}
    message = world.add_message(channel, world.app.bot_user_id, content, source="chat.postMessage", **more)
    return {"channel": channel.id, "ts": message.ts, "message": message_object(world, message)}


@method("chat.update", scope="chat:write", per_minute=TIER_3)
def update(world: World, arguments: Arguments) -> Json:
    """Replace what an own message says; text without blocks removes the blocks, attachments stay."""
    channel = _channel(world, arguments.required("channel"))
    message = _existing(channel, arguments.required("ts"))
    if not is_own(world, message):
        raise SlackError("cant_update_message")
    if world.edit_window_s is not None and world.clock.now() - float(message.ts) > world.edit_window_s:
        raise SlackError("edit_window_closed")
    content = read_content(arguments)
    if "attachments" not in arguments:
        content.attachments = message.content.attachments
    if "metadata" not in arguments:
        content.metadata = message.content.metadata
    content.at = world.clock.now()
    message.replace(content, by=world.app.bot_user_id, ts=world.next_ts())
    message.reply_broadcast |= arguments.flag("reply_broadcast") and message.is_reply
    world.changed()
    body = message_object(world, message)
    return {"channel": channel.id, "ts": message.ts, "text": content.text, "message": body}


@method("chat.delete", scope="chat:write", per_minute=TIER_3)
def delete(world: World, arguments: Arguments) -> Json:
    """Delete an own message."""
    channel = _channel(world, arguments.required("channel"))
    message = _existing(channel, arguments.required("ts"))
    if not is_own(world, message):
        raise SlackError("cant_delete_message")
    message.deleted = True
    world.changed()
    return {"channel": channel.id, "ts": message.ts}


@method("chat.postEphemeral", scope="chat:write", per_minute=TIER_4)
def post_ephemeral(world: World, arguments: Arguments) -> Json:
    """Show a message to one member of a channel only."""
    channel = writable_channel(world, arguments.required("channel"))
    user = arguments.required("user")
    if user not in channel.members:
        raise SlackError("user_not_in_channel")
    thread_ts = thread_parent(channel, arguments.text("thread_ts"))
    content = read_content(arguments)
    more: Json = {"thread_ts": thread_ts, "visible_to": user}
    message = world.add_message(channel, world.app.bot_user_id, content, source="chat.postEphemeral", **more)
    return {"message_ts": message.ts}


@method("chat.getPermalink", per_minute=SPECIAL)
def get_permalink(world: World, arguments: Arguments) -> Json:
    """The address of a message."""
    channel = _channel(world, arguments.required("channel"))
    message = _existing(channel, arguments.required("message_ts"))
    link = f"https://{world.team['domain']}.slack.com/archives/{channel.id}/p{message.ts.replace('.', '')}"
    if message.is_reply:
        link += f"?thread_ts={message.thread_ts}&cid={channel.id}"
    return {"channel": channel.id, "permalink": link}


def _reaction(world: World, arguments: Arguments) -> tuple[Message, str]:
    channel = _channel(world, arguments.required("channel"))
    name = arguments.required("name").strip(":")
    if not re.fullmatch(r"[a-z0-9_+'-]{1,100}(::skin-tone-[2-6])?", name):
        raise SlackError("invalid_name")
    return _existing(channel, arguments.required("timestamp")), name


@method("reactions.add", scope="reactions:write", per_minute=TIER_3)
def add_reaction(world: World, arguments: Arguments) -> Json:
    """React to a message as the bot."""
    message, name = _reaction(world, arguments)
    users = message.reactions.setdefault(name, [])
    if world.app.bot_user_id in users:
        raise SlackError("already_reacted")
    users.append(world.app.bot_user_id)
    world.changed()
    return {}


@method("reactions.remove", scope="reactions:write", per_minute=TIER_2)
def remove_reaction(world: World, arguments: Arguments) -> Json:
    """Take a reaction of the bot back."""
    message, name = _reaction(world, arguments)
    users = message.reactions.get(name, [])
    if world.app.bot_user_id not in users:
        raise SlackError("no_reaction")
    users.remove(world.app.bot_user_id)
    world.changed()
    return {}
