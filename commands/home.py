"""The app's Home tab: made when somebody opens it, and anew by its button."""

from __future__ import annotations

import structlog

from bot.domain.history import Wish
from bot.errors import BotError, RemoteError
from bot.operations.history import Histories
from bot.operations.status import Statuses
from bot.ports import Chat, Clock
from bot.views import home as views
from bot.views import replies
from bot.views.blocks import Block
from commands.router import Call, Handler, Reply, Router

log = structlog.get_logger()


class HomeHandlers:
    """What happens when the Home tab is opened or one of its buttons is pressed."""

    def __init__(self, statuses: Statuses, histories: Histories, chat: Chat, clock: Clock, workspace: str) -> None:
        self._statuses = statuses
        self._histories = histories
        self._chat = chat
        self._clock = clock
        self._workspace = workspace

    async def opened(self, call: Call) -> Reply:
        """Somebody opened the app: a tab other than Home shows nothing of ours."""
        return await self.refresh(call) if call.text == "home" else Reply()

    async def refresh(self, call: Call) -> Reply:
        """Make it anew; it is published afterwards, since nothing waits for an answer here."""
        return Reply(then=lambda: self._publish(call))

    async def _publish(self, call: Call) -> None:
        user = call.actor.user_id
        # Who sees it for the first time would look at an empty tab for as long as the providers take.
        if not call.view_id:
            await self._show(user, views.looking())
        await self._show(user, await self._blocks(call))

    async def _blocks(self, call: Call) -> list[Block]:
        try:
            # First what costs nothing: whoever may not see it makes no call to Fly.
            done = await self._histories.page(Wish(), by=call.actor)
            found = await self._statuses.look(self._statuses.wanted(""), by=call.actor)
            yours = await self._statuses.waiting_for(call.actor, found)
        except BotError as error:
            return views.trouble(replies.error(error))
        return views.home(found, done, yours=yours, now=self._clock.now(), workspace=self._workspace)

    async def _show(self, user: str, blocks: list[Block]) -> None:
        try:
            await self._chat.publish_home(user, blocks)
        except RemoteError as error:
            # There is no place to tell somebody whose Home tab cannot be written.
            log.info("home not published", user=user, error=str(error))


def register(router: Router, handlers: HomeHandlers, *, deploy: Handler) -> None:
    """Put the Home tab on the router; `deploy` opens the form of a bare `/deploy`."""
    router.event("app_home_opened", handlers.opened)
    router.action(views.REFRESH, handlers.refresh)
    router.action(views.DEPLOY, deploy)
