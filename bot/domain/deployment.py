"""A deployment: what was asked, the plan that a person reads before it runs, and what makes two plans the same."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from bot.domain.approval import ApprovalNeed
from bot.domain.model import Ci, Commit, Image, Machine, Migrations, RefKind, Relation, Strategy
from bot.domain.rollback import Contract
from bot.errors import Reason


@dataclass(frozen=True)
class DeploymentRequest:
    """What a person asked for; `why` is their own words.

    `on` is the ref that a tag is made on which does not exist yet; `strategy` overrides the environment's;
    `retry_of` is the operation whose missing rest this one does, `back_from` the one whose previous image comes
    back; `seen_hash` is the plan that the person has read and agreed to already. `release` makes it a rollback: Fly's
    `v41`, a tag, a commit, or `previous`; `with_configuration` brings the Machines' configuration of then back, too.
    """

    environment: str
    ref: str
    why: str = ""
    on: str = ""
    strategy: str = ""
    skip_release_command: bool = False
    retry_of: str = ""
    back_from: str = ""
    seen_hash: str = ""
    release: str = ""
    with_configuration: bool = False

    @property
    def goes_back(self) -> bool:
        """Whether it is a rollback."""
        return bool(self.release or self.back_from)


@dataclass(frozen=True)
class Blocker:
    """One rule that says no: its stable code, a sentence, and who or what lifts it.

    `subject` is the id of the lock or hold that it is about, for the buttons beside it.
    """

    reason: Reason
    message: str
    lift: str
    subject: str = ""


@dataclass(frozen=True)
class PlannedMachine:
    """A Machine as it stood when the plan was made.

    `config_from` is where the configuration of then is read, as `machine:version`; empty where it stays as it is.
    """

    id: str
    region: str
    state: str
    image: Image
    group: str = "app"
    is_standby: bool = False
    has_volume: bool = False
    has_checks: bool = True
    host_status: str = "ok"
    is_healthy: bool = True
    config_from: str = ""

    @property
    def is_warm(self) -> bool:
        return self.state == "started"

    @classmethod
    def of(cls, machine: Machine) -> PlannedMachine:
        return cls(
            id=machine.id,
            region=machine.region,
            state=machine.state,
            image=machine.image,
            group=machine.group,
            is_standby=machine.is_standby,
            has_volume=machine.has_volume,
            has_checks=machine.checks_expected > 0,
            host_status=machine.host_status,
            is_healthy=machine.is_healthy,
        )


@dataclass(frozen=True)
class Changes:
    """What lies between the live commit and the one to deploy. `commits` may be fewer than `total`."""

    relation: Relation
    total: int = 0
    commits: tuple[Commit, ...] = ()
    authors: tuple[str, ...] = ()
    url: str = ""


@dataclass(frozen=True)
class Build:
    """The way through CI: the workflow that builds and releases, and the branch or tag that it runs on.

    `creates_tag`: the tag does not exist yet; making it starts the workflow. `repository` is GitHub's,
    `image_repository` the registry's, where the built image is looked for.
    """

    repository: str
    workflow: str
    ref: str
    creates_tag: bool = False
    image_repository: str = ""


@dataclass(frozen=True)
class DeploymentPlan:
    """Everything a person should know before a deployment, and everything the rollout needs.

    `image` is None where the registry has none for the commit; with `build` CI makes it. `notes` say what is good to
    know and stops nothing. `keeps_current`: Machines that run the image already and are well stay untouched.
    Durations in seconds. A rollback has a `contract`. `approval` says why a second person is needed, and who;
    `waived` is why none is, where one would be. `rules_revision` counts the changes of locks, holds and incidents
    that this plan has seen: it may start while there are no newer ones.
    """

    environment: str
    app: str
    url: str
    ref: str
    ref_kind: RefKind
    commit: Commit
    ci: Ci
    image: Image | None
    live: Image | None
    live_ref: str
    changes: Changes
    migrations: Migrations
    machines: tuple[PlannedMachine, ...]
    release_command: str
    primary_region: str
    max_unavailable: float
    needs_confirmation: bool
    restore_on_failure: bool
    release_command_timeout_s: float
    wait_timeout_s: float
    smoke_s: float
    why: str = ""
    blockers: tuple[Blocker, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    build: Build | None = None
    build_timeout_s: float = 1800.0
    strategy: Strategy = Strategy.ROLLING
    watch_s: float = 0.0
    restore_on_trouble: bool = False
    restore_countdown_s: float = 60.0
    keeps_current: bool = False
    contract: Contract | None = None
    approval: ApprovalNeed | None = None
    waived: str = ""
    rules_revision: int = 0

    def machine(self, machine_id: str) -> PlannedMachine:
        """One of the plan's Machines."""
        return next(machine for machine in self.machines if machine.id == machine_id)

    @property
    def is_blocked(self) -> bool:
        return bool(self.blockers)

    @property
    def hash(self) -> str:
        """Changes exactly when something changed that a person should see before saying yes again.

        A Machine that fell asleep or woke up is not such a thing.
        """
        facts = {
            "app": self.app,
            "commit": self.commit.sha,
            "image": self.image.reference if self.image else "",
            "machines": _running(self),
            "migrations": [self.migrations.risk, *self.migrations.files],
            "release_command": self.release_command,
            "strategy": self.strategy,
            "build": [self.build.workflow, self.build.ref, self.build.creates_tag] if self.build else [],
            "blockers": _codes(self),
            "warnings": sorted(self.warnings),
            "contract": _contract(self),
            "approval": _need(self),
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]

    def difference(self, newer: DeploymentPlan) -> str:
        """What changed since this plan was shown, in words; empty where nothing that matters did."""
        if self.hash == newer.hash:
            return ""
        pairs = [
            (self.app != newer.app, f"the environment's app is now {newer.app}"),
            (self.commit.sha != newer.commit.sha, f"`{self.ref}` now means {newer.commit.short}"),
            (_image(self) != _image(newer), "the image of the commit is another one"),
            (_running(self) != _running(newer), "the Machines or what they run changed"),
            (self.migrations != newer.migrations, "the migrations in range changed"),
            (_codes(self) != _codes(newer), "what blocks the deployment changed"),
            (sorted(self.warnings) != sorted(newer.warnings), "what the plan warns of changed"),
            (self.release_command != newer.release_command, "the release command changed"),
            (self.strategy != newer.strategy, "the strategy changed"),
            (self.build != newer.build, "the way through CI changed"),
            (_contract(self) != _contract(newer), "what the rollback's contract says changed"),
            (_need(self) != _need(newer), "who has to approve it, or why, changed"),
        ]
        return "; ".join(text for changed, text in pairs if changed)


def _image(plan: DeploymentPlan) -> str:
    return plan.image.reference if plan.image else ""


def _running(plan: DeploymentPlan) -> list[tuple[str, str, str]]:
    return sorted((m.id, m.region, m.image.digest or m.image.reference) for m in plan.machines)


def _contract(plan: DeploymentPlan) -> list[str]:
    """What of the contract a person must have seen: how long something ran goes on changing by itself."""
    contract = plan.contract
    if contract is None:
        return []
    configs = sorted(machine.config_from for machine in plan.machines)
    risks = sorted(f"{remark.risk} {remark.message}" for remark in contract.remarks)
    return [f"{contract.target.version}", f"{contract.with_configuration}", *configs, *risks]


def _need(plan: DeploymentPlan) -> list[str]:
    return [*plan.approval.approvers, *plan.approval.causes] if plan.approval else [plan.waived]


def _codes(plan: DeploymentPlan) -> list[Reason]:
    return sorted(b.reason for b in plan.blockers)
