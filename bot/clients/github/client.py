"""The GitHub port over the REST API: what a ref means, what CI says of it, what lies between two commits.

Sources: GitHub REST API, "Git references", "Branches", "Commits", "Workflow runs", "Check runs", "Commit
statuses", "Rate limits for the REST API", "Best practices for using the REST API".
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Self

from bot.clients.github import answers, refs
from bot.clients.github.auth import (
    HEADERS,
    AppAuth,
    Credentials,
    InstallationTokens,
    PersonalToken,
    TokenAuth,
)
from bot.clients.http import HttpClient, Observe, Query, Response, Retry, clip, error_of, path
from bot.domain.model import Ci, Commit, Comparison, RefKind, Relation, ResolvedRef
from bot.errors import NotFound, RateLimited, Reason, RemoteError, RemoteRejected
from bot.ports import Clock

API_URL = "https://api.github.com"
# What this module judges by itself; other statuses are errors already when they arrive here.
JUDGED = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.CONFLICT,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)
ABSENT = frozenset({HTTPStatus.NOT_FOUND})
# A commit that does not exist is "no commit found", and in an empty repository a conflict.
NO_COMMIT = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.CONFLICT})
# "If none of these headers is there, wait for at least one minute."
UNTOLD_WAIT = timedelta(minutes=1)
PAGE = 100
MOST_PAGES = 10
MOST_PEELS = 5
NO_ANCESTOR = "No common ancestor"
_WHOLE_HASH = re.compile("[0-9a-f]{40}")


class GitHubClient:
    """Implements the GitHub port. Make it inside the running event loop, and close it.

    Every method raises RemoteError. After RateLimited no further call is sent before the instant that GitHub
    named; a refusal for want of permission is RemoteRejected and its hint names the permission.
    """

    def __init__(
        self,
        base_url: str = API_URL,
        *,
        auth: TokenAuth | AppAuth,
        clock: Clock,
        observe: Observe | None = None,
    ) -> None:
        self._clock = clock
        self._http = HttpClient("GitHub", base_url, clock=clock, observe=observe)
        self._base_url = base_url.rstrip("/")
        self._credentials: Credentials = (
            PersonalToken(auth) if isinstance(auth, TokenAuth) else InstallationTokens(auth, self._http, clock)
        )
        # By owner, as an App has an installation, and with it a limit, for each.
        self._held_until: dict[str, datetime] = {}

    async def aclose(self) -> None:
        """Close all connections."""
        await self._credentials.aclose()
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def resolve(self, repository: str, ref: str) -> ResolvedRef:
        """What a ref means now: the tag of exactly that name, else the branch, else the commit (7 to 40 hex).

        NotFound, with at most five close matches in its hint; a name that git does not allow is not asked for.
        """
        if why := refs.problem(ref):
            shown = f"“{clip(ref)[:80]}”"
            raise _unknown(f"{shown} cannot name a tag, a branch or a commit: {why}.")
        for kind, find in (
            (RefKind.TAG, self._tag),
            (RefKind.BRANCH, self._branch),
            (RefKind.COMMIT, self._commit),
        ):
            commit = await find(repository, ref)
            if commit is not None:
                return ResolvedRef(ref, kind, commit)
        raise await self._unknown_ref(repository, ref)

    async def commit(self, repository: str, sha: str) -> Commit:
        """One commit by its hash (7 to 40 hex); NotFound."""
        commit = await self._commit(repository, sha)
        if commit is None:
            raise _unknown(f"There is no commit {clip(sha)[:80]} in {repository}.")
        return commit

    async def ci(self, repository: str, sha: str, workflow: str) -> Ci:
        """CI's answer for a commit (40 hex): that of the newest run of `workflow` for a push of it.

        Where there is no such run, or no workflow is named, all check runs and statuses together. Check runs
        of Actions then do not count beside a named workflow: they would be those of its pull request runs.
        """
        if not _WHOLE_HASH.fullmatch(sha):
            raise _unknown(f"“{clip(sha)[:80]}” is not the whole hash of a commit.")
        if workflow:
            runs = await self._get(
                repository, "actions", "runs", params={"head_sha": sha, "event": "push", "per_page": PAGE}
            )
            found = answers.run_ci(runs.object(), sha=sha, workflow=workflow)
            if found is not None:
                return found
        checks, status = await asyncio.gather(
            self._check_runs(repository, sha),
            self._get(repository, "commits", sha, "status", params={"per_page": PAGE}, absent=NO_COMMIT),
        )
        if status.status in NO_COMMIT:
            raise _unknown(f"There is no commit {clip(sha)[:80]} in {repository}.")
        return answers.combined_ci(checks, status.object(), without_actions=bool(workflow))

    async def compare(self, repository: str, base: str, head: str) -> Comparison:
        """What `head` has beyond `base`: the newest 250 commits, oldest first, and the files changed.

        NotFound where one of them is unknown. Histories without a common commit are `diverged`.
        """
        for name in (base, head):
            if why := refs.problem(name):
                raise _unknown(f"“{clip(name)[:80]}” cannot name a commit: {why}.")
        # Without paging parameters GitHub gives 250 commits at once, and the files.
        response = await self._get(repository, "compare", f"{base}...{head}", absent=ABSENT)
        if response.status == HTTPStatus.OK:
            return answers.comparison_of(response.object())
        if NO_ANCESTOR in str(response.object().get("message")):
            return Comparison(Relation.DIVERGED, files_complete=False)
        raise _unknown(f"GitHub does not know both {clip(base)[:80]} and {clip(head)[:80]} in {repository}.")

    async def tag_of(self, repository: str, sha: str) -> str:
        """The tag on a commit, among the repository's first hundred as GitHub lists them, or an empty string."""
        response = await self._get(repository, "tags", params={"per_page": PAGE})
        tags = [tag for tag in response.list() if isinstance(tag, dict)]
        return next((str(tag.get("name")) for tag in tags if (tag.get("commit") or {}).get("sha") == sha), "")

    async def _tag(self, repository: str, name: str) -> Commit | None:
        response = await self._get(repository, "git", "ref", "tags", *name.split("/"), absent=ABSENT)
        body = response.json()
        if response.status in ABSENT or not isinstance(body, dict) or body.get("ref") != f"refs/tags/{name}":
            return None
        target = body.get("object") or {}
        for _ in range(MOST_PEELS):
            if target.get("type") != "tag":
                break
            annotated = await self._get(repository, "git", "tags", str(target.get("sha")))
            target = annotated.object().get("object") or {}
        if target.get("type") != "commit":
            raise _unknown(f"The tag {name} of {repository} names no commit.")
        return await self.commit(repository, str(target.get("sha")))

    async def _branch(self, repository: str, name: str) -> Commit | None:
        response = await self._get(repository, "branches", *name.split("/"), absent=ABSENT)
        body = response.object()
        # GitHub leads from a renamed branch to its new name, which is not what was asked for.
        if response.status in ABSENT or body.get("name") != name:
            return None
        return _read_commit(response, body.get("commit"))

    async def _commit(self, repository: str, name: str) -> Commit | None:
        if not refs.may_be_commit(name):
            return None
        digits = name.lower()
        response = await self._get(repository, "commits", digits, absent=NO_COMMIT)
        if response.status in NO_COMMIT:
            return None
        commit = _read_commit(response, response.object())
        # The endpoint takes tags and branches too, and one may look like a hash.
        return commit if commit.sha.startswith(digits) else None

    async def _unknown_ref(self, repository: str, ref: str) -> NotFound:
        """The error for a ref that is none, with what was probably meant as far as that can be read."""
        names: list[str] = []
        with contextlib.suppress(RemoteError):
            for kind in ("tags", "branches"):
                response = await self._get(repository, kind, params={"per_page": PAGE}, absent=ABSENT)
                if response.status in ABSENT:
                    return _unknown(
                        f"GitHub shows no repository {repository} to this bot.",
                        hint="Check the name in the configuration, and which repositories the bot's token covers.",
                    )
                names += [str(item.get("name")) for item in response.list() if isinstance(item, dict)]
        matches = refs.close_matches(ref, names)
        hint = f"Close matches: {', '.join(matches)}." if matches else ""
        return _unknown(f"{repository} has no tag, branch or commit {ref}.", hint=hint)

    async def _check_runs(self, repository: str, sha: str) -> list[Mapping[str, Any]]:
        runs: list[Mapping[str, Any]] = []
        params: Query = {"filter": "latest", "per_page": PAGE}
        response = await self._get(repository, "commits", sha, "check-runs", params=params, absent=NO_COMMIT)
        for _ in range(MOST_PAGES):
            runs += [run for run in response.object().get("check_runs") or [] if isinstance(run, dict)]
            following = self._next_page(response)
            if not following:
                return runs
            response = await self._fetch(repository, following)
        raise response.unexpected("The list of check runs does not end")

    def _next_page(self, response: Response) -> str:
        """The URL of the next page from the Link header, which stays with the provider."""
        found = re.search(r'<([^<>]+)>;\s*rel="next"', response.headers.get("link", ""))
        if found and not found[1].startswith(f"{self._base_url}/"):
            raise response.unexpected("The next page lies elsewhere")
        return found[1] if found else ""

    async def _get(
        self, repository: str, *segments: str, params: Query | None = None, absent: Collection[int] = ()
    ) -> Response:
        """A 2xx answer about the repository, or one whose status is in `absent`."""
        return await self._fetch(
            repository, path("repos", *repository.split("/"), *segments), params=params, absent=absent
        )

    async def _fetch(
        self, repository: str, url: str, *, params: Query | None = None, absent: Collection[int] = ()
    ) -> Response:
        owner = repository.partition("/")[0]
        self._respect_limit(owner)
        token = await self._credentials.token(repository)
        response = await self._send(token, url, params)
        if response.status == HTTPStatus.UNAUTHORIZED and self._credentials.renew(repository, token):
            response = await self._send(await self._credentials.token(repository), url, params)
        if response.status < HTTPStatus.BAD_REQUEST or response.status in absent:
            return response
        raise self._refusal(owner, response)

    async def _send(self, token: str, url: str, params: Query | None) -> Response:
        headers = {**HEADERS, "Authorization": f"Bearer {token}"}
        return await self._http.call(
            "GET", url, params=params, headers=headers, retry=Retry.SAFE, expect=JUDGED, follow=True
        )

    def _respect_limit(self, owner: str) -> None:
        """Going on asking while limited makes GitHub limit for longer, so nothing is sent."""
        wait = self._held_until.get(owner, self._clock.now()) - self._clock.now()
        if wait > timedelta(0):
            raise RateLimited("GitHub's rate limit is used up", service="GitHub", retry_after=wait, sent=False)

    def _refusal(self, owner: str, response: Response) -> RemoteError:
        error = error_of(response, self._clock.now())
        if isinstance(error, RateLimited):
            error.retry_after = error.retry_after if error.retry_after is not None else UNTOLD_WAIT
            self._held_until[owner] = self._clock.now() + error.retry_after
        elif isinstance(error, RemoteRejected):
            error.hint = _mend(response)
        return error


def _mend(response: Response) -> str:
    """What to do about a refusal, as far as GitHub tells."""
    needed = response.headers.get("x-accepted-github-permissions", "")
    if response.status == HTTPStatus.UNAUTHORIZED:
        return "GitHub does not accept the bot's token: it has run out, was revoked, or is not a token."
    if response.status == HTTPStatus.FORBIDDEN and needed:
        return f"The bot's token lacks a permission on GitHub: {clip(needed)}."
    return ""


def _read_commit(response: Response, body: object) -> Commit:
    commit = answers.commit_of(body) if isinstance(body, dict) else None
    if commit is None or not _WHOLE_HASH.fullmatch(commit.sha):
        raise response.unexpected("The answer holds no commit")
    return commit


def _unknown(message: str, *, hint: str = "") -> NotFound:
    return NotFound(message, hint=hint, reason=Reason.UNKNOWN_REF)
