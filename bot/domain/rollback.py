"""The contract of a rollback: what comes back, what does not, and how risky that is. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.model import Comparison, Image, MigrationRisk, Migrations, Relation
from bot.domain.text import quoted

PREVIOUS = "previous"


class Risk(StrEnum):
    """How risky a rollback is: green goes by one button, amber names its risk first, red needs an approver."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


_ORDER = list(Risk)


@dataclass(frozen=True)
class Remark:
    """One thing that a person must know before a rollback, with how risky it is. Amber and red ones are its risk."""

    risk: Risk
    message: str


@dataclass(frozen=True)
class EarlierRelease:
    """A release of Fly's books as a place to go back to.

    `ref` is the tag on its commit, or the short commit, or Fly's `v41` where the image names none. `ran_s` is how long
    it was live altogether, None where it never was; `ended_at` when it was last live, None where it is now. `problem`
    says why nobody can go back to it; empty where they can. `version` is 0 for what runs or ran, and Fly's books do not
    show.
    """

    version: int
    image: Image
    ref: str
    title: str
    released_at: datetime | None
    by: str
    ran_s: float | None = None
    ended_at: datetime | None = None
    problem: str = ""

    @property
    def name(self) -> str:
        """As people type it; what the books do not show is called by its ref."""
        return f"v{self.version}" if self.version else self.ref


@dataclass(frozen=True)
class PendingRun:
    """A run of the environment's deploy workflow that has not ended."""

    id: int
    title: str
    url: str


@dataclass(frozen=True)
class Cancelling:
    """What became of the wish to cancel runs: asked to stop, ended before, or refused with GitHub's words."""

    asked: tuple[PendingRun, ...] = ()
    ended: tuple[PendingRun, ...] = ()
    refused: tuple[tuple[PendingRun, str], ...] = ()


@dataclass(frozen=True)
class Contract:
    """What a rollback promises and what it does not.

    `current` and `target` are the two releases. `configuration`, `secrets`, `scale` are differences between then and
    now, as short sentences; values of secrets and of variables are never among them. `pending` are deploy workflows
    under way. `with_configuration`: the Machines get the configuration of then, too; `may_configure` says whether that
    is known for every Machine. `remarks` has everything that makes it more than green. `is_image_seen` is false where
    the registry did not say whether the image is there.
    """

    current: EarlierRelease
    target: EarlierRelease
    configuration: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    scale: tuple[str, ...] = ()
    pending: tuple[PendingRun, ...] = ()
    with_configuration: bool = False
    may_configure: bool = False
    remarks: tuple[Remark, ...] = ()
    is_image_seen: bool = True

    @property
    def risk(self) -> Risk:
        return highest(remark.risk for remark in self.remarks)

    @property
    def risks(self) -> tuple[str, ...]:
        """What a person accepts with the button, worst first."""
        worst = sorted(self.remarks, key=lambda remark: -_ORDER.index(remark.risk))
        return tuple(remark.message for remark in worst if remark.risk is not Risk.GREEN)


def highest(risks: Iterable[Risk]) -> Risk:
    """The highest of some risks; green where there are none."""
    return max(risks, key=_ORDER.index, default=Risk.GREEN)


@dataclass(frozen=True)
class Findings:
    """What was found out for a contract. None where nobody told it.

    `undone` goes from the target's commit to the current one. `is_silent`: the registry did not say whether the image
    is there. `cautions` and `notes` are further sentences, amber and green.
    """

    current: EarlierRelease
    target: EarlierRelease
    undone: Comparison
    migrations: Migrations
    configuration: tuple[str, ...] | None = ()
    secrets: tuple[str, ...] | None = ()
    scale: tuple[str, ...] = ()
    pending: tuple[PendingRun, ...] | None = ()
    is_silent: bool = False
    with_configuration: bool = False
    cautions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def remarks(found: Findings) -> tuple[Remark, ...]:
    """What a person must know before this rollback, the worst first.

    The sentences say nothing that changes by the mere passage of time: a plan is agreed to with them.
    """
    red = [Remark(Risk.RED, text) for text in _reds(found.migrations)]
    amber = [Remark(Risk.AMBER, text) for text in _ambers(found)]
    return (*red, *amber, *(Remark(Risk.GREEN, text) for text in found.notes))


def _reds(stay: Migrations) -> Iterator[str]:
    files = ", ".join(quoted(path.rpartition("/")[2]) for path in stay.files)
    if stay.risk is MigrationRisk.LISTED:
        count = "1 migration stays" if len(stay.files) == 1 else f"{len(stay.files)} migrations stay"
        yield f"{count} applied: {files}. The image from before may not fit the schema."
    if stay.risk is MigrationRisk.UNKNOWN:
        seen = f" Seen so far: {files}." if files else ""
        yield (
            f"It is not known which migrations stay applied ({stay.why}): the image from before may not fit the "
            f"schema.{seen}"
        )


def _ambers(found: Findings) -> Iterator[str]:
    yield from _of_history(found)
    if found.is_silent:
        yield "The registry does not say whether the image is still there."
    yield from _of_configuration(found)
    yield from _of_secrets(found.secrets)
    if found.scale:
        yield f"The Machines are not as they were: {_joined(found.scale)}"
    if found.pending is None:
        yield "GitHub does not say whether a workflow that deploys here is under way."
    for run in found.pending or ():
        yield f"A workflow that deploys here is under way, and would undo this: {quoted(run.title)} ({run.url})."
    yield from found.cautions


def _of_history(found: Findings) -> Iterator[str]:
    if unlabelled := [each.name for each in (found.current, found.target) if not each.image.sha]:
        named = " and ".join(map(quoted, unlabelled))
        images = f"the image of {named} names" if len(unlabelled) == 1 else f"the images of {named} name"
        yield f"What is undone is not known: {images} no commit."
    elif found.undone.relation is Relation.UNKNOWN:
        yield "What is undone is not known: the two commits could not be compared."
    if found.undone.relation is Relation.DIVERGED:
        yield "The histories diverged: the release has commits, too, that what runs does not have."
    if found.undone.relation is Relation.BEHIND:
        yield "The commit of the release is newer than what runs: this goes forward."


def _of_configuration(found: Findings) -> Iterator[str]:
    if found.configuration is None:
        yield "It is not known how the configuration changed since."
    elif found.configuration and found.with_configuration:
        yield f"The configuration goes back, too. Since then: {_joined(found.configuration)}"
    elif found.configuration:
        yield f"The configuration stays as it is now. Since then: {_joined(found.configuration)}"


def _of_secrets(changed: tuple[str, ...] | None) -> Iterator[str]:
    if changed is None:
        yield "Whether secrets changed since is not known; they stay as they are now."
    elif changed:
        yield f"Secrets stay as they are now. Since then: {_joined(changed)}"


def _joined(parts: Iterable[str]) -> str:
    return "; ".join(parts) + "."


def nothing_to_hold(contract: Contract, undone: Relation) -> str:
    """Why a rollback holds nothing; empty where it does.

    `undone` is how what ran lies to what comes back: where it is older, the rollback goes forward.
    """
    bad, good = contract.current, contract.target
    if not bad.image.sha:
        return f"Nothing is held: the image of {quoted(bad.ref)} names no commit, so nobody knows what would be."
    if bad.image.sha == good.image.sha:
        return f"Nothing is held: {quoted(bad.ref)} and {quoted(good.ref)} are builds of the same commit."
    if undone is Relation.BEHIND:
        return f"Nothing is held: {quoted(good.ref)} has everything that {quoted(bad.ref)} has."
    return ""
