"""The bot killed in the middle of what it does: at the next call of a kind, at an exact moment of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from sandbox.calls import NamedCall, call_named
from sandbox.kit import ControlError, Json, Simulator
from sandbox.stack import BotProcess

# The moments of a call, as `CallLog.watch` tells them.
MOMENTS = {
    "worked": "it is done, and the answer is lost",
    "answered": "right after the answer",
}
# The calls at which it tells something to see the bot die.
OFFERED = (
    ("fly", "change_machine"),
    ("fly", "lease_machine"),
    ("fly", "release_record"),
    ("fly", "destroy_machine"),
    ("fly", "destroy_app"),
    ("github", "dispatch"),
    ("github", "create_ref"),
    ("slack", "chat.postMessage"),
    ("slack", "chat.update"),
)


@dataclass(frozen=True)
class Trap:
    """The call and the moment at which the bot dies."""

    call: NamedCall
    moment: str


class Ambush:
    """At most one trap is laid; it strikes once."""

    def __init__(self, simulators: Iterable[Simulator], bot: BotProcess) -> None:
        self._bot = bot
        self.trap: Trap | None = None
        for simulator in simulators:
            simulator.calls.watch = partial(self._look, simulator.name)

    def lay(self, simulator: str, call: str, moment: str) -> None:
        """Kill the bot at the next such call; ControlError for a call or a moment that is not offered."""
        found = call_named(simulator, call)
        if found is None or (simulator, call) not in OFFERED:
            raise ControlError(f"There is no moment at the call {call!r} to {simulator!r}.")
        if moment not in MOMENTS:
            raise ControlError(f"There is no moment {moment!r}; there are {', '.join(MOMENTS)}.")
        self.trap = Trap(found, moment)

    def disarm(self) -> None:
        self.trap = None

    def _look(self, simulator: str, call: Json, moment: str) -> None:
        trap = self.trap
        if trap is None or (trap.call.simulator, trap.moment) != (simulator, moment):
            return
        if trap.call.is_meant(call["method"], call["path"]):
            self.disarm()
            self._bot.kill_at_once()
