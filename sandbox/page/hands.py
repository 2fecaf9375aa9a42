"""What a person at the page does in the simulated Slack: type, press, choose, search, submit, close."""

from __future__ import annotations

import re
from typing import Any

from sandbox.kit import ControlError, Json
from sandbox.page.bodies import Act, get, maybe
from sandbox.slack import SlackSimulator
from sandbox.slack.payloads import escape_command
from sandbox.slack.world import Channel, User

TEXT_LIMIT = 4_000
SLACKBOT = "USLACKBOT"
# In place of a channel's id: the direct message with the app, which need not have been opened yet.
DIRECT = "app"
EMOJI = re.compile(r"[a-z0-9_+'-]{1,100}")
NOT_THEIRS = "The app belongs to a workspace that this person is not in."
DONE: Json = {"outcome": "ok", "problem": None}
PROBLEMS = {
    "operation_timeout": "The bot did not answer in time (operation_timeout).",
    "connection_failed": "Nobody listens: is the bot running? (dispatch_failed)",
    "http_error": "The bot answered with an error (dispatch_failed).",
    "unknown_command": "That is not a command of this workspace.",
}


class Hands:
    """The hands of everybody in this workspace; `user` in each body says whose.

    What makes no sense, such as a button that is not there, is a ControlError with a sentence.
    """

    def __init__(self, slack: SlackSimulator) -> None:
        self._slack = slack

    def acts(self) -> dict[str, Act]:
        """Each act by the name of its route."""
        return {
            "command": self.type,
            "home": self.home,
            "join": self.join,
            "react": self.react,
            "click": self.click,
            "select": self.select,
            "suggest": self.suggest,
            "submit": self.submit,
            "close": self.close,
        }

    async def type(self, body: Json) -> Json:
        """`user` types `text` in `channel`: a slash command, or a message to the others.

        `thread_ts` makes it a reply, which `broadcast` shows in the channel too. Slack takes no commands in threads.
        """
        user, channel = self._person(body), self._channel(body)
        self._refuse_outsider(user, channel)
        text, thread_ts = get(body, "text", str).strip(), maybe(body, "thread_ts", str)
        if not 0 < len(text) <= TEXT_LIMIT:
            raise ControlError(f"Type between 1 and {TEXT_LIMIT} characters.")
        if text.startswith("/"):
            if thread_ts is not None:
                raise ControlError(f"{text.split()[0]} is not supported in threads. Type it in the channel.")
            return _outcome(await self._slack.command(user=user, channel=channel, text=text))
        place: Json = {"channel": channel, "thread_ts": thread_ts, "broadcast": bool(maybe(body, "broadcast", bool))}
        # Slack shows nobody whether an app heard of a message.
        await self._slack.say(user=user, text=escape_command(self._slack.world, text), **place)
        return DONE

    async def home(self, body: Json) -> Json:
        """`user` opens the app: its tab `home` or `messages`."""
        user, tab = self._person(body), get(body, "tab", str)
        if tab not in {"home", "messages"}:
            raise ControlError("`tab` is `home` or `messages`.")
        if self._slack.world.users[user].is_stranger:
            raise ControlError(NOT_THEIRS)
        await self._slack.open_home(user=user, tab=tab)
        return DONE

    async def join(self, body: Json) -> Json:
        """`user` becomes a member of the public `channel`."""
        await self._slack.join(user=self._person(body), channel=self._channel(body))
        return DONE

    async def react(self, body: Json) -> Json:
        """`user` adds the emoji `name` to the message `ts` of `channel`, or with `remove` takes it back."""
        user, channel, name = self._person(body), self._channel(body), get(body, "name", str)
        self._refuse_outsider(user, channel)
        if not EMOJI.fullmatch(name):
            raise ControlError(f"There is no emoji {name!r}.")
        is_removed = bool(maybe(body, "remove", bool))
        await self._slack.react(user=user, channel=channel, ts=get(body, "ts", str), name=name, remove=is_removed)
        return DONE

    async def click(self, body: Json) -> Json:
        """`user` presses the button `action_id` (further `block_id`, `value`) of a modal or a message.

        `view_id` names the modal, `channel` and `ts` the message. `version` says which edit of the message the person
        saw: an outdated button is pressed as it stood.
        """
        answer = await self._slack.click(
            user=self._person(body),
            action_id=get(body, "action_id", str),
            block_id=maybe(body, "block_id", str),
            value=maybe(body, "value", str),
            **self._place(body),
        )
        return _outcome(answer)

    async def select(self, body: Json) -> Json:
        """`user` chooses in one element of a modal, a Home tab or a message (as `click` names them).

        `value` is a text, an option's value or an id, a list of those, or null; `trigger` what ended typing
        (`on_enter_pressed`, `on_character_entered`).
        """
        value = body.get("value")
        if not all(isinstance(each, str) for each in (value if isinstance(value, list) else [value or ""])):
            raise ControlError("`value` is neither a text nor a list of texts.")
        trigger = maybe(body, "trigger", str) or ""
        return _outcome(await self._slack.select(**self._input(body), value=value, trigger=trigger))

    async def suggest(self, body: Json) -> Json:
        """`user` types `value` into a menu that searches: the bot's `options`, or the `problem` with them."""
        answer = await self._slack.suggest(**self._input(body), value=get(body, "value", str))
        problem = PROBLEMS.get(answer["outcome"])
        if problem is None and answer["problems"]:
            problem = f"Slack would not take these options: {' '.join(answer['problems'])}"
        return {"options": answer["options"], "option_groups": answer["option_groups"], "problem": problem}

    async def submit(self, body: Json) -> Json:
        """`user` presses the submit button of the modal `view_id`; what became of it is in the state."""
        answer = await self._slack.submit(user=self._person(body), view_id=get(body, "view_id", str))
        return _outcome(answer)

    async def close(self, body: Json) -> Json:
        """`user` closes the modal `view_id`, with `all` those below it too."""
        is_all = bool(maybe(body, "all", bool))
        await self._slack.close_view(user=self._person(body), view_id=get(body, "view_id", str), clear=is_all)
        return DONE

    def _input(self, body: Json) -> dict[str, Any]:
        names = {name: get(body, name, str) for name in ("block_id", "action_id")}
        return {"user": self._person(body), **names, **self._place(body)}

    def _place(self, body: Json) -> dict[str, Any]:
        view_id = maybe(body, "view_id", str)
        if view_id is not None:
            return {"view_id": view_id}
        version = maybe(body, "version", int)
        return {"channel": self._channel(body), "ts": get(body, "ts", str), "version": version}

    def _person(self, body: Json) -> str:
        user = get(body, "user", str)
        people = [each.id for each in self._slack.world.users.values() if is_person(each)]
        if user not in people:
            raise ControlError(f"Nobody can act as {user!r}; there are {', '.join(people)}.")
        return user

    def _channel(self, body: Json) -> str:
        channel = get(body, "channel", str)
        if channel == DIRECT:
            return self._direct(self._person(body))
        if channel not in self._slack.world.channels:
            raise ControlError(f"There is no channel {channel!r}.")
        return channel

    def _direct(self, user: str) -> str:
        if self._slack.world.users[user].is_stranger:
            raise ControlError(NOT_THEIRS)
        return self._slack.world.open_im(user).id

    def _refuse_outsider(self, user_id: str, channel_id: str) -> None:
        user, channel = self._slack.world.users[user_id], self._slack.world.channels[channel_id]
        if not may_write(channel, user):
            raise ControlError(f"{user.name} is not in {f'#{channel.name}' if channel.name else 'this conversation'}.")


def is_person(user: User) -> bool:
    """Whether somebody at the page may act as this user."""
    return not user.is_bot and not user.deleted and user.id != SLACKBOT


def may_see(channel: Channel, user: User) -> bool:
    """Whether a person's client shows the conversation: guests see theirs, strangers what is shared with them.

    Source: https://slack.com/help/articles/202518103-Understand-guest-roles-in-Slack and
    https://slack.com/help/articles/115004151203-Slack-Connect-guide.
    """
    if channel.kind == "im":
        return channel.user == user.id and not user.is_stranger
    is_guest = user.is_restricted or user.is_ultra_restricted or user.is_stranger
    return may_write(channel, user) or (channel.kind == "public" and not is_guest)


def may_write(channel: Channel, user: User) -> bool:
    """Whether the person takes part in the conversation; a shared channel has all strangers of this world in it."""
    return user.id in channel.members or (user.is_stranger and channel.is_ext_shared)


def _outcome(answer: Json) -> Json:
    """What the person's client would show: nothing, or the problem."""
    return {"outcome": answer["outcome"], "problem": PROBLEMS.get(answer["outcome"])}
