"""Plain SQL where milliseconds count.

sqlite-utils makes the schema, and is what the rest reads with. Its `insert` asks for the table's schema each time,
which costs more than the row and its commit together.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from sqlite_utils import Database


def rows(db: Database, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
    """What a query finds; columns by name."""
    cursor = db.conn.cursor()
    cursor.row_factory = sqlite3.Row
    return cursor.execute(sql, parameters)


def one(db: Database, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Row | None:
    """The first row that a query finds, or None."""
    row: sqlite3.Row | None = rows(db, sql, parameters).fetchone()
    return row


def insert(db: Database, table: str, row: Mapping[str, Any]) -> None:
    """Insert a row in the running transaction. The names are the caller's own, never somebody's text."""
    db.conn.execute(_insert(table, row), list(row.values()))


def insert_once(db: Database, table: str, row: Mapping[str, Any], *, by: str) -> bool:
    """Like `insert`, but False where a row with the same value in the unique column `by` is there already."""
    statement = f"{_insert(table, row)} ON CONFLICT ({by}) DO NOTHING"
    return bool(db.conn.execute(statement, list(row.values())).rowcount == 1)


def update(db: Database, table: str, row_id: str, changes: Mapping[str, Any]) -> None:
    """Change columns of the row with this id, in the running transaction; names as in `insert`."""
    assignments = ", ".join(f"{name} = ?" for name in changes)
    db.conn.execute(f"UPDATE {table} SET {assignments} WHERE id = ?", [*changes.values(), row_id])  # noqa: S608


def _insert(table: str, row: Mapping[str, Any]) -> str:
    return f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"  # noqa: S608
