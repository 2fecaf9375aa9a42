"""The benchmarks run and return figures; how large those are is nobody's business here, except for the gates' logic."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

import pytest

from benchmarks import acknowledgement, deployment, disk, gates, load, memory, start, status, worlds
from benchmarks.__main__ import BEGIN, END, PAGE, main, written
from benchmarks.acknowledgement import (
    BARE,
    BARE_BOLT,
    BARE_BOLT_ROW,
    BETWEEN,
    BUSY,
    PAUSED,
    READ,
    STORED,
    Counts,
    Figures,
)
from benchmarks.bars import Bar, Row, judged
from benchmarks.deployment import KINDS, OTHER, kind
from bot.config import file_problems

TINY = Counts(rounds=1, single=3, paused=2, many=40, many_stored=35)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures that nobody reads need no quiet machine."""
    monkeypatch.setattr(load, "QUIET_S", 0.1)
    monkeypatch.setattr(status, "PAUSE_S", 0.3)


async def test_acknowledgements_are_measured_for_every_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starlette, Bolt, the read command and the stored one have their lines, each with a latency."""
    # That the load may come from a process of its own is seen where memory is measured.
    monkeypatch.setattr(acknowledgement, "fire", lambda job: asyncio.to_thread(load.run, job))

    lines = await acknowledgement.measure(TINY)

    assert [(line.what, line.connections, line.manner) for line in lines] == [
        (BARE, 1, BUSY),
        (BARE_BOLT, 1, BUSY),
        (READ, 1, BUSY),
        (BARE_BOLT_ROW, 1, BETWEEN),
        (STORED, 1, BETWEEN),
        (READ, 1, PAUSED),
        (STORED, 1, PAUSED),
        (BARE, 32, BUSY),
        (BARE_BOLT, 32, BUSY),
        (READ, 32, BUSY),
        (BARE_BOLT_ROW, 32, BUSY),
        (STORED, 32, BUSY),
    ]
    assert all(0 < line.p50_ms <= line.p99_ms for line in lines)


def test_the_disk_is_measured_alone() -> None:
    """A commit takes its time, with and without a pause before it."""
    alone = disk.measure(3, pause_s=0.0)

    assert min(alone.busy_ms, alone.paused_ms) > 0


async def test_memory_is_measured_before_and_after() -> None:
    """A hundred commands later the bot is still resident."""
    used = await memory.measure(100)

    assert used.commands == 100
    assert min(used.idle_mb, used.warm_mb, used.after_mb) > 0


async def test_a_start_is_measured_in_real_and_processor_time() -> None:
    """The best start is not slower than the median one."""
    began = await start.measure(2)

    assert 0 < began.best_s <= began.median_s
    assert began.cpu_s > 0


async def test_a_deployment_is_measured_by_its_calls_beside_flyctl() -> None:
    """Bot and flyctl update each of the two Machines once, and no call is of a kind that has no name."""
    ours = await deployment.measure(delay_ms=1.0, speed=40.0)
    theirs = await deployment.flyctl(delay_ms=1.0, speed=40.0)

    assert ours.calls["update a Machine"] == theirs.calls["update a Machine"] == 2
    assert ours.calls[OTHER] == 0
    assert min(ours.seconds, theirs.seconds) > 0


async def test_a_status_is_measured_beside_its_slowest_call() -> None:
    """Both looks ask for every app, and take longer than any one call."""
    looked = await status.measure(1, delay_ms=5.0)

    assert min(looked.first.calls, looked.later.calls) >= 4 * status.PIPELINES
    assert min(looked.first.ratio, looked.later.ratio) > 1


def test_a_larger_world_fits_its_configuration(tmp_path: Path) -> None:
    """Ten Machines in three regions, or twelve apps, as Fly has them and as the bot's file says."""
    larger, config = worlds.with_machines(10, tmp_path)
    machines = larger.fly.machines(worlds.APP)
    said = config.read_text(encoding="utf-8")
    wider, twelve = worlds.with_pipelines(6, tmp_path)
    apps = [f"reify-studio{kind}-{number}" for kind in ("", "-staging") for number in range(6)]

    assert len({machine.id for machine in machines}) == 10
    assert [machine.region for machine in machines].count("iad") == 4
    assert "{ iad = 4, sjc = 3, ord = 3 }" in said
    assert all(wider.fly.machines(app) for app in apps)
    assert all(f'"{app}"' in twelve.read_text(encoding="utf-8") for app in apps)
    assert file_problems(said, "ten") == file_problems(twelve.read_text(encoding="utf-8"), "twelve") == []


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "/v1/apps/web/machines/148e2d1c6e9789/lease", "take, refresh and give back leases"),
        ("GET", "/v1/apps/web/machines/148e2d1c6e9789/lease", "look at a lease"),
        ("GET", "/v1/apps/web/machines/148e2d1c6e9789", "look at a Machine"),
        ("POST", "/v1/apps/web/machines/148e2d1c6e9789", "update a Machine"),
        ("POST", "/v1/apps/web/machines", "create a Machine"),
        ("GET", "/v1/apps/web/machines", "list the Machines"),
        ("PATCH", "/api/v1/releases/12", "releases"),
        ("HEAD", "/v2/web/manifests/sha-1", "find the image"),
        ("GET", "/v1/regions", OTHER),
    ],
)
def test_a_call_is_told_by_what_it_is_for(method: str, path: str, expected: str) -> None:
    """Names and numbers do not matter."""
    assert kind({"method": method, "path": path}) == expected


@pytest.mark.parametrize(
    ("bar", "figure", "is_met"),
    [
        (Bar("p50", 0.35, " ms"), 0.35, True),
        (Bar("p50", 0.35, " ms"), 0.36, False),
        (Bar("", 2500, "/s", is_least=True), 2500, True),
        (Bar("", 2500, "/s", is_least=True), 2499, False),
    ],
)
def test_a_table_says_which_bars_are_met(bar: Bar, figure: float, *, is_met: bool) -> None:
    """The limit itself is still allowed; a bar that is missed is named."""
    table = str(judged("Speed", [Row("read", "so fast", ((figure, bar),)), Row("floor", "faster")]))

    assert f"| read | so fast | {bar} | {'yes' if is_met else f'**no**: {bar}'} |" in table
    assert "| floor | faster |  |  |" in table


def test_a_line_is_judged_by_all_its_figures() -> None:
    """A read command at many connections has a rate and a processor time to keep."""
    row = Figures(READ, 32, BUSY, 8.0, 9.0, 3000.0, 500.0).row()

    assert row.cells[2:] == ["≥ 2,500/s, CPU ≤ 450 µs", "**no**: CPU ≤ 450 µs"]


def at_their_limits() -> dict[str, float]:
    return {what: limit for what, (limit, _) in gates.LIMITS.items()}


def test_figures_at_their_limits_pass() -> None:
    """Every gate is met, and says what was measured and what is allowed."""
    verdicts = gates.judge(at_their_limits())

    assert all(verdict.is_met for verdict in verdicts)
    assert "ok   memory at rest: measured 95 MB, allowed 95 MB" in map(str, verdicts)


@pytest.mark.parametrize("what", gates.LIMITS)
def test_a_figure_above_its_limit_fails_alone(what: str) -> None:
    """The gate that is not met is the one, with its figures."""
    figures = at_their_limits()
    figures[what] += 0.5

    failed = [verdict for verdict in gates.judge(figures) if not verdict.is_met]

    assert [verdict.what for verdict in failed] == [what]
    assert str(failed[0]).startswith(f"FAIL {what}: measured ")


@pytest.mark.parametrize("figure", [math.nan, math.inf, None])
def test_what_was_not_measured_passes_no_gate(figure: float | None) -> None:
    """A figure that is missing, or is none, is not taken for a small one."""
    figures = at_their_limits()
    del figures[gates.IDLE]
    if figure is not None:
        figures[gates.IDLE] = figure

    assert [verdict.what for verdict in gates.judge(figures) if not verdict.is_met] == [gates.IDLE]


def test_a_figure_without_a_limit_is_refused() -> None:
    """A new kind of call gets its limit before it can pass."""
    with pytest.raises(KeyError, match="no limit for dancing"):
        gates.judge(at_their_limits() | {"dancing": 1.0})


def test_every_kind_of_call_has_a_limit() -> None:
    """So that no call escapes the gates."""
    assert {*KINDS, OTHER} <= gates.LIMITS.keys()


@pytest.mark.parametrize(("excess", "code"), [(0, 0), (1, 1)])
def test_the_gate_ends_with_its_verdict(
    excess: float, code: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All gates are told; the exit code is 1 where one is not met."""

    async def measured() -> dict[str, float]:
        return at_their_limits() | {gates.IDLE: gates.LIMITS[gates.IDLE][0] + excess}

    monkeypatch.setattr(gates, "measured", measured)
    monkeypatch.setattr("sys.argv", ["benchmarks", "gate"])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == code
    assert len(capsys.readouterr().out.splitlines()) == len(gates.LIMITS)


def test_the_page_takes_new_figures() -> None:
    """Only what stands between the marks is replaced, as often as one likes."""
    page = PAGE.read_text(encoding="utf-8")

    once = written(page, "first")
    twice = written(once, "second")

    assert f"{BEGIN}\n\nfirst\n\n{END}" in once
    assert twice == written(page, "second")
    assert (twice.split(BEGIN)[0], twice.split(END)[1]) == (page.split(BEGIN)[0], page.split(END)[1])
    with pytest.raises(ValueError, match="in the page"):
        written("a page without marks", "figures")


def test_the_command_line_says_what_it_can(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """`--help` names the sizes and the gate."""
    monkeypatch.setattr("sys.argv", ["benchmarks", "--help"])

    with pytest.raises(SystemExit):
        main()

    said = capsys.readouterr().out
    assert all(word in said for word in ("--quick", "--write", "gate"))
