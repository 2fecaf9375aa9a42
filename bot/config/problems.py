"""Problems of the configuration, collected so that a person sees all of them at once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.domain.toml_lines import Path


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong: where, what, and how to mend it. `line` is 0 where there is none to tell."""

    line: int
    place: str
    what: str
    mend: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}. {self.mend}"


class Bad(ValueError):
    """A value that cannot be accepted: what is wrong with it, without a full stop, and a sentence that mends it."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(what)
        self.what = what
        self.mend = mend


@dataclass
class Problems:
    """Collects what is wrong in one source; `locate` turns a path into a line (or 0) and a place to read."""

    locate: Callable[[Path], tuple[int, str]]
    found: list[Problem] = field(default_factory=list)
    paths: set[Path] = field(default_factory=set)

    def add(self, path: Path, what: str, mend: str) -> None:
        line, place = self.locate(path)
        self.found.append(Problem(line, place, what, mend))
        self.paths.add(path)

    def has(self, path: Path) -> bool:
        """Whether this very path has a problem already."""
        return path in self.paths

    @property
    def sentences(self) -> list[str]:
        """Each problem once, in the order of the lines."""
        return [str(problem) for problem in sorted(dict.fromkeys(self.found), key=lambda p: p.line)]


def in_file(file: str, document: Mapping[str, Any], lines: Mapping[Path, int]) -> Problems:
    """Problems of a TOML file: `flytower.toml:12: pipeline.reify-studio.ci_workflow`."""

    def locate(path: Path) -> tuple[int, str]:
        known = next((path[:n] for n in range(len(path), 0, -1) if path[:n] in lines), ())
        line = lines.get(known, 0)
        place = f"{file}:{line}" if line else file
        return line, f"{place}: {dotted(document, path)}"

    return Problems(locate)


def of_syntax(file: str, message: str) -> Problems:
    """The one problem of a text that is no TOML; tomllib tells the line in its message."""
    found = re.search(r"at line (\d+)", message)
    line = int(found.group(1)) if found else 0
    problems = Problems(lambda _path: (line, f"{file}:{line}" if line else file))
    problems.add((), f"is not TOML: {message.rstrip('.')}", "The problem stands there or on the line before.")
    return problems


def in_environment() -> Problems:
    """Problems of environment variables."""
    return Problems(lambda path: (0, f"environment variable {path[0]}"))


def dotted(document: Mapping[str, Any], path: Path) -> str:
    """A path as a person would say it: entries of an array go by their `name` where they have one."""
    words: list[str] = []
    node: Any = document
    for part in path:
        node = _child(node, part)
        if isinstance(part, str):
            words.append(part)
            continue
        name = node.get("name") if isinstance(node, dict) else None
        words.append(name if isinstance(name, str) and name else f"[{part + 1}]")
    return ".".join(words)


def _child(node: Any, part: str | int) -> Any:
    if isinstance(node, dict):
        return node.get(str(part))
    if isinstance(node, list) and isinstance(part, int) and part < len(node):
        return node[part]
    return None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`Did you mean `x`?`, or an empty string where nothing is close."""
    close = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return f"Did you mean `{close[0]}`?" if close else ""


def suggestion(word: str, known: Iterable[str]) -> str:
    """The close match, or all that there is."""
    names = list(known)
    return did_you_mean(word, names) or "There is " + ", ".join(f"`{name}`" for name in names) + "."
