"""The values that every layer speaks of: apps, Machines, images, releases, commits, people, environments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from bot.domain.freeze import Freeze

# Process groups that Fly reserves for its own short-lived Machines; they are no part of the app.
RESERVED_GROUPS = frozenset({"fly_app_release_command", "fly_app_test_machine_command", "fly_app_console"})
RELEASE_COMMAND_GROUP = "fly_app_release_command"
TRANSIENT_STATES = frozenset({"creating", "starting", "stopping", "restarting", "suspending", "updating", "replacing"})
ASLEEP = frozenset({"stopped", "suspended"})
COMMIT_LABEL = re.compile(r"sha-([0-9a-f]{40})")


@dataclass(frozen=True)
class Actor:
    """Who did it: a person of the workspace, or the bot by schedule."""

    user_id: str
    team_id: str = ""

    @property
    def mention(self) -> str:
        """How the actor appears in a message; an id that is not Slack's stays plain text."""
        return f"<@{self.user_id}>" if re.fullmatch(r"[UW][A-Z0-9]+", self.user_id) else self.user_id


@dataclass(frozen=True)
class Member:
    """What Slack says of a person: whether they are a full member of their workspace. `time_zone` is an IANA name."""

    user_id: str
    team_id: str
    name: str
    is_guest: bool = False
    is_deleted: bool = False
    is_bot: bool = False
    is_stranger: bool = False
    time_zone: str = ""


@dataclass(frozen=True)
class Image:
    """An image in a registry: `repository` with its host, a tag (`label`) and, once resolved, its digest."""

    repository: str
    label: str = ""
    digest: str = ""

    @property
    def reference(self) -> str:
        """The reference to run: pinned by digest where it is known, since tags are mutable."""
        tag = f":{self.label}" if self.label else ""
        pin = f"@{self.digest}" if self.digest else ""
        return f"{self.repository}{tag}{pin}"

    @property
    def sha(self) -> str:
        """The commit that the label names, or an empty string."""
        found = COMMIT_LABEL.fullmatch(self.label)
        return found.group(1) if found else ""

    @classmethod
    def parse(cls, reference: str) -> Image:
        """Read `host/path[:label][@sha256:…]`."""
        rest, _, digest = reference.partition("@")
        head, slash, last = rest.rpartition("/")
        name, _, label = last.partition(":")
        return cls(f"{head}{slash}{name}", label, digest)


@dataclass(frozen=True)
class Check:
    """One health check of a Machine as Fly reports it; `status` is `passing`, `warning` or `critical`."""

    name: str
    status: str
    output: str = ""


@dataclass(frozen=True)
class Exit:
    """The newest exit of a Machine's main process. `exit_code` is None where Fly did not tell it."""

    exit_code: int | None
    requested_stop: bool
    restarting: bool
    oom_killed: bool
    restart_count: int
    at: datetime | None


@dataclass(frozen=True)
class Machine:
    """A Fly Machine as it was read. `config` is Fly's own, whole and untouched: it is written back whole."""

    id: str
    app: str
    name: str
    state: str
    region: str
    version: str
    image: Image
    config: Mapping[str, Any]
    metadata: Mapping[str, str] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    host_status: str = "ok"
    exit: Exit | None = None
    started_at: datetime | None = None
    created_at: str = ""

    @property
    def group(self) -> str:
        return self.metadata.get("fly_process_group", self.metadata.get("process_group", ""))

    @property
    def is_managed(self) -> bool:
        """Whether `fly deploy` would see it: platform v2 with a process group that is not reserved."""
        is_v2 = self.metadata.get("fly_platform_version") == "v2"
        return is_v2 and bool(self.group) and self.group not in RESERVED_GROUPS

    @property
    def is_serving(self) -> bool:
        """Whether the Machine is one of the app's own that a deployment moves: managed, and still there."""
        return self.is_managed and not self.is_gone

    @property
    def is_warm(self) -> bool:
        return self.state == "started"

    @property
    def is_in_transit(self) -> bool:
        """Whether Fly is just bringing the Machine from one state to another."""
        return self.state in TRANSIENT_STATES

    @property
    def is_gone(self) -> bool:
        return self.state in {"destroyed", "destroying", "replaced", "migrated"}

    @property
    def release_version(self) -> str:
        return self.metadata.get("fly_release_version", "")

    @property
    def is_standby(self) -> bool:
        """Whether it only takes over when another Machine fails, so that nobody else starts it."""
        return bool(self.config.get("standbys"))

    @property
    def has_volume(self) -> bool:
        return bool(self.config.get("mounts"))

    @property
    def checks_expected(self) -> int:
        """How many checks the config asks for: the Machine's own and those of its services."""
        services = self.config.get("services") or []
        return len(self.config.get("checks") or {}) + sum(len(s.get("checks") or []) for s in services)

    @property
    def checks_passing(self) -> int:
        return sum(check.status == "passing" for check in self.checks)

    @property
    def is_healthy(self) -> bool:
        """Started, every configured check has a result, and all of them pass."""
        has_all = len(self.checks) >= self.checks_expected
        return self.is_warm and has_all and self.checks_passing == len(self.checks)


@dataclass(frozen=True)
class Volume:
    """A volume of an app. `machine_id` is the Machine that it is attached to, empty where there is none. Size in GB."""

    id: str
    name: str
    region: str
    size_gb: int
    state: str = "created"
    machine_id: str = ""


@dataclass(frozen=True)
class Lease:
    """A lease on a Machine; `nonce` is empty where it is somebody else's."""

    machine_id: str
    nonce: str
    owner: str
    description: str
    expires_at: datetime | None


@dataclass(frozen=True)
class Release:
    """One release of an app in Fly's books; `status` is an open word (`running`, `complete`, `failed`, …).

    `is_stable` is Fly's own word for a release that ended well, which older apps have beside other statuses.
    """

    id: str
    version: int
    status: str
    image: Image
    user: str = ""
    created_at: datetime | None = None
    is_stable: bool = False


# "Nothing released yet", so that nobody asks for None.
NO_RELEASE = Release(id="", version=0, status="", image=Image(""))


@dataclass(frozen=True)
class Secret:
    """A secret of an app, without its value: `digest` changes when the value does."""

    name: str
    digest: str
    updated_at: datetime | None = None


@dataclass(frozen=True)
class MachineVersion:
    """A configuration that a Machine has or had; `version` as Fly calls it (the Machine's instance id)."""

    version: str
    config: Mapping[str, Any]


@dataclass(frozen=True)
class LogLine:
    """One line of an app's log, ANSI codes taken out."""

    at: datetime
    message: str
    machine_id: str = ""
    level: str = ""


@dataclass(frozen=True)
class Commit:
    """A commit on GitHub. `author` is the login, or the name where the commit belongs to no account.

    `reverts` and `fixes` are the commits (7 to 40 hex) that its message says it reverts (`This reverts commit …`) or
    mends (a `Fixes: …` trailer).
    """

    sha: str
    title: str
    author: str
    committed_at: datetime | None = None
    url: str = ""
    reverts: tuple[str, ...] = ()
    fixes: tuple[str, ...] = ()

    @property
    def short(self) -> str:
        return self.sha[:7]


class RefKind(StrEnum):
    """What a ref turned out to be."""

    TAG = "tag"
    BRANCH = "branch"
    COMMIT = "commit"


@dataclass(frozen=True)
class ResolvedRef:
    """A ref as typed and the commit that it means now."""

    ref: str
    kind: RefKind
    commit: Commit


class CiState(StrEnum):
    """What CI says of a commit; `unknown` where it could not be read."""

    SUCCESS = "success"
    FAILURE = "failure"
    PENDING = "pending"
    NONE = "none"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Ci:
    """CI's answer for a commit, with a link to the run that decided it."""

    state: CiState
    url: str = ""


class Relation(StrEnum):
    """How the head of a comparison lies to its base, in GitHub's words."""

    AHEAD = "ahead"
    BEHIND = "behind"
    DIVERGED = "diverged"
    IDENTICAL = "identical"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class ChangedFile:
    """One file of a comparison; `status` in GitHub's words (`added`, `modified`, `removed`, `renamed`, …)."""

    path: str
    status: str
    previous_path: str = ""


@dataclass(frozen=True)
class Comparison:
    """What lies between two commits. `files_complete` is false where GitHub cut the list (300 files).

    `merge_base` is the newest commit that both contain; empty where there is none or GitHub did not tell it.
    """

    relation: Relation
    commits: tuple[Commit, ...] = ()
    total_commits: int = 0
    files: tuple[ChangedFile, ...] = ()
    files_complete: bool = True
    url: str = ""
    merge_base: str = ""


class MigrationRisk(StrEnum):
    """Whether migrations lie in a range: `none` only where the whole list of files was seen."""

    NONE = "none"
    LISTED = "listed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Migrations:
    """The migrations in a range of commits: the files, or why they are not known."""

    risk: MigrationRisk
    files: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True)
class Database:
    """The database of an environment as the config wants it. Disk in GB."""

    app: str
    kind: str = "postgres"
    nodes: int = 1
    disk_gb: int = 1
    always_on: bool = True


class Strategy(StrEnum):
    """How Machines are brought to a new image, in Fly's words (fly.toml, `deploy.strategy`)."""

    ROLLING = "rolling"
    IMMEDIATE = "immediate"
    CANARY = "canary"
    BLUEGREEN = "bluegreen"


@dataclass(frozen=True)
class WorkflowRun:
    """A run of a workflow on GitHub Actions. `status` and `conclusion` in GitHub's words; no conclusion: empty."""

    id: int
    status: str
    conclusion: str
    title: str
    head_sha: str
    head_branch: str
    event: str
    url: str
    attempt: int
    created_at: datetime


@dataclass(frozen=True)
class WorkflowJob:
    """A job of a run. `failed_step` is the name of the first step that did not succeed, or empty."""

    name: str
    status: str
    conclusion: str
    url: str
    failed_step: str = ""


@dataclass(frozen=True)
class GitHubDeployment:
    """A deployment as GitHub records it; `operation` is the one of ours that it is about, empty for others'."""

    id: int
    sha: str
    environment: str
    task: str
    operation: str = ""


@dataclass(frozen=True)
class FoundRef:
    """A tag, a branch or a commit that a search found, with its commit and what CI says of it."""

    ref: str
    kind: RefKind
    commit: Commit
    ci: CiState = CiState.UNKNOWN


@dataclass(frozen=True)
class Policy:
    """The rules of one environment.

    `approvers` are ids of Slack user groups and people; `rollback` says whether the environment has `/rollback`.
    """

    refs: tuple[str, ...] = ()
    require_ci: bool = True
    confirm: bool = False
    restore_on_failure: bool = False
    max_unavailable: float = 0.33
    release_command_timeout: timedelta = timedelta(minutes=5)
    wait_timeout: timedelta = timedelta(minutes=5)
    smoke: timedelta = timedelta(seconds=10)
    plan_expires: timedelta = timedelta(minutes=30)
    strategy: Strategy = Strategy.ROLLING
    build_timeout: timedelta = timedelta(minutes=30)
    watch: timedelta = timedelta(minutes=10)
    restore_on_trouble: bool = False
    restore_countdown: timedelta = timedelta(minutes=1)
    approvers: tuple[str, ...] = ()
    approve_deployments: bool = False
    approve_rollbacks: bool = False
    approve_scaling: bool = False
    scale_min: int = 1
    scale_max: int = 20
    scale_check: timedelta = timedelta(minutes=5)
    approval_expires: timedelta = timedelta(hours=1)
    rollback: bool = True
    freezes: tuple[Freeze, ...] = ()


@dataclass(frozen=True)
class Environment:
    """Where an app runs for an audience, as the config describes it. Memory in MB.

    `release_ref` is the tag's pattern or the branch that releases in CI; `min_machines` stay awake. `fly_toml` is the
    path of the file in the repository that CI deploys with.
    """

    name: str
    pipeline: str
    repository: str
    app: str
    organisation: str
    url: str
    regions: Mapping[str, int]
    primary_region: str
    auto_stop: str
    min_machines: int
    memory_mb: int
    released_by: str
    release_ref: str
    workflow: str
    release_command: str
    image_repository: str
    migration_paths: tuple[str, ...]
    channel: str
    policy: Policy
    database: Database | None = None
    fly_toml: str = "fly.toml"

    @property
    def title(self) -> str:
        """The unambiguous name: `pipeline/environment`."""
        return f"{self.pipeline}/{self.name}"


@dataclass(frozen=True)
class ReviewApps:
    """How review apps of a pipeline are named and kept, as the config describes it."""

    app: str
    organisation: str
    url: str
    region: str
    memory_mb: int
    release_command: str
    database: str
    database_app: str


@dataclass(frozen=True)
class Pipeline:
    """One app's way from a commit to production."""

    name: str
    repository: str
    ci_workflow: str
    environments: Mapping[str, Environment]
    review_apps: ReviewApps | None = None
