"""What a review tried in order to break rollouts: lost leases, others at work, Machines that sleep or fall ill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.domain.deployment import DeploymentRequest
from bot.domain.model import Actor
from bot.domain.operation import State
from sandbox.faults import Fault
from tests.end_to_end.test_build_way import act, goes_wrong
from tests.end_to_end.test_build_way import runs as runs_of
from tests.end_to_end.test_build_way import starts as starts_build
from tests.end_to_end.test_promotion import SHARED
from tests.end_to_end.test_strategies import IAD, NEW, OLD, SJC, STRATEGIES, adds, begins, deploys, ended, seen
from tests.world import PRODUCTION, SHA, STAGING, World, replacing, text_of
from tests.world import world as make_world

CONFIRM, CANCEL, RETRY = "deployment_confirm", "deployment_cancel", "deployment_retry"
SLEEPER = "6e82dd4f7a1c08"


def sleeper(world: World) -> dict[str, Any]:
    """Staging's one Machine, which sleeps."""
    return next(machine for machine in world.machines(STAGING) if machine["id"] == SLEEPER)


async def is_in(world: World, state: str) -> None:
    """Staging's Machine has come to this state."""
    await world.until(lambda: sleeper(world)["state"] == state, f"staging is {state}")


async def wakes(world: World, machine: str = SLEEPER) -> None:
    """Fly's proxy starts a sleeping Machine for a request."""
    await world.fly.actions()["start_machine"]({"machine": machine})


async def tries_again(world: World) -> None:
    """Ana presses Retry, and Deploy where she is asked."""
    await world.clicks(RETRY)
    if (await ended(world)) is State.REQUESTED:
        await world.clicks(CONFIRM)


@pytest.mark.parametrize(("strategy", "machine"), [("rolling", IAD), ("rolling", SJC), ("immediate", SJC)])
async def test_a_lost_answer_to_the_taking_of_a_lease_costs_time_only(
    world: World, strategy: str, machine: str
) -> None:
    """Nobody knows that lease's nonce: it is waited out, the others are kept meanwhile, and the rollout goes on."""
    world.fault("drop_after", method="POST", path=f"{machine}/lease$", times=1)
    await deploys(world, strategy)

    assert await ended(world) is State.SUCCEEDED
    assert world.labels() == {NEW}
    assert [machine["lease"] for machine in world.machines()] == [None, None]


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_a_machine_that_somebody_adds_meanwhile_is_no_success(world: World, strategy: str) -> None:
    """`fly scale count` during the deployment: the new Machine runs the old image, so the app is not on the new one."""
    await begins(world, strategy)
    await world.until(lambda: bool(world.release_commands()), "the release command runs")
    await adds(world)
    await world.settle()
    card = text_of(world.card())

    assert "Ship receipt: 2 of 3 Machines on the image." in card
    assert "· added by somebody else meanwhile" in card
    assert "fly machine destroy" not in card
    assert await ended(world) is State.FAILED
    await tries_again(world)
    assert world.labels() == {NEW}
    assert len(world.machines()) == 3


async def test_a_machine_that_falls_ill_behind_the_others_is_no_success(world: World) -> None:
    """The first Machine was healthy and is not any more when the second one is: never called live."""
    await begins(world, "rolling")
    await world.until(lambda: seen(world, SJC)["updates"] == 1, "the second Machine is moved")
    world.fly.control.set_health(IAD, "critical", "no database")
    await world.settle()

    assert await ended(world) is State.FAILED
    assert f"not all Machines are well: {IAD} (iad) is started, 0 checks pass" in text_of(world.card())


async def test_a_machine_that_falls_ill_for_a_moment_is_waited_for(world: World) -> None:
    """Its checks pass again within the wait time: live, after all were seen healthy at once."""
    await begins(world, "rolling")
    await world.until(lambda: seen(world, SJC)["updates"] == 1, "the second Machine is moved")
    world.fly.control.set_health(IAD, "critical", "warming up")
    await world.until(lambda: world.releases()[-1]["status"] == "complete", "the books are closed")
    await world.bot.clock.sleep(20)
    world.fly.control.set_health(IAD, "passing")
    await world.settle()

    assert await ended(world) is State.SUCCEEDED


async def test_what_falls_ill_at_the_end_is_restored_as_anywhere_else(restoring_world: World) -> None:
    """The policy restores and no migration is in range: the image from before is back on both Machines."""
    world = restoring_world
    await world.has_release_without_migration()
    await world.types("/deploy production v1.5.0")
    await world.press(CONFIRM)
    await world.until(lambda: seen(world, SJC)["updates"] > 1, "the second Machine is moved")
    world.fly.control.set_health(IAD, "critical", "no database")
    await world.settle()

    assert await ended(world) is State.FAILED
    assert world.labels() == {f"sha-{SHA['v1.4.2']}"}
    assert world.releases()[-1]["status"] == "failed"


@pytest.mark.parametrize("is_awake", [False, True])
async def test_a_machine_that_the_proxy_stops_during_its_proof_is_woken_again(world: World, is_awake: bool) -> None:
    """Nobody visits staging while it is proven, and Fly stops what is idle: that says nothing against the image."""
    if is_awake:
        await wakes(world)
        await is_in(world, "started")
    await world.slack.command(user="U0ANA", channel="C0DEPLOYS", text="/deploy staging main")
    await world.until(lambda: sleeper(world)["updates"] == 1, "it is updated")
    await is_in(world, "started")
    await world.bot.clock.sleep(2)
    await world.fly.actions()["stop_machine"]({"machine": SLEEPER})
    await world.settle()

    assert await ended(world) is State.SUCCEEDED
    assert sleeper(world)["state"] == ("started" if is_awake else "stopped")


async def test_a_proof_does_not_stop_what_a_request_has_woken(world: World) -> None:
    """Staging was updated asleep, and somebody opens it before the bot boots it: it is proven, and left to them."""
    world.fault("delay", method="GET", path=f"{SLEEPER}$", seconds=3, times=1)
    await world.slack.command(user="U0ANA", channel="C0DEPLOYS", text="/deploy staging main")
    await world.until(lambda: sleeper(world)["updates"] == 1, "it is updated")
    await is_in(world, "stopped")
    await wakes(world)
    await world.settle()

    assert await ended(world) is State.SUCCEEDED
    assert sleeper(world)["state"] == "started"
    assert sleeper(world)["stops"] == 0


@pytest.mark.parametrize("is_suspended", [False, True])
async def test_a_retry_proves_again_what_sleeps_on_the_image(world: World, is_suspended: bool) -> None:
    """The image crashed for want of a secret: Retry boots it again, however it sleeps, and does not call it done."""
    fault = world.fault("unhealthy", target=STAGING)
    await world.types("/deploy staging main")
    world.fly.faults.remove(fault.id)
    world.fly.machine(SLEEPER).boot.sickness = None
    await is_in(world, "stopped")
    if is_suspended:
        await wakes(world)
        await is_in(world, "started")
        world.fly.control.lifecycle.suspend(world.fly.machine(SLEEPER))
        await is_in(world, "suspended")
    began = world.bot.clock.now()
    await world.clicks(RETRY)

    assert await ended(world) is State.SUCCEEDED
    assert len(world.release_commands(STAGING)) == 1
    assert sleeper(world)["updates"] == 1
    assert (world.bot.clock.now() - began).total_seconds() < 60


async def test_a_green_that_a_request_wakes_during_the_switch_may_boot(world: World) -> None:
    """It was seen healthy and put to sleep; a visitor wakes it, and it takes its time: no reason to go back."""
    await adds(world, asleep=True)
    world.fault("slow_boot", target="ord", seconds=25, detail={"phase": "healthy"})
    await begins(world, "bluegreen")
    await world.until(lambda: bool(_public_greens(world, "ord")), "the switch has begun")
    await wakes(world, _public_greens(world, "ord")[0])
    await world.settle()

    assert await ended(world) is State.SUCCEEDED
    assert world.labels() == {NEW}


def _public_greens(world: World, region: str) -> list[str]:
    found = (m for m in world.machines() if m["label"] == NEW and m["region"] == region)
    return [machine["id"] for machine in found if not machine["cordoned"]]


async def test_nobody_is_told_to_destroy_the_only_machines_that_serve(world: World) -> None:
    """A blue cannot be uncordoned any more: before the greens are destroyed, says the card, it has to serve again."""
    await begins(world, "bluegreen")
    await world.until(lambda: all(m["cordoned"] for m in world.machines() if m["label"] == OLD), "blues are cordoned")
    world.fault("status", method="POST", path=f"{IAD}/uncordon", status=422, body={"error": "no"})
    await world.clicks(CANCEL)

    assert f"Before you destroy those: `fly machine uncordon {IAD} {SJC} -a {PRODUCTION}`" in text_of(world.card())
    assert any(not machine["cordoned"] for machine in world.machines() if machine["label"] == NEW)


async def test_books_that_fail_to_close_once_are_closed_all_the_same(world: World) -> None:
    """Fly answers 500 to the last write of the release: it is written again, as flyctl does."""
    await begins(world, "rolling")
    await world.until(lambda: seen(world, SJC)["updates"] == 1, "the second Machine is moved")
    world.fault("status", method="PATCH", path="/api/v1/releases/", status=500, times=1)
    await world.settle()

    assert world.releases()[-1]["status"] == "complete"


@pytest.fixture
async def tagged(world: World) -> World:
    """`v1.5.0` is a tag on a commit whose CI passed; production has no image of it."""
    await act(world, "tag", name="v1.5.0", sha=SHA["heading"])
    return world


@pytest.mark.parametrize(
    "fault", [Fault("status", path="/jobs$", status=404), Fault("status", path="/runs/", status=200, body="<html>")]
)
async def test_an_odd_answer_of_github_does_not_end_what_goes_on(tagged: World, fault: Fault) -> None:
    """Jobs that are not shown yet, a page of HTML: the run goes on and deploys, so it is followed on."""
    await starts_build(tagged)
    fault.times = 1
    tagged.github.faults.add(fault)
    await tagged.settle()

    assert await ended(tagged) is State.SUCCEEDED


async def test_a_list_of_runs_that_is_not_there_yet_is_asked_for_again(world: World) -> None:
    """The tag is made, and GitHub answers 404 for the workflow's runs once: CI deploys, so its run is looked for."""
    goes_wrong(world, "status", method="GET", path="/deploy-production.yml/runs$", status=404, times=1)
    await world.types("/deploy production v1.5.0 --on main")
    await world.clicks(CONFIRM)

    assert await ended(world) is State.SUCCEEDED


async def test_a_run_that_a_person_cancels_did_not_fail(tagged: World) -> None:
    """Cancelled on GitHub: said so with the step it was in, and no step is called failed."""
    await starts_build(tagged)
    await tagged.until(lambda: "in progress" in text_of(tagged.card()), "a job has begun")
    await act(tagged, "cancel")
    await tagged.settle()
    card = text_of(tagged.card())

    assert "The run was cancelled on GitHub, in step “" in card
    assert "cancelled in step" in card
    assert "failed in step" not in card


async def test_a_run_that_a_newer_one_replaced_did_nothing(world: World) -> None:
    """Ours waits in the concurrency group, a newer one comes, and GitHub keeps the newest alone: said so."""
    await act(world, "commit", branch="main", title="New", author="bo", files={"a": "b"}, ci="success")
    somebody_dispatches(world)
    await world.slack.command(user="U0ANA", channel="C0DEPLOYS", text="/deploy staging")
    await world.until(lambda: any("waits for another run" in text_of(m) for m in world.messages()), "ours waits")
    somebody_dispatches(world)
    await world.settle()

    assert "a newer one took its place" in text_of(world.card())
    assert await ended(world) is State.FAILED


def somebody_dispatches(world: World) -> None:
    """A colleague starts staging's workflow on GitHub's own page."""
    repository = world.github.world.repositories[4711]
    workflow = next(each for each in repository.workflows if each.file == "deploy-staging.yml")
    tip = repository.tip()
    world.github.pipeline.dispatch(repository, workflow, name="main", commit=tip, inputs={}, actor="bo")


async def test_a_person_who_runs_the_run_again_is_followed(tagged: World) -> None:
    """The first attempt failed and was started again before the bot looked: its second attempt counts."""
    await starts_build(tagged)
    down = goes_wrong(tagged, "status", path="/actions/runs/", status=503)
    await act(tagged, "cancel")
    await tagged.bot.clock.sleep(5)
    await act(tagged, "rerun", run=(await runs_of(tagged))[0]["id"])
    tagged.github.faults.remove(down.id)
    await tagged.settle()

    assert await ended(tagged) is State.SUCCEEDED
    assert (await runs_of(tagged))[0]["attempt"] == 2


async def test_a_second_try_does_not_restore_across_the_migration_of_the_first(restoring_world: World) -> None:
    """The first try migrated and moved one Machine; the second fails, too: nobody puts the old image on that schema."""
    world = restoring_world
    world.fault("unhealthy", target=SJC)
    await deploys(world, "rolling")
    await tries_again(world)

    assert await ended(world) is State.FAILED
    assert world.labels() == {NEW}
    assert len(world.release_commands()) == 1
    assert "a migration is in range" in text_of(world.card())


async def test_the_way_back_from_a_mixture_says_that_it_brings_one_image(world: World) -> None:
    """Two images ran before the deployment: going back cannot bring both, and the plan warns of it."""
    await adds(world, image=f"registry.fly.io/{PRODUCTION}:sha-{SHA['v1.4.0']}")
    await deploys(world, "rolling")
    (done,) = await world.operations()

    plan = await world.bot.deployments.dry_run(
        DeploymentRequest("production", "", back_from=done.id), by=Actor("U0ANA", "T0REIFY")
    )

    assert plan.image is not None
    assert plan.image.label == OLD
    assert plan.contract is not None
    assert "The Machines ran 2 different images before" in " ".join(plan.contract.risks)


async def test_a_promotion_is_tried_again_beside_a_branch_of_that_name(tmp_path: Path) -> None:
    """A branch is called `staging`, on the very commit: the second try is a promotion, too, and no branch."""
    tags_only = replacing(('# refs = ["v*"]', 'refs = ["v*"]'))
    async with make_world(tmp_path / "flytower.db", change=lambda text: tags_only(SHARED(text))) as world:
        world.fly.app(STAGING).organization = world.fly.app(PRODUCTION).organization
        await act(world, "branch", name="staging", sha=SHA["v1.4.2"])
        fault = world.fault("unhealthy", target=SJC)
        await world.types("/deploy production staging")
        await world.clicks(CONFIRM)
        world.fly.faults.remove(fault.id)
        await tries_again(world)

        assert await ended(world) is State.SUCCEEDED
        assert {m["digest"] for m in world.machines()} == {m["digest"] for m in world.machines(STAGING)}
