"""`/deploy hold`: what is held after a rollback, and the ways out."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from bot.errors import BadCommand, RemoteError
from bot.operations.holds import HoldKeeper
from bot.ports import Chat
from bot.views import holds as views
from bot.views.blocks import Message, plain
from commands.deploy import REF_LIMIT
from commands.forms import open_form
from commands.interactions import Form, FormReply
from commands.router import Call, Reply, Router
from commands.text import closest, read_words, shown

USAGE = '`/deploy hold [ENVIRONMENT]` · `/deploy hold lift ENVIRONMENT "why"` · `/deploy hold fix ENVIRONMENT REF`'
HELP = f"""*`/deploy hold` says what is held: after a rollback the bad commits stay out.*
{USAGE}
• `/deploy hold production` — what is held there, by whom and why; without a name, everywhere
• `/deploy hold fix production main` — this commit mends it: whatever has it in its history may be deployed
• `/deploy hold lift production "it was the database"` — let it ship again; a number in place of the name lifts one hold
A commit that reverts what is held, or names it in a line `Fixes: abc1234`, needs none of these."""

DIGITS_MOST = 12


@dataclass(frozen=True)
class HoldCommand:
    """What `/deploy hold …` asked for: `list`, `lift`, `fix` or `help`. `name` is an environment or a hold's number."""

    verb: str
    name: str = ""
    rest: str = ""


def parse_hold(text: str) -> HoldCommand:
    """Read the text of `/deploy hold`; BadCommand says what is wrong with it."""
    read = read_words(text, usage=USAGE)
    if read.is_help:
        return HoldCommand("help")
    verb = read.words[0].casefold() if read.words else ""
    if verb == "lift":
        return _lift(read.words[1:])
    if verb == "fix":
        return _fix(read.words[1:])
    if len(read.words) > 1:
        extra = shown(" ".join(read.words[1:]))
        meant = closest(verb, ["lift", "fix"])
        raise BadCommand(f"`{extra}` is too much; name one environment or none.", usage=USAGE, did_you_mean=meant)
    return HoldCommand("list", *read.words)


def _lift(words: Sequence[str]) -> HoldCommand:
    name, why = [*words, ""][0], " ".join(words[1:])
    if not why:
        raise BadCommand("Name the environment and say why, in quotes.", usage=USAGE)
    if len(why) > views.REASON_LIMIT:
        raise BadCommand(f"The reason has {len(why)} characters; at most {views.REASON_LIMIT} are kept.", usage=USAGE)
    return HoldCommand("lift", name, why)


def _fix(words: Sequence[str]) -> HoldCommand:
    if len(words) != 2:
        raise BadCommand("Name the environment and the commit that mends it.", usage=USAGE)
    if len(words[1]) > REF_LIMIT:
        raise BadCommand(f"A ref has at most {REF_LIMIT} characters.", usage=USAGE)
    return HoldCommand("fix", *words)


class HoldHandlers:
    """What happens when `/deploy hold` is typed or a hold is lifted by its button."""

    def __init__(self, holds: HoldKeeper, chat: Chat) -> None:
        self._holds = holds
        self._chat = chat

    async def typed(self, call: Call) -> Reply:
        """List, lift, or declare a fix."""
        command = parse_hold(call.text)
        if command.verb == "help":
            return Reply(Message(text=HELP))
        if command.verb == "lift" and command.name.isdecimal():
            return Reply(then=lambda: self._lift_one(call, _number(command.name), command.rest))
        title = self._holds.title_of(command.name)
        if command.verb == "lift":
            return Reply(then=lambda: self._lift_all(call, title, command.rest))
        if command.verb == "fix":
            return Reply(then=lambda: self._fix(call, title, command.rest))
        return Reply(then=lambda: self._list(call, title))

    async def _list(self, call: Call, title: str) -> Message:
        return views.listed(await self._holds.in_force(title, by=call.actor), title)

    async def _lift_all(self, call: Call, title: str, why: str) -> Message:
        lifted = await self._holds.lift(title, why, by=call.actor)
        return views.lifted(lifted, by=call.actor, why=why)

    async def _lift_one(self, call: Call, number: int, why: str) -> Message:
        lifted = await self._holds.lift_one(number, why, by=call.actor)
        return views.lifted([lifted], by=call.actor, why=why)

    async def _fix(self, call: Call, title: str, ref: str) -> Message:
        commit, holds = await self._holds.declare_fix(title, ref, by=call.actor)
        return views.fix_declared(commit, holds, by=call.actor)

    async def pressed(self, call: Call) -> Reply:
        """Lift the hold… was pressed: ask for the reason."""
        return Reply(then=lambda: self._ask(call))

    async def _ask(self, call: Call) -> None:
        hold = await self._holds.one(_number(call.text), by=call.actor)
        view = views.form(hold, channel=call.channel or call.actor.user_id)
        await open_form(self._chat, call.trigger_id, view, again="Press *Lift the hold…* again.")

    async def submitted(self, form: Form) -> FormReply:
        """The reason was given: lift the hold, and say it in the channel where that was asked for."""
        why = plain(form.values.get(views.REASON, ""))
        if not why:
            return FormReply(errors={views.REASON: "Say why it may ship again."})
        if len(why) > views.REASON_LIMIT:
            return FormReply(errors={views.REASON: f"{len(why)} characters; at most {views.REASON_LIMIT} are kept."})
        return FormReply(then=lambda: self._submitted(form, why))

    async def _submitted(self, form: Form, why: str) -> Message | None:
        lifted = await self._holds.lift_one(_number(str(form.facts.get("hold", ""))), why, by=form.actor)
        told = views.lifted([lifted], by=form.actor, why=why)
        with contextlib.suppress(RemoteError):
            await self._chat.post(form.channel, told)
            return None
        # Where the bot may not speak, at least who lifted it hears that it is done.
        return told


def _number(text: str) -> int:
    """A hold's number; 0, which no hold has, for what is none or larger than any."""
    return int(text) if text.isdecimal() and len(text) <= DIGITS_MOST else 0


def register(router: Router, holds: HoldKeeper, chat: Chat, *, command: str = "/deploy") -> HoldHandlers:
    """Put `/deploy hold`, its button and its modal on the router."""
    handlers = HoldHandlers(holds, chat)
    router.subcommand(command, "hold", handlers.typed)
    router.action(views.LIFT, handlers.pressed)
    router.submission(views.FORM, handlers.submitted)
    return handlers
