"""Git objects in memory: commits with parents and trees, annotated tags, refs, ancestry, merging.

A tree is a mapping from path to blob hash, which is all that a comparison needs.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

FULL_SHA = re.compile(r"[0-9a-f]{40}")
SHORT_SHA = re.compile(r"[0-9a-f]{7,39}")
BRANCHES, TAGS = "refs/heads/", "refs/tags/"
# `git check-ref-format`: what may not stand in the name of a ref.
BAD_REF = re.compile(r"[\x00-\x20~^:?*\[\\\x7f]|\.\.|@\{|//|/\.|\.lock(/|$)|\.$|/$|^/")
Tree = Mapping[str, str]


class MergeConflict(Exception):
    """Both sides changed the same path in different ways."""


@dataclass(frozen=True)
class Person:
    """Who wrote a commit; `login` is None where the e-mail belongs to no account."""

    name: str
    email: str
    login: str | None = None


@dataclass(frozen=True)
class Commit:
    sha: str
    message: str
    author: Person
    at: float
    parents: tuple[str, ...]
    tree: Tree
    # Position in the order of creation; a parent always has a smaller one than its children.
    order: int

    @property
    def title(self) -> str:
        return self.message.partition("\n")[0]

    @property
    def tree_sha(self) -> str:
        return digest("tree", *(f"{path}\0{blob}" for path, blob in sorted(self.tree.items())))


@dataclass(frozen=True)
class TagObject:
    """An annotated tag: an object of its own that points at a commit."""

    sha: str
    name: str
    message: str
    target: str
    tagger: Person
    at: float


def digest(kind: str, *parts: str) -> str:
    """A hash of 40 hexadecimal digits, the same for the same content."""
    return hashlib.sha1("\0".join((kind, *parts)).encode(), usedforsecurity=False).hexdigest()


def blob_sha(text: str) -> str:
    """The hash that Git itself gives this file content."""
    data = text.encode()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def valid_ref(ref: str) -> bool:
    """Whether `ref` is a full name of a ref that Git would accept."""
    return ref.startswith("refs/") and ref.count("/") >= 2 and not BAD_REF.search(ref)


@dataclass
class Git:
    """The objects and refs of one repository."""

    commits: dict[str, Commit] = field(default_factory=dict)
    blobs: dict[str, str] = field(default_factory=dict)
    tags: dict[str, TagObject] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)

    def add_commit(
        self,
        message: str,
        author: Person,
        at: float,
        *,
        parents: tuple[str, ...] = (),
        files: Mapping[str, str | None] | None = None,
        tree: Tree | None = None,
        sha: str | None = None,
    ) -> Commit:
        """A commit on `parents`; `files` change the first parent's tree (None removes), unless `tree` is given."""
        if tree is None:
            tree = self._changed(self.commits[parents[0]].tree if parents else {}, files or {})
        order = len(self.commits)
        sha = sha or digest("commit", message, author.email, *parents, str(order))
        self.commits[sha] = Commit(sha, message, author, at, parents, tree, order)
        return self.commits[sha]

    def _changed(self, tree: Tree, files: Mapping[str, str | None]) -> Tree:
        changed = dict(tree)
        for path, text in files.items():
            if text is None:
                changed.pop(path, None)
            else:
                changed[path] = blob_sha(text)
                self.blobs[changed[path]] = text
        return changed

    def add_tag(self, name: str, target: str, message: str, tagger: Person, at: float) -> TagObject:
        """An annotated tag object, without a ref that points at it."""
        tag = TagObject(digest("tag", name, target, message, str(len(self.tags))), name, message, target, tagger, at)
        self.tags[tag.sha] = tag
        return tag

    def peel(self, sha: str) -> Commit | None:
        """The commit behind an object hash, through annotated tags."""
        while sha in self.tags:
            sha = self.tags[sha].target
        return self.commits.get(sha)

    def branches(self) -> dict[str, str]:
        """Branch names with the hash of their tip, sorted by name."""
        return self._under(BRANCHES)

    def tag_refs(self) -> dict[str, str]:
        """Tag names with the hash they point at: a commit, or a tag object if annotated."""
        return self._under(TAGS)

    def _under(self, prefix: str) -> dict[str, str]:
        return {ref.removeprefix(prefix): sha for ref, sha in sorted(self.refs.items()) if ref.startswith(prefix)}

    def resolve(self, name: str) -> Commit | None:
        """The commit that a branch, a tag, a ref, or a full or abbreviated hash names."""
        if FULL_SHA.fullmatch(name) and name in self.commits:
            return self.commits[name]
        for ref in (f"{BRANCHES}{name}", f"{TAGS}{name}", f"refs/{name}", name):
            if ref in self.refs:
                return self.peel(self.refs[ref])
        return self._abbreviated(name)

    def _abbreviated(self, name: str) -> Commit | None:
        if not SHORT_SHA.fullmatch(name):
            return None
        found = [commit for sha, commit in self.commits.items() if sha.startswith(name)]
        return found[0] if len(found) == 1 else None

    def ancestors(self, sha: str) -> set[str]:
        """The commit itself and everything reachable from it."""
        seen: set[str] = set()
        waiting = [sha]
        while waiting:
            current = waiting.pop()
            if current not in seen:
                seen.add(current)
                waiting.extend(self.commits[current].parents)
        return seen

    def contains(self, descendant: str, sha: str) -> bool:
        """Whether `sha` is reachable from `descendant`."""
        return sha in self.ancestors(descendant)

    def history(self, sha: str) -> list[Commit]:
        """Everything reachable from `sha`, newest first."""
        return sorted((self.commits[each] for each in self.ancestors(sha)), key=lambda c: c.order, reverse=True)

    def between(self, base: str, head: str) -> list[Commit]:
        """Commits reachable from `head` but not from `base`, oldest first."""
        missing = self.ancestors(head) - self.ancestors(base)
        return sorted((self.commits[each] for each in missing), key=lambda c: c.order)

    def merge_base(self, one: str, other: str) -> Commit | None:
        """A best common ancestor; None where the histories have nothing in common."""
        common = self.ancestors(one) & self.ancestors(other)
        # The newest common ancestor cannot be an ancestor of another common one.
        return max((self.commits[each] for each in common), key=lambda c: c.order, default=None)

    def merged_tree(self, ours: str, theirs: str) -> Tree:
        """The tree of a three-way merge by whole files; MergeConflict where both sides changed one."""
        base = self.merge_base(ours, theirs)
        before: Tree = base.tree if base else {}
        mine, other = self.commits[ours].tree, self.commits[theirs].tree
        merged = dict(mine)
        for path in before.keys() | other.keys():
            if other.get(path) == before.get(path) or other.get(path) == mine.get(path):
                continue
            if mine.get(path) != before.get(path):
                raise MergeConflict(path)
            if path in other:
                merged[path] = other[path]
            else:
                merged.pop(path, None)
        return merged
