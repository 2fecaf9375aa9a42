"""The use cases of approvals, and plans that the rules overtake: each refusal by its reason, nothing started by it."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from bot.domain.deployment import DeploymentPlan, DeploymentRequest
from bot.domain.model import Actor
from bot.domain.operation import Kind, Operation, State
from bot.errors import NotAllowed, Reason, StaleAction
from bot.operations.requests import PlanMaker
from sandbox.faults import Fault
from tests.world import PRODUCTION, SHA, World

ANA, BO, CLEO = (Actor(user, "T0REIFY") for user in ("U0ANA", "U0BO", "U0CLEO"))
CONFIRM = "deployment_confirm"


class Restless:
    """A planner behind whose back the rules change, so many times."""

    def __init__(self, planner: PlanMaker, world: World, times: int) -> None:
        self._planner = planner
        self._world = world
        self._left = times
        self._ids = itertools.count(1000)

    async def plan(self, *args: Any, **how: Any) -> DeploymentPlan:
        made = await self._planner.plan(*args, **how)
        if self._left:
            self._left -= 1
            insert = """INSERT INTO incident (id, why, by_id, by_team, started_at, ended_at) VALUES (?, 'w', 'U', 'T',
                '2026-01-01T00:00:00+00:00', '2026-01-01T00:00:00+00:00')"""
            await self._world.bot.store.write(lambda db: db.conn.execute(insert, [next(self._ids)]).rowcount)
        return made


def make_restless(world: World, times: int) -> None:
    """Put a planner in the bot's place that lets the rules change so many times."""
    requests = world.bot.requests
    restless = Restless(requests._planners[Kind.DEPLOYMENT], world, times)
    requests._planners = dict.fromkeys(requests._planners, restless)


async def waiting(world: World, *, by: str = "U0ANA") -> Operation:
    """A red rollback of what CI deployed, which waits for an approver."""
    await world.fly.control.ci.deploy(PRODUCTION, f"registry.fly.io/{PRODUCTION}:sha-{SHA['v1.4.2']}")
    await world.types("/rollback production", by=by)
    (operation,) = await world.operations()
    assert operation.approval is not None
    return operation


async def test_two_rejections_at_once_are_one(world: World) -> None:
    """The second one hears that it was decided."""
    operation, approvals = await waiting(world), world.bot.approvals

    answers = await asyncio.gather(
        *(approvals.reject(operation.id, plan_hash=operation.plan_hash, by=by, why="no") for by in (BO, CLEO)),
        return_exceptions=True,
    )

    assert sorted(type(answer).__name__ for answer in answers) == ["Operation", "StaleAction"]
    assert (await world.bot.store.operation(operation.id)).state is State.REJECTED


async def test_who_is_no_approver_decides_nothing(world: World) -> None:
    """Ana is a full member and not in the group."""
    operation = await waiting(world, by="U0BO")

    with pytest.raises(NotAllowed) as refusal:
        await world.bot.approvals.approve(operation.id, plan_hash=operation.plan_hash, by=ANA)

    assert refusal.value.reason is Reason.NOT_AN_APPROVER


async def test_the_requester_cannot_confirm_what_needs_an_approval(world: World) -> None:
    """Not even by an old button or a forged one."""
    operation = await waiting(world)

    with pytest.raises(NotAllowed) as refusal:
        await world.bot.requests.confirm(operation.id, plan_hash=operation.plan_hash, by=ANA)

    assert refusal.value.reason is Reason.APPROVAL_NEEDED


async def test_what_is_still_asked_is_not_planned_again(world: World) -> None:
    """The plan on the card is the one to approve."""
    operation = await waiting(world)

    with pytest.raises(StaleAction, match="still the one"):
        await world.bot.approvals.replan(operation.id, by=BO)


async def test_only_who_asked_chooses_what_comes_back(world: World) -> None:
    """Image or image and configuration: somebody else asks for a rollback of their own."""
    operation = await waiting(world)

    with pytest.raises(NotAllowed) as refusal:
        await world.bot.approvals.choose_configuration(operation.id, with_configuration=True, by=BO)

    assert refusal.value.reason is Reason.NOT_THE_REQUESTER


async def test_a_provider_that_does_not_answer_voids_nothing(world: World) -> None:
    """It says nothing about the plan."""
    operation = await waiting(world)
    world.fault("status", path="/v1/apps", status=500)

    assert await world.bot.approvals.void_stale() == 0
    kept = (await world.bot.store.operation(operation.id)).approval
    assert kept is not None
    assert kept.is_pending


async def test_silence_of_github_voids_nothing(world: World) -> None:
    """What it told when the plan was shown is still the best that is known; the click asks again."""
    operation = await waiting(world)
    world.github.faults.add(Fault("status", status=500))

    assert await world.bot.approvals.void_stale() == 0
    kept = (await world.bot.store.operation(operation.id)).approval
    assert kept is not None
    assert kept.is_pending


async def test_what_needs_no_approval_is_not_approved(world: World) -> None:
    """Its requester confirms it."""
    await world.types("/deploy production v1.4.2")
    (operation,) = await world.operations()

    with pytest.raises(StaleAction, match="Nobody has to approve"):
        await world.bot.approvals.approve(operation.id, plan_hash=operation.plan_hash, by=CLEO)


async def test_what_is_void_or_out_of_time_is_not_approved(world: World) -> None:
    """Also in the minute before a job has noticed."""
    operation, approvals = await waiting(world), world.bot.approvals
    now = world.bot.clock.now()
    world.simulators.clock.skip(3601)
    with pytest.raises(StaleAction, match="in time"):
        await approvals.approve(operation.id, plan_hash=operation.plan_hash, by=CLEO)
    await world.bot.store.void_approval(operation.id, operation.plan_hash, why="x", at=now)
    with pytest.raises(StaleAction, match="void"):
        await approvals.approve(operation.id, plan_hash=operation.plan_hash, by=CLEO)

    assert (await world.bot.store.operation(operation.id)).started_at is None


async def test_a_rule_that_changed_meanwhile_makes_the_plan_anew(world: World) -> None:
    """Staging asks nobody: it is planned again and starts, as the rule is about something else."""
    make_restless(world, 1)
    await world.types("/deploy staging main")

    (operation,) = await world.operations()
    assert operation.state is State.SUCCEEDED


async def test_rules_that_never_rest_end_it(world: World) -> None:
    """After three tries the person is told, and nothing runs."""
    make_restless(world, 3)
    await world.types("/deploy staging main")

    (operation,) = await world.operations()
    assert (operation.state, operation.started_at) == (State.FAILED, None)
    assert "rules changed" in world.private()[-1]


async def test_the_bot_s_own_way_back_outlives_rules_that_change_twice(world: World) -> None:
    """It is planned a third time, and runs."""
    await world.has_release_without_migration()
    await world.types("/deploy production v1.5.0")
    await world.clicks(CONFIRM)
    (done,) = await world.operations()
    make_restless(world, 2)

    made = await world.bot.watching._restorer.restore(done)
    await world.settle()

    assert made.kind is Kind.ROLLBACK
    assert world.labels() == {f"sha-{SHA['v1.4.2']}"}


async def test_a_plan_does_not_wait_for_the_list_of_runs(world: World) -> None:
    """GitHub does not tell what is under way: the plan comes without that warning."""
    world.github.faults.add(Fault("status", path="/actions/workflows/deploy-production", status=500))

    plan = await world.bot.deployments.dry_run(DeploymentRequest("production", "v1.4.2"), by=ANA)

    assert plan.image is not None
    assert not any("under way" in warning for warning in plan.warnings)
