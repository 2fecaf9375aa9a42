"""The emergency lane with everything around it but Slack: a store in memory, a router, and a chat that can fail."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import json
from datetime import datetime, timedelta
from typing import Any

from slack_bolt.authorization import AuthorizeResult

from bot.announce_incidents import IncidentAnnouncer
from bot.domain.model import Actor, Member
from bot.domain.operation import Card, Event, Kind, Operation
from bot.errors import RemoteError
from bot.incidents import Incidents
from bot.operations.incidents import EmergencyLane
from bot.operations.people import People
from bot.operations.plans import to_json
from bot.store import Store
from bot.tasks import Tasks
from bot.views.blocks import Message, View
from bot.views.modals import modal_body
from commands import incidents as commands
from commands.router import Router, bolt_app, dispatch
from tests.builders import ANA, NOW, new_operation, plan
from tests.views.messages import fits

CHANNELS = ("C0DEPLOYS", "C0STAGING")
WORKSPACE = "https://reify.slack.com/"
IDENTITY = AuthorizeResult(enterprise_id=None, team_id="T0REIFY", bot_token="xoxb-x", bot_id="B", bot_user_id="U")


class Time:
    """A clock that is where it is slept to."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        await asyncio.sleep(0)


class Slack:
    """A workspace whose messages stay; `troubles` has what the next calls about a channel raise, in their order."""

    def __init__(self) -> None:
        self.messages: dict[Card, Message] = {}
        self.private: list[tuple[str, str]] = []
        self.forms: list[View] = []
        self.edits = 0
        self.troubles: dict[str, list[RemoteError]] = {}
        self._numbers = itertools.count(1)

    async def member(self, user_id: str) -> Member:
        return Member(user_id, "T0REIFY", user_id, is_guest=user_id == "U0GUEST")

    async def post(self, channel: str, message: Message, *, thread_ts: str = "") -> Card:
        assert not thread_ts
        self._fail(channel)
        fits(message)
        card = Card(channel, f"{next(self._numbers)}.0")
        self.messages[card] = message
        return card

    async def update(self, card: Card, message: Message, *, urgent: bool = False) -> None:
        assert not urgent
        self._fail(card.channel)
        fits(message)
        self.edits += 1
        self.messages[card] = message

    async def ephemeral(self, channel: str, user_id: str, message: Message) -> None:
        assert channel
        self.private.append((user_id, message.text))

    async def open_view(self, trigger_id: str, view: View) -> str:
        assert trigger_id
        self.forms.append(view)
        return "V1"

    def in_channel(self, channel: str) -> list[Message]:
        return [message for card, message in self.messages.items() if card.channel == channel]

    def _fail(self, channel: str) -> None:
        if self.troubles.get(channel):
            raise self.troubles[channel].pop(0)


class Room:
    """People, buttons and messages around incidents; while `is_dying` nobody is told what changes."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.chat = Slack()
        self.clock = Time()
        self.tasks = Tasks()
        self.incidents = Incidents(store)
        self.is_dying = False
        self._start()

    async def restarts(self) -> None:
        """A new bot on the same database; returns when it has told what is to be told."""
        self.is_dying = False
        self._start()
        self.announcer.changed()
        await self.tasks.settle()

    def _changed(self) -> None:
        # A bot that dies right after the commit tells nobody.
        if not self.is_dying:
            self.announcer.changed()

    def _start(self) -> None:
        chat: Any = self.chat
        self.announcer = IncidentAnnouncer(self.incidents, chat, self.clock, self.tasks, workspace=WORKSPACE)
        people = People(chat, "T0REIFY")
        channels = [*CHANNELS, CHANNELS[0]]
        self.lane = EmergencyLane(self.incidents, people, self.clock, channels=channels, changed=self._changed)
        self.router = Router(chat, self.tasks)
        commands.register(self.router, self.lane, chat, workspace=WORKSPACE)
        self._bolt = bolt_app(self.router, IDENTITY)

    async def rolls_back(
        self, waived: str = "incident 1", *, by: Actor = ANA, starter: Actor | None = None
    ) -> Operation:
        """A rollback that was asked for by one person and started by the same or another."""
        await self.clock.sleep(1)
        app = f"app-{len(await self.store.audit_events())}"
        new = dataclasses.replace(new_operation(app, by=by), kind=Kind.ROLLBACK)
        operation, _ = await self.store.create_operation(new, self.clock.now())
        planned = plan(waived=waived)
        await self.store.set_plan(operation.id, to_json(planned), planned.hash)
        return await self.store.transition(operation.id, Event.START, by=starter or by, at=self.clock.now())

    async def types(self, text: str, *, by: str = "U0ANA") -> str:
        """Somebody types `/deploy incident …`; what only they saw of it."""
        body = {"command": "/deploy", "text": f"incident {text}", "user_id": by, "team_id": "T0REIFY"}
        return await self._answer(body | {"channel_id": "C0DEPLOYS"}, by)

    async def presses(self, operation_id: str, *, by: str) -> str:
        """Somebody presses Reviewed; what only they saw of it."""
        action = {"type": "button", "action_id": "incident_reviewed", "value": operation_id}
        channel = {"channel": {"id": "C0DEPLOYS"}, "trigger_id": "1.2.3"}
        return await self._answer({"type": "block_actions", "actions": [action], **_user(by), **channel}, by)

    async def submits(self, note: str, *, by: str) -> str:
        """Somebody sends the form that opened last; what only they saw of it."""
        body = modal_body(self.chat.forms[-1])
        values = {"note": {"note": {"type": "plain_text_input", "value": note}}}
        view = {"id": "V1", "type": "modal", **body, "state": {"values": values}}
        return await self._answer({"type": "view_submission", **_user(by), "view": view}, by)

    async def reviews(self, operation_id: str, *, by: str, note: str = "") -> str:
        """Somebody presses Reviewed and sends the form; what only they saw of it."""
        return await self.presses(operation_id, by=by) or await self.submits(note, by=by)

    async def _answer(self, body: dict[str, Any], by: str) -> str:
        before = len(self.chat.private)
        answer = await dispatch(self._bolt, body)
        await self.tasks.settle()
        at_once = json.loads(answer.body).get("text", "") if answer.body else ""
        return "\n".join([at_once, *(text for user, text in self.chat.private[before:] if user == by)]).strip()


def _user(user_id: str) -> dict[str, Any]:
    return {"user": {"id": user_id, "team_id": "T0REIFY"}, "team": {"id": "T0REIFY"}}
