"""What runs where, in one private message: as much of it as Slack takes, never cut in the middle of a fact."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.domain.drift import Drift
from bot.domain.model import Relation
from bot.domain.operation import Kind, Operation
from bot.domain.status import EnvironmentStatus, Lag, Live, RegionSummary, regions
from bot.views import incidents
from bot.views.blocks import (
    SECTION_LIMIT,
    Block,
    Message,
    code,
    context,
    escape,
    link,
    prose,
    section,
)
from bot.views.machines import ASLEEP, BAD, DOING, DONE, WARN
from bot.views.rules import rule_lines, rule_words
from bot.views.words import moment, place, ref_of, span, stamp, step_words

# Room is left for the small print, and for what Slack does not document.
ALL_CHARACTERS = 9_000
SECTIONS = 45
TEXT_CHARACTERS = 3_500


@dataclass(frozen=True)
class Depth:
    """How much of each environment is told: so many differences, plans and rules, a line for each region."""

    differences: int
    plans: int
    rules: int
    by_region: bool = False
    with_regions: bool = True


DEPTHS = (Depth(12, 3, 6, by_region=True), Depth(4, 3, 3), Depth(1, 1, 1), Depth(0, 0, 0, with_regions=False))


def looking(count: int) -> Message:
    """The immediate answer to the command."""
    return Message(text=f"Looking at {count} environments…" if count > 1 else "Looking at the environment…")


def status(found: Sequence[EnvironmentStatus], *, now: datetime, workspace: str) -> Message:
    """All environments; where they are many, less of each. `workspace` is its address, for links to cards."""
    loud = _incident(found)
    for depth in DEPTHS:
        parts = [loud, *(list(_environment(each, now, depth, workspace)) for each in found)]
        blocks = [section(text) for lines in parts for text in _packed(lines)]
        if _fits(blocks):
            break
    else:
        lines = [*loud, *(_summary(each, now) for each in found)]
        blocks = [section(text) for text in _packed(_within(lines, ALL_CHARACTERS))]
    small = f"As of {stamp(now)}. `/deploy why ENVIRONMENT` explains the last failure."
    told = [_summary(each, now, with_drifts=True) for each in found]
    short = [_summary(each, now) for each in found]
    lines = told if sum(map(len, told)) < TEXT_CHARACTERS - 100 else short
    text = "\n".join(_within([*loud, *lines], TEXT_CHARACTERS))
    return Message(text=text, blocks=[*blocks, context(small)])


def _incident(found: Sequence[EnvironmentStatus]) -> list[str]:
    """The incident, once, since it is about every environment."""
    incident = next((each.rules.incident for each in found if each.rules.incident), None)
    return [incidents.line(incident)] if incident else []


def _environment(each: EnvironmentStatus, now: datetime, depth: Depth, workspace: str) -> Iterator[str]:
    env = each.environment
    yield f"*{escape(each.label)}* · {code(env.app)} · {link(env.url, env.url)}"
    for problem in each.problems:
        yield f"{BAD} {prose(problem, mentions=False)}"
    if each.machines is not None:
        yield _live_line(each.live, now) if each.live else f"{WARN} Nothing runs: the app has no Machines to deploy to."
        yield from _region_lines(each, depth)
    if each.lag:
        yield _lag_line(each.lag, now)
    yield from _rules(each, now, depth.rules)
    yield from _operations(each, now, depth.plans, workspace)
    yield from _drift_lines(each, depth.differences)


def _region_lines(each: EnvironmentStatus, depth: Depth) -> Iterator[str]:
    found = regions(each.machines or ())
    lines = [_region_line(region) for region in found]
    if depth.by_region:
        yield from lines
    elif depth.with_regions and lines:
        yield "   ".join(lines)
    elif lines:
        yield f"{DONE if all(region.is_well for region in found) else WARN} {_machine_words(each)}"


def _live_line(live: Live, now: datetime) -> str:
    sha = live.image.sha[:7]
    commit = f" ({sha})" if sha and sha != live.ref else ""
    title = f" “{escape(live.title, 80)}”" if live.title else ""
    digest = code(live.image.digest.removeprefix("sha256:")[:12]) if live.image.digest else "unknown"
    mixed = f"{WARN} mixed, on {live.on} of {live.machines} Machines: " if live.is_mixed else ""
    return f"{mixed}{code(live.ref, 60)}{commit}{title}{_since(live, now)} · image {digest}"


def _since(live: Live, now: datetime) -> str:
    since = f" since {stamp(live.since)} ({span(now - live.since)})" if live.since else ""
    by = f" by {prose(live.by, 60)}" if live.by else ""
    return since + by


def _region_line(region: RegionSummary) -> str:
    states = [f"{region.started} started"] if region.started else []
    states += [f"{region.asleep} asleep {ASLEEP}"] if region.asleep else []
    states += [f"{count} {escape(state, 30)}" for state, count in sorted(region.other.items())]
    checks = f" · {region.checks_passing}/{region.checks} checks" if region.checks else ""
    return f"{DONE if region.is_well else WARN} {escape(region.region, 20)} {', '.join(states)}{checks}"


def _lag_line(lag: Lag, now: datetime) -> str:
    return f"{DONE if lag.relation is Relation.IDENTICAL else '↳'} {_lag_words(lag, now)}"


def _lag_words(lag: Lag, now: datetime) -> str:
    other = escape(lag.other)
    if lag.relation is Relation.UNKNOWN:
        return f"how far behind {other} is not known: {prose(lag.why, 200, mentions=False)}"
    if lag.relation is Relation.IDENTICAL:
        return f"the same commit as {other}"
    if lag.relation is Relation.BEHIND:
        return f"nothing of {other} is missing here; {other} runs an older commit"
    count = "1 commit" if lag.commits == 1 else f"{lag.commits} commits"
    days = (now - lag.oldest_at).days if lag.oldest_at else None
    age = f" and {'1 day' if days == 1 else f'{days} days'}" if days is not None else ""
    apart = "; each has commits that the other lacks" if lag.relation is Relation.DIVERGED else ""
    return f"{count}{age} behind {other}{apart}"


def _rules(each: EnvironmentStatus, now: datetime, shown: int) -> Iterator[str]:
    lines = list(rule_lines(each.rules, now))
    if not shown and lines:
        yield f"{WARN} {rule_words(each.rules)}"
        return
    yield from lines[:shown]
    if len(lines) > shown:
        yield f"{WARN} and {len(lines) - shown} more: {code(f'/deploy why {each.label}')}"


def _operations(each: EnvironmentStatus, now: datetime, plans: int, workspace: str) -> Iterator[str]:
    if each.running:
        yield f"🚀 {_running_words(each.running, now)}{place(each.running.card, workspace)}"
    for operation in each.waiting[:plans]:
        yield f"📋 {waiting_words(operation, now)}{place(operation.card, workspace)}"
    if more := len(each.waiting) - len(each.waiting[:plans]):
        yield f"📋 {'and ' if plans else ''}{_plans(more)}"
    if each.outside:
        by = f" by {escape(each.outside.user, 60)}" if each.outside.user else ""
        yield f"{DOING} release v{each.outside.version}{by} is under way at Fly, outside Flytower"


def waiting_words(operation: Operation, now: datetime) -> str:
    """A plan that waits, and for what."""
    approval = operation.approval
    if approval is None:
        what = "its button"
    else:
        what = f"an approval until {moment(approval.expires_at)}" if approval.is_pending else "a new plan"
    kind = "plan" if operation.kind is Kind.DEPLOYMENT else operation.kind
    return f"a {kind} {_asked(operation)} waits for {what}, asked {span(now - operation.created_at)} ago"


def _running_words(operation: Operation, now: datetime) -> str:
    since = f" for {span(now - operation.started_at)}" if operation.started_at else ""
    step = f": {step_words(operation.journal[-1].step)}" if operation.journal else ""
    stopping = f", being cancelled by <@{operation.cancel_requested_by}>" if operation.cancel_requested_by else ""
    return f"{operation.kind} {_asked(operation)} is {operation.state}{since}{step}{stopping}"


def _asked(operation: Operation) -> str:
    towards = "of" if operation.kind is Kind.DEPLOYMENT else "to"
    return f"{towards} {code(ref_of(operation), 60)} by {operation.actor.mention}"


def _drift_lines(each: EnvironmentStatus, shown: int) -> Iterator[str]:
    for drift in each.drifts[:shown]:
        yield drift_line(drift)
    more = len(each.drifts) - shown
    if more > 0 and shown:
        yield f"{WARN} and {_differences(more)} more: {code(f'/deploy status {each.label}')}"
    elif more > 0:
        yield f"{WARN} {_differences(more)}: {code(f'/deploy status {each.label}')}"


def drift_line(drift: Drift) -> str:
    """What is so, what was expected, what to do."""
    parts = (prose(part, 400, mentions=False) for part in (drift.what, drift.expected, drift.mend))
    return "{} {}\n      expected: {} {}".format(WARN, *parts)


def _plans(count: int) -> str:
    return "1 plan waits" if count == 1 else f"{count} plans wait"


def _differences(count: int) -> str:
    return "1 difference" if count == 1 else f"{count} differences"


def _summary(each: EnvironmentStatus, now: datetime, *, with_drifts: bool = False) -> str:
    """One environment in one line that is complete by itself."""
    if each.machines is None:
        return f"{escape(each.label)}: not known. {prose(each.problems[0], 200, mentions=False)}"
    parts = [_live_words(each.live, now), _machine_words(each)]
    if each.lag:
        parts.append(_lag_words(each.lag, now))
    if each.running:
        parts.append(_running_words(each.running, now))
    if rules := rule_words(each.rules):
        parts.append(rules)
    if each.waiting:
        parts.append(_plans(len(each.waiting)))
    if each.drifts:
        told = ": " + " ".join(prose(drift.what, 300, mentions=False) for drift in each.drifts) if with_drifts else ""
        parts.append(_differences(len(each.drifts)) + told)
    parts += [prose(problem, 150, mentions=False) for problem in each.problems]
    return f"{escape(each.label)}: {'; '.join(part for part in parts if part)}"


def _live_words(live: Live | None, now: datetime) -> str:
    if live is None:
        return "nothing runs"
    mixed = f"mixed, on {live.on} of {live.machines} Machines " if live.is_mixed else ""
    return f"{mixed}{escape(live.ref, 60)}{_since(live, now)}"


def _machine_words(each: EnvironmentStatus) -> str:
    found = regions(each.machines or ())
    started, asleep = sum(region.started for region in found), sum(region.asleep for region in found)
    other = sum(sum(region.other.values()) for region in found)
    words = [(started, "started"), (asleep, "asleep"), (other, "in other states")]
    told = ", ".join(f"{count} {word}" for count, word in words if count)
    return f"Machines: {told}" if told else ""


def _fits(blocks: Sequence[Block]) -> bool:
    return len(blocks) <= SECTIONS and sum(len(block["text"]["text"]) for block in blocks) <= ALL_CHARACTERS


def _packed(lines: Iterable[str]) -> Iterator[str]:
    """The lines in as few texts as Slack's limit allows, no line in two of them."""
    text = ""
    for line in lines:
        if text and len(text) + len(line) + 1 > SECTION_LIMIT:
            yield text
            text = ""
        text = f"{text}\n{line}" if text else line
    if text:
        yield text


def _within(lines: Sequence[str], limit: int) -> list[str]:
    """As many of the lines as fit, and how many are left out."""
    room, kept = limit - 100, []
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    left = len(lines) - len(kept)
    return [*kept, f"… and {left} more; ask for one by its name"] if left else kept
