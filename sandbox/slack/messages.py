"""Messages: what was said, by whom, where, and every version that it had."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sandbox.kit import Json

Values = dict[str, dict[str, Json]]


@dataclass
class Content:
    """What one version of a message shows, and never changes; `at` is the Unix time at which it became current."""

    text: str = ""
    blocks: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    metadata: Json | None = None
    mrkdwn: bool = True
    link_names: bool = False
    at: float = 0.0
    # Found once, since the state is asked for more often than anything else.
    controls: list[Json] | None = field(default=None, init=False, repr=False, compare=False)

    def all_blocks(self) -> Iterator[Json]:
        """The blocks of the message and those of its attachments."""
        yield from self.blocks
        for attachment in self.attachments:
            yield from attachment.get("blocks") or []


@dataclass
class Message:
    """One message of a channel, identified there by `ts`; ephemeral where `visible_to` names a user."""

    ts: str
    channel_id: str
    user: str
    content: Content
    source: str
    thread_ts: str | None = None
    reply_broadcast: bool = False
    visible_to: str | None = None
    edited: Json | None = None
    earlier: list[Content] = field(default_factory=list)
    deleted: bool = False
    reactions: dict[str, list[str]] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    # What each person chose in it: it is their client that remembers.
    chosen: dict[str, Values] = field(default_factory=dict)

    @property
    def is_ephemeral(self) -> bool:
        return self.visible_to is not None

    @property
    def is_reply(self) -> bool:
        return self.thread_ts is not None and self.thread_ts != self.ts

    def replace(self, content: Content, *, by: str, ts: str) -> None:
        """Make `content` current, mark the message as edited and keep what it said before."""
        self.earlier.append(self.content)
        self.content = content
        self.edited = {"user": by, "ts": ts}

    def version(self, number: int | None) -> Content:
        """Version `number`, 0 being the first; None is the current one. IndexError where there is none."""
        versions = [*self.earlier, self.content]
        return self.content if number is None else versions[number]


def interactive_elements(blocks: Iterator[Json] | list[Json]) -> Iterator[tuple[Json, Json]]:
    """Pairs of block and element for everything with an `action_id`."""
    for block in blocks:
        candidates = [*(block.get("elements") or []), block.get("accessory"), block.get("element")]
        for element in candidates:
            if isinstance(element, dict) and element.get("action_id"):
                yield block, element


def fallback_text(blocks: list[Json]) -> str:
    """The text that Slack derives for notifications when a message came with blocks alone."""
    return " ".join(part.strip() for part in _texts(blocks) if part.strip())


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from _texts(item)
    elif isinstance(node, dict):
        text = node.get("text")
        if isinstance(text, str):
            yield text
        for key in ("text", "fields", "elements", "accessory", "element", "label"):
            if isinstance(node.get(key), dict | list):
                yield from _texts(node[key])
