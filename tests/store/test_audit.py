"""The audit: nothing is taken back, and a change from outside shows."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlite_utils import Database

from bot import audit
from bot.audit import COLUMNS, GENESIS, AuditEvent
from bot.migrations import migrations
from tests.builders import NOW

Events = list[dict[str, Any]]


@pytest.fixture
def db() -> Iterator[Database]:
    """A database with four events."""
    made = Database(memory=True)
    migrations.apply(made)
    for number, action in enumerate(("request", "start", "verify", "succeed")):
        event = AuditEvent(NOW + timedelta(seconds=number), "U0ANA", f"deployment.{action}", "op1", {"why": "Zürich"})
        audit.append(made, event)
    made.conn.commit()
    yield made
    made.close()


@pytest.fixture
def events(db: Database) -> Events:
    """The four events as they are stored."""
    return list(audit.rows(db))


def test_events_are_chained_from_the_first(events: Events) -> None:
    """Each event carries the hash of the one before, the first that of nothing; the whole is in order."""
    assert [event["seq"] for event in events] == [1, 2, 3, 4]
    assert [event["previous_hash"] for event in events] == [GENESIS, *(event["hash"] for event in events[:-1])]
    assert audit.problems(events) == []
    assert audit.problems([]) == []


FORGED = "at, 'U0EVE', action, subject, detail, previous_hash"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'U0EVE' WHERE seq = 2",
        "UPDATE audit SET hash = 'x'",
        "DELETE FROM audit WHERE seq = 4",
        "DELETE FROM audit",
        f"INSERT OR REPLACE INTO audit SELECT 2, {FORGED}, 'new' FROM audit WHERE seq = 2",
        f"REPLACE INTO audit SELECT 9, {FORGED}, hash FROM audit WHERE seq = 2",
        f"INSERT INTO audit SELECT 2, {FORGED}, 'new' FROM audit WHERE seq = 1 ON CONFLICT (seq) DO UPDATE SET at = ''",
    ],
)
def test_nothing_is_taken_back(db: Database, events: Events, statement: str) -> None:
    """Updating, deleting and replacing an event are refused by the database itself."""
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        db.conn.execute(statement)
    db.conn.rollback()

    assert list(audit.rows(db)) == events


def changed(column: str) -> Callable[[Events], Events]:
    return lambda events: [event | {column: "other"} if event["seq"] == 2 else event for event in events]


def swapped(events: Events) -> Events:
    one, two, three, four = events
    return [one, three | {"seq": 2}, two | {"seq": 3}, four]


def rehashed(events: Events) -> Events:
    """Changed by somebody who computed the hash of that one event anew."""
    forged = events[1] | {"actor": "U0EVE"}
    forged["hash"] = audit.chain_hash(forged["previous_hash"], forged)
    return [events[0], forged, *events[2:]]


@pytest.mark.parametrize(
    ("tamper", "expected"),
    [
        *[(changed(c), "event 2 was changed") for c in ("at", "actor", "action", "subject", "detail", "hash")],
        (changed("previous_hash"), "event 2 does not follow the one before it"),
        (rehashed, "event 3 does not follow the one before it"),
        (lambda events: [events[0], *events[2:]], "event 2 is missing (the next one is 3)"),
        (lambda events: events[1:], "event 1 is missing (the next one is 2)"),
        (lambda events: [events[1], events[0], *events[2:]], "event 1 is missing (the next one is 2)"),
        (swapped, "event 2 does not follow the one before it"),
        (lambda events: [*events[:3], events[3] | {"seq": 5}], "event 4 is missing (the next one is 5)"),
    ],
)
def test_a_change_from_outside_shows(events: Events, tamper: Callable[[Events], Events], expected: str) -> None:
    """A changed, removed or reordered event is named by its number."""
    assert expected in audit.problems(tamper(events))


def test_a_plain_connection_cannot_replace_either(db: Database, events: Events) -> None:
    """Without recursive triggers SQLite runs no trigger for what a replacement deletes: the insert is refused."""
    db.conn.execute("PRAGMA recursive_triggers=OFF")

    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        db.conn.execute(f"INSERT OR REPLACE INTO audit SELECT 2, {FORGED}, hash FROM audit WHERE seq = 2")

    assert audit.problems(audit.rows(db)) == []


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_a_cell_is_no_formula(start: str, events: Events) -> None:
    """What a spreadsheet would run stands behind a quote; everything else is as stored."""
    evil = f"{start}HYPERLINK(1,2)"

    cells = list(csv.reader(io.StringIO(audit.as_csv([events[0] | {"subject": evil}]))))[1]

    assert cells[COLUMNS.index("subject")] == f"'{evil}"
    assert cells[COLUMNS.index("actor")] == "U0ANA"


def test_the_csv_has_every_event_with_a_header(events: Events) -> None:
    """Commas, quotes and line ends inside a cell stay inside it."""
    odd = events[0] | {"detail": 'a, "b"\nc'}

    lines = list(csv.reader(io.StringIO(audit.as_csv([odd, *events[1:]]))))

    assert lines[0] == list(COLUMNS)
    assert lines[1][COLUMNS.index("detail")] == 'a, "b"\nc'
    assert [line[0] for line in lines[1:]] == ["1", "2", "3", "4"]


def test_the_json_has_details_as_objects(events: Events) -> None:
    """The export is one array, readable without decoding twice, umlauts as they are."""
    text = audit.as_json(events)

    assert [event["detail"] for event in json.loads(text)] == [{"why": "Zürich"}] * 4
    assert "Zürich" in text


def test_an_export_can_be_verified(events: Events) -> None:
    """What was exported as CSV, read back, has the same chain."""
    read = list(csv.DictReader(io.StringIO(audit.as_csv(events))))

    assert audit.problems([line | {"seq": int(line["seq"])} for line in read]) == []
