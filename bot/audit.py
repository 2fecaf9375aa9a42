"""Audit events: who did what to which, when and how it ended; a chain of hashes shows a change afterwards."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from bot import sql

GENESIS = "0" * 64
# What makes a spreadsheet read a cell as a formula. Source: OWASP, "CSV Injection".
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
COLUMNS = ("seq", "at", "actor", "action", "subject", "detail", "previous_hash", "hash")


@dataclass(frozen=True)
class AuditEvent:
    """One thing that somebody did. `action` is a stable code such as `deployment.start`."""

    at: datetime
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any] = field(default_factory=dict)


def chain_hash(previous: str, row: Mapping[str, Any]) -> str:
    """The hash of an event given the one before it, over the stored text."""
    parts = [previous, row["at"], row["actor"], row["action"], row["subject"], row["detail"]]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


def append(db: Database, event: AuditEvent) -> None:
    """Append an event in the running transaction."""
    last = sql.one(db, "SELECT hash FROM audit ORDER BY seq DESC LIMIT 1")
    row: dict[str, Any] = {
        "at": event.at.isoformat(),
        "actor": event.actor,
        "action": event.action,
        "subject": event.subject,
        "detail": storable(json.dumps(dict(event.detail), ensure_ascii=False, sort_keys=True)),
        "previous_hash": last["hash"] if last else GENESIS,
    }
    row["hash"] = chain_hash(row["previous_hash"], row)
    sql.insert(db, "audit", row)


def storable(text: str) -> str:
    """The text as SQLite takes it: halves of surrogate pairs, which JSON from outside may hold, become `?`."""
    return text.encode("utf-8", "replace").decode()


def rows(db: Database) -> Iterator[dict[str, Any]]:
    """All events, oldest first."""
    return iter(db.query("SELECT * FROM audit ORDER BY seq"))


def problems(events: Iterable[Mapping[str, Any]]) -> list[str]:
    """Where the chain is broken: changed, missing or reordered events, in words. Empty when it is whole."""
    found: list[str] = []
    previous, expected = GENESIS, 1
    for row in events:
        if row["seq"] != expected:
            found.append(f"event {expected} is missing (the next one is {row['seq']})")
        if row["previous_hash"] != previous:
            found.append(f"event {row['seq']} does not follow the one before it")
        if row["hash"] != chain_hash(row["previous_hash"], row):
            found.append(f"event {row['seq']} was changed")
        previous, expected = row["hash"], row["seq"] + 1
    return found


def as_csv(events: Iterable[Mapping[str, Any]]) -> str:
    """The events as CSV with a header, for the terminal: lines end as there."""
    return csv_text(COLUMNS, ([row[column] for column in COLUMNS] for row in events), line_end="\n")


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, line_end: str = "\r\n") -> str:
    """A table as RFC 4180 has it. A cell that a spreadsheet would run as a formula gets a quote in front."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=line_end)
    writer.writerow(columns)
    writer.writerows([_cell(cell) for cell in row] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value


def as_json(events: Iterable[Mapping[str, Any]]) -> str:
    """The events as a JSON array, details as objects."""
    return json.dumps([{**row, "detail": json.loads(row["detail"])} for row in events], ensure_ascii=False, indent=2)
