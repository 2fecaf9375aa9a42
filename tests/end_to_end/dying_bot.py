"""A bot that is killed by SIGKILL right after each thing that it writes down for the first time.

Run in the place of `python -m bot`. It dies after the commit and before anything that follows from it, at every
journal row and every change of state of every operation, so that no list of moments has to be kept anywhere.
"""

from __future__ import annotations

import os
import signal
from typing import Any

from bot.cli import main
from bot.domain.operation import JournalRow, Operation
from bot.store import Store


class DyingStore(Store):
    """The database of a process that does not outlive a new fact in it."""

    async def append_journal(self, operation_id: str, row: JournalRow) -> Operation:
        operation = await super().append_journal(operation_id, row)
        same = [r for r in operation.journal if (r.step, r.target, r.status) == (row.step, row.target, row.status)]
        if len(same) == 1:
            die()
        return operation

    async def transition(self, *args: Any, **kwargs: Any) -> Operation:
        await super().transition(*args, **kwargs)
        die()


def die() -> None:
    """What the kernel does when memory runs out, or Fly when a host is lost: no cleaning up."""
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    import bot.app

    bot.app.Store = DyingStore  # type: ignore[misc]
    main()
