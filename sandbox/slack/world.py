"""The workspace: people, channels, messages, the app and what it was given. Holds state, sends nothing.

Ids and timestamps follow https://docs.slack.dev/reference/objects: a `ts` is text, unique in its channel.
"""

from __future__ import annotations

import itertools
import secrets
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from sandbox.clock import Clock
from sandbox.kit import ControlError, Json, copied
from sandbox.slack.errors import SlackError
from sandbox.slack.files import File, PendingShare
from sandbox.slack.messages import Content, Message
from sandbox.slack.views import Views

# https://docs.slack.dev/interactivity/implementing-slash-commands: acknowledge within 3000 milliseconds.
REACTION_S = 3.0
LONGEST_REAL_WAIT_S = 10.0
REQUESTS_KEPT = 500
BASE_36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass
class User:
    """A person or a bot, of this workspace or (`is_stranger`) of another."""

    id: str
    team_id: str
    name: str
    real_name: str
    color: str = "4bbe2e"
    tz: str = "Etc/UTC"
    is_admin: bool = False
    is_bot: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_stranger: bool = False
    deleted: bool = False


@dataclass
class Channel:
    """A conversation; `kind` is `public`, `private` or `im` (then `user` is the person beside the bot)."""

    id: str
    name: str
    kind: str = "public"
    members: list[str] = field(default_factory=list)
    topic: str = ""
    purpose: str = ""
    user: str | None = None
    is_general: bool = False
    is_archived: bool = False
    is_ext_shared: bool = False
    is_pending_ext_shared: bool = False
    messages: dict[str, Message] = field(default_factory=dict)


@dataclass
class UserGroup:
    """Several people under one handle; a disabled group has `date_delete`."""

    id: str
    handle: str
    name: str
    users: list[str]
    is_disabled: bool = False


@dataclass
class App:
    """The installed app: identity, tokens with their scopes, and what its manifest registers."""

    id: str
    name: str
    bot_id: str
    bot_user_id: str
    bot_token: str
    app_token: str
    signing_secret: str
    verification_token: str
    bot_scopes: list[str]
    app_scopes: list[str]
    commands: list[Json]
    bot_events: list[str]
    home_tab_enabled: bool = True


@dataclass
class Trigger:
    """A `trigger_id`: who it came from, when, from which view, and whether it was used."""

    user: str
    issued_at: float
    view_id: str | None = None
    is_exchanged: bool = False


@dataclass
class ResponseUrl:
    """A `response_url`: bound to one user and one channel, and to the message that was clicked if any."""

    id: str
    user: str
    channel_id: str
    issued_at: float
    message_ts: str | None = None
    uses: int = 0


class World:
    """Everything that exists in the workspace. `revision` grows with every change."""

    def __init__(self, seed: Json, clock: Clock) -> None:
        self.clock = clock
        self.url = ""
        self.revision = 0
        self._last_ts_us = 0
        self.begin(seed)

    def begin(self, seed: Json) -> None:
        """The workspace of a seed, with nothing left of what was before."""
        seed = copied(seed)
        self.team: Json = seed["team"]
        self.other_teams: list[Json] = seed.get("other_teams", [])
        self.app = App(**seed["app"])
        self.users = {user["id"]: User(**user) for user in seed["users"]}
        self.channels = {channel["id"]: Channel(**channel) for channel in seed["channels"]}
        self.usergroups = {group["id"]: UserGroup(**group) for group in seed["usergroups"]}
        self.edit_window_s: float | None = seed.get("edit_window_s")
        timing = seed.get("timing", {})
        self.file_share_s: float = timing.get("file_share_s", 1.0)
        self.least_real_reaction_s: float = timing.get("least_real_reaction_s", 1.0)
        self.views = Views(self.new_id, self.clock)
        self.triggers: dict[str, Trigger] = {}
        self.response_urls: dict[str, ResponseUrl] = {}
        self.tickets: dict[str, float] = {}
        self.files: dict[str, File] = {}
        self.pending_shares: list[PendingShare] = []
        self.requests: deque[Json] = deque(maxlen=REQUESTS_KEPT)
        self.notices: deque[Json] = deque(maxlen=REQUESTS_KEPT)
        self._numbers = itertools.count(1)
        self.changed()

    def changed(self) -> None:
        """Count a change, so that pages notice it."""
        self.revision += 1

    def new_id(self, prefix: str) -> str:
        """An id of Slack's form: a letter for the kind, then capitals and digits."""
        number, digits = next(self._numbers), ""
        while number:
            number, digit = divmod(number, 36)
            digits = BASE_36[digit] + digits
        return f"{prefix}0{digits:0>8}"

    def next_ts(self) -> str:
        """A timestamp later than every one before, to the microsecond."""
        self._last_ts_us = max(self._last_ts_us + 1, int(self.clock.now() * 1e6))
        return f"{self._last_ts_us // 1_000_000}.{self._last_ts_us % 1_000_000:06d}"

    def reaction_s(self) -> float:
        """Simulated seconds that an app has to acknowledge and to use a trigger.

        Three, but never less than `least_real_reaction_s` of real time: the app under test does not run
        faster because the clock does.
        """
        return max(REACTION_S, self.least_real_reaction_s * self.clock.speed)

    def reaction_real_s(self) -> float:
        """The same in real seconds, for waiting."""
        return min(self.reaction_s() / self.clock.speed, LONGEST_REAL_WAIT_S)

    def find_user(self, user: str) -> User:
        """The user with this id or name; ControlError where there is none."""
        for candidate in self.users.values():
            if user.removeprefix("@") in {candidate.id, candidate.name}:
                return candidate
        raise ControlError(f"no user {user!r}")

    def find_channel(self, channel: str) -> Channel:
        """The channel with this id or name; a user's id means the DM with the app. ControlError otherwise."""
        if channel in self.users:
            return self.open_im(channel)
        for candidate in self.channels.values():
            if channel.removeprefix("#") in {candidate.id, candidate.name}:
                return candidate
        raise ControlError(f"no channel {channel!r}")

    def open_im(self, user_id: str) -> Channel:
        """The direct message between a user and the app's bot, opened where it is not yet."""
        channel_id = f"D{user_id[1:]}"
        if channel_id not in self.channels:
            members = [user_id, self.app.bot_user_id]
            self.channels[channel_id] = Channel(channel_id, "", "im", members, user=user_id)
            self.changed()
        return self.channels[channel_id]

    def is_member(self, channel: Channel) -> bool:
        """Whether the app's bot is in the channel."""
        return self.app.bot_user_id in channel.members

    def add_message(self, channel: Channel, user: str, content: Content, *, source: str, **more: Any) -> Message:
        """Append a message to a channel."""
        message = Message(self.next_ts(), channel.id, user, content, source, **more)
        content.at = self.clock.now()
        channel.messages[message.ts] = message
        self.changed()
        return message

    def replies(self, channel: Channel, ts: str) -> list[Message]:
        """The replies that everyone sees in the thread of `ts`."""
        return [m for m in channel.messages.values() if m.thread_ts == ts and m.is_reply and not m.is_ephemeral]

    def new_trigger(self, user: str, view_id: str | None = None) -> str:
        """A fresh `trigger_id` for what `user` has just done."""
        trigger_id = f"{next(self._numbers)}.{len(self.triggers)}.{secrets.token_hex(16)}"
        self.triggers[trigger_id] = Trigger(user, self.clock.now(), view_id)
        return trigger_id

    def exchange_trigger(self, trigger_id: str) -> Trigger:
        """Use a `trigger_id`: once, within three seconds.

        Source: https://docs.slack.dev/interactivity/handling-user-interaction.
        """
        trigger = self.triggers.get(trigger_id)
        if trigger is None:
            raise SlackError("invalid_trigger_id")
        if trigger.is_exchanged:
            raise SlackError("exchanged_trigger_id")
        if self.clock.now() - trigger.issued_at > self.reaction_s():
            raise SlackError("expired_trigger_id")
        trigger.is_exchanged = True
        return trigger

    def new_response_url(self, user: str, channel: Channel, message_ts: str | None = None) -> str:
        """A fresh `response_url` for what `user` has just done in `channel`."""
        entry = ResponseUrl(secrets.token_urlsafe(18), user, channel.id, self.clock.now(), message_ts)
        self.response_urls[entry.id] = entry
        return f"{self.url}/response/{entry.id}"

    def notice(self, user: str, kind: str, text: str, **more: Any) -> None:
        """Something that only this person's client shows, such as a warning beside a button."""
        self.notices.append({"at": self.clock.now(), "user": user, "kind": kind, "text": text, **more})
        self.changed()

    def settle(self) -> None:
        """Do what was due by now: share uploaded files."""
        due = [share for share in self.pending_shares if share.due_at <= self.clock.now()]
        for share in due:
            self.pending_shares.remove(share)
            channel = self.channels[share.channel_id]
            content = Content(text=share.comment, blocks=share.blocks)
            more = {"files": share.file_ids, "thread_ts": share.thread_ts}
            self.add_message(channel, self.app.bot_user_id, content, source="files.completeUploadExternal", **more)
