"""Builders of domain values with defaults: a test names only what it is about."""

from __future__ import annotations

import dataclasses
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.domain.approval import Approval, ApprovalNeed, ApprovalState, Cause
from bot.domain.deployment import Blocker, Changes, DeploymentPlan, PlannedMachine
from bot.domain.model import (
    Actor,
    Check,
    Ci,
    CiState,
    Commit,
    Environment,
    Image,
    Lease,
    Machine,
    MigrationRisk,
    Migrations,
    Policy,
    RefKind,
    Relation,
)
from bot.domain.operation import Card, JournalRow, Kind, Operation, State, StepStatus
from bot.domain.rollback import Contract, EarlierRelease, Remark, Risk
from bot.domain.rollout import Step
from bot.errors import Reason
from bot.operations.plans import to_json
from bot.store import NewOperation

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
ANA = Actor("U0ANA", "T0REIFY")
BO = Actor("U0BO", "T0REIFY")
OLD_SHA = "dd085a7c339e27b92c8ba7afc115f2f8a21ee5f6"
NEW_SHA = "844d6008b85920b87c9f6767ee5ea0e879305a82"
REPOSITORY = "registry.fly.io/reify-studio"


def image(sha: str = NEW_SHA, *, digest: str | None = None) -> Image:
    """An image labelled with a commit; its digest is made of the commit unless given."""
    return Image(REPOSITORY, f"sha-{sha}", f"sha256:{sha}{sha[:24]}" if digest is None else digest)


OLD, NEW = image(OLD_SHA), image(NEW_SHA)


def commit(sha: str = NEW_SHA, title: str = "Better error pages", author: str = "ana", url: str = "") -> Commit:
    """A commit on GitHub."""
    return Commit(sha, title, author, NOW - timedelta(hours=3), url or f"https://github.com/reify/x/commit/{sha}")


def machine(machine_id: str = "148e01", **changes: Any) -> Machine:
    """A healthy Machine of the app, on the old image, with one check."""
    made = Machine(
        id=machine_id,
        app="reify-studio",
        name=f"machine-{machine_id}",
        state="started",
        region="iad",
        version="01A",
        image=OLD,
        config={"services": [{"checks": [{"type": "http"}]}]},
        metadata={"fly_platform_version": "v2", "fly_process_group": "app"},
        checks=(Check("servicecheck-00-http-4000", "passing"),),
    )
    return dataclasses.replace(made, **changes)


def planned(machine_id: str, *, state: str = "started", region: str = "iad", runs: Image = OLD) -> PlannedMachine:
    """A Machine as a plan knows it."""
    return PlannedMachine(machine_id, region, state, runs)


def fleet(*states: str) -> tuple[PlannedMachine, ...]:
    """One planned Machine for each state, called m1, m2, …"""
    return tuple(planned(f"m{number}", state=state) for number, state in enumerate(states, 1))


def lease(machine_id: str = "148e01", owner: str = "bo@reify.example", expires_at: datetime | None = NOW) -> Lease:
    """Somebody else's lease."""
    return Lease(machine_id, "", owner, "Deploying v42", expires_at)


def environment(*, policy: Policy | None = None, **changes: Any) -> Environment:
    """Production of the reference pipeline, with a policy that asks for CI alone."""
    made = Environment(
        name="production",
        pipeline="reify-studio",
        repository="reify/reify-studio",
        app="reify-studio",
        organisation="reify-studio-production",
        url="https://reify-studio.fly.dev",
        regions={"iad": 1, "sjc": 1},
        primary_region="iad",
        auto_stop="off",
        min_machines=0,
        memory_mb=1024,
        released_by="tag",
        release_ref="v*",
        workflow="production.yml",
        release_command="/app/bin/migrate",
        image_repository=REPOSITORY,
        migration_paths=("priv/repo/migrations/**/*.exs",),
        channel="C0DEPLOYS",
        policy=policy or Policy(),
    )
    return dataclasses.replace(made, **changes)


def plan(**changes: Any) -> DeploymentPlan:
    """A plan that nothing speaks against: two warm Machines, one commit, no migrations, a release command."""
    made = DeploymentPlan(
        environment="production",
        app="reify-studio",
        url="https://reify-studio.fly.dev",
        ref="v1.4.2",
        ref_kind=RefKind.TAG,
        commit=commit(),
        ci=Ci(CiState.SUCCESS),
        image=NEW,
        live=OLD,
        live_ref=OLD_SHA[:7],
        changes=Changes(Relation.AHEAD, 1, (commit(),), ("ana",), "https://github.com/reify/x/compare/a...b"),
        migrations=Migrations(MigrationRisk.NONE),
        machines=(planned("148e01"), planned("9080aa", region="sjc")),
        release_command="/app/bin/migrate",
        primary_region="iad",
        max_unavailable=0.33,
        needs_confirmation=False,
        restore_on_failure=False,
        release_command_timeout_s=300.0,
        wait_timeout_s=300.0,
        smoke_s=10.0,
    )
    return dataclasses.replace(made, **changes)


def blocker(reason: Reason = Reason.CI_NOT_GREEN, message: str = "CI failed on this commit.") -> Blocker:
    """A rule that says no."""
    return Blocker(reason, message, "Mend it, or choose a commit whose CI passed.")


def row(step: Step, target: str = "", how: StepStatus = StepStatus.DONE, /, **detail: Any) -> JournalRow:
    """A journal row; done unless the test says otherwise."""
    return JournalRow(step, target, how, NOW, detail)


def started(step: Step, target: str = "", /, **detail: Any) -> JournalRow:
    """The journal row of a step that was begun."""
    return row(step, target, StepStatus.STARTED, **detail)


def updated(*machine_ids: str, proven: bool = True) -> tuple[JournalRow, ...]:
    """The rows of Machines that are moved; `proven` says whether they were started and seen healthy."""
    return tuple(
        row(Step.UPDATE, machine_id, version="02B", launch=proven, proven=proven) for machine_id in machine_ids
    )


def failure(step: Step = Step.UPDATE, reason: Reason = Reason.MACHINE_UNHEALTHY, **detail: Any) -> JournalRow:
    """The row of a recorded failure."""
    said = {"reason": reason, "message": "Machine m2 (iad) is not healthy.", "hint": "", "step": step, "machines": []}
    return JournalRow(Step.FAILURE, "", StepStatus.DONE, NOW, said | detail)


def receipt(**runs: Image) -> JournalRow:
    """The receipt that saw these Machines on these images."""
    machines = [
        {
            "id": machine_id,
            "region": "iad",
            "state": "started",
            "label": seen.label,
            "digest": seen.digest,
            "on_image": seen.digest == NEW.digest,
            "checks_passing": 1,
            "checks": 1,
        }
        for machine_id, seen in runs.items()
    ]
    return row(Step.RECEIPT, machines=machines)


PREPARED = (row(Step.CHECK), row(Step.RECORD_RELEASE, release_id="rel_42", version=42))
RELEASED = (*PREPARED, row(Step.RELEASE_COMMAND, exit_code=0, seconds=6.0, command="/app/bin/migrate"))


def operation(*journal: JournalRow, of: DeploymentPlan | None = None, **changes: Any) -> Operation:
    """A running deployment with this journal; `of` is its plan."""
    of = of or plan()
    state = changes.get("state", State.RUNNING)
    made = Operation(
        id="018f5e7a3c1b2d4e",
        kind=Kind.DEPLOYMENT,
        state=state,
        app=of.app,
        environment=of.environment,
        pipeline="reify-studio",
        actor=ANA,
        channel="C0DEPLOYS",
        request={"environment": "reify-studio/production", "ref": of.ref, "why": of.why},
        plan=to_json(of),
        plan_hash=of.hash,
        created_at=NOW - timedelta(minutes=5),
        started_at=None if state in {State.REQUESTED, State.EXPIRED} else NOW - timedelta(minutes=4),
        finished_at=None if state in {State.REQUESTED, State.RUNNING, State.VERIFYING} else NOW,
        card=Card("C0DEPLOYS", "1700000000.000100"),
        cancel_requested_by="",
        reason="",
        outcome={},
        announced=False,
        journal=journal,
    )
    return dataclasses.replace(made, **changes)


_keys = itertools.count(1)


def new_operation(app: str = "reify-studio", *, key: str = "", by: Actor = ANA, **changes: Any) -> NewOperation:
    """What a person asks for; every call is another request unless a key is given."""
    made = NewOperation(
        request_key=key or f"trigger-{next(_keys)}",
        kind=Kind.DEPLOYMENT,
        app=app,
        environment="production",
        pipeline="reify-studio",
        actor=by,
        channel="C0DEPLOYS",
        request={"environment": "reify-studio/production", "ref": "v1.4.2", "why": ""},
    )
    return dataclasses.replace(made, **changes)


def earlier(version: int = 41, ref: str = "v1.4.1", of: Image = OLD, **changes: Any) -> EarlierRelease:
    """A release of Fly's books that was live for three days until an hour ago."""
    made = EarlierRelease(
        version,
        of,
        ref,
        "Better error pages",
        NOW - timedelta(days=3, hours=1),
        "bo@reify.example",
        ran_s=3 * 86_400.0,
        ended_at=NOW - timedelta(hours=1),
    )
    return dataclasses.replace(made, **changes)


def live(version: int = 42, ref: str = "v1.4.2", of: Image = NEW, **changes: Any) -> EarlierRelease:
    """The release that runs, for an hour."""
    facts = {"released_at": NOW - timedelta(hours=1), "ran_s": 3600.0, "ended_at": None} | changes
    return earlier(version, ref, of, **facts)


def contract(*remarks: Remark, **changes: Any) -> Contract:
    """A contract from v1.4.2 back to v1.4.1; green unless there are remarks."""
    return dataclasses.replace(Contract(live(), earlier(), remarks=remarks), **changes)


AMBER = Remark(Risk.AMBER, "The secret STRIPE_KEY changed since.")
RED = Remark(Risk.RED, "1 migration lies in between: the schema stays ahead.")


def rollback_plan(*remarks: Remark, of: Contract | None = None, **changes: Any) -> DeploymentPlan:
    """The plan of a rollback: two Machines, one commit undone, no migrations, no release command."""
    made = plan(
        ref="v1.4.1",
        ref_kind=RefKind.COMMIT,
        commit=commit(OLD_SHA),
        image=OLD,
        live=NEW,
        live_ref="v1.4.2",
        machines=(planned("148e01", runs=NEW), planned("9080aa", region="sjc", runs=NEW)),
        release_command="",
        notes=("Fly would run the old image's release command; it is skipped.",),
        needs_confirmation=True,
        contract=of or contract(*remarks),
    )
    return dataclasses.replace(made, **changes)


def need(*approvers: str, **changes: Any) -> ApprovalNeed:
    """The need for a second person: a group and Bo, because the environment asks for it."""
    because = ("Every rollback of `production` needs an approval.",)
    made = ApprovalNeed(approvers or ("S0LEADS", "U0BO"), (Cause.ENVIRONMENT,), because)
    return dataclasses.replace(made, **changes)


def approval(of: DeploymentPlan, state: ApprovalState = ApprovalState.PENDING, **changes: Any) -> Approval:
    """A request for approval of a plan; by Bo where it is decided."""
    decided = state in {ApprovalState.APPROVED, ApprovalState.REJECTED}
    made = Approval(
        state,
        of.hash,
        NOW - timedelta(minutes=5),
        NOW + timedelta(minutes=55),
        decided_by=BO.user_id if decided else "",
        decided_at=NOW if decided else None,
    )
    return dataclasses.replace(made, **changes)


def rollback(*journal: JournalRow, of: DeploymentPlan | None = None, **changes: Any) -> Operation:
    """A rollback that waits for its button, unless the test says otherwise."""
    of = of or rollback_plan()
    waits = of.approval is not None and changes.get("state", State.REQUESTED) is State.REQUESTED
    asked = {"approval": approval(of)} if waits else {}
    request = {"environment": "reify-studio/production", "ref": of.ref, "release": of.ref, "why": of.why}
    facts = {"state": State.REQUESTED, "kind": Kind.ROLLBACK, "request": request} | asked | changes
    return operation(*journal, of=of, **facts)
