"""What the disk alone takes: two inserts and a commit that is on the disk, without thread, web server and Slack."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

ROW = "x" * 600


@dataclass(frozen=True)
class Disk:
    """Median milliseconds of a transaction, one after the other and after a pause."""

    busy_ms: float
    paused_ms: float


def measure(count: int, *, pause_s: float) -> Disk:
    """So many transactions of each sort, in a folder beside the one of the bot's database."""
    with tempfile.TemporaryDirectory() as folder:
        return Disk(
            _median_ms(Path(folder) / "busy.db", count, 0), _median_ms(Path(folder) / "idle.db", count, pause_s)
        )


def connected(path: Path) -> sqlite3.Connection:
    """A database with the bot's settings and one table."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("CREATE TABLE command (id INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT")
    return db


def _median_ms(path: Path, count: int, pause_s: float) -> float:
    taken = []
    with closing(connected(path)) as db:
        for _ in range(count):
            time.sleep(pause_s)
            started = time.perf_counter()
            db.execute("BEGIN IMMEDIATE")
            db.execute("INSERT INTO command (body) VALUES (?)", [ROW])
            db.execute("INSERT INTO command (body) VALUES (?)", [ROW])
            db.execute("COMMIT")
            taken.append(time.perf_counter() - started)
    return sorted(taken)[count // 2] * 1000
