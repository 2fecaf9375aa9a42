"""Machines API: start, stop, restart, suspend, cordon, signal, exec and processes.

Source: https://fly.io/docs/machines/api/machines-resource/
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.fly import postgres_shell
from sandbox.fly.errors import ApiError, machines_answer, precondition
from sandbox.fly.http import Api, Call
from sandbox.fly.lifecycle import Lifecycle
from sandbox.fly.machine import Machine, seconds_of
from sandbox.fly.machines_api import NO_ROOM
from sandbox.fly.model import App
from sandbox.fly.postgres_checks import Member
from sandbox.fly.shapes import DURATION
from sandbox.fly.world import World
from sandbox.kit import Json

# Why a Machine in one of these states cannot be started.
START_REFUSALS = {
    "created": "unable to start machine from current state: 'created'",
    "replacing": "machine getting replaced, refusing to start",
    "stopping": "machine still active, refusing to start",
    "suspending": "machine still active, refusing to start",
    "starting": "machine still attempting to start",
    "restarting": "machine still attempting to start",
}
NOT_RUNNING = "machine not running"
FATAL_SIGNALS = {"SIGTERM": 15, "SIGKILL": 9, "SIGINT": 2, "SIGQUIT": 3, "SIGABRT": 6, "SIGSEGV": 11}
OTHER_SIGNALS = frozenset({"SIGALRM", "SIGFPE", "SIGHUP", "SIGILL", "SIGPIPE", "SIGTRAP", "SIGUSR1", "SIGUSR2"})
SHELL = re.compile(r"(?:/bin/)?(?:ba|da)?sh")
COMMAND_NOT_FOUND, SYNTAX_ERROR = 127, 2


class ActionsApi(Api):
    prefix = "/v1/apps/{app}/machines/{machine}"

    def __init__(self, world: World, lifecycle: Lifecycle) -> None:
        super().__init__(world, on_error=machines_answer)
        self._lifecycle = lifecycle

    def routes(self) -> list[Route]:
        return [
            self.route("POST", "/start", self.start),
            self.route("POST", "/stop", self.stop),
            self.route("POST", "/restart", self.restart),
            self.route("POST", "/suspend", self.suspend),
            self.route("POST", "/cordon", self.cordon),
            self.route("POST", "/uncordon", self.uncordon),
            self.route("POST", "/signal", self.signal),
            self.route("POST", "/exec", self.exec),
            self.route("GET", "/ps", self.processes),
        ]

    async def start(self, call: Call) -> Response:
        app, machine = self._reachable(call, "start_machine")
        previous = machine.state
        if previous != "started":
            self._check_start(app, machine)
            self._lifecycle.start(machine)
        return JSONResponse({"previous_state": previous, "migrated": False, "new_host": ""})

    async def stop(self, call: Call) -> Response:
        _, machine = self._reachable(call, "stop_machine")
        _timeout_of(call.json({"signal": str, "timeout": DURATION}).get("timeout"))
        if machine.state in {"created", "replacing"}:
            raise precondition(f"unable to stop machine from current state: '{machine.state}'")
        if machine.wants_to_run:
            self._lifecycle.stop(machine)
        return JSONResponse({"ok": True})

    async def restart(self, call: Call) -> Response:
        _, machine = self._reachable(call, "restart_machine")
        _timeout_of(call.query("timeout") or None)
        return self._while_started(machine, self._lifecycle.restart)

    async def suspend(self, call: Call) -> Response:
        _, machine = self._reachable(call, "suspend_machine")
        return self._while_started(machine, self._lifecycle.suspend)

    async def cordon(self, call: Call) -> Response:
        _, machine = call.leased_machine("cordon_machine")
        machine.cordoned = True
        return JSONResponse({"ok": True})

    async def uncordon(self, call: Call) -> Response:
        _, machine = call.leased_machine("uncordon_machine")
        machine.cordoned = False
        return JSONResponse({"ok": True})

    async def signal(self, call: Call) -> Response:
        _, machine = call.machine("signal_machine")
        number = _signal_number(call.json({"signal": (str, int)}).get("signal"))
        _check_started(machine)
        if number:
            self._lifecycle.exit(machine, self.world.now(), code=128 + number, signal=number)
        return JSONResponse({"ok": True})

    async def exec(self, call: Call) -> Response:
        app, machine = call.machine("exec_machine")
        body = call.json({"command": [str], "cmd": str, "timeout": int, "stdin": str, "container": str})
        command = body.get("command") or _words(body.get("cmd") or "")
        if not command:
            raise ApiError(400, "invalid_argument: command is required")
        _check_started(machine)
        return JSONResponse(run_program(self.world, app, machine, command))

    async def processes(self, call: Call) -> Response:
        _, machine = call.machine("list_processes")
        _check_started(machine)
        ports = [service["internal_port"] for service in machine.config.get("services") or []]
        sockets = [{"proto": "tcp", "address": f"0.0.0.0:{port}"} for port in ports]
        command = " ".join(machine.command) or "/app/bin/server"
        row = {"pid": 323, "stime": 12, "rtime": 60, "command": command, "directory": "/app", "cpu": 1, "rss": 98_304}
        return JSONResponse([{**row, "listen_sockets": sockets}])

    def _reachable(self, call: Call, action: str) -> tuple[App, Machine]:
        app, machine = call.leased_machine(action)
        if not self.world.host_is_reachable(machine):
            raise ApiError(503, "unavailable: the Machine's host is unreachable")
        return app, machine

    def _check_start(self, app: App, machine: Machine) -> None:
        if machine.state in START_REFUSALS:
            raise precondition(START_REFUSALS[machine.state])
        still_active_s = self.world.durations.still_active_s
        if machine.stopped_at is not None and self.world.now() < machine.stopped_at + still_active_s:
            raise precondition(START_REFUSALS["stopping"])
        if self.world.faults.peek("no_capacity", machine.region, machine.id, app.name) is not None:
            raise ApiError(409, NO_ROOM)

    def _while_started(self, machine: Machine, act: Callable[[Machine], None]) -> Response:
        _check_started(machine)
        act(machine)
        return JSONResponse({"ok": True})


def _check_started(machine: Machine) -> None:
    if machine.state == "destroyed":
        raise ApiError(404, "machine not found")
    if machine.state != "started":
        raise precondition(NOT_RUNNING)


def _timeout_of(value: object) -> float:
    """Seconds of a Go duration, or of a plain number of seconds; 400 for anything else."""
    try:
        return float(str(value)) if str(value).isdecimal() else seconds_of(value)
    except ValueError as error:
        raise ApiError(400, f"invalid_argument: {error}") from None


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise ApiError(400, f"invalid_argument: cmd: {error}") from None


def _signal_number(signal: object) -> int:
    """The number of a signal that ends a process, 0 for another; 400 if there is no such signal."""
    if signal in FATAL_SIGNALS.values():
        return int(str(signal))
    if signal not in FATAL_SIGNALS and signal not in OTHER_SIGNALS:
        raise ApiError(400, f"invalid_argument: unknown signal {signal!r}")
    return FATAL_SIGNALS.get(str(signal), 0)


def run_program(world: World, app: App, machine: Machine, command: list[str]) -> Json:
    """What a command prints: as the app's `programs` say (first `match` wins), or as a database answers.

    A shell knows `echo`, too.
    """
    script = command[2] if len(command) == 3 and SHELL.fullmatch(command[0]) and command[1] == "-c" else None
    line = script if script is not None else shlex.join(command)
    for program in app.programs:
        if re.search(program["match"], line) and program.get("machine", machine.id) == machine.id:
            return _result(program.get("exit_code", 0), program.get("stdout", ""), program.get("stderr", ""))
    try:
        words = shlex.split(line)
    except ValueError:
        return _result(SYNTAX_ERROR, "", "sh: syntax error: unterminated quoted string\n")
    answered = postgres_shell.run(Member(world, app, machine), command) if machine.vitals else None
    if answered is not None:
        return answered
    if words and words[0] == "echo":
        return _result(0, " ".join(words[1:]) + "\n", "")
    return _result(COMMAND_NOT_FOUND, "", f"sh: {words[0] if words else ''}: not found\n")


def _result(exit_code: int, stdout: str, stderr: str) -> Json:
    return {"exit_code": exit_code, "exit_signal": 0, "stdout": stdout, "stderr": stderr}
