"""The app's Home tab: what waits for the person, what runs where, and what was done last.

Source: Slack, "App Home" (100 blocks; the text limits are those of messages).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from bot.domain.history import Page
from bot.domain.operation import Operation
from bot.domain.status import EnvironmentStatus
from bot.views import history, status
from bot.views.blocks import Block, Message, actions, button, context, divider, escape, header, section
from bot.views.words import place

REFRESH, DEPLOY = "home_refresh", "home_deploy"
DONE_SHOWN, YOURS_SHOWN = 5, 5
HELP = "`/deploy help` lists what can be typed, in any channel."


def home(
    found: Sequence[EnvironmentStatus], done: Page, *, yours: Sequence[Operation], now: datetime, workspace: str
) -> list[Block]:
    """What this person may approve (`yours`), every environment, the newest operations, and buttons.

    `workspace` is its address, for links to cards.
    """
    newest = history.newest(done, DONE_SHOWN, workspace=workspace) or ["Nothing yet."]
    return [
        *_yours(yours, now, workspace),
        header("What runs where"),
        *status.status(found, now=now, workspace=workspace).blocks,
        _buttons(),
        divider(),
        header("Done last"),
        *map(section, newest),
        context(HELP),
    ]


def _yours(yours: Sequence[Operation], now: datetime, workspace: str) -> Iterator[Block]:
    if not yours:
        return
    yield header("Waiting for you")
    for each in yours[:YOURS_SHOWN]:
        where = f"{escape(each.pipeline)}/{escape(each.environment)}"
        yield section(f"📋 *{where}*: {status.waiting_words(each, now)}{place(each.card, workspace)}")
    if len(yours) > YOURS_SHOWN:
        yield context(f"… and {len(yours) - YOURS_SHOWN} more")


def looking() -> list[Block]:
    """What stands there until Fly and GitHub have answered."""
    return [header("What runs where"), section("Looking…"), context(HELP)]


def trouble(message: Message) -> list[Block]:
    """What stands there where nothing can be shown: why, and a way to try again."""
    return [header("What runs where"), section(message.text), actions(_refresh())]


def _buttons() -> Block:
    return actions(button("Deploy…", action=DEPLOY, value="home", style="primary"), _refresh())


def _refresh() -> Block:
    return button("Refresh", action=REFRESH, value="home")
