"""The card of a scaling: what a person should know before saying yes, and what became of it."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from bot.domain.approval import Approval, ApprovalNeed, ApprovalState, Cause
from bot.domain.operation import JournalRow, Kind, Operation, State
from bot.domain.rollout import Step
from bot.domain.scale import Cost, Creation, Mending, Place, Removal, ScalePlan, Standing, Undoing
from bot.domain.size import Size
from bot.errors import Reason
from bot.operations.plans import to_json
from bot.views import cards, scalings
from bot.views.blocks import Message
from tests.builders import ANA, NOW, blocker, failure, operation, plan, row, started
from tests.domain.scaled import GB, scale_plan, there
from tests.views.messages import fits, said

HOSTILE = "<!channel> <@U0CLEO|x> <https://evil.example|login> & *bold* `code` ```fence``` \u202e\n> quote"
NEED = ApprovalNeed(("S0APPROVERS",), (Cause.SCALING,), ("Scaling `production` always needs a second person.",))
MACHINES = (there("m1"), there("m2"), there("m3", "sjc", size=None))
FULL = scale_plan(
    machines=MACHINES,
    creations=(
        Creation("app/sjc/1", "app", "sjc", "m1", GB, "data", "vol_1", 3),
        Creation("app/sjc/2", "app", "sjc", "m1", GB, "data", "", 3),
    ),
    mendings=(Mending("m2", Size("shared", 2, 2048)), Mending("m3", GB, "off", 1)),
    starts=("m2",),
    removals=(Removal("m1"),),
    cost=Cost(12.5, 20.0, "2026-11-24"),
    undone_by=(
        Undoing("The next deployment makes it small again.", "fly.toml", 12, '  cpus = 2\n  memory = "2048mb"'),
        Undoing("Whether is not known.", "fly.toml"),
    ),
    why="launch day",
    warnings=("There is an incident.",),
    notes=("Standby Machines are left alone.",),
    approval=NEED,
)
DONE = (
    row(Step.CHECK),
    row(Step.CREATE, "app/sjc/1", machine="m8"),
    row(Step.CREATE, "app/sjc/2", machine="m9"),
    row(Step.MEND, "m2"),
    row(Step.MEND, "m3"),
    row(Step.WAKE, "m2"),
)
RECEIPT = row(Step.RECEIPT, machines=[{"region": "sjc"}, {"region": "iad"}, {"region": "sjc"}])


def scaling(*journal: JournalRow, of: ScalePlan = FULL, **changes: Any) -> Operation:
    """A scaling in some state; it waits for its approval unless the test says otherwise."""
    made = operation(*journal, of=plan(), **({"state": State.REQUESTED} | changes))
    return dataclasses.replace(made, kind=Kind.SCALING, plan=to_json(of), plan_hash=of.hash)


def card(*journal: JournalRow, of: ScalePlan = FULL, **changes: Any) -> Message:
    """Its card, which Slack takes."""
    message = cards.card(scaling(*journal, of=of, **changes), of)
    fits(message)
    return message


def buttons(message: Message) -> list[str]:
    """The captions of its buttons."""
    found = [e for block in message.blocks if block["type"] == "actions" for e in block["elements"]]
    return [each["text"]["text"] for each in found]


def pending(of: ScalePlan = FULL) -> Approval:
    """An approval that waits."""
    return Approval(ApprovalState.PENDING, of.hash, NOW, NOW)


def test_the_plan_says_everything_before_the_button() -> None:
    """Places, Machines, volumes, money, what undoes it, warnings, who approves."""
    text = said(card(approval=pending()))

    for part in (
        "iad 2 → *1*",
        "sjc 0 → *1*",
        "like `m1`",
        "the unattached `vol_1`",
        "new, empty, 3 GB",
        "shared-cpu-1x 1 GB → *shared-cpu-2x 2 GB*, restarts",
        "unknown size → *shared-cpu-1x 1 GB*",
        "auto stop → *off*",
        "stay awake → *1*",
        "is started",
        "is destroyed, after the others are healthy",
        "$12.50 → *$20.00* a month (+7.50; prices of 2026-11-24, without tax)",
        "`fly.toml:12`",
        '`memory = "2048mb"`',
        "There is an incident.",
        "Standby Machines",
        "launch day",
        "<!subteam^S0APPROVERS>",
    ):
        assert part in text, part


def test_the_buttons_are_those_of_its_state() -> None:
    """An approval, a confirmation, a cancel, another try, or none."""
    calm = dataclasses.replace(FULL, approval=None)
    assert buttons(card(approval=pending())) == ["Approve", "Reject…", "Dismiss"]
    assert buttons(card(of=calm)) == ["Scale production", "Dismiss"]
    assert buttons(card(of=dataclasses.replace(calm, blockers=(blocker(),)))) == ["Dismiss"]
    assert buttons(card(state=State.RUNNING)) == ["Cancel"]
    assert buttons(card(state=State.RUNNING, cancel_requested_by="U0BO")) == []
    assert buttons(card(failure(), state=State.FAILED)) == ["Retry"]
    assert buttons(card(*DONE, RECEIPT, state=State.SUCCEEDED)) == []
    void = dataclasses.replace(pending(), state=ApprovalState.VOID, note="the Machines changed")
    assert "Plan again" in buttons(card(approval=void))


def test_a_running_scaling_tells_each_machine() -> None:
    """What waits, what is under way, what is done, and who does not answer."""
    text = said(card(*DONE[:2], started(Step.CREATE, "app/sjc/2"), state=State.RUNNING))

    assert "sjc `m8`  shared-cpu-1x 1 GB  is healthy" in text
    assert "sjc `new`  shared-cpu-1x 1 GB  boots" in text
    assert "iad `m1`  waits" in text
    waiting = row(Step.WAITING, service="Fly", message="HTTP 503")
    assert "Fly does not answer (HTTP 503)" in said(card(waiting, state=State.RUNNING))
    assert "asked by <@U0BO>" in said(card(state=State.RUNNING, cancel_requested_by="U0BO"))


def test_a_failed_scaling_says_why_and_what_is_unknown() -> None:
    """The reason, its hint, and what was begun and not seen to end."""
    outcome = {"message": "Fly has no room in sjc.", "hint": "Try another region."}
    journal = (row(Step.CHECK), started(Step.CREATE, "app/sjc/1"), failure(Step.CREATE, Reason.NO_CAPACITY))
    text = said(card(*journal, state=State.FAILED, reason="no_capacity", outcome=outcome))

    assert "Fly has no room in sjc. (`no_capacity`)" in text
    assert "Try another region." in text
    assert "how it ended is unknown" in text
    assert "iad `m1`  not touched" in text
    assert "fly machine list -a reify-studio" in text
    cleaned = (*journal, row(Step.CLEAN_UP, machines=[]), RECEIPT)
    told = said(card(*cleaned, state=State.FAILED, reason="no_capacity", outcome={}))
    assert "fly machine list" not in told
    assert "it was not made, or destroyed again" in told


@pytest.mark.parametrize(
    ("state", "journal", "part"),
    [
        (State.SUCCEEDED, (*DONE, RECEIPT), "scaled, 4 min. Receipt: iad 1, sjc 2."),
        (State.FAILED, (failure(),), "(`machine_unhealthy`)"),
        (State.REJECTED, (), "rejected"),
    ],
)
def test_the_end_is_told_to_whom_it_concerns(state: State, journal: tuple[JournalRow, ...], part: str) -> None:
    """With how long it took and what was counted, or why not."""
    ended = scaling(*journal, state=state, reason="machine_unhealthy")
    message = cards.ended(ended, FULL, whom=ANA)

    fits(message)
    assert "<@U0ANA>" in said(message)
    assert part in said(message)


def test_a_receipt_of_nothing_says_so() -> None:
    """An app without Machines has none."""
    assert "Receipt: no Machines." in said(card(row(Step.RECEIPT, machines=[]), state=State.SUCCEEDED))


def test_a_refusal_names_every_reason() -> None:
    """And what lifts each."""
    blocked = dataclasses.replace(FULL, blockers=(blocker(), blocker(Reason.LEASE_HELD, "Somebody is at it.")))
    message = cards.refused(blocked)

    fits(message)
    assert "(`ci_not_green`)" in said(message)
    assert "Somebody is at it. (`lease_held`)" in said(message)
    fits(cards.not_started("the Machines changed", FULL))


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "it would need an approval: Scaling `production` always needs a second person"),
        ({"approval": None}, "nothing speaks against it"),
        ({"blockers": (blocker(),)}, "it would be refused"),
    ],
)
def test_a_dry_run_says_what_would_be(changes: dict[str, Any], verdict: str) -> None:
    """Without a button."""
    message = scalings.plan_preview(dataclasses.replace(FULL, **changes), by="<@U0ANA>")

    fits(message)
    assert verdict in said(message)
    assert buttons(message) == []


@pytest.mark.parametrize(
    ("cost", "part"),
    [
        (Cost(None, None, "2026-11-24"), "💵 not every price is known"),
        (Cost(10.0, None, "2026-11-24"), "now $10.00; not every price is known"),
        (Cost(10.0, 10.0, "2026-11-24"), "$10.00 a month, as now"),
    ],
)
def test_a_price_is_told_as_far_as_it_is_known(cost: Cost, part: str) -> None:
    """Nothing is guessed."""
    assert part in said(card(of=dataclasses.replace(FULL, cost=cost)))


def test_several_groups_are_told_apart() -> None:
    """Each on its own line, unchanged places without an arrow."""
    places = (Place("app", "iad", 2, 2), Place("worker", "iad", 1, 3))

    text = said(card(of=dataclasses.replace(FULL, places=places)))

    assert "• app: iad 2" in text
    assert "• worker: iad 1 → *3*" in text


def test_a_proposal_and_a_return_say_what_they_are() -> None:
    """What differs from the configuration; that it goes back; for how long it is."""
    special = dataclasses.replace(FULL, differences=("sjc has 0.",), back_from="0a1b", lasts_s=14_400.0)
    text = said(card(of=special))

    assert "sjc has 0." in text
    assert "back to what was before" in text
    assert "for 4 h" in text


def test_many_machines_fit_into_a_card() -> None:
    """Those that do not are counted."""
    machines = tuple(there(f"m{n:02}") for n in range(60))
    many = dataclasses.replace(FULL, machines=machines, removals=tuple(Removal(m.id) for m in machines))
    many = dataclasses.replace(many, mendings=(), starts=())

    text = said(card(of=many))

    assert "more Machines" in text


def test_a_hostile_text_does_nothing() -> None:
    """Names, reasons, warnings and Fly's words stay text."""
    nasty = dataclasses.replace(
        FULL,
        ref=HOSTILE,
        why=HOSTILE,
        warnings=(HOSTILE,),
        notes=(HOSTILE,),
        differences=(HOSTILE,),
        undone_by=(Undoing(HOSTILE, HOSTILE, 3, HOSTILE),),
        blockers=(blocker(message=HOSTILE),),
    )
    messages = [
        card(of=nasty),
        card(row(Step.CHECK), of=nasty, state=State.FAILED, outcome={"message": HOSTILE, "hint": HOSTILE}),
        cards.refused(nasty),
        scalings.plan_preview(nasty, by="<@U0ANA>"),
        cards.ended(scaling(of=nasty, state=State.FAILED, outcome={"message": HOSTILE}), nasty, whom=ANA),
    ]
    for message in messages:
        raw = json.dumps([message.text, message.blocks])
        assert "<!channel>" not in raw
        assert "<https://evil" not in raw


def test_how_it_stands_is_told_with_what_to_type() -> None:
    """Against the configuration, with sizes, money, and who is at it."""
    places = (Place("app", "iad", 2, 1), Place("app", "sjc", 0, 1))
    found = Standing("production", "reify-studio", places, MACHINES, 1024, "off", Cost(1.0, 2.0, "2026-11-24"))
    message = scalings.standing(dataclasses.replace(found, running="Bo's deployment runs."))

    fits(message)
    text = said(message)
    assert "iad 2 (configured *1*), sjc 0 (configured *1*)" in text
    assert "`/scale production iad=1 sjc=1`" in text
    assert "sjc `m3`   started, unknown size" in text
    assert "approval of a second person" in text
    assert "Bo's deployment runs." in text


def test_what_stands_well_has_an_example_all_the_same() -> None:
    """With process groups where there are several; without Machines, any."""
    places = (Place("app", "iad", 1, 1), Place("worker", "iad", 1, 1))
    standby = (there("m1", is_standby=True),)
    found = Standing("staging", "a", places, standby, 512, "stop", Cost(1.0, 1.0, "d"), needs_approval=False)

    text = said(scalings.standing(found))

    assert "app:iad=1 worker:iad=1" in text
    assert "standby" in text
    assert "approval" not in text
    assert "iad=2" in said(scalings.standing(dataclasses.replace(found, places=(), machines=())))
