"""What locks, holds, freezes and incidents say of one commit for one environment, asked of the database and GitHub."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bot.domain.freeze import frozen
from bot.domain.hold import Hold, HoldFinding
from bot.domain.model import Actor, Environment
from bot.domain.policy import Ground
from bot.ports import Clock
from bot.store import Store


class HoldFindings(Protocol):
    """Whoever knows how a commit lies to holds."""

    async def findings(self, environment: Environment, holds: Sequence[Hold], sha: str) -> tuple[HoldFinding, ...]:
        """One finding for each hold; what cannot be told is `unknown`."""
        ...


class RuleBook:
    """Reads the rules that are in force."""

    def __init__(self, store: Store, clock: Clock, holds: HoldFindings) -> None:
        self._store = store
        self._clock = clock
        self._holds = holds

    async def ground(self, environment: Environment, sha: str, actor: Actor, *, is_automatic: bool) -> Ground:
        """The rules as of now for a commit (40 hex, empty where the image names none) that `actor` wants there.

        The revision is read with the rules, before everything that takes time: a start that names it is refused
        where one of them changed since.
        """
        rules = await self._store.rules_in_force(environment.title)
        findings = await self._holds.findings(environment, rules.holds, sha) if rules.holds else ()
        now = self._clock.now()
        return Ground(
            now=now,
            actor=actor,
            is_automatic=is_automatic,
            locks=rules.locks,
            lock_problem=rules.lock_problem,
            findings=findings,
            frozen=frozen(environment.policy.freezes, now),
            incident=rules.incident,
            revision=rules.revision,
        )
