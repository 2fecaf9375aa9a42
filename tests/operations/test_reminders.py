"""Approvers hear once more of what waits for them, and only once."""

from __future__ import annotations

from bot.announce_approvals import ApprovalReminder
from bot.domain.scale import Count
from jobs.approvals import remind_approvers
from sandbox.faults import Fault
from tests.operations.test_scaling import asked
from tests.world import World, text_of

HOUR = 3600.0


async def looks(world: World) -> str:
    """The job's look, by its own clock."""
    reminder = ApprovalReminder(world.bot.store, world.bot.slack, world.bot.clock)
    report = await remind_approvers(reminder).run()
    await world.settle()
    return report


def reminders(world: World) -> list[str]:
    return [text_of(m) for m in world.thread(world.messages()[0]) if "still waits" in text_of(m)]


async def nearly_expired(world: World) -> None:
    """A scaling of production of whose time a fifth is left."""
    operation = await asked(world, Count("iad", 2))
    assert operation.approval is not None
    lasts = operation.approval.expires_at - operation.approval.requested_at
    await world.later(lasts.total_seconds() * 0.8)


async def test_approvers_are_reminded_once(world: World) -> None:
    """Below the card, by their group's name, with the time that is left."""
    await nearly_expired(world)
    await looks(world)
    await looks(world)

    (said,) = reminders(world)
    assert "<!subteam^S0APPROVERS>" in said
    assert "scaling of *production*" in said


async def test_nobody_is_reminded_of_what_was_just_asked(world: World) -> None:
    """The card itself is new."""
    await asked(world, Count("iad", 2))
    await looks(world)

    assert reminders(world) == []


async def test_what_is_decided_or_expired_reminds_nobody(world: World) -> None:
    """There is nothing left to do."""
    await nearly_expired(world)
    await world.clicks("approval_approve", by="U0CLEO")
    await looks(world)

    assert reminders(world) == []


async def test_a_slack_that_refuses_for_now_is_asked_again(world: World) -> None:
    """Nothing was posted: the next look reminds. Where it may have been posted, nobody is told twice."""
    await nearly_expired(world)
    fault = world.slack.faults.add(Fault("status", path="chat.postMessage", status=429, headers={"Retry-After": "60"}))
    await looks(world)
    world.slack.faults.remove(fault.id)
    assert reminders(world) == []
    await world.later(120)
    await looks(world)
    await looks(world)

    assert len(reminders(world)) == 1


async def test_a_lost_answer_reminds_nobody_twice(world: World) -> None:
    """It was posted."""
    await nearly_expired(world)
    world.slack.faults.add(Fault("drop_after", path="chat.postMessage", times=1))
    await looks(world)
    await looks(world)

    assert len(reminders(world)) == 1
