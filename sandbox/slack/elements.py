"""Block Kit: text, confirm and option objects, and the interactive elements.

Source: https://docs.slack.dev/reference/block-kit/block-elements and
https://docs.slack.dev/reference/block-kit/composition-objects.
"""

from __future__ import annotations

from typing import Any

from sandbox.kit import Json
from sandbox.slack.rules import (
    Report,
    Rule,
    Rules,
    anything,
    array,
    enum,
    exactly_one,
    flag,
    number,
    shape,
    string,
    tagged,
    typed,
    web_url,
)

ID = string(255)


def plain_text(most: int, least: int = 1) -> Rule:
    """A text object that Slack shows as it is."""
    body = shape({"type": enum("plain_text"), "text": string(most, least)}, {"emoji": flag})
    return tagged({"plain_text": body}, "text type")


def any_text(most: int) -> Rule:
    """A text object, plain or with markup."""
    return tagged(
        dict(
            [
                typed("plain_text", {"text": string(most)}, {"emoji": flag}),
                typed("mrkdwn", {"text": string(most)}, {"verbatim": flag}),
            ]
        ),
        "text type",
    )


CONFIRM = shape(
    {"title": plain_text(100), "text": any_text(300), "confirm": plain_text(30), "deny": plain_text(30)},
    {"style": enum("primary", "danger")},
)
ID_AND_CONFIRM: Rules = {"action_id": ID, "confirm": CONFIRM}
FOCUS: Rules = {"focus_on_load": flag}
PLACEHOLDER: Rules = {"placeholder": plain_text(150)}
CHOICE: Rules = ID_AND_CONFIRM | FOCUS


def option(text: Rule, *, url: bool = False) -> Rule:
    """One choice: what people read and the value that the app gets."""
    more = {"url": web_url(3_000)} if url else {}
    return shape({"text": text, "value": string(150)}, {"description": text, **more})


OPTION = option(plain_text(75))
RICH_OPTION = option(any_text(75))
GROUP = shape({"label": plain_text(75), "options": array(OPTION, most=100)}, {})


def all_options(element: Json) -> list[Json]:
    """The options of a menu, those in groups included."""
    grouped = [entry for group in element.get("option_groups") or [] for entry in group["options"]]
    return [*(element.get("options") or []), *grouped]


def _initial_is_offered(element: Any, at: str, report: Report) -> None:
    offered = all_options(element)
    initial = [*(element.get("initial_options") or [])]
    if "initial_option" in element:
        initial.append(element["initial_option"])
    if any(entry not in offered for entry in initial):
        report.error("initial option is not among the options", at)


def _menu_rules(element: Any, at: str, report: Report) -> None:
    exactly_one("options", "option_groups")(element, at, report)
    _initial_is_offered(element, at, report)


# An app that finds nothing answers a suggestion with no options; a menu that it sends needs one.
MENU = {"options": array(OPTION, most=100), "option_groups": array(GROUP, most=100)}
SUGGESTIONS = shape(
    {},
    {"options": array(OPTION, least=0, most=100), "option_groups": array(GROUP, least=0, most=100)},
    exactly_one("options", "option_groups"),
)
MANY = {"max_selected_items": number(1, 1_000)}
CONVERSATIONS = {
    "default_to_current_conversation": flag,
    "filter": shape(
        {},
        {
            "include": array(enum("im", "mpim", "private", "public"), most=4),
            "exclude_external_shared_channels": flag,
            "exclude_bot_users": flag,
        },
    ),
}
INITIALS = array(string(255), least=0, most=1_000)
LIST_OF_OPTIONS = array(OPTION, most=100)
QUERY = {"min_query_length": number(0, 1_000)}
REPLY = {"response_url_enabled": flag}

BUTTON = typed(
    "button",
    {"text": plain_text(75)},
    {
        **ID_AND_CONFIRM,
        "url": web_url(3_000),
        "value": string(2_000),
        "style": enum("primary", "danger"),
        "accessibility_label": string(75),
        "visible_to_user_ids": array(ID, most=100),
    },
)
WORKFLOW_BUTTON = typed("workflow_button", {"text": plain_text(75), "workflow": anything}, {"action_id": ID})
IMAGE_ELEMENT = typed(
    "image",
    {"alt_text": string(2_000)},
    {"image_url": web_url(3_000), "slack_file": anything},
    exactly_one("image_url", "slack_file"),
)
OVERFLOW = typed("overflow", {"options": array(option(plain_text(75), url=True), most=5)}, ID_AND_CONFIRM)
DATEPICKER = typed("datepicker", {}, {**CHOICE, **PLACEHOLDER, "initial_date": string(10, 10)})
TIMEPICKER = typed("timepicker", {}, {**CHOICE, **PLACEHOLDER, "initial_time": string(5, 5), "timezone": ID})
DATETIMEPICKER = typed("datetimepicker", {}, {**CHOICE, "initial_date_time": number(10**9, 10**10 - 1)})

_SELECT: Rules = CHOICE | PLACEHOLDER
SELECTS = dict(
    [
        typed("static_select", {}, {**_SELECT, **MENU, "initial_option": OPTION}, _menu_rules),
        typed("external_select", {}, {**_SELECT, **QUERY, "initial_option": OPTION}),
        typed("users_select", {}, {**_SELECT, "initial_user": ID}),
        typed("conversations_select", {}, {**_SELECT, **CONVERSATIONS, **REPLY, "initial_conversation": ID}),
        typed("channels_select", {}, {**_SELECT, **REPLY, "initial_channel": ID}),
        typed("multi_static_select", {}, {**_SELECT, **MENU, **MANY, "initial_options": LIST_OF_OPTIONS}, _menu_rules),
        typed("multi_external_select", {}, {**_SELECT, **QUERY, **MANY, "initial_options": LIST_OF_OPTIONS}),
        typed("multi_users_select", {}, {**_SELECT, **MANY, "initial_users": INITIALS}),
        typed(
            "multi_conversations_select", {}, {**_SELECT, **MANY, **CONVERSATIONS, "initial_conversations": INITIALS}
        ),
        typed("multi_channels_select", {}, {**_SELECT, **MANY, "initial_channels": INITIALS}),
    ]
)
BOXES = dict(
    [
        typed(
            "checkboxes",
            {"options": array(RICH_OPTION, most=10)},
            {**CHOICE, "initial_options": array(RICH_OPTION, most=10)},
            _initial_is_offered,
        ),
        typed(
            "radio_buttons",
            {"options": array(RICH_OPTION, most=10)},
            {**CHOICE, "initial_option": RICH_OPTION},
            _initial_is_offered,
        ),
    ]
)
DISPATCH = {
    "dispatch_action_config": shape(
        {}, {"trigger_actions_on": array(enum("on_enter_pressed", "on_character_entered"), most=2)}
    )
}
_TYPED_IN: Rules = {"action_id": ID, **FOCUS, **PLACEHOLDER, **DISPATCH}
INPUTS = dict(
    [
        typed(
            "plain_text_input",
            {},
            {
                **_TYPED_IN,
                "initial_value": string(3_000, 0),
                "multiline": flag,
                "min_length": number(0, 3_000),
                "max_length": number(1, 3_000),
            },
        ),
        typed("email_text_input", {}, {**_TYPED_IN, "initial_value": string(3_000, 0)}),
        typed("url_text_input", {}, {**_TYPED_IN, "initial_value": string(3_000, 0)}),
        typed(
            "number_input",
            {"is_decimal_allowed": flag},
            {**_TYPED_IN, "initial_value": string(255), "min_value": string(255), "max_value": string(255)},
        ),
        typed("file_input", {}, {"action_id": ID, "filetypes": anything, "max_files": number(1, 10)}),
        typed("rich_text_input", {}, {**_TYPED_IN, "initial_value": anything}),
    ]
)
DATES = dict([DATEPICKER, TIMEPICKER, DATETIMEPICKER])

IN_ACTIONS = tagged(dict([BUTTON, OVERFLOW, WORKFLOW_BUTTON]) | SELECTS | BOXES | DATES, "element type")
IN_SECTION = tagged(
    dict([BUTTON, OVERFLOW, WORKFLOW_BUTTON, IMAGE_ELEMENT, DATEPICKER, TIMEPICKER]) | SELECTS | BOXES, "element type"
)
IN_INPUT = tagged(INPUTS | SELECTS | BOXES | DATES, "element type")
IN_CONTEXT = tagged(
    dict(
        [
            IMAGE_ELEMENT,
            typed("plain_text", {"text": string(3_000)}, {"emoji": flag}),
            typed("mrkdwn", {"text": string(3_000)}, {"verbatim": flag}),
        ]
    ),
    "element type",
)
_FEEDBACK = shape({"text": plain_text(75)}, {"value": string(2_000), "accessibility_label": string(75)})
IN_CONTEXT_ACTIONS = tagged(
    dict(
        [
            typed("feedback_buttons", {"positive_button": _FEEDBACK, "negative_button": _FEEDBACK}, {"action_id": ID}),
            typed(
                "icon_button",
                {"icon": enum("trash"), "text": plain_text(75)},
                {
                    **ID_AND_CONFIRM,
                    "value": string(2_000),
                    "accessibility_label": string(75),
                    "visible_to_user_ids": anything,
                },
            ),
        ]
    ),
    "element type",
)
NAMED_ELEMENTS = frozenset({"button", "workflow_button", "overflow", *SELECTS, *BOXES, *INPUTS, *DATES})
