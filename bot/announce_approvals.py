"""Whoever has to approve something is reminded of it once, below its card, before it expires."""

from __future__ import annotations

import structlog

from bot import approvals
from bot.domain.approval import reminder_at
from bot.domain.operation import Operation, State
from bot.errors import RateLimited, RemoteError, RemoteUnavailable
from bot.operations.plans import any_plan_of
from bot.ports import Chat, Clock
from bot.store import Store
from bot.views import approvals as views

log = structlog.get_logger()


class ApprovalReminder:
    """Reminds of pending requests for approval."""

    def __init__(self, store: Store, chat: Chat, clock: Clock) -> None:
        self._store = store
        self._chat = chat
        self._clock = clock

    async def remind(self) -> int:
        """Remind of each request whose time is nearly over, once; of how many that was."""
        waiting = await self._store.operations(State.REQUESTED)
        return sum([await self._remind(operation) for operation in waiting])

    async def _remind(self, operation: Operation) -> bool:
        asked, card, now = operation.approval, operation.card, self._clock.now()
        if asked is None or not asked.is_pending or card is None:
            return False
        if not reminder_at(asked) <= now < asked.expires_at:
            return False
        # Claimed before it is posted: a second reminder would be worse than none.
        if not await self._store.write(lambda db: approvals.claim_reminder(db, operation.id, now)):
            return False
        message = views.reminder(operation, any_plan_of(operation))
        try:
            await self._chat.post(card.channel, message, thread_ts=card.ts)
        except RemoteError as error:
            log.warning("nobody was reminded", operation=operation.id, error=str(error))
            if isinstance(error, RateLimited) or (isinstance(error, RemoteUnavailable) and not error.sent):
                await self._store.write(lambda db: approvals.unclaim_reminder(db, operation.id))
            return False
        return True
