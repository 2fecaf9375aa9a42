"""The buttons after the end of a deployment: roll back, stop the countdown, try again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bot.operations.watch import Returns, Watching
from bot.views import watch as views
from bot.views.blocks import Message
from bot.views.deployments import RETRY
from commands.router import Call, Reply, Router

# Plans a stored request; what it returns is for its asker.
Prepare = Callable[[str], Awaitable[Message | None]]


class WatchHandlers:
    """What happens when such a button is pressed."""

    def __init__(self, returns: Returns, watching: Watching, prepare: Prepare) -> None:
        self._returns = returns
        self._watching = watching
        self._prepare = prepare

    async def rolled_back(self, call: Call) -> Reply:
        """Roll back was pressed."""
        return Reply(then=lambda: self._roll_back(call))

    async def stopped(self, call: Call) -> Reply:
        """Stop was pressed."""
        return Reply(then=lambda: self._stop(call))

    async def retried(self, call: Call) -> Reply:
        """Retry was pressed."""
        return Reply(then=lambda: self._retry(call))

    async def _roll_back(self, call: Call) -> Message | None:
        operation, is_new = await self._returns.roll_back(call.text, by=call.actor, channel=call.channel)
        return await self._prepare(operation.id) if is_new else views.waits_already()

    async def _stop(self, call: Call) -> None:
        await self._watching.stop_restore(call.text, by=call.actor)

    async def _retry(self, call: Call) -> Message | None:
        operation, is_new = await self._returns.retry(call.text, by=call.actor, channel=call.channel)
        return await self._prepare(operation.id) if is_new else views.waits_already()


def register(router: Router, returns: Returns, watching: Watching, prepare: Prepare) -> WatchHandlers:
    """Put the buttons on the router."""
    handlers = WatchHandlers(returns, watching, prepare)
    router.action(views.ROLL_BACK, handlers.rolled_back)
    router.action(views.STOP, handlers.stopped)
    router.action(RETRY, handlers.retried)
    return handlers
