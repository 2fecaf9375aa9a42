"""A simulator that is started alone says in one sentence why it cannot be."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from sandbox import kit
from sandbox.fly import FlySimulator
from sandbox.fly import __main__ as fly
from sandbox.fly.seeding import reference_seed
from sandbox.slack import __main__ as slack

STARTS: dict[str, Any] = {"fly": fly.main, "slack": slack.main}
BROKEN = {"torn": "{", "list": "[]", "bytes": "\udcff", "deep": '{"a": ' + "[" * 100_000}
ROOT = Path(__file__).parents[2]


def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], start: str, *options: str) -> str:
    """The last line that a start which is refused prints; its exit code is 2."""
    monkeypatch.setattr(sys, "argv", [start, *options])

    with pytest.raises(SystemExit) as ended:
        STARTS[start]()

    assert ended.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("kind", [*BROKEN, "absent", "folder"])
def test_a_seed_that_is_no_json_object_is_refused(
    start: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sentence names the file."""
    path = tmp_path / "seed.json"
    if kind in BROKEN:
        path.write_text(BROKEN[kind], encoding="utf-8", errors="surrogateescape")
    if kind == "folder":
        path.mkdir()

    line = refused(monkeypatch, capsys, start, "--seed", str(path))

    assert f"error: argument --seed: {'cannot read ' if kind in {'absent', 'folder'} else ''}{path}" in line


@pytest.mark.parametrize(
    ("start", "seed", "reason"),
    [
        ("fly", {"apps": 3}, "not iterable"),
        ("fly", {"apps": [{}]}, "'organization' is missing"),
        ("fly", {"durations": {"nap_s": 1}}, "unknown durations: nap_s"),
        ("fly", {"organizations": [{"slug": "x"}], "apps": [{"name": "A B", "organization": "x"}]}, "Name may only"),
        ("slack", {"team": {}}, "is missing"),
        ("slack", {}, "'team' is missing"),
    ],
)
def test_a_seed_with_other_content_is_refused(
    start: str,
    seed: Any,
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The sentence says what is wrong with it."""
    path = tmp_path / "seed.json"
    path.write_text(json.dumps(seed), encoding="utf-8")

    line = refused(monkeypatch, capsys, start, "--seed", str(path))

    assert "error: the seed cannot be used: " in line
    assert reason in line


@pytest.mark.parametrize(
    "options",
    [
        ("--port", "65536"),
        ("--port", "http"),
        ("--speed", "0"),
        ("--speed", "nan"),
        ("--speed", "inf"),
        ("--speed", "fast"),
        ("--delay-ms", "-1"),
        ("--delay-ms", "nan"),
    ],
)
def test_a_number_out_of_bounds_is_refused(
    options: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sentence repeats what was given."""
    line = refused(monkeypatch, capsys, "fly", *options)

    assert line.startswith(f"python -m sandbox.fly: error: argument {options[0]}: ")
    assert line.endswith(f"not {options[1]}")


async def test_a_port_that_is_taken_is_named() -> None:
    """The exit code is 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit) as ended:
            await kit.serve_until_signal(FlySimulator(reference_seed()), host="127.0.0.1", port=port)

    assert ended.value.code == f"cannot listen on 127.0.0.1:{port}: Address already in use"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_it_quietly(number: signal.Signals) -> None:
    """One line with the address, then exit code 0 and no trace."""
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-m", "sandbox.fly", "--delay-ms", "1", "--speed", "20")
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe, cwd=ROOT, env=dict(os.environ))
    assert process.stdout is not None
    first = await process.stdout.readline()
    process.send_signal(number)
    rest = await process.communicate()

    assert first.startswith(b"fly simulator listening on http://127.0.0.1:")
    assert (process.returncode, rest) == (0, (b"", b""))
