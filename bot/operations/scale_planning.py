"""Makes the plan of a scaling: all facts at once, then the policy's decision, then what the next deployment undoes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bot.domain.model import Actor, Environment, Image
from bot.domain.scale import ScalePlan, ScaleRequest, Standing, Undoing
from bot.domain.scale_deeds import ScaleFacts, configured_counts, configured_sizes, sizes_then
from bot.domain.scale_policy import ScaleDecision, decide_scaling
from bot.domain.size import Prices
from bot.domain.undoing import undoings
from bot.errors import RemoteError
from bot.operations.facts import Facts, live_image
from bot.ports import FlyByOrganisation, GitHub

if TYPE_CHECKING:
    from bot.operations.rulebook import RuleBook


class ScalePlanner:
    """Asks Fly and GitHub, and lets the policy decide. `regions` are the codes of Fly's regions."""

    def __init__(
        self,
        facts: Facts,
        github: GitHub,
        fly: FlyByOrganisation,
        *,
        rules: RuleBook,
        prices: Prices,
        regions: frozenset[str],
    ) -> None:
        self._facts = facts
        self._github = github
        self._fly = fly
        self._rules = rules
        self._prices = prices
        self._regions = regions

    async def plan(
        self,
        environment: Environment,
        request: ScaleRequest,
        *,
        actor: Actor,
        is_automatic: bool = False,
        operation_id: str = "",
    ) -> ScalePlan:
        """The plan as of now; RemoteError where Fly must be asked and does not answer.

        `actor` is who asked; where the bot proposes it by itself (`is_automatic`), nobody stands behind it.
        `operation_id` is the operation that is being planned: it does not stand in its own way.
        """
        machines = tuple(await self._facts.machines(environment))
        live = live_image([machine for machine in machines if not machine.is_standby])
        ground, volumes, (leases, running), text = await asyncio.gather(
            self._rules.ground(environment, live.sha if live else "", actor, is_automatic=is_automatic),
            self._fly[environment.organisation].volumes(environment.app),
            self._facts.obstacles(environment, machines, operation_id),
            self._fly_toml(environment, live),
        )
        facts = ScaleFacts(
            environment=environment,
            request=request,
            machines=machines,
            volumes=tuple(volumes),
            prices=self._prices,
            regions=self._regions,
            leases=leases,
            running=running,
            ground=ground,
        )
        decision = decide_scaling(facts)
        undone = _undone(facts, decision, text)
        return self._assemble(facts, decision, live, undone, is_automatic=is_automatic)

    async def look(self, environment: Environment) -> Standing:
        """How the environment stands against its config. RemoteError."""
        machines = tuple(await self._facts.machines(environment))
        volumes, (_, running) = await asyncio.gather(
            self._fly[environment.organisation].volumes(environment.app),
            self._facts.obstacles(environment, machines, ""),
        )
        wish = ScaleRequest(
            environment.title,
            counts=configured_counts(environment, machines),
            sizes=configured_sizes(environment, machines),
            as_configured=True,
        )
        facts = ScaleFacts(environment, wish, machines, tuple(volumes), self._prices, self._regions, running=running)
        decision = decide_scaling(facts)
        return Standing(
            environment=environment.name,
            app=environment.app,
            places=decision.places,
            machines=decision.machines,
            memory_mb=environment.memory_mb,
            auto_stop=environment.auto_stop,
            cost=decision.cost,
            needs_approval=decision.approval is not None,
            running=running,
        )

    async def _fly_toml(self, environment: Environment, live: Image | None) -> tuple[str | None, str]:
        """The fly.toml of the live commit, and why nobody can say what is in it."""
        if live is None or not live.sha:
            return None, "the live image names no commit"
        try:
            return await self._github.file(environment.repository, environment.fly_toml, live.sha), ""
        except RemoteError as error:
            return None, str(error)

    def _assemble(
        self,
        facts: ScaleFacts,
        decision: ScaleDecision,
        live: Image | None,
        undone: tuple[Undoing, ...],
        *,
        is_automatic: bool,
    ) -> ScalePlan:
        environment, request = facts.environment, facts.request
        policy = environment.policy
        return ScalePlan(
            environment=environment.name,
            app=environment.app,
            url=environment.url,
            ref=request.ref,
            places=decision.places,
            machines=decision.machines,
            creations=decision.creations,
            mendings=decision.mendings,
            starts=decision.starts,
            removals=decision.removals,
            cost=decision.cost,
            undone_by=undone,
            image=live,
            lasts_s=request.lasts_s,
            why=request.why,
            differences=request.differences,
            configured=configured_counts(environment, facts.machines),
            back_from=request.back_from,
            max_unavailable=policy.max_unavailable,
            wait_timeout_s=policy.wait_timeout.total_seconds(),
            smoke_s=policy.smoke.total_seconds(),
            # What nobody typed a moment ago, somebody has to agree to.
            needs_confirmation=policy.confirm
            or is_automatic
            or decision.approval is not None
            or bool(request.back_from),
            blockers=decision.blockers,
            warnings=decision.warnings,
            notes=decision.notes,
            approval=decision.approval,
            rules_revision=facts.ground.revision,
        )


def _undone(facts: ScaleFacts, decision: ScaleDecision, found: tuple[str | None, str]) -> tuple[Undoing, ...]:
    text, problem = found
    sizes = sizes_then(facts)
    if problem and (sizes or decision.mendings):
        return (
            Undoing(f"Whether the next deployment undoes this is not known: {problem}.", facts.environment.fly_toml),
        )
    return () if problem else undoings(facts.environment.fly_toml, text, sizes, decision.mendings)
