"""A part of PromQL: read by descent, worked on samples.

Source: https://prometheus.io/docs/prometheus/latest/querying/basics/ and https://docs.victoriametrics.com/metricsql/
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sandbox.fly.prometheus_series import Labels, Series

TOKEN = re.compile(r'\s*(?:(\d+(?:\.\d+)?)|([A-Za-z_:][\w:]*)|("(?:[^"\\]|\\.)*")|(=~|!~|!=|[-+*/(){}\[\],=]))')
WINDOW = re.compile(r"\s*(\d+)([smhdw])\s*\]")
UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
DEFAULT_WINDOW_S = 300.0
SIGNS: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
AGGREGATES: dict[str, Callable[[Sequence[float]], float]] = {
    "sum": sum,
    "avg": lambda values: sum(values) / len(values),
    "min": min,
    "max": max,
    "count": len,
}
MATCHES: dict[str, Callable[[str, str], bool]] = {
    "=": lambda value, wanted: value == wanted,
    "!=": lambda value, wanted: value != wanted,
    "=~": lambda value, wanted: re.fullmatch(wanted, value) is not None,
    "!~": lambda value, wanted: re.fullmatch(wanted, value) is None,
}


class QueryError(Exception):
    """An expression that cannot be read."""


@dataclass(frozen=True)
class Sample:
    labels: Labels
    value: float


# A number stands for itself; everything else is a vector.
Value = float | list[Sample]


def evaluate(text: str, series: list[Series], now: float) -> list[Sample]:
    """The samples of an expression at a time; QueryError where it is none."""
    reader = _Reader(text, series, now)
    try:
        value = reader.sum()
    except RecursionError:
        raise QueryError("too many brackets") from None
    reader.end()
    return [Sample((), value)] if isinstance(value, float) else value


class _Reader:
    """Reads a text from left to right and works what it reads."""

    def __init__(self, text: str, series: list[Series], now: float) -> None:
        self._text = text
        self._at = 0
        self._series = series
        self._now = now

    def end(self) -> None:
        if self._text[self._at :].strip():
            raise QueryError(f"unparsed data left: {self._text[self._at :].strip()!r}")

    def sum(self) -> Value:
        return self._signs(("+", "-"), lambda: self._signs(("*", "/"), self._factor))

    def _signs(self, signs: tuple[str, str], operand: Callable[[], Value]) -> Value:
        value = operand()
        while self._peek() in signs:
            sign = self._next()
            value = _combined(SIGNS[sign], value, operand())
        return value

    def _factor(self) -> Value:
        word = self._next()
        if re.fullmatch(r"\d.*", word):
            return float(word)
        if word == "(":
            value = self.sum()
            self._expect(")")
            return value
        if word in AGGREGATES:
            return self._aggregate(word)
        if word in {"rate", "increase"}:
            return self._change(word)
        if word == "{" or re.match(r"[A-Za-z_:]", word):
            return [Sample(each.labels, each.value(self._now)) for each in self._selected(word)]
        raise QueryError(f"unexpected {word!r}")

    def _aggregate(self, name: str) -> Value:
        labels = self._by()
        self._expect("(")
        value = self.sum()
        self._expect(")")
        labels = labels or self._by()
        if isinstance(value, float):
            raise QueryError(f"{name} of a number")
        groups: dict[Labels, list[float]] = {}
        for sample in value:
            kept = tuple(pair for pair in sample.labels if pair[0] in labels)
            groups.setdefault(kept, []).append(sample.value)
        return [Sample(kept, float(AGGREGATES[name](values))) for kept, values in groups.items()]

    def _by(self) -> list[str]:
        if self._peek() != "by":
            return []
        self._next()
        self._expect("(")
        labels = [self._next()]
        while self._peek() == ",":
            self._next()
            labels.append(self._next())
        self._expect(")")
        return labels

    def _change(self, name: str) -> Value:
        self._expect("(")
        selected = self._selected(self._next())
        window_s = self._window_s() if self._peek() == "[" else DEFAULT_WINDOW_S
        self._expect(")")
        scale = window_s if name == "rate" else 1.0
        return [
            Sample(_unnamed(each.labels), (each.value(self._now) - each.value(self._now - window_s)) / scale)
            for each in selected
        ]

    def _window_s(self) -> float:
        self._next()
        found = WINDOW.match(self._text, self._at)
        if found is None:
            raise QueryError("a window such as [5m] is missing")
        self._at = found.end()
        return float(found[1]) * UNIT_S[found[2]]

    def _selected(self, word: str) -> list[Series]:
        wanted = [] if word == "{" else [("__name__", "=", word)]
        if word == "{" or self._peek() == "{":
            if word != "{":
                self._next()
            wanted += self._matchers()
        found = []
        for each in self._series:
            labels = dict(each.labels)
            if all(MATCHES[how](labels.get(name, ""), text) for name, how, text in wanted):
                found.append(each)
        return found

    def _matchers(self) -> list[tuple[str, str, str]]:
        wanted = []
        while self._peek() != "}":
            name, how, text = self._next(), self._next(), self._next()
            if how not in MATCHES or not text.startswith('"'):
                raise QueryError(f"unexpected {how} {text} after label {name!r}")
            text = text[1:-1].replace('\\"', '"').replace("\\\\", "\\")
            _check_expression(text, how)
            wanted.append((name, how, text))
            if self._peek() == ",":
                self._next()
        self._next()
        return wanted

    def _peek(self) -> str:
        found = TOKEN.match(self._text, self._at)
        return next(group for group in found.groups() if group is not None) if found else ""

    def _next(self) -> str:
        found = TOKEN.match(self._text, self._at)
        if found is None:
            raise QueryError(f"unexpected end or character at position {self._at}")
        self._at = found.end()
        return next(group for group in found.groups() if group is not None)

    def _expect(self, token: str) -> None:
        found = self._next()
        if found != token:
            raise QueryError(f"expected {token!r}, not {found!r}")


def _check_expression(text: str, how: str) -> None:
    try:
        re.compile(text if "~" in how else "")
    except re.error as error:
        raise QueryError(f"cannot parse regexp {text!r}: {error}") from None


def _unnamed(labels: Labels) -> Labels:
    return tuple(pair for pair in labels if pair[0] != "__name__")


def _combined(act: Callable[[float, float], float], left: Value, right: Value) -> Value:
    """Between vectors, the samples that have the same labels in both."""
    if isinstance(left, float) and isinstance(right, float):
        return _worked(act, left, right)
    if isinstance(left, float):
        assert not isinstance(right, float)
        return [Sample(_unnamed(each.labels), _worked(act, left, each.value)) for each in right]
    if isinstance(right, float):
        return [Sample(_unnamed(each.labels), _worked(act, each.value, right)) for each in left]
    known = {_unnamed(each.labels): each.value for each in right}
    pairs = ((_unnamed(each.labels), each.value) for each in left)
    return [Sample(labels, _worked(act, value, known[labels])) for labels, value in pairs if labels in known]


def _worked(act: Callable[[float, float], float], left: float, right: float) -> float:
    try:
        return act(left, right)
    except ZeroDivisionError:
        return math.copysign(math.inf, left) if left else math.nan
