"""Block Kit in the simulated Slack: what is accepted, and what is refused with which words."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.slack.blocks import check_message_blocks, check_options, check_view, with_ids
from sandbox.slack.errors import SlackError
from tests.sandbox.slack_workspace import actions, button, modal, option, plain, section, text_input

CONFIRM = {"title": plain("Sure?"), "text": plain("It ships."), "confirm": plain("Ship"), "deny": plain("No")}
STATIC = {"type": "static_select", "action_id": "env", "options": [option("staging"), option("production")]}
CELL = {"type": "raw_text", "text": "x"}


def mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text}


def context(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "context", "elements": list(elements)}


def header(text: str) -> dict[str, Any]:
    return {"type": "header", "text": plain(text)}


def image(**more: Any) -> dict[str, Any]:
    return {"type": "image", "image_url": "https://reify.example/a.png", "alt_text": "graph"} | more


def table(rows: int = 1, columns: int = 1, cell: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"type": "table", "rows": [[cell or CELL] * columns for _ in range(rows)]}


ACCEPTED = {
    "section at its limit": section("x" * 3_000),
    "section with ten fields": {"type": "section", "fields": [mrkdwn("x" * 1_000)] * 10},
    "section with a menu": section(accessory=STATIC),
    "header at its limit": header("x" * 150),
    "divider": {"type": "divider"},
    "context of ten": context(*[mrkdwn("x")] * 9, image()),
    "25 buttons": actions(*[button(f"a{n}") for n in range(25)]),
    "button with everything": actions(
        button(style="danger", confirm=CONFIRM, url="https://reify.example", accessibility_label="Ship it")
    ),
    "image": image(title=plain("Graph")),
    "input in a message": text_input(),
    "grouped menu": actions(
        {"type": "static_select", "option_groups": [{"label": plain("A"), "options": [option("x")]}]}
    ),
    "external menu": actions({"type": "external_select", "action_id": "ref", "min_query_length": 0}),
    "overflow of five": actions({"type": "overflow", "options": [option(str(n)) for n in range(5)]}),
    "rich text": {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": []}]},
    "markdown": {"type": "markdown", "text": "**x**"},
    "table": table(100, 20),
}


@pytest.mark.parametrize("block", ACCEPTED.values(), ids=ACCEPTED)
def test_what_slack_accepts_is_accepted(block: dict[str, Any]) -> None:
    """Blocks at the documented limits pass."""
    assert check_message_blocks([block]) == [block]


REFUSED = {
    "empty text": (section(""), "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
    "long section": (section("x" * 3_001), "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"),
    "long field": ({"type": "section", "fields": [mrkdwn("x" * 2_001)]}, "less than 2001 characters"),
    "eleven fields": ({"type": "section", "fields": [mrkdwn("x")] * 11}, "no more than 10 items allowed"),
    "no fields": ({"type": "section", "fields": []}, "no less than 1 items allowed"),
    "empty section": ({"type": "section"}, "must have at least one of: text, fields"),
    "text as a string": ({"type": "section", "text": "x"}, "[json-pointer:/blocks/0/text]"),
    "markup in a header": ({"type": "header", "text": mrkdwn("x")}, "unsupported text type: mrkdwn"),
    "long header": (header("x" * 151), "must be less than 151 characters"),
    "eleven in a context": (context(*[mrkdwn("x")] * 11), "no more than 10 items allowed"),
    "empty context": (context(), "no less than 1 items allowed"),
    "button in a context": (context(button()), "unsupported element type: button"),
    "26 buttons": (actions(*[button(f"a{n}") for n in range(26)]), "no more than 25 items allowed"),
    "no buttons": (actions(), "no less than 1 items allowed"),
    "long button": (actions(button(text=plain("x" * 76))), "[json-pointer:/blocks/0/elements/0/text/text]"),
    "markup in a button": (actions(button(text=mrkdwn("x"))), "unsupported text type: mrkdwn"),
    "long value": (actions(button(value="x" * 2_001)), "must be less than 2001 characters"),
    "empty value": (actions(button(value="")), "must be more than 0 characters"),
    "number as value": (actions(button(value=7)), "must be a string"),
    "long url": (actions(button(url="https://e.example/" + "x" * 3_000)), "must be less than 3001 characters"),
    "no url": (actions(button(url="reify")), "invalid url"),
    "long action_id": (actions(button("x" * 256)), "must be less than 256 characters"),
    "unknown style": (actions(button(style="default")), "must be one of: primary, danger"),
    "same action_id": (actions(button(), button(value="2")), "action_id `go` is not unique"),
    "unknown property": (actions(button(colour="red")), "invalid additional property: colour"),
    "emoji in markup": ({"type": "section", "text": {**mrkdwn("x"), "emoji": True}}, "additional property: emoji"),
    "long confirm": (actions(button(confirm={**CONFIRM, "confirm": plain("x" * 31)})), "less than 31 characters"),
    "half a confirm": (actions(button(confirm={"title": plain("x")})), "missing required field: confirm"),
    "text input in actions": (actions({"type": "plain_text_input"}), "unsupported element type: plain_text_input"),
    "101 options": (section(accessory={**STATIC, "options": [option(str(n)) for n in range(101)]}), "no more than 100"),
    "no options": (section(accessory={"type": "static_select"}), "exactly one of: options, option_groups"),
    "empty options": (section(accessory={**STATIC, "options": []}), "no less than 1 items allowed"),
    "long option": (section(accessory={**STATIC, "options": [option("x" * 76)]}), "must be less than 76 characters"),
    "long option value": (
        section(accessory={**STATIC, "options": [{"text": plain("x"), "value": "x" * 151}]}),
        "must be less than 151 characters",
    ),
    "initial option of another text": (
        section(accessory={**STATIC, "initial_option": {**STATIC["options"][0], "text": plain("other")}}),
        "not among the options",
    ),
    "initial option not offered": (
        section(accessory={**STATIC, "initial_option": option("x")}),
        "not among the options",
    ),
    "six in an overflow": (
        actions({"type": "overflow", "options": [option(str(n)) for n in range(6)]}),
        "no more than 5",
    ),
    "image without alt": (
        {"type": "image", "image_url": "https://reify.example/a.png"},
        "missing required field: alt_text",
    ),
    "image without source": ({"type": "image", "alt_text": "x"}, "exactly one of: image_url, slack_file"),
    "input without label": (
        {"type": "input", "element": {"type": "plain_text_input"}},
        "missing required field: label",
    ),
    "101 rows": (table(101), "no more than 100 items allowed"),
    "21 columns": (table(1, 21), "no more than 20 items allowed"),
    "full table": (table(10, 2, {"type": "raw_text", "text": "x" * 501}), "table is too large"),
    "unknown block": ({"type": "sektion"}, "unsupported block type: sektion [json-pointer:/blocks/0/type]"),
    "alert in a message": ({"type": "alert", "text": mrkdwn("x")}, "unsupported block type: alert"),
    "block without type": ({"text": plain("x")}, "missing required field: type"),
    "block that is none": ("divider", "missing required field: type"),
}


@pytest.mark.parametrize(("block", "words"), REFUSED.values(), ids=REFUSED)
def test_what_slack_refuses_is_refused_with_a_pointer(block: Any, words: str) -> None:
    """The answer is invalid_blocks, and a message says what is wrong where."""
    with pytest.raises(SlackError) as refusal:
        check_message_blocks([block])

    assert refusal.value.code == "invalid_blocks"
    assert any(words in message for message in refusal.value.messages), refusal.value.messages


@pytest.mark.parametrize(
    ("blocks", "code", "words"),
    [
        ([{"type": "divider"}] * 51, "invalid_blocks", "no more than 50 items allowed [json-pointer:/blocks]"),
        ([section(block_id="a"), section(block_id="a")], "invalid_blocks", "block_id `a` is not unique"),
        ([table(), table()], "invalid_blocks", "only_one_table_allowed"),
        ([section("x" * 2_700)] * 5, "msg_blocks_too_long", ""),
    ],
)
def test_a_message_has_limits_as_a_whole(blocks: list[Any], code: str, words: str) -> None:
    """Number, ids and all text together are limited."""
    with pytest.raises(SlackError) as refusal:
        check_message_blocks(blocks)

    assert refusal.value.code == code
    assert words in " ".join(refusal.value.messages)


@pytest.mark.parametrize(
    "view",
    [
        modal(),
        modal(*[{"type": "divider"}] * 100),
        modal(text_input(), private_metadata="x" * 3_000, callback_id="x" * 255, notify_on_close=True),
        modal({"type": "alert", "text": mrkdwn("careful"), "level": "warning"}),
        {"type": "home", "blocks": [header("Flytower"), actions(button())]},
        {"type": "home", "blocks": []},
    ],
)
def test_views_at_their_limits_are_accepted(view: dict[str, Any]) -> None:
    """Modals and Home tabs take 100 blocks."""
    check_view(view)


@pytest.mark.parametrize(
    ("view", "words"),
    [
        (modal(title=plain("x" * 25)), "must be less than 25 characters [json-pointer:/view/title/text]"),
        (modal(submit=plain("x" * 25)), "must be less than 25 characters [json-pointer:/view/submit/text]"),
        (modal(close=plain("")), "must be more than 0 characters"),
        (modal(private_metadata="x" * 3_001), "must be less than 3001 characters"),
        (modal(*[{"type": "divider"}] * 101), "no more than 100 items allowed [json-pointer:/view/blocks]"),
        (modal(table()), "unsupported block type: table"),
        (modal({"type": "markdown", "text": "x"}), "unsupported block type: markdown"),
        ({"type": "modal", "title": plain("x"), "blocks": [text_input()]}, "missing required field: submit"),
        ({"type": "modal", "blocks": []}, "missing required field: title"),
        ({"type": "home", "blocks": [{"type": "alert", "text": plain("x")}]}, "unsupported block type: alert"),
        ({"type": "dialog", "blocks": []}, "unsupported view type: dialog"),
        (modal(text_input("a"), text_input("a")), "block_id `a` is not unique"),
    ],
)
def test_views_beyond_their_limits_are_refused(view: dict[str, Any], words: str) -> None:
    """The answer is invalid_arguments with a pointer into the view."""
    with pytest.raises(SlackError) as refusal:
        check_view(view)

    assert refusal.value.code == "invalid_arguments"
    assert any(words in message for message in refusal.value.messages), refusal.value.messages


@pytest.mark.parametrize(
    ("answer", "is_right"),
    [
        ({"options": [option("a")]}, True),
        ({"options": []}, True),
        ({"option_groups": [{"label": plain("x"), "options": [option("a")]}]}, True),
        ({"options": [option(str(n)) for n in range(101)]}, False),
        ({"options": [option("x" * 76)]}, False),
        ({}, False),
        (None, False),
    ],
)
def test_suggestions_have_the_limits_of_menus(answer: Any, is_right: bool) -> None:
    """At most 100 options of 75 characters."""
    assert (check_options(answer) == []) is is_right


def test_ids_are_filled_in_without_touching_what_was_sent() -> None:
    """Blocks get a block_id and interactive elements an action_id; text and own ids stay."""
    sent = [section("<!channel> & <b>", block_id="mine"), actions(button("go"))]

    kept = with_ids(sent)

    assert "block_id" not in sent[1]
    assert (kept[0], kept[1]["elements"]) == (sent[0], sent[1]["elements"])
    assert kept[1]["block_id"]
