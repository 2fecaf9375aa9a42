"""What changed between two trees, file by file."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from sandbox.github.git import Git, Tree


@dataclass(frozen=True)
class Change:
    """One changed file; `status` as GitHub spells it: added, removed, modified or renamed."""

    path: str
    status: str
    sha: str
    before: str
    after: str
    previous_path: str | None = None

    @cached_property
    def patch(self) -> str:
        """The unified difference, without the two header lines."""
        lines = list(difflib.unified_diff(self.before.splitlines(), self.after.splitlines(), lineterm=""))
        return "\n".join(lines[2:])

    @property
    def additions(self) -> int:
        return sum(line.startswith("+") for line in self.patch.split("\n"))

    @property
    def deletions(self) -> int:
        return sum(line.startswith("-") for line in self.patch.split("\n"))


def changes(git: Git, before: Tree, after: Tree) -> list[Change]:
    """Changed files sorted by name; a removed and an added file of the same content are one renamed file."""
    removed = {path: sha for path, sha in sorted(before.items()) if path not in after}
    added = {path: sha for path, sha in sorted(after.items()) if path not in before}
    renames = _renames(removed, added)
    found = [_change(git, path, "modified", before[path], after[path]) for path in _modified(before, after)]
    found += [_change(git, path, "added", None, sha) for path, sha in added.items() if path not in renames]
    gone = set(renames.values())
    found += [_change(git, path, "removed", sha, None) for path, sha in removed.items() if path not in gone]
    found += [_change(git, path, "renamed", added[path], added[path], old) for path, old in renames.items()]
    return sorted(found, key=lambda change: change.path)


def _modified(before: Tree, after: Tree) -> Iterable[str]:
    return [path for path, sha in after.items() if path in before and before[path] != sha]


def _renames(removed: Tree, added: Tree) -> dict[str, str]:
    """New path -> old path."""
    old_paths: dict[str, list[str]] = {}
    for path, sha in removed.items():
        old_paths.setdefault(sha, []).append(path)
    return {path: old_paths[sha].pop(0) for path, sha in added.items() if old_paths.get(sha)}


def _change(
    git: Git, path: str, status: str, before: str | None, after: str | None, previous: str | None = None
) -> Change:
    return Change(
        path=path,
        status=status,
        sha=after or before or "",
        before=git.blobs[before] if before else "",
        after=git.blobs[after] if after else "",
        previous_path=previous,
    )
