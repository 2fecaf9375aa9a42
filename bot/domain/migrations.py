"""Which database migrations lie between two commits: listed, none, or not known. Never "none" by omission."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from bot.domain.model import ChangedFile, Comparison, MigrationRisk, Migrations, Relation

# `**/` may also stand for no folder at all, as in .gitignore and in the path filters of GitHub's workflows.
_GLOBS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}

_WHY_UNKNOWN = {
    Relation.BEHIND: "the second commit is older than the first",
    Relation.DIVERGED: "neither of the two commits contains the other",
    Relation.UNKNOWN: "the two commits could not be compared",
}


def migrations(comparison: Comparison, patterns: Iterable[str]) -> Migrations:
    """The migrations that the head of `comparison` has beyond its base.

    `patterns` are globs over paths from the repository's root: `*` and `?` stay inside a folder, `**` crosses
    folders. A file counts by its present or its previous path, whether it was added, changed or removed. The
    risk is unknown, with the reason in words, where the head does not simply continue the base or where GitHub
    cut the list of files; `files` then holds what was seen.
    """
    if comparison.relation not in {Relation.AHEAD, Relation.IDENTICAL}:
        return Migrations(MigrationRisk.UNKNOWN, why=_WHY_UNKNOWN[comparison.relation])
    files = _matching(comparison.files, tuple(patterns))
    if not comparison.files_complete:
        return Migrations(MigrationRisk.UNKNOWN, files, "GitHub did not list every changed file")
    return Migrations(MigrationRisk.LISTED if files else MigrationRisk.NONE, files)


def matches(path: str, pattern: str) -> bool:
    """Whether the whole of `path` fits the glob `pattern`; capitals count."""
    return _compiled(pattern).fullmatch(path) is not None


def _matching(files: Iterable[ChangedFile], patterns: tuple[str, ...]) -> tuple[str, ...]:
    candidates = (path for file in files for path in (file.path, file.previous_path) if path)
    return tuple(sorted({path for path in candidates if any(matches(path, pattern) for pattern in patterns)}))


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    return re.compile("".join(_GLOBS.get(part, re.escape(part)) for part in parts), re.DOTALL)
