"""One SQLite file under asyncio: a thread that writes, with group commit, and a thread that reads.

The event loop never touches SQLite. A write is a function of the database; those that wait together are
committed together, each in a savepoint of its own, so that one that fails does not take its neighbours along.
Settings: WAL, synchronous=FULL (an audit log may not lose its last rows at power loss), foreign keys,
BEGIN IMMEDIATE (a deferred transaction that turns into a write fails at once where another process writes).
Source: SQLite, "Write-Ahead Logging", "Transaction".
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

from sqlite_utils import Database

from bot.errors import ConfigError
from bot.migrations import migrations

T = TypeVar("T")
Work = Callable[[Database], Any]
GROUP_LIMIT = 256
MEMORY = ":memory:"


@dataclass
class _Item:
    work: Work
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None

    def run(self, db: Database) -> None:
        try:
            self.result = self.work(db)
        except BaseException as error:  # noqa: BLE001  the caller's, handed to whoever awaits it
            self.error = error

    def resolve(self) -> None:
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Worker:
    """A thread that owns one connection and works a queue of functions."""

    def __init__(self, name: str, connect: Callable[[], Database], *, writes: bool) -> None:
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._connect = connect
        self._writes = writes
        self._pending = 0
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._stopped = False

    async def start(self) -> None:
        """Return once the connection is open; raises what opening it raised."""
        self._thread.start()
        await self._ready

    async def run(self, work: Callable[[Database], T]) -> T:
        """The result of `work` in the thread, after its transaction was committed.

        RuntimeError after `stop`: nobody would ever answer.
        """
        if self._stopped:
            raise RuntimeError(f"{self._thread.name} was stopped")
        future: asyncio.Future[T] = self._loop.create_future()
        self._pending += 1
        self._queue.put(_Item(work, future))
        # A caller that is cancelled leaves; its write goes on, since the thread never looks at the future.
        return await future

    async def stop(self) -> None:
        """Work off what waits, then close the connection. Harmless before the start and a second time."""
        self._stopped = True
        self._queue.put(None)
        if self._thread.ident is not None:
            await asyncio.to_thread(self._thread.join)

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def is_busy(self) -> bool:
        """Whether somebody waits for this thread."""
        return self._pending > 0

    def _work(self) -> None:
        try:
            db = self._connect()
        except BaseException as error:  # noqa: BLE001  raised again in start()
            self._tell(self._ready.set_exception, error)
            return
        self._tell(self._ready.set_result, None)
        while group := self._next_group():
            self._run(db, group)
        db.close()

    def _next_group(self) -> list[_Item]:
        first = self._queue.get()
        if first is None:
            return []
        group = [first]
        while len(group) < GROUP_LIMIT and not self._queue.empty():
            item = self._queue.get()
            if item is None:
                self._queue.put(None)
                break
            group.append(item)
        return group

    def _run(self, db: Database, group: list[_Item]) -> None:
        if self._writes:
            self._commit(db, group)
        else:
            for item in group:
                item.run(db)
        self._tell(self._resolve, group)

    def _resolve(self, group: list[_Item]) -> None:
        self._pending -= len(group)
        for item in group:
            item.resolve()

    def _commit(self, db: Database, group: list[_Item]) -> None:
        try:
            db.conn.execute("BEGIN IMMEDIATE")
            if len(group) == 1:
                _alone(db, group[0])
            else:
                for item in group:
                    _in_savepoint(db, item)
            # Nothing is left to commit where one alone was undone.
            db.conn.commit()
        except BaseException as error:  # noqa: BLE001  nothing of the group is stored, so all of it failed
            if db.conn.in_transaction:
                db.conn.rollback()
            for item in group:
                item.error = error

    def _tell(self, function: Callable[..., Any], argument: Any) -> None:
        # A loop that was closed has nobody left to tell.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, argument)


def _alone(db: Database, item: _Item) -> None:
    """Without a savepoint: each statement waits for the interpreter's lock, and most groups are of one."""
    item.run(db)
    if item.error is not None:
        db.conn.rollback()


def _in_savepoint(db: Database, item: _Item) -> None:
    db.conn.execute("SAVEPOINT item")
    item.run(db)
    if item.error is not None:
        db.conn.execute("ROLLBACK TO item")
    db.conn.execute("RELEASE item")


class Files:
    """The database as the process holds it: locked against a second bot, migrated, with two workers."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock: IO[str] | None = None
        # A memory database lives in one connection, so reads share the writer's thread.
        self.writer = Worker("flytower-writer", self._open_writer, writes=True)
        self.reader = self.writer if path == MEMORY else Worker("flytower-reader", self._open_reader, writes=False)

    async def open(self) -> None:
        """Open, lock and migrate; ConfigError where another bot holds the file, or it is no database of ours."""
        try:
            if self._path != MEMORY:
                Path(self._path).parent.mkdir(parents=True, exist_ok=True)
                self._lock = _lock(self._path)
            await self.writer.start()
            if self.reader is not self.writer:
                await self.reader.start()
        except (OSError, sqlite3.Error) as error:
            await self.close()
            raise ConfigError([f"FLYTOWER_DATABASE {self._path}: it cannot be opened ({error})."]) from error

    async def close(self) -> None:
        if self.reader is not self.writer:
            await self.reader.stop()
        await self.writer.stop()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _open_writer(self) -> Database:
        db = _connect(self._path)
        try:
            if self._path != MEMORY:
                db.enable_wal()
            db.conn.execute("PRAGMA synchronous=FULL")
            migrations.apply(db)
        except BaseException:
            db.close()
            raise
        return db

    def _open_reader(self) -> Database:
        return read_only(self._path)


def read_only(path: str) -> Database:
    """A connection that reads, also beside a running bot."""
    db = _connect(path)
    db.conn.execute("PRAGMA query_only=ON")
    return db


def _connect(path: str) -> Database:
    # sqlite-utils switches recursive_triggers on, which keeps INSERT OR REPLACE from rewriting audit events.
    db = Database(memory=True) if path == MEMORY else Database(path)
    db.conn.execute("PRAGMA busy_timeout=5000")
    db.conn.execute("PRAGMA foreign_keys=ON")
    # In kibibytes, for each connection; what does not fit is in the system's page cache.
    db.conn.execute("PRAGMA cache_size=-512")
    return db


def _lock(path: str) -> IO[str]:
    # Opened for appending: whoever does not get the lock must not wipe the holder's number.
    lock = Path(f"{path}.lock").open("a", encoding="ascii")  # noqa: SIM115  held as long as the process lives
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        problem = f"FLYTOWER_DATABASE {path}: another Flytower has it open. Stop that one, or give this one its own."
        raise ConfigError([problem]) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock
