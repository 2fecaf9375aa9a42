"""The whole world in one process: the three simulators and the bot, on one clock that jumps."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from bot.app import Application
from bot.config import Settings, load
from bot.domain.operation import Operation, State
from sandbox import stack
from sandbox.faults import Fault
from sandbox.kit import serving
from sandbox.stack import Simulators
from tests.virtual_time import BotClock, VirtualClock, VirtualLoop

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = (ROOT / "flytower.example.toml").read_text(encoding="utf-8")
CHANNEL = "C0DEPLOYS"
PRODUCTION, STAGING = "reify-studio", "reify-studio-staging"
SHA = {
    "v1.4.0": "282e3e8a6ca27ebb7a2e067595fcc1d52ab5a781",
    "v1.4.1": "dd085a7c339e27b92c8ba7afc115f2f8a21ee5f6",
    "plan": "6520dcab3bbddd93b49893ee90eb76d6ea6dea80",
    "v1.4.2": "844d6008b85920b87c9f6767ee5ea0e879305a82",
    "heading": "0c48c64d2651fd5aef4f3d6a045e0744c0113d27",
    "hostile": "15f7f3061d744d0efb11e0d1f2d27db09698ee85",
}
# Virtual seconds in a world in one process, real ones where the bot is a process of its own.
WAIT_S, REAL_WAIT_S = 3600.0, 30.0


def replacing(*pairs: tuple[str, str]) -> Callable[[str], str]:
    """A change of the example's text; a text that is not there is an error."""

    def change(text: str) -> str:
        for old, new in pairs:
            assert old in text, old
            text = text.replace(old, new)
        return text

    return change


RESTORING = replacing(("restore_on_failure = false", "restore_on_failure = true"))

_STAGING = "[pipeline.environments.staging.database]\n"
UNCHECKED = replacing(
    ("rollback = true  ", 'scale_check = "0s"\nrollback = true  '),
    (_STAGING, f'[pipeline.environments.staging.policy]\nscale_check = "0s"\n\n{_STAGING}'),
)


class Sight:
    """What people type and click, and what the simulators show of it afterwards."""

    def __init__(self, simulators: Simulators) -> None:
        self.simulators = simulators
        self.fly = simulators.fly
        self.github = simulators.github
        self.slack = simulators.slack

    async def press(self, action: str, *, by: str = "U0ANA", card: dict[str, Any] | None = None) -> dict[str, Any]:
        """Somebody presses a button; returns with the acknowledgement."""
        card = card or self.card()
        return await self.slack.click(user=by, channel=card["channel"], ts=card["ts"], action_id=action)

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Return once the condition holds; fails by its name."""
        loop = asyncio.get_running_loop()
        is_virtual = isinstance(loop, VirtualLoop) and loop.is_jumping
        try:
            async with asyncio.timeout(WAIT_S if is_virtual else REAL_WAIT_S):
                # Fly and Slack are simulated elsewhere on this loop and ring no bell.
                while not condition():  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"it never came to this: {what}") from None

    def messages(self, channel: str = CHANNEL) -> list[dict[str, Any]]:
        """The channel's messages that all can see, oldest first, threads left out."""
        return [m for m in self._all(channel) if not m["is_ephemeral"] and not _in_thread(m)]

    def thread(self, card: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """The replies below a card, oldest first."""
        card = card or self.card()
        return [m for m in self._all(card["channel"]) if _in_thread(m) and m["thread_ts"] == card["ts"]]

    def private(self, user: str = "U0ANA", channel: str = CHANNEL) -> list[str]:
        """What only this person saw, oldest first, as text."""
        return [text_of(m) for m in self._all(channel) if m["is_ephemeral"] and user in _viewers(m)]

    def card(self, channel: str = CHANNEL) -> dict[str, Any]:
        """The newest message that all can see."""
        return self.messages(channel)[-1]

    def _all(self, channel: str) -> list[dict[str, Any]]:
        return [m | {"channel": channel} for m in self.slack.channel_state(channel)["messages"]]

    def machines(self, app: str = PRODUCTION) -> list[dict[str, Any]]:
        """The app's Machines that are not destroyed and serve people."""
        return [m for m in self.all_machines(app) if m["state"] != "destroyed" and not _is_release_command(m)]

    def all_machines(self, app: str = PRODUCTION) -> list[dict[str, Any]]:
        """Every Machine that the app ever had, also those of release commands."""
        machines: list[dict[str, Any]] = self.fly.app_state(app)["machines"]
        return machines

    def labels(self, app: str = PRODUCTION) -> set[str]:
        """The image labels that the app's Machines run."""
        return {m["label"] for m in self.machines(app)}

    def releases(self, app: str = PRODUCTION) -> list[dict[str, Any]]:
        """The app's releases in Fly's books, oldest first."""
        return sorted(self.fly.app_state(app)["releases"], key=lambda release: release["version"])

    def release_commands(self, app: str = PRODUCTION) -> list[dict[str, Any]]:
        """The release commands that ran for the app."""
        return list(self.fly.release_commands(app))

    def fault(self, kind: str, **details: Any) -> Fault:
        """Let something go wrong at Fly."""
        return self.fly.faults.add(Fault(kind, **details))

    async def has_release_without_migration(self) -> str:
        """Production runs v1.4.2 by CI, and v1.5.0 (no migration since then) has its image; returns its label."""
        label = f"sha-{SHA['heading']}"
        self.fly.control.push_image(app=PRODUCTION, label=label)
        await self.fly.control.ci.deploy(PRODUCTION, f"registry.fly.io/{PRODUCTION}:sha-{SHA['v1.4.2']}")
        await self.github.actions()["tag"]({"name": "v1.5.0", "sha": SHA["heading"]})
        return label


class World(Sight):
    """Simulators and bot in one process: what a person does is over when the bot has nothing under way."""

    def __init__(self, simulators: Simulators, settings: Settings) -> None:
        super().__init__(simulators)
        self.settings = settings
        self.bot = self.new_bot()
        self.url = ""
        self._answering: tuple[Application, Starlette] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request to whichever bot is this world's now."""
        if self._answering is None or self._answering[0] is not self.bot:
            self._answering = self.bot, self.bot.asgi
        await self._answering[1](scope, receive, send)

    def new_bot(self) -> Application:
        """A bot on this world's database and clock, not started yet."""
        return Application(self.settings, clock=BotClock(self.simulators.clock))

    async def restarts_after(self, meanwhile: Callable[[], object]) -> None:
        """The bot stops, something happens at Fly meanwhile, and a new bot goes on until all is at rest."""
        await self.bot.stop()
        meanwhile()
        self.bot = self.new_bot()
        await self.bot.start()
        await self.settle()

    async def types(self, text: str, *, by: str = "U0ANA", channel: str = CHANNEL) -> dict[str, Any]:
        """Somebody types a command; returns when everything that it caused has come to rest."""
        result = await self.slack.command(user=by, channel=channel, text=text)
        await self.settle()
        return result

    async def clicks(self, action: str, *, by: str = "U0ANA", card: dict[str, Any] | None = None) -> dict[str, Any]:
        """Somebody presses a button of a card (the newest by default); returns when all has come to rest."""
        result = await self.press(action, by=by, card=card)
        await self.settle()
        return result

    async def settle(self) -> None:
        """Return when the bot has nothing under way."""
        async with asyncio.timeout(WAIT_S):
            await self.bot.settle()

    async def later(self, seconds: float) -> None:
        """It is so much later, and whatever slept until then has woken up, which it does within a minute."""
        self.simulators.clock.skip(seconds)
        await self.simulators.clock.sleep(60)
        await self.settle()

    async def operations(self) -> list[Operation]:
        """All operations in the database."""
        return await self.bot.store.operations(*State)


def text_of(message: dict[str, Any]) -> str:
    """Everything that a message says: its text and the text of its blocks."""
    return "\n".join([message.get("text") or "", *_texts(message.get("blocks") or [])])


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("text"), str):
            yield value["text"]
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _in_thread(message: dict[str, Any]) -> bool:
    return bool(message.get("thread_ts")) and message["thread_ts"] != message["ts"]


def _viewers(message: dict[str, Any]) -> list[str]:
    seen = message.get("visible_to")
    return [seen] if isinstance(seen, str) else list(seen or [])


def _is_release_command(machine: dict[str, Any]) -> bool:
    metadata: dict[str, Any] = machine.get("config", {}).get("metadata", {})
    return bool(metadata.get("fly_process_group") == "fly_app_release_command")


def settings(simulators: Simulators, database: Path | str, *, change: Callable[[str], str] = str) -> Settings:
    """The example's settings, pointed at the simulators; `change` edits the file's text."""
    environ = simulators.environment() | {"FLYTOWER_DATABASE": str(database)}
    return load(change(EXAMPLE), environ)


@contextlib.asynccontextmanager
async def world(database: Path | str, *, change: Callable[[str], str] = str) -> AsyncIterator[World]:
    """A world that is up, and afterwards down."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    async with stack.Simulators(clock=VirtualClock()) as simulators:
        made = World(simulators, settings(simulators, database, change=change))
        with loop.jumping(lambda: made.bot.store.is_busy):
            async with running_bot(made):
                yield made


@contextlib.asynccontextmanager
async def running_bot(made: World) -> AsyncIterator[World]:
    """The world's bot, listening."""
    await made.bot.start()
    try:
        async with serving(made) as url:
            made.url = url
            made.slack.request_url = f"{url}/slack/events"
            # What the start began by itself ends first. Computing takes time too, so the pause is one that outlasts it.
            await made.simulators.clock.sleep(1)
            yield made
    finally:
        await made.bot.stop()
