"""Background work: nothing is lost, nothing is left, errors are told."""

from __future__ import annotations

import asyncio
import gc

from structlog.testing import capture_logs

from bot.tasks import Tasks


async def test_settling_waits_for_all_even_for_what_comes_later() -> None:
    """Work that starts more work is waited for to the end."""
    tasks, done = Tasks(), list[str]()

    async def second() -> None:
        await asyncio.sleep(0)
        done.append("second")

    async def first() -> None:
        await asyncio.sleep(0)
        tasks.spawn(second(), name="second")
        done.append("first")

    tasks.spawn(first(), name="first")
    was_busy = tasks.is_busy
    await tasks.settle()

    assert was_busy
    assert done == ["first", "second"]
    assert not tasks.is_busy


async def test_settling_with_nothing_to_do_returns() -> None:
    """No work is settled already."""
    tasks = Tasks()

    await tasks.settle()
    await tasks.stop(grace_s=0)

    assert not tasks.is_busy


async def test_an_error_is_logged_by_name_and_ends_only_its_work() -> None:
    """One that fails is told with its traceback; the others go on, and settling does not raise."""
    tasks, done, error = Tasks(), asyncio.Event(), KeyError("defect")

    async def fails() -> None:
        raise error

    async def works() -> None:
        await asyncio.sleep(0)
        done.set()

    with capture_logs() as logs:
        tasks.spawn(fails(), name="card 42")
        tasks.spawn(works(), name="card 43")
        await tasks.settle()

    assert done.is_set()
    assert [(entry["task"], entry["exc_info"], entry["log_level"]) for entry in logs] == [("card 42", error, "error")]


async def test_stopping_lets_short_work_end_and_cancels_the_rest() -> None:
    """Within the grace work ends by itself; what would not is cancelled, quietly, and waited for."""
    tasks, seen = Tasks(), list[str]()

    async def short() -> None:
        await asyncio.sleep(0)
        seen.append("short ended")

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            seen.append("endless cleaned up")

    with capture_logs() as logs:
        tasks.spawn(short(), name="short")
        tasks.spawn(endless(), name="endless")
        await tasks.stop(grace_s=0.01)

    assert seen == ["short ended", "endless cleaned up"]
    assert not tasks.is_busy
    assert logs == []


async def test_work_is_not_collected_while_it_waits() -> None:
    """Nobody else holds the task, and yet it comes to its end."""
    tasks, gate, done = Tasks(), asyncio.Event(), asyncio.Event()

    async def waits() -> None:
        await gate.wait()
        done.set()

    tasks.spawn(waits(), name="waits")
    await asyncio.sleep(0)
    gc.collect()
    gate.set()
    await tasks.settle()

    assert done.is_set()
