"""What each strategy asks of the Machines, and what it says before it begins."""

from __future__ import annotations

from typing import Any

import pytest

from bot.domain.model import Machine, Strategy
from bot.domain.strategies import model_for, strategy_blockers, strategy_notes
from bot.errors import Reason
from tests.builders import machine

VOLUME = {"services": [{"checks": [{"type": "http"}]}], "mounts": [{"volume": "vol_1", "path": "/data"}]}
STANDBY = {"services": [{"checks": [{"type": "http"}]}], "standbys": ["a"]}


def lost(machine_id: str = "lost", **changes: Any) -> Machine:
    """A Machine whose host is not reached: Fly shows no config."""
    return machine(machine_id, host_status="unreachable", config={}, **changes)


def worker(machine_id: str, **changes: Any) -> Machine:
    metadata = {"fly_platform_version": "v2", "fly_process_group": "worker"}
    return machine(machine_id, metadata=metadata, **changes)


@pytest.mark.parametrize(
    ("strategy", "machines", "reasons"),
    [
        (Strategy.ROLLING, [machine(config=VOLUME)], []),
        (Strategy.IMMEDIATE, [machine(config=VOLUME)], []),
        (Strategy.CANARY, [machine(config=VOLUME)], [Reason.STRATEGY_IMPOSSIBLE]),
        (Strategy.BLUEGREEN, [machine(config=VOLUME)], [Reason.STRATEGY_IMPOSSIBLE]),
        (Strategy.CANARY, [machine(config={})], []),
        (Strategy.BLUEGREEN, [machine(config={})], [Reason.STRATEGY_IMPOSSIBLE]),
        (Strategy.BLUEGREEN, [machine(), machine("s", config={"standbys": ["a"]})], []),
        (Strategy.BLUEGREEN, [machine(), lost()], []),
        (Strategy.BLUEGREEN, [machine(config={"mounts": [{}]})], [Reason.STRATEGY_IMPOSSIBLE] * 2),
        (Strategy.ROLLING, [machine(), lost()], []),
        (Strategy.ROLLING, [lost()], [Reason.HOST_UNREACHABLE]),
        (Strategy.ROLLING, [worker("w"), lost()], [Reason.HOST_UNREACHABLE]),
        (Strategy.ROLLING, [machine(config=VOLUME), lost()], [Reason.HOST_UNREACHABLE]),
    ],
)
def test_a_strategy_is_refused_where_it_cannot_work(
    strategy: Strategy, machines: list[Machine], reasons: list[Reason]
) -> None:
    """One blocker for each reason, whatever the number of Machines."""
    assert [blocker.reason for blocker in strategy_blockers(strategy, machines)] == reasons


def test_a_blocker_names_the_machines() -> None:
    """Who reads it knows which Machines to look at."""
    machines = [machine("a", config=VOLUME), machine("b"), machine("c", config=VOLUME, region="sjc")]

    (blocker,) = strategy_blockers(Strategy.CANARY, machines)

    assert "a (iad), c (sjc)" in blocker.message
    assert "b (" not in blocker.message
    assert "`rolling`" in blocker.lift


def test_a_standby_is_nobodys_model_where_another_is_there() -> None:
    """A new Machine in the place of a lost one serves; a standby's config is the last resort."""
    gone = lost()

    assert model_for(gone, [machine("s", config=STANDBY), machine("a"), gone]) == machine("a")
    assert model_for(gone, [machine("s", config=STANDBY), gone]) == machine("s", config=STANDBY)


@pytest.mark.parametrize(
    ("strategy", "words"),
    [
        (Strategy.ROLLING, []),
        (Strategy.IMMEDIATE, ["All Machines move at once"]),
        (Strategy.CANARY, ["One extra Machine for each process group"]),
        (Strategy.BLUEGREEN, ["2 new ones run beside the old"]),
    ],
)
def test_a_strategy_says_what_it_costs(strategy: Strategy, words: list[str]) -> None:
    """One sentence at most, with the number of Machines where it makes some."""
    notes = list(strategy_notes(strategy, [machine("a"), machine("b"), machine("s", config=STANDBY)]))

    assert [word in note for word, note in zip(words, notes, strict=True)] == [True] * len(words)


@pytest.mark.parametrize("strategy", [Strategy.ROLLING, Strategy.IMMEDIATE, Strategy.CANARY])
def test_a_replacement_is_announced(strategy: Strategy) -> None:
    """That a Machine will be destroyed is said before; blue-green replaces all of them anyway."""
    assert "a new Machine takes its place" in " ".join(strategy_notes(strategy, [machine(), lost()]))
    assert "takes its place" not in " ".join(strategy_notes(Strategy.BLUEGREEN, [machine(), lost()]))
