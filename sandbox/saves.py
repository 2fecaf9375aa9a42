"""The whole sandbox in a file: three worlds, their clock and faults, and the bot's database, as of one instant.

The file is a zip with `state.json` and, where the bot had one, `flytower.db`. What a crash at that instant would lose
is lost: requests on their way, open sockets. A workflow run under way goes in steps of its own that no file holds, so
a world with one is not saved.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sqlite3
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox import kit
from sandbox.codec import BROKEN, Reader, Vocabulary, Writer
from sandbox.fly import (
    ids,
    images,
    lifecycle,
    limits,
    machine,
    model,
    postgres_checks,
    postgres_members,
    proxy,
    snapshots,
    world,
)
from sandbox.fly import postgres as fly_postgres
from sandbox.github import git, hooks, workflows
from sandbox.github import limits as github_limits
from sandbox.github import model as github_model
from sandbox.kit import ControlError, Json
from sandbox.slack import files, messages, views
from sandbox.slack import world as slack_world
from sandbox.stack import BotProcess, Simulators

FORMAT, VERSION = "flytower-sandbox", 1
STATE, DATABASE = "state.json", "flytower.db"
LARGEST_MEMBER = 256 * 2**20
FLY_DATA = (model, machine, images, limits, world, lifecycle, fly_postgres)
GITHUB_DATA = (github_model, git, hooks, github_limits, workflows)
SLACK_DATA = (slack_world, messages, files, views)
STEPS = (proxy, postgres_checks, postgres_members, snapshots)
FURTHER = (ids.Ids, ids.Numbers, images.Registry, limits.Limiter)
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d{1,5}(?!\d)")
# A world is tried out before it takes the place of another: so far ahead, in simulated seconds.
TRIAL_S = 3_600.0
LATEST = 4e9
NOT_OURS = "This is no state that this version of the sandbox saved."
BROKEN_FILE = "This file is broken: what is in it does not fit together."


@dataclass(frozen=True)
class Saved:
    """A sandbox at rest."""

    state: Json
    database: bytes | None


@dataclass(frozen=True)
class Part:
    """An object whose attributes are saved, but for those that belong to the running process."""

    name: str
    owner: object
    besides: frozenset[str]

    def values(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self.owner).items() if name not in self.besides}

    def set(self, values: Mapping[str, Any]) -> None:
        """Give the object these values; KeyError where they are not those that it has."""
        if values.keys() != self.values().keys():
            raise KeyError(self.name)
        vars(self.owner).update(values)


def parts(simulators: Simulators) -> list[Part]:
    """Everything that these simulators know."""
    fly, github, slack = simulators.fly, simulators.github, simulators.slack
    found = [
        Part("fly", fly.world, frozenset({"clock", "faults", "_changed", "watches", "shown", "revision"})),
        Part("github", github.world, frozenset({"clock", "faults", "url", "pushed", "pulled", "tell"})),
        Part("github.limits", github.limits, frozenset({"clock"})),
        Part("github.webhooks", github.webhooks, frozenset({"_world", "_client", "_tasks", "_queues"})),
        Part("slack", slack.world, frozenset({"clock", "url", "views", "revision"})),
        Part("slack.views", slack.world.views, frozenset({"_new_id", "_clock"})),
    ]
    return found + [Part(f"{each.name}.faults", each.faults, frozenset({"kinds"})) for each in simulators.all()]


def _vocabulary(simulators: Simulators) -> Vocabulary:
    owners = {"lifecycle": simulators.fly.lifecycle, "world": simulators.fly.world}
    return Vocabulary((kit, *FLY_DATA, *GITHUB_DATA, *SLACK_DATA), STEPS, FURTHER, owners)


def taken(simulators: Simulators, bot: BotProcess) -> Saved:
    """The sandbox as it is at this instant, for which the bot stands still; ControlError while a run is under way."""
    if runs := _runs_under_way(simulators):
        raise ControlError(f"A workflow run is under way ({runs[0]}): save when it has ended, or cancel it.")
    with bot.standing_still():
        database = _copied(bot.database)
        writer = Writer(_vocabulary(simulators))
        roots = {
            part.name: {name: writer.write(value) for name, value in part.values().items()}
            for part in parts(simulators)
        }
    clock = simulators.clock
    state: Json = {
        "format": FORMAT,
        "version": VERSION,
        "now": clock.now(),
        "speed": clock.speed,
        "addresses": _addresses(simulators, bot),
        "roots": roots,
        "nodes": writer.nodes,
    }
    return Saved(state, database)


def _runs_under_way(simulators: Simulators) -> list[str]:
    """Those that go by themselves; a run that a person set to be under way stays where it is, and can be saved."""
    going = {task.get_name() for task in asyncio.all_tasks()}
    runs = [run for repo in simulators.github.world.repositories.values() for run in repo.runs]
    return [f"{run.workflow.name} #{run.number}" for run in runs if f"run-{run.id}" in going]


def _addresses(simulators: Simulators, bot: BotProcess) -> dict[str, str]:
    """Where each is reached: what was said before names them, and they are elsewhere next time."""
    return {each.name: each.url for each in simulators.all()} | {"bot": bot.url}


def _copied(path: Path) -> bytes | None:
    if not path.exists():
        return None
    with contextlib.closing(sqlite3.connect(path)) as source, contextlib.closing(sqlite3.connect(":memory:")) as copy:
        try:
            source.backup(copy)
        except sqlite3.Error as error:
            raise ControlError(f"The bot's database cannot be read at the moment ({error}): try again.") from None
        return copy.serialize()


def write(saved: Saved, path: Path) -> None:
    """Write the file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = path.with_suffix(".part")
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(STATE, json.dumps(saved.state))
        if saved.database is not None:
            archive.writestr(DATABASE, saved.database)
    whole.replace(path)


def read(path: Path) -> Saved:
    """What a file holds, not yet tried; ControlError with a sentence for one that no sandbox wrote."""
    try:
        with zipfile.ZipFile(path) as archive:
            state = json.loads(_member(archive, STATE))
            database = _member(archive, DATABASE) if DATABASE in archive.namelist() else None
    except FileNotFoundError:
        raise ControlError(f"There is no file {path.name}.") from None
    except (OSError, zipfile.BadZipFile, NotImplementedError, *BROKEN):
        raise ControlError(NOT_OURS) from None
    if not isinstance(state, dict) or (state.get("format"), state.get("version")) != (FORMAT, VERSION):
        raise ControlError(NOT_OURS)
    if database is not None:
        _check_database(database)
    return Saved(state, database)


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as member:
        content = member.read(LARGEST_MEMBER + 1)
    if len(content) > LARGEST_MEMBER:
        raise ValueError(name)
    return content


def _check_database(content: bytes) -> None:
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        try:
            # In memory there is no write-ahead log: https://www.sqlite.org/c3ref/deserialize.html
            database.deserialize(content[:18] + b"\x01\x01" + content[20:])
            is_whole = database.execute("PRAGMA quick_check").fetchall() == [("ok",)]
        except sqlite3.Error:
            is_whole = False
    if not is_whole:
        raise ControlError(BROKEN_FILE)


def try_out(saved: Saved, bot: BotProcess) -> None:
    """Play the saved world for a while where nobody sees it; ControlError where that breaks."""
    scratch = Simulators()
    try:
        _fill(saved.state, scratch, bot)
        scratch.clock.skip(TRIAL_S)
        for simulator in scratch.all():
            simulator.state()
    except BROKEN:
        raise ControlError(BROKEN_FILE) from None


def _fill(state: Json, simulators: Simulators, bot: BotProcess) -> None:
    moved = _moved(state, _addresses(simulators, bot))
    reader = Reader(_vocabulary(simulators), moved["nodes"])
    found = parts(simulators)
    for part in found:
        part.set({name: reader.read(value) for name, value in moved["roots"][part.name].items()})
    if not 0 < moved["now"] < LATEST or not moved["speed"] > 0:
        raise ValueError("now, speed")
    simulators.clock.show(moved["now"])
    simulators.clock.speed = moved["speed"]


def _moved(state: Json, addresses: Mapping[str, str]) -> Json:
    """The state with the addresses of today in the place of those of that day."""
    moves = {old: addresses[name] for name, old in state["addresses"].items() if ADDRESS.fullmatch(old)}
    moved: Json = json.loads(ADDRESS.sub(lambda found: moves.get(found[0], found[0]), json.dumps(state)))
    return moved


class Before:
    """What was there before another state took its place: the very objects, and the bot's database."""

    def __init__(self, simulators: Simulators, bot: BotProcess) -> None:
        self._simulators = simulators
        self._bot = bot
        self._values = [(part, part.values()) for part in parts(simulators)]
        self._clock = (simulators.clock.now(), simulators.clock.speed)
        self._database = _copied(bot.database)

    async def replace(self, saved: Saved) -> None:
        """Put a state that was tried out in its place. The bot must not run."""
        await self._interrupt()
        _fill(saved.state, self._simulators, self._bot)
        self._finish(saved.database)

    async def put_back(self) -> None:
        """Everything as it was, but for the runs that were under way: they stay where they were."""
        await self._interrupt()
        for part, values in self._values:
            part.set(values)
        self._simulators.clock.show(self._clock[0])
        self._simulators.clock.speed = self._clock[1]
        self._finish(self._database)

    async def _interrupt(self) -> None:
        """Drop what goes by itself: runs, deliveries, retries."""
        github = self._simulators.github
        github.pipeline.begin_anew(github.world)
        github.webhooks.begin_anew(github.world, ())
        await self._simulators.slack.reset()

    def _finish(self, database: bytes | None) -> None:
        self._bot.forget()
        if database is not None:
            self._bot.database.write_bytes(database)
        # Whoever looks at these by their number of changes has to look again.
        self._simulators.slack.world.changed()
        self._simulators.fly.world.touch()
