"""`kill -9` after every journal row and every change of state, of every way that an operation can go."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.domain.operation import FINAL
from sandbox.faults import Fault
from sandbox.stack import BotProcess, Simulators
from tests.end_to_end.dying_bot import DEATHS
from tests.world import EXAMPLE, PRODUCTION, RESTORING, SHA, STAGING, Sight, text_of

HEADING = f"sha-{SHA['heading']}"
NEW, OLD = f"sha-{SHA['v1.4.2']}", f"sha-{SHA['v1.4.1']}"
SPEED = 60.0


@dataclass
class Patient:
    """A bot that dies all the time and is started again each time, as Fly does with a Machine."""

    sight: Sight
    bot: BotProcess

    @property
    def deaths(self) -> int:
        """How often it died so far."""
        return len((self.bot.database.parent / DEATHS).read_text())

    def rows(self, sql: str) -> list[tuple[str, ...]]:
        """What the database says."""
        with contextlib.closing(sqlite3.connect(self.bot.database)) as db:
            return list(db.execute(sql))

    def is_over(self) -> bool:
        """Whether the newest operation has ended and its end was told."""
        found = self.rows("SELECT state, announced FROM operation ORDER BY created_at DESC LIMIT 1")
        return bool(found) and found[0][0] in FINAL and bool(found[0][1])

    def waits_for_a_button(self) -> bool:
        said = text_of(self.sight.card()) if self.sight.messages() else ""
        return "waiting for confirmation" in said or "waiting for approval" in said

    def facts(self) -> Iterator[tuple[str, ...]]:
        """Every different thing that the operation wrote down."""
        yield from self.rows("SELECT DISTINCT step, target, status FROM journal WHERE step != 'waiting'")


async def nothing(_: Sight) -> None:
    """The world as it is."""


async def second_machine_is_unhealthy(sight: Sight) -> None:
    """Its checks fail on the new image."""
    sight.fly.faults.add(Fault("unhealthy", target="9080e4f2c51387", times=1))


async def release_without_migration_that_is_unhealthy(sight: Sight) -> None:
    """v1.5.0 could be undone, and has to be."""
    await sight.has_release_without_migration()
    await second_machine_is_unhealthy(sight)


async def greens_in_sjc_crash(sight: Sight) -> None:
    """The second of two new Machines never gets healthy."""
    sight.fly.faults.add(Fault("crash_loop", target="sjc"))


async def tag_without_image(sight: Sight) -> None:
    """v1.5.0 is on a commit whose CI passed, and production has no image of it."""
    await sight.github.actions()["tag"]({"name": "v1.5.0", "sha": SHA["heading"]})


async def bad_release(sight: Sight) -> None:
    """CI has brought v1.4.2 to production, with its migration."""
    await sight.fly.control.ci.deploy(PRODUCTION, f"registry.fly.io/{PRODUCTION}:{NEW}")


@dataclass(frozen=True)
class Case:
    """One way that an operation goes: what is typed, what goes wrong, where it ends."""

    name: str
    text: str
    app: str
    labels: set[str]
    state: str
    before: Callable[[Sight], Awaitable[None]] = nothing
    config: Callable[[str], str] = str
    release_commands: int = 1
    updates: int = 1
    runs: int = 0
    holds: int = 0
    press: tuple[str, str] = ("deployment_confirm", "U0ANA")
    regions: tuple[str, ...] = ()


CASES = [
    Case("rolling", "/deploy production v1.4.2", PRODUCTION, {NEW}, "succeeded"),
    Case("asleep", "/deploy staging main", STAGING, {HEADING}, "succeeded"),
    Case(
        "failing",
        "/deploy production v1.4.2",
        PRODUCTION,
        {NEW},
        "failed",
        before=second_machine_is_unhealthy,
    ),
    Case("canary", "/deploy production v1.4.2 --strategy canary", PRODUCTION, {NEW}, "succeeded"),
    Case("bluegreen", "/deploy production v1.4.2 --strategy bluegreen", PRODUCTION, {NEW}, "succeeded", updates=0),
    Case(
        "bluegreen-failing",
        "/deploy production v1.4.2 --strategy bluegreen",
        PRODUCTION,
        {OLD},
        "failed",
        before=greens_in_sjc_crash,
        updates=0,
    ),
    Case("dispatch", "/deploy production v1.5.0", PRODUCTION, {HEADING}, "succeeded", before=tag_without_image, runs=1),
    Case("tag", "/deploy production v1.5.0 --on main", PRODUCTION, {HEADING}, "succeeded", runs=1),
    Case(
        "restoring",
        "/deploy production v1.5.0",
        PRODUCTION,
        {NEW},
        "failed",
        before=release_without_migration_that_is_unhealthy,
        config=RESTORING,
        # One of them was CI's.
        release_commands=2,
        # CI's, ours, and the way back.
        updates=3,
    ),
    Case(
        "rollback",
        "/rollback production",
        PRODUCTION,
        {OLD},
        "succeeded",
        before=bad_release,
        # CI's and ours; the release command was CI's.
        updates=2,
        holds=1,
        press=("approval_approve", "U0CLEO"),
    ),
    Case(
        "scaling",
        "/scale production sjc=0 fra=2",
        PRODUCTION,
        {OLD},
        "succeeded",
        release_commands=0,
        updates=0,
        press=("approval_approve", "U0CLEO"),
        regions=("fra", "fra", "iad"),
    ),
    Case(
        "scaling-memory",
        "/scale production memory=2gb",
        PRODUCTION,
        {OLD},
        "succeeded",
        release_commands=0,
        press=("approval_approve", "U0CLEO"),
        regions=("iad", "sjc"),
    ),
]


async def dispatched_or_pushed(sight: Sight) -> list[str]:
    """The runs of production's workflow at GitHub."""
    answer = await sight.github.actions()["runs"]({"workflow": "deploy-production.yml"})
    return [run["status"] for run in answer["runs"]]


@pytest.fixture
async def patient(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Patient]:
    """Simulators here, the dying bot as a process, and somebody who starts it again."""
    config = tmp_path / "flytower.toml"
    config.write_text(request.param.config(EXAMPLE), encoding="utf-8")
    async with Simulators(speed=SPEED) as simulators:
        bot = BotProcess(simulators, tmp_path, config=config)
        bot.module = "tests.end_to_end.dying_bot"
        made = Patient(Sight(simulators), bot)
        await bot.start()
        try:
            yield made
        finally:
            await bot.stop()


@pytest.mark.parametrize(
    ("patient", "case"), [pytest.param(case, case, id=case.name) for case in CASES], indirect=["patient"]
)
async def test_killed_after_each_thing_that_it_writes_down_it_ends_as_if_nothing_had_happened(
    patient: Patient, case: Case
) -> None:
    """One process for each fact, and still: one release command, one update each, one message that tells the end."""
    sight = patient.sight
    await case.before(sight)
    await sight.slack.command(user="U0ANA", channel="C0DEPLOYS", text=case.text)
    await sight.until(lambda: patient.waits_for_a_button() or patient.is_over(), "the plan waits or was carried out")
    if not patient.is_over():
        action, by = case.press
        await sight.press(action, by=by)
    await sight.until(patient.is_over, "the end is told")

    assert patient.deaths >= len(list(patient.facts()))
    assert patient.rows("SELECT state FROM operation") == [(case.state,)]
    assert len(patient.rows("SELECT id FROM hold")) == case.holds
    assert sight.labels(case.app) == case.labels
    assert len(sight.release_commands(case.app)) == case.release_commands
    assert {machine["updates"] for machine in sight.machines(case.app)} <= set(range(case.updates + 1))
    assert len(await dispatched_or_pushed(sight)) == case.runs
    assert [release["status"] for release in sight.releases(case.app)].count("running") == 0
    assert len(sight.messages()) == 1
    there = tuple(sorted(machine["region"] for machine in sight.machines(case.app)))
    assert there == (case.regions or there)
