"""`/deploy incident`: declare an incident, end it, review what passed."""

from __future__ import annotations

from dataclasses import dataclass

from bot.errors import BadCommand, StaleAction
from bot.operations.incidents import EmergencyLane
from bot.ports import Chat
from bot.views import incidents as views
from bot.views.blocks import Message, plain
from commands.forms import open_form
from commands.interactions import Form, FormReply
from commands.router import Call, Reply, Router
from commands.text import closest, read_words, shown

USAGE = '`/deploy incident [start "why" | end]`'
HELP = f"""*`/deploy incident` is the emergency lane: rollbacks need no approval while an incident goes on.*
{USAGE}
• `/deploy incident start "checkout is down"` — declare it; every channel of an environment hears of it
• `/deploy incident end` — it is over; what passed without an approval is listed for review
• `/deploy incident` — what goes on, and what still waits for a review
Deployments need an approval while it goes on, wherever there is a rollback."""
WHY_LIMIT = 300


@dataclass(frozen=True)
class IncidentCommand:
    """What `/deploy incident …` asked for: `start` with its reason, `end`, `help`, or nothing to look at it."""

    verb: str = ""
    why: str = ""


def parse_incident(text: str) -> IncidentCommand:
    """Read what stands behind `/deploy incident`; BadCommand says what is wrong with it."""
    read = read_words(text, usage=USAGE)
    verb, rest = "".join(read.words[:1]).casefold(), " ".join(read.words[1:])
    if verb == "start":
        return IncidentCommand(verb, _why(rest))
    if verb not in {"", "end", "help"}:
        known = closest(verb, ["start", "end", "help"])
        raise BadCommand(f"`{shown(read.words[0])}` is not known here.", usage=USAGE, did_you_mean=known)
    if rest and verb == "end":
        raise BadCommand(f"`{shown(rest)}` is too much; `end` needs nothing else.", usage=USAGE)
    return IncidentCommand(verb)


def _why(words: str) -> str:
    if not plain(words):
        raise BadCommand("An incident needs a reason: what is broken?", usage=USAGE)
    if len(words) > WHY_LIMIT:
        raise BadCommand(f"The reason has {len(words)} characters; at most {WHY_LIMIT} are kept.", usage=USAGE)
    return words


class IncidentHandlers:
    """What happens when `/deploy incident` is typed, and when Reviewed is pressed."""

    def __init__(self, lane: EmergencyLane, chat: Chat, workspace: str) -> None:
        self._lane = lane
        self._chat = chat
        self._workspace = workspace

    async def typed(self, call: Call) -> Reply:
        """Declare, end, or show."""
        command = parse_incident(call.text)
        if command.verb == "help":
            return Reply(Message(text=HELP))
        if command.verb == "start":
            return Reply(then=lambda: self._start(call, command.why))
        return Reply(then=lambda: self._end(call) if command.verb == "end" else self._show(call))

    async def reviewed(self, call: Call) -> Reply:
        """Reviewed was pressed: a form asks for a note."""
        return Reply(then=lambda: self._open(call))

    async def noted(self, form: Form) -> FormReply:
        """The form was sent."""
        return FormReply(then=lambda: self._review(form))

    async def _start(self, call: Call, why: str) -> Message:
        incident, is_new = await self._lane.start(why, by=call.actor)
        return views.declared(incident, is_new=is_new)

    async def _end(self, call: Call) -> Message:
        incident, passed = await self._lane.end(by=call.actor)
        return views.closed(incident, passed)

    async def _show(self, call: Call) -> Message:
        found = await self._lane.standing(by=call.actor)
        return views.standing(found.incident, found.passed, found.unreviewed, self._workspace)

    async def _open(self, call: Call) -> None:
        passage = await self._lane.reviewable(call.text, by=call.actor)
        form = views.review_form(passage, channel=call.channel or call.actor.user_id, workspace=self._workspace)
        await open_form(self._chat, call.trigger_id, form, again="Press *Reviewed* again.")

    async def _review(self, form: Form) -> Message:
        operation_id = form.facts.get("operation")
        if not isinstance(operation_id, str):
            raise StaleAction("This form names no rollback.", hint="Press *Reviewed* again.")
        note = plain(form.values.get(views.NOTE, ""))
        return views.recorded(await self._lane.review(operation_id, note, by=form.actor))


def register(
    router: Router, lane: EmergencyLane, chat: Chat, *, workspace: str, command: str = "/deploy"
) -> IncidentHandlers:
    """Put `/deploy incident`, its button and its form on the router; `workspace` is the address of the workspace."""
    handlers = IncidentHandlers(lane, chat, workspace)
    router.subcommand(command, "incident", handlers.typed)
    router.action(views.REVIEWED, handlers.reviewed)
    router.submission(views.REVIEW, handlers.noted)
    return handlers
