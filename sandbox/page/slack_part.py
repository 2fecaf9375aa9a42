"""The simulated Slack on the page: people, conversations, messages, forms, and the hands of everybody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sandbox.kit import Json, copied
from sandbox.page.bodies import Act
from sandbox.page.hands import Hands, is_person, may_see
from sandbox.page.items import Items
from sandbox.page.pictures import picture_type
from sandbox.slack import SlackSimulator
from sandbox.slack.markup import BROADCASTS, find_controls
from sandbox.slack.messages import Content, Message
from sandbox.slack.snapshot import view_state
from sandbox.slack.views import View
from sandbox.slack.world import Channel, User, World

VIEW_FIELDS = ("id", "type", "title", "submit", "close", "blocks", "errors", "trouble")
CHANNEL_FIELDS = ("id", "name", "kind", "topic", "purpose", "user", "is_ext_shared")
USER_FIELDS = ("id", "name", "real_name", "color", "is_bot")
APP_FIELDS = ("id", "name", "bot_user_id", "home_tab_enabled")
FILE_FIELDS = ("id", "name", "title", "alt_txt")


@dataclass
class Shown:
    """A message as it was shown last, with what it was made from."""

    content: Content
    reactions: dict[str, list[str]]
    chosen: Json
    files: list[str]
    is_broadcast: bool
    item: Json

    def is_of(self, message: Message) -> bool:
        """Whether the message still looks like this. A content never changes; the rest changes in place."""
        return (
            self.content is message.content
            and self.reactions == message.reactions
            and self.chosen == message.chosen
            and self.files == message.files
            and self.is_broadcast == message.reply_broadcast
        )


class SlackPart:
    """The workspace; private messages are in it, with whom they are visible to. What did not change is kept."""

    def __init__(self, slack: SlackSimulator) -> None:
        self._slack = slack
        self._seen = -1
        self._items: Items = {}
        self._known: dict[tuple[str, str], Shown] = {}
        self._shown: dict[tuple[str, str], Shown] = {}
        self._hands = Hands(slack)

    def items(self) -> Items:
        world = self._slack.world
        world.settle()
        if world.revision != self._seen:
            self._seen = world.revision
            self._known, self._shown = self._shown, {}
            self._items = {**_workspace(world), **_people(world), **dict(self._conversations(world)), **_views(world)}
        return self._items

    def acts(self) -> dict[str, Act]:
        return self._hands.acts()

    def _conversations(self, world: World) -> Iterator[tuple[str, Json]]:
        for channel in world.channels.values():
            if channel.is_archived:
                continue
            yield f"slack/channel/{channel.id}", _channel(world, channel)
            for message in channel.messages.values():
                if not message.deleted:
                    yield f"slack/message/{channel.id}/{message.ts}", self._message(world, message)

    def _message(self, world: World, message: Message) -> Json:
        key = (message.channel_id, message.ts)
        known = self._known.get(key)
        shown = known if known is not None and known.is_of(message) else _shown(world, message)
        self._shown[key] = shown
        return shown.item


def _workspace(world: World) -> Items:
    app = {key: getattr(world.app, key) for key in APP_FIELDS} | {"commands": copied(world.app.commands)}
    groups = [group for group in world.usergroups.values() if not group.is_disabled]
    return {
        "slack/workspace/workspace": {"team": world.team["name"], "domain": world.team["domain"], "app": app},
        "slack/workspace/groups": [{"id": g.id, "handle": g.handle, "users": list(g.users)} for g in groups],
        "slack/workspace/notices": [notice for notice in world.notices if notice["kind"] == "click_failed"],
    }


def _people(world: World) -> Items:
    return {f"slack/user/{user.id}": _user(world, user) for user in world.users.values()}


def _user(world: World, user: User) -> Json:
    notes = [f"@{g.handle}" for g in world.usergroups.values() if user.id in g.users and not g.is_disabled]
    if user.is_stranger:
        notes.append("other workspace")
    if user.is_restricted or user.is_ultra_restricted:
        notes.append("guest")
    shown = {key: getattr(user, key) for key in USER_FIELDS}
    return {**shown, "is_person": is_person(user), "is_stranger": user.is_stranger, "note": ", ".join(notes)}


def _channel(world: World, channel: Channel) -> Json:
    seen_by = [user.id for user in world.users.values() if is_person(user) and may_see(channel, user)]
    shown = {key: getattr(channel, key) for key in CHANNEL_FIELDS}
    return {**shown, "members": list(channel.members), "seen_by": seen_by}


def _shown(world: World, message: Message) -> Shown:
    content = message.content
    if content.controls is None:
        content.controls = find_controls(content)
    reactions, chosen, files = copied(message.reactions), copied(message.chosen), list(message.files)
    item: Json = {
        "ts": message.ts,
        "channel": message.channel_id,
        "user": message.user,
        "is_bot": message.user == world.app.bot_user_id,
        "source": message.source,
        "thread_ts": message.thread_ts,
        "is_reply": message.is_reply,
        "reply_broadcast": message.reply_broadcast,
        "visible_to": message.visible_to,
        "edited": message.edited,
        "version": len(message.earlier),
        "text": content.text,
        "blocks": content.blocks,
        "attachments": content.attachments,
        "mentions": sorted(set(_mentions(content.controls))),
        "reactions": reactions,
        "chosen": chosen,
        "files": [_file(world, file_id) for file_id in files],
    }
    return Shown(content, reactions, chosen, files, message.reply_broadcast, item)


def _mentions(controls: list[Json]) -> Iterator[str]:
    """Whom a message calls: ids of people and groups, or a word for many people."""
    for control in controls:
        if control["kind"] in BROADCASTS:
            yield control["kind"]
        elif control["kind"] in {"user", "usergroup"}:
            yield control["id"].partition("|")[0]


def _file(world: World, file_id: str) -> Json:
    file = world.files[file_id]
    shown: dict[str, Any] = {key: getattr(file, key) for key in FILE_FIELDS}
    return shown | {"size": file.length, "is_picture": picture_type(file.content) is not None}


def _views(world: World) -> Items:
    # Of a stack of modals its person sees the topmost.
    items = {f"slack/view/{user}": _view(world, stack[-1]) for user, stack in world.views.stacks.items() if stack}
    return items | {f"slack/home/{user}": _view(world, view) for user, view in world.views.homes.items()}


def _view(world: World, view: View) -> Json:
    state = view_state(world, view)
    shown: Json = copied({key: state.get(key) for key in VIEW_FIELDS} | {"values": state["state"]["values"]})
    return shown
