"""The bot's process, the clock and the way back to the start on the page."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from sandbox.ambush import MOMENTS, OFFERED
from sandbox.calls import NAMES, call_named
from sandbox.kit import ControlError, Json
from sandbox.page.bodies import Act, get
from sandbox.page.items import Items
from sandbox.stack import SECRETS, WEBHOOK_SECRET
from sandbox.workbench import Workbench

LOG_BYTES, LOG_LINES = 65_536, 80


class WorkbenchPart:
    """What happens to the bot and to the world around it."""

    def __init__(self, workbench: Workbench) -> None:
        self._bench = workbench
        self._fixed: Items = {"workbench/moments": {"calls": list(map(_offered, OFFERED)), "moments": MOMENTS}}
        self._deeds: dict[str, Callable[[], Awaitable[None]]] = {
            "kill": workbench.kill_bot,
            "start": workbench.start_bot,
            "restart": workbench.restart_bot,
        }

    def items(self) -> Items:
        bench, trap = self._bench, self._bench.ambush.trap
        state: Json = {
            "state": bench.bot_state,
            "is_running": bench.bot.is_running,
            "is_starting": bench.is_starting,
            "under_way": bench.under_way,
            "pid": bench.bot.pid,
            "exit_code": bench.bot.exit_code,
            "trap": None
            if trap is None
            else f"{NAMES[trap.call.simulator]}: {trap.call.label}, {MOMENTS[trap.moment]}",
        }
        return self._fixed | {"workbench/bot": state, "workbench/clock": self._clock()}

    def _clock(self) -> Json:
        """What changes when the clock is changed, and not while it runs."""
        clock = self._bench.clock
        return {"speed": clock.speed, "zero": round(clock.now() - time.monotonic() * clock.speed)}

    def acts(self) -> dict[str, Act]:
        return {
            "bot": self.bot,
            "bot/kill-at": self.kill_at,
            "bot/log": self.log,
            "time/speed": self.speed,
            "time/skip": self.skip,
            "reset": self.reset,
        }

    async def bot(self, body: Json) -> Json:
        """`do`: `kill` (SIGKILL, as a crash would), `start` on the same database, or `restart` (SIGTERM before)."""
        do = get(body, "do", str)
        if do not in self._deeds:
            raise ControlError("`do` is `kill` or `start` or `restart`.")
        await self._deeds[do]()
        return {}

    async def kill_at(self, body: Json) -> Json:
        """Kill the bot at the next `call` to a `simulator`, at a `moment` of it; without `call`, not any more."""
        if body.get("call") is None:
            self._bench.ambush.disarm()
        else:
            self._bench.ambush.lay(*(get(body, key, str) for key in ("simulator", "call", "moment")))
        return {}

    async def log(self, _: Json) -> Json:
        """The newest lines of the bot's log, oldest first, as objects; what is no JSON stands under `event`."""
        return {"lines": list(map(_line, _tail(self._bench.bot.log_path)))}

    async def speed(self, body: Json) -> Json:
        """`speed` simulated seconds per real second from now on."""
        await self._bench.set_speed(_number(body, "speed"))
        return {}

    async def skip(self, body: Json) -> Json:
        """Jump ahead by simulated `seconds`."""
        await self._bench.skip(_number(body, "seconds"))
        return {}

    async def reset(self, _: Json) -> Json:
        """Everything back to the start."""
        await self._bench.reset()
        return {}


def _offered(place: tuple[str, str]) -> Json:
    simulator, name = place
    call = call_named(simulator, name)
    assert call is not None
    return {"simulator": simulator, "name": name, "label": f"{NAMES[simulator]}: {call.label}"}


def _number(body: Json, key: str) -> float:
    """The field as a number, however large: its limits are another's."""
    value = body.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ControlError(f"`{key}` is missing or not a number.")
    return value


def _tail(path: Path) -> list[str]:
    if not path.exists():
        return []
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - LOG_BYTES))
        text = log.read(LOG_BYTES).decode(errors="replace")
    for secret in (*SECRETS.values(), WEBHOOK_SECRET):
        text = text.replace(secret, "•••")
    return text.splitlines()[-LOG_LINES:]


def _line(text: str) -> Json:
    try:
        read: Any = json.loads(text)
    except ValueError:
        read = None
    return read if isinstance(read, dict) else {"event": text}
