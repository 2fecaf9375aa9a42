"""What people type into inputs and pick in calendars: what a client lets pass.

Source: the pages of the elements below https://docs.slack.dev/reference/block-kit/block-elements.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

from sandbox.kit import ControlError, Json

TYPED = frozenset({"plain_text_input", "email_text_input", "url_text_input", "number_input"})
MOMENTS = frozenset({"datepicker", "timepicker", "datetimepicker"})
TEXT_LIMIT = 3_000
DATE_TIME_DIGITS = 10
ENTER, CHARACTER = "on_enter_pressed", "on_character_entered"


def check_typed(element: Json, text: str) -> str:
    """The text, or ControlError with the sentence that stands beside the input."""
    least, most = element.get("min_length", 0), element.get("max_length", TEXT_LIMIT)
    if not least <= len(text) <= most:
        raise ControlError(f"{len(text)} characters; {least} to {most} fit")
    match element["type"]:
        case "email_text_input" if not _is_email(text):
            raise ControlError("this is no email address")
        case "url_text_input" if not _is_address(text):
            raise ControlError("this is no address")
        case "number_input":
            _check_number(element, text)
    return text


def _is_email(text: str) -> bool:
    name, at, host = text.partition("@")
    return bool(name and at and host) and "@" not in host and " " not in text


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(parts.scheme and parts.netloc) and " " not in text


def _check_number(element: Json, text: str) -> None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite():
        raise ControlError("this is no number")
    if not element["is_decimal_allowed"] and "." in text:
        raise ControlError("this is no whole number")
    least, most = Decimal(element.get("min_value", "-inf")), Decimal(element.get("max_value", "inf"))
    if not least <= number <= most:
        raise ControlError(f"a number from {least} to {most} is wanted")


def check_moment(kind: str, text: str) -> str | int:
    """A date as `YYYY-MM-DD`, a time as `HH:mm`, both together as Unix seconds; ControlError for anything else."""
    try:
        return _moment(kind, text)
    except ValueError:
        raise ControlError(f"{text!r} does not fit a {kind}") from None


def _moment(kind: str, text: str) -> str | int:
    if kind == "datetimepicker":
        if len(text) != DATE_TIME_DIGITS:
            raise ValueError(text)
        return int(text)
    form = "%Y-%m-%d" if kind == "datepicker" else "%H:%M"
    parsed = dt.datetime.strptime(text, form).replace(tzinfo=dt.UTC)
    return parsed.strftime(form)


def is_dispatched(element: Json, trigger: str) -> bool:
    """Whether the app hears of an input at once: of typed ones where it asked for what happened, Enter otherwise.

    Source: https://docs.slack.dev/reference/block-kit/composition-objects/dispatch-action-configuration-object
    """
    if element["type"] not in TYPED:
        return True
    config: dict[str, Any] = element.get("dispatch_action_config") or {}
    return trigger in config.get("trigger_actions_on", [ENTER])
