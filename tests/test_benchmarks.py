"""The benchmarks run and return figures; how large those are is nobody's business here."""

from __future__ import annotations

import pytest

from benchmarks import acknowledgement, deployment, memory, start
from benchmarks.__main__ import main
from benchmarks.acknowledgement import BARE, READ, STORED, Counts

TINY = Counts(rounds=1, single=3, paused=2, many=40, many_stored=35)


async def test_acknowledgements_are_measured_for_every_case() -> None:
    """The floor, the read command and the stored one have their lines, each with a latency."""
    lines = await acknowledgement.measure(TINY)

    assert [(line.what, line.connections, line.is_paused) for line in lines] == [
        (BARE, 1, False),
        (READ, 1, False),
        (BARE, 32, False),
        (READ, 32, False),
        (READ, 1, True),
        (STORED, 1, True),
        (STORED, 32, False),
    ]
    assert all(0 < line.p50_ms <= line.p99_ms for line in lines)


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


async def test_a_deployment_is_measured_by_its_calls() -> None:
    """Each of the two Machines is updated once, after a plan that changed nothing."""
    done = await deployment.measure(delay_ms=1.0, speed=20.0)

    assert done.rollout["POST /v1/apps/…/machines/…"] == 2
    assert not any(kind.startswith(("POST", "PATCH", "DELETE")) for kind in done.planning)
    assert done.seconds > 0


def test_the_command_line_says_what_it_can(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """`--help` names the sizes."""
    monkeypatch.setattr("sys.argv", ["benchmarks", "--help"])

    with pytest.raises(SystemExit):
        main()

    assert {"--quick", "--full", "--markdown"} <= set(capsys.readouterr().out.split())
