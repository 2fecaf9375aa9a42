"""The workbench's clock and its ambushes: the simulators follow at once, the bot after a restart."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from sandbox.ambush import OFFERED
from sandbox.calls import call_named
from sandbox.clock import Clock
from sandbox.kit import ControlError
from sandbox.stack import BotProcess, Simulators
from sandbox.workbench import FASTEST, LONGEST_SKIP_S, SLOWEST, Workbench
from tests.sandbox.page_visit import ANA, DEPLOYS, PRODUCTION, STAGING, calling

SPEED = 20.0
LONGEST_WAIT_S = 30
MAIN = "sha-0c48c64d2651fd5aef4f3d6a045e0744c0113d27"
DAY_S = 86_400.0


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Workbench]:
    """A workbench whose bot does not run yet."""
    async with Simulators(speed=SPEED) as simulators:
        bench = Workbench(simulators, BotProcess(simulators, tmp_path), tmp_path)
        yield bench
        await bench.bot.kill()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LONGEST_WAIT_S):
        while True:
            if condition():
                return
            await asyncio.sleep(0.02)


def said(bench: Workbench) -> dict[str, str]:
    """The texts in #deploys by their timestamps, but for private ones."""
    messages = bench.simulators.slack.channel_state(DEPLOYS)["messages"]
    return {each["ts"]: each["text"] for each in messages if not each["is_ephemeral"]}


def told(bench: Workbench) -> float:
    """The Unix time that a bot would read from its variables now."""
    variables = bench.simulators.environment()
    speed, since = float(variables["FLYTOWER_CLOCK_SPEED"]), float(variables["FLYTOWER_CLOCK_SINCE"])
    return since + (time.time() - since) * speed


@pytest.mark.parametrize("speed", [SLOWEST, 1, 4.5, FASTEST])
async def test_a_speed_is_followed_at_once(bench: Workbench, speed: float) -> None:
    """The simulators' clock goes on from where it was, and a bot that is started now reads the same time."""
    before = bench.clock.now()

    await bench.set_speed(speed)

    assert bench.clock.now() >= before
    assert bench.clock.speed == pytest.approx(speed, abs=0.011)
    assert told(bench) == pytest.approx(bench.clock.now(), abs=1)
    assert float(bench.simulators.environment()["FLYTOWER_CLOCK_SINCE"]) >= 0


@pytest.mark.parametrize("speed", [1, 4, 0.5])
async def test_a_jump_is_told_to_the_bot_at_every_speed(bench: Workbench, speed: float) -> None:
    """Also at ×1, where speed and instant alone could not say that a clock is ahead."""
    await bench.set_speed(speed)
    before = bench.clock.now()

    await bench.skip(LONGEST_SKIP_S)

    assert bench.clock.now() >= before + LONGEST_SKIP_S
    assert told(bench) == pytest.approx(bench.clock.now(), abs=1)


@pytest.mark.parametrize("speed", [0, -1, 0.09, 100.1, math.inf, math.nan])
async def test_a_speed_out_of_bounds_is_refused(bench: Workbench, speed: float) -> None:
    """A sentence, and the clock runs on as before."""
    with pytest.raises(ControlError, match=r"between 0\.1 and 100"):
        await bench.set_speed(speed)

    assert bench.clock.speed == SPEED


@pytest.mark.parametrize("seconds", [0, -1, 31 * DAY_S, math.inf, math.nan])
async def test_a_jump_out_of_bounds_is_refused(bench: Workbench, seconds: float) -> None:
    """Time goes ahead only, and by no more than thirty days."""
    before = bench.clock.now()

    with pytest.raises(ControlError, match="by at most 30 days"):
        await bench.skip(seconds)

    assert bench.clock.now() < before + DAY_S


async def test_what_is_due_by_then_has_happened(bench: Workbench) -> None:
    """A Machine that was stopping has stopped after the jump."""
    machine = bench.simulators.fly.machines(PRODUCTION)[0].id
    await bench.set_speed(SLOWEST)
    await bench.simulators.fly.actions()["stop_machine"]({"machine": machine})
    during = bench.simulators.fly.machine(machine).state

    await bench.skip(600)

    assert (during, bench.simulators.fly.machine(machine).state) == ("stopping", "stopped")


async def test_who_sleeps_wakes_after_a_jump(bench: Workbench) -> None:
    """A workflow run at GitHub does not sleep on as if nothing had happened."""
    clock = Clock(SLOWEST)
    sleeping = asyncio.create_task(clock.sleep(3_600))
    await asyncio.sleep(0)

    clock.skip(3_600)

    async with asyncio.timeout(LONGEST_WAIT_S):
        await sleeping


async def test_a_deployment_in_progress_survives_a_change_of_speed(bench: Workbench) -> None:
    """The bot is restarted to follow, and the same card finishes."""
    await bench.start_bot()
    fly = bench.simulators.fly
    await bench.simulators.slack.command(user=ANA, channel=DEPLOYS, text="/deploy staging main")
    await until(lambda: bool(fly.calls.find("POST", r"/machines$")))
    cards, pid = said(bench), bench.bot.pid

    await bench.set_speed(60)

    await until(lambda: any("Ship receipt" in text for text in said(bench).values()))
    assert bench.bot.pid != pid
    assert "Ship receipt" in said(bench)[next(iter(cards))]
    assert fly.labels(STAGING) == {MAIN}


async def test_a_bot_that_is_off_stays_off(bench: Workbench) -> None:
    """A change of the clock starts nobody."""
    await bench.set_speed(4)
    await bench.skip(60)

    assert not bench.bot.is_running
    assert bench.bot_state == "off"


@pytest.mark.parametrize("moment", ["worked", "answered"])
async def test_the_bot_dies_at_the_next_call_and_the_same_card_finishes(bench: Workbench, moment: str) -> None:
    """Killed when Fly made the change: started again, it makes it no second time."""
    await bench.start_bot()
    bench.ambush.lay("fly", "change_machine", moment)
    fly = bench.simulators.fly
    await bench.simulators.slack.command(user=ANA, channel=DEPLOYS, text="/deploy staging main")
    await until(lambda: bench.bot_state == "killed")
    cards, made = said(bench), len(fly.calls.find("POST", r"/machines(/[^/]+)?$"))

    await bench.start_bot()

    await until(lambda: any("Ship receipt" in text for text in said(bench).values()))
    assert made == 1
    assert "Ship receipt" in said(bench)[next(iter(cards))]
    assert len(fly.release_commands(STAGING)) == 1
    assert bench.ambush.trap is None


async def test_another_call_springs_no_trap(bench: Workbench) -> None:
    """Only the call that was named, and only once it was worked."""
    await bench.start_bot()
    bench.ambush.lay("fly", "release_record", "worked")

    async with calling(bench.simulators.fly) as api:
        await api.get(f"/v1/apps/{PRODUCTION}/machines")

    assert bench.ambush.trap is not None
    assert bench.bot.is_running


@pytest.mark.parametrize(
    ("simulator", "call", "moment", "sentence"),
    [
        ("fly", "list_machines", "worked", "There is no moment at the call 'list_machines'"),
        ("heroku", "any", "worked", "There is no moment at the call 'any'"),
        ("fly", "change_machine", "before", "There is no moment 'before'; there are worked, answered"),
    ],
)
async def test_a_trap_that_is_not_offered_is_refused(
    bench: Workbench, simulator: str, call: str, moment: str, sentence: str
) -> None:
    """A sentence, and no trap is laid."""
    with pytest.raises(ControlError, match=sentence):
        bench.ambush.lay(simulator, call, moment)

    assert bench.ambush.trap is None


@pytest.mark.parametrize(("simulator", "name"), OFFERED)
def test_what_is_offered_is_a_call(simulator: str, name: str) -> None:
    """Every call at which the bot can be made to die has words for people."""
    call = call_named(simulator, name)

    assert call is not None
    assert call.label
