"""What a plan that needs a second person says, whatever became of the request, and which buttons stand there."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.approval import ApprovalState
from bot.domain.deployment import DeploymentPlan
from bot.domain.operation import Operation, State
from bot.domain.rollback import Risk
from bot.errors import Reason
from bot.operations.plans import plan_of
from bot.views import approvals as views
from bot.views import deployments as cards
from bot.views.blocks import Message
from bot.views.modals import modal_body
from sandbox.slack.blocks import check_view
from tests.builders import (
    AMBER,
    ANA,
    NOW,
    RED,
    approval,
    blocker,
    contract,
    need,
    operation,
    plan,
    rollback,
    rollback_plan,
)
from tests.views.messages import fits, said

NEEDS = plan(approval=need(), needs_confirmation=True)
RED_PLAN = rollback_plan(RED, AMBER, approval=need())
VOID_NOTE = "the image of the commit is another one"


def asked(of: DeploymentPlan, state: ApprovalState = ApprovalState.PENDING, **facts: Any) -> Operation:
    """A deployment that waits, with this request for approval of it."""
    return operation(of=of, state=State.REQUESTED, approval=approval(of, state, **facts))


def actions_of(message: Message) -> list[str]:
    return [each["action_id"] for block in message.blocks if block["type"] == "actions" for each in block["elements"]]


def over(state: State, approved: ApprovalState, **facts: Any) -> Operation:
    return operation(of=NEEDS, state=state, approval=approval(NEEDS, approved, **facts))


# A name for the condition: the operation, and what its card has to say of it.
CONDITIONS: dict[str, tuple[Operation, str]] = {
    "pending": (
        asked(NEEDS),
        "*Needs an approval* by <!subteam^S0LEADS>, <@U0BO> until *27 Nov 2026 12:55 UTC*. Not by <@U0ANA>",
    ),
    "why": (asked(NEEDS), "Every rollback of `production` needs an approval."),
    "not written yet": (operation(of=NEEDS, state=State.REQUESTED), "*Needs an approval* by"),
    "void": (asked(NEEDS, ApprovalState.VOID, note=VOID_NOTE), f"*No longer true*: {VOID_NOTE}."),
    "approved": (over(State.RUNNING, ApprovalState.APPROVED), "✔ Approved by <@U0BO> on 27 Nov 2026 12:00 UTC"),
    "live": (over(State.SUCCEEDED, ApprovalState.APPROVED), "✔ Approved by <@U0BO>"),
    "rejected": (
        over(State.REJECTED, ApprovalState.REJECTED, note="not <!here> on a Friday"),
        "✖ Rejected by <@U0BO> on 27 Nov 2026 12:00 UTC: “not &lt;!here&gt; on a Friday”",
    ),
    "expired": (over(State.EXPIRED, ApprovalState.EXPIRED), "⌛ Nobody approved it until 27 Nov 2026 12:55 UTC"),
    "withdrawn": (
        operation(of=NEEDS, state=State.CANCELLED, started_at=None, approval=approval(NEEDS, ApprovalState.WITHDRAWN)),
        "cancelled",
    ),
    "incident": (
        rollback(of=rollback_plan(RED, waived="incident 3")),
        "*NO APPROVAL*: it goes without a second person",
    ),
    "incident, running": (
        rollback(of=rollback_plan(waived="incident 3"), state=State.RUNNING),
        "because of *incident 3*. It is listed for review afterwards.",
    ),
    "red": (rollback(of=RED_PLAN), "Needs an approval"),
}


@pytest.mark.parametrize(("shown", "words"), CONDITIONS.values(), ids=CONDITIONS.keys())
def test_every_condition_has_its_words(shown: Operation, words: str) -> None:
    """On the card and, since a notification has nothing else, in the text alone."""
    card = cards.card(shown, plan_of(shown))

    assert words.casefold() in said(dataclasses.replace(card, text="")).casefold()
    assert words in card.text
    fits(card)


@pytest.mark.parametrize(
    ("shown", "offered"),
    [
        (asked(NEEDS), [views.APPROVE, views.REJECT, cards.CANCEL]),
        (rollback(of=RED_PLAN), [views.APPROVE, views.REJECT, cards.CANCEL]),
        (asked(NEEDS, ApprovalState.VOID), [views.REPLAN, cards.CANCEL]),
        (asked(plan(approval=need(), blockers=(blocker(),)), ApprovalState.VOID), [views.REPLAN, cards.CANCEL]),
        (asked(plan(), ApprovalState.VOID), [cards.CONFIRM, cards.CANCEL]),
        (over(State.RUNNING, ApprovalState.APPROVED), [cards.CANCEL]),
        (operation(of=NEEDS, state=State.REJECTED, started_at=None), []),
        (operation(of=NEEDS, state=State.EXPIRED), []),
        (rollback(of=rollback_plan(RED, waived="incident 3")), [cards.CONFIRM, cards.CANCEL]),
    ],
    ids=["pending", "red", "void", "void and blocked", "needs none now", "running", "rejected", "expired", "incident"],
)
def test_buttons_fit_what_became_of_the_request(shown: Operation, offered: list[str]) -> None:
    """Whoever asked cannot press it through; what is void can be planned again; what is decided has no buttons."""
    assert actions_of(cards.card(shown, plan_of(shown))) == offered


def test_the_buttons_are_bound_to_the_plan_that_was_shown() -> None:
    """An approval of an older card approves nothing newer."""
    shown = rollback(of=RED_PLAN)

    approve, reject, dismiss = cards.card(shown, RED_PLAN).blocks[-1]["elements"]

    assert approve["value"] == reject["value"] == f"{shown.id}:{shown.plan_hash}"
    assert dismiss["value"] == shown.id
    assert approve["accessibility_label"] == "Approve the rollback of production"


def test_the_approver_reads_again_what_starts() -> None:
    """The dialog has the commit, the environment and the risk, the worst first, within Slack's limit."""
    long = rollback_plan(*[dataclasses.replace(AMBER, message="a" * 300)] * 3, RED, approval=need())
    for of in (RED_PLAN, long, NEEDS):
        shown = rollback(of=of) if of.contract else asked(of)

        card = cards.card(shown, of)
        dialog = card.blocks[-1]["elements"][0]["confirm"]["text"]["text"]

        assert f"({of.commit.short})" in dialog
        assert "*production*" in dialog
        assert (RED.message in dialog) is (of.contract is not None and of.contract.risk is Risk.RED)
        fits(card)


def test_the_state_in_the_headline_says_what_is_waited_for() -> None:
    """Not for a confirmation, which nobody can give."""
    waits, void = (asked(NEEDS, state) for state in (ApprovalState.PENDING, ApprovalState.VOID))

    assert "*Waiting for approval*" in said(cards.card(waits, NEEDS))
    assert "*No longer true*" in cards.card(void, NEEDS).blocks[0]["text"]["text"]


def test_a_void_note_keeps_its_mentions_and_nothing_else() -> None:
    """Who locked it is mentioned; a branch that is called like a broadcast is not."""
    void = asked(NEEDS, ApprovalState.VOID, note="<@U0BO> keeps it locked: <!channel>")

    card = said(cards.card(void, NEEDS))

    assert "<@U0BO> keeps it locked: &lt;!channel&gt;." in card


def test_the_end_of_a_rejection_tells_whoever_asked() -> None:
    """A reply of its own, with the reason."""
    shown = operation(
        of=NEEDS,
        state=State.REJECTED,
        started_at=None,
        reason=Reason.REJECTED,
        approval=approval(NEEDS, ApprovalState.REJECTED, note="too late today"),
    )

    message = cards.ended(shown, NEEDS, whom=ANA)

    assert "<@U0ANA> `v1.4.2`" in said(message)
    assert "rejected\n✖ Rejected by <@U0BO>" in said(message)
    assert "“too late today”" in message.text


def test_a_dry_run_says_that_it_would_need_a_second_person() -> None:
    """And mentions nobody, since nothing is asked of them."""
    preview = cards.plan_preview(NEEDS, by=ANA.mention)

    assert "it would need an approval: Every rollback of `production` needs an approval." in preview.text
    assert "U0BO" not in said(preview)


def test_the_form_for_a_rejection_is_legal_and_carries_what_is_rejected() -> None:
    """The operation and the hash of the plan that was read."""
    view = views.rejection("op", "hash", channel="C1")

    check_view(modal_body(view))
    assert json.loads(view.metadata) == {"channel": "C1", "operation": "op", "hash": "hash"}


def test_an_approval_of_what_is_no_longer_true_is_told() -> None:
    """What changed, and what to press."""
    text = views.void("`main` now means dd085a7.").text

    assert text.startswith("Nothing started: `main` now means dd085a7. The request")
    assert "*Plan again*" in text


@pytest.mark.parametrize("text", ["t" * 3000, "<&>" * 1000, "<!channel> <@U0CLEO|x> *b* `c` \u202e" * 60, ""])
def test_nothing_that_others_write_outgrows_slack(text: str) -> None:
    """Fifty approvers, reasons and notes of any length: taken, and only text."""
    many = need(*(f"S0{n:08}" for n in range(50)), because=(text,) * 4)
    of = rollback_plan(RED, approval=many, why=text)
    later = NOW + timedelta(days=400)
    for shown in (
        rollback(of=of),
        rollback(of=of, approval=approval(of, ApprovalState.VOID, note=text)),
        rollback(of=of, state=State.REJECTED, approval=approval(of, ApprovalState.REJECTED, note=text)),
        rollback(of=rollback_plan(waived=text)),
        rollback(of=rollback_plan(of=contract(), approval=many), approval=approval(of, expires_at=later)),
    ):
        card = cards.card(shown, plan_of(shown))
        fits(card)
        assert "<!channel" not in said(card)
        assert "<@U0CLEO" not in said(card)
    fits(views.void(text))
