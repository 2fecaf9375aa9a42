"""What the simulated GitHub remembers, apart from Git objects and rate limits."""

from __future__ import annotations

import base64
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sandbox.clock import Clock
from sandbox.faults import Faults
from sandbox.github.git import BRANCHES, Commit, Git, Person
from sandbox.github.workflows import Workflow, WorkflowFile
from sandbox.kit import Json


def iso(at: float | None) -> str | None:
    """An instant as GitHub writes it: UTC, whole seconds."""
    return None if at is None else datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def node_id(kind: str, number: int | str) -> str:
    return base64.b64encode(f"{kind}:{number}".encode()).decode()


@dataclass(frozen=True)
class User:
    id: int
    login: str
    name: str | None
    email: str | None
    type: str = "User"


@dataclass(frozen=True)
class Token:
    """A personal access token. `permissions` None: a classic one with the `repo` scope."""

    login: str
    permissions: Mapping[str, str] | None = None
    repositories: frozenset[int] | None = None


@dataclass(frozen=True)
class App:
    id: int
    client_id: str
    slug: str
    name: str
    owner: str
    public_key: str
    permissions: Mapping[str, str]
    events: tuple[str, ...] = ()


@dataclass
class Installation:
    id: int
    account: str
    repositories: frozenset[int]
    permissions: Mapping[str, str]
    created_at: float
    suspended_at: float | None = None


@dataclass(frozen=True)
class InstallationToken:
    installation: int
    repositories: frozenset[int]
    permissions: Mapping[str, str]
    expires_at: float


@dataclass
class Step:
    number: int
    name: str
    status: str = "queued"
    conclusion: str | None = None
    started_at: float | None = None
    completed_at: float | None = None


@dataclass
class Job:
    """A job of an attempt, which is also the check run of that id."""

    id: int
    name: str
    created_at: float
    steps: list[Step]
    status: str = "queued"
    conclusion: str | None = None
    started_at: float | None = None
    completed_at: float | None = None
    log: list[str] = field(default_factory=list)
    # The environment for whose reviewers the job waits.
    waits_for: str = ""


@dataclass
class Attempt:
    number: int
    started_at: float
    updated_at: float
    jobs: list[Job]
    actor: str
    status: str = "in_progress"
    conclusion: str | None = None


@dataclass
class Run:
    """A run of a workflow; `file` is the version of its file that it goes by."""

    id: int
    workflow: Workflow
    file: WorkflowFile
    number: int
    head_sha: str
    head_branch: str | None
    event: str
    actor: str
    title: str
    created_at: float
    check_suite_id: int
    attempts: list[Attempt]
    # Actions may take a while to show a run that it was asked for.
    visible_at: float = 0.0
    # What expressions in the file stand for, by name as in `github.sha`.
    facts: Mapping[str, str] = field(default_factory=dict)
    # Of the runs with the same name here one goes at a time.
    concurrency: str = ""
    # The pull request that it is about, and what happened to that.
    pull: int | None = None
    action: str = ""

    @property
    def latest(self) -> Attempt:
        return self.attempts[-1]


@dataclass(frozen=True)
class CommitStatus:
    id: int
    context: str
    state: str
    description: str | None
    creator: str
    at: float


@dataclass
class Fork:
    """Another account's copy of a repository, from which a pull request may come."""

    id: int
    owner: str
    name: str
    is_deleted: bool = False

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"


@dataclass
class Pull:
    """A pull request; its head is a branch of the same repository, or of `fork`."""

    number: int
    title: str
    body: str | None
    author: str
    head_ref: str
    head_sha: str
    base_ref: str
    created_at: float
    updated_at: float
    draft: bool = False
    closed_at: float | None = None
    merged_at: float | None = None
    merged_by: str | None = None
    merge_commit_sha: str | None = None
    # Where the head left the base, kept because a merge makes it impossible to see afterwards.
    base_sha: str = ""
    fork: Fork | None = None

    @property
    def state(self) -> str:
        return "open" if self.closed_at is None else "closed"


@dataclass
class Comment:
    id: int
    issue: int
    author: str
    body: str
    created_at: float
    updated_at: float


@dataclass(frozen=True)
class DeploymentStatus:
    id: int
    state: str
    creator: str
    description: str
    environment: str
    environment_url: str
    log_url: str
    created_at: float


@dataclass
class Deployment:
    id: int
    sha: str
    ref: str
    task: str
    environment: str
    description: str | None
    payload: Any
    creator: str
    created_at: float
    updated_at: float
    transient_environment: bool
    production_environment: bool
    # The job that made it, and its run.
    run: Run | None = None
    job: Job | None = None
    statuses: list[DeploymentStatus] = field(default_factory=list)


@dataclass(frozen=True)
class Environment:
    """Where jobs deploy to; it comes about with the first deployment that names it."""

    id: int
    name: str
    created_at: float


@dataclass
class Release:
    """A release of a tag; a draft is not published yet, and its tag need not exist."""

    id: int
    tag: str
    target: str
    name: str | None
    body: str | None
    author: str
    created_at: float
    draft: bool = False
    prerelease: bool = False
    published_at: float | None = None


@dataclass(frozen=True)
class Happening:
    """Something that GitHub tells by webhook: an event, who caused it, and what of its payload is its own.

    `body` is called at once, and only where somebody listens.
    """

    event: str
    action: str | None
    repository: Repository | None
    sender: str
    body: Callable[[], Json]
    installation: int | None = None


@dataclass
class Repository:
    id: int
    owner: str
    name: str
    private: bool
    default_branch: str
    created_at: float
    description: str | None = None
    git: Git = field(default_factory=Git)
    # Issues that are not pull requests share the numbers of pull requests.
    issues: set[int] = field(default_factory=set)
    workflows: list[Workflow] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    statuses: dict[str, list[CommitStatus]] = field(default_factory=lambda: defaultdict(list))
    pulls: dict[int, Pull] = field(default_factory=dict)
    comments: dict[int, Comment] = field(default_factory=dict)
    deployments: list[Deployment] = field(default_factory=list)
    releases: dict[int, Release] = field(default_factory=dict)
    environments: dict[str, Environment] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"

    def tip(self) -> Commit:
        """The newest commit of the default branch."""
        return self.git.commits[self.git.refs[BRANCHES + self.default_branch]]

    def next_number(self) -> int:
        return max([0, *self.issues, *self.pulls]) + 1

    def pulls_of(self, ref: str) -> list[Pull]:
        """The open pull requests whose head is this ref."""
        found = [pull for pull in self.pulls.values() if pull.state == "open" and pull.fork is None]
        return [pull for pull in found if ref == BRANCHES + pull.head_ref]


@dataclass
class World:
    """Everything that one simulator knows; `url` is the API root in its own answers."""

    clock: Clock
    faults: Faults
    app: App
    url: str = ""
    users: dict[str, User] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    installations: dict[int, Installation] = field(default_factory=dict)
    installation_tokens: dict[str, InstallationToken] = field(default_factory=dict)
    repositories: dict[int, Repository] = field(default_factory=dict)
    # Former full name in lower case -> id of the renamed repository.
    renamed: dict[str, int] = field(default_factory=dict)
    ids: dict[str, Iterator[int]] = field(default_factory=dict)
    # What Actions does when somebody (a login) pushes to a ref of a repository.
    pushed: Callable[[Repository, str, str], None] = field(default=lambda *_: None)
    # What Actions does when something (an action of the event) happens to a pull request.
    pulled: Callable[[Repository, Pull, str, str], None] = field(default=lambda *_: None)
    # Who hears what GitHub tells by webhook.
    tell: Callable[[Happening], None] = field(default=lambda _: None)

    def next_id(self, kind: str, first: int = 1) -> int:
        return next(self.ids.setdefault(kind, itertools.count(first)))

    def repository(self, full_name: str) -> Repository | None:
        """By full name; GitHub ignores case."""
        wanted = full_name.lower()
        return next((repo for repo in self.repositories.values() if repo.full_name.lower() == wanted), None)

    def user(self, login: str) -> User | None:
        return self.users.get(login.lower())

    def person(self, login_or_author: str | Json) -> Person:
        """The author of a commit: a login with an account, or a name and e-mail without one."""
        if isinstance(login_or_author, dict):
            return Person(login_or_author["name"], login_or_author["email"])
        user = self.users[login_or_author.lower()]
        return Person(user.name or user.login, user.email or f"{user.login}@users.noreply.github.com", user.login)
