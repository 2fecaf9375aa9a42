"""Holds: how a commit lies to them, asked of GitHub; lifting them, and declaring a fix."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bot.domain.hold import Contains, Hold, HoldFinding, Lineage, find, is_whole
from bot.domain.model import Actor, Commit, Comparison, Environment, Relation
from bot.domain.text import quoted
from bot.errors import BadCommand, NotAllowed, NotFound, Reason, RemoteError
from bot.holds import Holds
from bot.operations.people import People
from bot.ports import Clock, GitHub

# GitHub lists the newest 250 commits of a comparison; so many comparisons are asked for, one behind the other.
MOST_LOOKS = 4
NOBODY_KNOWS = Comparison(Relation.UNKNOWN)

# A repository, a base and a head.
Pair = tuple[str, str, str]


@dataclass(frozen=True)
class Told:
    """What GitHub said to one comparison; `problem` is why it did not."""

    comparison: Comparison
    problem: str = ""


class HoldKeeper:
    """The use cases of holds. Whatever changes one is for members alone, and asks for a reason."""

    def __init__(
        self,
        holds: Holds,
        github: GitHub,
        people: People,
        clock: Clock,
        environment: Callable[[str], Environment],
    ) -> None:
        self._holds = holds
        self._github = github
        self._people = people
        self._clock = clock
        self._environment = environment

    async def findings(self, environment: Environment, holds: Sequence[Hold], sha: str) -> tuple[HoldFinding, ...]:
        """One finding for each hold of the environment; what GitHub does not tell is `unknown`.

        All questions are asked side by side, each once.
        """
        del environment
        if not sha:
            return tuple(HoldFinding(hold, Contains.UNKNOWN, "the image names no commit") for hold in holds)
        pairs = list(dict.fromkeys(pair for hold in holds for pair in _pairs(hold, sha).values()))
        told = dict(zip(pairs, await asyncio.gather(*(self._ask(pair) for pair in pairs)), strict=True))
        return tuple(find(hold, sha, _lineage(hold, _pairs(hold, sha), told)) for hold in holds)

    async def _ask(self, pair: Pair) -> Told:
        try:
            return Told(await self._compare(*pair))
        except RemoteError as error:
            return Told(NOBODY_KNOWS, f"GitHub did not answer ({error.reason})")
        except NotFound as error:
            return Told(NOBODY_KNOWS, error.message.rstrip("."))

    async def _compare(self, repository: str, base: str, head: str) -> Comparison:
        """A comparison with as many of its commits as some questions more tell."""
        found = await self._github.compare(repository, base, head)
        for _ in range(MOST_LOOKS - 1):
            if is_whole(found) or not found.commits:
                break
            earlier = await self._github.compare(repository, base, found.commits[0].sha)
            known = {commit.sha for commit in found.commits}
            more = tuple(commit for commit in earlier.commits if commit.sha not in known)
            if not more:
                break
            found = dataclasses.replace(found, commits=(*more, *found.commits))
        return found

    def title_of(self, name: str) -> str:
        """The unambiguous name of an environment, empty for none; NotFound."""
        return self._environment(name).title if name else ""

    async def in_force(self, title: str, *, by: Actor) -> tuple[Hold, ...]:
        """The holds of an environment, or of all; oldest first. NotAllowed."""
        await self._people.require_member(by)
        return await self._holds.of(title)

    async def one(self, hold_id: int, *, by: Actor) -> Hold:
        """A hold that is in force; NotFound, NotAllowed."""
        await self._people.require_member(by)
        hold = await self._holds.one(hold_id)
        if hold is None:
            raise _no_hold("This hold is not in force any more.")
        return hold

    async def lift(self, title: str, why: str, *, by: Actor) -> tuple[Hold, ...]:
        """Lift all holds of an environment; those that were. NotFound where there is none, NotAllowed, BadCommand."""
        await self._require(by, why)
        lifted = [hold for hold in await self._holds.of(title) if await self._lift(hold, why, by)]
        if not lifted:
            raise _no_hold(f"Nothing is held for `{title}`.")
        return tuple(lifted)

    async def lift_one(self, hold_id: int, why: str, *, by: Actor) -> Hold:
        """Lift one hold. NotFound where it is not in force (any more), NotAllowed, BadCommand without a reason."""
        await self._require(by, why)
        hold = await self.one(hold_id, by=by)
        if not await self._lift(hold, why, by):
            raise _no_hold("This hold was lifted a moment ago.")
        return hold

    async def declare_fix(self, title: str, ref: str, *, by: Actor) -> tuple[Commit, tuple[Hold, ...]]:
        """Declare what a ref means now to mend what an environment's holds are about; the commit, and those holds.

        Whatever has that commit in its history passes them then. NotAllowed, also for a commit that the bad one was
        built on, since that mends nothing; NotFound for an unknown ref, and where nothing is held; RemoteError.
        """
        await self._people.require_member(by)
        holds = await self._holds.of(title)
        if not holds:
            raise _no_hold(f"Nothing is held for `{title}`.")
        commit = (await self._github.resolve(self._environment(title).repository, ref)).commit
        for hold in holds:
            await self._refuse_older(hold, commit, ref)
        now = self._clock.now()
        for hold in holds:
            await self._holds.declare_fix(hold.id, commit.sha, by=by, at=now)
        return commit, holds

    async def _refuse_older(self, hold: Hold, commit: Commit, ref: str) -> None:
        comparison = await self._github.compare(hold.repository, hold.bad, commit.sha)
        if comparison.relation in {Relation.BEHIND, Relation.IDENTICAL}:
            raise NotAllowed(
                f"{quoted(ref)} ({commit.short}) is a part of {quoted(hold.bad_ref)}, which is held: it mends nothing.",
                hint="Name a commit that was made afterwards, or lift the hold.",
                reason=Reason.HELD,
            )

    async def _lift(self, hold: Hold, why: str, by: Actor) -> bool:
        return await self._holds.lift(hold.id, by=by, why=why, at=self._clock.now())

    async def _require(self, by: Actor, why: str) -> None:
        await self._people.require_member(by)
        if not why.strip():
            raise BadCommand("Lifting a hold needs a reason: what was held ships again.")


def _no_hold(message: str) -> NotFound:
    return NotFound(message, hint="`/deploy hold` lists what is held.", reason=Reason.NO_HOLD)


def _pairs(hold: Hold, sha: str) -> Mapping[str, Pair]:
    """The comparisons that a finding needs, by what it calls them; a commit beside itself is not asked about."""
    wanted = {"held": (hold.good, hold.bad), "since_bad": (hold.bad, sha), "since_good": (hold.good, sha)}
    wanted |= {fix: (fix, sha) for fix in hold.fixes}
    return {name: (hold.repository, base, head) for name, (base, head) in wanted.items() if base and base != head}


def _lineage(hold: Hold, pairs: Mapping[str, Pair], told: Mapping[Pair, Told]) -> Lineage:
    same = Told(Comparison(Relation.IDENTICAL))
    said = {name: told[pair] for name, pair in pairs.items()}
    bad_alone = Told(Comparison(Relation.AHEAD, (Commit(hold.bad, "", ""),), 1))
    return Lineage(
        held=said.get("held", same if hold.good else bad_alone).comparison,
        since_bad=said.get("since_bad", same).comparison,
        since_good=said.get("since_good", same if hold.good else Told(NOBODY_KNOWS)).comparison,
        since_fixes={fix: said.get(fix, same).comparison for fix in hold.fixes},
        problem=next((each.problem for each in said.values() if each.problem), ""),
    )
