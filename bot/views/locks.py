"""What is said of locks: in the channel, to who locks, to who waits, and the form to take one over. Pure functions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime

from bot.domain.lock import Lock, LockRecord, Outcome, Waiter
from bot.domain.model import Actor
from bot.views.blocks import (
    Block,
    Message,
    View,
    actions,
    button,
    clip,
    code,
    context,
    escape,
    plain,
    prose,
    section,
)
from bot.views.modals import field, text_input
from bot.views.words import moment, span

ASK, WATCH, TAKE_OVER = "lock_ask", "lock_watch", "lock_take_over"
RELEASE, KEEP, CLAIM = "lock_release", "lock_keep", "lock_claim"
# The form's name, and its input.
TAKING, WHY = "lock_taking", "why"
WHY_LIMIT = 300
# A button's value holds 2,000 characters, also once they are escaped.
WANTS_LIMIT = 400
LOCKS_SHOWN = 15


def ways_out(lock_id: str, wants: str = "") -> list[Block]:
    """What whoever is kept out may do; `wants` is the command that was refused, to be repeated when the lock ends."""
    value = f"{lock_id}:{clip(plain(wants), WANTS_LIMIT)}" if wants else lock_id
    return [actions(*_ways_out(value))]


def _ways_out(value: str) -> Iterator[Block]:
    yield button("Ask the holder", action=ASK, value=value, label="Ask the holder how long it takes")
    yield button("Tell me when it is free", action=WATCH, value=value)
    yield button("Take over", action=TAKE_OVER, value=value, style="danger", label="Take the lock over")


def line(lock: Lock, now: datetime) -> str:
    """A lock in one line, for the status and for lists."""
    ago = span(now - lock.since)
    return f"🔒 {_named(lock.scope)} was locked by {lock.holder.mention} {ago} ago{_terms(lock)}"


def card(record: LockRecord, now: datetime) -> Message:
    """The one public message of a lock, as it stands now."""
    lock = record.lock
    if not record.is_in_force(now):
        return _over(record, now)
    head = f"🔒 {_named(lock.scope)} is locked by {lock.holder.mention}{_terms(lock)}"
    small = f"Since {moment(lock.since)}. What {lock.holder.mention} deploys passes; what runs already goes on."
    mine = button("Unlock", action=RELEASE, value=str(lock.id), label=f"Unlock {scope_words(lock.scope)}")
    return Message(head, [section(head), context(small), actions(mine, *_ways_out(str(lock.id)))])


def _over(record: LockRecord, now: datetime) -> Message:
    lock = record.lock
    lasted = span((record.ended_at or now) - lock.since)
    text = f"🔓 The lock on {_named(lock.scope)} is over: {prose(record.fate)}"
    return Message(text, [section(text), context(f"It was {lock.holder.mention}'s for {lasted}: {_why(lock)}")])


def locked(lock: Lock, outcome: Outcome, *, guessed_zone: bool = False) -> Message:
    """The private answer to who locks."""
    said = {
        Outcome.LOCKED: f"You keep {_named(lock.scope)} locked{_terms(lock)}",
        Outcome.CHANGED: f"Your lock on {_named(lock.scope)} is changed; it now stands{_terms(lock)}",
        Outcome.UNCHANGED: f"You keep {_named(lock.scope)} locked already{_terms(lock)}",
    }
    lines = [said[outcome], f"{code(f'/deploy unlock {_typed(lock.scope)}')} lets the others in again."]
    if guessed_zone:
        lines.append("Slack did not say which time zone is yours, so your time was read as UTC.")
    return Message("\n".join(lines))


def unlocked(record: LockRecord) -> Message:
    """The private answer to who unlocks."""
    return Message(f"You unlocked {_named(record.lock.scope)}. Whoever waits for it is told.")


def removed(scope: str, by: Actor) -> Message:
    """The public answer where a lock was removed that nobody could read."""
    return Message(f"{by.mention} removed a lock on {_named(scope)} that could not be read.", in_channel=True)


def taken(lock: Lock) -> Message:
    """The private answer to who took a lock over."""
    how = code(f'/deploy lock {_typed(lock.scope)} "why" for 2h')
    return Message(f"The lock on {_named(lock.scope)} is yours now, and its holder is told. {how} gives it an end.")


def listed(locks: Sequence[Lock], problems: Sequence[tuple[str, str]], now: datetime, *, reader: Actor) -> Message:
    """Every lock, with what its reader may do about it."""
    if not locks and not problems:
        return Message('Nothing is locked. `/deploy lock ENVIRONMENT "why"` locks.')
    lines = [*map(_unreadable, problems), *(line(lock, now) for lock in locks)]
    blocks = [section(_unreadable(problem)) for problem in problems[:LOCKS_SHOWN]]
    for lock in locks[:LOCKS_SHOWN]:
        mine = button("Unlock", action=RELEASE, value=str(lock.id), label=f"Unlock {scope_words(lock.scope)}")
        is_mine = lock.holder.user_id == reader.user_id
        blocks += [section(line(lock, now)), actions(mine) if is_mine else actions(*_ways_out(str(lock.id)))]
    return Message("\n".join(lines), blocks)


def _unreadable(problem: tuple[str, str]) -> str:
    scope, what = problem
    how = code(f"/deploy unlock {_typed(scope)}")
    return f"⚠ A lock on {_named(scope)} cannot be read ({escape(what)}), so it keeps everybody out. {how} removes it."


def asking(lock: Lock, *, is_new: bool) -> Message:
    """The answer to who asks the holder."""
    told = "is asked" if is_new else "was asked already"
    return Message(
        f"{lock.holder.mention} {told} about {_named(lock.scope)}. You hear the answer, and when it is free."
    )


def question(lock: Lock, waiter: Waiter, now: datetime) -> Message:
    """What the holder reads when somebody asks."""
    wants = f" They want {code(waiter.wants, WANTS_LIMIT)}." if waiter.wants else ""
    text = (
        f"{waiter.actor.mention} asks how long you need {_named(lock.scope)}. You locked it "
        f"{span(now - lock.since)} ago{_terms(lock)}{wants}"
    )
    unlock = button("Unlock", action=RELEASE, value=str(lock.id), style="primary")
    keep = button("Keep it", action=KEEP, value=f"{lock.id}:{waiter.actor.user_id}")
    return Message(text, [section(text), actions(unlock, keep)])


def answered(lock: Lock, asker: Actor) -> Message:
    """What the holder reads after the answer that the lock stays."""
    return Message(f"You keep {_named(lock.scope)} locked{_terms(lock)} {asker.mention} is told.")


def kept(lock: Lock) -> Message:
    """What the asker reads when the holder keeps the lock."""
    head = f"{lock.holder.mention} still needs {_named(lock.scope)}{_terms(lock)}"
    return Message(f"{head} You are told when it is free.")


def waiting(lock: Lock, *, is_new: bool) -> Message:
    """The answer to who wants to be told."""
    told = "You are told" if is_new else "You wait for it already: you are told"
    return Message(f"{told} when {_named(lock.scope)} is free. Nothing is deployed by itself.")


def lost(old: Lock, new: Lock) -> Message:
    """What the holder reads from whom a lock was taken."""
    text = f"{new.holder.mention} took over your lock on {_named(old.scope)}{_terms(new)} It keeps you out now, too."
    return Message(text, [section(text), *ways_out(str(new.id))])


def ended(
    record: LockRecord, waiter: Waiter, others: Sequence[Lock], now: datetime, *, problems: Sequence[tuple[str, str]]
) -> Message:
    """What somebody reads who waited; `others` keep them out all the same, and so do `problems`."""
    lock, wants = record.lock, code(waiter.wants, WANTS_LIMIT)
    lines = [f"🔓 The lock on {_named(lock.scope)} is over: {prose(record.fate)}"]
    lines += [*map(_unreadable, problems), *(line(other, now) for other in others)]
    if others or problems:
        text = "\n".join([*lines, f"You wanted {wants}."] if waiter.wants else lines)
        return Message(text, [section(text), *(ways_out(str(others[0].id), waiter.wants) if others else [])])
    lines.append("It is free, and nothing was deployed. A lock of your own keeps the others out for an hour.")
    if waiter.wants:
        lines.append(f"What you wanted: {wants}")
    text = "\n".join(lines)
    claim = button("Lock it for me", action=CLAIM, value=str(lock.id), label="Lock it for me for an hour")
    return Message(text, [section(text), actions(claim)])


def take_over(lock: Lock, now: datetime, *, channel: str) -> View:
    """The form to take a lock over: the holder reads the reason."""
    how = "It becomes yours, without an end. The holder is told by whom and why."
    hint = "The holder and the channel read it."
    blocks = [section(f"{line(lock, now)}\n{how}"), field(WHY, "Why", text_input(WHY, limit=WHY_LIMIT), hint=hint)]
    metadata = json.dumps({"channel": channel, "lock": lock.id})
    return View(TAKING, "Take the lock over", blocks, submit="Take over", close="Leave it", metadata=metadata)


def scope_words(scope: str) -> str:
    """A scope in the middle of a sentence."""
    return scope or "everything"


def _named(scope: str) -> str:
    return f"*{escape(scope_words(scope))}*"


def _typed(scope: str) -> str:
    return scope or "all"


def _terms(lock: Lock) -> str:
    """Until when, why and what passes, as the end of a sentence about a lock."""
    until = f" until {moment(lock.until)}" if lock.until else ""
    branch = f" The branch {code(lock.branch)} may be deployed." if lock.branch else ""
    return f"{until}: {_why(lock)}.{branch}"


def _why(lock: Lock) -> str:
    return f"“{escape(lock.why, WHY_LIMIT)}”"
