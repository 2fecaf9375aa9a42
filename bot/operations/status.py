"""What runs where: every environment at once, all calls side by side.

What needs two answers of Fly, how far production is behind staging, is asked at the same time as those, with the
commits that were live when somebody last looked; only where Fly says otherwise it is asked again.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Protocol, TypeVar

from bot.domain.drift import drifts, short
from bot.domain.freeze import frozen
from bot.domain.model import NO_RELEASE, Actor, Comparison, Environment, Image, Machine, Relation, Release
from bot.domain.operation import Operation, State
from bot.domain.rollout import Step
from bot.domain.status import EnvironmentStatus, Lag, Live, Rules, lag_of
from bot.domain.text import quoted
from bot.errors import BotError, NotAllowed, NotFound, RemoteError
from bot.operations.facts import live_image
from bot.operations.people import People
from bot.operations.plans import any_plan_of
from bot.ports import Clock, FlyByOrganisation, GitHub
from bot.queries import Overview, Queries
from bot.rules import RulesInForce

RELEASES = 10
# How far back an image's deployment is looked for among our own.
REMEMBERED = 5
COMPARISONS_KEPT = 32
# A release that Fly's books call running for longer was left behind by something that died.
OUTSIDE_LASTS = timedelta(hours=1)

Value = TypeVar("Value")
Pair = tuple[str, str, str]


class Config(Protocol):
    """What the use case needs of the settings."""

    @property
    def environments(self) -> tuple[Environment, ...]: ...

    @property
    def environment_names(self) -> tuple[str, ...]: ...

    def environment(self, name: str) -> Environment: ...


@dataclass(frozen=True)
class _Ours:
    """What our own database says, read before anybody is asked."""

    records: Overview

    def succeeded(self, environment: Environment) -> list[Operation]:
        return self.records.succeeded[environment.title]

    def newest(self, environment: Environment) -> Operation | None:
        return next(iter(self.succeeded(environment)), None)

    def running(self, environment: Environment) -> Operation | None:
        return next((o for o in self._of(environment) if o.is_active), None)

    def waiting(self, environment: Environment) -> tuple[Operation, ...]:
        return tuple(o for o in self._of(environment) if o.state is State.REQUESTED and o.plan)

    def _of(self, environment: Environment) -> list[Operation]:
        return [o for o in self.records.unfinished if f"{o.pipeline}/{o.environment}" == environment.title]


@dataclass(frozen=True)
class _Calls:
    """The calls under way; each gives its answer or the error that came in its place."""

    machines: Mapping[str, asyncio.Task[list[Machine] | BotError]]
    releases: Mapping[str, asyncio.Task[list[Release] | BotError]]
    tags: Mapping[str, asyncio.Task[dict[str, str] | BotError]]


@dataclass(frozen=True)
class _Told:
    """What the providers said of one environment; `machines` is None where Fly did not tell them."""

    machines: tuple[Machine, ...] | None
    releases: list[Release]
    tags: dict[str, str]
    problems: tuple[str, ...]

    @classmethod
    def of(cls, environment: Environment, calls: _Calls) -> _Told:
        problems: list[str] = []
        machines = _kept(calls.machines[environment.title].result(), "Fly did not tell the Machines", problems)
        releases = _kept(calls.releases[environment.title].result(), "Fly did not tell the releases", problems)
        tags = _kept(calls.tags[environment.repository].result(), "GitHub did not tell the tags", problems)
        return cls(tuple(machines) if machines is not None else None, releases or [], tags or {}, tuple(problems))

    @property
    def complete(self) -> Release:
        return next((release for release in self.releases if release.status == "complete"), NO_RELEASE)


class Statuses:
    """The use case behind `/deploy status`."""

    def __init__(
        self,
        config: Config,
        queries: Queries,
        github: GitHub,
        fly: FlyByOrganisation,
        people: People,
        clock: Clock,
    ) -> None:
        self._config = config
        self._queries = queries
        self._github = github
        self._fly = fly
        self._people = people
        self._clock = clock
        # By environment: the commit that was live at the last look, and our newest success as it was then.
        self._seen: dict[str, tuple[str, str]] = {}
        # What lies between two commits never changes.
        self._comparisons: dict[Pair, Comparison] = {}

    def wanted(self, name: str) -> tuple[Environment, ...]:
        """The environment of this name, or all where there is none; NotFound."""
        return (self._config.environment(name),) if name else self._config.environments

    async def look(self, wanted: Sequence[Environment], *, by: Actor) -> list[EnvironmentStatus]:
        """Each environment as it is now; what could not be asked of one is said there. NotAllowed."""
        refused, found = await asyncio.gather(self._refusal(by), self._look(wanted))
        if refused is not None:
            raise refused
        return found

    async def waiting_for(self, by: Actor, found: Sequence[EnvironmentStatus]) -> list[Operation]:
        """The plans among these that this person may approve; one of which that cannot be told is none of them."""
        pending = [o for each in found for o in each.waiting if o.approval is not None and o.approval.is_pending]
        may = await asyncio.gather(*(self._may_approve(by, operation) for operation in pending))
        return [operation for operation, is_approver in zip(pending, may, strict=True) if is_approver]

    async def _may_approve(self, by: Actor, operation: Operation) -> bool:
        need = any_plan_of(operation).approval
        assert need is not None
        try:
            await self._people.require_approver(by, need, requester=operation.actor)
        except NotAllowed:
            return False
        return True

    async def _refusal(self, by: Actor) -> NotAllowed | None:
        # Slack is asked beside the others: only the answer waits for it.
        try:
            await self._people.require_member(by)
        except NotAllowed as error:
            return error
        return None

    async def _look(self, wanted: Sequence[Environment]) -> list[EnvironmentStatus]:
        before = {env.title: other for env in wanted if (other := self._before(env))}
        asked = {env.title: env for env in (*wanted, *before.values())}
        ours = _Ours(await self._queries.overview(asked, limit=REMEMBERED))
        async with asyncio.TaskGroup() as group:
            calls = self._call(group, wanted, asked)
            lags = {
                env.title: group.create_task(self._lag(env, before[env.title], calls, ours))
                for env in wanted
                if env.title in before
            }
        for title, env in asked.items():
            if sha := _live_sha(calls.machines[title].result()):
                self._remember(env, sha, ours)
        return [self._status(env, calls, ours, lags.get(env.title)) for env in wanted]

    def _call(
        self, group: asyncio.TaskGroup, wanted: Sequence[Environment], asked: Mapping[str, Environment]
    ) -> _Calls:
        machines = {
            title: group.create_task(_tried(self._fly[env.organisation].machines(env.app)))
            for title, env in asked.items()
        }
        releases = {
            env.title: group.create_task(_tried(self._fly[env.organisation].releases(env.app, limit=RELEASES)))
            for env in wanted
        }
        repositories = {env.repository for env in wanted}
        tags = {name: group.create_task(_tried(self._github.tags(name))) for name in repositories}
        return _Calls(machines, releases, tags)

    def _before(self, environment: Environment) -> Environment | None:
        """The environment that commits reach first: of the pipeline's, the one that a push releases."""
        if environment.released_by != "tag":
            return None
        pipeline = [env for env in self._config.environments if env.pipeline == environment.pipeline]
        return next((env for env in pipeline if env.released_by == "push"), None)

    async def _lag(self, environment: Environment, other: Environment, calls: _Calls, ours: _Ours) -> Lag:
        both = (environment, other)
        guess = (environment.repository, *(self._last_known(env, ours) for env in both))
        early = asyncio.create_task(_tried(self._compare(*guess))) if all(guess) else None
        try:
            live = [_live_sha(await calls.machines[env.title]) for env in both]
            if not all(live):
                unknown = other if live[0] else environment
                return Lag(other.name, why=f"{unknown.name} shows no single commit that is live")
            pair = (environment.repository, *live)
            compared = await (early if early and pair == guess else _tried(self._compare(*pair)))
        finally:
            if early is not None:
                early.cancel()
        if isinstance(compared, BotError):
            return Lag(other.name, why=quoted(str(compared)))
        return lag_of(other.name, compared)

    async def _compare(self, repository: str, base: str, head: str) -> Comparison:
        if base == head:
            return Comparison(Relation.IDENTICAL)
        pair = (repository, base, head)
        if pair not in self._comparisons:
            compared = await self._github.compare(*pair)
            self._comparisons[pair] = dataclasses.replace(compared, files=())
            while len(self._comparisons) > COMPARISONS_KEPT:
                del self._comparisons[next(iter(self._comparisons))]
        return self._comparisons[pair]

    def _last_known(self, environment: Environment, ours: _Ours) -> str:
        newest = ours.newest(environment)
        sha, after = self._seen.get(environment.title, ("", ""))
        return sha if newest is None or newest.id == after else _sha_of(newest)

    def _remember(self, environment: Environment, sha: str, ours: _Ours) -> None:
        newest = ours.newest(environment)
        self._seen[environment.title] = (sha, newest.id if newest else "")

    def _status(self, env: Environment, calls: _Calls, ours: _Ours, lag: asyncio.Task[Lag] | None) -> EnvironmentStatus:
        told = _Told.of(env, calls)
        running = ours.running(env)
        newest = next(iter(told.releases), NO_RELEASE)
        outside = newest if running is None and self._is_under_way(newest) else None
        is_moving = running is not None or outside is not None
        version = str(told.complete.version or "")
        found = drifts(env, told.machines or (), newest_release=version, is_moving=is_moving)
        return EnvironmentStatus(
            environment=env,
            label=self._label(env),
            machines=told.machines,
            live=self._live(env, told, ours),
            lag=lag.result() if lag else None,
            drifts=found if told.machines is not None else (),
            running=running,
            waiting=ours.waiting(env),
            outside=outside,
            problems=told.problems,
            rules=rules_at(self._clock.now(), env, ours.records.rules[env.title]),
        )

    def _label(self, environment: Environment) -> str:
        """The bare name where that is enough."""
        return environment.name if environment.name in self._config.environment_names else environment.title

    def _is_under_way(self, release: Release) -> bool:
        is_new = release.created_at is not None and self._clock.now() - release.created_at < OUTSIDE_LASTS
        return is_new and release.status in {"running", "pending"}

    def _live(self, env: Environment, told: _Told, ours: _Ours) -> Live | None:
        serving = [machine for machine in told.machines or () if machine.is_serving]
        image = live_image(serving)
        if image is None:
            return None
        operations = ours.succeeded(env)
        known = next((o for o in operations if _sha_of(o) == image.sha), None)
        since, by = _since(image, operations, told.releases)
        return Live(
            image=image,
            ref=_tag(env, image.sha, told.tags) or short(image),
            title=_title_of(known) if known else self._compared_title(image.sha),
            since=since,
            by=by,
            on=sum(machine.image == image for machine in serving),
            machines=len(serving),
        )

    def _compared_title(self, sha: str) -> str:
        commits = (commit for comparison in self._comparisons.values() for commit in comparison.commits)
        return next((commit.title for commit in commits if commit.sha == sha), "")


def rules_at(now: datetime, environment: Environment, found: RulesInForce) -> Rules:
    """The rules of an environment as of now: what was read, without locks that have ended, and the calendar."""
    return Rules(
        locks=tuple(lock for lock in found.locks if lock.holds_at(now)),
        lock_problem=found.lock_problem,
        holds=found.holds,
        frozen=frozen(environment.policy.freezes, now),
        incident=found.incident,
    )


async def _tried(work: Awaitable[Value]) -> Value | BotError:
    """The answer, or why there is none: one that does not answer must not take the others along."""
    try:
        return await work
    except (RemoteError, NotFound) as error:
        return error


def _kept(answer: Value | BotError, failure: str, problems: list[str]) -> Value | None:
    """The answer; None where there is none, and the problem is noted."""
    if isinstance(answer, BotError):
        problems.append(f"{failure}: {quoted(str(answer))}")
        return None
    return answer


def _live_sha(machines: list[Machine] | BotError) -> str:
    """The commit that all Machines run; empty where they differ, or where it is not known."""
    found = [] if isinstance(machines, BotError) else [machine.image.sha for machine in machines if machine.is_serving]
    return found[0] if len(set(found)) == 1 else ""


def _tag(environment: Environment, sha: str, tags: Mapping[str, str]) -> str:
    """The tag on a commit, one that releases here before any other."""
    found = sorted(name for name, tagged in tags.items() if tagged == sha)
    fitting = [name for name in found if fnmatchcase(name, environment.release_ref)]
    return next(iter([*fitting, *found]), "")


def _since(image: Image, operations: Sequence[Operation], releases: Sequence[Release]) -> tuple[datetime | None, str]:
    """Since when an image is live and by whom: from our own success, else from Fly's books."""
    if deployed := next((operation for operation in operations if _brought(operation, image)), None):
        return deployed.finished_at, deployed.actor.mention
    released = next((r for r in releases if r.status == "complete" and _is_same(r.image, image)), NO_RELEASE)
    return released.created_at, quoted(released.user)


def _is_same(one: Image, other: Image) -> bool:
    """By digest where both are known: a label may have moved to another image."""
    if one.digest and other.digest:
        return one.digest == other.digest
    return bool(one.label) and one.label == other.label


def _brought(operation: Operation, image: Image) -> bool:
    """Whether the operation ended with every Machine on this image."""
    receipt = operation.row(Step.RECEIPT)
    machines = receipt.detail["machines"] if receipt else []
    return bool(machines) and all(seen["digest"] == image.digest for seen in machines)


def _sha_of(operation: Operation) -> str:
    return str((operation.plan or {}).get("commit", {}).get("sha", ""))


def _title_of(operation: Operation) -> str:
    return str((operation.plan or {}).get("commit", {}).get("title", ""))
