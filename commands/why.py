"""`/deploy why`: what went wrong, and what to do now."""

from __future__ import annotations

from bot.operations.plans import plan_of
from bot.operations.why import Whys
from bot.ports import Clock
from bot.views import why as views
from bot.views.blocks import Message
from commands.router import Call, Reply, Router
from commands.status import parse_environment

USAGE = "`/deploy why [ENVIRONMENT]`"
HELP = f"""*`/deploy why` explains the newest deployment that failed or was refused; only you see it.*
{USAGE}
• `/deploy why production` — of one environment
• `/deploy why` — of all
It says which rule or step said no, quotes Fly and CI, says where the Machines stand, and what to type next."""


class WhyHandlers:
    """What happens when `/deploy why` is typed."""

    def __init__(self, whys: Whys, clock: Clock, workspace: str) -> None:
        self._whys = whys
        self._clock = clock
        self._workspace = workspace

    async def typed(self, call: Call) -> Reply:
        """Say that somebody looks, then look."""
        name = parse_environment(call.text, USAGE)
        if name == "help":
            return Reply(Message(text=HELP))
        title = self._whys.title_of(name)
        return Reply(views.looking(), lambda: self._explain(call, title))

    async def _explain(self, call: Call, title: str) -> Message:
        case = await self._whys.case(title, by=call.actor)
        operation = case.operation
        if operation is None:
            return views.nothing()
        plan = plan_of(operation) if operation.plan is not None else None
        now, workspace = self._clock.now(), self._workspace
        return views.why(operation, plan, running=case.running, later=case.later, now=now, workspace=workspace)


def register(router: Router, whys: Whys, clock: Clock, *, workspace: str, command: str = "/deploy") -> None:
    """Put `/deploy why` on the router; `workspace` is the address of the workspace."""
    router.subcommand(command, "why", WhyHandlers(whys, clock, workspace).typed)
