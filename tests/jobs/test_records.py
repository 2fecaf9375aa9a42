"""The beat of the records: soon after a change, again when a pause is over, and silent while nothing is to tell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from jobs.beat import Beat
from jobs.records import AFTER_A_DEFECT_S, SETTLES_S, record_beat
from tests.virtual_time import VirtualLoop


class LoopClock:
    """The time of the loop, which jumps."""

    def now(self) -> datetime:
        return datetime.fromtimestamp(asyncio.get_running_loop().time(), UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Recorder:
    """Notes when it is asked, and answers what the test wants: a pause, None, or an error; None after the last."""

    def __init__(self) -> None:
        self.at: list[float] = []
        self.answers: list[float | Exception | None] = []
        self._began = asyncio.get_running_loop().time()

    async def tick(self) -> float | None:
        self.at.append(round(asyncio.get_running_loop().time() - self._began, 1))
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
async def jumping() -> AsyncIterator[None]:
    """Time that jumps over waiting."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    with loop.jumping(lambda: False):
        yield


@pytest.fixture
async def recorder(jumping: None) -> Recorder:
    del jumping
    return Recorder()


@pytest.fixture
async def beat(recorder: Recorder) -> AsyncIterator[Beat]:
    """A beat that is stopped in the end."""
    made = record_beat(recorder, LoopClock())  # type: ignore[arg-type]
    yield made
    await made.stop()


async def test_it_begins_at_once_and_then_waits_for_a_change(recorder: Recorder, beat: Beat) -> None:
    """An hour without changes asks once; what changes many times in a row asks once more."""
    beat.start()
    await asyncio.sleep(3600)
    for _ in range(5):
        beat.wake()
        await asyncio.sleep(0.1)
    await asyncio.sleep(3600)

    assert recorder.at == [0, 3600 + SETTLES_S]


async def test_a_pause_ends_by_itself(recorder: Recorder, beat: Beat) -> None:
    """GitHub was down: it is asked again without any change."""
    recorder.answers = [300]
    beat.start()
    await asyncio.sleep(3600)

    assert recorder.at == [0, 300 + SETTLES_S]


async def test_a_change_ends_a_pause(recorder: Recorder, beat: Beat) -> None:
    """A record that waits an hour does not let a new one wait, too."""
    recorder.answers = [3600]
    beat.start()
    await asyncio.sleep(10)
    beat.wake()
    await asyncio.sleep(7200)

    assert recorder.at == [0, 10 + SETTLES_S]


async def test_it_outlives_a_defect(recorder: Recorder, beat: Beat) -> None:
    """The log has it, and the records are told later."""
    recorder.answers = [RuntimeError("a defect of ours")]
    with capture_logs() as logs:
        beat.start()
        await asyncio.sleep(3600)

    assert recorder.at == [0, AFTER_A_DEFECT_S + SETTLES_S]
    assert [entry["event"] for entry in logs] == ["a beat failed unexpectedly"]


async def test_stopped_it_asks_no_more(recorder: Recorder, beat: Beat) -> None:
    """Also where it was never started."""
    await beat.stop()
    recorder.answers = [5]
    beat.start()
    await asyncio.sleep(1)
    await beat.stop()
    beat.wake()
    await asyncio.sleep(3600)

    assert recorder.at == [0]
