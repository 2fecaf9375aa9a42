"""A bot that is killed by SIGKILL right after each thing that it writes down for the first time, and started again.

Run in the place of `python -m bot`. It dies after the commit and before anything that follows from it, at every
journal row and every change of state of every operation, so that no list of moments has to be kept anywhere. Each
life is a process of its own, forked from one that has imported everything: a start costs no second.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import bot.app
import bot.serve
from bot.cli import main
from bot.domain.operation import JournalRow, Operation
from bot.store import Store

# Where each death is noted, beside the database.
DEATHS = "deaths"
PR_SET_PDEATHSIG = 1


class DyingStore(Store):
    """The database of a process that does not outlive a new fact in it."""

    async def append_journal(self, operation_id: str, row: JournalRow) -> Operation:
        operation = await super().append_journal(operation_id, row)
        same = [r for r in operation.journal if (r.step, r.target, r.status) == (row.step, row.target, row.status)]
        if len(same) == 1:
            die()
        return operation

    async def transition(self, *args: Any, **kwargs: Any) -> Operation:
        operation = await super().transition(*args, **kwargs)
        die()
        return operation


def die() -> None:
    """What the kernel does when memory runs out, or Fly when a host is lost: no cleaning up."""
    os.kill(os.getpid(), signal.SIGKILL)


def live() -> None:
    """One life: until a new fact, or for good."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    main()


def supervise(folder: Path) -> None:
    """Start the bot whenever it died, as Fly does with a Machine, until somebody ends this process."""
    while True:
        child = os.fork()
        if child == 0:
            live()
        os.waitpid(child, 0)
        with (folder / DEATHS).open("a") as deaths:
            deaths.write("†")


def leave(_: int, __: FrameType | None) -> None:
    """The kernel ends the child with its parent."""
    os._exit(0)


if __name__ == "__main__":
    setattr(bot.app, "Store", DyingStore)  # noqa: B010  the module exports no such name
    signal.signal(signal.SIGTERM, leave)
    supervise(Path(os.environ["FLYTOWER_DATABASE"]).parent)
    sys.exit()
