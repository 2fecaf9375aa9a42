"""The line of each key, whatever the layout."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.toml_lines import lines_of

TEXT = '''# comment = 1
top = "a [b] = 1 # no" # c
"quoted.key" = \'x\'
text = """
[not.a.header]
key = 1 \\"""
"""
list = [
  1, # [comment]
  { inner = 2 },
]
after.dotted = 1

[table.sub]
key = { a = 1, b = [2] }

[[entry]]
name = "one"
[entry.child]
deep = 1
[[entry]]
name = "two"
[entry.child]
deep = 2
[[entry.child.leaf]]
x = \'\'\'
y = 1\'\'\'
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 2),
        (("quoted.key",), 3),
        (("text",), 4),
        (("list",), 8),
        (("after", "dotted"), 12),
        (("table",), 14),
        (("table", "sub", "key"), 15),
        (("entry", 0), 17),
        (("entry", 0, "name"), 18),
        (("entry", 0, "child", "deep"), 20),
        (("entry", 1), 21),
        (("entry", 1, "name"), 22),
        (("entry", 1, "child", "leaf", 0, "x"), 26),
    ],
    ids=str,
)
def test_each_key_has_its_line(path: tuple[str | int, ...], line: int) -> None:
    """Strings, comments, arrays and nested tables do not confuse the count."""
    assert lines_of(TEXT)[path] == line


def test_what_looks_like_a_key_inside_a_value_is_none() -> None:
    """Text and inline tables add no paths."""
    known = lines_of(TEXT)

    assert ("not",) not in known
    assert ("y",) not in known
    assert ("table", "sub", "key", "a") not in known


@given(st.text(alphabet="ab=\"'[]{}.,# \n1", max_size=40))
def test_whatever_is_toml_has_lines(text: str) -> None:
    """The scan accepts everything that the parser accepts, and knows each key outside inline values."""
    try:
        document: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return

    assert {path[0] for path in lines_of(text)} == set(document)
