"""The modal of a bare `/rollback`: which environment, which release, what of it, why. Pure functions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from bot.domain.rollback import PREVIOUS, EarlierRelease
from bot.views.blocks import Block, Message, View, plain, section
from bot.views.deploy_modal import REASON_LIMIT
from bot.views.modals import VALUE_LIMIT, field, menu, option, option_group, radio, search_menu, text_input
from bot.views.words import span, stamp

ASK = "rollback_ask"
# The inputs' block ids. An error of a submission stands beside the input that it names.
ENVIRONMENT, RELEASE, WHAT, REASON = "environment", "release", "what", "reason"
SEARCH = "rollback_release"

TITLE = "Roll back"
IMAGE, BOTH = "image", "configuration"
CHOICES = (
    option("The image only", IMAGE, "The Machines keep the configuration of today."),
    option("The image and the configuration of then", BOTH, "Where Fly still shows it for every Machine."),
)
LAST_GOOD = option("The previous release", PREVIOUS, "the last different image that was live and healthy")
SHOWN = 50


def ask(environments: Sequence[str], *, channel: str, chosen: str = "") -> View:
    """The page. The contract that follows is a card in the channel, with the buttons."""
    named = [option(name, name) for name in environments]
    blocks = [
        field(ENVIRONMENT, "Environment", menu(ENVIRONMENT, named, chosen=chosen)),
        field(
            RELEASE,
            "Release",
            search_menu(SEARCH, "Search by tag, number, commit, title or name", chosen=LAST_GOOD),
            hint="Releases that failed, that never ran, or whose image is gone are not among them.",
        ),
        field(WHAT, "What comes back", radio(WHAT, CHOICES, chosen=IMAGE)),
        field(REASON, "Reason", text_input(REASON, limit=REASON_LIMIT), optional=True),
        section("Nothing happens yet: the contract comes as a card in the channel, with a button to roll back."),
    ]
    return View(
        ASK,
        TITLE,
        blocks,
        submit="Show the contract",
        close="Cancel",
        metadata=json.dumps({"channel": channel}, ensure_ascii=False),
    )


def no_rollback() -> Message:
    """The answer where no environment has a formal rollback."""
    return Message(
        text="No environment has a formal rollback: they go forward with the next push. `policy.rollback` switches it "
        "on; `/deploy ENVIRONMENT COMMIT` brings an earlier commit back all the same."
    )


def release_options(typed: str, found: Iterable[EarlierRelease]) -> list[Block]:
    """What the menu offers: the previous release, those that one can go back to, and the text as it is."""
    wanted = plain(typed)
    possible = [release for release in found if not release.problem and len(release.name) <= VALUE_LIMIT]
    offered = [_offered(release) for release in possible if _matches(release, wanted)]
    first = [LAST_GOOD] if wanted.casefold() in PREVIOUS else []
    known = {PREVIOUS, *(release.name for release in possible), *(release.ref for release in possible)}
    groups = [
        ("Most often", first),
        ("Earlier releases", offered[:SHOWN]),
        ("As typed", list(_as_typed(wanted, known))),
    ]
    return [option_group(title, options) for title, options in groups if options]


def _as_typed(wanted: str, known: set[str]) -> Iterator[Block]:
    if wanted and wanted not in known and " " not in wanted and len(wanted) <= VALUE_LIMIT:
        yield option(f"Use “{wanted}” as it is", wanted)


def _matches(release: EarlierRelease, wanted: str) -> bool:
    texts = (release.ref, release.name, release.image.sha, release.title, release.by)
    return any(wanted.casefold() in text.casefold() for text in texts)


def _offered(release: EarlierRelease) -> Block:
    named = release.ref if release.ref == release.name else f"{release.ref} · {release.name}"
    title = f" {release.title}" if release.title else ""
    return option(f"{named}{title}", release.name, " · ".join(_facts(release)))


def _facts(release: EarlierRelease) -> Iterator[str]:
    """When it was live, for how long, by whom; an option's description holds 75 characters."""
    if release.ended_at:
        yield f"until {stamp(release.ended_at)}"
    if release.ran_s is not None:
        yield f"ran {span(timedelta(seconds=release.ran_s))}"
    if release.by:
        yield f"by {release.by}"
