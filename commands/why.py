"""`/deploy why`: what stands in the way now, what went wrong, and what to do."""

from __future__ import annotations

from dataclasses import dataclass

from bot.errors import BadCommand
from bot.operations.plans import plan_of
from bot.operations.why import Whys
from bot.ports import Clock
from bot.views import outlook, why
from bot.views.blocks import Message
from commands.deploy import REF_LIMIT
from commands.router import Call, Reply, Router
from commands.text import read_words, shown

USAGE = "`/deploy why [ENVIRONMENT [REF]]`"
HELP = f"""*`/deploy why` says what is in the way of a deployment, and what went wrong last; only you see it.*
{USAGE}
• `/deploy why production v1.4.2` — every rule that would refuse it now, and who lifts it; nothing is changed
• `/deploy why production` — the same for what a bare `/deploy production` takes, and the newest failure there
• `/deploy why` — the newest failure of all
It quotes Fly and CI, says where the Machines stand, and what to type next."""


@dataclass(frozen=True)
class WhyCommand:
    """What `/deploy why …` asked for; no environment means all."""

    environment: str = ""
    ref: str = ""
    is_help: bool = False


def parse_why(text: str) -> WhyCommand:
    """Read what stands behind `/deploy why`; BadCommand says what is wrong with it."""
    read = read_words(text, usage=USAGE)
    if read.is_help:
        return WhyCommand(is_help=True)
    if len(read.words) > 2:
        raise BadCommand(f"`{shown(' '.join(read.words[2:]))}` is too much.", usage=USAGE)
    environment, ref = [*read.words, "", ""][:2]
    if len(ref) > REF_LIMIT:
        raise BadCommand(f"A ref has at most {REF_LIMIT} characters.", usage=USAGE)
    return WhyCommand(environment, ref)


class WhyHandlers:
    """What happens when `/deploy why` is typed."""

    def __init__(self, whys: Whys, clock: Clock, workspace: str) -> None:
        self._whys = whys
        self._clock = clock
        self._workspace = workspace

    async def typed(self, call: Call) -> Reply:
        """Say that somebody looks, then look."""
        command = parse_why(call.text)
        if command.is_help:
            return Reply(Message(text=HELP))
        title = self._whys.title_of(command.environment)
        if not title:
            return Reply(why.looking(), lambda: self._story(call, title))
        if command.ref:
            return Reply(why.looking(), lambda: self._outlook(call, title, command.ref))
        return Reply(why.looking(), lambda: self._both(call, title))

    async def _outlook(self, call: Call, title: str, ref: str = "") -> Message:
        found = await self._whys.outlook(title, ref, by=call.actor)
        return outlook.outlook(found, self._clock.now(), reader=call.actor)

    async def _both(self, call: Call, title: str) -> Message:
        ahead = await self._outlook(call, title)
        return outlook.joined(ahead, await self._story(call, title, part_limit=outlook.STORY_PART_LIMIT))

    async def _story(self, call: Call, title: str, *, part_limit: int = why.PART_LIMIT) -> Message:
        case = await self._whys.case(title, by=call.actor)
        if case.operation is None:
            return why.nothing()
        return why.why(
            case.operation,
            plan_of(case.operation) if case.operation.plan is not None else None,
            running=case.running,
            later=case.later,
            now=self._clock.now(),
            workspace=self._workspace,
            part_limit=part_limit,
        )


def register(router: Router, whys: Whys, clock: Clock, *, workspace: str, command: str = "/deploy") -> None:
    """Put `/deploy why` on the router; `workspace` is the address of the workspace."""
    router.subcommand(command, "why", WhyHandlers(whys, clock, workspace).typed)
