"""Tags, branches and recent commits: listed, searched while somebody types, and a tag made.

Sources: GitHub REST API, "Repositories" (list repository tags), "Git references" (create a reference).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Iterable, Mapping
from typing import TypeVar

from bot.clients.github import refs
from bot.clients.github.connection import Connection, unknown
from bot.clients.github.lists import Lists
from bot.clients.http import Retry, clip
from bot.domain.model import CiState, Commit, FoundRef, RefKind
from bot.errors import NotFound, RemoteError

# Slack waits 3 s for the options of a menu, and a hash may be asked for after the lists. What takes longer goes on
# loading for the next key.
PATIENCE_S = 1.2
MOST_OF_A_KIND = 20
MOST_COMMITS_UNASKED = 15
SHORTEST_HASH = 4

Value = TypeVar("Value")


class Search:
    """The part of the client that knows the names in a repository."""

    _connection: Connection
    _lists: Lists

    async def default_branch(self, repository: str) -> str:
        """The branch that the repository starts from, kept for ten minutes."""
        return await self._lists.default_branch.get(repository)

    async def tags(self, repository: str) -> dict[str, str]:
        """The repository's first hundred tags as GitHub lists them, as commit by name; kept for 20 s."""
        return dict(await self._lists.tags.get(repository))

    async def tag_of(self, repository: str, sha: str) -> str:
        """The tag on a commit, among the first hundred as GitHub lists them, or an empty string."""
        tags = await self._lists.tags.get(repository)
        return next((name for name, tagged in tags.items() if tagged == sha), "")

    async def create_tag(self, repository: str, name: str, sha: str) -> None:
        """Make a lightweight tag. RemoteRejected (422) where the name is taken, NotFound where it is not legal.

        Never repeated once it may have been worked.
        """
        if why := refs.problem(name):
            raise unknown(f"“{clip(name)[:80]}” cannot name a tag: {why}.")
        body = {"ref": f"refs/tags/{name}", "sha": sha}
        try:
            await self._connection.post(repository, "git", "refs", body=body, retry=Retry.UNSENT)
        finally:
            self._lists.tags.drop(repository)

    async def search_refs(self, repository: str, typed: str, workflow: str) -> list[FoundRef]:
        """Tags, branches and recent commits that fit what was typed, best first, at most 20 of a kind.

        Fits: a part of a name, the begin of a hash (4 hex or more), all words of a title; nothing typed fits the
        newest. A list that GitHub does not give within 1.2 s is left out, CI's answer is then unknown.
        """
        lists = self._lists
        tags, branches, default, commits, ci = await asyncio.gather(
            _if_quick(lists.tags.get(repository), {}),
            _if_quick(lists.branches.get(repository), {}),
            _if_quick(lists.default_branch.get(repository), ""),
            _if_quick(lists.commits.get(repository), []),
            _if_quick(lists.ci_states.get((repository, workflow)), {}) if workflow else _nothing(),
        )
        found = candidates(tags, branches, commits, default=default, ci=ci)
        best = fitting(found, typed)
        if not best and (commit := await _if_quick(lists.by_hash.get((repository, typed.strip())), None)):
            best = candidates({}, {}, [commit], ci=ci)
        return best


async def _if_quick(loading: Awaitable[Value], otherwise: Value) -> Value:
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await loading
    except (RemoteError, NotFound, TimeoutError):
        return otherwise


async def _nothing() -> dict[str, CiState]:
    return {}


def candidates(
    tags: Mapping[str, str],
    branches: Mapping[str, str],
    commits: Iterable[Commit],
    *,
    default: str = "",
    ci: Mapping[str, CiState],
) -> list[FoundRef]:
    """All there is: tags with the highest version first, branches with the default one first, commits as given.

    A tag or branch has its commit's title where that is among `commits`.
    """
    known = {commit.sha: commit for commit in commits}
    newest_tags = sorted(tags, key=_version, reverse=True)
    default_first = sorted(branches, key=lambda name: name != default)
    named = [(name, RefKind.TAG, tags[name]) for name in newest_tags]
    named += [(name, RefKind.BRANCH, branches[name]) for name in default_first]
    named += [(sha, RefKind.COMMIT, sha) for sha in known]
    return [
        FoundRef(name, kind, known.get(sha) or Commit(sha, "", ""), ci.get(sha, CiState.UNKNOWN))
        for name, kind, sha in named
    ]


def fitting(found: Iterable[FoundRef], typed: str) -> list[FoundRef]:
    """Those that fit, best first: the name itself, its begin, a part of it, then words of the title."""
    wanted = typed.strip().casefold()
    ranked = [(rank, ref) for ref in found if (rank := _rank(ref, wanted)) is not None]
    left = dict.fromkeys(RefKind, MOST_OF_A_KIND)
    if not wanted:
        left[RefKind.COMMIT] = MOST_COMMITS_UNASKED
    best: list[FoundRef] = []
    for _, ref in sorted(ranked, key=lambda pair: pair[0]):
        left[ref.kind] -= 1
        if left[ref.kind] >= 0:
            best.append(ref)
    return best


def _rank(found: FoundRef, wanted: str) -> int | None:
    name, title = found.ref.casefold(), found.commit.title.casefold()
    is_named = found.kind is not RefKind.COMMIT
    fits = (
        not wanted or name == wanted,
        is_named and name.startswith(wanted),
        len(wanted) >= SHORTEST_HASH and found.commit.sha.startswith(wanted),
        is_named and wanted in name,
        bool(title) and all(word in title for word in wanted.split()),
    )
    return next((rank for rank, does_fit in enumerate(fits) if does_fit), None)


def _version(name: str) -> list[tuple[int, str]]:
    """Numbers in a name compare as numbers: v1.10 is above v1.9."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
