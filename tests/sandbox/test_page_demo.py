"""`python -m sandbox`: the bot runs behind the page, and nothing is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.demo import demo, options
from sandbox.stack import ROOT, BotProcess, Simulators

LONGEST_WAIT_S = 30
PLAN = {"user": "U0ANA", "channel": "C0DEPLOYS", "text": "/deploy staging main --plan"}


def exists(pid: int) -> bool:
    """Whether the process is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def messages_with(client: httpx.AsyncClient, text: str) -> list[dict[str, Any]]:
    """The messages of #deploys that contain the text, once there is one."""
    async with asyncio.timeout(LONGEST_WAIT_S):
        while True:
            channels = (await client.get("/api/state")).json()["slack"]["channels"]
            found = [m for channel in channels for m in channel["messages"] if text in m["text"]]
            if found:
                return found
            await asyncio.sleep(0.02)


async def test_a_command_reaches_the_bot_and_a_killed_bot_comes_back(tmp_path: Path) -> None:
    """Typed at the page, planned by the bot; killed and started at the page; gone when the page ends."""
    async with (
        demo(tmp_path, speed=40) as url,
        httpx.AsyncClient(base_url=url, verify=False, trust_env=False, timeout=LONGEST_WAIT_S) as client,
    ):
        await client.post("/api/command", json=PLAN)
        planned = await messages_with(client, "Plan: main")
        killed = await client.post("/api/bot", json={"do": "kill"})
        unheard = await client.post("/api/command", json=PLAN)
        started = await client.post("/api/bot", json={"do": "start"})
        again = await client.post("/api/bot", json={"do": "start"})
        heard = await client.post("/api/command", json=PLAN)

    assert planned[0]["visible_to"] == "U0ANA"
    assert killed.json() == {"is_running": False, "is_starting": False, "pid": None}
    assert unheard.json()["outcome"] == "connection_failed"
    assert (started.json()["is_running"], again.status_code) == (True, 400)
    assert heard.json()["problem"] is None
    assert not exists(started.json()["pid"])


async def modal_called(client: httpx.AsyncClient, title: str) -> dict[str, Any]:
    """Ana's modal, once it has that title."""
    async with asyncio.timeout(LONGEST_WAIT_S):
        while True:
            view: dict[str, Any] = (await client.get("/api/state")).json()["slack"]["views"].get("U0ANA", {})
            if view.get("title", {}).get("text") == title:
                return view
            await asyncio.sleep(0.02)


async def test_a_bare_command_leads_through_its_modal_to_a_deployment(tmp_path: Path) -> None:
    """Asked for, searched, chosen, planned and sent at the page: the card stands in the channel."""
    async with (
        demo(tmp_path, speed=40) as url,
        httpx.AsyncClient(base_url=url, verify=False, trust_env=False, timeout=LONGEST_WAIT_S) as client,
    ):
        await client.post("/api/command", json=PLAN | {"text": "/deploy"})
        view = {"user": "U0ANA", "view_id": (await modal_called(client, "Deploy"))["id"]}
        ref = view | {"block_id": "ref", "action_id": "deploy_ref"}
        environment = view | {"block_id": "environment", "action_id": "environment", "value": "staging"}
        await client.post("/api/select", json=environment)
        found = await client.post("/api/suggest", json=ref | {"value": "head"})
        option = found.json()["options"][0]
        await client.post("/api/select", json=ref | {"value": option["value"]})
        await client.post("/api/submit", json=view)
        plan = await modal_called(client, "Plan")
        await client.post("/api/submit", json=view)
        cards = await messages_with(client, "by <@U0ANA>")

    assert (option["value"], option["description"]["text"]) == ("main", "CI passed · 0c48c64 Rename a heading")
    assert plan["submit"]["text"] == "Deploy to staging"
    assert "staging" in cards[0]["text"]


async def start_sandbox(*words: str) -> Process:
    command = [sys.executable, "-m", "sandbox", "--speed", "40", *words]
    return await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=PIPE, stderr=PIPE)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_sandbox_ends_with_its_bot(tmp_path: Path, number: signal.Signals) -> None:
    """One line with the address when it is ready; Ctrl-C ends it with 0 and leaves no bot behind."""
    process = await start_sandbox("--port", "0", "--folder", str(tmp_path / "new"))
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), LONGEST_WAIT_S)).decode()
    address = next(word for word in line.split() if word.startswith("http://127.0.0.1:"))
    async with httpx.AsyncClient(base_url=address, verify=False, trust_env=False) as client:
        pid = (await client.get("/api/state")).json()["bot"]["pid"]

    process.send_signal(number)
    output, errors = await asyncio.wait_for(process.communicate(), LONGEST_WAIT_S)

    assert (process.returncode, output, errors) == (0, b"", b"")
    assert not exists(pid)
    assert (tmp_path / "new" / "flytower.db").exists()


async def test_a_taken_port_is_said_in_one_line(tmp_path: Path) -> None:
    """Exit code 1 and a sentence instead of a traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = await start_sandbox("--port", str(taken.getsockname()[1]), "--folder", str(tmp_path))
        _, errors = await asyncio.wait_for(process.communicate(), LONGEST_WAIT_S)

    assert process.returncode == 1
    assert errors.decode().startswith("The sandbox cannot run: ")
    assert errors.count(b"\n") == 1


async def test_a_bot_that_does_not_get_ready_is_ended(tmp_path: Path) -> None:
    """The error carries the end of its log, and no process stays."""
    async with Simulators() as simulators:
        bot = BotProcess(simulators, tmp_path, config=tmp_path / "missing.toml")

        with pytest.raises(RuntimeError, match=r"(?s)did not get ready.*missing\.toml"):
            await bot.start()

    assert bot.pid is None


@pytest.mark.parametrize("speed", ["0", "-1", "inf", "nan", "fast"])
def test_a_speed_that_makes_no_sense_is_refused(speed: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The command line says which option is wrong."""
    with pytest.raises(SystemExit):
        options(["--speed", speed])

    assert "--speed" in capsys.readouterr().err
