"""`kill -9` of the bot's process in the middle of a deployment: it goes on, once, in the same message."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from sandbox.faults import Fault
from sandbox.stack import BotProcess, stack
from tests.world import PRODUCTION, SHA, Sight, text_of

NEW = f"sha-{SHA['v1.4.2']}"
IAD, SJC = "148e2d1c6e9789", "9080e4f2c51387"
SPEED = 20.0


class Scene(Sight):
    """Simulators here, the bot as a process."""

    bot: BotProcess

    def state(self) -> str:
        """The state of the one operation, as the database has it."""
        with sqlite3.connect(self.bot.database) as db:
            row = db.execute("SELECT state FROM operation").fetchone()
        db.close()
        return row[0] if row else ""

    async def deploys(self) -> None:
        """Ana types the command and presses the button."""
        await self.slack.command(user="U0ANA", channel="C0DEPLOYS", text="/deploy production v1.4.2")
        await self.until(lambda: len(self.messages()) == 1, "the plan is shown")
        await self.press("deployment_confirm")

    async def dies_and_comes_back(self) -> None:
        """SIGKILL, then a new process on the same database."""
        await self.bot.kill()
        await self.bot.start()

    def is_told(self) -> bool:
        """Whether the card says how it ended and the thread too."""
        return "live" in self.card()["text"] and bool(self.thread())


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """A bot process that is ready, and the simulators around it."""
    async with stack(tmp_path, speed=SPEED) as (simulators, bot):
        made = Scene(simulators)
        made.bot = bot
        yield made


def release_command_runs(scene: Scene) -> bool:
    return any(run["finished_at"] is None for run in scene.release_commands())


def first_machine_moved(scene: Scene) -> bool:
    return [machine["updates"] for machine in scene.machines()] == [1, 0]


def second_machine_moved(scene: Scene) -> bool:
    return [machine["updates"] for machine in scene.machines()] == [1, 1]


@pytest.mark.parametrize(
    "moment", [release_command_runs, first_machine_moved, second_machine_moved], ids=lambda moment: moment.__name__
)
async def test_a_killed_bot_goes_on_where_it_was(scene: Scene, moment: Callable[[Scene], bool]) -> None:
    """Killed at this moment and started again: one release command, one update each, the same message ends."""
    await scene.deploys()
    card = scene.card()
    await scene.until(lambda: moment(scene), moment.__name__)

    await scene.dies_and_comes_back()
    await scene.until(scene.is_told, "the end is told")

    assert len(scene.release_commands()) == 1
    assert [machine["updates"] for machine in scene.machines()] == [1, 1]
    assert {NEW} == scene.labels()
    assert card["ts"] == scene.card()["ts"]
    assert "2 of 2 Machines on the image" in text_of(scene.card())


async def test_a_bot_killed_before_its_last_message_tells_the_end_after_the_restart(scene: Scene) -> None:
    """Slack is down when the deployment ends and the bot dies: the card and the reply come after the restart."""
    await scene.deploys()
    await scene.until(lambda: second_machine_moved(scene), "both Machines moved")
    fault = scene.slack.faults.add(Fault("drop_before", path=r"^/api/chat\."))
    await scene.until(lambda: scene.state() == "succeeded", "the deployment succeeded")

    await scene.bot.kill()
    scene.slack.faults.remove(fault.id)
    await scene.bot.start()
    await scene.until(scene.is_told, "the end is told")

    assert len(scene.messages()) == 1
    assert len(scene.thread()) == 1


async def test_a_request_that_was_stored_but_not_planned_is_planned_after_the_restart(scene: Scene) -> None:
    """Killed between the acknowledgement and the plan: the plan appears after the restart."""
    scene.github.faults.add(Fault("delay", path="/repos/", seconds=60.0, times=1))
    await scene.slack.command(user="U0ANA", channel="C0DEPLOYS", text="/deploy production v1.4.2")

    await scene.dies_and_comes_back()
    await scene.until(lambda: len(scene.messages()) == 1, "the plan is shown")

    assert "waiting for confirmation" in text_of(scene.card())
    assert scene.release_commands(PRODUCTION) == []


async def test_a_stopped_bot_leaves_the_deployment_to_the_next_start(scene: Scene) -> None:
    """SIGTERM in the middle of a deployment: the process ends by itself, the next one finishes the work."""
    await scene.deploys()
    await scene.until(lambda: first_machine_moved(scene), "the first Machine moved")

    await scene.bot.stop()
    await scene.bot.start()
    await scene.until(scene.is_told, "the end is told")

    assert len(scene.release_commands()) == 1
    assert [machine["updates"] for machine in scene.machines()] == [1, 1]
