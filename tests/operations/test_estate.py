"""The bot proposes what brings an environment back to its config: once, after two looks, and not while others work."""

from __future__ import annotations

from typing import Any

from bot.domain.operation import Kind, Operation, State
from bot.domain.plan import Plan
from bot.domain.scale import Count
from bot.errors import RemoteTimeout
from bot.operations.people import BOT
from bot.operations.requests import PlanMaker
from sandbox.faults import Fault
from tests.operations.test_scaling import asked, regions, scaled
from tests.operations.test_scaling_trouble import begun, fly, machine_in
from tests.world import PRODUCTION, SHA, World, text_of

MINUTES_8 = 480.0


async def ci_puts_both_in_iad(world: World) -> None:
    """A release by CI that leaves two Machines in iad and none in sjc."""
    model = await machine_in(world, "iad")
    world.fly.control.destroy_machine((await machine_in(world, "sjc")).id)
    await fly(world).create_machine(PRODUCTION, config=model.config, region="iad", skip_service_registration=False)


async def pass_by(world: World, seconds: float = MINUTES_8) -> None:
    """So long nobody does anything."""
    await world.simulators.clock.sleep(seconds)
    await world.settle()


async def proposals(world: World) -> list[Operation]:
    """What the bot proposed."""
    return [each for each in await world.operations() if each.kind is Kind.SCALING and each.actor == BOT]


async def test_a_drift_is_proposed_and_an_approver_lets_it_run(world: World) -> None:
    """A card by itself, once; sjc comes up healthy, then iad shrinks."""
    await ci_puts_both_in_iad(world)

    await pass_by(world)
    card = text_of(world.card())
    assert "iad has 2 Machines, and 1 should be there." in card
    assert "sjc 0 → *1*" in card
    assert "Nobody asked for it: one yes starts it." in card
    await pass_by(world)
    assert len(world.messages()) == 1

    await world.clicks("approval_approve", by="U0CLEO")

    (proposal,) = await proposals(world)
    assert proposal.state is State.SUCCEEDED
    done = [row.step for row in proposal.journal if row.status == "done"]
    assert done.index("create") < done.index("remove")
    assert regions(world) == ["iad", "sjc"]


async def test_a_guest_approves_no_proposal(world: World) -> None:
    """The bot asks; whoever may say yes is the same."""
    await ci_puts_both_in_iad(world)
    await pass_by(world)

    await world.clicks("approval_approve", by="U0GUS")
    await world.clicks("approval_approve", by="U0ANA")

    assert any("not_a_member" in said for said in world.private("U0GUS"))
    assert any("not_an_approver" in said for said in world.private("U0ANA"))
    assert regions(world) == ["iad", "iad"]


async def test_what_is_rejected_is_not_proposed_again(world: World) -> None:
    """Until the difference is another one."""
    await ci_puts_both_in_iad(world)
    await pass_by(world)
    (proposal,) = await proposals(world)
    await world.bot.requests.withdraw(proposal.id, why="a test says no")

    await pass_by(world, 3600)
    assert len(await proposals(world)) == 1
    world.fly.control.destroy_machine((await machine_in(world, "iad")).id)
    await pass_by(world)

    assert len(await proposals(world)) == 2


async def test_a_difference_that_is_over_takes_its_proposal_back(world: World) -> None:
    """Somebody mended it with flyctl: the card says so, and nobody can press it any more."""
    await ci_puts_both_in_iad(world)
    await pass_by(world)
    model = await machine_in(world, "iad")
    await fly(world).create_machine(PRODUCTION, config=model.config, region="sjc", skip_service_registration=False)
    world.fly.control.destroy_machine(model.id)

    await pass_by(world)

    (proposal,) = await proposals(world)
    assert proposal.state is State.CANCELLED
    assert "not so any more" in text_of(world.card())


async def test_what_a_person_decided_is_not_proposed_back(world: World) -> None:
    """A scaling by hand counts until the config changes."""
    await scaled(world, Count("iad", 2))

    await pass_by(world, 3600)

    assert await proposals(world) == []


async def test_nothing_is_proposed_beside_a_request_that_waits(world: World) -> None:
    """Somebody is at it already; afterwards it is."""
    await ci_puts_both_in_iad(world)
    await world.types("/scale production sjc=1")
    await pass_by(world)
    assert await proposals(world) == []

    await world.clicks("deployment_cancel")
    await pass_by(world)

    assert len(await proposals(world)) == 1


async def test_a_blocked_proposal_waits_until_it_can_be_made(world: World) -> None:
    """Somebody holds a lease: nothing is posted; when it is gone, it is."""
    await ci_puts_both_in_iad(world)
    world.fly.control.lease((await machine_in(world, "iad")).id, owner="bo@example.com", seconds=3600)
    await pass_by(world, 1800)
    assert await proposals(world) == []

    await pass_by(world, 3600)

    assert len(await proposals(world)) == 1


async def test_a_fly_that_does_not_answer_shows_nothing(world: World) -> None:
    """Silence is no difference."""
    await ci_puts_both_in_iad(world)
    fault = world.fly.faults.add(Fault("status", path="/v1/apps", status=500))
    await pass_by(world, 1800)
    assert await proposals(world) == []

    world.fly.faults.remove(fault.id)
    await pass_by(world, 900)

    assert len(await proposals(world)) == 1


async def test_a_release_by_ci_is_looked_at_soon(world: World) -> None:
    """A delivery of GitHub's ends the pause between looks."""
    await world.simulators.clock.sleep(40)
    await ci_puts_both_in_iad(world)
    world.bot.released()

    await pass_by(world, 100)

    assert len(await proposals(world)) == 1


async def test_what_is_at_work_is_not_looked_at(world: World) -> None:
    """Fly is asked nothing for it until it has ended, and of the others only when their time has come."""
    await world.simulators.clock.sleep(40)
    world.fault("unhealthy", target="fra")
    beside = await asked(world, Count("fra", 1))
    await begun(world, beside)
    await world.simulators.clock.sleep(20)
    staging = len(world.fly.calls.find("GET", "/v1/apps/reify-studio-staging/machines"))

    await world.simulators.clock.sleep(120)

    assert (await world.bot.store.operation(beside.id)).is_active
    assert len(world.fly.calls.find("GET", "/v1/apps/reify-studio-staging/machines")) == staging
    world.bot.released()
    await world.simulators.clock.sleep(40)
    assert (await world.bot.store.operation(beside.id)).is_active
    assert await proposals(world) == []


async def test_what_an_operation_leaves_is_looked_at_soon(world: World) -> None:
    """One that ended is no reason to wait for the next regular look."""
    await world.simulators.clock.sleep(40)
    await scaled(world, Count("iad", 2))
    world.fly.control.destroy_machine((await machine_in(world, "sjc")).id)

    await pass_by(world, 100)

    assert len(await proposals(world)) == 1


async def test_machines_on_several_images_are_somebody_at_work(world: World) -> None:
    """A half-done deployment is no scaling's business."""
    model = await machine_in(world, "iad")
    image = f"registry.fly.io/{PRODUCTION}:sha-{SHA['v1.4.2']}"
    config = {**model.config, "image": image}
    await fly(world).create_machine(PRODUCTION, config=config, region="iad", skip_service_registration=False)

    await pass_by(world, 1800)

    assert await proposals(world) == []


async def test_a_bot_that_died_between_look_and_card_proposes_once(world: World) -> None:
    """The request was stored and not planned: the next life goes on with the same one."""
    await ci_puts_both_in_iad(world)
    await world.simulators.clock.sleep(1)
    await world.bot.stop()
    world.bot = world.new_bot()
    await world.bot.start()
    await pass_by(world)
    await world.restarts_after(lambda: None)
    await pass_by(world)

    assert len(await proposals(world)) == 1
    assert len(world.messages()) == 1


class Silent:
    """A planner that hears nothing of Fly the first time."""

    def __init__(self, planner: PlanMaker) -> None:
        self._planner = planner
        self._is_silent = True

    async def plan(self, *args: Any, **how: Any) -> Plan:
        if self._is_silent:
            self._is_silent = False
            raise RemoteTimeout("Fly does not answer", service="Fly")
        return await self._planner.plan(*args, **how)


async def test_a_fly_that_falls_silent_before_the_card_delays_the_proposal(world: World) -> None:
    """The difference was seen and its plan could not be made: the next look goes on with the same request."""
    await ci_puts_both_in_iad(world)
    planners = world.bot.requests._planners
    world.bot.requests._planners = {**planners, Kind.SCALING: Silent(planners[Kind.SCALING])}

    await pass_by(world, 1200)

    (proposal,) = await proposals(world)
    assert proposal.state is State.REQUESTED
    assert proposal.approval is not None
    assert len(world.messages()) == 1


async def test_a_proposal_that_ended_before_it_was_noted_is_not_made_again(world: World) -> None:
    """The bot died between the card and its own note, and somebody decided meanwhile."""
    await ci_puts_both_in_iad(world)
    await pass_by(world)
    (proposal,) = await proposals(world)
    await world.bot.requests.withdraw(proposal.id, why="a test says no")
    forget = "UPDATE scale_difference SET operation_id = NULL"
    await world.bot.store.write(lambda db: db.conn.execute(forget).rowcount)

    await pass_by(world)

    assert [each.state for each in await proposals(world)] == [State.CANCELLED]


async def test_nobody_is_looked_at_where_the_policy_says_never(unchecked: World) -> None:
    """The environment is left alone."""
    await ci_puts_both_in_iad(unchecked)

    await pass_by(unchecked, 3600)

    assert await proposals(unchecked) == []


async def test_a_machine_that_crashed_is_not_proposed_to_be_started(world: World) -> None:
    """Starting it mends nothing; the watch and the status tell of it."""
    world.fly.control.crash((await machine_in(world, "sjc")).id)

    await pass_by(world, 1800)

    assert await proposals(world) == []
