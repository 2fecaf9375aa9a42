"""Questions to the database that span many operations: history, search, statistics. Read only."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from bot.domain.approval import ApprovalState
from bot.domain.dora import TOUCHING, TOUCHING_WHEN_DONE, Deployed
from bot.domain.history import Entry, Recorded
from bot.domain.model import Actor
from bot.domain.operation import ACTIVE, RELEASING, Card, Kind, Operation, State
from bot.domain.rollout import Step
from bot.domain.watch import Phase
from bot.rules import RulesInForce, in_force
from bot.sql import one, rows
from bot.store import Store, operation_in

ENTRY = f"""SELECT id, kind, state, pipeline || '/' || environment AS title, actor_id, actor_team, request, plan,
    created_at, started_at, finished_at, reason, outcome, card_channel, card_ts,
    (SELECT decided_by FROM approval WHERE operation_id = o.id AND approval.state = '{ApprovalState.APPROVED}')
        AS approved_by,
    (SELECT decided_by FROM approval WHERE operation_id = o.id AND approval.state = '{ApprovalState.REJECTED}')
        AS rejected_by
    FROM operation o"""  # noqa: S608  our own words
IDS = "SELECT id FROM operation"
RECORDED = """SELECT * FROM (
    SELECT seq, audit.at, actor, action, subject, detail, pipeline || '/' || environment AS title, plan
    FROM audit LEFT JOIN operation ON operation.id = subject)"""
UNFINISHED = {State.REQUESTED, *ACTIVE}
# Of plans that wait for weeks only the newest are told.
MOST_UNFINISHED = 200
HASH = re.compile(r"[0-9a-f]{7,40}", re.IGNORECASE)


def _steps(*steps: Step) -> str:
    return ", ".join(f"'{step}'" for step in sorted(steps))


# Trouble that a Machine got over by itself is none here.
DEPLOYED = f"""SELECT id, kind, state, pipeline || '/' || environment AS title, request, finished_at,
    json_extract(plan, '$.changes.commits') AS commits,
    EXISTS (SELECT 1 FROM journal WHERE operation_id = o.id AND (step IN ({_steps(*TOUCHING)})
        OR (status = 'done' AND step IN ({_steps(*TOUCHING_WHEN_DONE)})))) AS touched,
    (SELECT MIN(at) FROM journal WHERE operation_id = o.id AND step = '{Step.FAILURE}') AS failed_at,
    (SELECT SUM(status = 'done') > 0 AND SUM(status = 'failed') = 0 FROM journal
        WHERE operation_id = o.id AND step = '{Step.RESTORE}') AS restored,
    (SELECT json_extract(facts, '$.since') FROM watch WHERE operation_id = o.id
        AND phase NOT IN ('{Phase.RECOVERED}', '{Phase.HEALED}')) AS trouble_at
    FROM operation o WHERE kind IN ('{Kind.DEPLOYMENT}', '{Kind.ROLLBACK}')
        AND started_at IS NOT NULL AND finished_at >= ?
    ORDER BY finished_at"""  # noqa: S608  our own words


@dataclass(frozen=True)
class Slice:
    """A part of a list that is read newest first: `limit` rows older than `before`, or the next newer than `after`."""

    limit: int
    before: str = ""
    after: str = ""

    def of(self, select: str, key: str, conditions: _Conditions) -> tuple[str, list[Any]]:
        """The query for this part, and its parameters."""
        if self.before:
            conditions.add(f"{key} < ?", self.before)
        if self.after:
            conditions.add(f"{key} > ?", self.after)
        where = f" WHERE {' AND '.join(conditions.texts)}" if conditions.texts else ""
        order = "ASC" if self.after else "DESC"
        return f"{select}{where} ORDER BY {key} {order} LIMIT ?", [*conditions.parameters, self.limit]

    def newest_first(self, found: list[Any]) -> list[Any]:
        """What was read, in the order in which it is shown."""
        return found[::-1] if self.after else found


@dataclass
class _Conditions:
    """What a row has to meet, all of it. The texts are ours; whatever people typed is a parameter."""

    texts: list[str] = field(default_factory=list)
    parameters: list[Any] = field(default_factory=list)

    def add(self, text: str, *parameters: Any) -> None:
        self.texts.append(text)
        self.parameters.extend(parameters)


@dataclass(frozen=True)
class Overview:
    """What the database says of some environments at one moment; `unfinished` of all, oldest first."""

    succeeded: Mapping[str, list[Operation]]
    unfinished: Sequence[Operation]
    rules: Mapping[str, RulesInForce]


class Queries:
    """Read-only questions, answered beside the writer."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def deployed_since(self, since: datetime) -> dict[str, list[Deployed]]:
        """Deployments that were started and have ended since then, by environment, oldest end first."""

        def work(db: Database) -> dict[str, list[Deployed]]:
            found: dict[str, list[Deployed]] = {}
            for row in rows(db, DEPLOYED, [since.isoformat()]):
                found.setdefault(row["title"], []).append(_deployed(row))
            return found

        return await self._store.read(work)

    async def entries(
        self, part: Slice, *, title: str = "", states: Collection[State] = (), kinds: Collection[Kind] = ()
    ) -> list[Entry]:
        """Operations in short, newest first, of an environment, in some states, of some kinds where they are named."""

        def work(db: Database) -> list[Entry]:
            query = part.of(ENTRY, "id", _of_operations(title, states, kinds))
            found = [_entry(row) for row in rows(db, *query)]
            return part.newest_first(found)

        return await self._store.read(work)

    async def recorded(self, part: Slice, *, text: str, title: str = "") -> list[Recorded]:
        """Audit events that contain a text in whichever case, newest first; `title` keeps to its operations.

        The beginning of a commit's hash finds what was planned for it. The case of letters outside ASCII counts.
        """

        def work(db: Database) -> list[Recorded]:
            conditions = _containing(text)
            if title:
                conditions.add("title = ?", title)
            found = [_recorded(row) for row in rows(db, *part.of(RECORDED, "seq", conditions))]
            return part.newest_first(found)

        return await self._store.read(work)

    async def scaled(self, title: str, *, limit: int) -> list[Operation]:
        """The newest scalings of an environment that succeeded, newest first."""

        def work(db: Database) -> list[Operation]:
            return _operations(db, Slice(limit), title, [State.SUCCEEDED], [Kind.SCALING])

        return await self._store.read(work)

    async def has_ended(self, title: str, *, since: datetime) -> bool:
        """Whether one of the newest operations of an environment has ended since then."""
        query = """SELECT 1 FROM (SELECT finished_at FROM operation WHERE pipeline = ? AND environment = ?
            ORDER BY created_at DESC LIMIT 20) WHERE finished_at >= ?"""
        values = [*title.split("/", 1), since.isoformat()]
        return await self._store.read(lambda db: one(db, query, values) is not None)

    async def newest(self, title: str = "", *, states: Collection[State] = ()) -> Operation | None:
        """The newest deployment or rollback, with its journal, or None."""

        def work(db: Database) -> Operation | None:
            return _newest(db, _of_operations(title, states, RELEASING))

        return await self._store.read(work)

    async def newest_failure(self, title: str = "") -> Operation | None:
        """The newest deployment or rollback that failed, was refused or rejected, or cancelled while it ran; or None.

        A plan that was dismissed or that nobody confirmed is no failure: somebody wanted it so.
        """

        def work(db: Database) -> Operation | None:
            conditions = _of_operations(title, [], RELEASING)
            conditions.add("(state IN ('failed', 'rejected') OR state = 'cancelled' AND started_at IS NOT NULL)")
            return _newest(db, conditions)

        return await self._store.read(work)

    async def overview(self, titles: Collection[str], *, limit: int) -> Overview:
        """Everything that a status tells, in one look: of each environment `limit` successes, newest first."""

        def work(db: Database) -> Overview:
            return Overview(
                succeeded={
                    title: _operations(db, Slice(limit), title, [State.SUCCEEDED], RELEASING) for title in titles
                },
                unfinished=_operations(db, Slice(MOST_UNFINISHED), "", UNFINISHED)[::-1],
                rules={title: in_force(db, title) for title in titles},
            )

        return await self._store.read(work)


def _operations(
    db: Database, part: Slice, title: str, states: Collection[State], kinds: Collection[Kind] = ()
) -> list[Operation]:
    ids = [row["id"] for row in rows(db, *part.of(IDS, "id", _of_operations(title, states, kinds))).fetchall()]
    return [operation_in(db, each) for each in ids]


def _newest(db: Database, conditions: _Conditions) -> Operation | None:
    found = one(db, *Slice(1).of(IDS, "id", conditions))
    return operation_in(db, found["id"]) if found else None


def _of_operations(title: str, states: Collection[State], kinds: Collection[Kind] = ()) -> _Conditions:
    conditions = _Conditions()
    if title:
        # By its parts, since that is what the index has.
        conditions.add("pipeline = ? AND environment = ?", *title.split("/", 1))
    if states:
        conditions.add(f"state IN ({', '.join('?' * len(states))})", *sorted(states))
    if kinds:
        conditions.add(f"kind IN ({', '.join('?' * len(kinds))})", *sorted(kinds))
    return conditions


def _containing(text: str) -> _Conditions:
    # Details are stored as JSON, where a quote stands behind a backslash.
    patterns = [_pattern(text)] * 3 + [_pattern(json.dumps(text, ensure_ascii=False)[1:-1])]
    conditions = _Conditions()
    columns = ["action", "subject", "actor", "detail"]
    if HASH.fullmatch(text):
        # People type refs; the commit that one meant stands in the plan.
        columns.append("plan")
        patterns.append(f'%"commit":{{"sha":"{text}%')
    conditions.add("(" + " OR ".join(f"{column} LIKE ? ESCAPE '\\'" for column in columns) + ")", *patterns)
    return conditions


def _pattern(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _recorded(row: sqlite3.Row) -> Recorded:
    return Recorded(
        seq=row["seq"],
        at=datetime.fromisoformat(row["at"]),
        actor=row["actor"],
        action=row["action"],
        subject=row["subject"],
        detail=row["detail"],
        environment=row["title"] or "",
    )


def _entry(row: sqlite3.Row) -> Entry:
    request, outcome = json.loads(row["request"]), json.loads(row["outcome"])
    plan = json.loads(row["plan"]) if row["plan"] else {}
    return Entry(
        id=row["id"],
        kind=Kind(row["kind"]),
        state=State(row["state"]),
        environment=row["title"],
        actor=Actor(row["actor_id"], row["actor_team"]),
        # A rollback may be asked for as `previous`; the plan knows to what.
        ref=str((plan.get("ref") if row["kind"] == Kind.ROLLBACK else "") or request.get("ref", "")),
        commit=(plan.get("commit") or {}).get("sha", ""),
        origin=plan.get("live_ref", ""),
        why=str(request.get("why", "")),
        retry_of=str(request.get("retry_of", "")),
        back_from=str(request.get("back_from", "")),
        created_at=datetime.fromisoformat(row["created_at"]),
        started_at=_instant(row["started_at"]),
        finished_at=_instant(row["finished_at"]),
        reason=row["reason"],
        message=str(outcome.get("message") or outcome.get("note") or ""),
        card=Card(row["card_channel"], row["card_ts"]) if row["card_ts"] else None,
        approved_by=row["approved_by"] or "",
        rejected_by=row["rejected_by"] or "",
    )


def _deployed(row: sqlite3.Row) -> Deployed:
    commits = {each["sha"]: _instant(each["committed_at"]) for each in json.loads(row["commits"] or "[]")}
    return Deployed(
        id=row["id"],
        ended_at=datetime.fromisoformat(row["finished_at"]),
        succeeded=row["state"] == State.SUCCEEDED,
        touched=bool(row["touched"]),
        restored=bool(row["restored"]),
        is_rollback=row["kind"] == Kind.ROLLBACK,
        back_from=str(json.loads(row["request"]).get("back_from", "")),
        failed_at=_instant(row["failed_at"]),
        trouble_at=_instant(row["trouble_at"]),
        commits={sha: at for sha, at in commits.items() if at},
    )


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
