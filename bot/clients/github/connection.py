"""One call to GitHub: its token, the limit that the owner is under, and what a refusal means.

Sources: GitHub REST API, "Rate limits for the REST API", "Best practices for using the REST API".
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from bot.clients.github.auth import HEADERS, AppAuth, Credentials, InstallationTokens, PersonalToken, TokenAuth
from bot.clients.http import HttpClient, Observe, Query, Response, Retry, clip, error_of, path
from bot.errors import NotFound, RateLimited, Reason, RemoteError, RemoteRejected
from bot.ports import Clock

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


class Connection:
    """Sends with the bot's credentials. Every method raises RemoteError.

    After RateLimited no further call is sent before the instant that GitHub named; a refusal for want of
    permission is RemoteRejected and its hint names the permission.
    """

    def __init__(self, base_url: str, *, auth: TokenAuth | AppAuth, clock: Clock, observe: Observe | None) -> None:
        self._clock = clock
        self._http = HttpClient("GitHub", base_url, clock=clock, observe=observe)
        self.base_url = base_url.rstrip("/")
        self._credentials: Credentials = (
            PersonalToken(auth) if isinstance(auth, TokenAuth) else InstallationTokens(auth, self._http, clock)
        )
        # By owner, as an App has an installation, and with it a limit, for each.
        self._held_until: dict[str, datetime] = {}

    async def aclose(self) -> None:
        """Close all connections."""
        await self._credentials.aclose()
        await self._http.aclose()

    async def get(
        self, repository: str, *segments: str, params: Query | None = None, absent: Collection[int] = ()
    ) -> Response:
        """A 2xx answer about the repository, or one whose status is in `absent`."""
        return await self._fetch(repository, _path(repository, *segments), params=params, absent=absent)

    async def post(
        self,
        repository: str,
        *segments: str,
        body: Mapping[str, Any] | None = None,
        retry: Retry,
        absent: Collection[int] = (),
    ) -> Response:
        """Like `get`, for a write; `retry` says what sending it twice would do."""
        url = _path(repository, *segments)
        return await self._fetch(repository, url, method="POST", json=body, retry=retry, absent=absent)

    async def pages(
        self, repository: str, *segments: str, params: Query | None = None, absent: Collection[int] = ()
    ) -> list[Response]:
        """All pages of a list, of a hundred items each; UnexpectedResponse where they do not end."""
        pages = [await self.get(repository, *segments, params={"per_page": PAGE, **(params or {})}, absent=absent)]
        while following := self._next_page(pages[-1]):
            if len(pages) == MOST_PAGES:
                raise pages[-1].unexpected("The list does not end")
            pages.append(await self._fetch(repository, following))
        return pages

    def _next_page(self, response: Response) -> str:
        """The URL of the next page from the Link header, which stays with the provider."""
        found = re.search(r'<([^<>]+)>;\s*rel="next"', response.headers.get("link", ""))
        if found and not found[1].startswith(f"{self.base_url}/"):
            raise response.unexpected("The next page lies elsewhere")
        return found[1] if found else ""

    async def _fetch(self, repository: str, url: str, *, absent: Collection[int] = (), **request: Any) -> Response:
        owner = repository.partition("/")[0]
        self._respect_limit(owner)
        token = await self._credentials.token(repository)
        response = await self._send(token, url, **request)
        if response.status == HTTPStatus.UNAUTHORIZED and self._credentials.renew(repository, token):
            response = await self._send(await self._credentials.token(repository), url, **request)
        if response.status < HTTPStatus.BAD_REQUEST or response.status in absent:
            return response
        raise self._refusal(owner, response)

    async def _send(
        self, token: str, url: str, *, method: str = "GET", retry: Retry = Retry.SAFE, **request: Any
    ) -> Response:
        headers = {**HEADERS, "Authorization": f"Bearer {token}"}
        return await self._http.call(method, url, headers=headers, retry=retry, expect=JUDGED, follow=True, **request)

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


def _path(repository: str, *segments: str) -> str:
    return path("repos", *repository.split("/"), *segments)


def _mend(response: Response) -> str:
    """What to do about a refusal, as far as GitHub tells."""
    needed = response.headers.get("x-accepted-github-permissions", "")
    if response.status == HTTPStatus.UNAUTHORIZED:
        return "GitHub does not accept the bot's token: it has run out, was revoked, or is not a token."
    if response.status == HTTPStatus.FORBIDDEN and needed:
        return f"The bot's token lacks a permission on GitHub: {clip(needed)}."
    return ""


def unknown(message: str, *, hint: str = "") -> NotFound:
    """The error for a name that means nothing at GitHub."""
    return NotFound(message, hint=hint, reason=Reason.UNKNOWN_REF)
