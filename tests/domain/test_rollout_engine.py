"""A rollout followed to its end, whatever succeeds, fails, falls asleep, is cancelled or dies on the way."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.deployment import DeploymentPlan, PlannedMachine
from bot.domain.model import MigrationRisk, Migrations, Strategy
from bot.domain.operation import JournalRow, Operation
from bot.domain.rollback import Contract, EarlierRelease
from bot.domain.rollout import (
    AFTER_UPDATES,
    COLD_BATCH,
    EXTRAS,
    Step,
    batch_size,
    blues,
    extras_are_open,
    failure,
    failure_reason,
    is_kept,
    is_proven,
)
from bot.errors import Reason
from tests.builders import NEW, OLD, plan
from tests.domain.simulated_engine import ASLEEP, CRASH, FAIL, OK, SimulatedEngine

GROUPS = ("app", "worker")


def machines_of(rows: list[tuple[str, str, bool, str, bool]]) -> tuple[PlannedMachine, ...]:
    """One Machine for each row: state, process group, standby, host, on the image already."""
    return tuple(
        PlannedMachine(
            id=f"m{number}",
            region="iad",
            state=state,
            image=NEW if is_current else OLD,
            group=group,
            is_standby=is_standby,
            host_status=host,
        )
        for number, (state, group, is_standby, host, is_current) in enumerate(rows, 1)
    )


MACHINES = st.lists(
    st.tuples(
        st.sampled_from(["started", "started", "stopped", "suspended"]),
        st.sampled_from(GROUPS),
        st.sampled_from([False, False, False, True]),
        st.sampled_from(["ok", "ok", "ok", "unreachable"]),
        st.sampled_from([False, False, True]),
    ),
    min_size=1,
    max_size=7,
).map(machines_of)
RELEASE = EarlierRelease(41, NEW, "v1.4.1", "", None, "ci")
PLANS = st.builds(
    plan,
    contract=st.sampled_from([None, Contract(current=RELEASE, target=RELEASE)]),
    machines=MACHINES,
    strategy=st.sampled_from(Strategy),
    keeps_current=st.booleans(),
    release_command=st.sampled_from(["", "/app/bin/migrate"]),
    restore_on_failure=st.booleans(),
    migrations=st.sampled_from([Migrations(risk) for risk in MigrationRisk]),
    max_unavailable=st.sampled_from([0.33, 0.5, 1, 2]),
)
# Mostly things go well, or no run would get far; a process that dies for ever proves nothing.
DECISIONS = st.lists(st.sampled_from([OK] * 9 + [FAIL, CRASH, ASLEEP]), max_size=80)
CANCELS = st.one_of(st.none(), st.integers(0, 25))


def chooser(decisions: list[str]) -> Callable[[Step, str], str]:
    """Takes one decision after the other, and then only good ones."""
    left = iter(decisions)
    return lambda _step, _target: next(left, OK)


def ran(of: DeploymentPlan, decisions: list[str], cancel_after: int | None) -> tuple[SimulatedEngine, Operation]:
    engine = SimulatedEngine(of, chooser(decisions), cancel_after)
    return engine, engine.run()


@given(PLANS, DECISIONS, CANCELS)
@settings(max_examples=150, deadline=None)
def test_a_rollout_ends_with_a_receipt(of: DeploymentPlan, decisions: list[str], cancel_after: int | None) -> None:
    """It always terminates, and its last word is a receipt newer than any failure but the receipt's own."""
    _, ended = ran(of, decisions, cancel_after)

    steps = [row.step for row in ended.journal]
    told = failures(ended)
    gave_up = len(told) > 1 and told[-1].detail["step"] == Step.RECEIPT
    assert steps[-1] == Step.RECEIPT or gave_up


@given(PLANS, DECISIONS, CANCELS)
@settings(max_examples=150, deadline=None)
def test_no_machine_is_moved_twice_or_too_early(
    of: DeploymentPlan, decisions: list[str], cancel_after: int | None
) -> None:
    """An update that is done is never taken again, and none begins before the release command is done."""
    engine, _ = ran(of, decisions, cancel_after)

    for action, before in engine.taken:
        if action.step is Step.UPDATE:
            assert not any(before.done(Step.UPDATE, machine) for machine in action.machines)
            assert before.done(Step.RELEASE_COMMAND) or not of.release_command
            assert before.done(Step.CHECK)
            assert before.row(Step.FAILURE) is None


@given(PLANS, DECISIONS, CANCELS)
@settings(max_examples=150, deadline=None)
def test_one_machine_proves_the_image_before_many_move(
    of: DeploymentPlan, decisions: list[str], cancel_after: int | None
) -> None:
    """In each process group one Machine moves alone until it was seen healthy; then never more than allowed."""
    engine, _ = ran(of, decisions, cancel_after)

    for action, before in engine.taken:
        if action.step is not Step.UPDATE or of.strategy is Strategy.IMMEDIATE:
            continue
        for group in GROUPS:
            members = [m for m in of.machines if m.group == group and m not in blues(of)]
            moving = [m for m in members if m.id in action.machines]
            warm = sum(m.is_warm for m in members)
            limit = batch_size(warm, of.max_unavailable) if any(m.is_warm for m in moving) else COLD_BATCH
            may_be_proven = not all(m.is_standby for m in members)
            is_first = not any(before.done(Step.UPDATE, m.id) for m in members)
            assert len(moving) <= (1 if is_first or (may_be_proven and not is_proven(before, of, group)) else limit)


@given(PLANS, DECISIONS, CANCELS)
@settings(max_examples=150, deadline=None)
def test_nothing_goes_before_what_takes_its_place_is_proven(
    of: DeploymentPlan, decisions: list[str], cancel_after: int | None
) -> None:
    """Old Machines retire only when every green is healthy and the switch is made, and then there is no way back."""
    engine, ended = ran(of, decisions, cancel_after)

    for action, before in engine.taken:
        is_retired = any(row.step == Step.RETIRE for row in before.journal)
        if action.step is Step.RETIRE:
            assert all(before.done(Step.GREEN, machine.id) for machine in blues(of))
            assert before.done(Step.CUT_OVER)
            assert before.row(Step.FAILURE) is None
        if action.step is Step.UPDATE and blues(of):
            assert all(before.done(Step.RETIRE, machine.id) for machine in blues(of))
        if is_retired:
            assert action.step is not Step.RESTORE
            assert action.step is not Step.FAILURE
    if failure_reason(ended) is Reason.CANCELLED:
        assert not any(row.step == Step.RETIRE for row in ended.journal)


@given(PLANS, DECISIONS, CANCELS)
@settings(max_examples=150, deadline=None)
def test_canaries_go_before_any_machine_moves(
    of: DeploymentPlan, decisions: list[str], cancel_after: int | None
) -> None:
    """Where canaries are asked for, each process group's was healthy, and all are gone, before the first update."""
    engine, _ = ran(of, decisions, cancel_after)

    for action, before in engine.taken:
        if action.step is Step.UPDATE and of.strategy is Strategy.CANARY:
            moved = {m.group for m in of.machines if not m.is_standby and not is_kept(of, m)}
            assert all(before.done(Step.CANARY, group) for group in moved)
            assert not extras_are_open(before, Step.CANARY)


@given(PLANS, DECISIONS, CANCELS)
@settings(max_examples=150, deadline=None)
def test_a_failure_leaves_no_extra_machine(of: DeploymentPlan, decisions: list[str], cancel_after: int | None) -> None:
    """What was made and has no place is destroyed after a failure, unless that failed, too; never what serves."""
    engine, ended = ran(of, decisions, cancel_after)

    gave_up = any(row.detail["step"] == Step.CLEAN_UP for row in failures(ended)[1:])
    if failures(ended) and not gave_up:
        assert not extras_are_open(ended, *EXTRAS)
    for action, before in engine.taken:
        if action.step is Step.CLEAN_UP:
            assert extras_are_open(before, *EXTRAS)


@given(PLANS, DECISIONS)
@settings(max_examples=150, deadline=None)
def test_nothing_but_immediate_moves_all_at_once(of: DeploymentPlan, decisions: list[str]) -> None:
    """`immediate` moves all that is left in one step, and still proves every process group that sleeps."""
    engine, ended = ran(of, [OK if decision == FAIL else decision for decision in decisions], None)

    if of.strategy is Strategy.IMMEDIATE:
        first = next(action for action, _ in engine.taken if action.step is Step.UPDATE)
        assert set(first.machines) == {machine.id for machine in of.machines}
        assert all(is_proven(ended, of, m.group) for m in of.machines if not m.is_standby)


def failures(of: Operation) -> list[JournalRow]:
    return [row for row in of.journal if row.step == Step.FAILURE]


@given(PLANS, DECISIONS, CANCELS)
@settings(max_examples=150, deadline=None)
def test_a_restore_stays_within_the_policy(of: DeploymentPlan, decisions: list[str], cancel_after: int | None) -> None:
    """Only after a failure, only where the policy says so and the schema fits, only what was moved, once."""
    engine, ended = ran(of, decisions, cancel_after)
    # A rollback runs no migration and undoes none.
    fits = of.contract is not None or of.migrations.risk is MigrationRisk.NONE
    allowed = of.restore_on_failure and fits

    for action, before in engine.taken:
        if action.step is Step.RESTORE:
            assert allowed
            assert before.row(Step.FAILURE) is not None
            assert all(before.row(Step.UPDATE, machine) for machine in action.machines)
            assert not any(before.done(Step.RESTORE, machine) for machine in action.machines)
    first = failure(ended)
    if first is not None and first.detail["step"] in AFTER_UPDATES:
        # All Machines were seen healthy on the new image: what fails after that undoes nothing.
        assert ended.rows(Step.RESTORE) == {}
    elif allowed and first is not None and not any(row.step == Step.RETIRE for row in ended.journal):
        assert set(ended.rows(Step.UPDATE)) <= set(ended.rows(Step.RESTORE))


@given(PLANS, DECISIONS)
@settings(max_examples=150, deadline=None)
def test_an_end_without_failure_means_all_is_done(of: DeploymentPlan, decisions: list[str]) -> None:
    """Crashes alone change nothing of the result: every Machine is moved, and the image was seen healthy."""
    _, ended = ran(of, [OK if decision == FAIL else decision for decision in decisions], None)

    assert ended.row(Step.FAILURE) is None
    assert all(ended.done(Step.UPDATE, m.id) or ended.done(Step.RETIRE, m.id) for m in of.machines)
    assert all(is_proven(ended, of, m.group) for m in of.machines if not m.is_standby)
    assert ended.done(Step.CLOSE_RELEASE)


@given(PLANS, DECISIONS, CANCELS)
@settings(max_examples=150, deadline=None)
def test_fly_s_books_never_claim_a_success_that_was_none(
    of: DeploymentPlan, decisions: list[str], cancel_after: int | None
) -> None:
    """After a failure the release is closed as something else than complete, unless closing it failed, too."""
    _, ended = ran(of, decisions, cancel_after)

    closed, recorded = ended.row(Step.CLOSE_RELEASE), ended.done(Step.RECORD_RELEASE)
    failed_steps = [row.detail["step"] for row in failures(ended)]
    if failed_steps and recorded and Step.CLOSE_RELEASE not in failed_steps[1:]:
        assert closed is not None
        assert closed.detail["status"] == "failed"


@given(PLANS, DECISIONS, CANCELS)
@settings(max_examples=150, deadline=None)
def test_a_rollback_holds_once_all_are_moved_and_nothing_else_does(
    of: DeploymentPlan, decisions: list[str], cancel_after: int | None
) -> None:
    """What succeeds with a contract holds once, before its books are closed; no hold follows a failure."""
    engine, ended = ran(of, decisions, cancel_after)

    holds = [before for action, before in engine.taken if action.step is Step.HOLD]
    for before in holds:
        assert of.contract is not None
        assert before.row(Step.FAILURE) is None
        assert all(before.done(Step.UPDATE, m.id) or before.done(Step.RETIRE, m.id) for m in of.machines)
        assert before.row(Step.CLOSE_RELEASE) is None
    written = [row for row in ended.journal if row.step == Step.HOLD]
    assert len(written) <= 1
    if failure(ended) is None:
        assert len(written) == (of.contract is not None)
