"""Block Kit: which blocks may stand where, with what in them; refuses what Slack refuses.

Source: https://docs.slack.dev/reference/block-kit/blocks and https://docs.slack.dev/reference/views. The
limit on all text of a message is not documented but observed (slackapi/bolt-js#2509).
"""

from __future__ import annotations

import copy
import secrets
from collections import Counter
from collections.abc import Iterator
from typing import Any

from sandbox.kit import Json
from sandbox.slack import charts
from sandbox.slack.elements import (
    ID,
    IN_ACTIONS,
    IN_CONTEXT,
    IN_CONTEXT_ACTIONS,
    IN_INPUT,
    IN_SECTION,
    NAMED_ELEMENTS,
    SUGGESTIONS,
    any_text,
    plain_text,
)
from sandbox.slack.errors import SlackError
from sandbox.slack.messages import interactive_elements
from sandbox.slack.rules import (
    Report,
    Rules,
    anything,
    array,
    at_least_one,
    enum,
    exactly_one,
    flag,
    shape,
    string,
    tagged,
    typed,
    web_url,
)

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
MESSAGE_CHARACTERS = 13_000
MARKDOWN_CHARACTERS = 12_000
TABLE_CHARACTERS = 10_000
BLOCK: Rules = {"block_id": ID}

RICH_TEXT_PARTS = tagged(
    dict(
        [
            typed("rich_text_section", {"elements": array(anything, least=0, most=1_000)}, {}),
            typed(
                "rich_text_list",
                {"elements": array(anything, least=0, most=1_000), "style": enum("bullet", "ordered")},
                {"indent": anything, "offset": anything, "border": anything},
            ),
            typed(
                "rich_text_preformatted",
                {"elements": array(anything, least=0, most=1_000)},
                {"border": anything, "language": anything},
            ),
            typed("rich_text_quote", {"elements": array(anything, least=0, most=1_000)}, {"border": anything}),
        ]
    ),
    "element type",
)
CELL = tagged(
    dict(
        [
            typed("raw_text", {"text": string(10_000)}, {}),
            typed("raw_number", {"value": anything}, {"text": string(10_000)}),
            typed("rich_text", {"elements": array(RICH_TEXT_PARTS, most=100)}, {}),
        ]
    ),
    "cell type",
)
COLUMN = shape({}, {"align": enum("left", "center", "right"), "is_wrapped": flag})

EVERYWHERE = dict(
    [
        typed(
            "section",
            {},
            {
                **BLOCK,
                "text": any_text(3_000),
                "fields": array(any_text(2_000), most=10),
                "accessory": IN_SECTION,
                "expand": flag,
            },
            at_least_one("text", "fields"),
        ),
        typed("header", {"text": plain_text(150)}, BLOCK),
        typed("divider", {}, BLOCK),
        typed("context", {"elements": array(IN_CONTEXT, most=10)}, BLOCK),
        typed("actions", {"elements": array(IN_ACTIONS, most=25)}, BLOCK),
        typed(
            "input",
            {"label": plain_text(2_000), "element": IN_INPUT},
            {**BLOCK, "hint": plain_text(2_000), "optional": flag, "dispatch_action": flag},
        ),
        typed(
            "image",
            {"alt_text": string(2_000)},
            {**BLOCK, "image_url": web_url(3_000), "slack_file": anything, "title": plain_text(2_000)},
            exactly_one("image_url", "slack_file"),
        ),
        typed("rich_text", {"elements": array(RICH_TEXT_PARTS, most=1_000)}, BLOCK),
        typed(
            "video",
            {
                "alt_text": string(2_000),
                "title": plain_text(199),
                "thumbnail_url": web_url(3_000),
                "video_url": web_url(3_000),
            },
            {
                **BLOCK,
                "author_name": string(49),
                "description": plain_text(200),
                "provider_icon_url": web_url(3_000),
                "provider_name": string(255),
                "title_url": web_url(3_000),
            },
        ),
    ]
)
# Their contents are unchecked: what is documented about them still changes.
UNCHECKED_IN_MESSAGES = dict.fromkeys(("card", "carousel", "container", "data_table", "plan", "task_card"), anything)
IN_MESSAGES = tagged(
    EVERYWHERE
    | UNCHECKED_IN_MESSAGES
    | dict(
        [
            charts.CHART,
            typed("markdown", {"text": string(MARKDOWN_CHARACTERS)}, BLOCK),
            typed("context_actions", {"elements": array(IN_CONTEXT_ACTIONS, most=5)}, BLOCK),
            typed(
                "table",
                {"rows": array(array(CELL, most=20), most=100)},
                {**BLOCK, "column_settings": array(COLUMN, most=20)},
            ),
        ]
    ),
    "block type",
)
ALERT = typed(
    "alert", {"text": any_text(3_000)}, {**BLOCK, "level": enum("default", "info", "warning", "error", "success")}
)
IN_MODALS = tagged(EVERYWHERE | dict([ALERT]), "block type")
IN_HOMES = tagged(EVERYWHERE, "block type")


def _submit_where_needed(view: Any, at: str, report: Report) -> None:
    if "submit" not in view and any(block["type"] == "input" for block in view["blocks"]):
        report.error("missing required field: submit", at)


_VIEW: Rules = {
    "private_metadata": string(3_000, 0),
    "callback_id": string(255, 0),
    "external_id": string(255, 0),
    "clear_on_close": flag,
    "notify_on_close": flag,
}
VIEW = tagged(
    dict(
        [
            typed(
                "modal",
                {"title": plain_text(24), "blocks": array(IN_MODALS, most=VIEW_BLOCKS)},
                {**_VIEW, "submit": plain_text(24), "close": plain_text(24), "submit_disabled": flag},
                _submit_where_needed,
            ),
            typed(
                "home",
                {"blocks": array(IN_HOMES, least=0, most=VIEW_BLOCKS)},
                {**_VIEW, "title": anything, "submit": anything, "close": anything},
            ),
        ]
    ),
    "view type",
)


def check_message_blocks(blocks: Any, at: str = "/blocks") -> list[Json]:
    """The blocks of a message, or SlackError as Slack would refuse them."""
    report = Report()
    if not isinstance(blocks, list):
        raise SlackError("invalid_blocks_format")
    array(IN_MESSAGES, least=0, most=MESSAGE_BLOCKS)(blocks, at, report)
    _check(report, blocks, at, "invalid_blocks")
    if sum(block["type"] == charts.NAME for block in blocks) > charts.CHARTS:
        raise SlackError("invalid_blocks", messages=[f"[ERROR] no more than 2 charts allowed [json-pointer:{at}]"])
    tables = [block for block in blocks if block["type"] in {"table", "data_table"}]
    if len(tables) > 1:
        raise SlackError("invalid_blocks", messages=[f"[ERROR] only_one_table_allowed [json-pointer:{at}]"])
    if _characters(tables) > TABLE_CHARACTERS:
        raise SlackError("invalid_blocks", messages=[f"[ERROR] table is too large [json-pointer:{at}]"])
    if _characters(blocks) > MESSAGE_CHARACTERS:
        raise SlackError("msg_blocks_too_long")
    return blocks


def check_view(view: Json) -> None:
    """Accept a modal or a Home tab, or refuse it with `invalid_arguments` as Slack would."""
    report = Report()
    VIEW(view, "/view", report)
    _check(report, view.get("blocks"), "/view/blocks", "invalid_arguments")


def check_options(body: Any) -> list[str]:
    """What is wrong with an answer to `block_suggestion`; nothing where it is right."""
    report = Report()
    SUGGESTIONS(body, "", report)
    return report.messages


def _check(report: Report, blocks: Any, at: str, code: str) -> None:
    if not report.messages:
        _check_ids(blocks, at, report)
    if report.messages:
        raise SlackError(code, messages=report.messages)


def _check_ids(blocks: list[Json], at: str, report: Report) -> None:
    for block_id in _repeated(block["block_id"] for block in blocks if "block_id" in block):
        report.error(f"block_id `{block_id}` is not unique", at)
    for position, block in enumerate(blocks):
        for action_id in _repeated(element["action_id"] for _, element in interactive_elements([block])):
            report.error(f"action_id `{action_id}` is not unique in its block", f"{at}/{position}")


def _repeated(ids: Iterator[str]) -> list[str]:
    return [name for name, times in Counter(ids).items() if times > 1]


def _characters(node: Any) -> int:
    if isinstance(node, list):
        return sum(_characters(item) for item in node)
    if not isinstance(node, dict):
        return 0
    own = len(node["text"]) if isinstance(node.get("text"), str) else 0
    return own + sum(_characters(value) for value in node.values() if isinstance(value, list | dict))


def with_ids(blocks: list[Json]) -> list[Json]:
    """The blocks as Slack keeps them: each with a `block_id`, each interactive element with an `action_id`."""
    kept = copy.deepcopy(blocks)
    for block in kept:
        block.setdefault("block_id", secrets.token_urlsafe(4)[:5])
        elements = [*(block.get("elements") or []), block.get("accessory"), block.get("element")]
        for element in elements:
            if isinstance(element, dict) and element.get("type") in NAMED_ELEMENTS:
                element.setdefault("action_id", secrets.token_urlsafe(4)[:5])
    return kept
