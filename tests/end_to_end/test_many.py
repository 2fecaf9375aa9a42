"""Many at once: forty deployments on the move stay under Slack's limits, and each of them tells its end."""

from __future__ import annotations

import asyncio
import re

from bot.domain.model import Actor
from bot.domain.operation import Event, JournalRow, Operation, StepStatus
from bot.domain.rollout import Step
from bot.operations.plans import to_json
from tests import builders
from tests.world import World, text_of

COUNT = 40
BOT = Actor("flytower")


async def started(world: World, number: int) -> Operation:
    """A deployment of an app of its own that has begun."""
    store, now = world.bot.store, world.bot.clock.now()
    plan = builders.plan(app=f"shop-{number}")
    operation, _ = await store.create_operation(builders.new_operation(plan.app), now)
    await store.set_plan(operation.id, to_json(plan), plan.hash)
    return await store.transition(operation.id, Event.START, by=builders.ANA, at=now)


async def goes_on(world: World, operation: Operation) -> None:
    """A minute and a half of steps, one a second, and then success."""
    store, clock, changed = world.bot.store, world.bot.clock, world.bot.announcer.changed
    changed(operation.id)
    for second in range(90):
        detail = {"step": Step.UPDATE, "message": f"second {second}", "service": "Fly"}
        await store.append_journal(operation.id, JournalRow(Step.WAITING, "", StepStatus.STARTED, clock.now(), detail))
        changed(operation.id)
        await clock.sleep(1)
    await store.append_journal(operation.id, builders.receipt(**{"148e01": builders.NEW, "9080aa": builders.NEW}))
    await store.transition(operation.id, Event.VERIFY, by=BOT, at=clock.now())
    await store.transition(operation.id, Event.SUCCEED, by=BOT, at=clock.now())
    changed(operation.id)


async def test_forty_deployments_at_once_stay_under_the_edit_limits(world: World) -> None:
    """Each has one card and one end; Slack never has to refuse an edit."""
    operations = [await started(world, number) for number in range(COUNT)]
    await asyncio.gather(*(goes_on(world, operation) for operation in operations))
    await world.settle()

    answers = [call["status"] for call in world.slack.calls.find("POST", r"/api/chat\.update")]
    assert set(answers) == {200}
    assert len(world.messages()) == COUNT
    assert all("live" in text_of(card) and len(world.thread(card)) == 1 for card in world.messages())
    assert len({re.search(r"shop-\d+", text_of(card))[0] for card in world.messages()}) == COUNT  # type: ignore[index]
