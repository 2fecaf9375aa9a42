"""The running sandbox as one thing: the simulated world, the bot beside it, and what a person can do with both."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from pathlib import Path

from sandbox import saves
from sandbox.ambush import Ambush
from sandbox.clock import Clock
from sandbox.kit import ControlError
from sandbox.stack import BotProcess, Simulators

# Of a bot that does not get ready, the end of its log says why.
LOG_SHOWN = 1_500
SLOWEST, FASTEST = 0.1, 100.0
LONGEST_SKIP_S = 30 * 86_400.0
# The bot is told its clock as a speed and the instant since when. At exactly 1 that cannot tell a clock that is
# ahead, so that one runs a hair's breadth off; the simulators' clock runs the same.
BREADTH = 0.01
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,39}")
NEVER_STARTED, KILLED = None, -9


class Workbench:
    """The simulators and the bot.

    What cannot be done is a ControlError with a sentence, and so is what comes while something else is under way.
    """

    def __init__(
        self, simulators: Simulators, bot: BotProcess, folder: Path, *, saves_folder: Path | None = None
    ) -> None:
        self.simulators = simulators
        self.bot = bot
        self.folder = folder
        # Each saved state is a file NAME.zip there.
        self.saves = saves_folder or folder / "saves"
        self.ambush = Ambush(simulators.all(), bot)
        self._under_way = ""

    @property
    def clock(self) -> Clock:
        return self.simulators.clock

    @property
    def is_starting(self) -> bool:
        """Whether the bot is on its way up, or about to be."""
        return bool(self._under_way)

    @property
    def under_way(self) -> str:
        """What is being done at the moment, in words; empty where nothing is."""
        return self._under_way

    @property
    def bot_state(self) -> str:
        """`starting`, `running`, `killed`, `stopped`, `failed` (it ended by itself) or `off` (never started)."""
        if self._under_way:
            return "starting"
        if self.bot.is_running:
            return "running"
        return {NEVER_STARTED: "off", KILLED: "killed", 0: "stopped"}.get(self.bot.exit_code, "failed")

    async def kill_bot(self) -> None:
        """SIGKILL, as a crash would; at any moment."""
        await self.bot.kill()

    async def start_bot(self) -> None:
        """Start the bot on the database that it left."""
        if self.bot.is_running and not self._under_way:
            raise ControlError("The bot is running already.")
        with self._alone("a start"):
            await self._start()

    async def restart_bot(self) -> None:
        """SIGTERM, then a start on the same database."""
        with self._alone("a restart"):
            await self.bot.stop()
            await self._start()

    async def reset(self) -> None:
        """Everything back to the start: the three worlds as their seeds, no faults, no calls, a bot that knows nothing.

        The bot runs afterwards if it ran before. The clock goes on.
        """
        with self._alone("a reset"):
            was_running = self.bot.is_running
            await self.bot.kill()
            self.ambush.disarm()
            for simulator in self.simulators.all():
                await simulator.actions()["reset"]({})
                simulator.faults.clear()
                simulator.calls.clear()
            self.bot.forget()
            if was_running:
                await self._start()

    async def set_speed(self, speed: float) -> None:
        """Let `speed` simulated seconds pass per real second; a running bot is restarted to follow."""
        if not SLOWEST <= speed <= FASTEST:
            raise ControlError(f"The speed is between {SLOWEST:g} and {FASTEST:g}.")
        with self._alone("a change of speed"):
            self.clock.speed = self._tellable(speed)
            await self._let_bot_follow()

    async def skip(self, seconds: float) -> None:
        """Jump ahead; what was due meanwhile has happened. A running bot is restarted to follow."""
        if not 0 < seconds <= LONGEST_SKIP_S:
            raise ControlError(f"A jump goes ahead, by at most {LONGEST_SKIP_S / 86_400:.0f} days.")
        with self._alone("a jump in time"):
            self.clock.skip(seconds)
            self.clock.speed = self._tellable(self.clock.speed)
            self.simulators.fly.world.settle()
            self.simulators.fly.world.touch()
            await self._let_bot_follow()

    async def save(self, name: str) -> Path:
        """Save everything as it is at this instant under a name; its file."""
        path = self._file_of(name)
        if path.exists():
            raise ControlError(f"There is a saved state {name!r} already.")
        with self._alone("saving"):
            saves.write(saves.taken(self.simulators, self.bot), path)
        return path

    async def load(self, path: Path) -> None:
        """Put a saved state in the place of what there is; where the bot cannot start on it, everything stays.

        The bot runs afterwards if it ran before.
        """
        saved = saves.read(path)
        saves.try_out(saved, self.bot)
        with self._alone("a load"):
            was_running = self.bot.is_running
            await self.bot.kill()
            self.ambush.disarm()
            before = saves.Before(self.simulators, self.bot)
            await before.replace(saved)
            self.clock.speed = self._tellable(min(max(self.clock.speed, SLOWEST), FASTEST))
            if not was_running:
                return
            try:
                await self._start()
            except ControlError as error:
                await before.put_back()
                await self._start()
                raise ControlError(f"The bot cannot start on this state; all is as before. {error}") from None

    async def load_saved(self, name: str) -> None:
        """Go back to the state that was saved under a name."""
        await self.load(self._file_of(name))

    async def remove_saved(self, name: str) -> None:
        """Delete a saved state."""
        path = self._file_of(name)
        if not path.exists():
            raise ControlError(f"There is no saved state {name!r}.")
        path.unlink()

    def _file_of(self, name: str) -> Path:
        if not NAME.fullmatch(name):
            raise ControlError("A name has 1 to 40 letters, digits, spaces, dots, dashes; a letter or digit first.")
        return self.saves / f"{name}.zip"

    def _tellable(self, speed: float) -> float:
        ahead_s = self.clock.now() - time.time()
        if abs(speed - 1) >= BREADTH or abs(ahead_s) < 1:
            return speed
        return 1 - BREADTH if ahead_s > 0 else 1 + BREADTH

    async def _let_bot_follow(self) -> None:
        if self.bot.is_running:
            await self.bot.stop()
            await self._start()

    async def _start(self) -> None:
        try:
            await self.bot.start()
        except RuntimeError as error:
            raise ControlError(str(error)[-LOG_SHOWN:]) from None

    @contextlib.contextmanager
    def _alone(self, what: str) -> Iterator[None]:
        if self._under_way:
            raise ControlError(f"Wait a moment: {self._under_way} is under way.")
        self._under_way = what
        try:
            yield
        finally:
            self._under_way = ""
