"""Histories of commits without a git: who descends from whom, what a message reverts, and GitHub's answers to that."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field

from bot.domain.hold import Hold, Lineage
from bot.domain.model import Commit, Comparison, RefKind, Relation, ResolvedRef
from bot.errors import NotFound, Reason, RemoteUnavailable
from tests.builders import BO, NOW

# What GitHub lists of a comparison.
LISTED = 250


def sha_of(number: int) -> str:
    """The hash of the commit with this number, different from all others from its first digits on."""
    return f"{number:07x}".ljust(40, "0")


@dataclass
class History:
    """Commits by hash with their parents, in the order in which they were made."""

    parents: dict[str, tuple[str, ...]] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)

    def commit(self, *parents: str, reverts: Iterable[str] = (), fixes: Iterable[str] = ()) -> str:
        """Make a commit on these parents; its hash."""
        sha = sha_of(len(self.commits) + 1)
        self.parents[sha] = parents
        self.commits[sha] = Commit(sha, f"Change {sha[:7]}", "ana", reverts=tuple(reverts), fixes=tuple(fixes))
        return sha

    def line(self, parent: str, count: int) -> str:
        """So many commits, one on the other; the last one."""
        for _ in range(count):
            parent = self.commit(parent)
        return parent

    def ancestry(self, sha: str) -> set[str]:
        """A commit with everything that it descends from."""
        found, waiting = set(), [sha]
        while waiting:
            if (one := waiting.pop()) not in found:
                found.add(one)
                waiting.extend(self.parents[one])
        return found

    def beyond(self, base: str, head: str) -> list[str]:
        """What `head` has and `base` has not, oldest first."""
        missing = self.ancestry(head) - self.ancestry(base)
        return [sha for sha in self.commits if sha in missing]

    def compare(self, base: str, head: str, *, listed: int = LISTED) -> Comparison:
        """As GitHub compares: the newest `listed` commits."""
        ahead, behind = self.beyond(base, head), self.beyond(head, base)
        if ahead and behind:
            relation = Relation.DIVERGED
        elif ahead:
            relation = Relation.AHEAD
        else:
            relation = Relation.BEHIND if behind else Relation.IDENTICAL
        shown = ahead[-listed:] if listed else []
        return Comparison(relation, tuple(self.commits[sha] for sha in shown), len(ahead))

    def lineage(self, hold: Hold, sha: str, *, listed: int = LISTED) -> Lineage:
        """Everything that GitHub tells of a commit and a hold."""
        alone = Comparison(Relation.AHEAD, (self.commits[hold.bad],), 1)
        return Lineage(
            held=self.compare(hold.good, hold.bad, listed=listed) if hold.good else alone,
            since_bad=self.compare(hold.bad, sha, listed=listed),
            since_good=self.compare(hold.good, sha, listed=listed) if hold.good else Comparison(Relation.UNKNOWN),
            since_fixes={fix: self.compare(fix, sha, listed=listed) for fix in hold.fixes},
        )


def hold(good: str, bad: str, *fixes: str, **changes: object) -> Hold:
    """A hold of what `bad` has beyond `good`."""
    made = Hold(
        id=1,
        environment="reify-studio/production",
        repository="reify/reify-studio",
        operation_id="018f5e7a3c1b2d4e",
        good=good,
        good_ref="v41",
        bad=bad,
        bad_ref="v43",
        by=BO,
        why="checkout is down",
        at=NOW,
        fixes=fixes,
    )
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


class GitHub:
    """GitHub as far as holds need it, over a history. About commits in `silent` it does not answer."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.refs: dict[str, str] = {}
        self.silent: set[str] = set()
        self.is_down = False
        self.listed = LISTED
        self.asked: list[tuple[str, str]] = []

    async def compare(self, repository: str, base: str, head: str) -> Comparison:
        del repository
        self.asked.append((base, head))
        if self.is_down or self.silent & {base, head}:
            raise RemoteUnavailable("no answer", service="GitHub", status=502)
        for sha in (base, head):
            if sha not in self.history.commits:
                raise NotFound(f"GitHub does not know {sha[:7]}.", reason=Reason.UNKNOWN_REF)
        return self.history.compare(base, head, listed=self.listed)

    async def resolve(self, repository: str, ref: str) -> ResolvedRef:
        if ref not in self.refs:
            raise NotFound(f"{repository} has no {ref}.", reason=Reason.UNKNOWN_REF)
        return ResolvedRef(ref, RefKind.BRANCH, self.history.commits[self.refs[ref]])
