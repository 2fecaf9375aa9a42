"""The buttons of a plan that waits: what is asked of the use cases, and what whoever pressed is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.domain.model import Actor
from bot.domain.operation import Operation, State
from bot.domain.rollback import Cancelling, PendingRun
from bot.operations.requests import Confirmation, Confirmed
from bot.tasks import Tasks
from bot.views.blocks import Message, View
from commands import approvals
from commands.router import Router
from tests.builders import BO, blocker, rollback, rollback_plan

OPERATION = "018f5e7a3c1b2d4e"
WAITS = rollback()
REFUSED = rollback(of=rollback_plan(blockers=(blocker(message="The image is gone."),)), state=State.FAILED)
RUN = PendingRun(7, "Deploy v1.4.3", "https://github.com/reify/x/actions/runs/7")


class Approvals:
    """Keeps what was decided by whom; `difference` is what changed since, `result` what became of the operation."""

    def __init__(self, *, difference: str = "", result: Operation = WAITS) -> None:
        self.difference = difference
        self.result = result
        self.decided: list[tuple[Any, ...]] = []

    async def approve(self, operation_id: str, *, plan_hash: str, by: Actor) -> Confirmation:
        self.decided.append(("approve", operation_id, plan_hash, by))
        result = Confirmed.PLAN_CHANGED if self.difference else Confirmed.STARTED
        return Confirmation(result, self.result, self.difference)

    async def reject(self, operation_id: str, *, plan_hash: str, by: Actor, why: str) -> Operation:
        self.decided.append(("reject", operation_id, plan_hash, by, why))
        return self.result

    async def replan(self, operation_id: str, *, by: Actor) -> Operation:
        self.decided.append(("replan", operation_id, by))
        return self.result

    async def choose_configuration(self, operation_id: str, *, with_configuration: bool, by: Actor) -> Operation:
        self.decided.append(("configuration", operation_id, with_configuration, by))
        return self.result


class Runs:
    """Cancels one run, whatever the operation."""

    async def cancel(self, operation_id: str, *, by: Actor) -> Cancelling:
        return Cancelling(asked=(RUN,))


class Slack:
    """Opens modals and keeps what was told privately."""

    def __init__(self) -> None:
        self.opened: list[View] = []
        self.told: list[str] = []

    async def open_view(self, trigger_id: str, view: View) -> str:
        self.opened.append(view)
        return "V1"

    async def ephemeral(self, channel: str, user_id: str, message: Message) -> None:
        self.told.append(message.text)


class Desk:
    """The router with the buttons on it, and Bo who presses them."""

    def __init__(self, **facts: Any) -> None:
        self.approvals, self.slack, self._tasks = Approvals(**facts), Slack(), Tasks()
        self._router = Router(self.slack, self._tasks)  # type: ignore[arg-type]
        approvals.register(self._router, self.approvals, Runs(), self.slack)  # type: ignore[arg-type]

    async def presses(self, action: str, value: str) -> None:
        """Bo presses a button with this value; returns when all is done."""
        pressed = {"action_id": action, "value": value}
        await self._router.run_action(self._who() | {"actions": [pressed], "trigger_id": "1.2.3"})
        await self._tasks.settle()

    async def submits(self, view: View, reason: str) -> Any:
        """Bo sends the form with this reason; the immediate answer."""
        values = {"reason": {"reason": {"type": "plain_text_input", "value": reason}}}
        body = {
            "id": "V1",
            "callback_id": view.callback_id,
            "private_metadata": view.metadata,
            "state": {"values": values},
        }
        reply = await self._router.run_submission(self._who() | {"view": body})
        await self._tasks.settle()
        return reply

    @staticmethod
    def _who() -> dict[str, Any]:
        return {"user": {"id": BO.user_id, "team_id": BO.team_id}, "channel": {"id": "C1"}}


async def test_a_yes_is_bound_to_the_plan_that_was_read() -> None:
    """The operation and the hash of the button; nothing is told, since the card says it all."""
    desk = Desk()

    await desk.presses("approval_approve", f"{OPERATION}:abc")

    assert desk.approvals.decided == [("approve", OPERATION, "abc", BO)]
    assert desk.slack.told == []


async def test_a_yes_to_what_is_no_longer_true_is_told() -> None:
    """Privately, with what changed."""
    desk = Desk(difference="the image of the commit is another one")

    await desk.presses("approval_approve", f"{OPERATION}:abc")

    assert desk.slack.told[0].startswith("Nothing started: the image of the commit is another one.")


async def test_a_no_asks_for_its_reason_first() -> None:
    """The form carries what is rejected; nothing is decided before it is sent."""
    desk = Desk()

    await desk.presses("approval_reject", f"{OPERATION}:abc")
    assert desk.approvals.decided == []
    assert json.loads(desk.slack.opened[0].metadata) == {"channel": "C1", "operation": OPERATION, "hash": "abc"}
    reply = await desk.submits(desk.slack.opened[0], " not on\u202e a Friday ")

    assert desk.approvals.decided == [("reject", OPERATION, "abc", BO, "not on a Friday")]
    assert reply.errors == {}


@pytest.mark.parametrize("reason", ["", "  ", "\u200b", "w" * 301])
async def test_a_no_without_a_reason_decides_nothing(reason: str) -> None:
    """What is wrong stands beside the input."""
    desk = Desk()
    await desk.presses("approval_reject", f"{OPERATION}:abc")

    reply = await desk.submits(desk.slack.opened[0], reason)

    assert list(reply.errors) == ["reason"]
    assert desk.approvals.decided == []


async def test_a_void_plan_is_made_again() -> None:
    """Its card says the rest."""
    desk = Desk()

    await desk.presses("approval_replan", OPERATION)

    assert desk.approvals.decided == [("replan", OPERATION, BO)]
    assert desk.slack.told == []


@pytest.mark.parametrize(("wanted", "is_on"), [("on", True), ("off", False), ("", False)])
async def test_the_configuration_is_chosen_by_its_word(wanted: str, is_on: bool) -> None:
    """Whatever is not `on` brings the image alone."""
    desk = Desk()

    await desk.presses("rollback_configuration", f"{OPERATION}:{wanted}")

    assert desk.approvals.decided == [("configuration", OPERATION, is_on, BO)]


@pytest.mark.parametrize(
    ("action", "value"), [("approval_replan", OPERATION), ("rollback_configuration", f"{OPERATION}:on")]
)
async def test_a_new_plan_that_is_refused_says_why(action: str, value: str) -> None:
    """Privately, with each reason: the operation has ended."""
    desk = Desk(result=REFUSED)

    await desk.presses(action, value)

    assert desk.slack.told == ["Not rolled back: v1.4.1 to reify-studio (production). The image is gone."]


async def test_cancelled_runs_are_told() -> None:
    """How many, to whoever pressed."""
    desk = Desk()

    await desk.presses("rollback_cancel_runs", OPERATION)

    assert desk.slack.told == ["GitHub was told to cancel 1 run."]
