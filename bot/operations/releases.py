"""The releases of an environment as places to go back to: Fly's books, read with our own journal.

What the registry and GitHub know is added where they answer; nothing here needs GitHub.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from bot.domain.deployment import DeploymentPlan
from bot.domain.earlier import Books, Known, chosen, is_same, no_previous, read_books, with_image
from bot.domain.model import Commit, Environment, Image, Machine, RefKind, Release
from bot.domain.operation import Operation
from bot.domain.rollback import PREVIOUS, EarlierRelease
from bot.domain.rollout import Step
from bot.errors import NotFound, RemoteError
from bot.operations.facts import live_image, serving_machines
from bot.operations.plans import plan_of
from bot.ports import Clock, FlyByOrganisation, GitHub
from bot.queries import Queries
from bot.store import Store

RELEASES = 25
# So many images of a list are looked up, side by side.
LOOKED_UP = 10
# The books name images by labels, and two labels may mean one image.
PREVIOUS_TRIES = 5
SILENT = "GitHub does not tell the tags just now: name the release by Fly's own version, such as `v41`."


@dataclass(frozen=True)
class Sources:
    """What the books are read from. `tags` is None where GitHub did not tell them; `operations` newest first."""

    releases: Sequence[Release]
    tags: Mapping[str, str] | None
    operations: Sequence[Operation]
    release_ref: str = ""

    @property
    def plans(self) -> Iterator[DeploymentPlan]:
        """Our own plans that came true, newest first."""
        return (plan_of(operation) for operation in self.operations)

    @property
    def known_tags(self) -> dict[str, str]:
        """Commits by tag: as GitHub tells them, and as our own deployments remember them."""
        own = {plan.ref: plan.commit.sha for plan in self.plans if plan.ref_kind is RefKind.TAG and plan.commit.sha}
        return own | dict(self.tags or {})

    @property
    def commits(self) -> dict[str, Commit]:
        """The commits that our own deployments brought, by hash."""
        brought = [commit for plan in self.plans for commit in (*plan.changes.commits, plan.commit)]
        return {commit.sha: commit for commit in brought if commit.title}

    def books(self, machines: Sequence[Machine], clock: Clock) -> Books:
        """The books, given what most of these Machines run."""
        live = live_image(machines) or Image("")
        versions = Counter(machine.release_version for machine in machines if machine.image == live)
        version = max(versions, key=lambda each: versions[each], default="")
        return read_books(self.releases, live, version=version, now=clock.now(), known=self._known())

    def _known(self) -> Known:
        recorded = [(operation.row(Step.RECORD_RELEASE), operation) for operation in self.operations]
        makers = {row.detail.get("version", 0): operation.actor.mention for row, operation in recorded if row}
        titles = {sha: commit.title for sha, commit in self.commits.items()}
        return Known(self.known_tags, titles, makers, self.release_ref)

    def digest_of(self, image: Image) -> str:
        """The digest that a label had when one of our own deployments met it, or an empty string."""
        met = [seen for plan in self.plans for seen in (plan.image, plan.live) if seen is not None]
        return next((seen.digest for seen in met if seen.digest and is_same(seen, image)), "")


def brought(plan: DeploymentPlan) -> Image | None:
    """The image that a deployment brought; where CI built it, by its label alone."""
    if plan.build is None:
        return plan.image
    return Image(plan.build.image_repository, f"sha-{plan.commit.sha}")


@dataclass(frozen=True)
class Looked:
    """An image as the registry has it now: pinned, or None where it is gone.

    `is_silent`: the registry did not say, and the digest is known all the same. `problem` says why there is no digest.
    """

    image: Image | None
    problem: str = ""
    is_silent: bool = False


class Releases:
    """Reads the books, and finds in them what people mean."""

    def __init__(self, store: Store, github: GitHub, fly: FlyByOrganisation, clock: Clock) -> None:
        self._store = store
        self._queries = Queries(store)
        self._github = github
        self._fly = fly
        self._clock = clock

    async def earlier(self, environment: Environment) -> list[EarlierRelease]:
        """What there is to go back to, newest first; RemoteError where Fly does not answer.

        Failed releases and images that are gone from the registry are there, too, and say so.
        """
        fly = self._fly[environment.organisation]
        machines, sources = await asyncio.gather(serving_machines(fly, environment.app), self.sources(environment))
        read = sources.books(machines, self._clock)
        offered = read.places[:LOOKED_UP]
        looked = await asyncio.gather(*(self.image(environment, each.image, sources) for each in offered))
        images = [(each.image, found) for each, found in zip(offered, looked, strict=True)]
        pinned = [dataclasses.replace(each, image=_pinned(each.image, images)) for each in sources.releases]
        places = dataclasses.replace(sources, releases=pinned).books(machines, self._clock).places
        titles = await self._titles(environment, sources, places[:LOOKED_UP])
        return [_told(each, images, titles) for each in places]

    async def sources(self, environment: Environment) -> Sources:
        """Everything that the books are read from, asked side by side; RemoteError where Fly does not answer."""
        releases, tags, own = await asyncio.gather(
            self._fly[environment.organisation].releases(environment.app, limit=RELEASES),
            self._tags(environment),
            self.own_sources(environment),
        )
        return dataclasses.replace(own, releases=releases, tags=tags)

    async def own_sources(self, environment: Environment) -> Sources:
        """What we know without Fly's books."""
        seen = await self._queries.overview([environment.title], limit=RELEASES)
        return Sources([], None, seen.succeeded[environment.title], environment.release_ref)

    def books(self, sources: Sources, machines: Sequence[Machine]) -> Books:
        """The books as of now."""
        return sources.books(machines, self._clock)

    async def find(
        self, environment: Environment, name: str, books: Books, sources: Sources
    ) -> tuple[EarlierRelease, str]:
        """The release that a name means, with a note; NotFound, with close matches in its hint."""
        if name.casefold() == PREVIOUS:
            return await self._previous(environment, books, sources), ""
        tags, hint = sources.known_tags, "" if sources.tags is not None else SILENT
        try:
            return chosen(books, name, tags, hint=hint)
        except NotFound:
            sha = await self._older_tag(environment, name)
            if not sha:
                raise
            return chosen(books, name, {**tags, name: sha}, hint=hint)

    async def image(self, environment: Environment, image: Image, sources: Sources) -> Looked:
        """The image as the registry has it now, by its label or by its digest.

        A silent registry is believed to have what ran here: what it does not say is no reason to stay broken.
        """
        fly = self._fly[environment.organisation]
        try:
            for name in filter(None, (image.label, image.digest)):
                found = await fly.resolve_image(image.repository, name)
                if found is not None and image.digest in {found.digest, ""}:
                    return Looked(dataclasses.replace(image, digest=found.digest))
        except (NotFound, RemoteError) as error:
            digest = image.digest or sources.digest_of(image)
            if not digest:
                return Looked(None, problem=str(error))
            return Looked(dataclasses.replace(image, digest=digest), is_silent=True)
        return Looked(None)

    async def _previous(self, environment: Environment, books: Books, sources: Sources) -> EarlierRelease:
        """The previous release whose image really is another one; NotFound where the books show none.

        What is held was bad: it is no place to go back to, whatever ran last.
        """
        rules = await self._store.rules_in_force(environment.title)
        held = {hold.bad for hold in rules.holds}
        earlier = (release for release in books.previous() if release.image.sha not in held)
        for release in islice(earlier, PREVIOUS_TRIES):
            if release.image.digest:
                return release
            found = (await self.image(environment, release.image, sources)).image
            if found is None or not is_same(found, books.current.image):
                return release
        raise no_previous()

    async def _older_tag(self, environment: Environment, name: str) -> str:
        """The commit of a tag that GitHub's newest hundred do not show; a branch moves, and names no release."""
        try:
            found = await self._github.resolve(environment.repository, name)
        except (NotFound, RemoteError):
            return ""
        return found.commit.sha if found.kind is RefKind.TAG else ""

    async def _tags(self, environment: Environment) -> dict[str, str] | None:
        try:
            return await self._github.tags(environment.repository)
        except (NotFound, RemoteError):
            return None

    async def _titles(
        self, environment: Environment, sources: Sources, places: Sequence[EarlierRelease]
    ) -> dict[str, str]:
        """Titles of commits that our own deployments do not know, as far as GitHub answers."""
        unknown = {each.image.sha for each in places if each.image.sha and not each.title}
        if sources.tags is None:
            return {}
        found = await asyncio.gather(*(self.commit(environment, sha, sources) for sha in unknown))
        return {commit.sha: commit.title for commit in found}

    async def commit(self, environment: Environment, sha: str, sources: Sources) -> Commit:
        """A commit as far as somebody tells it: going back must work without."""
        if (known := sources.commits.get(sha)) is not None:
            return known
        try:
            return await self._github.commit(environment.repository, sha)
        except (NotFound, RemoteError):
            return Commit(sha, "", "")


def _pinned(image: Image, images: Sequence[tuple[Image, Looked]]) -> Image:
    found = next((looked.image for named, looked in images if is_same(named, image)), None)
    return dataclasses.replace(image, digest=image.digest or found.digest) if found else image


def _told(release: EarlierRelease, images: Sequence[tuple[Image, Looked]], titles: Mapping[str, str]) -> EarlierRelease:
    """The release with its title, and with what the registry said of its image."""
    titled = dataclasses.replace(release, title=release.title or titles.get(release.image.sha, ""))
    is_gone = any(looked == Looked(None) and is_same(named, release.image) for named, looked in images)
    return with_image(titled, None) if is_gone else titled
