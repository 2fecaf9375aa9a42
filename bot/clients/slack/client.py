"""The Chat port: what the bot says in Slack, within Slack's limits.

Posts are never repeated, since Slack may have posted a message although the connection broke; updates and reads
are. Sources: Slack, "Rate limits", the pages of the methods, "Handling user interaction", "Modals".
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self
from weakref import WeakValueDictionary

from bot.clients.http import Observe
from bot.clients.memory import Memory
from bot.clients.pacing import Pacer
from bot.clients.slack.answers import object_in, text_in, unexpected
from bot.clients.slack.connection import READ_PATIENCE_S, Connection
from bot.domain.model import Member
from bot.domain.operation import Card
from bot.errors import RateLimited, RemoteRejected
from bot.ports import Clock
from bot.views.blocks import Block, Message, View, clip, plain
from bot.views.modals import modal_body

API_URL = "https://slack.com/api/"
TIMEOUT_S = 10.0
# Who may approve is read from here: long enough to spare the limits, short enough for a removal to count.
MEMORY = timedelta(seconds=90)
# The window of chat.update is a minute.
UPDATE_PATIENCE_S = 65.0
# chat.postMessage: about one a second for each channel, bursts tolerated.
POSTS = 3
POSTS_PERIOD = timedelta(seconds=3)
# chat.update: tier 3, 50 a minute for the whole workspace; final states never wait for progress.
UPDATES = 45
UPDATES_PERIOD = timedelta(minutes=1)
UPDATES_RESERVE = 10
NOT_THERE = frozenset({"not_in_channel", "channel_not_found", "user_not_in_channel"})
ALT_TEXT_LIMIT = 1000


@dataclass(frozen=True)
class Identity:
    """Who the bot's token belongs to: workspace, bot user, bot. `url` is the workspace's, with a slash at its end."""

    team_id: str
    user_id: str
    bot_id: str
    url: str


class SlackClient:
    """Implements the Chat port with a bot token. Make it inside the running event loop, and close it.

    Every method raises RemoteError: RateLimited, RemoteRejected with Slack's error as `code`, RemoteUnavailable
    (`sent` tells whether Slack may have acted), RemoteTimeout, UnexpectedResponse.
    """

    def __init__(
        self,
        token: str,
        *,
        clock: Clock,
        base_url: str = API_URL,
        timeout_s: float = TIMEOUT_S,
        observe: Observe | None = None,
    ) -> None:
        self._clock = clock
        observe = observe or (lambda *_: None)
        self._slack = Connection(token, base_url, clock=clock, timeout_s=timeout_s, observe=observe)
        self._posts: dict[str, Pacer] = {}
        self._updates = Pacer(clock, limit=UPDATES, period=UPDATES_PERIOD, reserve=UPDATES_RESERVE)
        self._numbers = itertools.count()
        self._newest: dict[Card, int] = {}
        self._locks: WeakValueDictionary[Card, asyncio.Lock] = WeakValueDictionary()
        self._members = Memory(clock, load=self._read_member, good_until=lambda _, asked_at: asked_at + MEMORY)
        self._groups = Memory(clock, load=self._read_group, good_until=lambda _, asked_at: asked_at + MEMORY)

    def __repr__(self) -> str:
        return f"SlackClient({self._slack.web.base_url!r})"

    async def aclose(self) -> None:
        """Close all connections."""
        await self._members.aclose()
        await self._groups.aclose()
        await self._slack.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def post(self, channel: str, message: Message, *, thread_ts: str = "") -> Card:
        """Post a message to a channel, or by a user's id to a person. Never repeated; waits its turn."""
        pacer = self._posts.setdefault(channel, Pacer(self._clock, limit=POSTS, period=POSTS_PERIOD))
        await pacer.turn()
        try:
            answer = await self._slack.call(
                "chat.postMessage", channel=channel, thread_ts=thread_ts or None, **_body(message)
            )
        except RateLimited as error:
            pacer.hold(error.retry_after or POSTS_PERIOD)
            raise
        return Card(text_in(answer, "channel"), text_in(answer, "ts"))

    async def update(self, card: Card, message: Message, *, urgent: bool = False) -> None:
        """Replace a message of ours, text and blocks, or leave that to a newer update of the same card.

        `urgent` is for final states: they go before progress, and part of the budget is theirs. Where the message
        is gone or may no longer be edited, RemoteRejected has the code `message_not_found` or
        `edit_window_closed`.
        """
        number = self._newest[card] = next(self._numbers)

        def superseded() -> bool:
            return self._newest.get(card) != number

        try:
            await self._slack.repeated(
                lambda: self._update(card, message, superseded, urgent=urgent), patience_s=UPDATE_PATIENCE_S
            )
        finally:
            if not superseded():
                del self._newest[card]

    async def ephemeral(self, channel: str, user_id: str, message: Message) -> None:
        """Show a message to one person in a channel; as a direct message where either is not in the channel.

        Slack does not keep such messages: never the only record of anything.
        """
        try:
            await self._slack.call("chat.postEphemeral", channel=channel, user=user_id, **_body(message))
        except RemoteRejected as error:
            if error.code not in NOT_THERE:
                raise
            await self.post(user_id, message)

    async def respond(self, response_url: str, message: Message, *, replace: bool = False) -> None:
        """Answer through an interaction's response URL, to the person alone unless `in_channel`.

        `replace` puts the answer in the place of the message that the interaction came from, a private one too.
        Five uses within 30 minutes; never repeated. A URL that is not Slack's is RemoteRejected and not called.
        """
        kind = "in_channel" if message.in_channel else "ephemeral"
        body = {"response_type": kind, "replace_original": replace, **_body(message)}
        await self._slack.respond(response_url, body)

    async def open_view(self, trigger_id: str, view: View) -> str:
        """Open a modal; its id. Never repeated: a lost answer may have used up the trigger.

        RemoteRejected has the code `expired_trigger_id` after 3 s, `exchanged_trigger_id` after one use.
        """
        answer = await self._slack.call("views.open", trigger_id=trigger_id, view=modal_body(view))
        return text_in(object_in(answer, "view"), "id")

    async def update_view(self, view_id: str, view: View) -> None:
        """Replace what an open modal shows; RemoteRejected with `not_found` where the person closed it."""
        modal = modal_body(view)
        await self._slack.repeated(
            lambda: self._slack.call("views.update", view_id=view_id, view=modal), patience_s=READ_PATIENCE_S
        )

    async def publish_home(self, user_id: str, blocks: Sequence[Block]) -> None:
        """Replace what a person sees in the app's Home tab; RemoteRejected for somebody of another workspace."""
        await self._slack.call("views.publish", user_id=user_id, view={"type": "home", "blocks": [*blocks]})

    async def send_file(self, user_id: str, name: str, content: bytes, *, title: str, comment: str) -> None:
        """Send a person a file, which is not empty, in the direct message with the app. Never repeated.

        The title is the alternative text too, which Slack reads for images. The message that shows the file
        appears a moment after this returns.
        """
        opened = await self._slack.repeated(
            lambda: self._slack.call("conversations.open", users=user_id), patience_s=READ_PATIENCE_S
        )
        announced = await self._slack.read(
            "files.getUploadURLExternal",
            filename=name,
            length=str(len(content)),
            alt_txt=clip(plain(title), ALT_TEXT_LIMIT),
        )
        await self._slack.upload(text_in(announced, "upload_url"), content)
        await self._slack.call(
            "files.completeUploadExternal",
            files=[{"id": text_in(announced, "file_id"), "title": title}],
            channel_id=text_in(object_in(opened, "channel"), "id"),
            initial_comment=comment,
        )

    async def member(self, user_id: str) -> Member:
        """What Slack says of a person, kept for 90 s; RemoteRejected with `user_not_found` for nobody."""
        return await self._members.get(user_id)

    async def group_members(self, group_id: str) -> frozenset[str]:
        """The user ids in a user group, kept for 90 s; deactivated people may be among them.

        RemoteRejected with `no_such_subteam` where the group does not exist or is disabled.
        """
        return await self._groups.get(group_id)

    async def auth_test(self) -> Identity:
        """Who the token belongs to."""
        answer = await self._slack.read("auth.test")
        team, user, bot, url = (text_in(answer, name) for name in ("team_id", "user_id", "bot_id", "url"))
        return Identity(team, user, bot, url)

    async def _update(self, card: Card, message: Message, superseded: Callable[[], bool], *, urgent: bool) -> None:
        if not await self._updates.turn(urgent=urgent, unless=superseded):
            return
        # Two edits of one message under way at once could arrive in the wrong order.
        async with self._locks.setdefault(card, asyncio.Lock()):
            if superseded():
                return
            try:
                await self._slack.call("chat.update", channel=card.channel, ts=card.ts, **_body(message))
            except RateLimited as error:
                self._updates.hold(error.retry_after or UPDATES_PERIOD)
                raise

    async def _read_member(self, user_id: str) -> Member:
        answer = await self._slack.read("users.info", user=user_id)
        return member_of(object_in(answer, "user"))

    async def _read_group(self, group_id: str) -> frozenset[str]:
        answer = await self._slack.read("usergroups.users.list", usergroup=group_id)
        users = answer.get("users")
        if not isinstance(users, list):
            raise unexpected("users")
        return frozenset(str(user) for user in users)


def member_of(user: Mapping[str, Any]) -> Member:
    """A person as the user object tells them; `is_stranger` comes only for people who share no channel.

    Source: Slack, "User object".
    """
    profile = user.get("profile") or {}
    return Member(
        user_id=str(user.get("id") or ""),
        team_id=str(user.get("team_id") or ""),
        name=str(profile.get("display_name") or user.get("real_name") or user.get("name") or ""),
        is_guest=bool(user.get("is_restricted") or user.get("is_ultra_restricted")),
        is_deleted=bool(user.get("deleted")),
        is_bot=bool(user.get("is_bot")),
        is_stranger=bool(user.get("is_stranger")),
        time_zone=str(user.get("tz") or ""),
    )


def _body(message: Message) -> dict[str, Any]:
    """Text and blocks always together, since a text alone removes the blocks; nothing unfolds below a link."""
    return {"text": message.text, "blocks": message.blocks, "unfurl_links": False, "unfurl_media": False}
