"""`/deploy stats`: how often and how well is deployed."""

from __future__ import annotations

from dataclasses import dataclass

from bot.errors import BadCommand, RemoteError
from bot.operations.stats import Statistics
from bot.ports import Chat
from bot.views import stats as views
from bot.views.blocks import Message
from commands.router import Call, Reply, Router
from commands.text import read_words, shown

USAGE = "`/deploy stats [ENVIRONMENT] [--days 30]`"
HELP = f"""*`/deploy stats` counts what was deployed, how quickly, and how well.*
{USAGE}
• `/deploy stats` — every environment, the last 30 days
• `/deploy stats production --days 90` — one environment, 1 to 365 days"""
DAYS, MOST_DAYS = 30, 365


@dataclass(frozen=True)
class StatsCommand:
    """What `/deploy stats …` asked for; no environment means all."""

    environment: str = ""
    days: int = DAYS
    is_help: bool = False


def parse_stats(text: str) -> StatsCommand:
    """Read what stands behind `/deploy stats`; BadCommand says what is wrong with it."""
    read = read_words(text, options=["--days"], usage=USAGE)
    if read.is_help:
        return StatsCommand(is_help=True)
    if len(read.words) > 1:
        raise BadCommand(f"`{shown(' '.join(read.words[1:]))}` is too much; name one environment.", usage=USAGE)
    days = read.options.get("--days", str(DAYS))
    # Longer digits than that are no number of days, and would take their time to read.
    if not (days.isascii() and days.isdigit() and len(days) <= 3 and 1 <= int(days) <= MOST_DAYS):
        raise BadCommand(f"`--days` is a whole number from 1 to {MOST_DAYS}, not `{shown(days)}`.", usage=USAGE)
    return StatsCommand("".join(read.words), int(days))


class StatsHandlers:
    """What happens when `/deploy stats` is typed."""

    def __init__(self, statistics: Statistics, chat: Chat) -> None:
        self._statistics = statistics
        self._chat = chat

    async def typed(self, call: Call) -> Reply:
        """Show the figures to whoever asks."""
        command = parse_stats(call.text)
        if command.is_help:
            return Reply(Message(text=HELP))
        return Reply(then=lambda: self._show(call, command))

    async def _show(self, call: Call, command: StatsCommand) -> Message | None:
        figures = await self._statistics.of(command.environment, command.days, by=call.actor)
        message = views.stats(figures)
        try:
            await self._chat.respond(call.response_url, message)
        except RemoteError:
            # `invalid_blocks` where charts are not known yet; whatever else it was, the text alone may arrive.
            return views.without_charts(message)
        return None


def register(router: Router, statistics: Statistics, chat: Chat, *, command: str = "/deploy") -> None:
    """Put `/deploy stats` on the router."""
    router.subcommand(command, "stats", StatsHandlers(statistics, chat).typed)
