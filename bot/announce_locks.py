"""Locks, told in Slack: one public message for each, edited in place, and a word to everybody who waits or lost one.

What was told is written down, and what was not is told at the next look, also after a restart. A post whose answer was
lost is posted again: to hear twice that a lock is over is better than never.
"""

from __future__ import annotations

import structlog

from bot.announce import Telling, put
from bot.domain.lock import LockRecord, Question, Waiter
from bot.errors import RemoteRejected
from bot.lock_news import LockNews
from bot.locks import Locks
from bot.ports import Chat, Clock
from bot.tasks import Tasks
from bot.views import locks as views
from bot.views.blocks import Message

log = structlog.get_logger()


class LockAnnouncer:
    """Keeps what is said of every lock true."""

    def __init__(self, locks: Locks, news: LockNews, chat: Chat, clock: Clock, tasks: Tasks) -> None:
        self._locks = locks
        self._news = news
        self._chat = chat
        self._clock = clock
        self._telling = Telling(self._tell, clock, tasks, name="lock")

    def changed(self, lock_id: int) -> None:
        """Tell what is new of a lock, soon."""
        self._telling.changed(lock_id)

    async def catch_up(self) -> int:
        """Tell what was not told yet, of locks whose end has come, too; how many locks that are."""
        untold = await self._news.untold(self._clock.now())
        for lock_id in untold:
            self.changed(lock_id)
        return len(untold)

    async def _tell(self, lock_id: int) -> None:
        record = await self._news.record(lock_id)
        is_over = not record.is_in_force(self._clock.now())
        if record.shown != record.changes or (is_over and not record.told):
            await self._show(record)
        if not is_over:
            await self._pass_on(record)
        elif not record.told:
            await self._tell_holder(record)
            for waiter in await self._news.waiters(lock_id):
                await self._tell_end(record, waiter)
            await self._news.set_told(lock_id)

    async def _show(self, record: LockRecord) -> None:
        message, card = views.card(record, self._clock.now()), record.card
        try:
            card = await put(
                self._chat, message, at=card, channel=record.channel, home=lambda: record.channel, urgent=True
            )
        except RemoteRejected as error:
            _refused(record, error)
        await self._news.set_shown(record.lock.id, record.changes, card)

    async def _pass_on(self, record: LockRecord) -> None:
        """Questions to the holder, and answers to whoever asked."""
        lock = record.lock
        for waiter in await self._news.waiters(lock.id):
            if waiter.question is Question.ASKED:
                await self._say(record, lock.holder.user_id, views.question(lock, waiter, self._clock.now()))
                await self._news.set_question(lock.id, waiter, Question.DELIVERED)
            if waiter.question is Question.KEPT:
                await self._say(record, waiter.actor.user_id, views.kept(lock))
                await self._news.set_question(lock.id, waiter, Question.ANSWERED)

    async def _tell_holder(self, record: LockRecord) -> None:
        if record.successor is None or record.holder_told:
            return
        new = (await self._news.record(record.successor)).lock
        await self._say(record, record.lock.holder.user_id, views.lost(record.lock, new))
        await self._news.set_holder_told(record.lock.id)

    async def _tell_end(self, record: LockRecord, waiter: Waiter) -> None:
        now, standing = self._clock.now(), await self._locks.standing(record.lock.scope)
        others = [lock for lock in standing.locks if lock.holds_at(now) and not lock.lets_through(waiter.actor, "")]
        message = views.ended(record, waiter, others, now, problems=standing.problems)
        await self._say(record, waiter.actor.user_id, message)
        await self._news.set_waiter_told(record.lock.id, waiter)

    async def _say(self, record: LockRecord, user_id: str, message: Message) -> None:
        """Tell one person directly; what Slack refuses now it would refuse again."""
        try:
            await self._chat.post(user_id, message)
        except RemoteRejected as error:
            _refused(record, error)


def _refused(record: LockRecord, error: RemoteRejected) -> None:
    # The traceback would say nothing beyond Slack's own word.
    log.error("Slack refused a message", lock=record.lock.id, error=str(error))
