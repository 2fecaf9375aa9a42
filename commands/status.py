"""`/deploy status`: what runs where."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain.model import Environment
from bot.errors import BadCommand
from bot.operations.status import Statuses
from bot.ports import Clock
from bot.views import status as views
from bot.views.blocks import Message
from commands.router import Call, Reply, Router
from commands.text import read_words, shown

USAGE = "`/deploy status [ENVIRONMENT]`"
HELP = f"""*`/deploy status` tells what runs where; only you see it.*
{USAGE}
• `/deploy status` — every environment
• `/deploy status production` — one
It says since when and by whom, how far production is behind, what is under way, and how Fly differs from the config."""


def parse_environment(text: str, usage: str) -> str:
    """The one environment that a text names, an empty string for none, `help`; BadCommand for more."""
    read = read_words(text, usage=usage)
    if read.is_help:
        return "help"
    words = read.words
    if len(words) > 1:
        raise BadCommand(f"`{shown(' '.join(words[1:]))}` is too much; name one environment or none.", usage=usage)
    return words[0] if words else ""


class StatusHandlers:
    """What happens when `/deploy status` is typed."""

    def __init__(self, statuses: Statuses, clock: Clock, workspace: str) -> None:
        self._statuses = statuses
        self._clock = clock
        self._workspace = workspace

    async def typed(self, call: Call) -> Reply:
        """Say that somebody looks, then look."""
        name = parse_environment(call.text, USAGE)
        if name == "help":
            return Reply(Message(text=HELP))
        wanted = self._statuses.wanted(name)
        return Reply(views.looking(len(wanted)), lambda: self._look(call, wanted))

    async def _look(self, call: Call, wanted: Sequence[Environment]) -> Message:
        found = await self._statuses.look(wanted, by=call.actor)
        return views.status(found, now=self._clock.now(), workspace=self._workspace)


def register(router: Router, statuses: Statuses, clock: Clock, *, workspace: str, command: str = "/deploy") -> None:
    """Put `/deploy status` on the router; `workspace` is the address of the workspace."""
    router.subcommand(command, "status", StatusHandlers(statuses, clock, workspace).typed)
