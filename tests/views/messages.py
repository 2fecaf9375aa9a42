"""What a message says, and whether Slack takes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from bot.views.blocks import Message
from sandbox.slack.blocks import check_message_blocks

TEXT_LIMIT = 4000
TEAM = "https://reify.slack.com/"


def texts(node: Any) -> Iterator[str]:
    """Every text of a message that Slack reads as mrkdwn."""
    if isinstance(node, dict):
        if node.get("type") == "mrkdwn":
            yield node["text"]
        for value in node.values():
            yield from texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from texts(value)


def said(message: Message) -> str:
    return "\n".join([message.text, *texts(message.blocks)])


def fits(message: Message) -> None:
    """Slack takes the message: its blocks by the rules of Block Kit, its text by its length."""
    check_message_blocks(json.loads(json.dumps(message.blocks)))
    assert 0 < len(message.text) <= TEXT_LIMIT
