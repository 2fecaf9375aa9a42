"""`/deploy hold` as people type and click it: what is held, the ways out, and who hears of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.domain.hold import Hold
from bot.domain.model import Member
from bot.errors import BadCommand, RemoteRejected
from bot.operations.holds import HoldKeeper
from bot.operations.people import People
from bot.store import Store
from bot.tasks import Tasks
from bot.views import holds as views
from bot.views.blocks import Message, View
from bot.writer import MEMORY
from commands.holds import HELP, HoldCommand, parse_hold, register
from commands.router import Router
from tests.operations.test_holds import PRODUCTION, STAGING, Scene, environment_called
from tests.views.messages import said

LIFT = 'lift production "it was the database"'


class Chat:
    """A Slack that keeps what was said where. `is_open` says whether the bot may post in channels."""

    def __init__(self) -> None:
        self.private: list[str] = []
        self.public: list[str] = []
        self.views: list[View] = []
        self.is_open = True

    async def member(self, user_id: str) -> Member:
        return Member(user_id, "T0REIFY", user_id, is_guest=user_id == "U0GUEST")

    async def respond(self, response_url: str, message: Message) -> None:
        assert response_url
        (self.public if message.in_channel else self.private).append(said(message))

    async def ephemeral(self, channel: str, user_id: str, message: Message) -> None:
        assert channel == "C0DEPLOYS"
        assert user_id
        self.private.append(said(message))

    async def post(self, channel: str, message: Message) -> None:
        if not self.is_open:
            raise RemoteRejected("not_in_channel", service="Slack", code="not_in_channel")
        self.public.append(f"{channel}: {said(message)}")

    async def open_view(self, trigger_id: str, view: View) -> str:
        assert trigger_id
        self.views.append(view)
        return "V1"


class Room(Scene):
    """A channel in which people type and click, while v43 is held for production."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.chat, self.tasks = Chat(), Tasks()
        chat: Any = self.chat
        github: Any = self.github
        self.router = Router(chat, self.tasks)
        keeper = HoldKeeper(self.holds, github, People(chat, "T0REIFY"), self.clock, environment_called)
        register(self.router, keeper, chat)

    async def types(self, text: str, *, by: str = "U0ANA") -> str:
        """Somebody types `/deploy hold …`; what they alone are told."""
        before = len(self.chat.private)
        body = self._body(by) | {"command": "/deploy", "text": f"hold {text}", "user_id": by, "team_id": "T0REIFY"}
        answer = await self.router.run_command(body | {"channel_id": "C0DEPLOYS"})
        await self.tasks.settle()
        return "\n".join([said(answer)] if answer else self.chat.private[before:])

    async def presses(self, value: str, *, by: str = "U0ANA") -> str:
        """Somebody presses Lift the hold…; what they alone are told."""
        before = len(self.chat.private)
        await self.router.run_action(self._body(by) | {"actions": [{"action_id": views.LIFT, "value": value}]})
        await self.tasks.settle()
        return "\n".join(self.chat.private[before:])

    async def submits(self, why: str, *, by: str = "U0ANA") -> dict[str, str]:
        """Somebody fills in the reason in the newest modal; the errors beside it."""
        view = {"callback_id": views.FORM, "id": "V1", "private_metadata": self.chat.views[-1].metadata}
        state = {"values": {views.REASON: {views.REASON: {"type": "plain_text_input", "value": why}}}}
        reply = await self.router.run_submission(self._body(by) | {"view": view | {"state": state}})
        await self.tasks.settle()
        return dict(reply.errors)

    async def hold(self) -> Hold:
        """The only hold in force."""
        (hold,) = await self.holds.of()
        return hold

    @staticmethod
    def _body(by: str) -> dict[str, Any]:
        user, channel = {"id": by, "team_id": "T0REIFY"}, {"id": "C0DEPLOYS"}
        return {"user": user, "channel": channel, "trigger_id": "t1", "response_url": "https://hooks.slack.com/x"}


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    """v43 was rolled back from production by Bo just now."""
    store = Store(MEMORY)
    await store.open()
    made = Room(store)
    await made.rolls_back()
    yield made
    await store.close()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", HoldCommand("list")),
        ("production", HoldCommand("list", "production")),
        ("Help", HoldCommand("help")),
        ('lift production "it was the database"', HoldCommand("lift", "production", "it was the database")),
        ("LIFT production it's fine", HoldCommand("lift", "production", "it's fine")),
        ("lift 3 “it was the database”", HoldCommand("lift", "3", "it was the database")),
        ("fix production main", HoldCommand("fix", "production", "main")),
    ],
)
def test_what_people_type_is_read(text: str, expected: HoldCommand) -> None:
    """With or without quotes, from any keyboard."""
    assert parse_hold(text) == expected


@pytest.mark.parametrize(
    ("text", "message", "meant"),
    [
        ("lift", "say why", ""),
        ("lift production", "say why", ""),
        ('lift production ""', "say why", ""),
        ("lift production " + "x" * 301, "301 characters; at most 300", ""),
        ("fix production", "the commit that mends it", ""),
        ("fix production main now", "the commit that mends it", ""),
        ("fix production " + "x" * 251, "at most 250 characters", ""),
        ("production now", "`now` is too much", ""),
        ("lfit production", "`production` is too much", "lift"),
        ("production --force", "`--force` is not an option", ""),
    ],
)
def test_what_cannot_be_read_is_said(text: str, message: str, meant: str) -> None:
    """With what was probably meant; nothing is lifted by a slip."""
    with pytest.raises(BadCommand, match=message) as caught:
        parse_hold(text)

    assert caught.value.did_you_mean == meant


async def test_what_is_held_is_listed_privately(room: Room) -> None:
    """What, since when, who, why, under which number, and both ways out."""
    told = await room.types("production")

    hold = await room.hold()
    assert f"`v43` ({hold.bad[:7]}) is held since 27 Nov 2026 12:00 UTC, <@U0BO> rolled it back" in told
    assert "checkout is down" in told
    assert f"number {hold.id}" in told
    assert '/deploy hold lift reify-studio/production "why"' in told
    assert "/deploy hold fix reify-studio/production REF" in told
    assert room.chat.public == []


async def test_all_environments_are_listed_without_a_name(room: Room) -> None:
    """Each hold says whose it is; where nothing is held that is said."""
    await room.rolls_back(where=STAGING.title)
    told = await room.types("")
    await room.types('lift staging "over"')

    assert PRODUCTION.title in told
    assert STAGING.title in told
    assert "Nothing is held for `reify-studio/staging`" in await room.types("staging")
    await room.types(LIFT)
    assert "Nothing is held." in await room.types("")


async def test_lifting_is_told_to_all(room: Room) -> None:
    """Who, what and why, in the channel; the second time the answer is private."""
    assert await room.types(LIFT) == ""
    (told,) = room.chat.public

    assert "<@U0ANA> lifted the hold on `v43`" in told
    assert "it was the database" in told
    assert await room.holds.of() == ()
    assert "no_hold" in await room.types(LIFT)
    assert len(room.chat.public) == 1


async def test_one_hold_is_lifted_by_its_number(room: Room) -> None:
    """The others stay; a number that there is not is refused, however long it is."""
    first = await room.hold()
    second = await room.rolls_back(bad=room.repo.commit(room.v43))
    await room.types(f'lift {first.id} "it was the database"')

    assert await room.holds.of() == (second,)
    for number in (first.id, 0, "9" * 40):
        assert "no_hold" in await room.types(f'lift {number} "again"')
    assert await room.holds.of() == (second,)


async def test_a_declared_fix_is_told_to_all(room: Room) -> None:
    """Which commit, for what, by whom; the list shows it from then on."""
    room.github.refs["main"] = fix = room.repo.commit(room.v43)
    assert await room.types("fix production main") == ""
    (told,) = room.chat.public

    assert f"<@U0ANA> declared {fix[:7]} (Change {fix[:7]}) the fix of `v43`" in told
    assert f"declared fixes: `{fix[:7]}`" in await room.types("production")


async def test_errors_are_private(room: Room) -> None:
    """An unknown environment, an unknown ref, a fix that is none, a guest: nothing changes, nobody else hears of it."""
    room.github.refs["v42"] = room.v42
    told = [
        await room.types('lift nowhere "why"'),
        await room.types("fix production nothing"),
        await room.types("fix production v42"),
        await room.types(LIFT, by="U0GUEST"),
    ]

    codes = ["unknown_environment", "unknown_ref", "held", "not_a_member"]
    assert [code in text for code, text in zip(codes, told, strict=True)] == [True] * 4
    assert room.chat.public == []
    assert (await room.hold()).fixes == ()


async def test_help_shows_each_form(room: Room) -> None:
    """Private, and nothing is changed."""
    assert await room.types("help") == HELP


async def test_the_button_asks_for_a_reason_and_lifts(room: Room) -> None:
    """The modal says what is held and by whom; with the reason it is lifted, and the channel hears it."""
    hold = await room.hold()
    assert await room.presses(str(hold.id)) == ""
    (view,) = room.chat.views
    assert json.loads(view.metadata) == {"hold": hold.id, "channel": "C0DEPLOYS"}
    assert "<@U0BO> rolled it back" in said(Message("", view.blocks))

    assert await room.submits("it was the database") == {}

    (told,) = room.chat.public
    assert told.startswith("C0DEPLOYS: <@U0ANA> lifted the hold on `v43`")
    assert await room.holds.of() == ()


@pytest.mark.parametrize(("why", "error"), [("", "Say why"), (" \u200b ", "Say why"), ("x" * 301, "at most 300")])
async def test_the_modal_insists_on_a_reason(room: Room, why: str, error: str) -> None:
    """The error stands beside the input, and the hold stays."""
    await room.presses(str((await room.hold()).id))

    errors = await room.submits(why)

    assert error in errors[views.REASON]
    assert await room.hold()


async def test_where_the_bot_may_not_speak_who_lifted_it_hears_of_it(room: Room) -> None:
    """A channel that it was not invited to: the hold is lifted all the same, and that is said."""
    room.chat.is_open = False
    await room.presses(str((await room.hold()).id))
    await room.submits("it was the database")

    assert await room.holds.of() == ()
    assert "lifted the hold" in room.chat.private[-1]


async def test_a_button_of_a_hold_that_is_gone_says_so(room: Room) -> None:
    """Lifted meanwhile, or a value that is no number: no modal, no effect, also where the modal was open already."""
    hold = await room.hold()
    await room.presses(str(hold.id))
    await room.types(LIFT, by="U0BO")

    assert "not in force any more" in await room.presses(str(hold.id))
    assert "not in force any more" in await room.presses("junk")
    await room.submits("it was the database")
    assert "no_hold" in room.chat.private[-1]
    assert len(room.chat.views) == 1
    assert len(room.chat.public) == 1


async def test_a_guest_cannot_press_it(room: Room) -> None:
    """Neither the button nor the form of somebody else."""
    hold = await room.hold()
    pressed = await room.presses(str(hold.id), by="U0GUEST")
    await room.presses(str(hold.id))
    await room.submits("why not", by="U0GUEST")

    assert "not_a_member" in pressed
    assert "not_a_member" in room.chat.private[-1]
    assert await room.holds.of() == (hold,)
