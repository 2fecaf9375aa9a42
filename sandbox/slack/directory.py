"""Web API methods about the app, people, user groups and conversations.

Source: https://docs.slack.dev/reference/methods, pages auth.test, users.*, usergroups.*, conversations.*.
"""

from __future__ import annotations

import base64
from typing import Any

from sandbox.kit import Json
from sandbox.slack.api import method, need_scope
from sandbox.slack.arguments import Arguments
from sandbox.slack.errors import SlackError, invalid_arguments
from sandbox.slack.limits import SPECIAL, TIER_2, TIER_3, TIER_4
from sandbox.slack.world import Channel, User, UserGroup, World

TYPES = {"public_channel": "public", "private_channel": "private", "im": "im", "mpim": "mpim"}
READ_SCOPES = {"public": "channels:read", "private": "groups:read", "im": "im:read", "mpim": "mpim:read"}
WRITE_SCOPES = ("channels:manage", "groups:write", "im:write", "mpim:write")
PAGE_LIMIT = 1_000


def user_object(world: World, user: User) -> Json:
    """The user as `users.info` shows them."""
    flags = ("is_admin", "is_bot", "is_restricted", "is_ultra_restricted", "deleted")
    body = {"id": user.id, "team_id": user.team_id, "name": user.name, "real_name": user.real_name}
    profile = {"real_name": user.real_name, "display_name": user.name, "team": user.team_id}
    more = {"color": user.color, "tz": user.tz, "is_app_user": False, "profile": profile}
    # Slack sends is_stranger only about people who share no channel with the workspace.
    stranger = {"is_stranger": True} if user.team_id != world.team["id"] and user.is_stranger else {}
    return body | more | {flag: getattr(user, flag) for flag in flags} | stranger


def channel_object(world: World, channel: Channel) -> Json:
    """The conversation as `conversations.info` shows it."""
    body: Json = {"id": channel.id, "is_im": channel.kind == "im", "is_archived": channel.is_archived}
    if channel.kind == "im":
        return body | {"user": channel.user, "is_open": True}
    return body | {
        "name": channel.name,
        "is_channel": channel.kind == "public",
        "is_group": channel.kind == "private",
        "is_private": channel.kind == "private",
        "is_general": channel.is_general,
        "is_member": world.is_member(channel),
        "is_shared": channel.is_ext_shared,
        "is_ext_shared": channel.is_ext_shared,
        "is_pending_ext_shared": channel.is_pending_ext_shared,
        "is_org_shared": False,
        "context_team_id": world.team["id"],
        "topic": {"value": channel.topic},
        "purpose": {"value": channel.purpose},
        "num_members": len(channel.members),
    }


def group_object(world: World, group: UserGroup, *, with_users: bool) -> Json:
    """The user group as `usergroups.list` shows it."""
    body: Json = {
        "id": group.id,
        "team_id": world.team["id"],
        "is_usergroup": True,
        "name": group.name,
        "handle": group.handle,
        "is_external": False,
        "date_delete": 1 if group.is_disabled else 0,
        "user_count": len(group.users),
    }
    return body | ({"users": group.users} if with_users else {})


def _page(items: list[Any], arguments: Arguments) -> tuple[list[Any], Json]:
    """One page of `items`; the cursor is opaque to the caller."""
    limit = arguments.integer("limit", PAGE_LIMIT, least=1) if arguments.text("limit") else PAGE_LIMIT
    start = 0
    if cursor := arguments.text("cursor"):
        try:
            start = int(base64.b64decode(cursor, validate=True))
        except ValueError:
            raise SlackError("invalid_cursor") from None
    is_last = start + limit >= len(items)
    following = "" if is_last else base64.b64encode(str(start + limit).encode()).decode()
    return items[start : start + limit], {"response_metadata": {"next_cursor": following}}


@method("api.test", per_minute=SPECIAL)
def api_test(_: World, arguments: Arguments) -> Json:
    """Answer with the arguments."""
    return {"args": arguments.values}


@method("auth.test", per_minute=SPECIAL)
def auth_test(world: World, _: Arguments) -> Json:
    """Who the token belongs to."""
    bot = world.users[world.app.bot_user_id]
    return {
        "url": f"https://{world.team['domain']}.slack.com/",
        "team": world.team["name"],
        "team_id": world.team["id"],
        "user": bot.name,
        "user_id": bot.id,
        "bot_id": world.app.bot_id,
        "is_enterprise_install": False,
    }


@method("users.info", scope="users:read", per_minute=TIER_4)
def users_info(world: World, arguments: Arguments) -> Json:
    """One user."""
    user = world.users.get(arguments.required("user"))
    if user is None:
        raise SlackError("user_not_found")
    return {"user": user_object(world, user)}


@method("users.list", scope="users:read", per_minute=TIER_2)
def users_list(world: World, arguments: Arguments) -> Json:
    """The users of this workspace and the strangers it knows."""
    page, more = _page([user_object(world, user) for user in world.users.values()], arguments)
    return {"members": page, **more}


@method("usergroups.list", scope="usergroups:read", per_minute=TIER_2)
def usergroups_list(world: World, arguments: Arguments) -> Json:
    """The user groups."""
    groups = [g for g in world.usergroups.values() if arguments.flag("include_disabled") or not g.is_disabled]
    with_users = arguments.flag("include_users")
    return {"usergroups": [group_object(world, group, with_users=with_users) for group in groups]}


@method("usergroups.users.list", scope="usergroups:read", per_minute=TIER_2)
def usergroups_users_list(world: World, arguments: Arguments) -> Json:
    """The ids of a group's members, deactivated people included."""
    group = world.usergroups.get(arguments.required("usergroup"))
    if group is None or (group.is_disabled and not arguments.flag("include_disabled")):
        raise SlackError("no_such_subteam")
    return {"users": group.users}


def _readable(world: World, arguments: Arguments) -> Channel:
    channel = world.channels.get(arguments.required("channel"))
    if channel is None:
        raise SlackError("channel_not_found")
    need_scope(world.app, READ_SCOPES[channel.kind])
    if channel.kind != "public" and not world.is_member(channel):
        raise SlackError("channel_not_found")
    return channel


@method("conversations.info", per_minute=TIER_3)
def conversations_info(world: World, arguments: Arguments) -> Json:
    """One conversation."""
    body = channel_object(world, _readable(world, arguments))
    if not arguments.flag("include_num_members"):
        body.pop("num_members", None)
    return {"channel": body}


@method("conversations.members", per_minute=TIER_4)
def conversations_members(world: World, arguments: Arguments) -> Json:
    """The ids of a conversation's members."""
    channel = _readable(world, arguments)
    page, more = _page(channel.members, arguments)
    return {"members": page, **more}


def _listed(world: World, arguments: Arguments) -> list[Channel]:
    types = arguments.words("types") or ["public_channel"]
    unknown = set(types) - set(TYPES)
    if unknown:
        raise SlackError("invalid_types")
    kinds = {TYPES[name] for name in types}
    for kind in sorted(kinds):
        need_scope(world.app, READ_SCOPES[kind])
    keep_archived = not arguments.flag("exclude_archived")
    return [c for c in world.channels.values() if c.kind in kinds and (keep_archived or not c.is_archived)]


@method("conversations.list", per_minute=TIER_2)
def conversations_list(world: World, arguments: Arguments) -> Json:
    """The conversations that the bot can see."""
    visible = [c for c in _listed(world, arguments) if c.kind == "public" or world.is_member(c)]
    page, more = _page([channel_object(world, channel) for channel in visible], arguments)
    return {"channels": page, **more}


@method("users.conversations", per_minute=TIER_2)
def users_conversations(world: World, arguments: Arguments) -> Json:
    """The conversations that a user, by default the bot, is a member of."""
    user = arguments.text("user") or world.app.bot_user_id
    if user not in world.users:
        raise SlackError("user_not_found")
    visible = [c for c in _listed(world, arguments) if c.kind == "public" or world.is_member(c)]
    joined = [channel_object(world, channel) for channel in visible if user in channel.members]
    page, more = _page(joined, arguments)
    return {"channels": page, **more}


@method("conversations.open", per_minute=TIER_3)
def conversations_open(world: World, arguments: Arguments) -> Json:
    """Open the direct message with one user."""
    need_scope(world.app, *WRITE_SCOPES)
    if channel_id := arguments.text("channel"):
        channel = world.channels.get(channel_id)
        if channel is None or channel.kind != "im":
            raise SlackError("channel_not_found")
        return {"channel": {"id": channel.id}}
    users = arguments.words("users")
    if len(users) != 1:
        raise invalid_arguments("users must name one user [json-pointer:/users]")
    user = world.users.get(users[0])
    if user is None or user.is_stranger:
        raise SlackError("user_not_found")
    if user.deleted:
        raise SlackError("user_disabled")
    return {"channel": {"id": world.open_im(user.id).id}}
