"""What a person at the page does in the simulated Slack: type, press, choose, search, submit, close."""

from __future__ import annotations

from typing import Any

from sandbox.kit import ControlError, Json
from sandbox.page.bodies import Act, get, maybe
from sandbox.page.snapshot import SlackView
from sandbox.slack import SlackSimulator
from sandbox.slack.payloads import escape_command

TEXT_LIMIT = 4_000
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

    def __init__(self, slack: SlackSimulator, view: SlackView) -> None:
        self._slack = slack
        self._view = view

    def acts(self) -> dict[str, Act]:
        """Each act by the name of its route."""
        return {
            "command": self.type,
            "click": self.click,
            "select": self.select,
            "suggest": self.suggest,
            "submit": self.submit,
            "close": self.close,
        }

    async def type(self, body: Json) -> Json:
        """`user` types `text` in `channel`: a slash command, or a message to the others."""
        user, channel = self._person(body), self._channel(body)
        text = get(body, "text", str).strip()
        if not 0 < len(text) <= TEXT_LIMIT:
            raise ControlError(f"Type between 1 and {TEXT_LIMIT} characters.")
        if text.startswith("/"):
            return _outcome(await self._slack.command(user=user, channel=channel, text=text))
        # Slack shows nobody whether an app heard of a message.
        await self._slack.say(user=user, channel=channel, text=escape_command(self._slack.world, text))
        return {"outcome": "ok", "problem": None}

    async def click(self, body: Json) -> Json:
        """`user` presses the button `action_id` (further `block_id`, `value`) of a modal or a message.

        `view_id` names the modal, `channel` and `ts` the message. `version` says which edit of the message the person
        saw: an outdated button is pressed as it stood.
        """
        view_id = maybe(body, "view_id", str)
        if view_id is None:
            place: dict[str, Any] = {"channel": self._channel(body), "ts": get(body, "ts", str)}
            place["version"] = maybe(body, "version", int)
        else:
            place = {"view_id": view_id}
        answer = await self._slack.click(
            user=self._person(body),
            action_id=get(body, "action_id", str),
            block_id=maybe(body, "block_id", str),
            value=maybe(body, "value", str),
            **place,
        )
        return _outcome(answer)

    async def select(self, body: Json) -> Json:
        """`user` fills in one input of a modal: `value` is a text, an option's value, a list of those, or null."""
        value = body.get("value")
        if not all(isinstance(each, str) for each in (value if isinstance(value, list) else [value or ""])):
            raise ControlError("`value` is neither a text nor a list of texts.")
        return _outcome(await self._slack.select(**self._input(body), value=value))

    async def suggest(self, body: Json) -> Json:
        """`user` types `value` into a menu that searches: the bot's `options`, or the `problem` with them."""
        answer = await self._slack.suggest(**self._input(body), value=get(body, "value", str))
        problem = PROBLEMS.get(answer["outcome"])
        if problem is None and answer["problems"]:
            problem = f"Slack would not take these options: {' '.join(answer['problems'])}"
        return {"options": answer["options"], "problem": problem}

    async def submit(self, body: Json) -> Json:
        """`user` presses the submit button of the modal `view_id`; what became of it is in the state."""
        answer = await self._slack.submit(user=self._person(body), view_id=get(body, "view_id", str))
        return _outcome(answer)

    async def close(self, body: Json) -> Json:
        """`user` closes the modal `view_id`."""
        await self._slack.close_view(user=self._person(body), view_id=get(body, "view_id", str))
        return {"outcome": "ok", "problem": None}

    def _input(self, body: Json) -> dict[str, Any]:
        names = ("view_id", "block_id", "action_id")
        return {"user": self._person(body), **{name: get(body, name, str) for name in names}}

    def _person(self, body: Json) -> str:
        user = get(body, "user", str)
        people = [each["id"] for each in self._view.take()["users"] if each["is_person"]]
        if user not in people:
            raise ControlError(f"Nobody can act as {user!r}; there are {', '.join(people)}.")
        return user

    def _channel(self, body: Json) -> str:
        channel = get(body, "channel", str)
        if channel not in self._slack.world.channels:
            raise ControlError(f"There is no channel {channel!r}.")
        return channel


def _outcome(answer: Json) -> Json:
    """What the person's client would show: nothing, or the problem."""
    return {"outcome": answer["outcome"], "problem": PROBLEMS.get(answer["outcome"])}
