"""What people and the calendar say of an environment, a line each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from bot.domain.freeze import Frozen
from bot.domain.model import Actor
from bot.domain.status import Rules
from bot.views import holds, locks
from bot.views.blocks import Block, escape, prose
from bot.views.machines import BAD
from bot.views.words import moment

HOLDS_PRESSABLE = 3


def rule_lines(rules: Rules, now: datetime) -> Iterator[str]:
    """Each lock, hold and freeze as a line; the incident, which is about every environment, is not among them."""
    yield from (locks.line(lock, now) for lock in rules.locks)
    if rules.lock_problem:
        problem = prose(rules.lock_problem, 200, mentions=False)
        yield f"{BAD} A lock is there and cannot be read ({problem}), so nothing is deployed."
    for hold in rules.holds:
        yield holds.line(hold)
    if rules.frozen:
        yield f"❄ {frozen_words(rules.frozen)}"


def rule_words(rules: Rules) -> str:
    """The same in a few words of one sentence; empty where nothing is in force."""
    held = f"{len(rules.holds)} holds" if len(rules.holds) > 1 else "a hold"
    locked = rules.locks or rules.lock_problem
    parts = ["locked" if locked else "", held if rules.holds else ""]
    return ", ".join(part for part in (*parts, frozen_words(rules.frozen) if rules.frozen else "") if part)


def ways_out(rules: Rules, reader: Actor, wants: str) -> list[Block]:
    """Buttons for what keeps the reader out and a person can lift; `wants` is the command that they would repeat."""
    others = [lock for lock in rules.locks if lock.holder.user_id != reader.user_id]
    blocks = [block for lock in others for block in locks.ways_out(str(lock.id), wants)]
    return blocks + [block for hold in rules.holds[:HOLDS_PRESSABLE] for block in holds.ways_out(str(hold.id))]


def frozen_words(frozen: Frozen) -> str:
    """Which freeze is in force, and until when."""
    return f"frozen ({escape(frozen.name, 60)}) until {moment(frozen.until)}"
