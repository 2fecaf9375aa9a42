"""Makes the plan of a deployment: what is meant, all facts at once, then the policy's decision."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bot.domain.deployment import Changes, DeploymentPlan, DeploymentRequest, PlannedMachine
from bot.domain.migrations import migrations
from bot.domain.model import (
    Actor,
    Comparison,
    Environment,
    Image,
    Machine,
    MigrationRisk,
    Migrations,
    RefKind,
    Relation,
    ResolvedRef,
    Strategy,
)
from bot.domain.operation import Operation
from bot.domain.policy import DeploymentFacts, Ground, decide_deployment
from bot.domain.rollout import Step
from bot.domain.strategies import strategy_notes
from bot.domain.text import quoted
from bot.errors import RemoteError
from bot.operations.facts import Facts, Found, Target
from bot.operations.plans import plan_of, request_of
from bot.operations.targets import Targets
from bot.store import Store

if TYPE_CHECKING:
    from bot.operations.contracts import Contracts
    from bot.operations.rulebook import RuleBook
    from bot.operations.runs import PendingRuns

COMMITS_SHOWN = 20


class Planner:
    """Asks GitHub, the registry and Fly, and lets the policy decide."""

    def __init__(
        self,
        store: Store,
        targets: Targets,
        facts: Facts,
        *,
        contracts: Contracts,
        rules: RuleBook,
        pending: PendingRuns,
    ) -> None:
        self._store = store
        self._targets = targets
        self._facts = facts
        self._contracts = contracts
        self._rules = rules
        self._pending = pending

    async def plan(
        self,
        environment: Environment,
        request: DeploymentRequest,
        *,
        actor: Actor,
        is_automatic: bool = False,
        operation_id: str = "",
    ) -> DeploymentPlan:
        """The plan as of now; NotFound for an unknown ref or release, RemoteError where Fly or GitHub must be asked.

        `actor` is who asked; where the bot does it by itself (`is_automatic`), the person behind it. `operation_id` is
        the operation that is being planned: it does not stand in its own way.
        """
        target, machines = await self._target(environment, request)
        ground, found, pending = await asyncio.gather(
            self._rules.ground(environment, target.sha, actor, is_automatic=is_automatic),
            self._find(environment, target, machines, operation_id),
            self._under_way(environment, target),
        )
        has_run = target.is_retry and await self._has_migrated(target.previous, found.image)
        if found.image is not None:
            # Where CI builds, the run is the way itself.
            target = dataclasses.replace(target, warnings=(*target.warnings, *pending))
        plan = _assemble(environment, request, target, found, ground, has_migrated=has_run)
        return _since_the_first_try(plan, plan_of(target.previous)) if target.is_retry and target.previous else plan

    async def _target(self, environment: Environment, request: DeploymentRequest) -> tuple[Target, tuple[Machine, ...]]:
        if not request.goes_back:
            target, found = await asyncio.gather(
                self._targets.find(environment, request), self._facts.machines(environment)
            )
            return target, tuple(found)
        machines = tuple(await self._facts.machines(environment))
        drawn = await self._contracts.draw_up(environment, request, machines)
        # The commit of an image, not a branch or a tag: neither may move what comes back.
        resolved = ResolvedRef(drawn.contract.target.ref, RefKind.COMMIT, drawn.commit)
        return Target(resolved, drawn.contract.target.ref, drawn=drawn, blockers=drawn.blockers), machines

    async def _find(
        self, environment: Environment, target: Target, machines: Sequence[Machine], operation_id: str
    ) -> Found:
        if target.drawn is not None:
            return await self._facts.around(environment, target.drawn, machines, operation_id)
        return await self._facts.find(environment, target, machines, operation_id)

    async def _under_way(self, environment: Environment, target: Target) -> tuple[str, ...]:
        """What CI is about to bring there, as warnings; a contract names it by itself."""
        if target.goes_back:
            return ()
        try:
            runs = await self._pending.of(environment)
        except RemoteError:
            return ()
        return tuple(f"A workflow that deploys here is under way: {quoted(run.title)} ({run.url})." for run in runs)

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
    environment: Environment,
    request: DeploymentRequest,
    target: Target,
    found: Found,
    ground: Ground,
    *,
    has_migrated: bool,
) -> DeploymentPlan:
    policy, comparison, drawn = environment.policy, found.comparison, target.drawn
    facts = _facts_of(environment, request, target, found, ground)
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
        migrations=drawn.migrations if drawn else _migrations(environment, found.live, comparison),
        machines=tuple(_planned(machine, target) for machine in found.machines),
        release_command=command,
        primary_region=environment.primary_region,
        max_unavailable=policy.max_unavailable,
        # What the bot does by itself was agreed to in the configuration.
        needs_confirmation=not ground.is_automatic
        and (
            policy.confirm
            or decision.approval is not None
            or target.creates_tag
            or target.goes_back
            # A button of long ago must not undo what was deployed since.
            or (target.is_retry and is_backwards)
        ),
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
        contract=drawn.contract if drawn else None,
        approval=decision.approval,
        waived=decision.waived,
        rules_revision=ground.revision,
    )


def _planned(machine: Machine, target: Target) -> PlannedMachine:
    planned = PlannedMachine.of(machine)
    configs = target.drawn.configs if target.drawn else {}
    return dataclasses.replace(planned, config_from=configs.get(machine.id, ""))


def _facts_of(
    environment: Environment, request: DeploymentRequest, target: Target, found: Found, ground: Ground
) -> DeploymentFacts:
    return DeploymentFacts(
        environment=environment,
        ref=target.name,
        ref_kind=target.resolved.kind,
        ci=found.ci,
        image=found.image,
        machines=found.machines,
        # What a rollback undoes stands in its contract, compared the other way round.
        relation=Relation.UNKNOWN if target.goes_back else found.comparison.relation,
        image_problem=found.image_problem,
        leases=found.leases,
        running=found.running,
        strategy=Strategy(request.strategy) if request.strategy else environment.policy.strategy,
        creates_tag=target.creates_tag,
        goes_back=target.goes_back,
        retries=bool(request.retry_of),
        skips_release_command=request.skip_release_command,
        contract=target.drawn.contract if target.drawn else None,
        ground=ground,
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
