"""What a ref means, and what lies between two commits.

Sources: GitHub REST API, "Git references", "Git tags", "Branches", "Commits".
"""

from __future__ import annotations

import base64
import contextlib
from http import HTTPStatus

from bot.clients.github import answers, refs
from bot.clients.github.connection import ABSENT, NO_COMMIT, PAGE, Connection, unknown
from bot.clients.http import Response, clip
from bot.domain.model import Commit, Comparison, RefKind, Relation, ResolvedRef
from bot.errors import NotFound, RemoteError

MOST_PEELS = 5
NO_ANCESTOR = "No common ancestor"


class Commits:
    """The part of the client that speaks of commits and their names."""

    _connection: Connection

    async def resolve(self, repository: str, ref: str) -> ResolvedRef:
        """What a ref means now: the tag of exactly that name, else the branch, else the commit (7 to 40 hex).

        NotFound, with at most five close matches in its hint; a name that git does not allow is not asked for.
        """
        if why := refs.problem(ref):
            shown = f"“{clip(ref)[:80]}”"
            raise unknown(f"{shown} cannot name a tag, a branch or a commit: {why}.")
        for kind, find in (
            (RefKind.TAG, self._tag),
            (RefKind.BRANCH, self._branch),
            (RefKind.COMMIT, self._by_hash),
        ):
            commit = await find(repository, ref)
            if commit is not None:
                return ResolvedRef(ref, kind, commit)
        raise await self._unknown_ref(repository, ref)

    async def commit(self, repository: str, sha: str) -> Commit:
        """One commit by its hash (7 to 40 hex); NotFound."""
        commit = await self._by_hash(repository, sha)
        if commit is None:
            raise unknown(f"There is no commit {clip(sha)[:80]} in {repository}.")
        return commit

    async def file(self, repository: str, path: str, ref: str) -> str | None:
        """The text of a file at a commit, branch or tag; None where there is none of that name.

        What is no file, or above the 1 MB that GitHub sends this way, is none either. Source: GitHub REST API, "Get
        repository content".
        """
        response = await self._connection.get(
            repository, "contents", *path.split("/"), params={"ref": ref}, absent=ABSENT
        )
        if response.status in ABSENT:
            return None
        found = response.json()
        if not isinstance(found, dict) or found.get("encoding") != "base64":
            return None
        try:
            return base64.b64decode(str(found.get("content") or "")).decode()
        except ValueError as error:
            raise response.unexpected("The answer holds no text") from error

    async def compare(self, repository: str, base: str, head: str) -> Comparison:
        """What `head` has beyond `base`: the newest 250 commits, oldest first, and the files changed.

        NotFound where one of them is unknown. Histories without a common commit are `diverged`.
        """
        for name in (base, head):
            if why := refs.problem(name):
                raise unknown(f"“{clip(name)[:80]}” cannot name a commit: {why}.")
        # Without paging parameters GitHub gives 250 commits at once, and the files.
        response = await self._connection.get(repository, "compare", f"{base}...{head}", absent=ABSENT)
        if response.status == HTTPStatus.OK:
            return answers.comparison_of(response.object())
        if NO_ANCESTOR in str(response.object().get("message")):
            return Comparison(Relation.DIVERGED, files_complete=False)
        raise unknown(f"GitHub does not know both {clip(base)[:80]} and {clip(head)[:80]} in {repository}.")

    async def _tag(self, repository: str, name: str) -> Commit | None:
        response = await self._connection.get(repository, "git", "ref", "tags", *name.split("/"), absent=ABSENT)
        body = response.json()
        if response.status in ABSENT or not isinstance(body, dict) or body.get("ref") != f"refs/tags/{name}":
            return None
        target = body.get("object") or {}
        for _ in range(MOST_PEELS):
            if target.get("type") != "tag":
                break
            annotated = await self._connection.get(repository, "git", "tags", str(target.get("sha")))
            target = annotated.object().get("object") or {}
        if target.get("type") != "commit":
            raise unknown(f"The tag {name} of {repository} names no commit.")
        return await self.commit(repository, str(target.get("sha")))

    async def _branch(self, repository: str, name: str) -> Commit | None:
        response = await self._connection.get(repository, "branches", *name.split("/"), absent=ABSENT)
        body = response.object()
        # GitHub leads from a renamed branch to its new name, which is not what was asked for.
        if response.status in ABSENT or body.get("name") != name:
            return None
        return _read_commit(response, body.get("commit"))

    async def _by_hash(self, repository: str, digits: str) -> Commit | None:
        return await commit_by_hash(self._connection, repository, digits)

    async def _unknown_ref(self, repository: str, ref: str) -> NotFound:
        """The error for a ref that is none, with what was probably meant as far as that can be read."""
        names: list[str] = []
        with contextlib.suppress(RemoteError):
            for kind in ("tags", "branches"):
                response = await self._connection.get(repository, kind, params={"per_page": PAGE}, absent=ABSENT)
                if response.status in ABSENT:
                    return unknown(
                        f"GitHub shows no repository {repository} to this bot.",
                        hint="Check the name in the configuration, and which repositories the bot's token covers.",
                    )
                names += [str(item.get("name")) for item in response.list() if isinstance(item, dict)]
        matches = refs.close_matches(ref, names)
        hint = f"Close matches: {', '.join(matches)}." if matches else ""
        return unknown(f"{repository} has no tag, branch or commit {ref}.", hint=hint)


async def commit_by_hash(connection: Connection, repository: str, digits: str) -> Commit | None:
    """The commit whose hash begins so (7 to 40 hex), or None."""
    if not refs.may_be_commit(digits):
        return None
    wanted = digits.lower()
    response = await connection.get(repository, "commits", wanted, absent=NO_COMMIT)
    if response.status in NO_COMMIT:
        return None
    commit = _read_commit(response, response.object())
    # The endpoint takes tags and branches too, and one may look like a hash.
    return commit if commit.sha.startswith(wanted) else None


def _read_commit(response: Response, body: object) -> Commit:
    commit = answers.commit_of(body) if isinstance(body, dict) else None
    if commit is None or not refs.WHOLE_HASH.fullmatch(commit.sha):
        raise response.unexpected("The answer holds no commit")
    return commit
