"""The thread that writes: groups, savepoints, the lock on the file, and what is left after a kill."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlite_utils import Database

from bot.errors import ConfigError
from bot.store import Store
from bot.writer import GROUP_LIMIT, MEMORY, Files, Worker, read_only
from tests.builders import NOW, new_operation

ROOT = Path(__file__).resolve().parents[2]
CREATE = "CREATE TABLE IF NOT EXISTS note (id INTEGER PRIMARY KEY, text TEXT UNIQUE) STRICT"


def in_memory() -> Database:
    db = Database(memory=True)
    db.conn.execute("PRAGMA foreign_keys=ON")
    db.conn.execute(CREATE)
    db.conn.execute("CREATE TABLE reply (note INTEGER NOT NULL REFERENCES note (id))")
    return db


async def open_worker() -> Worker:
    worker = Worker("test-writer", in_memory, writes=True)
    await worker.start()
    return worker


def note(db: Database, text: str) -> int:
    return int(db.conn.execute("INSERT INTO note (text) VALUES (?)", [text]).lastrowid or 0)


def orphan(db: Database) -> None:
    """A write that only the commit finds out."""
    db.conn.execute("PRAGMA defer_foreign_keys=ON")
    db.conn.execute("INSERT INTO reply (note) VALUES (99)")


def notes(db: Database) -> list[str]:
    return [row["text"] for row in db.query("SELECT text FROM note ORDER BY id")]


async def test_one_that_fails_does_not_fail_its_neighbours() -> None:
    """In a group of three the middle one breaks: it alone is told, and nothing of it is kept."""

    def broken(db: Database) -> None:
        note(db, "half")
        raise KeyError("broken")

    worker = await open_worker()
    results = await asyncio.gather(
        worker.run(lambda db: note(db, "one")),
        worker.run(broken),
        worker.run(lambda db: note(db, "one")),
        worker.run(lambda db: note(db, "two")),
        return_exceptions=True,
    )
    kept = await worker.run(notes)
    await worker.stop()

    assert [type(result) for result in results] == [int, KeyError, sqlite3.IntegrityError, int]
    assert kept == ["one", "two"]


async def test_one_alone_that_fails_leaves_nothing() -> None:
    """Without neighbours there is no savepoint: the whole transaction is undone, and the next one works."""

    def broken(db: Database) -> None:
        note(db, "half")
        raise KeyError("broken")

    worker = await open_worker()
    with pytest.raises(KeyError, match="broken"):
        await worker.run(broken)
    await worker.run(lambda db: note(db, "one"))
    kept = await worker.run(notes)
    await worker.stop()

    assert kept == ["one"]


def write(path: str, content: bytes) -> None:
    Path(path).write_bytes(content)


def read(path: str) -> bytes:
    return Path(path).read_bytes()


async def busy(worker: Worker) -> tuple[asyncio.Future[bool], threading.Event]:
    """Keep the worker at one piece of work until the event is set: what is asked meanwhile becomes one group."""
    entered, gate = threading.Event(), threading.Event()

    def hold(_: Database) -> bool:
        entered.set()
        return gate.wait(10)

    held = asyncio.ensure_future(worker.run(hold))
    await asyncio.to_thread(entered.wait, 10)
    return held, gate


async def test_a_failed_commit_fails_its_group_and_nothing_else() -> None:
    """Where the commit is refused everyone of the group is told, nothing of it is kept, and the next one works."""
    worker = await open_worker()
    held, gate = await busy(worker)
    group = asyncio.gather(worker.run(lambda db: note(db, "lost")), worker.run(orphan), return_exceptions=True)
    await asyncio.sleep(0)

    gate.set()
    results = await group
    await worker.run(lambda db: note(db, "kept"))
    kept = await worker.run(notes)
    await worker.stop()

    assert await held
    assert [type(result) for result in results] == [sqlite3.IntegrityError] * 2
    assert kept == ["kept"]


async def test_many_writers_are_all_served() -> None:
    """More at once than a group takes: each gets its own answer, and all is stored."""
    worker = await open_worker()
    count = 3 * GROUP_LIMIT + 7

    ids = await asyncio.gather(*(worker.run(lambda db, n=n: note(db, str(n))) for n in range(count)))
    kept = await worker.run(notes)
    await worker.stop()

    assert len(set(ids)) == len(kept) == count


async def test_a_caller_that_leaves_does_not_take_its_write_along() -> None:
    """A cancelled await loses the answer, not the row."""
    worker = await open_worker()
    held, gate = await busy(worker)
    leaving = asyncio.ensure_future(worker.run(lambda db: note(db, "left behind")))
    await asyncio.sleep(0)

    leaving.cancel()
    gate.set()
    await held
    kept = await worker.run(notes)
    was_busy = worker.is_busy
    await worker.stop()

    assert leaving.cancelled()
    assert not was_busy
    assert kept == ["left behind"]


async def test_what_waits_is_written_before_the_end() -> None:
    """Stopping works off the queue; after that a write is refused instead of waiting for ever."""
    worker = await open_worker()
    waiting = [asyncio.ensure_future(worker.run(lambda db, n=n: note(db, str(n)))) for n in range(GROUP_LIMIT + 1)]
    await asyncio.sleep(0)

    await worker.stop()

    assert len(await asyncio.gather(*waiting)) == GROUP_LIMIT + 1
    assert not worker.is_alive
    with pytest.raises(RuntimeError, match="test-writer was stopped"):
        await worker.run(notes)


async def test_a_connection_that_cannot_be_opened_is_told_at_the_start() -> None:
    """What opening raises arrives at who started, and stopping afterwards is harmless."""

    def refuse() -> Database:
        raise OSError("no such disk")

    worker = Worker("test-writer", refuse, writes=True)

    with pytest.raises(OSError, match="no such disk"):
        await worker.start()
    await worker.stop()
    await worker.stop()


async def test_the_file_keeps_the_promised_settings(path: str) -> None:
    """WAL, every commit on the disk, foreign keys, and a reader that cannot write."""

    def pragmas(db: Database) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "recursive_triggers", "query_only")
        return [db.conn.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

    files = Files(path)
    await files.open()
    written, read = await files.writer.run(pragmas), await files.reader.run(pragmas)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        await files.reader.run(lambda db: db.conn.execute("DELETE FROM fire"))
    await files.close()

    assert written == ["wal", 2, 1, 5000, 1, 0]
    assert read[-1] == 1


async def test_a_read_sees_the_write_before_it(path: str) -> None:
    """Reads have a connection of their own and yet never look into the past."""
    store = Store(path)
    await store.open()

    for _ in range(50):
        made, _new = await store.create_operation(new_operation(), NOW)
        assert (await store.operation(made.id)).id == made.id
    await store.close()


async def test_a_folder_that_is_missing_is_made(tmp_path: Path) -> None:
    """The first start on a fresh volume needs no preparation."""
    store = Store(str(tmp_path / "new" / "folder" / "flytower.db"))

    await store.open()
    await store.close()

    assert (tmp_path / "new" / "folder" / "flytower.db").exists()


async def test_a_file_that_is_no_database_is_a_clear_refusal(path: str) -> None:
    """The variable is named, the file stays as it was, and the lock is free again."""
    content = b"this is no database, it is a letter\n" * 50
    write(path, content)

    with pytest.raises(ConfigError, match="FLYTOWER_DATABASE"):
        await Store(path).open()
    with pytest.raises(ConfigError, match="not a database"):
        await Store(path).open()

    assert read(path) == content


async def test_a_path_that_cannot_be_opened_is_a_clear_refusal(tmp_path: Path) -> None:
    """A folder where the file should be is named, not traced back."""
    with pytest.raises(ConfigError, match="FLYTOWER_DATABASE"):
        await Store(str(tmp_path)).open()


async def test_a_second_bot_in_the_process_is_refused(path: str) -> None:
    """One file, one bot; once the first is closed the second may open it."""
    first, second = Store(path), Store(path)
    await first.open()

    with pytest.raises(ConfigError, match="another Flytower has it open"):
        await second.open()
    await first.close()
    third = Store(path)
    await third.open()

    assert third.is_alive
    await third.close()


OPEN_AND_TELL = """
import asyncio, sys
from bot.errors import ConfigError
from bot.store import Store

async def main():
    try:
        await Store(sys.argv[1]).open()
    except ConfigError as error:
        print(error.message)

asyncio.run(main())
"""

WRITE_AND_DIE = """
import asyncio, os, signal, sys
from bot.store import Store
from tests.builders import NOW, new_operation

async def main():
    store = Store(sys.argv[1])
    await store.open()
    for number in range(5):
        await store.create_operation(new_operation(key=f"trigger-{number}"), NOW)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def python(program: str, path: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own."""
    command = [sys.executable, "-c", program, path]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


async def test_a_second_process_is_refused_and_the_first_keeps_its_number(path: str) -> None:
    """The second bot says who is in the way and which variable to change; the lock still names the first."""
    store = Store(path)
    await store.open()
    number = read(f"{path}.lock")

    second = await asyncio.to_thread(python, OPEN_AND_TELL, path)

    assert "another Flytower has it open" in second.stdout
    assert path in second.stdout
    assert read(f"{path}.lock") == number == str(os.getpid()).encode()
    await store.close()


async def test_what_was_awaited_survives_a_kill(path: str) -> None:
    """A process killed right after its writes leaves every row, and no lock behind."""
    died = await asyncio.to_thread(python, WRITE_AND_DIE, path)
    assert died.returncode == -9, died.stderr

    store = Store(path)
    await store.open()
    again = [await store.create_operation(new_operation(key=f"trigger-{number}"), NOW) for number in range(5)]
    await store.close()

    assert [is_new for _, is_new in again] == [False] * 5


async def test_a_reader_beside_the_bot_sees_its_rows(path: str) -> None:
    """`flytower audit` may read while the bot runs, and cannot write."""
    store = Store(path)
    await store.open()
    made, _ = await store.create_operation(new_operation(), NOW)

    beside = read_only(path)
    seen = [row["id"] for row in beside.query("SELECT id FROM operation")]
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        beside.conn.execute("DELETE FROM operation")
    beside.close()
    await store.close()

    assert seen == [made.id]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE operation SET announced = 'yes'",
        "UPDATE operation SET plan_hash = NULL",
        "INSERT INTO journal (operation_id, step, target, status, at, detail) VALUES ('nobody', '', '', '', '', '')",
        "INSERT INTO journal (id, operation_id, step, target, status, at, detail) VALUES ('x', '', '', '', '', '', '')",
        "INSERT INTO fire (job, due) VALUES ('sweep', NULL)",
        "UPDATE operation SET finished_at = x'00ff'",
    ],
)
async def test_strict_tables_refuse_what_does_not_belong(statement: str) -> None:
    """A text for a number, nothing for something, a row of no operation: refused, not stored."""
    store = Store(MEMORY)
    await store.open()
    await store.create_operation(new_operation(), NOW)

    with pytest.raises(sqlite3.IntegrityError):
        await store.write(lambda db: db.conn.execute(statement))
    await store.close()
