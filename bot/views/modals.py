"""The pieces of a modal, with Slack's limits kept: inputs, menus and their options.

Sources: Slack, "View objects", "Input block", "Select menu element", "Option object", "Number input element".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.views.blocks import NOTHING, Block, Message, View, clip, plain, section

CAPTION_LIMIT = 24
LABEL_LIMIT = 75
VALUE_LIMIT = 150
PLACEHOLDER_LIMIT = 150
HINT_LIMIT = 2000
INPUT_LIMIT = 3000
OPTIONS_LIMIT = 100


def modal_body(view: View) -> dict[str, Any]:
    """A modal as Slack's methods and the answer to a submission take it."""
    body = {
        "type": "modal",
        "callback_id": view.callback_id,
        "title": _plain(view.title, CAPTION_LIMIT),
        "close": _plain(view.close, CAPTION_LIMIT),
        "blocks": view.blocks,
        "private_metadata": view.metadata,
    }
    return body | {"submit": _plain(view.submit, CAPTION_LIMIT)} if view.submit else body


def notice(message: Message, title: str = "Flytower") -> View:
    """A modal that says something and takes nothing."""
    return View("notice", title, message.blocks or [section(message.text)])


def ended() -> Message:
    """The answer to a form that this version of Flytower no longer knows."""
    return Message(text="This form is from an older version of Flytower; nothing was changed. Ask for it again.")


def lost() -> Message:
    """What is said where the answer to a form finds it closed."""
    return Message(text="The form was closed before its answer came; nothing was changed. Ask for it again.")


def field(block_id: str, label: str, element: Block, *, hint: str = "", optional: bool = False) -> Block:
    """An input with its label; an error of the submission stands beside it, by `block_id`."""
    block: Block = {
        "type": "input",
        "block_id": block_id,
        "label": _plain(label, HINT_LIMIT),
        "element": element,
        "optional": optional,
    }
    return block | {"hint": _plain(hint, HINT_LIMIT)} if hint else block


def option(text: str, value: str, description: str = "") -> Block:
    """One choice of a menu, in plain text; `value` has at most 150 characters."""
    choice: Block = {"text": _plain(text, LABEL_LIMIT), "value": value}
    return choice | {"description": _plain(description, LABEL_LIMIT)} if description else choice


def option_group(label: str, options: Sequence[Block]) -> Block:
    """Choices under a heading."""
    return {"label": _plain(label, LABEL_LIMIT), "options": list(options[:OPTIONS_LIMIT])}


def menu(action_id: str, options: Sequence[Block], *, chosen: str = "") -> Block:
    """A menu of these options; `chosen` is the value that is selected already, where there is one like it."""
    element: Block = {"type": "static_select", "action_id": action_id, "options": list(options[:OPTIONS_LIMIT])}
    initial = next((choice for choice in element["options"] if choice["value"] == chosen), None)
    return element | {"initial_option": initial} if initial else element


def search_menu(action_id: str, placeholder: str, *, chosen: Block | None = None) -> Block:
    """A menu whose options the bot gives as people type, from the first look on."""
    element: Block = {
        "type": "external_select",
        "action_id": action_id,
        "min_query_length": 0,
        "placeholder": _plain(placeholder, PLACEHOLDER_LIMIT),
    }
    return element | {"initial_option": chosen} if chosen else element


def text_input(action_id: str, *, limit: int, value: str = "") -> Block:
    """A line of text of at most `limit` characters."""
    element: Block = {"type": "plain_text_input", "action_id": action_id, "max_length": min(limit, INPUT_LIMIT)}
    return element | {"initial_value": value} if value else element


def number_input(action_id: str, *, least: int, most: int, value: int) -> Block:
    """A whole number from `least` to `most`."""
    return {
        "type": "number_input",
        "action_id": action_id,
        "is_decimal_allowed": False,
        "min_value": str(least),
        "max_value": str(most),
        "initial_value": str(value),
    }


def checkbox(action_id: str, choice: Block, *, is_ticked: bool = False) -> Block:
    """One box to tick."""
    element: Block = {"type": "checkboxes", "action_id": action_id, "options": [choice]}
    return element | {"initial_options": [choice]} if is_ticked else element


def radio(action_id: str, options: Sequence[Block], *, chosen: str) -> Block:
    """Choices of which one always holds; `chosen` is the value that is selected at first."""
    initial = next(choice for choice in options if choice["value"] == chosen)
    return {"type": "radio_buttons", "action_id": action_id, "options": list(options), "initial_option": initial}


def _plain(text: str, limit: int) -> Block:
    # Emoji codes stay text: most of what stands here was typed by others.
    return {"type": "plain_text", "text": clip(plain(text), limit) or NOTHING, "emoji": False}
