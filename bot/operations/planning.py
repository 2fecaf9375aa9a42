"""Makes the plan of a deployment: all facts at once, side by side, then the policy's decision."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

from bot.domain.deployment import Changes, DeploymentPlan, DeploymentRequest, PlannedMachine
from bot.domain.migrations import migrations
from bot.domain.model import (
    Ci,
    CiState,
    Comparison,
    Environment,
    Image,
    Lease,
    Machine,
    MigrationRisk,
    Migrations,
    Relation,
    ResolvedRef,
)
from bot.domain.policy import DeploymentFacts, decide_deployment
from bot.errors import NotFound, RemoteError
from bot.ports import Fly, FlyByOrganisation, GitHub
from bot.store import Store, running_error

COMMITS_SHOWN = 20


class Planner:
    """Asks GitHub, the registry and Fly, and lets the policy decide."""

    def __init__(self, store: Store, github: GitHub, fly: FlyByOrganisation, ci_workflows: dict[str, str]) -> None:
        self._store = store
        self._github = github
        self._fly = fly
        self._ci_workflows = ci_workflows

    async def plan(
        self, environment: Environment, request: DeploymentRequest, *, operation_id: str = ""
    ) -> DeploymentPlan:
        """The plan as of now; NotFound for an unknown ref, RemoteError where Fly or GitHub cannot be asked.

        `operation_id` is the operation that is being planned: it does not stand in its own way.
        """
        fly = self._fly[environment.organisation]
        resolved, machines = await asyncio.gather(
            self._github.resolve(environment.repository, request.ref), _machines(fly, environment.app)
        )
        live = live_image(machines)
        ci, (image, image_problem), leases, comparison, running, live_ref = await asyncio.gather(
            self._ci(environment, resolved),
            _find_image(fly, environment, resolved),
            _foreign_leases(fly, environment.app, machines, operation_id),
            self._compare(environment, live, resolved),
            self._running(environment.app, operation_id),
            self._live_ref(environment, live),
        )
        facts = DeploymentFacts(
            environment=environment,
            ref=resolved.ref,
            ref_kind=resolved.kind,
            ci=ci,
            image=image,
            machines=tuple(machines),
            relation=comparison.relation,
            image_problem=image_problem,
            leases=tuple(leases),
            running=running,
        )
        return _assemble(request, facts, resolved, comparison, live_ref)

    async def _ci(self, environment: Environment, resolved: ResolvedRef) -> Ci:
        workflow = self._ci_workflows[environment.pipeline]
        try:
            return await self._github.ci(environment.repository, resolved.commit.sha, workflow)
        except RemoteError:
            return Ci(CiState.UNKNOWN)

    async def _compare(self, environment: Environment, live: Image | None, resolved: ResolvedRef) -> Comparison:
        if live is None or not live.sha:
            return Comparison(Relation.UNKNOWN)
        try:
            return await self._github.compare(environment.repository, live.sha, resolved.commit.sha)
        except (NotFound, RemoteError):
            return Comparison(Relation.UNKNOWN)

    async def _live_ref(self, environment: Environment, live: Image | None) -> str:
        if live is None or not live.sha:
            return live.label if live else ""
        try:
            return await self._github.tag_of(environment.repository, live.sha) or live.sha[:7]
        except RemoteError:
            return live.sha[:7]

    async def _running(self, app: str, operation_id: str) -> str:
        holder = await self._store.active_operation(app)
        return "" if holder is None or holder.id == operation_id else running_error(holder).message


async def _machines(fly: Fly, app: str) -> list[Machine]:
    machines = await fly.machines(app)
    return sorted((m for m in machines if m.is_serving), key=lambda m: m.id)


async def _find_image(fly: Fly, environment: Environment, resolved: ResolvedRef) -> tuple[Image | None, str]:
    try:
        return await fly.resolve_image(environment.image_repository, f"sha-{resolved.commit.sha}"), ""
    except RemoteError as error:
        return None, str(error)


async def _foreign_leases(fly: Fly, app: str, machines: Sequence[Machine], operation_id: str) -> list[Lease]:
    leases = await asyncio.gather(*(fly.lease(app, machine.id) for machine in machines))
    own = f"flytower {operation_id} "
    return [lease for lease in leases if lease and not (operation_id and lease.description.startswith(own))]


def live_image(machines: Sequence[Machine]) -> Image | None:
    """The image that most Machines run, or None where there are none."""
    counted = Counter(machine.image for machine in machines)
    return counted.most_common(1)[0][0] if counted else None


def _assemble(
    request: DeploymentRequest,
    facts: DeploymentFacts,
    resolved: ResolvedRef,
    comparison: Comparison,
    live_ref: str,
) -> DeploymentPlan:
    environment, policy = facts.environment, facts.environment.policy
    decision = decide_deployment(facts)
    live = live_image(facts.machines)
    return DeploymentPlan(
        environment=environment.name,
        app=environment.app,
        url=environment.url,
        ref=resolved.ref,
        ref_kind=resolved.kind,
        commit=resolved.commit,
        ci=facts.ci,
        image=facts.image,
        live=live,
        live_ref=live_ref,
        changes=_changes(comparison),
        migrations=_migrations(environment, live, comparison),
        machines=tuple(PlannedMachine.of(machine) for machine in facts.machines),
        release_command=environment.release_command,
        primary_region=environment.primary_region,
        max_unavailable=policy.max_unavailable,
        needs_confirmation=policy.confirm,
        restore_on_failure=policy.restore_on_failure,
        release_command_timeout_s=policy.release_command_timeout.total_seconds(),
        wait_timeout_s=policy.wait_timeout.total_seconds(),
        smoke_s=policy.smoke.total_seconds(),
        why=request.why,
        blockers=decision.blockers,
        warnings=decision.warnings,
    )


def _changes(comparison: Comparison) -> Changes:
    authors = tuple(dict.fromkeys(commit.author for commit in comparison.commits))
    return Changes(
        relation=comparison.relation,
        total=comparison.total_commits,
        commits=comparison.commits[-COMMITS_SHOWN:],
        authors=authors,
        url=comparison.url,
    )


def _migrations(environment: Environment, live: Image | None, comparison: Comparison) -> Migrations:
    if live is None:
        return Migrations(MigrationRisk.UNKNOWN, why="nothing runs yet")
    if not live.sha:
        return Migrations(MigrationRisk.UNKNOWN, why="the live image is not labelled with a commit")
    return migrations(comparison, environment.migration_paths)
