"""The watch, told in Slack: the last line of the deployment's card, and one message where there is trouble.

What Slack shows is written down; what it does not show yet is told again at the next look.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable

import structlog

from bot.announce import Telling, put
from bot.domain.operation import Operation
from bot.domain.watch import Watch
from bot.errors import RemoteRejected
from bot.operations.people import person_behind
from bot.operations.plans import plan_of
from bot.ports import Chat, Clock
from bot.store import Store
from bot.tasks import Tasks
from bot.views import deployments
from bot.views import watch as views
from bot.views.blocks import Message
from bot.watches import Watches

log = structlog.get_logger()


class WatchAnnouncer:
    """Keeps what is said of every watch true."""

    def __init__(
        self, store: Store, chat: Chat, clock: Clock, tasks: Tasks, *, channel_of: Callable[[Operation], str]
    ) -> None:
        self._store = store
        self._watches = Watches(store)
        self._chat = chat
        self._clock = clock
        self._channel_of = channel_of
        self._telling = Telling(self._show, clock, tasks, name="watch")
        self._shown: dict[str, Message] = {}

    def changed(self, operation_id: str) -> None:
        """Show the watch of an operation anew, soon."""
        self._telling.changed(operation_id)

    async def _show(self, operation_id: str) -> None:
        watch = await self._watches.of(operation_id)
        assert watch is not None
        operation = await self._store.operation(operation_id)
        try:
            await self._show_trouble(watch, operation)
        except RemoteRejected as error:
            # The traceback would say nothing beyond Slack's own word, and the next look would be refused, too.
            log.error("Slack refused a message", operation=operation_id, error=str(error))  # noqa: TRY400
        if watch.told != watch.phase:
            await self._show_card(watch, operation)
            await self._watches.set_told(operation_id, watch.phase)
        if not watch.is_open:
            self._shown.pop(operation_id, None)

    async def _show_trouble(self, watch: Watch, operation: Operation) -> None:
        if not watch.had_trouble:
            return
        whom = await person_behind(self._store, operation)
        message = views.trouble(operation, plan_of(operation), watch, self._clock.now(), whom=whom)
        if message == self._shown.get(operation.id):
            return
        channel = operation.card.channel if operation.card else operation.channel
        home = functools.partial(self._channel_of, operation)
        is_new = watch.told != watch.phase
        card = await put(self._chat, message, at=watch.card, channel=channel, home=home, urgent=is_new)
        if card != watch.card:
            await self._watches.set_card(operation.id, card)
        self._shown[operation.id] = message

    async def _show_card(self, watch: Watch, operation: Operation) -> None:
        if operation.card is None:
            return
        plan = plan_of(operation)
        message = views.with_watch(deployments.card(operation, plan), operation, plan, watch)
        # A card that was deleted has said all that mattered.
        with contextlib.suppress(RemoteRejected):
            await self._chat.update(operation.card, message)
