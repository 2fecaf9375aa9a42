"""Pages of what was done, with buttons that lead on; each button carries the page that it leads to."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

from bot.domain.history import Entry, Page, Recorded, Result, Wish
from bot.domain.model import Actor
from bot.domain.operation import Kind, State
from bot.views.blocks import ALL_TEXT_LIMIT, Block, Message, actions, button, clip_mrkdwn, code, escape, prose, section
from bot.views.deployments import ICON, STATE_WORDS
from bot.views.words import place, stamp, took

# One for each button of the row, since Slack wants them different; all ask for the page in their value.
OLDER, NEWER = "history_older", "history_newer"
FILTERS = {result: f"history_{result}" for result in Result}
ACTIONS = (OLDER, NEWER, *FILTERS.values())
THOSE = {
    Result.ALL: "",
    Result.FAILED: ", those that failed",
    Result.SUCCEEDED: ", those that succeeded",
    Result.REJECTED: ", those that an approver rejected",
    Result.ROLLBACKS: ", rollbacks alone",
}
DETAIL_SHOWN = 240
# What people typed may be long, and longer still once it is escaped.
ENTRY_LIMIT = 900


def searching(wish: Wish) -> Message:
    """The immediate answer to the command."""
    return Message(text=f"Searching for {code(wish.search, 80)}…" if wish.search else "Looking into the history…")


def history(page: Page, *, workspace: str) -> Message:
    """One page, private. `workspace` is its address, for links to cards."""
    told = [
        *(_entry(entry, workspace) for entry in page.entries),
        *(_event(event, page.wish.search) for event in page.events),
    ]
    # What people typed may be long, and longer still once it is escaped: Slack refuses the whole for one of them.
    lines = [clip_mrkdwn(text, ALL_TEXT_LIMIT // (len(told) + 1)) for text in told]
    head = _head(page, len(lines))
    blocks = [section(head), *map(section, lines)]
    if buttons := list(_buttons(page)):
        blocks.append(actions(*buttons))
    return Message(text=clip_mrkdwn("\n".join([head, *lines]), 3500), blocks=blocks)


def newest(page: Page, count: int, *, workspace: str) -> list[str]:
    """The first entries of a page, each as Slack's markup."""
    return [clip_mrkdwn(_entry(entry, workspace), ENTRY_LIMIT) for entry in page.entries[:count]]


def exporting() -> Message:
    """The immediate answer where a file is asked for."""
    return Message(text="The file comes as a direct message…")


def sent(rows: int, *, is_cut: bool) -> Message:
    """What the file holds."""
    count = "1 row" if rows == 1 else f"{rows} rows"
    cut = " Older ones did not fit: the file has the newest." if is_cut else ""
    return Message(text=f"The history is in your direct messages: {count}.{cut}")


def _head(page: Page, count: int) -> str:
    where = f" of *{escape(page.wish.environment)}*" if page.wish.environment else ""
    if page.wish.search:
        what = f"Events{where} that contain {code(page.wish.search, 80)}, newest first"
    else:
        what = f"History{where}{THOSE[page.wish.result]}, newest first"
    return f"{what}." if count else f"{what}: none."


def _entry(entry: Entry, workspace: str) -> str:
    commit = f" ({code(entry.commit[:7])})" if entry.commit and entry.commit[:7] != entry.ref else ""
    origin = f" from {code(entry.origin, 60)}" if entry.origin else ""
    head = f"{ICON[entry.state]} *{escape(entry.environment)}* {code(entry.ref, 60)}{commit}{origin} · {entry.what}"
    duration = f" · {took(entry.duration_s)}" if entry.duration_s is not None else ""
    when, card = stamp(entry.created_at), place(entry.card, workspace)
    facts = f"{_state(entry)} · {when} · by {entry.actor.mention}{_second(entry)}{duration}{card}"
    why = f" · “{escape(entry.why, 120)}”" if entry.why else ""
    return "\n".join([head + why, f"      {facts}", *_ending(entry)])


def _state(entry: Entry) -> str:
    if entry.kind is Kind.SCALING and entry.state is State.SUCCEEDED:
        return "scaled"
    return "refused" if entry.state is State.FAILED and entry.started_at is None else STATE_WORDS[entry.state]


def _second(entry: Entry) -> str:
    """Who decided besides whoever asked."""
    if entry.approved_by:
        return f", approved by {Actor(entry.approved_by).mention}"
    return f", rejected by {Actor(entry.rejected_by).mention}" if entry.rejected_by else ""


def _ending(entry: Entry) -> Iterator[str]:
    if entry.reason:
        said = f" {prose(entry.message, 200)}" if entry.message else ""
        yield f"      {code(entry.reason)}{said}"


def _event(event: Recorded, search: str) -> str:
    where = f" · {escape(event.environment)}" if event.environment else ""
    head = f"*{escape(event.action)}* by {prose(Actor(event.actor).mention, 40)} · {stamp(event.at)}{where}"
    return f"{head}\n      {code(event.subject, 60)} {code(_around(event.detail, search), DETAIL_SHOWN + 2)}"


def _around(detail: str, search: str) -> str:
    """The part of the detail that holds what was searched for."""
    told = ", ".join(f"{key}: {_told(value)}" for key, value in json.loads(detail).items() if value not in ("", None))
    start = max(0, told.casefold().find(search.casefold()) - DETAIL_SHOWN // 2) if len(told) > DETAIL_SHOWN else 0
    end = start + DETAIL_SHOWN
    return ("…" if start else "") + told[start:end] + ("…" if end < len(told) else "")


def _told(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _buttons(page: Page) -> Iterator[Block]:
    base = dataclasses.replace(page.wish, before="", after="")
    shown = [entry.cursor for entry in page.entries] or [event.cursor for event in page.events]
    if not page.wish.search:
        for result, action in FILTERS.items():
            style = "primary" if result is page.wish.result else ""
            value = _value(dataclasses.replace(base, result=result))
            yield button(result.capitalize(), action=action, value=value, style=style)
    if page.has_newer and shown:
        yield button("Newer", action=NEWER, value=_value(dataclasses.replace(base, after=shown[0])))
    if page.has_older and shown:
        yield button("Older", action=OLDER, value=_value(dataclasses.replace(base, before=shown[-1])))


def _value(wish: Wish) -> str:
    return json.dumps({key: value for key, value in dataclasses.asdict(wish).items() if value})
