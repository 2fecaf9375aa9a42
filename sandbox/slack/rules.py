"""Small rules from which the Block Kit validator is put together.

A rule looks at one value and reports what Slack would; it never changes the value. Pointers are JSON
pointers, as in `response_metadata.messages` of the real answers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.kit import Json

Rules = dict[str, "Rule"]


class Report:
    """The errors found so far."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def error(self, message: str, pointer: str) -> None:
        self.messages.append(f"[ERROR] {message} [json-pointer:{pointer}]")


Rule = Callable[[Any, str, Report], None]


def string(most: int, least: int = 1) -> Rule:
    """Text of `least` to `most` characters."""

    def check(value: Any, at: str, report: Report) -> None:
        if not isinstance(value, str):
            report.error("must be a string", at)
        elif len(value) < least:
            report.error(f"must be more than {least - 1} characters", at)
        elif len(value) > most:
            report.error(f"must be less than {most + 1} characters", at)

    return check


def flag(value: Any, at: str, report: Report) -> None:
    """True or false."""
    if not isinstance(value, bool):
        report.error("must be a boolean", at)


def anything(_value: Any, _at: str, _report: Report) -> None:
    """No rule is known for this."""


def number(least: int, most: int) -> Rule:
    """A whole number between two bounds."""

    def check(value: Any, at: str, report: Report) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            report.error(f"must be an integer from {least} to {most}", at)

    return check


def enum(*values: str) -> Rule:
    """One of a few words."""

    def check(value: Any, at: str, report: Report) -> None:
        if value not in values:
            report.error(f"must be one of: {', '.join(values)}", at)

    return check


def web_url(most: int) -> Rule:
    """An absolute http or https address."""
    length = string(most)

    def check(value: Any, at: str, report: Report) -> None:
        length(value, at, report)
        if isinstance(value, str) and not value.startswith(("https://", "http://", "slack://", "mailto:")):
            report.error("invalid url", at)

    return check


def array(item: Rule, *, least: int = 1, most: int) -> Rule:
    """A list of `least` to `most` items that each keep the rule `item`."""

    def check(value: Any, at: str, report: Report) -> None:
        if not isinstance(value, list):
            report.error("must be an array", at)
            return
        if len(value) < least:
            report.error(f"no less than {least} items allowed", at)
        if len(value) > most:
            report.error(f"no more than {most} items allowed", at)
        for position, entry in enumerate(value[: most + 1]):
            item(entry, f"{at}/{position}", report)

    return check


def shape(required: Rules, optional: Rules, extra: Rule | None = None) -> Rule:
    """An object with these fields and no others; `extra` looks at the whole once its fields are right."""
    fields = {**required, **optional}

    def check(value: Any, at: str, report: Report) -> None:
        if not isinstance(value, dict):
            report.error("must provide an object", at)
            return
        before = len(report.messages)
        _check_names(value, at, report, required, fields)
        for name in sorted(fields.keys() & value.keys()):
            fields[name](value[name], f"{at}/{name}", report)
        if extra is not None and len(report.messages) == before:
            extra(value, at, report)

    return check


def _check_names(value: Json, at: str, report: Report, required: Rules, fields: Rules) -> None:
    for name in sorted(required.keys() - value.keys()):
        report.error(f"missing required field: {name}", at)
    for name in sorted(value.keys() - fields.keys()):
        report.error(f"invalid additional property: {name}", at)


def tagged(rules: Rules, what: str = "type") -> Rule:
    """An object whose `type` chooses the rule for it."""

    def check(value: Any, at: str, report: Report) -> None:
        kind = value.get("type") if isinstance(value, dict) else None
        if not isinstance(kind, str):
            report.error("missing required field: type", at)
        elif kind not in rules:
            report.error(f"unsupported {what}: {kind}", f"{at}/type")
        else:
            rules[kind](value, at, report)

    return check


def typed(kind: str, required: Rules, optional: Rules, extra: Rule | None = None) -> tuple[str, Rule]:
    """A pair for `tagged`: the type's name and the shape of its objects."""
    return kind, shape({"type": anything, **required}, optional, extra)


def exactly_one(*names: str) -> Rule:
    """An object that has exactly one of these fields."""

    def check(value: Any, at: str, report: Report) -> None:
        if sum(name in value for name in names) != 1:
            report.error(f"must have exactly one of: {', '.join(names)}", at)

    return check


def at_least_one(*names: str) -> Rule:
    """An object that has one of these fields or more."""

    def check(value: Any, at: str, report: Report) -> None:
        if not any(name in value for name in names):
            report.error(f"must have at least one of: {', '.join(names)}", at)

    return check
