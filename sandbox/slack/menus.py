"""Menus of people and conversations: whom and what each offers.

Source: https://docs.slack.dev/reference/block-kit/block-elements/select-menu-element and
https://docs.slack.dev/reference/block-kit/composition-objects/conversation-filter-object
"""

from __future__ import annotations

from sandbox.kit import Json
from sandbox.slack.world import Channel, World

KINDS = ("public", "private", "im")


def offered_ids(world: World, person: str, element: Json) -> list[str]:
    """The ids that a `users`, `conversations` or `channels` menu offers to `person`; none for other elements."""
    kind = element["type"].removeprefix("multi_")
    if kind == "users_select":
        return [user.id for user in world.users.values() if not user.deleted]
    channels = [channel for channel in world.channels.values() if not channel.is_archived]
    if kind == "channels_select":
        return [channel.id for channel in channels if channel.kind == "public"]
    if kind == "conversations_select":
        return [channel.id for channel in channels if _is_offered(channel, person, element.get("filter") or {})]
    return []


def _is_offered(channel: Channel, person: str, chosen: Json) -> bool:
    if channel.kind not in chosen.get("include", KINDS):
        return False
    if channel.kind == "im":
        # Every direct message here is one with the app's bot.
        return channel.user == person and not chosen.get("exclude_bot_users", False)
    if channel.kind == "private" and person not in channel.members:
        return False
    return not (channel.is_ext_shared and chosen.get("exclude_external_shared_channels", False))
