"""The few Block Kit pieces that we use, with Slack's limits kept, and the one place that makes text safe.

Source: Slack, "Block Kit: blocks" and "Formatting message text". Whatever people outside typed goes through
`escape`, exactly once; whatever may be long goes through `clip` first.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Any

Block = dict[str, Any]

SECTION_LIMIT = 3000
TEXT_LIMIT = 4000
BUTTON_LIMIT = 75
BLOCKS_LIMIT = 50
# Slack refuses a message whose blocks hold more than about 13,000 characters; it documents no number.
ALL_TEXT_LIMIT = 10_000
ELLIPSIS = "…"
ZERO_WIDTH_SPACE = "\u200b"
FENCE_END = "\n```"
# Slack refuses a whole message for one empty text, and hostile text can come out empty.
NOTHING = "–"
# Control, format (bidirectional, zero-width), private and surrogate characters.
HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Co", "Cs"})
# Letters, marks and symbols that Unicode draws as nothing: fillers, a joiner, the empty Braille pattern.
INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


@dataclass(frozen=True)
class Message:
    """A message: `text` is complete by itself (notifications, screen readers), `blocks` is how it looks.

    `in_channel` asks for a public answer where the message answers a command.
    """

    text: str
    blocks: list[Block] = field(default_factory=list)
    in_channel: bool = False


@dataclass(frozen=True)
class View:
    """A modal. `callback_id` names the feature that takes its submission; `metadata` holds ids, never secrets.

    Without `submit` there is nothing to send. Source: Slack, "Modals" and "View objects" (title, submit and close
    hold 24 characters, `private_metadata` 3,000).
    """

    callback_id: str
    title: str
    blocks: list[Block]
    submit: str = ""
    close: str = "Close"
    metadata: str = ""


def plain(text: str) -> str:
    """One line without control, bidirectional and invisible characters: nothing that fakes or hides text."""
    return " ".join(_visible(text).split())


def _visible(text: str) -> str:
    """The text with every kind of white space as a plain space and without what cannot be seen."""
    return "".join(" " if c.isspace() else c for c in text if c.isspace() or not _is_hidden(c))


def _is_hidden(char: str) -> bool:
    return char in INVISIBLE or unicodedata.category(char) in HIDDEN_CATEGORIES


def clip(text: str, limit: int) -> str:
    """At most `limit` characters, with an ellipsis where something was cut."""
    return text if len(text) <= limit else (text[: max(limit - 1, 0)] + ELLIPSIS)[: max(limit, 0)]


def clip_mrkdwn(text: str, limit: int) -> str:
    """Like `clip`, for text that is mrkdwn already: no entity, link or mention is cut in half."""
    if len(text) <= limit:
        return text
    head = re.sub(r"(?:<[^<>]*|&[a-z]*)$", "", text[: max(limit - len(FENCE_END) - 1, 0)])
    return clip(head + ELLIPSIS + (FENCE_END if head.count("```") % 2 else ""), limit)


def escape(text: str, limit: int = 200) -> str:
    """Other people's text, safe to stand in mrkdwn: one line, clipped, no control sequences, no mark-up.

    Formatting characters stand between zero-width spaces, since Slack has no escape for them and formats
    nothing where white space follows the opening character; an underscore inside a word is left as it is,
    since Slack does so too and names stay fit to copy. The limit counts what can be seen.
    """
    safe = _entities(clip(plain(text), limit))
    unmarked = re.sub(r"[*~`]|(?<![^\W_])_|_(?![^\W_])", f"{ZERO_WIDTH_SPACE}\\g<0>{ZERO_WIDTH_SPACE}", safe)
    # At the start of a line Slack reads even the escaped character as a quotation.
    return ZERO_WIDTH_SPACE + unmarked if unmarked.startswith("&gt;") else unmarked


def prose(text: str, limit: int = 1500, *, mentions: bool = True, groups: bool = False) -> str:
    """Sentences of our own that may quote others: control sequences are text.

    Mentions of people by id stay mentions, unless `mentions` is off because others chose the words. Those of user
    groups, which call many, do so where `groups` says that all words are ours.
    """
    safe = _entities(clip(plain(text), limit))
    if not mentions:
        return safe
    ours = r"@[UW][A-Z0-9]{2,20}|!subteam\^S[A-Z0-9]{2,20}" if groups else r"@[UW][A-Z0-9]{2,20}"
    return re.sub(f"&lt;({ours})&gt;", r"<\1>", safe)


def code(text: str, limit: int = 200) -> str:
    """Other people's text in an inline code span; a backtick inside would end it."""
    return "`" + (_entities(clip(plain(text), limit)).replace("`", "'") or " ") + "`"


def code_block(text: str, limit: int = 2800) -> str:
    """Log lines in a fenced block of at most `limit` characters between the fences.

    Indentation stays; where something is cut, the end is kept, since that is where the error stands.
    """
    lines = "\n".join(_visible(line).rstrip() for line in text.splitlines()).replace("```", "'''")
    return f"```\n{_last_escaped(lines, limit)}{FENCE_END}"


def _last_escaped(text: str, limit: int) -> str:
    """The end of the text, escaped, in at most `limit` characters of which none is half an entity."""
    safe = _entities(text)
    if len(safe) <= limit:
        return safe
    room, start = limit - len(ELLIPSIS), len(text)
    while (room := room - len(_entities(text[start - 1]))) >= 0:
        start -= 1
    return ELLIPSIS + _entities(text[start:])


def _entities(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def link(url: str, label: str) -> str:
    """A link with an escaped label; a URL that is not plain http(s) leaves the label alone."""
    caption = escape(label).replace("|", "/")
    if not re.fullmatch(r"https?://[!-~]+", url) or re.search(r"[<>|]", url):
        return caption
    return f"<{_entities(url)}|{caption}>" if caption else f"<{_entities(url)}>"


def section(text: str) -> Block:
    """A section of mrkdwn; text beyond Slack's limit is clipped."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": clip_mrkdwn(text, SECTION_LIMIT) or NOTHING}}


def header(text: str) -> Block:
    """A header in plain text, emoji codes left as text."""
    return {"type": "header", "text": {"type": "plain_text", "text": clip(plain(text), 150) or NOTHING, "emoji": False}}


def context(*texts: str) -> Block:
    """Small print of up to ten pieces of mrkdwn."""
    return {
        "type": "context",
        "elements": [{"type": "mrkdwn", "text": clip_mrkdwn(text, 2000) or NOTHING} for text in texts[:10]],
    }


def divider() -> Block:
    return {"type": "divider"}


def actions(*elements: Block, block_id: str = "") -> Block:
    """A row of buttons."""
    block: Block = {"type": "actions", "elements": list(elements)}
    return block | {"block_id": block_id} if block_id else block


def button(
    text: str, *, action: str, value: str, style: str = "", confirm: Block | None = None, label: str = ""
) -> Block:
    """A button that carries an id, not a copy of the record: what counts is the state when it is pressed."""
    element: Block = {
        "type": "button",
        "text": {"type": "plain_text", "text": clip(plain(text), BUTTON_LIMIT) or NOTHING},
        "action_id": action,
        "value": value,
    }
    if style:
        element["style"] = style
    if confirm:
        element["confirm"] = confirm
    if spoken := clip(plain(label), BUTTON_LIMIT):
        element["accessibility_label"] = spoken
    return element


def confirmation(title: str, text: str, yes: str, no: str = "Keep as it is") -> Block:
    """The dialog before a dangerous button; it is the client's courtesy, the server checks again."""
    return {
        "title": {"type": "plain_text", "text": clip(plain(title), 100) or NOTHING},
        "text": {"type": "mrkdwn", "text": clip_mrkdwn(text, 300) or NOTHING},
        "confirm": {"type": "plain_text", "text": clip(plain(yes), 30) or NOTHING},
        "deny": {"type": "plain_text", "text": clip(plain(no), 30) or NOTHING},
    }
