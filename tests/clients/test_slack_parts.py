"""What the Slack client is made of: turns under a limit, and answers kept for a while."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from bot.clients.memory import Memory
from bot.clients.pacing import Pacer

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class QueueingClock:
    """Time that stands still until a test lets it pass; sleepers wake in order."""

    def __init__(self) -> None:
        self.time = NOW
        self._sleepers: list[tuple[datetime, int, asyncio.Event]] = []
        self._numbers = count()

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        heapq.heappush(self._sleepers, (self.time + timedelta(seconds=seconds), next(self._numbers), woken))
        await woken.wait()

    async def pass_time(self, seconds: float) -> None:
        """Let so many seconds pass, waking each sleeper at its time."""
        end = self.time + timedelta(seconds=seconds)
        await settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            self.time, _, woken = heapq.heappop(self._sleepers)
            woken.set()
            await settle()
        self.time = end


async def settle() -> None:
    """Let every task run as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> QueueingClock:
    return QueueingClock()


class Line:
    """People who wait for turns of one pacer; `served` has who came when, in seconds."""

    def __init__(self, clock: QueueingClock, pacer: Pacer) -> None:
        self._clock = clock
        self._pacer = pacer
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.served: list[tuple[str, float]] = []

    def join(self, name: str, *, urgent: bool = False, unless: Callable[[], bool] = bool) -> None:
        self.tasks[name] = asyncio.create_task(self._wait(name, urgent=urgent, unless=unless))

    async def _wait(self, name: str, *, urgent: bool, unless: Callable[[], bool]) -> None:
        if await self._pacer.turn(urgent=urgent, unless=unless):
            self.served.append((name, (self._clock.now() - NOW).total_seconds()))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.served]


async def test_turns_up_to_the_limit_come_at_once(clock: QueueingClock) -> None:
    """A burst goes through, what is over it waits for the window to move, in order."""
    line = Line(clock, Pacer(clock, limit=2, period=MINUTE))
    for name in "abcde":
        line.join(name)

    await clock.pass_time(121)

    assert line.served == [("a", 0), ("b", 0), ("c", 60), ("d", 60), ("e", 120)]


async def test_no_window_holds_more_than_the_limit(clock: QueueingClock) -> None:
    """Whatever window of a minute one looks at, at most 45 turns lie in it."""
    line = Line(clock, Pacer(clock, limit=45, period=MINUTE, reserve=10))
    for number in range(200):
        line.join(str(number), urgent=number % 3 == 0)
        await clock.pass_time(0.5)

    await clock.pass_time(600)

    times = [at for _, at in line.served]
    assert len(times) == 200
    assert max(sum(start <= at < start + 60 for at in times) for start in times) <= 45


async def test_the_urgent_overtake(clock: QueueingClock) -> None:
    """A final state passes all progress that waits, and several keep their order."""
    line = Line(clock, Pacer(clock, limit=1, period=MINUTE))
    line.join("first")
    line.join("progress")
    await clock.pass_time(30)
    line.join("final", urgent=True)
    line.join("last", urgent=True)

    await clock.pass_time(180)

    assert line.names == ["first", "final", "last", "progress"]


async def test_a_reserve_is_kept_for_the_urgent(clock: QueueingClock) -> None:
    """Progress cannot use up the minute: a final state still goes out at once."""
    line = Line(clock, Pacer(clock, limit=3, period=MINUTE, reserve=1))
    for name in "abc":
        line.join(name)
    await settle()
    line.join("final", urgent=True)

    await clock.pass_time(1)

    assert line.names == ["a", "b", "final"]


async def test_who_no_longer_wants_a_turn_uses_none(clock: QueueingClock) -> None:
    """What became obsolete while it waited takes nothing from the others."""
    obsolete: set[str] = set()
    line = Line(clock, Pacer(clock, limit=1, period=MINUTE))
    for name in "abc":
        line.join(name, unless=lambda name=name: name in obsolete)  # type: ignore[misc]
    await settle()
    obsolete.add("b")

    await clock.pass_time(61)

    assert line.served == [("a", 0), ("c", 60)]
    assert line.tasks["b"].done()


async def test_who_gives_up_lets_the_next_one_in(clock: QueueingClock) -> None:
    """A cancelled caller at the head of the queue does not block it."""
    line = Line(clock, Pacer(clock, limit=1, period=MINUTE))
    for name in "abc":
        line.join(name)
    await settle()
    line.tasks["b"].cancel()

    await clock.pass_time(61)

    assert line.names == ["a", "c"]


async def test_a_pause_holds_everybody(clock: QueueingClock) -> None:
    """After the provider asked for a pause nobody gets a turn before its end; a shorter one changes nothing."""
    pacer = Pacer(clock, limit=5, period=MINUTE)
    line = Line(clock, pacer)
    pacer.hold(timedelta(seconds=20))
    pacer.hold(timedelta(seconds=5))
    line.join("progress")
    line.join("final", urgent=True)

    await clock.pass_time(30)

    assert line.served == [("final", 20), ("progress", 20)]


class Source:
    """Counts how often each key was asked for; `answers` are given in order, an exception is raised."""

    def __init__(self, *answers: str | Exception) -> None:
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self._answers = list(answers)

    async def load(self, key: str) -> str:
        self.asked.append(key)
        await self.gate.wait()
        answer = self._answers.pop(0) if self._answers else f"{key}{len(self.asked)}"
        if isinstance(answer, Exception):
            raise answer
        return answer


def kept_for(clock: QueueingClock, source: Source, seconds: float = 90) -> Memory[str, str]:
    return Memory(clock, load=source.load, good_until=lambda _, asked_at: asked_at + timedelta(seconds=seconds))


@pytest.mark.parametrize(("later", "times"), [(0, 1), (89.9, 1), (90, 2)])
async def test_an_answer_is_kept_for_its_time(clock: QueueingClock, later: float, times: int) -> None:
    """Within its time it is not asked for again; at its end it is."""
    source = Source()
    memory = kept_for(clock, source)

    await memory.get("a")
    clock.time += timedelta(seconds=later)
    await memory.get("a")

    assert source.asked == ["a"] * times


async def test_the_time_counts_from_the_question(clock: QueueingClock) -> None:
    """A slow answer is as old as its question: a removal in between must not be missed for longer."""
    source = Source()
    source.gate.clear()
    memory = kept_for(clock, source)
    first = asyncio.create_task(memory.get("a"))
    await settle()
    clock.time += timedelta(seconds=60)
    source.gate.set()
    await first
    clock.time += timedelta(seconds=40)

    await memory.get("a")

    assert source.asked == ["a", "a"]


async def test_who_asks_at_a_time_shares_one_request(clock: QueueingClock) -> None:
    """Eight callers, one request for each key."""
    source = Source()
    source.gate.clear()
    memory = kept_for(clock, source)
    asking = [asyncio.create_task(memory.get(key)) for key in "abababab"]
    await settle()
    source.gate.set()

    found = await asyncio.gather(*asking)

    assert sorted(source.asked) == ["a", "b"]
    assert len(set(found)) == 2


async def test_a_failure_reaches_all_who_wait_and_is_not_kept(clock: QueueingClock) -> None:
    """Everybody who waited fails, and the next one asks anew."""
    source = Source(ValueError("down"), "up")
    source.gate.clear()
    memory = kept_for(clock, source)
    asking = [asyncio.create_task(memory.get("a")) for _ in range(3)]
    await settle()
    source.gate.set()

    failures = await asyncio.gather(*asking, return_exceptions=True)

    assert [type(failure) for failure in failures] == [ValueError] * 3
    assert await memory.get("a") == "up"


async def test_one_who_gives_up_does_not_take_the_answer_from_the_others(clock: QueueingClock) -> None:
    """The first caller is cancelled; the second still gets what the first one asked for."""
    source = Source("answer")
    source.gate.clear()
    memory = kept_for(clock, source)
    first = asyncio.create_task(memory.get("a"))
    second = asyncio.create_task(memory.get("a"))
    await settle()
    first.cancel()
    await settle()
    source.gate.set()

    assert await second == "answer"


async def test_only_the_value_that_was_bad_is_forgotten(clock: QueueingClock) -> None:
    """Two callers refused with the same token do not throw away the one that the first has fetched."""
    source = Source("old", "new")
    memory = kept_for(clock, source)
    await memory.get("a")

    memory.forget("a", "old")
    fetched = await memory.get("a")
    memory.forget("a", "old")

    assert (fetched, await memory.get("a"), len(source.asked)) == ("new", "new", 2)


async def test_what_is_no_longer_good_takes_no_room(clock: QueueingClock) -> None:
    """A thousand people who pressed a button once are not remembered for ever."""
    memory = kept_for(clock, Source())
    for number in range(1000):
        await memory.get(str(number))
        clock.time += timedelta(seconds=1)

    assert len(memory._kept) <= 91


async def test_closing_gives_up_what_is_under_way(clock: QueueingClock) -> None:
    """Nothing is left running, and who waits is told."""
    source = Source()
    source.gate.clear()
    memory = kept_for(clock, source)
    asking = asyncio.create_task(memory.get("a"))
    await settle()

    await memory.aclose()

    assert isinstance((await asyncio.gather(asking, return_exceptions=True))[0], asyncio.CancelledError)
