"""Draws up the contract of a rollback: from and to, what is undone, what stays, and how risky that is.

Everybody is asked side by side. Without GitHub, and without the registry, a rollback still works; what they do not say
is called unknown.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from bot.domain.deployment import Blocker, DeploymentPlan, DeploymentRequest
from bot.domain.earlier import Books, is_same, unbooked, with_image
from bot.domain.migrations import migrations
from bot.domain.model import (
    Commit,
    Comparison,
    Environment,
    Image,
    Machine,
    MachineVersion,
    MigrationRisk,
    Migrations,
    Relation,
    Secret,
)
from bot.domain.operation import Operation
from bot.domain.rollback import Contract, EarlierRelease, Findings, PendingRun, remarks
from bot.domain.rollout import Step
from bot.domain.text import quoted
from bot.domain.then_and_now import (
    Configuration,
    configuration_drift,
    configured_scale,
    scale_drift,
    scale_of,
    secret_drift,
    version_of_then,
)
from bot.errors import Conflict, NotFound, Reason, RemoteError
from bot.operations.plans import plan_of
from bot.operations.releases import Looked, Releases, Sources, brought
from bot.ports import FlyByOrganisation, GitHub
from bot.store import Store

Value = TypeVar("Value")
Pending = Callable[[Environment], Awaitable[tuple[PendingRun, ...]]]


@dataclass(frozen=True)
class Drawn:
    """A contract and what the plan needs besides.

    `image` is the one to run, None where it is gone from the registry or, with an `image_problem`, where nobody says
    what it is. `undone` goes from the target's commit to the one that runs. `configs` is where the configuration of
    then is read, by Machine, as `machine:version`; empty where it stays as it is.
    """

    contract: Contract
    image: Image | None
    image_problem: str
    commit: Commit
    undone: Comparison
    migrations: Migrations
    configs: Mapping[str, str]
    blockers: tuple[Blocker, ...] = ()


@dataclass(frozen=True)
class _Asked:
    """What does not depend on where the rollback goes; None where nobody told it."""

    definitions: Mapping[int, dict[str, Any]]
    versions: Mapping[str, Sequence[MachineVersion]]
    secrets: Sequence[Secret] | None
    pending: tuple[PendingRun, ...] | None


@dataclass(frozen=True)
class _Way:
    """From where to where: the two releases, what the names mean besides, and the operation that is undone."""

    current: EarlierRelease
    target: EarlierRelease
    undone: DeploymentPlan | None = None
    cautions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Contracts:
    """Asks Fly, the registry, GitHub and the journal."""

    def __init__(
        self, store: Store, github: GitHub, fly: FlyByOrganisation, releases: Releases, pending: Pending
    ) -> None:
        self._store = store
        self._github = github
        self._fly = fly
        self._releases = releases
        self._pending = pending

    async def draw_up(self, environment: Environment, request: DeploymentRequest, machines: Sequence[Machine]) -> Drawn:
        """The contract as of now.

        Raises NotFound for a release that Fly's books do not show, Conflict where nothing ran before what is to be
        undone, RemoteError where Fly does not tell its books.
        """
        sources, asked = await asyncio.gather(self._sources(environment, request), self._ask(environment, machines))
        way = await self._way(environment, request, machines, sources)
        looked, undone, commit = await asyncio.gather(
            self._releases.image(environment, way.target.image, sources),
            self._compare(environment, way),
            self._releases.commit(environment, way.target.image.sha, sources),
        )
        stay, undone = _stay(environment, way, undone, sources)
        way = _titled(way, looked, commit, undone)
        configuration = _configuration(way, asked, machines)
        findings = Findings(
            current=way.current,
            target=way.target,
            undone=undone,
            migrations=stay,
            configuration=configuration.changes,
            secrets=_secrets(way, asked, sources),
            scale=_scale(environment, way, machines, sources),
            pending=asked.pending,
            is_silent=looked.is_silent,
            with_configuration=request.with_configuration,
            cautions=way.cautions,
            notes=way.notes,
        )
        return _drawn(findings, configuration, looked, commit, _blockers(request, way, configuration))

    async def _sources(self, environment: Environment, request: DeploymentRequest) -> Sources:
        try:
            return await self._releases.sources(environment)
        except RemoteError:
            # What ran before a deployment of ours stands in our own journal.
            if not request.back_from:
                raise
            return await self._releases.own_sources(environment)

    async def _ask(self, environment: Environment, machines: Sequence[Machine]) -> _Asked:
        fly, app = self._fly[environment.organisation], environment.app
        definitions, secrets, pending, *versions = await asyncio.gather(
            _tried(fly.definitions(app)),
            _tried(fly.secrets(app)),
            _tried(self._pending(environment)),
            *(_tried(fly.machine_versions(app, machine.id)) for machine in machines),
        )
        had = {machine.id: found or [] for machine, found in zip(machines, versions, strict=True)}
        return _Asked(definitions or {}, had, secrets, pending)

    async def _way(
        self, environment: Environment, request: DeploymentRequest, machines: Sequence[Machine], sources: Sources
    ) -> _Way:
        books = self._releases.books(sources, machines)
        if request.back_from:
            way = _before(plan_of(await self._store.operation(request.back_from)), books)
        else:
            target, note = await self._releases.find(environment, request.release, books, sources)
            way = _Way(books.current, target, notes=(note,) if note else ())
        first = plan_of(await self._store.operation(request.retry_of)) if request.retry_of else None
        left = _left(machines, way.target.image, first or way.undone, is_retry=first is not None)
        return dataclasses.replace(way, current=_release_of(books, left, first)) if left else way

    async def _compare(self, environment: Environment, way: _Way) -> Comparison:
        base, head = way.target.image.sha, way.current.image.sha
        if not base or not head:
            return Comparison(Relation.UNKNOWN)
        try:
            return await self._github.compare(environment.repository, base, head)
        except (NotFound, RemoteError):
            return Comparison(Relation.UNKNOWN)


async def _tried(work: Awaitable[Value]) -> Value | None:
    """The answer, or None where there is none: what one does not tell must not take the others along."""
    try:
        return await work
    except (NotFound, RemoteError):
        return None


def _before(undone: DeploymentPlan, books: Books) -> _Way:
    """The way back from one of our own operations: its plan says what ran before, whatever the books say."""
    if undone.live is None:
        raise Conflict(
            f"Nothing ran before the deployment of {quoted(undone.ref)}.",
            hint="There is no image to go back to.",
            reason=Reason.IMAGE_MISSING,
        )
    found = books.of(undone.live) or unbooked(undone.live)
    target = dataclasses.replace(found, image=undone.live, ref=undone.live_ref or found.ref, problem="")
    mixed = len({machine.image.digest for machine in undone.machines})
    caution = f"The Machines ran {mixed} different images before; all of them get the one that most of them ran."
    note = f"Goes back to what ran before the deployment of {quoted(undone.ref)}."
    return _Way(books.current, target, undone, (caution,) if mixed > 1 else (), (note,))


def _titled(way: _Way, looked: Looked, commit: Commit, undone: Comparison) -> _Way:
    """The way with what was found out: the image as the registry has it, the titles of both commits."""
    image = looked.image or (way.target.image if looked.problem else None)
    target = dataclasses.replace(with_image(way.target, image), title=commit.title or way.target.title)
    named = (each.title for each in undone.commits if each.sha == way.current.image.sha)
    current = dataclasses.replace(way.current, title=way.current.title or next(named, ""))
    return dataclasses.replace(way, current=current, target=target)


def _left(machines: Sequence[Machine], target: Image, plan: DeploymentPlan | None, *, is_retry: bool) -> Image | None:
    """What is left behind where most Machines run the target already, as after a rollback that failed half-way."""
    others = Counter(machine.image for machine in machines if not is_same(machine.image, target))
    if others:
        return others.most_common(1)[0][0]
    if plan is None:
        return None
    return plan.live if is_retry else plan.image


def _release_of(books: Books, image: Image, first: DeploymentPlan | None) -> EarlierRelease:
    noted = first.contract.current if first is not None and first.contract is not None else None
    found = books.of(image) or (noted if noted is not None and is_same(noted.image, image) else unbooked(image))
    return dataclasses.replace(found, image=image)


def _stay(environment: Environment, way: _Way, undone: Comparison, sources: Sources) -> tuple[Migrations, Comparison]:
    """The migrations that stay applied, and what is undone: from our own plan where GitHub does not say it."""
    for release in (way.target, way.current):
        if not release.image.sha:
            why = f"the image of {quoted(release.name)} is not labelled with a commit"
            return Migrations(MigrationRisk.UNKNOWN, why=why), undone
    if undone.relation is not Relation.UNKNOWN:
        return migrations(undone, environment.migration_paths), undone
    for plan in (*([way.undone] if way.undone else []), *sources.plans):
        if _leads(plan, way.target.image, way.current.image):
            changes = plan.changes
            said = Comparison(changes.relation, changes.commits, changes.total, files_complete=False, url=changes.url)
            return plan.migrations, said
    return migrations(undone, environment.migration_paths), undone


def _leads(plan: DeploymentPlan, start: Image, end: Image) -> bool:
    """Whether a plan is the one that led from the one image to the other."""
    after = brought(plan)
    if plan.live is None or after is None or plan.contract is not None:
        return False
    return is_same(plan.live, start) and is_same(after, end)


def _configuration(way: _Way, asked: _Asked, machines: Sequence[Machine]) -> Configuration:
    image, version = way.target.image, way.target.version
    then = {each.id: version_of_then(asked.versions[each.id], image, version) for each in machines}
    newest = asked.definitions.get(max(asked.definitions, default=0))
    now = asked.definitions.get(way.current.version, newest)
    return configuration_drift(machines, then, (asked.definitions.get(version), now))


def _secrets(way: _Way, asked: _Asked, sources: Sources) -> tuple[str, ...] | None:
    if asked.secrets is None:
        return None
    noted = (_noted_secrets(operation, way.target.image) for operation in sources.operations)
    then = next((secrets for secrets in noted if secrets is not None), None)
    return secret_drift(asked.secrets, then, way.target.ended_at or way.target.released_at)


def _noted_secrets(operation: Operation, image: Image) -> Mapping[str, str] | None:
    then, receipt = brought(plan_of(operation)), operation.row(Step.RECEIPT)
    if then is None or receipt is None or not is_same(then, image):
        return None
    noted: Mapping[str, str] | None = receipt.detail.get("secrets")
    return noted


def _scale(environment: Environment, way: _Way, machines: Sequence[Machine], sources: Sources) -> tuple[str, ...]:
    """Where there were more or fewer Machines: by our own plans of that time, else by the config."""
    now = scale_of((machine.group, machine.region) for machine in machines)
    image = way.target.image
    for plan in (*([way.undone] if way.undone else []), *sources.plans):
        if plan.machines and any(each is not None and is_same(each, image) for each in (plan.live, brought(plan))):
            return scale_drift(scale_of((each.group, each.region) for each in plan.machines), now)
    return scale_drift(configured_scale(environment, machines), now, said="by the config")


def _blockers(request: DeploymentRequest, way: _Way, configuration: Configuration) -> tuple[Blocker, ...]:
    blockers = []
    if way.target.ran_s is None and not request.back_from:
        blockers.append(
            Blocker(
                Reason.RELEASE_NOT_LIVE,
                way.target.problem,
                "Choose another release: `previous` is the last one of another image that was live.",
            )
        )
    if request.with_configuration and not configuration.versions:
        blockers.append(
            Blocker(
                Reason.CONFIGURATION_UNKNOWN,
                f"Fly does not show what configuration each Machine had with {quoted(way.target.name)}.",
                "Roll back the image only.",
            )
        )
    return tuple(blockers)


def _drawn(
    found: Findings, configuration: Configuration, looked: Looked, commit: Commit, blockers: tuple[Blocker, ...]
) -> Drawn:
    contract = Contract(
        current=found.current,
        target=found.target,
        configuration=configuration.changes or (),
        secrets=found.secrets or (),
        scale=found.scale,
        pending=found.pending or (),
        with_configuration=found.with_configuration,
        may_configure=bool(configuration.versions),
        remarks=remarks(found),
        is_image_seen=not found.is_silent,
    )
    return Drawn(
        contract=contract,
        image=looked.image,
        image_problem=looked.problem,
        commit=commit,
        undone=found.undone,
        migrations=found.migrations,
        configs=configuration.versions if found.with_configuration else {},
        blockers=blockers,
    )
