"""What a request means: a ref, a tag to make, what another environment runs, a second try."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from fnmatch import fnmatchcase

from bot.domain.build import HEADS, TAGS, close_tags, is_tag_name, newest_tag, short_name
from bot.domain.deployment import Blocker, DeploymentRequest
from bot.domain.model import Commit, Environment, Image, Pipeline, RefKind, ResolvedRef
from bot.domain.operation import Operation
from bot.domain.text import quoted
from bot.errors import BadCommand, Conflict, NotFound, Reason, RemoteError
from bot.operations.facts import Target, serving_machines
from bot.operations.plans import plan_of
from bot.ports import FlyByOrganisation, GitHub
from bot.store import Store


class Targets:
    """Finds the commit and the image that a person means."""

    def __init__(self, store: Store, github: GitHub, fly: FlyByOrganisation, pipelines: Mapping[str, Pipeline]) -> None:
        self._store = store
        self._github = github
        self._fly = fly
        self._pipelines = pipelines

    async def find(self, environment: Environment, request: DeploymentRequest) -> Target:
        """The target; NotFound for an unknown ref, Conflict where a promotion is unclear, RemoteError."""
        if request.retry_of:
            return await self._again(environment, await self._store.operation(request.retry_of))
        source = self._pipelines[environment.pipeline].environments.get(request.ref.casefold())
        if source is not None and source.name != environment.name:
            if request.on:
                raise BadCommand(f"`--on` is for a tag to make; `{source.name}` is an environment.")
            return await self._promotion(environment, source)
        return await self._asked(environment, request)

    async def newest_release(self, environment: Environment) -> str:
        """The newest tag that releases to the environment, or an empty string."""
        tags = await self._github.tags(environment.repository)
        return newest_tag(name for name in tags if fnmatchcase(name, environment.release_ref))

    async def _asked(self, environment: Environment, request: DeploymentRequest) -> Target:
        try:
            found = await self._resolve(environment, request.ref)
        except NotFound:
            is_release = environment.released_by == "tag" and fnmatchcase(request.ref, environment.release_ref)
            if not is_release or not is_tag_name(request.ref):
                raise
            return await self._new_tag(environment, request.ref, request.on)
        blockers: tuple[Blocker, ...] = ()
        if request.on:
            base = await self._resolve(environment, request.on)
            blockers = () if base.commit.sha == found.commit.sha else (_taken(found, base),)
        return Target(found, short_name(request.ref), blockers=blockers)

    async def _new_tag(self, environment: Environment, name: str, on: str) -> Target:
        base = on or await self._github.default_branch(environment.repository)
        found = await self._resolve(environment, base)
        close = close_tags(name, await self._tags(environment))
        named = ", ".join(quoted(tag) for tag in close)
        return _tag_to_make(
            name, found.commit, base, warnings=(f"There is no tag {name}; close: {named}.",) if close else ()
        )

    async def _promotion(self, environment: Environment, source: Environment) -> Target:
        image = await self._running_in(source)
        commit, (kind, name), shadow = await asyncio.gather(
            self._github.commit(environment.repository, image.sha),
            self._by_tag(environment, image.sha),
            self._shadow(environment, source.name),
        )
        shares = source.organisation == environment.organisation
        note = (
            f"Ships {source.name}'s own image {image.digest[:19]}…; nothing is built anew."
            if shares
            else f"A rebuild of what {source.name} runs ({commit.short}): images are readable within one Fly "
            f"organisation only, so {environment.name} has its own build of the same commit."
        )
        return Target(
            ResolvedRef(source.name, kind, commit),
            name,
            image=image if shares else None,
            notes=(note, *shadow),
        )

    async def _running_in(self, source: Environment) -> Image:
        machines = await serving_machines(self._fly[source.organisation], source.app)
        images = {machine.image.digest or machine.image.reference: machine.image for machine in machines}
        if len(images) == 1:
            (image,) = images.values()
            if image.sha:
                return image
            what = f"the image of `{source.name}` is not labelled with a commit"
        else:
            what = f"its Machines run {len(images)} different images" if images else "it has no Machines"
        raise Conflict(
            f"What `{source.name}` runs is not clear: {what}.",
            hint="Bring it into order first, or name a tag or a commit.",
            reason=Reason.PROMOTION_UNCLEAR,
        )

    async def _by_tag(self, environment: Environment, sha: str) -> tuple[RefKind, str]:
        """A commit by its tag, for rules and for CI; by itself where it has none."""
        tags = [name for name, tagged in (await self._tags(environment)).items() if tagged == sha]
        releases = [name for name in tags if fnmatchcase(name, environment.release_ref)]
        tag = newest_tag(releases or tags)
        return (RefKind.TAG, tag) if tag else (RefKind.COMMIT, sha[:12])

    async def _shadow(self, environment: Environment, name: str) -> tuple[str, ...]:
        try:
            found = await self._github.resolve(environment.repository, name)
        except (NotFound, RemoteError):
            return ()
        prefix = TAGS if found.kind is RefKind.TAG else HEADS
        called = f"There is a {found.kind} called {name}, too; the environment was taken."
        return (f"{called} `{prefix}{name}` names the other.",)

    async def _again(self, environment: Environment, earlier: Operation) -> Target:
        plan = plan_of(earlier)
        note = f"Tries {plan.ref} again, on the commit of the first try: {plan.commit.short}."
        image = plan.image
        if image is not None and image.repository == environment.image_repository:
            image = None
        try:
            found = await self._resolve(environment, plan.ref)
        except NotFound:
            if plan.build is not None and plan.build.creates_tag:
                return _tag_to_make(plan.ref, plan.commit, "the first try", previous=earlier, notes=(note,))
            found = None
        # A branch may be called like the environment that the first try promoted.
        if found is not None and (found.commit.sha, found.kind) == (plan.commit.sha, plan.ref_kind):
            return Target(found, short_name(plan.ref), image=image, previous=earlier, notes=(note,))
        kind, name = await self._by_tag(environment, plan.commit.sha)
        return Target(
            ResolvedRef(plan.ref, kind, plan.commit),
            name if kind is RefKind.TAG else short_name(plan.ref),
            image=image,
            previous=earlier,
            notes=(note,),
        )

    async def _resolve(self, environment: Environment, ref: str) -> ResolvedRef:
        """What a ref means; `refs/heads/…` and `refs/tags/…` say which kind is meant."""
        found = await self._github.resolve(environment.repository, short_name(ref))
        kinds = {HEADS: RefKind.BRANCH, TAGS: RefKind.TAG}
        wanted = next((kind for prefix, kind in kinds.items() if ref.startswith(prefix)), found.kind)
        if found.kind is not wanted:
            raise NotFound(
                f"{quoted(short_name(ref))} is a {found.kind} in {environment.repository}, not a {wanted}.",
                reason=Reason.UNKNOWN_REF,
            )
        return ResolvedRef(ref, found.kind, found.commit)

    async def _tags(self, environment: Environment) -> dict[str, str]:
        try:
            return await self._github.tags(environment.repository)
        except RemoteError:
            return {}


def _tag_to_make(
    name: str,
    commit: Commit,
    base: str,
    *,
    previous: Operation | None = None,
    notes: tuple[str, ...] = (),
    warnings: tuple[str, ...] = (),
) -> Target:
    note = f"Makes the tag {name} on {commit.short} ({quoted(base)})."
    return Target(
        ResolvedRef(name, RefKind.TAG, commit),
        name,
        creates_tag=True,
        previous=previous,
        notes=(note, *notes),
        warnings=warnings,
    )


def _taken(found: ResolvedRef, base: ResolvedRef) -> Blocker:
    return Blocker(
        Reason.TAG_TAKEN,
        f"{quoted(found.ref)} is a {found.kind} on {found.commit.short} already, not on {base.commit.short}.",
        "Take another name, or leave `--on` out to deploy it as it is.",
    )
