"""Saved states: what is saved comes back as it was, and what is broken changes nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import zipfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.faults import Fault
from sandbox.fly.machine import Machine
from sandbox.kit import ControlError, Json
from sandbox.saves import DATABASE, STATE
from sandbox.stack import BotProcess, Simulators
from sandbox.workbench import Workbench
from tests.sandbox.page_visit import ANA, DEPLOYS, PRODUCTION, STAGING

SPEED = 40.0
LONGEST_WAIT_S = 30
MAIN = "sha-0c48c64d2651fd5aef4f3d6a045e0744c0113d27"
Spoil = Callable[[Json], Any]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Workbench]:
    """A workbench whose bot does not run yet."""
    async with Simulators(speed=SPEED) as simulators:
        bench = Workbench(simulators, BotProcess(simulators, tmp_path), tmp_path)
        yield bench
        await bench.bot.kill()


def said(bench: Workbench) -> list[str]:
    """The texts in #deploys."""
    return [message["text"] for message in bench.simulators.slack.channel_state(DEPLOYS)["messages"]]


def world(bench: Workbench) -> Any:
    """All that the simulators show, without what goes with time or with the process."""
    slack = bench.simulators.slack.state()
    shown = [slack["channels"], slack["users"], slack["views"], slack["files"]]
    fly = bench.simulators.fly.state() | {"now": 0}
    copy = json.loads(json.dumps([shown, fly, bench.simulators.github.state()], default=str))
    return without_revisions(copy)


def without_revisions(value: Any) -> Any:
    """Who looks often counts changes; the count goes on."""
    if isinstance(value, dict):
        return {key: without_revisions(inner) for key, inner in value.items() if key != "revision"}
    return [without_revisions(inner) for inner in value] if isinstance(value, list) else value


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LONGEST_WAIT_S):
        while True:
            if condition():
                return
            await asyncio.sleep(0.02)


async def change(bench: Workbench) -> None:
    """Something happens in each of the three worlds."""
    await bench.simulators.slack.say(user=ANA, channel=DEPLOYS, text="later")
    await bench.simulators.fly.actions()["destroy_app"]({"name": STAGING})
    await bench.simulators.github.actions()["tag"]({"name": "v9", "sha": "main"})
    bench.simulators.github.faults.add(Fault("no_runner"))


async def test_what_was_saved_comes_back(bench: Workbench) -> None:
    """Messages, apps, commits, faults and the clock are as they were when they were saved."""
    await bench.simulators.slack.say(user=ANA, channel=DEPLOYS, text="before")
    bench.simulators.fly.faults.add(Fault("unhealthy", target=PRODUCTION, times=2))
    before, faults = world(bench), bench.simulators.fly.faults.all()
    now = bench.clock.now()
    path = await bench.save("one")
    await change(bench)
    await bench.skip(3600)

    await bench.load(path)

    assert world(bench) == before
    assert bench.simulators.fly.faults.all() == faults
    assert bench.simulators.github.faults.all() == []
    assert now <= bench.clock.now() < now + 3600


async def test_a_loaded_world_goes_on(bench: Workbench) -> None:
    """Numbers go on where they were, and what was planned for a Machine happens."""
    machine = bench.simulators.fly.machines(PRODUCTION)[0].id
    await bench.simulators.fly.actions()["stop_machine"]({"machine": machine})
    path = await bench.save("stopping")
    await bench.reset()

    await bench.load(path)
    during = bench.simulators.fly.machine(machine).state
    await bench.skip(60)
    after = bench.simulators.fly.machine(machine).state
    tag = await bench.simulators.github.actions()["tag"]({"name": "v9", "sha": "main"})
    first = await bench.simulators.slack.say(user=ANA, channel=DEPLOYS, text="one")
    second = await bench.simulators.slack.say(user=ANA, channel=DEPLOYS, text="two")

    assert (during in {"stopping", "stopped"}, after) == (True, "stopped")
    assert tag["ref"] == "refs/tags/v9"
    assert first != second
    assert said(bench) == ["one", "two"]


async def test_a_state_can_be_loaded_in_another_sandbox(bench: Workbench, tmp_path: Path) -> None:
    """Other ports, another process: addresses of the simulators in it are those of the new ones."""
    await bench.simulators.slack.say(user=ANA, channel=DEPLOYS, text=f"see {bench.simulators.fly.url}/v1/apps")
    path = await bench.save("one")

    async with Simulators(speed=1) as simulators:
        other = Workbench(simulators, BotProcess(simulators, tmp_path / "other"), tmp_path / "other")
        await other.load(path)

        assert said(other) == [f"see {simulators.fly.url}/v1/apps"]
        assert other.clock.speed == SPEED


async def test_a_deployment_in_progress_finishes_after_the_load(bench: Workbench) -> None:
    """The same card goes on from where it was, with the bot's own database of that instant."""
    await bench.start_bot()
    slack, fly = bench.simulators.slack, bench.simulators.fly
    await slack.command(user=ANA, channel=DEPLOYS, text="/deploy staging main")
    await until(lambda: bool(fly.calls.find("POST", r"/machines$")))
    path = await bench.save("middle")
    cards = [m["ts"] for m in slack.channel_state(DEPLOYS)["messages"] if "<@U0ANA>" in m["text"]]
    was_over = fly.labels(STAGING) == {MAIN}
    await bench.reset()

    await bench.load(path)

    await until(lambda: any("Ship receipt" in text for text in said(bench)))
    assert not was_over
    assert [m["ts"] for m in slack.channel_state(DEPLOYS)["messages"] if m["ts"] in cards] == cards
    assert fly.labels(STAGING) == {MAIN}


async def test_a_world_with_a_run_under_way_is_not_saved(bench: Workbench) -> None:
    """The sentence names the run; ended or cancelled, the world can be saved."""
    github = bench.simulators.github
    await github.actions()["commit"]({"title": "Go", "runs": True})
    await until(lambda: any(run.latest.status == "in_progress" for run in runs(bench)))

    with pytest.raises(ControlError, match=r"A workflow run is under way \(CI #\d+\)"):
        await bench.save("running")
    await github.actions()["cancel"]({})
    await until(lambda: all(run.latest.status == "completed" for run in runs(bench)))
    path = await bench.save("ended")

    assert path.exists()


def runs(bench: Workbench) -> list[Any]:
    return next(iter(bench.simulators.github.world.repositories.values())).runs


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "x" * 41, "semi;colon", "né"])
async def test_a_name_is_a_plain_one(bench: Workbench, name: str) -> None:
    """No name leads out of the folder."""
    with pytest.raises(ControlError, match="A name has 1 to 40 letters"):
        await bench.save(name)

    assert not bench.saves.exists()


async def test_a_state_is_not_saved_over_another(bench: Workbench) -> None:
    """The second of a name is refused; removed, the name is free."""
    await bench.save("one")
    with pytest.raises(ControlError, match="already"):
        await bench.save("one")
    await bench.remove_saved("one")

    with pytest.raises(ControlError, match="There is no file"):
        await bench.load_saved("one")


def spoiled(path: Path, spoil: Spoil) -> None:
    """Change the state in a file."""
    with zipfile.ZipFile(path) as archive:
        state = json.loads(archive.read(STATE))
    spoil(state)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(STATE, json.dumps(state))


def nodes(state: Json, kind: str, name: str = "") -> list[list[Any]]:
    """The nodes of a kind, or the objects of a class."""
    return [node for node in state["nodes"] if node[0] == kind and node[1] == (name or node[1])]


def of_class(name: type) -> str:
    return f"{name.__module__}.{name.__qualname__}"


def call_system(state: Json) -> None:
    """What a pickle would do: name a function of the system as a step."""
    state["nodes"].append(["function", "os.system"])
    nodes(state, "object", of_class(Machine))[0][2]["vitals"] = {"@": len(state["nodes"]) - 1}


def reach_out(state: Json) -> None:
    """A method of an object that the file brings itself."""
    machine = state["nodes"].index(nodes(state, "object", of_class(Machine))[0])
    state["nodes"].append(["method", {"@": machine}, "__class__"])
    nodes(state, "object", of_class(Machine))[0][2]["vitals"] = {"@": len(state["nodes"]) - 1}


SPOILS: dict[str, Spoil] = {
    "another version": lambda state: state.update(version=2),
    "no nodes": lambda state: state.pop("nodes"),
    "a reference to nowhere": lambda state: state["roots"]["fly"].update(apps={"@": 10**9}),
    "a negative reference": lambda state: state["roots"]["fly"].update(apps={"@": -1}),
    "a part that is missing": lambda state: state["roots"].pop("slack"),
    "an attribute more": lambda state: state["roots"]["fly"].update(settle=None),
    "an attribute of another kind": lambda state: state["roots"]["fly"].update(apps=None),
    "a class that is no data": lambda state: nodes(state, "object")[0].__setitem__(1, "subprocess.Popen"),
    "a field more": lambda state: nodes(state, "object", of_class(Machine))[0][2].update(more=1),
    "a field of another kind": lambda state: nodes(state, "object", of_class(Machine))[0][2].update(config=7),
    "a function of the system": call_system,
    "a method of its own object": reach_out,
    "a clock without a time": lambda state: state.update(now="now"),
    "a clock in another age": lambda state: state.update(now=1e300),
    "a clock that stands": lambda state: state.update(speed=0),
    "addresses that are none": lambda state: state.update(addresses=[1]),
}


@pytest.mark.parametrize("spoil", SPOILS.values(), ids=SPOILS)
async def test_a_broken_file_changes_nothing(bench: Workbench, spoil: Spoil) -> None:
    """A sentence; the world, the clock and the bot's database are as before."""
    path = await bench.save("one")
    spoiled(path, spoil)
    await bench.simulators.slack.say(user=ANA, channel=DEPLOYS, text="still here")
    before, now = world(bench), bench.clock.now()

    with pytest.raises(ControlError, match=r"(broken|no state that this version)"):
        await bench.load(path)

    assert world(bench) == before
    assert now <= bench.clock.now() < now + 600


@pytest.mark.parametrize("content", [b"", b"PK", b"photos", b"PK\x05\x06" + b"\0" * 18])
async def test_what_is_no_saved_state_is_refused(bench: Workbench, tmp_path: Path, content: bytes) -> None:
    """Whatever the bytes are: a sentence."""
    file = tmp_path / "holiday.zip"
    file.write_bytes(content)

    with pytest.raises(ControlError, match="no state that this version"):
        await bench.load(file)


async def test_a_database_that_is_none_is_refused(bench: Workbench) -> None:
    """Bytes that are no database change nothing."""
    path = await bench.save("one")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(DATABASE, b"SQLite format 3\0" + b"x" * 4096)

    with pytest.raises(ControlError, match="broken"):
        await bench.load(path)


async def test_a_state_on_which_the_bot_cannot_start_is_taken_back(bench: Workbench, tmp_path: Path) -> None:
    """A database of somebody else's: the sentence says so, and the bot runs on its own again."""
    await bench.start_bot()
    path = await bench.save("one")
    with contextlib.closing(sqlite3.connect(tmp_path / "foreign.db")) as foreign:
        foreign.execute("CREATE TABLE operation (surgeon TEXT)")
    with zipfile.ZipFile(path) as archive:
        state = archive.read(STATE)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(STATE, state)
        archive.writestr(DATABASE, (tmp_path / "foreign.db").read_bytes())
    await bench.simulators.slack.say(user=ANA, channel=DEPLOYS, text="still here")

    with pytest.raises(ControlError, match="The bot cannot start on this state; all is as before"):
        await bench.load(path)

    answer = await bench.simulators.slack.command(user=ANA, channel=DEPLOYS, text="/deploy status")
    assert answer["outcome"] == "ok"
    assert "still here" in said(bench)
