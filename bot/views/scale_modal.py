"""The pages of the form of `/scale`: which environment, then how it stands with a number for each place. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from bot.domain.scale import Place, Standing
from bot.domain.size import PERFORMANCE, SHARED
from bot.views import scale_plans
from bot.views.blocks import Block, Message, View, clip_mrkdwn, code, escape, section
from bot.views.deploy_modal import REASON_LIMIT
from bot.views.modals import field, menu, number_input, option, text_input

CHOOSE, ASK = "scale_choose", "scale_ask"
# The inputs' block ids. An error of a submission stands beside the input that it names.
ENVIRONMENT, MORE, GROUP, MEMORY, CPUS, KIND, LASTS, REASON = (
    "environment",
    "more",
    "group",
    "memory",
    "cpus",
    "kind",
    "lasts",
    "reason",
)
TITLE = "Scale"
TEXT_LIMIT = 3000
MOST_MACHINES = 99
# A form with more numbers than that helps nobody; the command names any place.
PLACES_SHOWN = 24
MORE_LIMIT, SIZE_LIMIT = 300, 20
AS_IT_IS = "as-it-is"
FOREVER = "0"
# How long it may last, in seconds.
LENGTHS = {
    FOREVER: "Until somebody scales again",
    "3600": "1 hour",
    "14400": "4 hours",
    "28800": "8 hours",
    "86400": "1 day",
    "604800": "7 days",
}


def block_of(number: int) -> str:
    """The block id of the input of a place."""
    return f"count{number}"


def choose(environments: Sequence[str], *, channel: str, chosen: str = "", trouble: Message | None = None) -> View:
    """The question which environment is meant; `trouble` says why it is asked again."""
    named = [option(name, name) for name in environments]
    asked = field(ENVIRONMENT, "Environment", menu(ENVIRONMENT, named, chosen=chosen))
    told = [section(trouble.text)] if trouble else []
    return View(CHOOSE, TITLE, [*told, asked], submit="Next", close="Cancel", metadata=_metadata(channel))


def looking(environment: str) -> View:
    """What stands there until Fly has answered."""
    late = "If nothing comes within a minute, close this and type `/scale` again; nothing was changed."
    return View("scale_wait", TITLE, [section(f"Looking at *{escape(environment)}*…\n{late}")])


def ask(found: Standing, *, channel: str, name: str) -> View:
    """How the environment stands, with an input for each place. `name` is the unambiguous one."""
    head = f"*{escape(found.environment)}* {code(found.app)}"
    told = section(clip_mrkdwn("\n".join([head, *scale_plans.standing(found)]), TEXT_LIMIT))
    shown = found.places[:PLACES_SHOWN]
    numbers = [_number(found, place, number) for number, place in enumerate(shown)]
    facts = [[place.group, place.region, place.now] for place in shown]
    return View(
        ASK,
        TITLE,
        [told, *numbers, *_rest(found)],
        submit="Scale",
        close="Cancel",
        metadata=_metadata(channel, environment=name, places=facts),
    )


def _number(found: Standing, place: Place, number: int) -> Block:
    several = f"{place.group} · " if len(found.groups) > 1 else ""
    element = number_input(block_of(number), least=0, most=MOST_MACHINES, value=place.now)
    hint = f"The configuration wants {place.then}." if place.then != place.now else ""
    return field(block_of(number), f"{several}{place.region}", element, hint=hint, optional=True)


def _rest(found: Standing) -> Iterator[Block]:
    example = f"{found.groups[0]}:fra=1" if len(found.groups) > 1 else "fra=1"
    more = text_input(MORE, limit=MORE_LIMIT)
    yield field(MORE, "Other regions", more, hint=f"As in a command: {example}", optional=True)
    if len(found.groups) > 1:
        groups = [option(group, group) for group in found.groups]
        yield field(GROUP, "Size of the process group", menu(GROUP, groups, chosen=found.groups[0]))
    memory = text_input(MEMORY, limit=SIZE_LIMIT)
    yield field(MEMORY, "Memory", memory, hint="512mb, 2gb; empty: as it is", optional=True)
    yield field(CPUS, "CPUs", text_input(CPUS, limit=SIZE_LIMIT), hint="Empty: as it is", optional=True)
    kinds = [option("As it is", AS_IT_IS), option("Shared", SHARED), option("Performance", PERFORMANCE)]
    yield field(KIND, "Kind of CPU", menu(KIND, kinds, chosen=AS_IT_IS), optional=True)
    lengths = [option(words, seconds) for seconds, words in LENGTHS.items()]
    yield field(
        LASTS,
        "For how long",
        menu(LASTS, lengths, chosen=FOREVER),
        hint="Then it asks to go back to what was before.",
        optional=True,
    )
    yield field(REASON, "Reason", text_input(REASON, limit=REASON_LIMIT), optional=True)


def _metadata(channel: str, **facts: object) -> str:
    return json.dumps({"channel": channel, **facts}, ensure_ascii=False)
