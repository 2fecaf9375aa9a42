"""Incidents, told in Slack: in every channel at start and end, and the end kept true as reviews come in.

What each channel hears is written down with the change itself, and what it does not show yet is told again, also after
a restart. A post whose answer was lost is posted again: to hear twice of an incident is better than never.
"""

from __future__ import annotations

import structlog

from bot.announce import Backoff
from bot.domain.incident import Notice, Told
from bot.domain.operation import Card
from bot.errors import RemoteError, RemoteRejected
from bot.incidents import Incidents
from bot.ports import Chat, Clock
from bot.tasks import Tasks
from bot.views import incidents as views
from bot.views.blocks import Message

log = structlog.get_logger()


class IncidentAnnouncer:
    """Lets every channel hear of incidents; `workspace` is the address of the workspace, for links to cards."""

    def __init__(self, incidents: Incidents, chat: Chat, clock: Clock, tasks: Tasks, *, workspace: str) -> None:
        self._incidents = incidents
        self._chat = chat
        self._clock = clock
        self._tasks = tasks
        self._workspace = workspace
        self._is_telling = False
        self._again = False
        self._backoff = Backoff()

    def changed(self) -> None:
        """Tell what is not told yet, soon; at the start, too."""
        self._again = True
        if not self._is_telling:
            self._is_telling = True
            self._tasks.spawn(self._tell(), name="incidents")

    async def _tell(self) -> None:
        try:
            while self._again:
                self._again = False
                await self._clock.sleep(await self._tell_all())
        finally:
            self._is_telling = False

    async def _tell_all(self) -> float:
        """Tell each channel in its order; the seconds to wait before those that were not reached."""
        pause_s, unreached = 0.0, set()
        for notice in await self._incidents.behind():
            if notice.channel in unreached:
                continue
            try:
                await self._show(notice)
            except RemoteError as error:
                unreached.add(notice.channel)
                pause_s = max(pause_s, self._backoff.after(notice.channel, error))
                self._again = True
            else:
                self._backoff.forget(notice.channel)
        return pause_s

    async def _show(self, notice: Notice) -> None:
        passed = await self._incidents.passed(notice.incident.id)
        message = views.started(notice.incident)
        if notice.event is Told.END:
            message = views.ended(notice.incident, passed, self._workspace)
        card = await self._put(notice, message)
        await self._incidents.set_shown(notice, card, sum(passage.review is not None for passage in passed))

    async def _put(self, notice: Notice, message: Message) -> Card | None:
        """Where the message is now; None where Slack refuses it, since it would refuse it again."""
        try:
            if notice.card is None:
                return await self._chat.post(notice.channel, message)
            await self._chat.update(notice.card, message)
        except RemoteRejected as error:
            # The traceback would say nothing beyond Slack's own word.
            log.error("Slack refused a message", incident=notice.incident.id, error=str(error))  # noqa: TRY400
            return None
        return notice.card
