"""The lines of Machines on a card, for the strategies that make new ones."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from bot.domain.model import Strategy
from bot.domain.operation import JournalRow, Operation, State, StepStatus
from bot.domain.rollout import Step
from bot.views.machines import machine_lines, receipt_line, standing
from tests.builders import NEW, OLD, RELEASED, failure, fleet, operation, plan, row, started, updated

PLAN = plan(machines=fleet("started"), strategy=Strategy.BLUEGREEN)
GREEN = (*RELEASED, started(Step.GREEN, "m1"), row(Step.GREEN, "m1", machine="g1"))
SWITCHED = (*GREEN, started(Step.CUT_OVER), row(Step.CUT_OVER), started(Step.RETIRE, "m1"))
REPLACING = (*RELEASED, started(Step.UPDATE, "m1", launch=True, previous={}), started(Step.REPLACE, "m1"))
REPLACED = (*REPLACING, row(Step.REPLACE, "m1", machine="n1"))


def read_back(machine_id: str, planned: str, *, on_image: bool = True, **changes: Any) -> dict[str, Any]:
    """A line of a receipt."""
    seen = NEW if on_image else OLD
    line = {"id": machine_id, "planned": planned, "region": "iad", "state": "started", "label": seen.label}
    return line | {"digest": seen.digest, "on_image": on_image, "checks_passing": 1, "checks": 1} | changes


def lines(*journal: JournalRow, **changes: Any) -> str:
    return "\n".join(machine_lines(operation(*journal, of=PLAN, **changes), PLAN))


@pytest.mark.parametrize(
    ("journal", "words"),
    [
        (RELEASED, "… iad `m1`  started · waits"),
        (GREEN[:-1], "… iad `m1`  serves · the new Machine for it boots"),
        (GREEN, "… iad `m1`  serves · new Machine `g1` is healthy, waits for the switch"),
        (
            (*GREEN, started(Step.CUT_OVER)),
            "… iad `m1`  serves · new Machine `g1` is healthy, requests are being switched",
        ),
        (SWITCHED, "… iad `g1`  serves · `m1` is being destroyed"),
        ((*SWITCHED, row(Step.RETIRE, "m1")), "✔ iad `g1`  serves · `m1` is destroyed"),
        (
            (*SWITCHED, row(Step.RETIRE, "m1"), row(Step.RECEIPT, machines=[read_back("g1", "m1")])),
            "✔ iad `g1`  started · 1/1 checks · on the image · in place of `m1`",
        ),
        (REPLACING, "… iad `m1`  cannot be updated on its host · a new Machine boots in its place"),
        (REPLACED, "… iad `n1`  healthy, in place of `m1`"),
        ((*REPLACED, *updated("m1")), "✔ iad `n1`  healthy, in place of `m1`"),
        ((*RELEASED, started(Step.PROVE_IMAGE, "m1")), "… iad `m1`  booting once to prove the image"),
        (
            (*RELEASED, row(Step.UPDATE, "m1", launch=True, proven=True, note="already on the image")),
            "✔ iad `m1`  already on the image, healthy",
        ),
    ],
)
def test_a_machine_is_told_with_who_takes_its_place(journal: tuple[JournalRow, ...], words: str) -> None:
    """At every moment the line names the Machine that serves, and the other one."""
    assert words in lines(*journal)


@pytest.mark.parametrize(
    ("canary", "state", "words"),
    [
        (started(Step.CANARY, "app"), State.RUNNING, "… canary  boots"),
        (row(Step.CANARY, "app", machine="c1"), State.RUNNING, "✔ canary `c1`  was healthy"),
        (started(Step.CANARY, "app"), State.FAILED, "✖ canary  was not seen healthy"),
    ],
)
def test_canaries_have_lines_of_their_own(canary: JournalRow, state: State, words: str) -> None:
    """A canary is none of the app's Machines."""
    assert lines(*RELEASED, canary, state=state).startswith(words)


def test_process_groups_are_named_where_there_is_more_than_one() -> None:
    """One group needs no name."""
    first, second = fleet("started", "started")
    of = plan(machines=(first, dataclasses.replace(second, group="worker")))
    made = operation(*RELEASED, row(Step.CANARY, "worker", machine="c1"), of=of)

    assert [line.split("  ")[0] for line in machine_lines(made, of)] == [
        "✔ canary worker `c1`",
        "… iad `m1` app",
        "… iad `m2` worker",
    ]


def failed(*journal: JournalRow) -> Operation:
    return operation(*journal, of=PLAN, state=State.FAILED)


def test_a_machine_that_is_left_over_stands_with_what_removes_it() -> None:
    """It counts in the receipt, and the sentence on what runs leaves it out."""
    left = row(Step.RECEIPT, machines=[read_back("g1", "m1"), read_back("m1", "", on_image=False)])
    ended = failed(*SWITCHED, failure(Step.RETIRE), left)

    assert "⚠ iad `m1`  started · left over: `fly machine destroy --force m1 -a reify-studio`" in lines(*ended.journal)
    assert receipt_line(ended) == "Ship receipt: 1 of 2 Machines on the image."
    assert next(standing(ended, PLAN)) == "The one Machine runs the new image."


def test_cleaning_up_that_failed_is_said() -> None:
    """The reason of the failure alone would hide that requests may go nowhere."""
    back = row(Step.RECEIPT, machines=[read_back("m1", "m1", on_image=False)])
    ended = failed(*GREEN, failure(Step.CUT_OVER), failure(Step.CLEAN_UP, message="Fly says <no>"), back)

    assert "⚠ Not everything could be put back: Fly says &lt;no&gt;" in list(standing(ended, PLAN))


def test_a_restore_of_a_replaced_machine_names_the_new_one() -> None:
    """The Machine of the plan is not there any more."""
    restoring = row(Step.RESTORE, "m1", StepStatus.STARTED)

    assert "iad `n1`  restoring" in lines(*REPLACED, *updated("m1"), failure(), restoring)
