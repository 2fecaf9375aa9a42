"""The end of a scaling for some hours, told below its card: one reply with its buttons, edited in place.

What Slack shows is written down; what it does not show yet is told again at the next look.
"""

from __future__ import annotations

import structlog

from bot.announce import LOST_MESSAGE, Telling
from bot.domain.operation import Card, Operation
from bot.domain.time_box import TimeBox
from bot.errors import RemoteRejected
from bot.operations.plans import scale_plan_of
from bot.ports import Chat, Clock
from bot.store import Store
from bot.tasks import Tasks
from bot.time_boxes import TimeBoxes
from bot.views import time_boxes as views
from bot.views.blocks import Message

log = structlog.get_logger()


class TimeBoxAnnouncer:
    """Keeps what is said of every time box true."""

    def __init__(self, store: Store, chat: Chat, clock: Clock, tasks: Tasks) -> None:
        self._store = store
        self._boxes = TimeBoxes(store)
        self._chat = chat
        self._clock = clock
        self._telling = Telling(self._tell, clock, tasks, name="time box")

    def changed(self, operation_id: str) -> None:
        """Tell what is new of the time box of an operation, soon."""
        self._telling.changed(operation_id)

    async def _tell(self, operation_id: str) -> None:
        box = await self._boxes.of(operation_id)
        if box is None or not box.is_told or box.shown == box.revision:
            return
        operation = await self._store.operation(operation_id)
        message = views.notice(operation, scale_plan_of(operation), box, self._clock.now())
        try:
            card: Card | None = await self._put(operation, box, message)
        except RemoteRejected as error:
            # The traceback would say nothing beyond Slack's own word, and the next look would be refused, too.
            log.error("Slack refused a message", operation=operation_id, error=str(error))  # noqa: TRY400
            card = box.card
        await self._boxes.set_shown(box, card)

    async def _put(self, operation: Operation, box: TimeBox, message: Message) -> Card:
        if box.card is not None:
            try:
                await self._chat.update(box.card, message)
            except RemoteRejected as error:
                if error.code not in LOST_MESSAGE:
                    raise
            else:
                return box.card
        if operation.card is None:
            return await self._chat.post(operation.channel, message)
        return await self._chat.post(operation.card.channel, message, thread_ts=operation.card.ts)
