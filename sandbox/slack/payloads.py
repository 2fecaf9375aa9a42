"""The payloads that Slack sends: commands, interactions and events.

Source: https://docs.slack.dev/reference/interaction-payloads and
https://docs.slack.dev/apis/events-api#event-type-structure.
"""

from __future__ import annotations

import re

from sandbox.kit import Json
from sandbox.slack.chat import message_object
from sandbox.slack.inputs import state_values
from sandbox.slack.messages import Content, Message, Values
from sandbox.slack.view_methods import view_object
from sandbox.slack.views import View
from sandbox.slack.world import Channel, User, World

FIXED_NAMES = {"im": "directmessage", "private": "privategroup"}
MENTION = re.compile(r"(?<!\S)([@#])([\w.-]*\w)")
ADDRESS = re.compile(r"https?://[^\s<>]+")


def team_of(world: World, user: User) -> Json:
    """The workspace that a person belongs to."""
    teams = [world.team, *world.other_teams]
    return next((team for team in teams if team["id"] == user.team_id), {"id": user.team_id, "domain": ""})


def channel_name(channel: Channel) -> str:
    """The name in payloads, a fixed word outside public channels."""
    return FIXED_NAMES.get(channel.kind, channel.name)


def command_payload(world: World, user: User, channel: Channel, command: Json, text: str) -> Json:
    """The form fields of a slash command."""
    return {
        "token": world.app.verification_token,
        "team_id": user.team_id,
        "team_domain": team_of(world, user)["domain"],
        "channel_id": channel.id,
        "channel_name": channel_name(channel),
        "user_id": user.id,
        "user_name": user.name,
        "command": command["command"],
        "text": escape_command(world, text) if command.get("should_escape") else text,
        "api_app_id": world.app.id,
        "is_enterprise_install": "false",
        "response_url": world.new_response_url(user.id, channel),
        "trigger_id": world.new_trigger(user.id),
    }


def escape_command(world: World, text: str) -> str:
    """The text as the option "Escape channels, users, and links" sends it."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = ADDRESS.sub(lambda match: f"<{match[0]}>", escaped)
    return MENTION.sub(lambda match: _escape_mention(world, match), escaped)


def _escape_mention(world: World, match: re.Match[str]) -> str:
    sign, name = match[1], match[2]
    if sign == "#":
        named = [channel for channel in world.channels.values() if name == channel.name]
        labels = [f"<#{channel.id}|{channel.name if channel.kind == 'public' else ''}>" for channel in named]
        return labels[0] if labels else match[0]
    people = [f"<@{user.id}>" for user in world.users.values() if user.name == name]
    groups = [f"<!subteam^{group.id}|@{group.handle}>" for group in world.usergroups.values() if group.handle == name]
    return [*people, *groups, match[0]][0]


def interaction(world: World, kind: str, user: User) -> Json:
    """The fields of every interaction. `team` is where the app is installed, `user.team_id` whose person it is."""
    return {
        "type": kind,
        "team": {"id": world.team["id"], "domain": world.team["domain"]},
        "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team_id},
        "api_app_id": world.app.id,
        "token": world.app.verification_token,
        "enterprise": None,
        "is_enterprise_install": False,
    }


def message_place(world: World, channel: Channel, message: Message, content: Content, chosen: Values) -> Json:
    """Where in a message something happened, with the message as the person saw it and what they chose in it."""
    container: Json = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": channel.id,
        "is_ephemeral": message.is_ephemeral,
    }
    if message.thread_ts:
        container["thread_ts"] = message.thread_ts
    place: Json = {
        "container": container,
        "channel": {"id": channel.id, "name": channel_name(channel)},
        "state": {"values": state_values(list(content.all_blocks()), chosen)},
    }
    if not message.is_ephemeral:
        place["message"] = message_object(world, message) | {"text": content.text, "blocks": content.blocks}
    return place


def view_place(world: World, view: View) -> Json:
    """Where in a view something happened."""
    return {"container": {"type": "view", "view_id": view.id}, "view": view_object(world, view)}


def event_payload(world: World, event: Json, team_id: str, channel: Channel | None) -> Json:
    """The envelope of the Events API."""
    is_shared = channel is not None and channel.is_ext_shared
    return {
        "token": world.app.verification_token,
        "team_id": world.team["id"],
        "context_team_id": team_id,
        "api_app_id": world.app.id,
        "event": event,
        "type": "event_callback",
        "event_id": world.new_id("Ev"),
        "event_time": int(world.clock.now()),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": world.team["id"],
                "user_id": world.app.bot_user_id,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": is_shared,
    }
