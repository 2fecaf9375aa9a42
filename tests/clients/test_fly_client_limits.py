"""Fly's rate limits on a clock that only moves when somebody sleeps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.clients.fly.limits import DEFAULT_RATE, EVICT_ABOVE, GET_MACHINE_RATE, LATENESS_S, MARGIN, Limits, Rate


class SteppingClock:
    """Time that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.elapsed_s = 0.0

    def now(self) -> datetime:
        return datetime(2026, 11, 23, tzinfo=UTC) + timedelta(seconds=self.elapsed_s)

    async def sleep(self, seconds: float) -> None:
        self.elapsed_s += seconds


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock()


@pytest.mark.parametrize(
    ("rate", "at_once"), [(DEFAULT_RATE, 2), (GET_MACHINE_RATE, 8), (Rate(per_s=100 / 60, burst=1), 0)]
)
async def test_a_burst_goes_at_once_and_the_rest_in_step(clock: SteppingClock, rate: Rate, at_once: int) -> None:
    """A little less than the documented burst is free, then each request waits for its interval."""
    limits, went = Limits(clock), []

    for _ in range(20):
        await limits.turn("update", "m1", rate)()
        went.append(clock.elapsed_s)

    interval_s = MARGIN / rate.per_s
    expected = [max(0.0, (n - rate.burst + 1) * interval_s + LATENESS_S) for n in range(20)]
    assert went == pytest.approx(expected, abs=1e-4)
    assert went.count(0) == at_once


@pytest.mark.parametrize("rate", [DEFAULT_RATE, GET_MACHINE_RATE])
async def test_a_late_first_request_is_no_refusal(clock: SteppingClock, rate: Rate) -> None:
    """Fly counts arrivals: though the first request arrives 0.2 s late, the rest finds room in Fly's bucket."""
    limits, arrivals = Limits(clock), []

    for _ in range(30):
        await limits.turn("get", "m1", rate)()
        arrivals.append(max(0.2, clock.elapsed_s))

    room, last = float(rate.burst), 0.2
    for at in arrivals:
        room, last = min(rate.burst, room + (at - last) * rate.per_s) - 1, at
        assert room >= 0


async def test_a_pause_brings_the_burst_back(clock: SteppingClock) -> None:
    """After a rest as long as the burst, requests are free again."""
    limits = Limits(clock)
    for _ in range(3):
        await limits.turn("update", "m1")()
    await clock.sleep(3 * MARGIN)
    rested_at = clock.elapsed_s

    for _ in range(2):
        await limits.turn("update", "m1")()

    assert clock.elapsed_s == rested_at


async def test_actions_and_targets_do_not_wait_for_each_other(clock: SteppingClock) -> None:
    """Limits are per action and per Machine: others go at once."""
    limits = Limits(clock)

    for target in ("m1", "m2"):
        for action in ("update", "start"):
            for _ in range(2):
                await limits.turn(action, target)()

    assert clock.elapsed_s == 0


async def test_rested_keys_are_evicted(clock: SteppingClock) -> None:
    """A sweep over thousands of apps leaves no memory behind, and forgets nobody who still has to wait."""
    limits = Limits(clock)
    for number in range(EVICT_ABOVE):
        await limits.turn("app", f"app-{number}")()
    await clock.sleep(10)

    await limits.turn("app", "one-more")()

    assert len(limits) == 1
