"""From Slack to a feature and back, whatever the feature does; and the two defects of Bolt 1.30."""

from __future__ import annotations

import asyncio
from typing import Any

from slack_bolt.authorization import AuthorizeResult

from bot.domain.model import Member
from bot.domain.operation import Card
from bot.errors import BadCommand, RemoteRejected
from bot.tasks import Tasks
from bot.views.blocks import Message
from commands.router import Call, Reply, Router, bolt_app, dispatch


class Heard:
    """A chat that keeps what it was told; `respond` may be out of order."""

    def __init__(self, *, works: bool = True, ephemeral_works: bool = True) -> None:
        self.works = works
        self.ephemeral_works = ephemeral_works
        self.answers: list[tuple[str, str]] = []

    async def respond(self, response_url: str, message: Message, *, replace: bool = False) -> None:
        if not self.works:
            raise RemoteRejected("expired_url", service="Slack")
        self.answers.append((response_url, message.text))

    async def ephemeral(self, channel: str, user_id: str, message: Message) -> None:
        if not self.ephemeral_works:
            raise RemoteRejected("user_not_found", service="Slack")
        self.answers.append((f"{channel} {user_id}", message.text))

    async def post(self, channel: str, message: Message, *, thread_ts: str = "") -> Card:
        raise NotImplementedError

    async def update(self, card: Card, message: Message, *, urgent: bool = False) -> None:
        raise NotImplementedError

    async def member(self, user_id: str) -> Member:
        raise NotImplementedError


COMMAND = {
    "command": "/do",
    "text": "it",
    "user_id": "U0ANA",
    "team_id": "T0REIFY",
    "channel_id": "C0DEPLOYS",
    "response_url": "https://hooks.slack.com/x",
    "trigger_id": "1.2.3",
}


async def worked(handler: Any, chat: Heard, body: dict[str, Any] | None = None) -> str:
    """The immediate answer to a command that this handler takes, after what comes later came to its end."""
    tasks = Tasks()
    router = Router(chat, tasks)
    router.command("/do", handler)
    identity = AuthorizeResult(enterprise_id=None, team_id="T0REIFY", bot_token="xoxb-x", bot_id="B", bot_user_id="U")
    answer = await dispatch(bolt_app(router, identity), body or COMMAND)
    await tasks.settle()
    assert answer.status == 200
    return answer.body


async def test_an_error_after_the_acknowledgement_reaches_the_asker() -> None:
    """Bolt 1.30 loses the acknowledgement of a listener that fails right after it; here both arrive."""

    async def fails_at_once() -> Message:
        raise BadCommand("That was nothing.")

    async def handler(_: Call) -> Reply:
        return Reply(Message("On it."), fails_at_once)

    chat = Heard()

    assert "On it." in await worked(handler, chat)
    assert chat.answers == [("https://hooks.slack.com/x", "That was nothing. (`bad_command`)")]


async def test_a_defect_is_an_incident_before_and_after_the_acknowledgement() -> None:
    """A handler or its later work breaks: the person reads an incident id, never the error."""

    async def breaks_later() -> Message:
        raise RuntimeError("secret detail")

    async def breaks(_: Call) -> Reply:
        raise RuntimeError("secret detail")

    async def handler(_: Call) -> Reply:
        return Reply(None, breaks_later)

    chat = Heard()
    now = await worked(breaks, chat)
    await worked(handler, chat)

    assert "Incident" in now
    assert "Incident" in chat.answers[0][1]
    assert "secret detail" not in now + chat.answers[0][1]


async def test_a_handler_that_takes_too_long_is_cut_off_within_slacks_time(monkeypatch: Any) -> None:
    """A database that hangs must not become Slack's time-out: the person reads an incident id."""
    monkeypatch.setattr("commands.router.DEADLINE_S", 0.01)

    async def hangs(_: Call) -> Reply:
        await asyncio.Event().wait()
        return Reply()

    assert "Incident" in await worked(hangs, Heard())


async def test_an_unknown_command_is_answered_with_what_is_known() -> None:
    """A command that was renamed or is of an older version gets words."""

    async def handler(_: Call) -> Reply:
        return Reply()

    assert "It knows /do" in await worked(handler, Heard(), COMMAND | {"command": "/undo"})


async def test_an_expired_response_url_falls_back_to_an_ephemeral_message() -> None:
    """Half an hour later the answer still arrives; one that cannot be delivered at all breaks nothing."""

    async def later() -> Message:
        return Message("Done.")

    async def handler(_: Call) -> Reply:
        return Reply(None, later)

    chat, deaf = Heard(works=False), Heard(works=False, ephemeral_works=False)
    await worked(handler, chat)
    await worked(handler, deaf)

    assert chat.answers == [("C0DEPLOYS U0ANA", "Done.")]
    assert deaf.answers == []


async def test_a_command_without_a_trigger_has_a_key_all_the_same() -> None:
    """The same body has the same key, another body another one."""
    keys = []

    async def handler(call: Call) -> Reply:
        keys.append(call.key)
        return Reply()

    bare = {name: value for name, value in COMMAND.items() if name != "trigger_id"}
    for body in (bare, bare, bare | {"text": "else"}):
        await worked(handler, Heard(), body)

    assert keys[0] == keys[1] != keys[2]


async def test_an_event_that_nobody_asked_for_is_acknowledged() -> None:
    """A mention of the bot gets no answer, and Slack no reason to send it four times."""

    async def handler(_: Call) -> Reply:
        return Reply()

    event = {
        "type": "event_callback",
        "team_id": "T0REIFY",
        "event": {"type": "app_mention", "text": "hi", "user": "U0ANA"},
    }

    assert await worked(handler, Heard(), event) == ""
