"""The order of a scaling: nothing is destroyed before all that is new is healthy."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.model import Actor
from bot.domain.operation import JournalRow, Kind, Operation
from bot.domain.rollout import Action, Step
from bot.domain.scale import Creation, Mending, Removal, ScalePlan
from bot.domain.scaling import next_action, unproven
from bot.domain.size import Size
from bot.errors import Reason
from bot.operations.plans import to_json
from tests.builders import failure, operation, row, started
from tests.domain.scaled import GB, scale_plan, there

BIG = Size("shared", 1, 2048)
SLOTS = ("app/sjc/1", "app/sjc/2")
ALL = scale_plan(
    machines=(*(there(f"m{n}") for n in range(1, 5)), there("w1", group="worker"), there("gone"), there("zzz")),
    creations=tuple(Creation(slot, "app", "sjc", "m1", GB) for slot in SLOTS),
    mendings=(*(Mending(f"m{n}", BIG) for n in range(1, 5)), Mending("w1", BIG)),
    starts=("zzz",),
    removals=(Removal("gone"),),
    max_unavailable=0.5,
)


def scaling(*journal: JournalRow, plan: ScalePlan = ALL, **changes: Any) -> Operation:
    """A running scaling with this journal."""
    return operation(*journal, kind=Kind.SCALING, plan=to_json(plan), plan_hash=plan.hash, **changes)


def run(plan: ScalePlan) -> list[Action]:
    """Every step of a scaling that goes well, in its order."""
    journal: list[JournalRow] = []
    taken = []
    while (action := next_action(scaling(*journal, plan=plan), plan)) is not None:
        taken.append(action)
        journal += [row(action.step, target) for target in action.machines or ("",)]
    return taken


def test_a_scaling_goes_through_its_steps() -> None:
    """Made side by side, changed one first and then in batches, started, and only then destroyed."""
    assert run(ALL) == [
        Action(Step.CHECK),
        Action(Step.CREATE, SLOTS),
        Action(Step.MEND, ("m1", "w1")),
        Action(Step.MEND, ("m2", "m3", "m4")),
        Action(Step.WAKE, ("zzz",)),
        Action(Step.REMOVE, ("gone",)),
        Action(Step.RECEIPT),
    ]


@given(
    st.integers(0, 3), st.integers(0, 6), st.integers(0, 2), st.integers(0, 3), st.sampled_from([0.01, 0.33, 0.5, 1.0])
)
def test_no_plan_destroys_before_it_made(made: int, mended: int, woken: int, gone: int, share: float) -> None:
    """Whatever is planned, each thing is done once, and removals come last."""
    machines = [there(f"m{n}") for n in range(mended + woken + gone)]
    ids = [machine.id for machine in machines]
    plan = scale_plan(
        machines=tuple(machines),
        creations=tuple(Creation(f"app/sjc/{n}", "app", "sjc", "m0", GB) for n in range(made)),
        mendings=tuple(Mending(each, BIG) for each in ids[:mended]),
        starts=tuple(ids[mended : mended + woken]),
        removals=tuple(Removal(each) for each in ids[mended + woken :]),
        max_unavailable=share,
    )

    taken = run(plan)

    done = [(action.step, target) for action in taken for target in action.machines]
    assert len(done) == len(set(done)) == made + mended + woken + gone
    steps = [action.step for action in taken]
    assert steps == sorted(steps, key=[Step.CHECK, Step.CREATE, Step.MEND, Step.WAKE, Step.REMOVE, Step.RECEIPT].index)


def test_what_is_half_done_is_taken_up_again() -> None:
    """After a restart only what is left is asked for."""
    journal = (row(Step.CHECK), row(Step.CREATE, SLOTS[0]), started(Step.CREATE, SLOTS[1]))

    assert next_action(scaling(*journal), ALL) == Action(Step.CREATE, (SLOTS[1],))


def test_cancelling_stops_it_before_the_first_removal() -> None:
    """Then nothing more is touched; once somebody is being destroyed it is too late."""
    made = (row(Step.CHECK), *(row(Step.CREATE, slot) for slot in SLOTS))
    mended = (*(row(Step.MEND, mending.machine) for mending in ALL.mendings), row(Step.WAKE, "zzz"))

    assert next_action(scaling(*made, cancel_requested_by="U0BO"), ALL) == Action(Step.FAILURE)
    late = scaling(*made, *mended, started(Step.REMOVE, "gone"), cancel_requested_by="U0BO")
    assert next_action(late, ALL) == Action(Step.REMOVE, ("gone",))


def test_a_failure_takes_away_what_was_not_seen_healthy() -> None:
    """What was made and is well stays; then the receipt says so, and that is the end."""
    failed = failure(Step.CREATE, Reason.NO_CAPACITY)
    journal = (row(Step.CHECK), row(Step.CREATE, SLOTS[0]), started(Step.CREATE, SLOTS[1]), failed)

    assert unproven(scaling(*journal)) == (SLOTS[1],)
    assert next_action(scaling(*journal), ALL) == Action(Step.CLEAN_UP)
    cleaned = (*journal, row(Step.CLEAN_UP, machines=[]))
    assert next_action(scaling(*cleaned), ALL) == Action(Step.RECEIPT)
    assert next_action(scaling(*cleaned, row(Step.RECEIPT, machines=[])), ALL) is None


@pytest.mark.parametrize(
    ("given_up", "left"), [((Step.CLEAN_UP,), Action(Step.RECEIPT)), ((Step.CLEAN_UP, Step.RECEIPT), None)]
)
def test_what_fails_after_a_failure_is_not_tried_for_ever(given_up: tuple[Step, ...], left: Action | None) -> None:
    """Neither the cleaning nor the receipt keeps the operation from its end."""
    journal = (row(Step.CHECK), started(Step.CREATE, SLOTS[0]), failure(Step.CREATE), *map(failure, given_up))

    assert next_action(scaling(*journal), ALL) == left


def test_a_failure_before_anything_was_made_only_has_its_receipt() -> None:
    """There is nothing to take away."""
    journal = (failure(Step.CHECK, Reason.CHANGED_OUTSIDE),)

    assert next_action(scaling(*journal, actor=Actor("U0BO")), ALL) == Action(Step.RECEIPT)
