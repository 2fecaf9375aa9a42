"""The `created` filter: GitHub's search syntax for dates.

Source: "Understanding the search syntax", "Query for dates".
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

DATE = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:?\d{2})?)?")
OPERATORS = (">=", "<=", ">", "<")
DAY_S = 86_400


def in_created(query: str, at: float) -> bool:
    """Whether the instant `at` satisfies `query`; ValueError for what is no date, comparison or range."""
    at = int(at)
    if ".." in query:
        first, _, last = query.partition("..")
        return (first == "*" or at >= _bounds(first)[0]) and (last == "*" or at < _bounds(last)[1])
    operator = next((each for each in OPERATORS if query.startswith(each)), "")
    start, end = _bounds(query.removeprefix(operator))
    tests = {"": start <= at < end, ">=": at >= start, ">": at >= end, "<": at < start, "<=": at < end}
    return tests[operator]


def instant(text: str) -> float:
    """The first second of a date or time; ValueError for what is neither."""
    return _bounds(text)[0]


def _bounds(text: str) -> tuple[float, float]:
    """The first second that the text means, and the first one after it."""
    if not DATE.fullmatch(text):
        raise ValueError(f"{text!r} is not a date")
    moment = datetime.fromisoformat(text)
    start = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return start, start + (1 if "T" in text else DAY_S)
