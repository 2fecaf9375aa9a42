"""What a plan looks at: asked of GitHub, the registry, Fly and the database, side by side."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.domain.deployment import Blocker
from bot.domain.model import (
    Ci,
    CiState,
    Comparison,
    Environment,
    Image,
    Lease,
    Machine,
    Pipeline,
    Relation,
    ResolvedRef,
)
from bot.domain.operation import Operation
from bot.errors import NotFound, RemoteError
from bot.ports import Fly, FlyByOrganisation, GitHub
from bot.store import Store, running_error

if TYPE_CHECKING:
    from bot.operations.contracts import Drawn


@dataclass(frozen=True)
class Target:
    """What a request means: a commit, and what follows from how it was asked for.

    `name` is what rules and CI know the ref by. `image` is the one to run, where that does not follow from the commit;
    `previous` is the operation that is tried again, `drawn` the contract of a rollback.
    """

    resolved: ResolvedRef
    name: str
    creates_tag: bool = False
    image: Image | None = None
    drawn: Drawn | None = None
    previous: Operation | None = None
    blockers: tuple[Blocker, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def sha(self) -> str:
        return self.resolved.commit.sha

    @property
    def is_retry(self) -> bool:
        return self.previous is not None

    @property
    def goes_back(self) -> bool:
        return self.drawn is not None


@dataclass(frozen=True)
class Found:
    """The facts about one target in one environment."""

    machines: tuple[Machine, ...]
    ci: Ci
    image: Image | None
    image_problem: str
    leases: tuple[Lease, ...]
    comparison: Comparison
    running: str
    live_ref: str

    @property
    def live(self) -> Image | None:
        """The image that most Machines run, or None where there are none."""
        return live_image(self.machines)


class Facts:
    """Asks; what can be done without is called unknown where nobody answers."""

    def __init__(self, store: Store, github: GitHub, fly: FlyByOrganisation, pipelines: Mapping[str, Pipeline]) -> None:
        self._store = store
        self._github = github
        self._fly = fly
        self._pipelines = pipelines

    async def machines(self, environment: Environment) -> list[Machine]:
        """The Machines of the environment's app that a deployment moves, by id."""
        return await serving_machines(self._fly[environment.organisation], environment.app)

    async def find(
        self, environment: Environment, target: Target, machines: Sequence[Machine], operation_id: str
    ) -> Found:
        """Everything else about the target; the operation that is being planned does not stand in its own way."""
        fly, live = self._fly[environment.organisation], live_image(machines)
        ci, (image, problem), leases, comparison, running, live_ref = await asyncio.gather(
            self._ci(environment, target.sha),
            _image(fly, environment, target),
            _foreign_leases(fly, environment.app, machines, operation_id),
            self._compare(environment, live, target.sha),
            self._running(environment.app, operation_id),
            self._live_ref(environment, live),
        )
        return Found(tuple(machines), ci, image, problem, tuple(leases), comparison, running, live_ref)

    async def around(self, environment: Environment, drawn: Drawn, machines: Sequence[Machine], own: str) -> Found:
        """What else there is to know of a rollback whose contract is drawn up; `own` is the operation being planned."""
        fly, live = self._fly[environment.organisation], live_image(machines)
        leases, running, live_ref = await asyncio.gather(
            _foreign_leases(fly, environment.app, machines, own),
            self._running(environment.app, own),
            self._live_ref(environment, live),
        )
        return Found(
            machines=tuple(machines),
            ci=Ci(CiState.UNKNOWN),
            image=drawn.image,
            image_problem=drawn.image_problem,
            leases=tuple(leases),
            comparison=drawn.undone,
            running=running,
            live_ref=live_ref,
        )

    async def obstacles(
        self, environment: Environment, machines: Sequence[Machine], operation_id: str
    ) -> tuple[tuple[Lease, ...], str]:
        """Leases of others, and another operation that holds the app, in words; empty where nobody is at it."""
        fly = self._fly[environment.organisation]
        leases, running = await asyncio.gather(
            _foreign_leases(fly, environment.app, machines, operation_id),
            self._running(environment.app, operation_id),
        )
        return tuple(leases), running

    async def _ci(self, environment: Environment, sha: str) -> Ci:
        workflow = self._pipelines[environment.pipeline].ci_workflow
        try:
            return await self._github.ci(environment.repository, sha, workflow)
        except (NotFound, RemoteError):
            return Ci(CiState.UNKNOWN)

    async def _compare(self, environment: Environment, live: Image | None, sha: str) -> Comparison:
        if live is None or not live.sha or not sha:
            return Comparison(Relation.UNKNOWN)
        try:
            return await self._github.compare(environment.repository, live.sha, sha)
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


async def serving_machines(fly: Fly, app: str) -> list[Machine]:
    """The app's own Machines that are there, by id."""
    return sorted((m for m in await fly.machines(app) if m.is_serving), key=lambda m: m.id)


def live_image(machines: Sequence[Machine]) -> Image | None:
    """The image that most Machines run, or None where there are none."""
    counted = Counter(machine.image for machine in machines)
    return counted.most_common(1)[0][0] if counted else None


async def _image(fly: Fly, environment: Environment, target: Target) -> tuple[Image | None, str]:
    if target.creates_tag:
        # The tag is what was asked for, and making it lets CI build.
        return None, ""
    if target.image is not None:
        return target.image, ""
    try:
        return await fly.resolve_image(environment.image_repository, f"sha-{target.sha}"), ""
    except RemoteError as error:
        return None, str(error)


async def _foreign_leases(fly: Fly, app: str, machines: Sequence[Machine], operation_id: str) -> list[Lease]:
    leases = await asyncio.gather(*(fly.lease(app, machine.id) for machine in machines))
    own = f"flytower {operation_id} "
    return [lease for lease in leases if lease and not (operation_id and lease.description.startswith(own))]
