"""The buttons of the reply that tells the end of a scaling for some hours: keep it, or go back now."""

from __future__ import annotations

from bot.operations.time_boxes import TimeBoxing
from bot.views import time_boxes as views
from commands.router import Call, Reply, Router


class TimeBoxHandlers:
    """What happens when such a button is pressed."""

    def __init__(self, boxes: TimeBoxing) -> None:
        self._boxes = boxes

    async def kept(self, call: Call) -> Reply:
        """Keep was pressed."""
        return Reply(then=lambda: self._boxes.keep(call.text, by=call.actor))

    async def ended(self, call: Call) -> Reply:
        """Now was pressed."""
        return Reply(then=lambda: self._boxes.end_now(call.text, by=call.actor))


def register(router: Router, boxes: TimeBoxing) -> TimeBoxHandlers:
    """Put the buttons on the router."""
    handlers = TimeBoxHandlers(boxes)
    router.action(views.KEEP, handlers.kept)
    router.action(views.NOW, handlers.ended)
    return handlers
