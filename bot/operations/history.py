"""What was done and who did it: pages of operations, a search through the audit, both as a file."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from bot import audit
from bot.domain.history import KINDS, STATES, Entry, Page, Recorded, Wish
from bot.domain.model import Actor, Environment
from bot.errors import StaleAction
from bot.operations.people import People
from bot.ports import Chat, Clock
from bot.queries import Queries, Slice

PAGE = 10
ROWS_MOST = 10_000
# The database's reader is not held longer than a page of a file takes.
FILE_PAGE = 500
SEARCH_LIMIT = 200
CURSOR = {False: re.compile(r"[0-9a-f]{1,32}"), True: re.compile(r"[0-9]{1,18}")}
OPERATION_COLUMNS = (
    "id",
    "requested_at",
    "started_at",
    "finished_at",
    "duration_s",
    "environment",
    "what",
    "ref",
    "commit",
    "from",
    "state",
    "reason",
    "message",
    "actor",
    "why",
    "retry_of",
    "back_from",
    "kind",
    "approved_by",
    "rejected_by",
)
EVENT_COLUMNS = ("seq", "at", "actor", "action", "subject", "environment", "detail")

Row = TypeVar("Row", Entry, Recorded)


@dataclass(frozen=True)
class Sent:
    """A file that went out: how many rows it has, and whether older ones were left out."""

    rows: int
    is_cut: bool


class Histories:
    """The use cases behind `/deploy history`."""

    def __init__(
        self, queries: Queries, people: People, chat: Chat, clock: Clock, environment: Callable[[str], Environment]
    ) -> None:
        self._queries = queries
        self._people = people
        self._chat = chat
        self._clock = clock
        self._environment = environment

    def title_of(self, name: str) -> str:
        """The unambiguous name of an environment, empty for none; NotFound."""
        return self._environment(name).title if name else ""

    async def page(self, wish: Wish, *, by: Actor) -> Page:
        """One page, newest first. NotAllowed; NotFound; StaleAction where the wish is none of ours."""
        await self._people.require_member(by)
        wish = self._checked(wish)
        found, has_more = await self._found(wish)
        if wish.after and not found:
            # What stood above is gone: there is nothing newer than the newest.
            wish = dataclasses.replace(wish, after="")
            found, has_more = await self._found(wish)
        has_older, has_newer = (True, has_more) if wish.after else (has_more, bool(wish.before))
        entries = tuple(row for row in found if isinstance(row, Entry))
        events = tuple(row for row in found if isinstance(row, Recorded))
        return Page(wish, entries, events, has_older=has_older, has_newer=has_newer)

    async def send_file(self, wish: Wish, *, by: Actor) -> Sent:
        """Send all of it to the asker as CSV, the newest 10,000 rows at most. NotAllowed, NotFound, RemoteError."""
        await self._people.require_member(by)
        wish = self._checked(wish)
        rows, is_cut = await self._all(wish)
        if wish.search:
            content = audit.csv_text(EVENT_COLUMNS, [_event_cells(row) for row in rows if isinstance(row, Recorded)])
        else:
            content = audit.csv_text(OPERATION_COLUMNS, [_entry_cells(row) for row in rows if isinstance(row, Entry)])
        name = f"flytower-history-{self._clock.now():%Y%m%d-%H%M}.csv"
        count = "1 row" if len(rows) == 1 else f"{len(rows)} rows"
        comment = f"{count}, times in UTC." + (" Older ones are left out." if is_cut else "")
        await self._chat.send_file(by.user_id, name, content.encode(), title="History", comment=comment)
        return Sent(len(rows), is_cut)

    def _checked(self, wish: Wish) -> Wish:
        """The wish with the whole name of its environment; what no button of ours carries is refused."""
        cursors = [cursor for cursor in (wish.before, wish.after) if cursor]
        pattern = CURSOR[bool(wish.search)]
        is_odd = len(cursors) > 1 or not all(pattern.fullmatch(cursor) for cursor in cursors)
        if is_odd or len(wish.search) > SEARCH_LIMIT:
            raise StaleAction("This button does not fit.", hint="Ask again with `/deploy history`.")
        return dataclasses.replace(wish, environment=self.title_of(wish.environment))

    async def _found(self, wish: Wish) -> tuple[Sequence[Entry | Recorded], bool]:
        """A page, and whether there is more in the direction in which it was read."""
        found = await self._read(wish, Slice(PAGE + 1, wish.before, wish.after))
        has_more = len(found) > PAGE
        return (found[-PAGE:] if wish.after else found[:PAGE]), has_more

    async def _read(self, wish: Wish, part: Slice) -> Sequence[Entry | Recorded]:
        if wish.search:
            return await self._queries.recorded(part, text=wish.search, title=wish.environment)
        states, kinds = STATES[wish.result], KINDS[wish.result]
        return await self._queries.entries(part, title=wish.environment, states=states, kinds=kinds)

    async def _all(self, wish: Wish) -> tuple[list[Entry | Recorded], bool]:
        found: list[Entry | Recorded] = []
        while True:
            before = found[-1].cursor if found else ""
            part = await self._read(wish, Slice(FILE_PAGE, before))
            found += part
            if len(part) < FILE_PAGE:
                return found[:ROWS_MOST], len(found) > ROWS_MOST
            if len(found) > ROWS_MOST:
                return found[:ROWS_MOST], True


def _entry_cells(entry: Entry) -> list[Any]:
    instants = (entry.created_at, entry.started_at, entry.finished_at)
    return [
        entry.id,
        *(instant.isoformat() if instant else "" for instant in instants),
        "" if entry.duration_s is None else round(entry.duration_s, 3),
        entry.environment,
        entry.what,
        entry.ref,
        entry.commit,
        entry.origin,
        entry.state.value,
        entry.reason,
        entry.message,
        entry.actor.user_id,
        entry.why,
        entry.retry_of,
        entry.back_from,
        entry.kind.value,
        entry.approved_by,
        entry.rejected_by,
    ]


def _event_cells(event: Recorded) -> list[Any]:
    cells = (event.actor, event.action, event.subject, event.environment, event.detail)
    return [event.seq, event.at.isoformat(), *cells]
