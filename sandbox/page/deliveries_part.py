"""What the simulated GitHub and Slack sent to the bot, and sending it once more."""

from __future__ import annotations

from itertools import islice

from sandbox.github.hooks import Delivery
from sandbox.kit import Json
from sandbox.page.bodies import Act, get
from sandbox.page.items import Items
from sandbox.stack import Simulators

SHOWN = 30


class DeliveriesPart:
    """The newest deliveries of webhooks."""

    def __init__(self, simulators: Simulators) -> None:
        self._github = simulators.github
        self._slack = simulators.slack
        self._shown: dict[int, tuple[Delivery, Json]] = {}

    def items(self) -> Items:
        newest = islice(self._github.webhooks.deliveries(), SHOWN)
        self._shown = {item.id: self._looked_at(item) for item in newest}
        return {f"delivery/github/{number}": shown for number, (_, shown) in self._shown.items()}

    def _looked_at(self, item: Delivery) -> tuple[Delivery, Json]:
        """A delivery never changes, but after a reset another one may have its number."""
        known = self._shown.get(item.id)
        return known if known is not None and known[0] is item else (item, _shown(item))

    def acts(self) -> dict[str, Act]:
        return {"delivery/again": self.again, "slack/resend": self.resend}

    async def again(self, body: Json) -> Json:
        """Send the delivery `id` once more, with its GUID of the first time."""
        sent: Json = await self._github.actions()["redeliver"]({"id": get(body, "id", int)})
        return sent

    async def resend(self, _: Json) -> Json:
        """Send Slack's last request once more, byte for byte."""
        return await self._slack.resend()


def _shown(item: Delivery) -> Json:
    is_delivered = 200 <= item.status_code < 300
    return {
        "id": item.id,
        "event": item.event,
        "action": item.action,
        "at": item.delivered_at,
        "outcome": "delivered" if is_delivered else "failed",
        "status": item.status_code,
        "words": item.status,
        "ms": round(item.duration * 1000),
        "is_again": item.redelivery,
    }
