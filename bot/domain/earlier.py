"""Fly's books read as places to go back to: what was live and how long, what runs now, what a name means. Pure.

What runs is what most Machines run, not the newest release, which may have failed. Secrets and restarts write releases
of the same image: these are one place. Source: Fly.io docs, "Rollback guide"; superfly/flyctl, internal/uiex.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from difflib import get_close_matches
from fnmatch import fnmatchcase
from itertools import pairwise

from bot.domain.drift import short
from bot.domain.model import Image, Release
from bot.domain.rollback import PREVIOUS, EarlierRelease
from bot.domain.text import quoted
from bot.errors import NotFound, Reason

LIVE = frozenset({"complete", "succeeded"})
NOT_LIVE = frozenset({"failed", "interrupted", "pending", "running"})
RUNS_NOW = "It runs now."
GONE = "Its image is not in the registry any more."
CLOSE, LIKENESS = 3, 0.5
_VERSION = re.compile(r"v(\d{1,9})|(\d{1,6})", re.IGNORECASE)
_COMMIT = re.compile(r"[0-9a-f]{7,40}", re.IGNORECASE)


@dataclass(frozen=True)
class Known:
    """What is known beside Fly's books: commits by tag, titles by commit, who made a release by its version.

    `release_ref` is the pattern of the tags that release here: such a tag names a commit before any other.
    """

    tags: Mapping[str, str] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    makers: Mapping[int, str] = field(default_factory=dict)
    release_ref: str = ""

    def ref(self, image: Image) -> str:
        """The tag on an image's commit, else the short commit; empty where the image names none."""
        tags = sorted(name for name, sha in self.tags.items() if image.sha and sha == image.sha)
        fitting = [tag for tag in tags if fnmatchcase(tag, self.release_ref)]
        return next(iter([*fitting, *tags]), image.sha[:7])


@dataclass(frozen=True)
class Books:
    """The releases of an app as they are known, newest first; `current` is what most Machines run."""

    current: EarlierRelease
    releases: tuple[EarlierRelease, ...] = ()

    @property
    def places(self) -> tuple[EarlierRelease, ...]:
        """What a person chooses from: one release for each image, the newest that was live; failed ones say so."""
        found: list[EarlierRelease] = []
        for release in sorted(self.releases, key=lambda each: each.ran_s is None):
            if not any(is_same(release.image, other.image) for other in (self.current, *found)):
                found.append(release)
        return tuple(sorted(found, key=lambda release: -release.version))

    def previous(self) -> Iterator[EarlierRelease]:
        """Earlier releases of another image than what runs that were live, newest first."""
        for release in self.releases:
            is_earlier = not self.current.version or release.version < self.current.version
            if is_earlier and release.ran_s is not None and not is_same(release.image, self.current.image):
                yield release

    def of(self, image: Image) -> EarlierRelease | None:
        """The newest release of an image that was live, else the newest one, or None."""
        if is_same(image, self.current.image):
            return self.current
        found = [release for release in self.releases if is_same(release.image, image)]
        return next(iter(sorted(found, key=lambda release: release.ran_s is None)), None)


def is_same(one: Image, other: Image) -> bool:
    """By digest where both are known; else by the label, which may have moved to another image."""
    if one.digest and other.digest:
        return one.digest == other.digest
    return bool(one.label) and (one.repository, one.label) == (other.repository, other.label)


def was_live(release: Release) -> bool:
    """Whether Fly's books say that a release ended well."""
    return release.status in LIVE or (release.is_stable and release.status not in NOT_LIVE)


def read_books(
    releases: Sequence[Release], live: Image, *, version: str = "", now: datetime, known: Known | None = None
) -> Books:
    """The books, given what most Machines run; `version` is the release that these Machines say they belong to."""
    known = known or Known()
    newest_first = sorted(releases, key=lambda release: -release.version)
    runs = _running(newest_first, live, version)
    live_ones = [release for release in reversed(newest_first) if was_live(release) or release is runs]
    spans = _spans(live_ones, live, now)
    read = tuple(_earlier(release, spans, live, known) for release in newest_first)
    current = next((each for each in read if runs is not None and each.version == runs.version), None)
    # The books may know only a label of what Machines show with its digest.
    return Books(dataclasses.replace(current or unbooked(live, known), image=live), read)


def unbooked(image: Image, known: Known | None = None, *, ended_at: datetime | None = None) -> EarlierRelease:
    """What runs, or ran, without a release that Fly's books show: somebody changed Machines by themselves."""
    known = known or Known()
    ref, title = known.ref(image) or short(image), known.titles.get(image.sha, "")
    return EarlierRelease(0, image, ref, title, released_at=None, by="", ended_at=ended_at)


def _running(releases: Sequence[Release], live: Image, version: str) -> Release | None:
    found = [release for release in releases if is_same(release.image, live)]
    named = [release for release in found if str(release.version) == version]
    return next(iter([*named, *filter(was_live, found), *found]), None)


Span = tuple[Release, datetime | None, timedelta]


def _spans(live_ones: Sequence[Release], live: Image, now: datetime) -> list[Span]:
    """When each release that was live ceased to be, and how long it had been; oldest first."""
    # One that no Machine runs any more ended at an unknown time: it was surely live when it was made.
    last = [_span(each, now if is_same(each.image, live) else each.created_at) for each in live_ones[-1:]]
    return [*(_span(release, newer.created_at) for release, newer in pairwise(live_ones)), *last]


def _span(release: Release, end: datetime | None) -> Span:
    lasted = end - release.created_at if end and release.created_at else timedelta(0)
    return release, end, max(lasted, timedelta(0))


def _earlier(release: Release, spans: Sequence[Span], live: Image, known: Known) -> EarlierRelease:
    own = [span for span in spans if span[0] is release or is_same(span[0].image, release.image)]
    has_been = any(other is release for other, _, _ in own)
    runs_now = is_same(release.image, live)
    return EarlierRelease(
        version=release.version,
        image=release.image,
        ref=known.ref(release.image) or f"v{release.version}",
        title=known.titles.get(release.image.sha, ""),
        released_at=release.created_at,
        by=known.makers.get(release.version, quoted(release.user)),
        ran_s=sum(lasted.total_seconds() for _, _, lasted in own) if has_been else None,
        ended_at=own[-1][1] if has_been and not runs_now else None,
        problem=_problem(release, has_been=has_been, runs_now=runs_now),
    )


def _problem(release: Release, *, has_been: bool, runs_now: bool) -> str:
    if not has_been:
        said = quoted(release.status) or "nothing"
        return f"v{release.version} was never live: its status in Fly's books is {said}."
    return RUNS_NOW if runs_now else ""


def chosen(books: Books, name: str, tags: Mapping[str, str], *, hint: str = "") -> tuple[EarlierRelease, str]:
    """The release that a name means, and what is good to know of that; NotFound with close matches.

    `previous`; Fly's own `v41`; a tag, or a commit (7 to 40 hex): the newest release of it that was live, if any was.
    `tags` are commits by tag; `hint` is what to say besides of a name that is unknown.
    """
    if name.casefold() == PREVIOUS:
        if (previous := next(books.previous(), None)) is None:
            raise no_previous()
        return previous, ""
    if booked := _by_version(books, name):
        return booked, _shadowed(booked, name, tags)
    sha = tags.get(name, "")
    wanted = sha or (name.lower() if _COMMIT.fullmatch(name) else "")
    if found := [release for release in books.releases if wanted and release.image.sha.startswith(wanted)]:
        return min(found, key=lambda release: (release.ran_s is None, -release.version)), ""
    raise _unknown(books, name, tags, hint)


def no_previous() -> NotFound:
    """The refusal where there is nothing before what runs."""
    return NotFound(
        "Fly's books show no earlier release of another image that was live.",
        hint="There is nothing proven to go back to: deploy an earlier commit instead.",
        reason=Reason.UNKNOWN_RELEASE,
    )


def _by_version(books: Books, name: str) -> EarlierRelease | None:
    typed = _VERSION.fullmatch(name)
    version = int(typed[1] or typed[2]) if typed else 0
    return next((release for release in books.releases if version and release.version == version), None)


def _shadowed(booked: EarlierRelease, name: str, tags: Mapping[str, str]) -> str:
    if name not in tags:
        return ""
    return f"There is a tag {quoted(name)}, too; release {booked.name} of Fly's books was taken."


def _unknown(books: Books, name: str, tags: Mapping[str, str], hint: str) -> NotFound:
    sha = tags.get(name, "")
    built = {release.image.sha for release in books.releases if release.image.sha}
    names = [release.name for release in books.releases] + [tag for tag, tagged in tags.items() if tagged in built]
    close = get_close_matches(name, names, n=CLOSE, cutoff=LIKENESS)
    of_commit = f" (commit {sha[:7]})" if sha else ""
    return NotFound(
        f"None of the newest {len(books.releases)} releases in Fly's books is {quoted(name, 80)}{of_commit}.",
        hint=hint or (f"Close matches: {', '.join(map(quoted, close))}." if close else "`/rollback` lists them."),
        reason=Reason.UNKNOWN_RELEASE,
    )


def with_image(release: EarlierRelease, image: Image | None) -> EarlierRelease:
    """The release with its image as the registry has it; None where it is gone."""
    if image is None:
        return dataclasses.replace(release, problem=release.problem or GONE)
    return dataclasses.replace(release, image=image)
