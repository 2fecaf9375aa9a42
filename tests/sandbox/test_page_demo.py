"""`python -m sandbox`: the bot runs behind the page, and nothing is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.demo import PORT, demo, options
from sandbox.stack import ROOT, BotProcess, Simulators

LONGEST_WAIT_S = 30
PLAN = {"user": "U0ANA", "channel": "C0DEPLOYS", "text": "/deploy staging main --plan"}
Items = dict[str, Any]


def exists(pid: int) -> bool:
    """Whether the process is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def visitor(url: str) -> httpx.AsyncClient:
    """Somebody at the page."""
    return httpx.AsyncClient(base_url=url, verify=False, trust_env=False, timeout=LONGEST_WAIT_S)


async def items(client: httpx.AsyncClient) -> Items:
    """All that the page shows."""
    return dict((await client.get("/api/poll")).raise_for_status().json()["items"])


async def found(client: httpx.AsyncClient, wanted: Callable[[str, Any], bool]) -> list[Any]:
    """The items that are wanted, once there is one."""
    async with asyncio.timeout(LONGEST_WAIT_S):
        while True:
            there = [value for key, value in (await items(client)).items() if wanted(key, value)]
            if there:
                return there
            await asyncio.sleep(0.02)


async def messages_with(client: httpx.AsyncClient, text: str) -> list[Any]:
    """The messages that contain the text, once there is one."""
    return await found(client, lambda key, value: key.startswith("slack/message/") and text in value["text"])


async def bot(client: httpx.AsyncClient) -> Any:
    """How the page says the bot is."""
    return (await items(client))["workbench/bot"]


async def test_a_command_reaches_the_bot_and_a_killed_bot_comes_back(tmp_path: Path) -> None:
    """Typed at the page, planned by the bot; killed and started at the page; gone when the page ends."""
    async with demo(tmp_path, speed=40) as running, visitor(running.url) as client:
        await client.post("/api/command", json=PLAN)
        planned = await messages_with(client, "Plan: main")
        await client.post("/api/bot", json={"do": "kill"})
        killed = await bot(client)
        unheard = await client.post("/api/command", json=PLAN)
        await client.post("/api/bot", json={"do": "start"})
        started = await bot(client)
        again = await client.post("/api/bot", json={"do": "start"})
        heard = await client.post("/api/command", json=PLAN)

    assert planned[0]["visible_to"] == "U0ANA"
    assert (killed["state"], killed["pid"], killed["exit_code"]) == ("killed", None, -signal.SIGKILL)
    assert unheard.json()["outcome"] == "connection_failed"
    assert (started["state"], again.status_code) == ("running", 400)
    assert heard.json()["problem"] is None
    assert not exists(started["pid"])


async def modal_called(client: httpx.AsyncClient, title: str) -> Any:
    """Ana's modal, once it has that title."""
    return (await found(client, lambda key, value: key == "slack/view/U0ANA" and value["title"]["text"] == title))[0]


async def test_a_bare_command_leads_through_its_modal_to_a_deployment(tmp_path: Path) -> None:
    """Asked for, searched, chosen, planned and sent at the page: the card stands in the channel."""
    async with demo(tmp_path, speed=40) as running, visitor(running.url) as client:
        await client.post("/api/command", json=PLAN | {"text": "/deploy"})
        view = {"user": "U0ANA", "view_id": (await modal_called(client, "Deploy"))["id"]}
        ref = view | {"block_id": "ref", "action_id": "deploy_ref"}
        environment = view | {"block_id": "environment", "action_id": "environment", "value": "staging"}
        await client.post("/api/select", json=environment)
        suggested = await client.post("/api/suggest", json=ref | {"value": "head"})
        option = suggested.json()["options"][0]
        await client.post("/api/select", json=ref | {"value": option["value"]})
        await client.post("/api/submit", json=view)
        plan = await modal_called(client, "Plan")
        await client.post("/api/submit", json=view)
        cards = await messages_with(client, "by <@U0ANA>")

    assert (option["value"], option["description"]["text"]) == ("main", "CI passed · 0c48c64 Rename a heading")
    assert plan["submit"]["text"] == "Deploy to staging"
    assert "staging" in cards[0]["text"]


async def test_two_sandboxes_stand_side_by_side(tmp_path: Path) -> None:
    """Other ports, other folders, other worlds: what happens in one is nothing to the other."""
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()

    async with (
        demo(one, speed=40) as first,
        demo(two, speed=40) as second,
        visitor(first.url) as here,
        visitor(second.url) as there,
    ):
        await here.post("/api/command", json=PLAN)
        await messages_with(here, "Plan: main")
        await here.post("/api/fault", json={"name": "unhealthy", "on": True})
        elsewhere = await items(there)
        pids = [(await bot(client))["pid"] for client in (here, there)]

    assert [key for key in elsewhere if key.startswith(("slack/message/", "fault/on/"))] == []
    assert pids[0] != pids[1]
    assert [folder.joinpath("flytower.db").exists() for folder in (one, two)] == [True, True]


async def test_a_saved_state_is_where_a_sandbox_begins(tmp_path: Path) -> None:
    """Saved at the page of one, loaded by the next: the bot and the people remember the same."""
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    async with demo(one, speed=40) as running, visitor(running.url) as client:
        await client.post("/api/command", json=PLAN | {"text": "/deploy staging main"})
        await messages_with(client, "Ship receipt")
        saved = (await client.post("/api/saves/save", json={"name": "shipped"})).json()["file"]

    async with demo(two, speed=40, load=Path(saved)) as running, visitor(running.url) as client:
        said = await messages_with(client, "Ship receipt")
        await client.post("/api/command", json=PLAN | {"text": "/deploy history"})
        history = await found(client, is_private_history)

    assert said
    assert history


def is_private_history(key: str, value: Any) -> bool:
    """Whether this is a private message that tells of the commit that was shipped."""
    return key.startswith("slack/message/") and bool(value["visible_to"]) and "0c48c64" in str(value)


async def start_sandbox(*words: str) -> Process:
    command = [sys.executable, "-m", "sandbox", "--speed", "40", *words]
    return await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=PIPE, stderr=PIPE)


async def address_of(process: Process) -> tuple[str, list[str]]:
    """The address that a sandbox prints, and the lines before it."""
    assert process.stdout is not None
    before: list[str] = []
    while True:
        line = (await asyncio.wait_for(process.stdout.readline(), LONGEST_WAIT_S)).decode()
        found_here = [word for word in line.split() if word.startswith("http://127.0.0.1:")]
        if found_here:
            return found_here[0], before
        before.append(line)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_sandbox_ends_with_its_bot(tmp_path: Path, number: signal.Signals) -> None:
    """One line with the address when it is ready; Ctrl-C ends it with 0 and leaves no bot behind."""
    process = await start_sandbox("--port", "0", "--folder", str(tmp_path / "new"))
    address, before = await address_of(process)
    async with visitor(address) as client:
        pid = (await bot(client))["pid"]

    process.send_signal(number)
    output, errors = await asyncio.wait_for(process.communicate(), LONGEST_WAIT_S)

    assert (process.returncode, before, output, errors) == (0, [], b"", b"")
    assert not exists(pid)
    assert (tmp_path / "new" / "flytower.db").exists()


async def test_a_taken_port_that_was_asked_for_is_said_in_one_line(tmp_path: Path) -> None:
    """Exit code 1 and a sentence instead of a traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = await start_sandbox("--port", str(taken.getsockname()[1]), "--folder", str(tmp_path))
        _, errors = await asyncio.wait_for(process.communicate(), LONGEST_WAIT_S)

    assert process.returncode == 1
    assert errors.decode().startswith("The sandbox cannot run: ")
    assert errors.count(b"\n") == 1


async def test_where_the_usual_port_is_taken_a_free_one_is_taken(tmp_path: Path) -> None:
    """The sandbox says so and runs there."""
    with _usual_port_taken():
        process = await start_sandbox("--folder", str(tmp_path))
        address, before = await address_of(process)
        process.send_signal(signal.SIGINT)
        await asyncio.wait_for(process.communicate(), LONGEST_WAIT_S)

    assert before == [f"Port {PORT} is taken, perhaps by another sandbox, so this one takes a free one.\n"]
    assert not address.endswith(f":{PORT}")
    assert process.returncode == 0


def _usual_port_taken() -> socket.socket:
    """The usual port in use, by this test or by whoever has it already."""
    taken = socket.socket()
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind(("127.0.0.1", PORT))
        taken.listen()
    except OSError:
        taken.close()
    return taken


async def test_a_file_that_is_no_saved_state_ends_the_start_with_a_sentence(tmp_path: Path) -> None:
    """Exit code 1; no bot was started on it."""
    file = tmp_path / "holiday.zip"
    file.write_bytes(b"photos")

    process = await start_sandbox("--port", "0", "--folder", str(tmp_path), "--load", str(file))
    _, errors = await asyncio.wait_for(process.communicate(), LONGEST_WAIT_S)

    assert process.returncode == 1
    assert errors.decode() == "The sandbox cannot run: This is no state that this version of the sandbox saved.\n"
    assert not (tmp_path / "bot.log").exists()


async def test_a_bot_that_does_not_get_ready_is_ended(tmp_path: Path) -> None:
    """The error carries the end of its log, and no process stays."""
    async with Simulators() as simulators:
        process = BotProcess(simulators, tmp_path, config=tmp_path / "missing.toml")

        with pytest.raises(RuntimeError, match=r"(?s)did not get ready.*missing\.toml"):
            await process.start()

    assert process.pid is None


@pytest.mark.parametrize("speed", ["0", "-1", "inf", "nan", "fast", "1000"])
def test_a_speed_that_makes_no_sense_is_refused(speed: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The command line says which option is wrong."""
    with pytest.raises(SystemExit):
        options(["--speed", speed])

    assert "--speed" in capsys.readouterr().err
