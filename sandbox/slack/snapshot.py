"""The state of the workspace as JSON, for the page and for assertions."""

from __future__ import annotations

from dataclasses import asdict

from sandbox.kit import Json
from sandbox.slack.markup import find_controls, in_blocks, pings
from sandbox.slack.messages import Content, Message
from sandbox.slack.view_methods import view_object
from sandbox.slack.views import View
from sandbox.slack.world import Channel, World


def content_state(content: Content) -> Json:
    """One version of a message, with the control sequences found in it and which of them ping."""
    if content.controls is None:
        content.controls = find_controls(content)
    return {
        "text": content.text,
        "blocks": content.blocks,
        "attachments": content.attachments,
        "metadata": content.metadata,
        "at": content.at,
        "controls": content.controls,
        "pings": pings(content.controls),
    }


def message_state(world: World, message: Message) -> Json:
    """A message with its earlier versions, oldest first."""
    return {
        "ts": message.ts,
        "channel": message.channel_id,
        "user": message.user,
        "is_bot": message.user == world.app.bot_user_id,
        "source": message.source,
        "thread_ts": message.thread_ts,
        "reply_broadcast": message.reply_broadcast,
        "is_ephemeral": message.is_ephemeral,
        "visible_to": message.visible_to,
        "edited": message.edited,
        "deleted": message.deleted,
        "reactions": message.reactions,
        "files": message.files,
        "chosen": message.chosen,
        **content_state(message.content),
        "earlier": [content_state(content) for content in message.earlier],
    }


def channel_state(world: World, channel: Channel) -> Json:
    """A channel with its members and messages, oldest first."""
    fields = ("id", "name", "kind", "members", "topic", "purpose", "user", "is_archived", "is_ext_shared")
    body = {name: getattr(channel, name) for name in fields}
    threads = _threads(channel)
    messages = []
    for message in channel.messages.values():
        replies = threads.get(message.ts, [])
        more = {"replies": replies, "reply_count": len(replies)}
        messages.append(message_state(world, message) | more)
    return body | {"messages": messages}


def _threads(channel: Channel) -> dict[str, list[str]]:
    threads: dict[str, list[str]] = {}
    for message in channel.messages.values():
        if message.is_reply and not message.deleted and not message.is_ephemeral:
            threads.setdefault(str(message.thread_ts), []).append(message.ts)
    return threads


def view_state(world: World, view: View) -> Json:
    """A modal or Home tab as its user sees it, with the errors shown beside inputs."""
    controls = in_blocks(view.blocks)
    return view_object(world, view) | {
        "user": view.user,
        "errors": view.errors,
        "trouble": view.trouble,
        "updates": view.updates,
        "controls": controls,
        "pings": pings(controls),
    }


def world_state(world: World) -> Json:
    """Everything in the workspace, without the app's secrets."""
    app = asdict(world.app)
    for secret in ("bot_token", "app_token", "signing_secret", "verification_token"):
        del app[secret]
    return {
        "revision": world.revision,
        "now": world.clock.now(),
        "team": world.team,
        "app": app,
        "users": [asdict(user) for user in world.users.values()],
        "usergroups": [asdict(group) for group in world.usergroups.values()],
        "channels": [channel_state(world, channel) for channel in world.channels.values()],
        "views": {user: [view_state(world, view) for view in stack] for user, stack in world.views.stacks.items()},
        "homes": {user: view_state(world, view) for user, view in world.views.homes.items()},
        "files": [file.as_api(world.url) | {"state": file.state} for file in world.files.values()],
        "requests": list(world.requests),
        "notices": list(world.notices),
    }
