"""Slack messages as text for a terminal: blocks in order, mark-up taken out, buttons in brackets."""

from __future__ import annotations

import html
import re
import textwrap
from typing import Any

from sandbox.kit import Json

WIDTH = 110
BAR = "  │ "


def card(message: Json, people: dict[str, str]) -> str:
    """A message as a card: its blocks, or its text where it has none."""
    blocks = message.get("blocks") or []
    lines = [line for block in blocks for line in _block(block, people)] or mrkdwn(message["text"], people).splitlines()
    wrapped = [part for line in lines for part in _wrap(line)]
    return "\n".join(f"{BAR}{line}".rstrip() for line in wrapped)


def text_of(message: Json) -> str:
    """Everything that a message or a view says, as somebody reads it: people as ids, no marks."""
    return f"{mrkdwn(message['text'], {})}\n{card(message, {})}"


def mrkdwn(text: str, people: dict[str, str]) -> str:
    """Slack's mrkdwn as plain text: names for mentions, labels for links, no asterisks and backticks."""
    text = re.sub(r"<@([UW][A-Z0-9]+)>", lambda found: f"@{people.get(found[1], found[1])}", text)
    text = re.sub(r"<!subteam\^([A-Z0-9]+)(?:\|@?([^>]+))?>", lambda found: f"@{found[2] or found[1]}", text)
    # The terminal is in no time zone of anybody's, so it reads what Slack shows where it cannot tell the time.
    text = re.sub(r"<!date\^\d+\^[^|>]*\|([^>]*)>", r"\1", text)
    text = re.sub(r"<(https?://[^|>]+)\|([^>]+)>", r"\2", text)
    text = re.sub(r"<(https?://[^|>]+)>", r"\1", text)
    text = text.replace("```\n", "").replace("\n```", "").replace("`", "")
    text = re.sub(r"(?<!\w)\*([^*\n]+)\*(?!\w)", r"\1", text)
    return html.unescape(text).replace("\u200b", "")


def _block(block: dict[str, Any], people: dict[str, str]) -> list[str]:
    match block["type"]:
        case "section":
            return mrkdwn(block["text"]["text"], people).splitlines()
        case "context":
            texts = (mrkdwn(element["text"], people) for element in block["elements"])
            return [f"  {line}" for text in texts for line in text.splitlines()]
        case "actions":
            return [" ".join(f"[ {element['text']['text']} ]" for element in block["elements"])]
        case "header":
            return [block["text"]["text"]]
        case "input":
            return [f"{block['label']['text']}:  [ {_kind(block['element'])} ]"]
        case "divider":
            return ["─" * 40]
        case "data_visualization":
            return [block["title"], *(f"  {_series(series)}" for series in block["chart"].get("series", []))]
        case unknown:
            return [f"({unknown} block)"]


def _kind(element: dict[str, Any]) -> str:
    kinds = {"external_select": "search", "static_select": "menu", "plain_text_input": "text", "checkboxes": "boxes"}
    kind = str(element["type"])
    return kinds.get(kind, kind.replace("_", " "))


def _series(series: dict[str, Any]) -> str:
    points = ", ".join(f"{point['label']} {point['value']}" for point in series["data"])
    return f"{series['name']}: {points}"


def _wrap(line: str) -> list[str]:
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    return textwrap.wrap(line, WIDTH, subsequent_indent=indent, drop_whitespace=True) or [""]
