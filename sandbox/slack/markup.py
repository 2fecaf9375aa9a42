"""What a text makes Slack do: pings, links and other control sequences, found but never changed.

Source: https://docs.slack.dev/messaging/formatting-message-text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sandbox.kit import Json
from sandbox.slack.messages import Content

SEQUENCE = re.compile(r"<([^<>\n]+)>")
BARE_BROADCAST = re.compile(r"(?<![\w@])@(channel|here|everyone)\b")
BROADCASTS = frozenset({"channel", "here", "everyone"})
PINGS = BROADCASTS | {"usergroup"}
ATTACHMENT_TEXTS = ("pretext", "text", "title", "fallback", "footer")


def find_controls(content: Content) -> list[Json]:
    """Each control sequence of a message with its kind and where it stands.

    Kinds: `channel`, `here`, `everyone`, `usergroup`, `user`, `channel_link`, `link`, `date`, `special`.
    """
    found = []
    if content.mrkdwn:
        found += [{"where": "text", **control} for control in in_text(content.text)]
    if content.link_names:
        found += [_named(match, "text") for match in BARE_BROADCAST.finditer(content.text)]
    found += in_blocks(content.blocks)
    for number, attachment in enumerate(content.attachments):
        found += _in_attachment(attachment, f"/attachments/{number}")
    return found


def pings(controls: list[Json]) -> list[str]:
    """The kinds among `controls` that notify many people."""
    return sorted({control["kind"] for control in controls} & PINGS)


def in_blocks(blocks: list[Json], where: str = "/blocks") -> list[Json]:
    """The control sequences of mrkdwn texts, markdown blocks and rich text."""
    return list(_walk(blocks, where))


def in_text(text: str) -> Iterator[Json]:
    """The control sequences of one mrkdwn text."""
    for match in SEQUENCE.finditer(text):
        target, _, label = match[1].partition("|")
        control = _classify(target)
        if control is not None:
            yield {**control, "raw": match[0], **({"label": label} if label else {})}


def _classify(target: str) -> Json | None:
    if target[1:] in BROADCASTS and target[0] == "!":
        return {"kind": target[1:]}
    for prefix, kind in (("!subteam^", "usergroup"), ("!date^", "date"), ("!", "special")):
        if target.startswith(prefix):
            return {"kind": kind, "id": target.removeprefix(prefix)}
    if re.fullmatch(r"@[UWB][A-Z0-9]+", target):
        return {"kind": "user", "id": target[1:]}
    if re.fullmatch(r"#[CGD][A-Z0-9]+", target):
        return {"kind": "channel_link", "id": target[1:]}
    if re.match(r"(?i)(https?://|mailto:|slack://|tel:)", target):
        return {"kind": "link", "url": target}
    return None


def _named(match: re.Match[str], where: str) -> Json:
    return {"where": where, "kind": match[1], "raw": match[0]}


def _in_attachment(attachment: Json, where: str) -> Iterator[Json]:
    for key in ATTACHMENT_TEXTS:
        for control in in_text(str(attachment.get(key) or "")):
            yield {"where": f"{where}/{key}", **control}
    for number, attachment_field in enumerate(attachment.get("fields") or []):
        for control in in_text(str(attachment_field.get("value") or "")):
            yield {"where": f"{where}/fields/{number}", **control}
    yield from in_blocks(attachment.get("blocks") or [], f"{where}/blocks")


def _walk(node: Any, where: str) -> Iterator[Json]:
    if isinstance(node, list):
        for number, item in enumerate(node):
            yield from _walk(item, f"{where}/{number}")
    elif isinstance(node, dict):
        if node.get("type") in {"mrkdwn", "markdown"} and isinstance(node.get("text"), str):
            yield from ({"where": f"{where}/text", **control} for control in in_text(node["text"]))
        yield from _in_rich_text(node, where)
        for key, value in node.items():
            if isinstance(value, dict | list):
                yield from _walk(value, f"{where}/{key}")


def _in_rich_text(node: Json, where: str) -> Iterator[Json]:
    match node:
        case {"type": "broadcast", "range": str(kind)}:
            yield {"where": where, "kind": kind}
        case {"type": "user", "user_id": user_id}:
            yield {"where": where, "kind": "user", "id": user_id}
        case {"type": "usergroup", "usergroup_id": usergroup_id}:
            yield {"where": where, "kind": "usergroup", "id": usergroup_id}
        case {"type": "link", "url": url}:
            yield {"where": where, "kind": "link", "url": url, "label": node.get("text", "")}
        case _:
            return
