"""One request and its answer, as every endpoint sees them: errors, pages, the call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from sandbox.github.git import Commit
from sandbox.github.model import Repository, World
from sandbox.kit import Json

DEFAULT_PAGE, LARGEST_PAGE = 30, 100
DOCUMENTATION = "https://docs.github.com/rest"
Item = TypeVar("Item")


class GitHubError(Exception):
    """An answer other than success, in GitHub's shape."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        errors: list[Json] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})
        self.body: Json = {"message": message, "documentation_url": DOCUMENTATION, "status": str(status)}
        if errors is not None:
            self.body["errors"] = errors


def not_found(message: str = "Not Found") -> GitHubError:
    return GitHubError(404, message)


def invalid(resource: str, field_name: str, code: str, message: str | None = None) -> GitHubError:
    """422 for one field, as "Client errors" in the guide to the REST API shows it."""
    error: Json = {"resource": resource, "field": field_name, "code": code}
    if message is not None:
        error["message"] = message
    return GitHubError(422, "Validation Failed", errors=[error])


@dataclass(frozen=True)
class Caller:
    """Who asks. `bucket` is what rate limits count by; `permissions` None means all of a classic token."""

    kind: str
    bucket: str
    login: str | None = None
    app_id: int | None = None
    permissions: Mapping[str, str] | None = field(default_factory=dict)
    repositories: frozenset[int] | None = frozenset()
    credential: str = ""

    def sees(self, repo: Repository) -> bool:
        if not repo.private:
            return True
        return self.repositories is None or repo.id in self.repositories


@dataclass
class Answer:
    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    # Text instead of JSON, for media types that ask for it.
    text: str | None = None


@dataclass
class Call:
    """One request to an endpoint, checked and authenticated."""

    world: World
    caller: Caller
    path: str
    params: Mapping[str, Any]
    query: Mapping[str, str]
    accept: str
    version: str
    body: Json
    repository: Repository | None = None

    @property
    def repo(self) -> Repository:
        """The repository of a path under /repos."""
        assert self.repository is not None
        return self.repository

    @property
    def login(self) -> str:
        """The account that acts; only asked where the endpoint demands one."""
        assert self.caller.login is not None
        return self.caller.login

    @property
    def now(self) -> float:
        return self.world.clock.now()

    def commit(self, name: str) -> Commit | None:
        """The commit of a ref or hash, unless a fault hides it."""
        commit = self.repo.git.resolve(name)
        if commit and self.world.faults.take("unknown_commit", name, commit.sha):
            return None
        return commit

    def known_commit(self, name: str) -> Commit:
        """Like `commit`; 422 as `GET /repos/{o}/{r}/commits/{ref}` answers."""
        commit = self.commit(name)
        if commit is None:
            raise GitHubError(422, f"No commit found for SHA: {name}")
        return commit

    def text(self, name: str, *, resource: str, required: bool = True, longest: int | None = None) -> str | None:
        """A string of the body; 422 where it is missing, empty, of another type or too long."""
        value = self.body.get(name)
        if value in (None, "") and not required:
            return None
        if value in (None, ""):
            raise invalid(resource, name, "missing_field")
        if not isinstance(value, str):
            raise invalid(resource, name, "invalid", f"{name} is not a string")
        if longest is not None and len(value) > longest:
            raise invalid(resource, name, "custom", f"{name} is too long (maximum is {longest} characters)")
        return value

    def required_text(self, name: str, *, resource: str, longest: int | None = None) -> str:
        value = self.text(name, resource=resource, longest=longest)
        assert value is not None
        return value

    def flag(self, name: str, *, default: bool, resource: str) -> bool:
        value = self.body.get(name, default)
        if not isinstance(value, bool):
            raise invalid(resource, name, "invalid", f"{name} is not a boolean")
        return value

    def paged(self) -> bool:
        return "page" in self.query or "per_page" in self.query

    def page(self, items: Sequence[Item], *, largest: int = LARGEST_PAGE) -> tuple[list[Item], dict[str, str]]:
        """One page of `items`, and the Link header.

        Source: "Using pagination in the REST API".
        """
        number = positive(self.query.get("page"), 1)
        size = min(positive(self.query.get("per_page"), DEFAULT_PAGE), largest)
        last = max(1, -(-len(items) // size))
        links = self._links(number, last)
        return list(items[(number - 1) * size : number * size]), {"link": links} if links else {}

    def _links(self, number: int, last: int) -> str:
        pages: dict[str, int] = {}
        if number > 1:
            pages |= {"prev": min(number - 1, last), "first": 1}
        if number < last:
            pages |= {"next": number + 1, "last": last}
        order = ("prev", "next", "last", "first")
        return ", ".join(f'<{self._page_url(pages[rel])}>; rel="{rel}"' for rel in order if rel in pages)

    def _page_url(self, number: int) -> str:
        """GitHub's own links name the repository by id, so that they outlive a renaming."""
        path = self.path
        if self.repository is not None:
            rest = path.split("/", 4)[4:] if path.startswith("/repos/") else path.split("/", 3)[3:]
            path = "/".join([f"/repositories/{self.repository.id}", *rest])
        return f"{self.world.url}{quote(path)}?{urlencode({**self.query, 'page': number})}"

    def listing(self, items: Sequence[Item], render: Callable[[Item], Json]) -> Answer:
        """A page of a plain list."""
        page, headers = self.page(items)
        return Answer([render(item) for item in page], headers=headers)

    def counted(self, key: str, items: Sequence[Item], render: Callable[[Item], Json]) -> Answer:
        """A page of a list that says its `total_count`."""
        page, headers = self.page(items)
        return Answer({"total_count": len(items), key: [render(item) for item in page]}, headers=headers)


def positive(text: str | None, default: int) -> int:
    """A number of the query; GitHub falls back to the default where it makes no sense."""
    return int(text) if text and text.isdecimal() and int(text) > 0 else default


Handler = Callable[[Call], Answer]


@dataclass(frozen=True)
class Endpoint:
    """A path with what it takes to call it.

    `needs` lists permissions of which one suffices, as `contents=read`. `who` is `anyone`, `account` (a token
    of some kind) or `app` (the App's JSON web token). `free` does not count against the primary limit.
    """

    method: str
    path: str
    handler: Handler
    needs: tuple[str, ...] = ()
    who: str = "anyone"
    free: bool = False
