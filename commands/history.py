"""`/deploy history`: what was done, page by page, searched, or as a file."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from bot.domain.history import Result, Wish
from bot.errors import BadCommand, StaleAction
from bot.operations.history import SEARCH_LIMIT, Histories
from bot.ports import Chat
from bot.views import history as views
from bot.views.blocks import Message
from commands.router import Call, Reply, Router
from commands.text import read_words, shown

USAGE = '`/deploy history [ENVIRONMENT] [failed|succeeded|rejected|rollbacks] [--search "text"] [--csv]`'
HELP = f"""*`/deploy history` tells what was deployed, by whom, and how it ended; only you see it.*
{USAGE}
• `/deploy history production` — the newest deployments, with buttons for older ones
• `/deploy history production rollbacks` — only those; also `failed`, `succeeded`, `rejected`
• `/deploy history --search v1.4.2` — every recorded event that contains a ref, a commit, a person, a reason
• `/deploy history production --csv` — all of it as a file, in your direct messages"""
MENTION = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^>]*)?>")


@dataclass(frozen=True)
class HistoryCommand:
    """What `/deploy history …` asked for; `wish.environment` is as it was typed."""

    wish: Wish
    is_file: bool = False
    is_help: bool = False


def parse_history(text: str) -> HistoryCommand:
    """Read the text behind `/deploy history`; BadCommand says what is wrong with it."""
    read = read_words(text, flags=["--csv"], options=["--search"], usage=USAGE)
    if read.is_help:
        return HistoryCommand(Wish(), is_help=True)
    result, words = _result(read.words)
    if len(words) > 1:
        extra = shown(" ".join(words[1:]))
        raise BadCommand(f"`{extra}` is too much; put what to search for in quotes.", usage=USAGE)
    search = read.options.get("--search", "")
    if search and result is not Result.ALL:
        raise BadCommand(f"A search looks through everything; leave `{result}` away.", usage=USAGE)
    if len(search) > SEARCH_LIMIT:
        raise BadCommand(f"A search has at most {SEARCH_LIMIT} characters.", usage=USAGE)
    # A person is in the records by id.
    search = MENTION.sub(r"\1", search)
    return HistoryCommand(Wish("".join(words), result, search), is_file="--csv" in read.flags)


def _result(words: Sequence[str]) -> tuple[Result, list[str]]:
    """Which operations the last word asks for, and the words before it; all, where it says nothing of that."""
    *others, last = words or ("",)
    if last.casefold() in set(Result):
        return Result(last.casefold()), others
    return Result.ALL, list(words)


def read_wish(value: str) -> Wish:
    """The page that a button asks for; StaleAction for a value that is none of ours."""
    try:
        return msgspec.json.decode(value.encode("utf-8", "replace"), type=Wish)
    except msgspec.MsgspecError:
        raise StaleAction("This button does not fit.", hint="Ask again with `/deploy history`.") from None


class HistoryHandlers:
    """What happens when `/deploy history` is typed or a button of its answer is pressed."""

    def __init__(self, histories: Histories, chat: Chat, workspace: str) -> None:
        self._histories = histories
        self._chat = chat
        self._workspace = workspace

    async def typed(self, call: Call) -> Reply:
        """Say that somebody looks, then show the newest page, or send the file."""
        command = parse_history(call.text)
        if command.is_help:
            return Reply(Message(text=HELP))
        title = self._histories.title_of(command.wish.environment)
        wish = dataclasses.replace(command.wish, environment=title)
        if command.is_file:
            return Reply(views.exporting(), lambda: self._send(call, wish))
        return Reply(views.searching(wish), lambda: self._show(call, wish))

    async def _show(self, call: Call, wish: Wish) -> Message:
        return views.history(await self._histories.page(wish, by=call.actor), workspace=self._workspace)

    async def turned(self, call: Call) -> Reply:
        """A button was pressed that leads to another page, which takes the place of this one."""
        wish = read_wish(call.text)
        return Reply(then=lambda: self._turn(call, wish))

    async def _turn(self, call: Call, wish: Wish) -> None:
        await self._chat.respond(call.response_url, await self._show(call, wish), replace=True)

    async def _send(self, call: Call, wish: Wish) -> Message:
        sent = await self._histories.send_file(wish, by=call.actor)
        return views.sent(sent.rows, is_cut=sent.is_cut)


def register(router: Router, histories: Histories, chat: Chat, *, workspace: str, command: str = "/deploy") -> None:
    """Put `/deploy history` and its buttons on the router; `workspace` is the address of the workspace."""
    handlers = HistoryHandlers(histories, chat, workspace)
    router.subcommand(command, "history", handlers.typed)
    for action in views.ACTIONS:
        router.action(action, handlers.turned)
