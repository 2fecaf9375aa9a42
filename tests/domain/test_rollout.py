"""The order of a rollout: from a journal to the one step that comes next, on every way that it can take."""

from __future__ import annotations

import re
from typing import Any

import pytest

from bot.domain import build, rollout, scaling
from bot.domain.deployment import DeploymentPlan
from bot.domain.model import MigrationRisk, Migrations
from bot.domain.operation import JournalRow, StepStatus
from bot.domain.rollout import (
    COLD_BATCH,
    Action,
    Step,
    batch_size,
    failure_reason,
    moved,
    next_action,
    release_is_open,
    restore_refusal,
)
from bot.errors import Reason
from tests.builders import NEW, PREPARED, RELEASED, failure, fleet, operation, plan, receipt, row, started, updated

TWO_WARM = plan(machines=fleet("started", "started"))
SIX_WARM = plan(machines=fleet(*["started"] * 6))
ALL_ASLEEP = plan(machines=fleet("stopped", "suspended", "stopped"))
MIXED = plan(machines=fleet("stopped", "started", "stopped", "started"))
RESTORES = plan(machines=fleet("started", "started"), restore_on_failure=True)
NO_MIGRATIONS, LISTED = Migrations(MigrationRisk.NONE), Migrations(MigrationRisk.LISTED, ("a.exs",))
UNKNOWN = Migrations(MigrationRisk.UNKNOWN, why="no answer")
CLOSED = row(Step.CLOSE_RELEASE, status="complete")
CLOSED_AS_FAILED = row(Step.CLOSE_RELEASE, status="failed")
RECEIPT = receipt(m1=NEW, m2=NEW)
Journal = tuple[JournalRow, ...]


def follows(journal: Journal, of: DeploymentPlan = TWO_WARM, **changes: Any) -> Action | None:
    """The step that comes after this journal."""
    return next_action(operation(*journal, of=of, **changes), of)


def update(*machines: str) -> Action:
    return Action(Step.UPDATE, machines)


@pytest.mark.parametrize(
    ("journal", "expected"),
    [
        ((), Action(Step.CHECK)),
        (PREPARED[:1], Action(Step.RECORD_RELEASE)),
        ((PREPARED[0], started(Step.RECORD_RELEASE, after=41)), Action(Step.RECORD_RELEASE)),
        (PREPARED, Action(Step.RELEASE_COMMAND)),
        ((*PREPARED, started(Step.RELEASE_MACHINE)), Action(Step.RELEASE_COMMAND)),
        ((*PREPARED, row(Step.RELEASE_MACHINE, machine="r1")), Action(Step.RELEASE_COMMAND)),
        ((*PREPARED, started(Step.RELEASE_COMMAND)), Action(Step.RELEASE_COMMAND)),
        (RELEASED, update("m1")),
        ((*RELEASED, started(Step.UPDATE, "m1")), update("m1")),
        ((*RELEASED, *updated("m1")), update("m2")),
        ((*RELEASED, *updated("m1"), started(Step.UPDATE, "m2")), update("m2")),
        ((*RELEASED, *updated("m1", "m2")), Action(Step.CLOSE_RELEASE)),
        ((*RELEASED, *updated("m1", "m2"), CLOSED), Action(Step.RECEIPT)),
        ((*RELEASED, *updated("m1", "m2"), CLOSED, RECEIPT), None),
        ((*RELEASED, *updated("m1"), started(Step.WAITING)), update("m2")),
    ],
)
def test_a_rollout_goes_on_from_any_row(journal: Journal, expected: Action | None) -> None:
    """Fresh or resumed after any row: the next step is the first that is not done."""
    assert follows(journal) == expected


def test_without_a_release_command_the_machines_come_next() -> None:
    """An app with nothing to run before is updated at once."""
    assert follows(PREPARED, plan(machines=fleet("started"), release_command="")) == update("m1")


@pytest.mark.parametrize(
    ("of", "journal", "expected"),
    [
        (SIX_WARM, (), update("m1")),
        (SIX_WARM, updated("m1"), update("m2", "m3")),
        (SIX_WARM, updated("m1", "m3"), update("m2", "m4")),
        (SIX_WARM, updated("m1", "m2", "m3", "m4", "m5"), update("m6")),
        (SIX_WARM, (*updated("m1"), started(Step.UPDATE, "m3")), update("m2", "m3")),
        (SIX_WARM, updated("m1", proven=False), update("m2")),
        (SIX_WARM, (*updated("m1", proven=False), *updated("m2")), update("m3", "m4")),
        (SIX_WARM, updated("m1", "m2", "m3", "m4", "m5", "m6", proven=False), Action(Step.PROVE_IMAGE, ("m1",))),
        (ALL_ASLEEP, (), update("m1")),
        (ALL_ASLEEP, updated("m1", proven=False), Action(Step.PROVE_IMAGE, ("m1",))),
        (
            ALL_ASLEEP,
            (*updated("m1", proven=False), started(Step.PROVE_IMAGE, "m1")),
            Action(Step.PROVE_IMAGE, ("m1",)),
        ),
        (ALL_ASLEEP, (*updated("m1", proven=False), row(Step.PROVE_IMAGE, "m1")), update("m2", "m3")),
        (ALL_ASLEEP, updated("m1"), update("m2", "m3")),
        (MIXED, (), update("m2")),
        (MIXED, updated("m2"), update("m4")),
        (MIXED, updated("m2", "m4"), update("m1", "m3")),
        (MIXED, updated("m2", "m4", "m1"), update("m3")),
        (MIXED, (*updated("m2"), *updated("m4", proven=False)), update("m1", "m3")),
    ],
)
def test_machines_move_in_an_order_that_proves_the_image_first(
    of: DeploymentPlan, journal: Journal, expected: Action
) -> None:
    """One Machine alone until the image is proven, then warm ones in batches, then those that sleep."""
    assert follows((*RELEASED, *journal), of) == expected


def test_sleeping_machines_move_in_flyctls_number() -> None:
    """So many at once as flyctl does, and then the rest."""
    of = plan(machines=fleet(*["stopped"] * (COLD_BATCH + 5)))
    proven = (*RELEASED, *updated("m1", proven=False), row(Step.PROVE_IMAGE, "m1"))

    first = follows(proven, of)
    assert first is not None
    rest = follows((*proven, *updated(*first.machines, proven=False)), of)

    assert len(first.machines) == COLD_BATCH
    assert rest is not None
    assert len(rest.machines) == 4


@pytest.mark.parametrize(
    ("machines", "max_unavailable", "expected"),
    [
        *[(count, 0.33, 1) for count in (0, 1, 2, 3)],
        *[(count, 0.33, 2) for count in (4, 5, 6)],
        (7, 0.33, 3),
        (10, 0.33, 4),
        (100, 0.33, 33),
        (5, 0.0, 1),
        (5, 0.01, 1),
        (2, 0.99, 2),
        (10, 1, 1),
        (10, 1.0, 1),
        (10, 2.9, 2),
        (3, 5, 5),
    ],
)
def test_batches_have_flyctls_sizes(machines: int, max_unavailable: float, expected: int) -> None:
    """A share below 1 is rounded up, a number from 1 on is meant absolutely, and no batch is empty."""
    assert batch_size(machines, max_unavailable) == expected


@pytest.mark.parametrize(
    ("journal", "expected"),
    [
        ((failure(Step.CHECK),), Action(Step.RECEIPT)),
        ((failure(Step.CHECK), receipt()), None),
        (
            (PREPARED[0], started(Step.RECORD_RELEASE, after=41), failure(Step.RECORD_RELEASE)),
            Action(Step.CLOSE_RELEASE),
        ),
        ((*PREPARED, failure(Step.RELEASE_COMMAND)), Action(Step.CLOSE_RELEASE)),
        ((*PREPARED, failure(Step.RELEASE_COMMAND), CLOSED_AS_FAILED), Action(Step.RECEIPT)),
        ((*PREPARED, failure(Step.RELEASE_COMMAND), CLOSED_AS_FAILED, receipt()), None),
        ((*RELEASED, *updated("m1"), failure()), Action(Step.CLOSE_RELEASE)),
        ((*RELEASED, *updated("m1", "m2"), CLOSED, RECEIPT, failure(Step.RECEIPT)), Action(Step.CLOSE_RELEASE)),
        ((*RELEASED, CLOSED, RECEIPT, failure(Step.RECEIPT), CLOSED_AS_FAILED), Action(Step.RECEIPT)),
        ((*RELEASED, CLOSED, RECEIPT, failure(Step.RECEIPT), CLOSED_AS_FAILED, RECEIPT), None),
    ],
)
def test_after_a_failure_the_books_are_closed_and_the_machines_read(journal: Journal, expected: Action | None) -> None:
    """No way ends without a receipt that is newer than the failure, nor with a release that claims success."""
    assert follows(journal) == expected


def test_a_release_that_never_stood_in_the_books_is_not_closed() -> None:
    """Where Fly's record could not be written there is nothing to close."""
    journal = (PREPARED[0], row(Step.RECORD_RELEASE, release_id="", version=0), failure(Step.RELEASE_COMMAND))

    assert not release_is_open(operation(*journal))
    assert follows(journal) == Action(Step.RECEIPT)


@pytest.mark.parametrize(
    ("journal", "expected"),
    [
        ((*updated("m1"), failure()), Action(Step.RESTORE, ("m1",))),
        ((started(Step.UPDATE, "m2"), failure()), Action(Step.RESTORE, ("m2",))),
        ((*updated("m2", "m1"), failure()), Action(Step.RESTORE, ("m2",))),
        ((*updated("m1"), failure(), started(Step.RESTORE, "m1")), Action(Step.RESTORE, ("m1",))),
        ((*updated("m1", "m2"), failure(), row(Step.RESTORE, "m1")), Action(Step.RESTORE, ("m2",))),
        (
            (*updated("m1", "m2"), failure(), row(Step.RESTORE, "m1", StepStatus.FAILED, message="no")),
            Action(Step.RESTORE, ("m2",)),
        ),
        ((*updated("m1"), failure(), row(Step.RESTORE, "m1")), Action(Step.CLOSE_RELEASE)),
        ((*updated("m9"), failure()), Action(Step.CLOSE_RELEASE)),
        ((failure(Step.RELEASE_COMMAND),), Action(Step.CLOSE_RELEASE)),
    ],
)
def test_what_was_moved_is_restored_where_the_policy_says_so(journal: Journal, expected: Action) -> None:
    """Every Machine of the plan whose update was begun, in batches, each settled once: restored or reported."""
    assert follows((*RELEASED, *journal), RESTORES) == expected


def test_machines_are_restored_in_batches() -> None:
    """As many at once as may be down, and none twice."""
    of = plan(machines=fleet(*["started"] * 6), restore_on_failure=True)
    journal = (*RELEASED, *updated("m1", "m2", "m3", "m4", "m5"), failure(), row(Step.RESTORE, "m1"))

    assert follows(journal, of) == Action(Step.RESTORE, ("m2", "m3"))


@pytest.mark.parametrize(
    ("restores", "migrations", "words"),
    [
        (True, NO_MIGRATIONS, ""),
        (False, NO_MIGRATIONS, "policy"),
        (True, LISTED, "a migration is in range"),
        (True, UNKNOWN, "unknown whether a migration"),
        (False, LISTED, "policy"),
    ],
)
def test_a_restore_needs_the_policy_and_no_migration(restores: bool, migrations: Migrations, words: str) -> None:
    """Across a migration, or where nobody knows, the previous image waits for a person, and the reason is told."""
    of = plan(machines=fleet("started"), restore_on_failure=restores, migrations=migrations)
    journal = (*RELEASED, *updated("m1"), failure())

    refusal = restore_refusal(operation(*journal, of=of), of)

    assert words in refusal
    assert bool(refusal) == bool(words)
    assert follows(journal, of) == Action(Step.CLOSE_RELEASE if words else Step.RESTORE, () if words else ("m1",))


def test_nothing_moved_is_nothing_to_refuse() -> None:
    """Before the first update there is no question of restoring, so none is answered."""
    of = plan(machines=fleet("started"), migrations=LISTED)

    assert restore_refusal(operation(*RELEASED, failure(), of=of), of) == ""


@pytest.mark.parametrize(
    "journal",
    [
        (),
        PREPARED,
        (*PREPARED, started(Step.RELEASE_COMMAND)),
        RELEASED,
        (*RELEASED, *updated("m1"), started(Step.UPDATE, "m2")),
        (*RELEASED, *updated("m1", "m2")),
    ],
)
def test_a_cancel_turns_the_way_at_any_step(journal: Journal) -> None:
    """Asked before the books are closed, the next step records the cancellation as the failure."""
    assert follows(journal, cancel_requested_by="U0BO") == Action(Step.FAILURE)


@pytest.mark.parametrize(
    ("journal", "expected"),
    [
        ((*RELEASED, *updated("m1", "m2"), CLOSED), Action(Step.RECEIPT)),
        ((*RELEASED, *updated("m1", "m2"), CLOSED, RECEIPT), None),
        ((*RELEASED, *updated("m1"), failure()), Action(Step.CLOSE_RELEASE)),
        ((*RELEASED, failure(reason=Reason.CANCELLED), CLOSED_AS_FAILED), Action(Step.RECEIPT)),
    ],
)
def test_a_cancel_that_comes_too_late_changes_nothing(journal: Journal, expected: Action | None) -> None:
    """Once all is moved and closed, or the way has turned already, the operation goes on to its end."""
    assert follows(journal, cancel_requested_by="U0BO") == expected


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (failure(Step.CLOSE_RELEASE), Action(Step.RECEIPT)),
        (failure(Step.RECEIPT), Action(Step.CLOSE_RELEASE)),
        (failure(Step.RESTORE, machines=["m1"]), Action(Step.RESTORE, ("m2",))),
    ],
)
def test_a_step_that_fails_after_the_failure_is_not_tried_for_ever(second: JournalRow, expected: Action) -> None:
    """The operation goes on to the next thing, and comes to an end."""
    of = plan(machines=fleet("started", "started"), restore_on_failure=second.detail["step"] == Step.RESTORE)

    assert follows((*RELEASED, *updated("m1", "m2"), failure(), second), of) == expected


def test_a_receipt_that_cannot_be_written_ends_the_operation() -> None:
    """The last step of all is tried once more after a failure, and then no more."""
    journal = (*RELEASED, *updated("m1"), failure(), CLOSED_AS_FAILED, failure(Step.RECEIPT))

    assert follows(journal) is None


def test_the_first_failure_is_the_reason() -> None:
    """What went wrong afterwards does not hide why the operation failed."""
    first, second = failure(reason=Reason.CANCELLED), failure(Step.CLOSE_RELEASE, Reason.REMOTE_REJECTED)

    assert failure_reason(operation(*RELEASED)) is None
    assert failure_reason(operation(*RELEASED, first, second)) is Reason.CANCELLED


def test_what_was_begun_counts_as_moved_in_the_order_of_beginning() -> None:
    """A Machine whose update has no end may run the new image."""
    journal = (started(Step.UPDATE, "m2"), started(Step.UPDATE, "m1"), *updated("m2"), row(Step.RESTORE, "m3"))

    assert moved(operation(*journal)) == ["m2", "m1"]


@pytest.mark.parametrize("step", [s for s in Step if s not in {Step.FAILURE, Step.WAITING, Step.RELEASE_MACHINE}])
def test_the_modules_picture_names_every_step(step: Step) -> None:
    """Who reads the first lines of the modules knows all steps."""
    assert re.search(rf"\b{step}\b", f"{rollout.__doc__} {build.__doc__} {scaling.__doc__}")
