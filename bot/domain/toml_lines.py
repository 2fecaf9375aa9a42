"""On which line each key of a TOML text stands. tomllib does not tell, and a problem without its line is a search.

Source: TOML v1.0.0, "Keys", "Table", "Array of Tables". The text has already been parsed: only layout is read here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias

# Where something stands in a TOML document: names of tables and keys, and indices of arrays of tables.
Path: TypeAlias = tuple[str | int, ...]

TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*"
    r"|[\[\]{}=,\n]"
    r"|[^\s\[\]{}=,\"'\#]+",
    re.DOTALL,
)
QUOTES = ('"', "'")


def lines_of(text: str) -> dict[Path, int]:
    """The line (from 1) of every table and key. Keys inside inline tables and arrays are not listed."""
    lines: dict[Path, int] = {}
    arrays: dict[Path, int] = {}
    table: Path = ()
    for line, tokens in _statements(text):
        if tokens[0] == "[":
            table = _header(tokens, arrays)
            _note(lines, table, line)
        else:
            _note(lines, table + _keys(tokens[: tokens.index("=")]), line)
    return lines


def _statements(text: str) -> Iterator[tuple[int, list[str]]]:
    """The tokens of each statement with its first line; one ends with the line, outside of brackets."""
    tokens: list[str] = []
    depth, start = 0, 1
    for match in TOKEN.finditer(text + "\n"):
        word = match.group()
        if word == "\n" and depth == 0 and tokens:
            yield start, tokens
            tokens = []
        if word.startswith(("#", "\n")):
            continue
        if not tokens:
            start = text.count("\n", 0, match.start()) + 1
        depth += (word in {"[", "{"}) - (word in {"]", "}"})
        tokens.append(word)


def _header(tokens: list[str], arrays: dict[Path, int]) -> Path:
    """The path of a header, with the index of each array of tables that it passes through."""
    is_entry = tokens[1] == "["
    keys = _keys([token for token in tokens if token not in {"[", "]"}])
    path: Path = ()
    for position, name in enumerate(keys):
        path += (name,)
        if is_entry and position == len(keys) - 1:
            arrays[path] = arrays.get(path, -1) + 1
        if path in arrays:
            path += (arrays[path],)
    return path


def _keys(tokens: list[str]) -> tuple[str, ...]:
    keys: list[str] = []
    for token in tokens:
        keys.extend([token[1:-1]] if token.startswith(QUOTES) else [part for part in token.split(".") if part])
    return tuple(keys)


def _note(lines: dict[Path, int], path: Path, line: int) -> None:
    for length in range(1, len(path) + 1):
        lines.setdefault(path[:length], line)
