"""What people choose and type: element states as the payloads carry them.

Source: https://docs.slack.dev/reference/views#state and the pages of the elements.
"""

from __future__ import annotations

from typing import Any

from sandbox.kit import ControlError, Json
from sandbox.slack.elements import all_options
from sandbox.slack.messages import Values, interactive_elements
from sandbox.slack.typed import MOMENTS, TYPED, check_moment, check_typed

# Element type: where its state stands, and where its initial state comes from.
SINGLE = {
    "plain_text_input": ("value", "initial_value"),
    "email_text_input": ("value", "initial_value"),
    "url_text_input": ("value", "initial_value"),
    "number_input": ("value", "initial_value"),
    "static_select": ("selected_option", "initial_option"),
    "external_select": ("selected_option", "initial_option"),
    "radio_buttons": ("selected_option", "initial_option"),
    "users_select": ("selected_user", "initial_user"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "channels_select": ("selected_channel", "initial_channel"),
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
}
MULTIPLE = {
    "checkboxes": ("selected_options", "initial_options"),
    "multi_static_select": ("selected_options", "initial_options"),
    "multi_external_select": ("selected_options", "initial_options"),
    "multi_users_select": ("selected_users", "initial_users"),
    "multi_conversations_select": ("selected_conversations", "initial_conversations"),
    "multi_channels_select": ("selected_channels", "initial_channels"),
}
STATEFUL = SINGLE | MULTIPLE
# It tells what was chosen, and forgets it.
OVERFLOW = ("selected_option", "")


def state_values(blocks: list[Json], chosen: Values) -> Values:
    """`state.values`: what was chosen, else what the app preset, for each element that has a state."""
    values: Values = {}
    for block, element in interactive_elements(blocks):
        if element["type"] in STATEFUL:
            block_id, action_id = block["block_id"], element["action_id"]
            state = chosen.get(block_id, {}).get(action_id) or _initial(element)
            values.setdefault(block_id, {})[action_id] = state
    return values


def _initial(element: Json) -> Json:
    key, initial = STATEFUL[element["type"]]
    empty: Any = [] if element["type"] in MULTIPLE else None
    return {"type": element["type"], key: element.get(initial, empty)}


def find_element(blocks: list[Json], action_id: str, block_id: str | None, value: Any = None) -> tuple[Json, Json]:
    """Block and element with this `action_id`, further chosen by `block_id` or the value of a button."""
    for block, element in interactive_elements(blocks):
        if element["action_id"] != action_id or block_id not in {None, block["block_id"]}:
            continue
        if value is None or element["type"] != "button" or element.get("value") == value:
            return block, element
    raise ControlError(f"no element with action_id {action_id!r}, block_id {block_id!r}, value {value!r}")


def choose(element: Json, value: Any, offered: list[Any]) -> Json:
    """The state of an element once a person chose `value`: an option's value, text, an id or a list of them.

    `offered` are the options or ids of a menu that does not hold them itself. ControlError where a real client would
    not let them choose it.
    """
    kind = element["type"]
    if kind not in STATEFUL and kind != "overflow":
        raise ControlError(f"nothing can be chosen in a {kind}")
    options = all_options(element) or offered
    if kind in MULTIPLE:
        return {"type": kind, MULTIPLE[kind][0]: _several(element, value, options)}
    key = SINGLE.get(kind, OVERFLOW)[0]
    if value is None or value == "":
        return {"type": kind, key: None}
    return {"type": kind, key: _one(element, value, options)}


def _several(element: Json, value: Any, offered: list[Any]) -> list[Any]:
    values = value if isinstance(value, list) else [] if value is None else [value]
    most = element.get("max_selected_items", len(values))
    if len(values) > most:
        raise ControlError(f"at most {most} can be chosen")
    return [_offered(each, offered) for each in values]


def _one(element: Json, value: Any, offered: list[Any]) -> Any:
    kind = element["type"]
    if kind in TYPED:
        return check_typed(element, str(value))
    if kind in MOMENTS:
        return check_moment(kind, str(value))
    return _offered(value, offered)


def _offered(value: Any, offered: list[Any]) -> Any:
    for entry in offered:
        if value == (entry["value"] if isinstance(entry, dict) else entry):
            return entry
    values = [entry["value"] if isinstance(entry, dict) else entry for entry in offered]
    raise ControlError(f"option {value!r} is not offered; offered: {values}")


def missing_inputs(blocks: list[Json], values: Values) -> list[str]:
    """The block ids of inputs that must be filled in and are empty: a client does not submit those."""
    missing = []
    for block in blocks:
        if block["type"] == "input" and not block.get("optional"):
            state = values.get(block["block_id"], {}).get(block["element"]["action_id"], {})
            if not any(value for key, value in state.items() if key != "type"):
                missing.append(block["block_id"])
    return missing
