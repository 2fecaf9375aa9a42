"""Makes the plan of a deployment: what is meant, all facts at once, then the policy's decision."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterable, Mapping

from bot.domain.deployment import Changes, DeploymentPlan, DeploymentRequest, PlannedMachine
from bot.domain.migrations import migrations
from bot.domain.model import Comparison, Environment, Image, MigrationRisk, Migrations, Pipeline, Relation, Strategy
from bot.domain.operation import Operation
from bot.domain.policy import DeploymentFacts, decide_deployment
from bot.domain.rollout import Step
from bot.domain.strategies import strategy_notes
from bot.operations.facts import Facts, Found, Target
from bot.operations.plans import plan_of, request_of
from bot.operations.targets import Targets
from bot.ports import FlyByOrganisation, GitHub
from bot.store import Store

COMMITS_SHOWN = 20


class Planner:
    """Asks GitHub, the registry and Fly, and lets the policy decide."""

    def __init__(self, store: Store, github: GitHub, fly: FlyByOrganisation, pipelines: Mapping[str, Pipeline]) -> None:
        self._store = store
        self._targets = Targets(store, github, fly, pipelines)
        self._facts = Facts(store, github, fly, pipelines)

    async def plan(
        self, environment: Environment, request: DeploymentRequest, *, operation_id: str = ""
    ) -> DeploymentPlan:
        """The plan as of now; NotFound for an unknown ref, RemoteError where Fly or GitHub cannot be asked.

        `operation_id` is the operation that is being planned: it does not stand in its own way.
        """
        target, machines = await asyncio.gather(
            self._targets.find(environment, request), self._facts.machines(environment)
        )
        found = await self._facts.find(environment, target, machines, operation_id)
        has_run = target.is_retry and await self._has_migrated(target.previous, found.image)
        plan = _assemble(environment, request, target, found, has_migrated=has_run)
        return _since_the_first_try(plan, plan_of(target.previous)) if target.is_retry and target.previous else plan

    async def newest_release(self, environment: Environment) -> str:
        """The newest tag that releases to the environment, or an empty string."""
        return await self._targets.newest_release(environment)

    async def _has_migrated(self, earlier: Operation | None, image: Image | None) -> bool:
        """Whether the release command ended well for this image in an earlier try, or in one before that."""
        while earlier is not None and image is not None:
            ran_for = plan_of(earlier).image
            if ran_for is None or ran_for.digest != image.digest:
                return False
            if earlier.done(Step.RELEASE_COMMAND):
                return True
            before = request_of(earlier).retry_of
            earlier = await self._store.operation(before) if before else None
        return False


def _since_the_first_try(plan: DeploymentPlan, earlier: DeploymentPlan) -> DeploymentPlan:
    """The plan of a second try, with what ran and what changed before the first: it may have moved Machines already.

    Otherwise the new image would pass for the one before, and a migration of the first try for none.
    """
    before = earlier.live
    known = {image.digest for image in (before, earlier.image, plan.image) if image is not None}
    if before is None or plan.live is None or plan.live.digest not in known:
        return plan
    return dataclasses.replace(
        plan, live=before, live_ref=earlier.live_ref, changes=earlier.changes, migrations=earlier.migrations
    )


def _assemble(
    environment: Environment, request: DeploymentRequest, target: Target, found: Found, *, has_migrated: bool
) -> DeploymentPlan:
    policy, comparison = environment.policy, found.comparison
    facts = _facts_of(environment, request, target, found)
    decision = decide_deployment(facts)
    command, warning, note = _release_command(environment, request, target, has_migrated=has_migrated)
    is_backwards = comparison.relation in {Relation.BEHIND, Relation.DIVERGED}
    return DeploymentPlan(
        environment=environment.name,
        app=environment.app,
        url=environment.url,
        ref=target.resolved.ref,
        ref_kind=target.resolved.kind,
        commit=target.resolved.commit,
        ci=found.ci,
        image=found.image,
        live=found.live,
        live_ref=found.live_ref,
        changes=_changes(comparison),
        migrations=_migrations(environment, found.live, comparison),
        machines=tuple(PlannedMachine.of(machine) for machine in found.machines),
        release_command=command,
        primary_region=environment.primary_region,
        max_unavailable=policy.max_unavailable,
        needs_confirmation=policy.confirm
        or target.creates_tag
        or target.goes_back
        # A button of long ago must not undo what was deployed since.
        or (target.is_retry and is_backwards),
        restore_on_failure=policy.restore_on_failure,
        release_command_timeout_s=policy.release_command_timeout.total_seconds(),
        wait_timeout_s=policy.wait_timeout.total_seconds(),
        smoke_s=policy.smoke.total_seconds(),
        why=request.why,
        blockers=(*target.blockers, *decision.blockers),
        warnings=_said(*decision.warnings, *target.warnings, warning),
        notes=_said(*target.notes, note, *_strategy_notes(request, facts)),
        build=facts.build,
        build_timeout_s=policy.build_timeout.total_seconds(),
        strategy=facts.strategy,
        watch_s=policy.watch.total_seconds(),
        restore_on_trouble=policy.restore_on_trouble,
        restore_countdown_s=policy.restore_countdown.total_seconds(),
        keeps_current=bool(request.retry_of),
    )


def _facts_of(environment: Environment, request: DeploymentRequest, target: Target, found: Found) -> DeploymentFacts:
    return DeploymentFacts(
        environment=environment,
        ref=target.name,
        ref_kind=target.resolved.kind,
        ci=found.ci,
        image=found.image,
        machines=found.machines,
        relation=found.comparison.relation,
        image_problem=found.image_problem,
        leases=found.leases,
        running=found.running,
        strategy=Strategy(request.strategy) if request.strategy else environment.policy.strategy,
        creates_tag=target.creates_tag,
        goes_back=target.goes_back,
        retries=bool(request.retry_of),
        skips_release_command=request.skip_release_command,
    )


def _release_command(
    environment: Environment, request: DeploymentRequest, target: Target, *, has_migrated: bool
) -> tuple[str, str, str]:
    """The command to run; where it is skipped, a warning or a note that says why."""
    command = environment.release_command
    if not command:
        return "", "", ""
    if request.skip_release_command:
        return "", f"The release command {command} is skipped, as you asked: migrations do not run.", ""
    if target.goes_back:
        return "", "", "Fly would run the old image's release command; it is skipped."
    if has_migrated:
        return "", "", "The release command already ran in the first try; it is not run again."
    return command, "", ""


def _strategy_notes(request: DeploymentRequest, facts: DeploymentFacts) -> Iterable[str]:
    if facts.build is None:
        return strategy_notes(facts.strategy, facts.machines)
    return ["CI deploys with the strategy of its fly.toml."] if request.strategy else []


def _said(*sentences: str) -> tuple[str, ...]:
    return tuple(sentence for sentence in sentences if sentence)


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
