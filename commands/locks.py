"""`/deploy lock` and `/deploy unlock`, with the buttons of locks and the form to take one over."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.domain.lock import Waiter
from bot.domain.lock_end import EXAMPLES, End, read_end
from bot.domain.model import Actor
from bot.errors import BadCommand, StaleAction
from bot.operations.locks import LockKeeper, Wish
from bot.ports import Chat, Clock
from bot.views import locks as views
from bot.views.blocks import Message, plain
from commands.forms import open_form
from commands.interactions import Form, FormReply
from commands.router import Call, Reply, Router
from commands.text import closest, read_words, shown

USAGE = '`/deploy lock ENVIRONMENT|all "why" [for 2h] [until 17:00] [--branch NAME]`'
UNLOCK_USAGE = "`/deploy unlock ENVIRONMENT|all`"
BRANCH_LIMIT = 250
# As many digits as a row's number can have.
NUMBER = re.compile(r"[0-9]{1,18}")
HELP = f"""*`/deploy lock` keeps the deployments and rollbacks of others out of an environment, until you unlock it.*
{USAGE}
{UNLOCK_USAGE}
• `/deploy lock` — what is locked, by whom, why
• `/deploy lock production "moving the database" for 2h` — it ends by itself
• `/deploy lock production "release day" until 17:00` — on your own clock; `until friday 9:00` works, too
• `/deploy lock production "only the fix" --branch hotfix` — deployments of that branch pass
• `/deploy lock all "incident"` — every environment
• `/deploy unlock production` — yours; somebody else's you take over, and they are told
What you deploy yourself passes, and what runs already goes on. The command again changes your lock."""


@dataclass(frozen=True)
class LockCommand:
    """What `/deploy lock …` asked for; without an environment the list, with `help` there the help."""

    environment: str = ""
    why: str = ""
    end: End | None = None
    branch: str = ""


def parse_lock(text: str) -> LockCommand:
    """Read the text behind `/deploy lock`; BadCommand says what is wrong with it."""
    read = read_words(text, options=["--branch"], usage=USAGE)
    environment, *words = read.words or ("",)
    branch = read.options.get("--branch", "")
    if read.is_help:
        return LockCommand("help")
    if not environment and not branch:
        return LockCommand()
    reason, end = _split_end(words)
    why = " ".join(reason)
    if not why:
        raise BadCommand("Say why, so that the others know: it is part of every refusal.", usage=USAGE)
    if len(why) > views.WHY_LIMIT:
        raise BadCommand(f"The reason has {len(why)} characters; at most {views.WHY_LIMIT} are kept.", usage=USAGE)
    if len(branch) > BRANCH_LIMIT:
        raise BadCommand(f"A branch has at most {BRANCH_LIMIT} characters.", usage=USAGE)
    return LockCommand(environment, why, end, branch)


def _split_end(words: list[str]) -> tuple[list[str], End | None]:
    """The reason, and the end that the last words say; BadCommand where they seem to mean one that cannot be read."""
    places = [place for place, word in enumerate(words) if word.casefold() in {"for", "until"}]
    place = places[-1] if places else len(words)
    reason, said = words[:place], words[place:]
    if said and (end := read_end(said[0], " ".join(said[1:]))):
        return _whole(reason), end
    # In a sentence "for" is a word like any other; before a number it is not.
    if said and (said[0].casefold() == "until" or " ".join(said[1:])[:1].isdigit()):
        raise _no_end(said)
    return _whole(words), None


def _whole(reason: list[str]) -> list[str]:
    """The words of a reason, of which none was meant as an end; a reason in quotes is one word."""
    if len(reason) > 1 and " " in reason[0]:
        raise _no_end(reason[1:])
    for place in range(1, len(reason)):
        meant = closest(reason[place].casefold(), ["for", "until"])
        if meant and read_end(meant, said := " ".join(reason[place + 1 :])):
            raise _no_end(reason[place:], f"{meant} {said}")
    return reason


def _no_end(words: list[str], did_you_mean: str = "") -> BadCommand:
    said = shown(" ".join(words))
    message = f"`{said}` is no end. Write {EXAMPLES}; a reason stands in quotes, in front of it."
    return BadCommand(message, usage=USAGE, did_you_mean=did_you_mean)


def parse_unlock(text: str) -> str:
    """The one environment that the text behind `/deploy unlock` names, or `help`; BadCommand for none and for more."""
    read = read_words(text, usage=UNLOCK_USAGE)
    if not read.words:
        raise BadCommand("Say which environment, or `all` for a lock on everything.", usage=UNLOCK_USAGE)
    if len(read.words) > 1:
        raise BadCommand(f"`{shown(' '.join(read.words[1:]))}` is too much.", usage=UNLOCK_USAGE)
    return "help" if read.is_help else read.words[0]


class LockHandlers:
    """What happens when `/deploy lock` or `/deploy unlock` is typed, or a button of a lock is pressed."""

    def __init__(self, keeper: LockKeeper, chat: Chat, clock: Clock) -> None:
        self._keeper = keeper
        self._chat = chat
        self._clock = clock

    async def locked(self, call: Call) -> Reply:
        """`/deploy lock` was typed: lock, or list the locks."""
        command = parse_lock(call.text)
        if command.environment == "help":
            return Reply(Message(HELP))
        if not command.environment:
            return Reply(then=lambda: self._list(call.actor))
        wish = Wish(self._keeper.scope_of(command.environment), command.why, command.end, command.branch)
        return Reply(then=lambda: self._lock(call.actor, wish))

    async def _list(self, by: Actor) -> Message:
        standing = await self._keeper.listed(by=by)
        return views.listed(standing.locks, standing.problems, self._clock.now(), reader=by)

    async def _lock(self, by: Actor, wish: Wish) -> Message:
        locking = await self._keeper.lock(wish, by=by)
        return views.locked(locking.lock, locking.outcome, guessed_zone=locking.guessed_zone)

    async def unlocked(self, call: Call) -> Reply:
        """`/deploy unlock` was typed."""
        name = parse_unlock(call.text)
        if name == "help":
            return Reply(Message(HELP))
        scope = self._keeper.scope_of(name)
        return Reply(then=lambda: self._unlock(scope, call.actor))

    async def _unlock(self, scope: str, by: Actor) -> Message:
        record = await self._keeper.unlock(scope, by=by)
        return views.unlocked(record) if record else views.removed(scope, by)

    async def released(self, call: Call) -> Reply:
        """Unlock was pressed."""
        return Reply(then=lambda: self._release(call))

    async def _release(self, call: Call) -> Message:
        lock_id, _ = read_value(call.text)
        return views.unlocked(await self._keeper.release(lock_id, by=call.actor))

    async def asked(self, call: Call) -> Reply:
        """Ask the holder was pressed."""
        return Reply(then=lambda: self._ask(call))

    async def _ask(self, call: Call) -> Message:
        lock_id, wants = read_value(call.text)
        lock, is_new = await self._keeper.ask(lock_id, Waiter(call.actor, call.channel, wants))
        return views.asking(lock, is_new=is_new)

    async def kept(self, call: Call) -> Reply:
        """Keep it was pressed, below a question."""
        return Reply(then=lambda: self._keep(call))

    async def _keep(self, call: Call) -> None:
        lock_id, asker_id = read_value(call.text)
        lock = await self._keeper.keep(lock_id, asker_id, by=call.actor)
        # The question has its answer: it makes way for it, with its buttons.
        await self._chat.respond(call.response_url, views.answered(lock, Actor(asker_id)), replace=True)

    async def watched(self, call: Call) -> Reply:
        """Tell me when it is free was pressed."""
        return Reply(then=lambda: self._watch(call))

    async def _watch(self, call: Call) -> Message:
        lock_id, wants = read_value(call.text)
        lock, is_new = await self._keeper.watch(lock_id, Waiter(call.actor, call.channel, wants))
        return views.waiting(lock, is_new=is_new)

    async def claimed(self, call: Call) -> Reply:
        """Lock it for me was pressed."""
        return Reply(then=lambda: self._claim(call))

    async def _claim(self, call: Call) -> Message:
        lock_id, _ = read_value(call.text)
        locking = await self._keeper.claim(lock_id, by=call.actor)
        return views.locked(locking.lock, locking.outcome)

    async def taken_over(self, call: Call) -> Reply:
        """Take over was pressed: the reason is asked for."""
        return Reply(then=lambda: self._ask_why(call))

    async def _ask_why(self, call: Call) -> None:
        lock_id, _ = read_value(call.text)
        lock = await self._keeper.other(lock_id, by=call.actor)
        view = views.take_over(lock, self._clock.now(), channel=call.channel or call.actor.user_id)
        await open_form(self._chat, call.trigger_id, view, again="Press *Take over* again.")

    async def reasoned(self, form: Form) -> FormReply:
        """The form to take a lock over was sent."""
        why = plain(form.values.get(views.WHY, ""))
        if not why:
            return FormReply(errors={views.WHY: "Say why: the holder reads it."})
        if len(why) > views.WHY_LIMIT:
            return FormReply(errors={views.WHY: f"{len(why)} characters; at most {views.WHY_LIMIT} are kept."})
        return FormReply(then=lambda: self._take_over(form, why))

    async def _take_over(self, form: Form, why: str) -> Message:
        lock_id, _ = read_value(str(form.facts.get("lock", "")))
        return views.taken(await self._keeper.take_over(lock_id, why, by=form.actor))


def read_value(value: str) -> tuple[int, str]:
    """The lock that a button is about, and what else it carries; StaleAction for a value that is none of ours."""
    number, _, rest = value.partition(":")
    if not NUMBER.fullmatch(number):
        raise StaleAction("This button does not fit.", hint="`/deploy lock` lists the locks.")
    return int(number), rest


def register(router: Router, keeper: LockKeeper, chat: Chat, clock: Clock, *, command: str = "/deploy") -> None:
    """Put `/deploy lock`, `/deploy unlock`, the buttons of locks and the form on the router."""
    handlers = LockHandlers(keeper, chat, clock)
    router.subcommand(command, "lock", handlers.locked)
    router.subcommand(command, "unlock", handlers.unlocked)
    router.action(views.RELEASE, handlers.released)
    router.action(views.ASK, handlers.asked)
    router.action(views.KEEP, handlers.kept)
    router.action(views.WATCH, handlers.watched)
    router.action(views.CLAIM, handlers.claimed)
    router.action(views.TAKE_OVER, handlers.taken_over)
    router.submission(views.TAKING, handlers.reasoned)
