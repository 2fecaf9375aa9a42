"""A rollout followed to its end, whatever succeeds, fails, falls asleep, is cancelled or dies on the way."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.deployment import DeploymentPlan
from bot.domain.model import MigrationRisk, Migrations
from bot.domain.operation import Operation
from bot.domain.rollout import AFTER_UPDATES, COLD_BATCH, Step, batch_size, failure
from tests.builders import fleet, plan
from tests.domain.simulated_engine import ASLEEP, CRASH, FAIL, OK, SimulatedEngine

PLANS = st.builds(
    plan,
    machines=st.lists(st.sampled_from(["started", "stopped", "suspended"]), min_size=1, max_size=7).map(
        lambda states: fleet(*states)
    ),
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
    failures = [row for row in ended.journal if row.step == Step.FAILURE]
    gave_up = len(failures) > 1 and failures[-1].detail["step"] == Step.RECEIPT
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
    """Until a Machine was seen healthy on the image only one moves at a time; then never more than allowed."""
    engine, _ = ran(of, decisions, cancel_after)
    warm = {machine.id for machine in of.machines if machine.is_warm}

    for action, before in engine.taken:
        if action.step is Step.UPDATE:
            is_cold = set(action.machines).isdisjoint(warm)
            limit = COLD_BATCH if is_cold else batch_size(len(warm), of.max_unavailable)
            assert len(action.machines) <= (limit if is_proven(before) else 1)


def is_proven(before: Operation) -> bool:
    rows = before.rows(Step.UPDATE).values()
    return before.done(Step.PROVE_IMAGE) or any(row.detail.get("proven") for row in rows)


@given(PLANS, DECISIONS, CANCELS)
@settings(max_examples=150, deadline=None)
def test_a_restore_stays_within_the_policy(of: DeploymentPlan, decisions: list[str], cancel_after: int | None) -> None:
    """Only after a failure, only where the policy says so and no migration is proven, only what was moved, once."""
    engine, ended = ran(of, decisions, cancel_after)
    allowed = of.restore_on_failure and of.migrations.risk is MigrationRisk.NONE

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
    elif allowed and first is not None:
        assert set(ended.rows(Step.UPDATE)) <= set(ended.rows(Step.RESTORE))


@given(PLANS, DECISIONS)
@settings(max_examples=150, deadline=None)
def test_an_end_without_failure_means_all_is_done(of: DeploymentPlan, decisions: list[str]) -> None:
    """Crashes alone change nothing of the result: every Machine is moved, and the image was seen healthy."""
    _, ended = ran(of, [OK if decision == FAIL else decision for decision in decisions], None)

    assert ended.row(Step.FAILURE) is None
    assert all(ended.done(Step.UPDATE, machine.id) for machine in of.machines)
    assert is_proven(ended)
    assert ended.done(Step.CLOSE_RELEASE)


@given(PLANS, DECISIONS, CANCELS)
@settings(max_examples=150, deadline=None)
def test_fly_s_books_never_claim_a_success_that_was_none(
    of: DeploymentPlan, decisions: list[str], cancel_after: int | None
) -> None:
    """After a failure the release is closed as something else than complete, unless closing it failed, too."""
    _, ended = ran(of, decisions, cancel_after)

    closed, recorded = ended.row(Step.CLOSE_RELEASE), ended.done(Step.RECORD_RELEASE)
    failed_steps = [row.detail["step"] for row in ended.journal if row.step == Step.FAILURE]
    if failed_steps and recorded and Step.CLOSE_RELEASE not in failed_steps[1:]:
        assert closed is not None
        assert closed.detail["status"] == "failed"
