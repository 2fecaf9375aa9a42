"""A scaling for some hours: people hear of its end, keep it or not, and going back is asked for again."""

from __future__ import annotations

from typing import Any

import pytest

from bot.audit import AuditEvent
from bot.domain.model import Actor, Environment
from bot.domain.operation import Kind, Operation, State
from bot.domain.scale import Count, SizeWish
from bot.domain.time_box import BoxState, TimeBox
from bot.errors import NotAllowed, NotFound, Reason, StaleAction
from bot.operations.people import BOT
from bot.store import Store
from bot.time_boxes import TimeBoxes
from sandbox.faults import Fault
from tests.operations.test_scaling import ANA, CLEO, asked, regions, scaled
from tests.operations.test_scaling_trouble import begun, machine_in
from tests.world import CHANNEL, World, text_of

HOUR = 3600.0
MINUTE = 60.0


async def passes(world: World, seconds: float) -> None:
    """So long nobody does anything."""
    await world.simulators.clock.sleep(seconds)
    await world.settle()


async def boxed(world: World, *counts: Count, lasts_s: float = HOUR, **how: Any) -> Operation:
    """A scaling for an hour that succeeded."""
    operation = await scaled(world, *counts, lasts_s=lasts_s, **how)
    assert operation.state is State.SUCCEEDED
    await passes(world, 3)
    return operation


async def box_of(world: World, operation: Operation) -> TimeBox:
    found = await TimeBoxes(world.bot.store).of(operation.id)
    assert found is not None
    return found


async def scalings(world: World) -> list[Operation]:
    """Oldest first."""
    found = [each for each in await world.operations() if each.kind is Kind.SCALING]
    return sorted(found, key=lambda each: each.id)


def notice(world: World, of: int = 0) -> str:
    """The last reply below a card that speaks of an end."""
    told = [text_of(m) for m in world.thread(world.messages()[of])]
    return next(text for text in reversed(told) if "⏱" in text or "stays" in text or "↩" in text or "⏹" in text)


async def presses(world: World, action: str, *, by: str, of: int = 0) -> None:
    """Somebody presses a button of the notice below a card."""
    reply = next(m for m in reversed(world.thread(world.messages()[of])) if m.get("blocks") and "⏱" in text_of(m))
    await world.clicks(action, by=by, card=reply)
    await passes(world, 5)


async def test_its_end_is_told_and_going_back_is_asked_for_again(world: World) -> None:
    """Fifteen minutes ahead below the card; at its end a card of its own, which a second person approves."""
    operation = await boxed(world, Count("iad", 2))
    assert "Until " in text_of(world.card())
    await passes(world, 44 * MINUTE)
    assert not any("then it goes back" in text_of(m) for m in world.thread())

    await passes(world, 2 * MINUTE)
    told = notice(world)
    assert "<@U0ANA>" in told
    assert "then it goes back: `iad=1`" in told
    assert len(world.messages()) == 1

    await passes(world, 15 * MINUTE)
    assert (await box_of(world, operation)).state is BoxState.ASKED
    assert "↩" in notice(world)
    assert "back to what was before" in text_of(world.card())
    assert regions(world) == ["iad", "iad", "sjc"]

    await world.clicks("approval_approve", by="U0CLEO")

    assert regions(world) == ["iad", "sjc"]
    first, second = await scalings(world)
    assert (second.actor, second.request["back_from"], second.state) == (BOT, first.id, State.SUCCEEDED)


async def test_what_an_approver_keeps_stays(world: World) -> None:
    """Who asked for some hours does not make it forever alone."""
    operation = await boxed(world, Count("iad", 2))
    await passes(world, 46 * MINUTE)

    await presses(world, "time_box_keep", by="U0ANA")
    assert any("own_approval" in said for said in world.private("U0ANA"))
    assert (await box_of(world, operation)).state is BoxState.OPEN
    await presses(world, "time_box_keep", by="U0GUS")
    assert any("not_a_member" in said for said in world.private("U0GUS"))
    await presses(world, "time_box_keep", by="U0CLEO")

    assert "<@U0CLEO> kept it" in notice(world)
    await passes(world, HOUR)
    assert len(await scalings(world)) == 1
    assert regions(world) == ["iad", "iad", "sjc"]
    events = [event["action"] for event in await world.bot.store.audit_events()]
    assert "scaling.keep" in events
    with pytest.raises(StaleAction, match="kept it already"):
        await world.bot.boxing.keep(operation.id, by=CLEO)


async def test_now_asks_at_once_in_the_name_of_who_pressed(world: World) -> None:
    """Who let it go back early does not approve that."""
    await boxed(world, Count("iad", 2))
    await passes(world, 46 * MINUTE)

    await presses(world, "time_box_now", by="U0CLEO")

    _, back = await scalings(world)
    assert back.actor.user_id == "U0CLEO"
    await world.clicks("approval_approve", by="U0CLEO")
    assert regions(world) == ["iad", "iad", "sjc"]
    await world.clicks("approval_approve", by="U0BO")
    assert regions(world) == ["iad", "sjc"]


async def test_staging_asks_one_person_and_anybody_keeps(world: World) -> None:
    """Where nobody has to approve, a press confirms."""
    operation = await asked(world, Count("iad", 2), environment="staging", lasts_s=HOUR)
    await passes(world, 46 * MINUTE)
    assert "To keep it" not in notice(world)

    await presses(world, "time_box_now", by="U0BO")
    await world.clicks("deployment_confirm", by="U0BO")

    assert regions(world, "reify-studio-staging") == ["iad"]
    with pytest.raises(StaleAction, match="asked for already"):
        await world.bot.boxing.keep(operation.id, by=ANA)


async def test_it_survives_restarts(world: World) -> None:
    """The bot is away over the notice and over the end: both follow when it is back, once."""
    await boxed(world, Count("iad", 2))
    await world.restarts_after(lambda: world.simulators.clock.skip(50 * MINUTE))
    await passes(world, 5)
    assert "goes back" in notice(world)

    await world.restarts_after(lambda: world.simulators.clock.skip(3 * HOUR))
    await passes(world, 5)
    await world.restarts_after(lambda: None)
    await passes(world, 5)

    assert len(await scalings(world)) == 2
    assert len(world.messages()) == 2


async def test_a_size_goes_back_too(world: World) -> None:
    """Memory for an hour."""
    await boxed(world, sizes=(SizeWish(memory_mb=2048),))
    await passes(world, 62 * MINUTE)

    await world.clicks("approval_approve", by="U0CLEO")

    assert {machine["config"]["guest"]["memory_mb"] for machine in world.machines()} == {1024}


async def test_an_incident_postpones_it(world: World) -> None:
    """Nobody needs that card at three in the morning; it comes when the incident is over."""
    operation = await boxed(world, Count("iad", 2))
    await world.types('/deploy incident start "all is down"')
    await passes(world, 65 * MINUTE)

    assert "An incident goes on" in notice(world)
    assert (await box_of(world, operation)).state is BoxState.OPEN

    await world.types("/deploy incident end")
    await passes(world, 2 * MINUTE)

    assert (await box_of(world, operation)).state is BoxState.ASKED


async def test_what_is_running_postpones_it(world: World) -> None:
    """Two do not work on the same Machines; when the other one has ended, it is asked for."""
    operation = await boxed(world, Count("iad", 2))
    world.fault("unhealthy", target="fra")
    beside = await asked(world, Count("fra", 1))
    await begun(world, beside)

    await world.bot.boxing.end_now(operation.id, by=ANA)
    await world.bot.boxing.tick()
    await world.bot.boxing.tick()
    assert "is running" in (await box_of(world, operation)).note

    await passes(world, 15 * MINUTE)
    assert (await world.bot.store.operation(beside.id)).state is State.FAILED
    assert (await box_of(world, operation)).state is BoxState.ASKED


async def test_a_newer_scaling_of_the_same_place_decides(world: World) -> None:
    """It was asked for later; nothing goes back behind its back."""
    operation = await boxed(world, Count("iad", 2))
    await scaled(world, Count("iad", 3))

    await passes(world, 62 * MINUTE)

    assert (await box_of(world, operation)).state is BoxState.OVERTAKEN
    assert len(await scalings(world)) == 2


async def test_a_newer_one_that_went_back_decides_nothing(world: World) -> None:
    """Four for two hours, six for one of them: first back to four, then to what was."""
    outer = await boxed(world, Count("iad", 2), lasts_s=2 * HOUR)
    await boxed(world, Count("iad", 3), lasts_s=HOUR)
    await passes(world, 62 * MINUTE)
    await world.clicks("approval_approve", by="U0CLEO")
    assert regions(world) == ["iad", "iad", "sjc"]

    await passes(world, HOUR)
    await world.clicks("approval_approve", by="U0CLEO")

    assert (await box_of(world, outer)).state is BoxState.ASKED
    assert regions(world) == ["iad", "sjc"]


async def test_what_somebody_did_by_hand_already_is_not_asked_for(world: World) -> None:
    """The Machine is gone: there is nothing to go back."""
    operation = await boxed(world, Count("fra", 1))
    world.fly.control.destroy_machine((await machine_in(world, "fra")).id)
    await passes(world, 62 * MINUTE)

    assert (await box_of(world, operation)).state is BoxState.OVERTAKEN
    assert "nothing goes back" in notice(world)


async def test_a_fly_that_does_not_answer_delays_it(world: World) -> None:
    """It says why it waits, and asks when Fly answers again."""
    operation = await boxed(world, Count("iad", 2))
    await passes(world, 46 * MINUTE)
    fault = world.fly.faults.add(Fault("status", path="/v1/apps", status=500))
    await passes(world, 30 * MINUTE)
    assert (await box_of(world, operation)).note
    assert "It waits:" in notice(world)

    world.fly.faults.remove(fault.id)
    await passes(world, 5 * MINUTE)

    assert (await box_of(world, operation)).state is BoxState.ASKED


async def test_a_retry_goes_back_to_what_was_before_the_first_try(world: World) -> None:
    """A full region left one of two: the end brings back what there was at first."""
    world.fault("no_capacity", target="fra")
    failed = await scaled(world, Count("iad", 2), Count("fra", 1), lasts_s=HOUR)
    assert (failed.state, failed.reason) == (State.FAILED, Reason.NO_CAPACITY)
    for fault in list(world.fly.faults.all()):
        world.fly.faults.remove(fault.id)
    again, _ = await world.bot.scalings.retry(failed.id, by=ANA, channel=CHANNEL)
    planned = await world.bot.requests.prepare(again.id)
    await world.bot.approvals.approve(planned.id, plan_hash=planned.plan_hash, by=CLEO)
    await world.settle()

    await passes(world, 62 * MINUTE)

    back = (await scalings(world))[-1]
    assert back.request["ref"] == "fra=0 iad=1"


async def test_a_scaling_without_an_end_has_none(world: World) -> None:
    """Nothing to press, nothing to wait for."""
    operation = await scaled(world, Count("iad", 2))
    await passes(world, 3)

    assert await TimeBoxes(world.bot.store).of(operation.id) is None
    with pytest.raises(StaleAction, match="no end"):
        await world.bot.boxing.end_now(operation.id, by=ANA)


async def test_it_stands_where_somebody_looks(world: World) -> None:
    """Before its notice, too."""
    await boxed(world, Count("iad", 2))

    await world.types("/scale production --plan")
    await world.types("/scale staging --plan")

    first, second = [said for said in world.private() if "The configuration wants" in said]
    assert "A scaling for some hours ends" in first
    assert "A scaling for some hours ends" not in second


async def test_a_guest_lets_nothing_go_back(world: World) -> None:
    """As with every other button."""
    operation = await boxed(world, Count("iad", 2))
    guest = Actor("U0GUS", ANA.team_id)

    with pytest.raises(NotAllowed):
        await world.bot.boxing.end_now(operation.id, by=guest)


async def test_a_lease_of_somebody_else_delays_it(world: World) -> None:
    """What its plan is blocked by is said below the card, and looked at again."""
    operation = await boxed(world, Count("iad", 2))
    await passes(world, 46 * MINUTE)
    for machine in world.machines():
        world.fly.control.lease(machine["id"], owner="bo@example.com", seconds=HOUR)
    await passes(world, 16 * MINUTE)

    assert "is leased by bo@example.com" in notice(world)
    await passes(world, HOUR)
    assert (await box_of(world, operation)).state is BoxState.ASKED


async def test_an_environment_that_left_the_configuration_goes_back_to_nothing(world: World) -> None:
    """Nobody knows any more what it should be."""
    operation = await boxed(world, Count("iad", 2))
    await passes(world, 46 * MINUTE)

    def gone(name: str) -> Environment:
        raise NotFound(f"There is no environment {name}.")

    world.bot.boxing._environment = gone
    await passes(world, 16 * MINUTE)

    assert (await box_of(world, operation)).state is BoxState.OVERTAKEN
    assert "not in the configuration" in notice(world)
    with pytest.raises(StaleAction, match="something newer decides"):
        await world.bot.boxing.end_now(operation.id, by=ANA)


class Rivalled(TimeBoxes):
    """Time boxes that somebody else changes right before us, so many times."""

    def __init__(self, store: Store, times: int) -> None:
        super().__init__(store)
        self._left = times

    async def save(self, box: TimeBox, event: AuditEvent | None = None) -> bool:
        if self._left:
            self._left -= 1
            await super().save(box)
        return await super().save(box, event)


@pytest.mark.parametrize("rivals", [1, 9])
async def test_a_press_beside_a_look_counts_or_says_so(world: World, rivals: int) -> None:
    """It is tried again on what the look wrote; nothing is lost in silence."""
    operation = await boxed(world, Count("iad", 2))
    await passes(world, 46 * MINUTE)
    world.bot.boxing._boxes = Rivalled(world.bot.store, rivals)

    if rivals == 1:
        await world.bot.boxing.end_now(operation.id, by=ANA)
    else:
        with pytest.raises(StaleAction, match="at the moment"):
            await world.bot.boxing.end_now(operation.id, by=ANA)


async def test_a_bot_that_died_before_its_note_asks_once(world: World) -> None:
    """The card was there, and somebody had dismissed it before the next life."""
    operation = await boxed(world, Count("iad", 2))
    await passes(world, 62 * MINUTE)
    await world.clicks("deployment_cancel", by="U0CLEO")
    reopen = "UPDATE time_box SET state = 'open', asked_id = ''"
    await world.bot.store.write(lambda db: db.conn.execute(reopen).rowcount)

    await passes(world, 2 * MINUTE)
    await world.restarts_after(lambda: None)
    await passes(world, 5)

    assert (await box_of(world, operation)).state is BoxState.ASKED
    assert len(await scalings(world)) == 2


async def test_a_slack_that_fails_hears_of_it_later(world: World) -> None:
    """What Slack did not show is told again."""
    await boxed(world, Count("iad", 2))
    fault = world.slack.faults.add(Fault("status", path="chat.postMessage", status=500))
    await passes(world, 46 * MINUTE)
    world.slack.faults.remove(fault.id)

    await passes(world, 10 * MINUTE)

    assert "then it goes back" in notice(world)


async def test_a_reply_that_was_deleted_is_told_anew(world: World) -> None:
    """Its end is not lost with it."""
    operation = await boxed(world, Count("iad", 2))
    await passes(world, 46 * MINUTE)
    gone = "UPDATE time_box SET card_ts = '1.000001'"
    await world.bot.store.write(lambda db: db.conn.execute(gone).rowcount)

    await world.bot.boxing.keep(operation.id, by=CLEO)
    await passes(world, 5)

    assert "<@U0CLEO> kept it" in notice(world)
