"""`/scale`: its text and its help. The buttons of its card are those of every card, and in commands/approvals.py."""

from __future__ import annotations

import itertools
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from bot.domain.lock_end import LONGEST, After, read_end
from bot.domain.scale import Count, ScaleRequest, SizeWish
from bot.domain.size import PERFORMANCE, SHARED
from bot.errors import BadCommand
from bot.operations.scalings import Scalings
from bot.views import scalings as views
from bot.views.blocks import Message
from bot.views.deploy_modal import REASON_LIMIT
from commands.router import Call, Reply, Router
from commands.text import Words, read_words, shown

USAGE = (
    "`/scale ENVIRONMENT [GROUP:]REGION=N … [memory=2gb] [cpus=2] [cpu-kind=performance] [for 4h] "
    '[--reason "why"] [--plan]`'
)
HELP = f"""*`/scale` changes how many Machines an environment has, where, and how large they are.*
{USAGE}
• `/scale` — a form; `/scale production` — the same with what runs and what the configuration wants
• `/scale production iad=2 sjc=2` — so many in each of these regions; regions that are not named stay as they are
• `/scale production memory=2gb cpus=2 cpu-kind=performance` — another size
• `/scale production worker:iad=2 worker:memory=1gb` — of one process group, where there are several
• `/scale production iad=4 for 4h --reason "launch"` — and after four hours back, once somebody agrees again
• `/scale production sjc=0 --plan` — only show the plan, change nothing
• `/scale help` — this text
What is new is healthy before anything is destroyed. Production always needs the approval of a second person."""
NUMBER, PAIR = re.compile(r"\d{1,4}"), re.compile(r"(?:(?P<group>[^:=]+):)?(?P<name>[^:=]+)=(?P<value>.*)")
MEMORY = re.compile(r"(\d{1,6}(?:\.\d{1,2})?)\s*(mb|gb|m|g)?", re.IGNORECASE)
SHORTEST = timedelta(minutes=10)
MOST_MACHINES = 99
SIZES = ("memory", "cpus", "cpu-kind")

# Plans a stored request; what it returns is for its asker.
Prepare = Callable[[str], Awaitable[Message | None]]
# Opens the form of an environment; what it returns is for whoever asked.
Show = Callable[[Call, str], Awaitable[Message]]


@dataclass(frozen=True)
class ScaleCommand:
    """What `/scale …` asked for; without a request it is help."""

    request: ScaleRequest | None = None
    is_dry_run: bool = False


def parse_scale(text: str) -> ScaleCommand:
    """Read the text of `/scale`; BadCommand says what is wrong with it. Without a count or a size it is a look."""
    read = read_words(text, flags=["--plan"], options=["--reason"], usage=USAGE)
    if not read.words or read.is_help:
        return ScaleCommand()
    environment, *words = read.words
    pairs, lasts_s = _period(words)
    request = replace(read_wanted(environment, pairs), lasts_s=lasts_s, why=_reason(read))
    if lasts_s and not request.counts and not request.sizes:
        raise _bad("Say how many Machines, and in which region", example="iad=2 for 4h")
    return ScaleCommand(request, "--plan" in read.flags)


def _reason(read: Words) -> str:
    why = read.options.get("--reason", "")
    if len(why) > REASON_LIMIT:
        raise BadCommand(f"The reason has {len(why)} characters; at most {REASON_LIMIT} are kept.", usage=USAGE)
    return why


def _period(words: list[str]) -> tuple[list[str], float]:
    """The words without `for 4h`, and its seconds; 0 where there is none."""
    folded = [word.casefold() for word in words]
    if "for" not in folded:
        return words, 0.0
    at = folded.index("for")
    said = list(itertools.takewhile(lambda word: "=" not in word, words[at + 1 :]))
    typed = " ".join(said)
    found = read_end("for", typed)
    if not isinstance(found, After):
        raise _bad(f"`{shown(typed)}` is no time" if typed else "`for` needs a time", example="for 4h")
    if not SHORTEST <= found.length <= LONGEST:
        raise _bad(f"It may last from 10 minutes to {LONGEST.days} days", example="for 4h")
    return words[:at] + words[at + 1 + len(said) :], found.length.total_seconds()


def read_wanted(environment: str, words: list[str]) -> ScaleRequest:
    """Counts and sizes of words such as `iad=2`; BadCommand."""
    counts: dict[tuple[str, str], int] = {}
    sizes: dict[str, SizeWish] = {}
    for word in words:
        found = PAIR.fullmatch(word)
        if found is None:
            raise _not_a_pair(word)
        group, name, value = found["group"] or "", found["name"], found["value"]
        key = name.casefold().replace("_", "-")
        if key in SIZES:
            sizes[group] = read_size(sizes.get(group, SizeWish(group)), key, value)
        elif (group, key) in counts:
            raise _bad(f"`{shown(name)}` is named twice", example=f"{key}=2")
        else:
            counts[group, key] = read_count(name, value)
    return ScaleRequest(
        environment,
        counts=tuple(Count(region, count, group) for (group, region), count in counts.items()),
        sizes=tuple(sizes.values()),
    )


def read_count(region: str, value: str) -> int:
    """A number of Machines; BadCommand."""
    if not NUMBER.fullmatch(value) or int(value) > MOST_MACHINES:
        raise _bad(f"`{shown(region)}={shown(value)}` names no number of Machines from 0 to {MOST_MACHINES}", "iad=2")
    return int(value)


def read_size(wish: SizeWish, key: str, value: str) -> SizeWish:
    """The wish with one more part, of which `key` says which; BadCommand."""
    said = {"memory": wish.memory_mb, "cpus": wish.cpus, "cpu-kind": wish.cpu_kind}
    if said[key]:
        raise _bad(f"`{key}` is named twice", example=f"{key}={value}")
    if key == "memory":
        return replace(wish, memory_mb=read_memory(value))
    if key == "cpus":
        if not NUMBER.fullmatch(value) or not int(value):
            raise _bad(f"`cpus={shown(value)}` names no number of CPUs", example="cpus=2")
        return replace(wish, cpus=int(value))
    kind = value.casefold()
    if kind not in {SHARED, PERFORMANCE}:
        raise _bad(f"There is no kind of CPU `{shown(value)}`, but `{SHARED}` and `{PERFORMANCE}`", "cpu-kind=shared")
    return replace(wish, cpu_kind=kind)


def read_memory(value: str) -> int:
    """MB of a memory such as `512mb`, `2gb` or `1024`; BadCommand."""
    found = MEMORY.fullmatch(value.strip())
    unit = (found[2] or "mb").casefold() if found else ""
    memory = float(found[1]) * (1024 if unit.startswith("g") else 1) if found else 0.0
    if memory < 1 or not memory.is_integer():
        raise _bad(f"`memory={shown(value)}` names no memory", example="memory=2gb")
    return int(memory)


def _not_a_pair(word: str) -> BadCommand:
    if word.casefold() == "until":
        return _bad("A scaling ends after some time, not at a time of day", example="for 4h")
    if NUMBER.fullmatch(word):
        return _bad(
            f"`{shown(word)}` is a number without its region: nothing is inferred from a total", example="iad=2 sjc=2"
        )
    return _bad(f"`{shown(word)}` is no count and no size", example="iad=2")


def _bad(what: str, example: str) -> BadCommand:
    return BadCommand(f"{what}; write, for example, `{example}`.", usage=USAGE)


class ScaleHandlers:
    """What happens when `/scale` is typed. `prepare` plans a stored request, `show` opens an environment's form."""

    def __init__(self, scalings: Scalings, prepare: Prepare, show: Show) -> None:
        self._scalings = scalings
        self._prepare = prepare
        self._show = show

    async def typed(self, call: Call) -> Reply:
        """Show the plan on a card, or privately, or how the environment stands, or the help."""
        command = parse_scale(call.text)
        request = command.request
        if request is None:
            return Reply(Message(text=HELP))
        if not request.counts and not request.sizes:
            if command.is_dry_run:
                return Reply(views.looking(request), lambda: self._look(call, request))
            return Reply(views.looking(request), lambda: self._show(call, request.environment))
        if command.is_dry_run:
            return Reply(views.previewing(request), lambda: self._preview(call, request))
        operation, is_new = await self._scalings.request(request, by=call.actor, channel=call.channel, key=call.key)
        return Reply(views.accepted(request), (lambda: self._prepare(operation.id)) if is_new else None)

    async def _look(self, call: Call, request: ScaleRequest) -> Message:
        return views.standing(await self._scalings.look(request.environment, by=call.actor))

    async def _preview(self, call: Call, request: ScaleRequest) -> Message:
        plan = await self._scalings.dry_run(request, by=call.actor)
        return views.plan_preview(plan, by=call.actor.mention)

    async def retried(self, call: Call) -> Reply:
        """Try again was pressed on the card of a scaling."""
        operation, is_new = await self._scalings.retry(call.text, by=call.actor, channel=call.channel)
        return Reply(then=(lambda: self._prepare(operation.id)) if is_new else None)


def register(
    router: Router, scalings: Scalings, prepare: Prepare, show: Show, *, command: str = "/scale"
) -> ScaleHandlers:
    """Put `/scale` on the router; commands/scale_modal.py takes the bare command."""
    handlers = ScaleHandlers(scalings, prepare, show)
    router.command(command, handlers.typed)
    router.action(views.RETRY, handlers.retried)
    return handlers
