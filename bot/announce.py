"""What happens to an operation, told in Slack: one message, edited in place; the end as a reply.

Edits are coalesced: at most one in `EDIT_INTERVAL_S` for an operation, only when the text changed, and the
end always goes out, also after a restart. A post whose answer was lost is posted again: two cards whose
buttons both work are better than none.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

import structlog

from bot.domain.operation import Card, Operation, State
from bot.domain.scale import ScalePlan
from bot.errors import RateLimited, RemoteError, RemoteRejected
from bot.metrics import Metrics
from bot.operations.people import person_behind
from bot.operations.plans import any_plan_of
from bot.ports import Chat, Clock
from bot.store import Store
from bot.tasks import Tasks
from bot.views import cards
from bot.views import deployments as views
from bot.views.blocks import Message
from bot.views.watch import with_watch
from bot.watches import Watches

log = structlog.get_logger()

Key = TypeVar("Key", bound=Hashable)

EDIT_INTERVAL_S = 2.0
RETRY_S, LONGEST_RETRY_S = 5.0, 300.0
# The message cannot be edited any more, so the operation goes on in a new one.
LOST_MESSAGE = frozenset({"message_not_found", "edit_window_closed", "cant_update_message", "channel_not_found"})
# The channel where the command was typed is closed to the bot.
CLOSED_CHANNEL = frozenset({"not_in_channel", "channel_not_found", "is_archived", "restricted_action"})


class Backoff:
    """How long to leave Slack alone after a failure: it may have posted what it did not answer."""

    def __init__(self) -> None:
        self._failures: Counter[str] = Counter()

    def after(self, operation_id: str, error: RemoteError) -> float:
        """Seconds until the next try, twice as long each time."""
        self._failures[operation_id] += 1
        tries = self._failures[operation_id]
        if tries & (tries - 1) == 0:
            log.warning("Slack did not answer", operation=operation_id, error=str(error), tries=tries)
        return min(RETRY_S * float(2 ** min(tries - 1, 10)), LONGEST_RETRY_S)

    def forget(self, operation_id: str) -> None:
        """Slack answered."""
        self._failures.pop(operation_id, None)


class Telling(Generic[Key]):
    """Tells what is new of things by their key, each by one task at a time: what changes meanwhile is told after it.

    What a provider did not take is told again at the next look, after a pause that grows.
    """

    def __init__(self, tell: Callable[[Key], Awaitable[None]], clock: Clock, tasks: Tasks, *, name: str) -> None:
        self._tell = tell
        self._clock = clock
        self._tasks = tasks
        self._name = name
        self._again: dict[Key, bool] = {}
        self._backoff = Backoff()

    def changed(self, key: Key) -> None:
        """Tell what is new of this one, soon."""
        if key in self._again:
            self._again[key] = True
            return
        self._again[key] = False
        self._tasks.spawn(self._keep_true(key), name=f"{self._name} {key}")

    async def _keep_true(self, key: Key) -> None:
        try:
            await self._tell(key)
            while self._again[key]:
                self._again[key] = False
                await self._tell(key)
        except RemoteError as error:
            await self._clock.sleep(self._backoff.after(f"{self._name} {key}", error))
        else:
            self._backoff.forget(f"{self._name} {key}")
        finally:
            del self._again[key]


class Announcer:
    """Keeps the message of every operation true."""

    def __init__(
        self,
        store: Store,
        chat: Chat,
        clock: Clock,
        tasks: Tasks,
        metrics: Metrics,
        *,
        channel_of: Callable[[Operation], str],
    ) -> None:
        self._store = store
        self._chat = chat
        self._clock = clock
        self._tasks = tasks
        self._metrics = metrics
        self._channel_of = channel_of
        self._watches = Watches(store)
        self._dirty: dict[str, asyncio.Event] = {}
        self._shown: dict[str, Message] = {}
        self._backoff = Backoff()
        self._unheard: set[str] = set()

    def changed(self, operation_id: str) -> None:
        """Show the operation anew, soon."""
        if operation_id in self._dirty:
            self._dirty[operation_id].set()
            return
        self._dirty[operation_id] = event = asyncio.Event()
        event.set()
        self._tasks.spawn(self._keep_true(operation_id, event), name=f"card {operation_id}")

    async def resume(self) -> None:
        """Tell the ends that were not told before the bot stopped, and bring open cards up to date."""
        for operation in await self._store.unannounced():
            self.changed(operation.id)
        for operation in await self._store.operations(State.REQUESTED):
            self.changed(operation.id)

    async def _keep_true(self, operation_id: str, dirty: asyncio.Event) -> None:
        try:
            while dirty.is_set():
                dirty.clear()
                pause_s = await self._show_patiently(operation_id, dirty)
                await self._clock.sleep(pause_s)
        finally:
            del self._dirty[operation_id]

    async def _show_patiently(self, operation_id: str, dirty: asyncio.Event) -> float:
        try:
            await self._show(await self._store.operation(operation_id))
        except RateLimited as error:
            dirty.set()
            return error.retry_after.total_seconds() if error.retry_after else RETRY_S
        except RemoteRejected as error:
            # The traceback would say nothing beyond Slack's own word.
            log.error("Slack refused a message", operation=operation_id, error=str(error))  # noqa: TRY400
            await self._tell_refusal(operation_id, error)
        except RemoteError as error:
            dirty.set()
            return self._backoff.after(operation_id, error)
        self._backoff.forget(operation_id)
        return EDIT_INTERVAL_S

    async def _tell_refusal(self, operation_id: str, error: RemoteRejected) -> None:
        """No channel takes the card: tell the one who waits for it, once."""
        operation = await self._store.operation(operation_id)
        if operation.card is not None or operation_id in self._unheard:
            return
        self._unheard.add(operation_id)
        with contextlib.suppress(RemoteError):
            message = views.card_refused(error.code)
            await self._chat.ephemeral(operation.channel, operation.actor.user_id, message)

    async def _show(self, operation: Operation) -> None:
        if operation.plan is None or (operation.card is None and _never_public(operation)):
            if operation.is_final:
                await self._store.set_announced(operation.id)
            return
        message = await self._rendered(operation)
        card = operation.card
        if card is None or message != self._shown.get(operation.id):
            card = await self._put(operation, message)
            self._shown[operation.id] = message
        if operation.is_final and not operation.announced:
            await self._tell_end(operation, card)

    async def _rendered(self, operation: Operation) -> Message:
        plan = any_plan_of(operation)
        card = cards.card(operation, plan)
        if operation.state is not State.SUCCEEDED or isinstance(plan, ScalePlan):
            return card
        return with_watch(card, operation, plan, await self._watches.of(operation.id))

    async def _put(self, operation: Operation, message: Message) -> Card:
        home = functools.partial(self._channel_of, operation)
        urgent = operation.is_final
        card = await put(self._chat, message, at=operation.card, channel=operation.channel, home=home, urgent=urgent)
        if card != operation.card:
            await self._store.set_card(operation.id, card)
        return card

    async def _tell_end(self, operation: Operation, card: Card) -> None:
        # A rejection is said aloud, too: edits notify nobody.
        if operation.started_at is not None or operation.state is State.REJECTED:
            if details := views.release_command_log(operation):
                await self._chat.post(card.channel, details, thread_ts=card.ts)
            message = cards.ended(operation, any_plan_of(operation), whom=await person_behind(self._store, operation))
            await self._chat.post(card.channel, message, thread_ts=card.ts)
        await self._store.set_announced(operation.id)
        self._metrics.operations.labels(operation.kind, operation.state).inc()
        self._shown.pop(operation.id, None)


async def put(
    chat: Chat, message: Message, *, at: Card | None, channel: str, home: Callable[[], str], urgent: bool
) -> Card:
    """Edit our message, or post it where there is none (any more); where it is now.

    It goes to the channel, or to the environment's own (`home`) where the bot may not speak in that one.
    """
    if at is not None:
        try:
            await chat.update(at, message, urgent=urgent)
        except RemoteRejected as error:
            if error.code not in LOST_MESSAGE:
                raise
        else:
            return at
    try:
        return await chat.post(channel, message)
    except RemoteRejected as error:
        if error.code not in CLOSED_CHANNEL or channel == home():
            raise
        return await chat.post(home(), message)


def _never_public(operation: Operation) -> bool:
    """A request that ended before it started is its asker's business alone."""
    return operation.is_final and operation.started_at is None
