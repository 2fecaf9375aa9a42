"""GitHub's deliveries in the database: kept from the moment they are acknowledged, each once."""

from __future__ import annotations

import zlib
from datetime import datetime, timedelta

from sqlite_utils import Database

from bot import sql
from bot.github_ingress import Delivery
from bot.store import Store

# As long as GitHub itself keeps them: what is older cannot be compared with its log any more.
KEPT = timedelta(days=3)


class Deliveries:
    """What GitHub delivered."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def keep(self, delivery: Delivery, at: datetime) -> bool:
        """Store it, committed when this returns; False where this delivery is there already."""
        row = {
            "guid": delivery.guid,
            "event": delivery.event,
            "action": delivery.action,
            "repository": delivery.repository,
            "state": "received",
            "received_at": at.isoformat(),
            # Payloads repeat themselves: a tenth of the size.
            "body": zlib.compress(delivery.body),
        }
        return await self._store.write(lambda db: sql.insert_once(db, "delivery", row, by="guid"))

    async def forget(self, now: datetime) -> int:
        """Delete what is older than three days; how many that were."""
        before = (now - KEPT).isoformat()

        def work(db: Database) -> int:
            return int(db.conn.execute("DELETE FROM delivery WHERE received_at < ?", [before]).rowcount)

        return await self._store.write(work)
