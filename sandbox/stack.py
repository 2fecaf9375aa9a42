"""The whole sandbox: three simulators in this process, the bot in one of its own, wired by configuration only."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from sandbox.clock import Clock
from sandbox.fly import FlySimulator
from sandbox.flyctl import Flyctl
from sandbox.github import GitHubSimulator
from sandbox.kit import Simulator, read_seed, running
from sandbox.slack import SlackSimulator
from sandbox.slack.manifest import installed
from sandbox.slack.simulator import SEED as SLACK_SEED

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "flytower.example.toml"
MANIFEST = ROOT / "manifest.json"
# The simulators' seeds know these; they open nothing else.
SECRETS = {
    "SLACK_BOT_TOKEN": "xoxb-sandbox-bot",
    "SLACK_SIGNING_SECRET": "sandbox-signing-secret",
    "GITHUB_TOKEN": "ghp_sandbox",
    "FLY_API_TOKEN_PRODUCTION": "FlyV1 fm2_sandbox_production",
    "FLY_API_TOKEN_STAGING": "FlyV1 fm2_sandbox_staging",
    "FLY_API_TOKEN_PERSONAL": "FlyV1 fm2_sandbox_personal",
}
# A bot needs none, and hears of nothing at GitHub then.
WEBHOOK_SECRET = "sandbox-webhook-secret"  # noqa: S105  it proves nothing but that the sandbox speaks
# The secret FLY_API_TOKEN of each environment at GitHub.
CI_TOKENS = {
    "production": SECRETS["FLY_API_TOKEN_PRODUCTION"],
    "staging": SECRETS["FLY_API_TOKEN_STAGING"],
    "review": SECRETS["FLY_API_TOKEN_PERSONAL"],
}
READY_S = 20.0
STOP_S = 15.0


class Simulators:
    """The three simulated platforms on one clock, listening on loopback.

    The Slack app is installed from its `manifest`: no command, scope or event that a real workspace would not give.
    """

    def __init__(self, *, speed: float = 1.0, clock: Clock | None = None, manifest: Path | None = MANIFEST) -> None:
        self.clock = clock or Clock(speed)
        self.fly = FlySimulator(clock=self.clock)
        self.github = GitHubSimulator(clock=self.clock)
        seed = read_seed(SLACK_SEED) or {}
        installation = read_seed(manifest)
        self.slack = SlackSimulator(installed(seed, installation) if installation else seed, clock=self.clock)
        self._open = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        for simulator in self.all():
            await self._open.enter_async_context(running(simulator))
        self.github.pipeline.cloud = Flyctl(self.fly.url, CI_TOKENS, self.clock)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    def all(self) -> tuple[Simulator, Simulator, Simulator]:
        """Fly, GitHub, Slack."""
        return self.fly, self.github, self.slack

    def environment(self) -> dict[str, str]:
        """The variables that point a bot at these simulators."""
        return SECRETS | {
            "SLACK_API_URL": f"{self.slack.url}/api/",
            "GITHUB_API_URL": self.github.url,
            "GITHUB_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "FLY_FLAPS_BASE_URL": self.fly.url,
            "FLY_API_BASE_URL": self.fly.url,
            "FLY_UIEX_BASE_URL": self.fly.url,
            "FLY_REGISTRY_URL": self.fly.url,
            "FLYTOWER_CLOCK_SPEED": str(self.clock.speed),
            "FLYTOWER_CLOCK_SINCE": str(self.clock.since),
        }


class BotProcess:
    """The bot as `flytower serve`, to start, kill and start again on the same database."""

    def __init__(self, simulators: Simulators, folder: Path, *, config: Path = CONFIG) -> None:
        self._simulators = simulators
        self._folder = folder
        self._config = config
        self._process: asyncio.subprocess.Process | None = None
        # What `python -m` runs; a test may put a bot of its own making in the place of ours.
        self.module = "bot"
        self.port = free_port()
        self.log_path = folder / "bot.log"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self) -> Path:
        return self._folder / "flytower.db"

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int | None:
        """The process while it runs."""
        return self._process.pid if self._process is not None and self.is_running else None

    @property
    def exit_code(self) -> int | None:
        """How it ended, negative for a signal; None while it runs or before it ever did."""
        return None if self._process is None else self._process.returncode

    async def start(self, extra: Mapping[str, str] | None = None) -> None:
        """Start and return once it is ready; RuntimeError with the end of its log when it is not.

        Whatever ends the waiting ends the process too.
        """
        self._simulators.slack.request_url = f"{self.url}/slack/events"
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "FLYTOWER_DATABASE": str(self.database),
            "FLYTOWER_LOG_FORMAT": "json",
            **self._simulators.environment(),
            **(extra or {}),
        }
        with self.log_path.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                self.module,
                "serve",
                "--config",
                str(self._config),
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=log,
            )
        try:
            await self._until_ready()
        except BaseException:
            await self.kill()
            raise
        await self._hear_of_github()

    async def _hear_of_github(self) -> None:
        """Point the repository's webhook here, where it is not yet."""
        github, url = self._simulators.github, f"{self.url}/github/webhooks"
        if url not in {hook.url for hook in github.webhooks.hooks.values()}:
            await github.actions()["configure"]({"webhook_url": url, "secret": WEBHOOK_SECRET})

    async def kill(self) -> None:
        """SIGKILL: no chance to say anything."""
        await self._end(signal.SIGKILL)

    def kill_at_once(self) -> None:
        """SIGKILL, without waiting for its end."""
        if self._process is not None and self.is_running:
            self._process.kill()

    @contextlib.contextmanager
    def standing_still(self) -> Iterator[None]:
        """SIGSTOP, and SIGCONT afterwards: the process, if it runs, does nothing meanwhile."""
        if self._process is None or not self.is_running:
            yield
            return
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    async def stop(self) -> None:
        """SIGTERM: a graceful stop."""
        await self._end(signal.SIGTERM)

    def forget(self) -> None:
        """Remove the database of a bot that does not run: the next start begins anew."""
        for end in ("", "-wal", "-shm"):
            self.database.with_name(self.database.name + end).unlink(missing_ok=True)

    async def _end(self, number: signal.Signals) -> None:
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        try:
            await asyncio.wait_for(process.wait(), STOP_S)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _until_ready(self) -> None:
        assert self._process is not None
        deadline = asyncio.get_running_loop().time() + READY_S
        while not await asyncio.to_thread(_answers, f"{self.url}/readyz"):
            if self._process.returncode is not None or asyncio.get_running_loop().time() > deadline:
                raise RuntimeError(f"The bot did not get ready:\n{self.log_path.read_text()[-3000:]}")
            await asyncio.sleep(0.05)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310  our own loopback address
            return bool(answer.status == 200)
    except OSError:
        return False


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.asynccontextmanager
async def stack(
    folder: Path, *, speed: float = 1.0, extra: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[Simulators, BotProcess]]:
    """The simulators and a bot that is ready; `extra` variables change how it is configured."""
    async with Simulators(speed=speed) as simulators:
        bot = BotProcess(simulators, folder)
        await bot.start(extra)
        try:
            yield simulators, bot
        finally:
            await bot.stop()
