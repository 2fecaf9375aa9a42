"""What goes wrong in the middle of a rollout, and where it leaves the Machines."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.domain.operation import State
from bot.operations.leases import Leases
from tests.world import PRODUCTION, SHA, STAGING, World, replacing, text_of
from tests.world import world as make_world

CONFIRM, CANCEL = "deployment_confirm", "deployment_cancel"
NEW, OLD = f"sha-{SHA['v1.4.2']}", f"sha-{SHA['v1.4.1']}"
IAD, SJC = "148e2d1c6e9789", "9080e4f2c51387"
ASLEEP = "6e82dd4f7a1c08"


STAGING_RESTORES = replacing(
    (
        "[pipeline.environments.staging.database]",
        "[pipeline.environments.staging.policy]\nrestore_on_failure = true\n\n[pipeline.environments.staging.database]",
    )
)


async def deploys(world: World, ref: str = "v1.4.2") -> str:
    """Ana deploys to production and confirms; what the card says in the end."""
    await world.types(f"/deploy production {ref}")
    await world.clicks(CONFIRM)
    return text_of(world.card())


async def starts(world: World, ref: str = "v1.4.2") -> None:
    """Ana deploys to production and confirms; the deployment is under way."""
    await world.types(f"/deploy production {ref}")
    await world.press(CONFIRM)


async def closes_its_books(world: World) -> None:
    """Both Machines are moved and proven, and the release is about to be closed."""
    await world.until(lambda: updates(world) == [1, 1], "both Machines moved")
    world.fault("delay", method="PATCH", path="/api/v1/releases", seconds=5)
    before = len(world.fly.calls.find("PATCH", "/api/v1/releases"))
    await world.until(
        lambda: len(world.fly.calls.find("PATCH", "/api/v1/releases")) > before, "the books are being closed"
    )


def updates(world: World) -> list[int]:
    return [machine["updates"] for machine in world.machines()]


async def state(world: World) -> State:
    return (await world.operations())[-1].state


async def test_a_machine_that_crashes_on_the_new_image_stops_the_rollout(world: World) -> None:
    """A crash loop on the first Machine: named with its exit code, the second Machine is not touched."""
    world.fault("crash_loop", target=IAD, detail={"exit_code": 137})

    card = await deploys(world)

    assert "machine_crashed" in card
    assert "exit code 137" in card
    assert updates(world) == [1, 0]


async def test_a_machine_that_does_not_start_stops_the_rollout(world: World) -> None:
    """The first Machine never reaches started: said so within the wait time, the second is not touched."""
    world.fault("fails_to_start", target=IAD)

    card = await deploys(world)

    assert "machine_not_started" in card or "machine_crashed" in card
    assert updates(world) == [1, 0]


async def test_a_slow_boot_is_waited_for(world: World) -> None:
    """Both Machines take two minutes to start: the deployment succeeds."""
    world.fault("slow_boot", target=PRODUCTION, seconds=120, detail={"phase": "started"})

    assert "Ship receipt: 2 of 2" in await deploys(world)


async def test_a_boot_that_is_slower_than_the_limit_is_a_failure(world: World) -> None:
    """Ten minutes are more than the wait time of five: machine_not_started."""
    world.fault("slow_boot", target=PRODUCTION, seconds=600, detail={"phase": "started"})

    assert "machine_not_started" in await deploys(world)
    assert updates(world) == [1, 0]


async def test_cancel_while_a_machine_boots_stops_before_the_next(world: World) -> None:
    """Cancel during the first Machine's boot: the second is not touched, the mix is told."""
    world.fault("slow_boot", target=PRODUCTION, seconds=200, detail={"phase": "started"})
    await starts(world)
    await world.until(lambda: updates(world) == [1, 0], "the first Machine is updated")
    await world.clicks(CANCEL, by="U0BO")

    assert await state(world) is State.CANCELLED
    assert "*Mixed*: 1 of 2" in text_of(world.card())
    assert updates(world) == [1, 0]


async def test_cancel_while_checks_are_awaited_stops_there(world: World) -> None:
    """Cancel while the first Machine's checks fail: no waiting out of the limit."""
    world.fault("unhealthy", target=IAD)
    await starts(world)
    await world.until(lambda: world.machines()[0]["state"] == "started" and updates(world) == [1, 0], "it is up")
    await world.clicks(CANCEL)

    assert await state(world) is State.CANCELLED
    assert updates(world) == [1, 0]


async def test_cancel_while_fly_does_not_answer_is_heard(world: World) -> None:
    """Fly is down in the middle and somebody cancels: the operation ends, and says what it could not see."""
    await starts(world)
    await world.until(lambda: bool(world.release_commands()), "the release command runs")
    world.fault("status", path="/v1/apps", status=503)
    await world.until(lambda: "does not answer" in text_of(world.card()), "the card says that Fly does not answer")
    await world.clicks(CANCEL)

    assert await state(world) is State.CANCELLED
    assert "could not be read back" in text_of(world.card())


async def test_fly_being_down_for_a_while_is_waited_out(world: World) -> None:
    """Fly is down for half a minute between the Machines: the deployment succeeds, each Machine moved once."""
    await starts(world)
    await world.until(lambda: updates(world) == [1, 0], "the first Machine is updated")
    fault = world.fault("status", path="/v1/apps", status=503)
    await world.until(lambda: "does not answer" in text_of(world.card()), "the card says that Fly does not answer")
    world.fly.faults.remove(fault.id)
    await world.settle()

    assert updates(world) == [1, 1]
    assert world.labels() == {NEW}


async def test_a_machine_destroyed_meanwhile_is_named(world: World) -> None:
    """Somebody destroys the second Machine during the release command: said so, the rest as it is."""
    world.fault("release_command_fails", target=PRODUCTION, detail={"exit_code": 0, "seconds": 30})
    await starts(world)
    await world.until(lambda: bool(world.release_commands()), "the release command runs")
    world.fly.app(PRODUCTION).machines.pop(SJC)
    await world.settle()

    assert await state(world) is State.FAILED
    assert "gone" in text_of(world.card())


async def test_a_machine_changed_by_somebody_else_is_respected(world: World) -> None:
    """Another image appears on the second Machine before its turn: it is not overwritten."""
    await starts(world)
    await world.until(lambda: updates(world) == [1, 0], "the first Machine is updated")
    machine = world.fly.machine(SJC)
    machine.image_ref = machine.image_ref | {"digest": "sha256:" + "0" * 64}
    await world.settle()

    assert "changed_outside" in text_of(world.card())
    assert updates(world) == [1, 0]


async def test_machines_that_changed_after_the_plan_stop_it_at_the_check(world: World) -> None:
    """A deployment by flyctl slips in between the last plan and the start: nothing is touched."""
    await world.types("/deploy production v1.4.2")
    (operation,) = await world.operations()
    await world.fly.control.ci.deploy(PRODUCTION, f"sha-{SHA['v1.4.0']}")
    await world.bot.engine.start(operation.id, by=operation.actor, plan_hash=operation.plan_hash)
    await world.settle()

    assert "changed_outside" in text_of(world.card())
    assert [run for run in world.release_commands() if NEW in run["image"]] == []


async def test_a_lease_that_slips_in_after_the_plan_stops_it_at_the_check(world: World) -> None:
    """Somebody takes a lease after the last plan: refused at the check with who, nothing is touched."""
    await world.types("/deploy production v1.4.2")
    (operation,) = await world.operations()
    world.fly.control.lease(SJC, owner="bo@example.com", seconds=3600)
    await world.bot.engine.start(operation.id, by=operation.actor, plan_hash=operation.plan_hash)
    await world.settle()

    assert "bo@example.com" in text_of(world.card())
    assert world.release_commands() == []
    assert updates(world) == [0, 0]


async def test_a_lease_taken_during_the_release_command_is_respected(world: World) -> None:
    """Somebody holds a Machine when the leases are due: no Machine is updated."""
    world.fault("release_command_fails", target=PRODUCTION, detail={"exit_code": 0, "seconds": 30})
    await starts(world)
    await world.until(lambda: bool(world.release_commands()), "the release command runs")
    world.fly.control.lease(SJC, owner="bo@example.com", seconds=3600)
    await world.settle()

    assert "lease_held" in text_of(world.card())
    assert updates(world) == [0, 0]


async def test_a_lost_lease_stops_the_rollout(world: World) -> None:
    """Our lease on the second Machine is gone and somebody else has it: it is not updated."""
    world.fault("slow_boot", target=IAD, seconds=60, detail={"phase": "started"})
    await starts(world)
    await world.until(lambda: updates(world) == [1, 0], "the first Machine is updated")
    world.fly.control.release_lease(SJC)
    world.fly.control.lease(SJC, owner="bo@example.com", seconds=3600)
    await world.settle()

    assert "lease" in text_of(world.card())
    assert updates(world) == [1, 0]


async def test_a_lease_is_taken_anew_by_the_write_that_needs_it(world: World) -> None:
    """A lease that ran out unrefreshed is taken again before its nonce is used."""
    clock = world.bot.clock
    fly = world.bot.fly["reify-studio-production"]
    async with Leases(fly, clock, PRODUCTION, "flytower test") as leases:
        await leases.take([IAD])
        first = await leases.nonce(IAD)
        world.fault("status", method="POST", path="/lease$", status=500)
        await clock.sleep(31)
        world.fly.faults.clear()
        second = await leases.nonce(IAD)

        assert first != second
        assert world.machines()[0]["lease"] is not None


async def test_a_refresh_after_the_end_takes_the_lease_anew(world: World) -> None:
    """Fly forgot our lease, and nobody has it: the next refresh takes it, unless Fly does not answer."""
    clock = world.bot.clock
    fly = world.bot.fly["reify-studio-production"]
    async with Leases(fly, clock, PRODUCTION, "flytower test") as leases:
        await leases.take([IAD])
        world.fly.control.release_lease(IAD)
        world.fault("status", method="POST", path="/lease$", status=409, body={"error": "no lease"}, times=1)
        await clock.sleep(16)

        assert world.machines()[0]["lease"]["description"] == "flytower test"


@pytest.mark.parametrize("is_taken", [False, True])
async def test_a_refresh_that_is_under_way_when_the_lease_goes_back_leaves_none(world: World, is_taken: bool) -> None:
    """Fly works the refresh after the release: what it granted goes back, too, and nobody else's is touched."""
    clock = world.bot.clock
    async with Leases(world.bot.fly["reify-studio-production"], clock, PRODUCTION, "flytower test") as leases:
        await leases.take([IAD])
        world.fault("delay", method="POST", path="/lease$", seconds=3, times=1)
        await clock.sleep(16)
        await leases.give_back([IAD])
        if is_taken:
            world.fly.control.lease(IAD, owner="bo@example.com", seconds=60)
        await clock.sleep(4)

        lease = world.machines()[0]["lease"]
        assert (lease and lease["owner"]) == ("bo@example.com" if is_taken else None)


async def test_refreshes_that_fail_once_do_no_harm(world: World) -> None:
    """Lease refreshes are dropped for a moment: the deployment succeeds."""
    await starts(world)
    await world.until(lambda: updates(world) == [1, 0], "the first Machine is updated")
    world.fault("drop_before", method="POST", path="/lease$", times=2)
    await world.settle()

    assert world.labels() == {NEW}


async def test_leases_that_cannot_be_given_back_run_out(world: World) -> None:
    """Fly refuses to release the leases: the deployment ends well all the same."""
    world.fault("status", method="DELETE", path="/lease$", status=500)

    assert "Ship receipt: 2 of 2" in await deploys(world)


async def test_a_release_machine_that_fly_forgot_is_not_run_again(world: World) -> None:
    """The bot was down while the release command ended and its Machine was forgotten: unknown is a failure."""
    await starts(world)
    await world.until(lambda: bool(world.release_commands()), "the release command runs")
    (job,) = [machine["id"] for machine in world.all_machines() if machine["id"] not in {IAD, SJC}]
    await world.restarts_after(lambda: world.fly.app(PRODUCTION).machines.pop(job))

    assert "release_command_failed" in text_of(world.card())
    assert len(world.release_commands()) == 1
    assert updates(world) == [0, 0]


async def test_a_release_command_that_ends_while_the_bot_is_down_counts(world: World) -> None:
    """The command exits 0 during the bot's absence: read from Fly afterwards, not run again."""
    await starts(world)
    await world.until(lambda: bool(world.release_commands()), "the release command runs")
    await world.bot.stop()
    await world.until(lambda: world.release_commands()[0]["finished_at"] is not None, "it ended")
    world.bot = world.new_bot()
    await world.bot.start()
    await world.settle()

    assert len(world.release_commands()) == 1
    assert world.labels() == {NEW}


async def test_an_exit_that_fly_does_not_tell_is_a_failure(world: World) -> None:
    """The release Machine is forgotten right after its end: no exit code, so nothing goes on."""
    await starts(world)
    await world.until(lambda: bool(world.release_commands()), "the release command runs")
    (job,) = [machine["id"] for machine in world.all_machines() if machine["id"] not in {IAD, SJC}]
    world.fly.app(PRODUCTION).machines.pop(job)
    await world.settle()

    assert "release_command_failed" in text_of(world.card())
    assert updates(world) == [0, 0]


async def test_a_log_that_may_not_be_read_is_replaced_by_a_link(world: World) -> None:
    """The token may not read logs: the thread has the link where they stand."""
    world.fault("release_command_fails", target=PRODUCTION, detail={"exit_code": 3})
    world.fault("status", path="/logs$", status=401)

    assert "exited with 3" in await deploys(world)
    assert "https://fly.io/apps/reify-studio/monitoring" in "\n".join(text_of(m) for m in world.thread())


async def test_a_lost_start_of_the_release_command_is_not_repeated(world: World) -> None:
    """The answer to the start is lost: Fly is asked whether it started, and the command runs once."""
    world.fault("drop_after", method="POST", path="/start$", times=1)

    assert "Ship receipt: 2 of 2" in await deploys(world)
    assert len(world.release_commands()) == 1


async def test_a_start_that_fly_refuses_is_a_failure(world: World) -> None:
    """A start refused for good ends the deployment with Fly's own words."""
    world.fault("status", method="POST", path="/start$", status=403, body={"error": "unauthorized"})

    assert "unauthorized" in await deploys(world)
    assert updates(world) == [0, 0]


async def test_a_start_that_fly_keeps_refusing_for_now_is_given_up(world: World) -> None:
    """412 for longer than Fly needs after a stop: the deployment ends, nothing was touched."""
    body = {"error": "failed_precondition: machine still active, refusing to start"}
    world.fault("status", method="POST", path="/start$", status=412, body=body)

    assert "still active" in await deploys(world)
    assert updates(world) == [0, 0]


async def test_books_that_cannot_be_closed_are_a_warning(world: World) -> None:
    """The release stays `running` in Fly's books: the deployment is live, and the card says what is off."""
    await starts(world)
    await world.until(lambda: updates(world) == [1, 1], "both Machines moved")
    world.fault("status", method="PATCH", path="/api/v1/releases", status=500)
    await world.settle()

    assert await state(world) is State.SUCCEEDED
    assert "release record could not be closed" in text_of(world.card())


async def test_a_machine_that_is_changed_before_the_receipt_is_noticed(world: World) -> None:
    """All updates went well, but the receipt reads another digest: never called done."""
    await starts(world)
    await closes_its_books(world)
    machine = world.fly.machine(SJC)
    machine.image_ref = machine.image_ref | {"digest": "sha256:" + "0" * 64}
    await world.settle()

    assert "wrong_image" in text_of(world.card())
    assert await state(world) is State.FAILED


async def test_a_machine_that_is_gone_at_the_receipt_is_noticed(world: World) -> None:
    """All updates went well, but a Machine is gone when the receipt is written: never called done."""
    await starts(world)
    await closes_its_books(world)
    world.fly.app(PRODUCTION).machines.pop(SJC)
    await world.settle()

    assert "wrong_image" in text_of(world.card())
    assert "gone" in text_of(world.card())


async def test_a_receipt_that_cannot_be_read_is_no_success(world: World) -> None:
    """Fly does not answer at the very end: the deployment failed as far as anybody saw."""
    await starts(world)
    await closes_its_books(world)
    world.fault("status", method="GET", path=rf"/apps/{PRODUCTION}/machines$", status=500)
    await world.settle()

    assert await state(world) is State.FAILED
    assert "could not be read back" in text_of(world.card())


async def test_a_restore_that_fails_is_told_machine_by_machine(restoring_world: World) -> None:
    """The old image does not come up either: the Machine is named, and nothing is called restored."""
    world = restoring_world
    await world.has_release_without_migration()
    world.fault("unhealthy", target=IAD)

    card = await deploys(world, "v1.5.0")

    assert f"could not be restored: Machine {IAD}" in card.replace("`", "")
    assert updates(world) == [3, 1]


async def test_a_cancel_before_the_release_machine_is_known_leaves_none_behind(world: World) -> None:
    """The create's answer is lost, Fly is silent, somebody cancels: the Machine is found by its mark and ended."""
    world.fault("drop_after", method="POST", path=rf"/apps/{PRODUCTION}/machines$", times=1)
    await starts(world)
    await world.until(lambda: len(world.all_machines()) == 3, "the release Machine is made")
    world.fault("status", method="GET", path=rf"/apps/{PRODUCTION}/machines$", status=503)
    await world.until(lambda: "does not answer" in text_of(world.card()), "the card says that Fly does not answer")
    await world.press(CANCEL)
    world.fly.faults.clear()
    await world.settle()

    assert await state(world) is State.CANCELLED
    assert [m["state"] for m in world.all_machines() if m["id"] not in {IAD, SJC}] == ["destroyed"]


async def test_a_cancel_without_a_release_machine_has_none_to_end(world: World) -> None:
    """The create never reached Fly and somebody cancels: no Machine is looked for twice, none is left."""
    world.fault("status", method="POST", path=rf"/apps/{PRODUCTION}/machines$", status=503)
    await starts(world)
    await world.until(lambda: "does not answer" in text_of(world.card()), "the card says that Fly does not answer")
    await world.clicks(CANCEL)

    assert await state(world) is State.CANCELLED
    assert len(world.all_machines()) == 2


async def test_a_cancel_after_the_last_update_is_refused(world: World) -> None:
    """All Machines are moved and the books closed: there is nothing left to cancel, and that is said."""
    await starts(world)
    await world.until(lambda: updates(world) == [1, 1], "both Machines moved")
    world.fault("delay", method="GET", path=rf"/apps/{PRODUCTION}/machines$", seconds=10)
    operation = (await world.operations())[-1]
    while not (await world.bot.store.operation(operation.id)).done("close_release"):
        await world.simulators.clock.sleep(0.05)
    await world.clicks(CANCEL, by="U0BO")

    assert "nothing is left to cancel" in world.private("U0BO")[-1]
    assert await state(world) is State.SUCCEEDED


async def test_an_app_whose_definition_fly_does_not_show_gets_no_record(world: World) -> None:
    """No fly.toml of an earlier release: an empty one is not written into Fly's books, and the card says so."""
    for release in world.fly.app(PRODUCTION).releases:
        release.definition = None

    card = await deploys(world)

    assert "none was recorded" in card
    assert [release["version"] for release in world.releases()][-1] == 41
    assert world.labels() == {NEW}


async def test_a_restore_waits_for_a_fly_that_is_down(restoring_world: World) -> None:
    """Fly is down for half a minute when the restore begins: the old image comes back all the same."""
    world = restoring_world
    await world.has_release_without_migration()
    world.fault("crash_loop", target=f"sha-{SHA['heading']}")
    await starts(world, "v1.5.0")
    await world.until(lambda: updates(world) == [2, 1], "the first Machine is updated")
    # The next that is written to this Machine is the restore.
    fault = world.fault("status", method="POST", path=rf"/machines/{IAD}$", status=503)
    await world.until(lambda: "does not answer" in text_of(world.card()), "the card says that Fly does not answer")
    world.fly.faults.remove(fault.id)
    await world.settle()

    assert world.labels() == {NEW}
    assert "All 2 Machines run what ran before." in text_of(world.card())


async def test_a_release_that_was_made_unseen_is_closed_all_the_same(world: World) -> None:
    """The record is made, its answer lost, and Fly's books cannot be read for a while: closed in the end."""
    world.fault("drop_after", method="POST", path=r"/api/v1/releases$", times=1)
    await starts(world)
    await world.until(lambda: world.releases()[-1]["version"] == 42, "the release is recorded")
    fault = world.fault("status", path=r"/api/v1/apps/.*/releases", status=500)
    await world.until(lambda: bool(world.release_commands()), "the release command runs")
    world.fly.faults.remove(fault.id)
    await world.settle()

    assert "release record could not be written" in text_of(world.card())
    assert world.releases()[-1]["status"] == "complete"


async def test_an_operation_without_a_release_record_has_nothing_to_close(world: World) -> None:
    """The check fails: no release is recorded, and none is closed."""
    await world.types("/deploy production v1.4.2")
    (operation,) = await world.operations()
    await world.fly.control.ci.deploy(PRODUCTION, f"sha-{SHA['v1.4.0']}")
    closed = len(world.fly.calls.find("PATCH", "/api/v1/releases"))
    await world.bot.engine.start(operation.id, by=operation.actor, plan_hash=operation.plan_hash)
    await world.settle()

    assert len(world.fly.calls.find("PATCH", "/api/v1/releases")) == closed


async def test_a_restore_leaves_alone_what_was_never_moved(restoring_world: World) -> None:
    """The first update is refused: there is nothing to put back, and both Machines stay untouched."""
    world = restoring_world
    await world.has_release_without_migration()
    before = updates(world)
    world.fault("status", method="POST", path=rf"/machines/{IAD}$", status=422, body={"error": "no"})

    card = await deploys(world, "v1.5.0")

    assert "All 2 Machines run what ran before." in card
    assert updates(world) == before


async def test_a_cancelled_rollout_is_restored_where_the_policy_says_so(restoring_world: World) -> None:
    """Cancel after the first Machine, no migration in range: both Machines run the image from before."""
    world = restoring_world
    await world.has_release_without_migration()
    await starts(world, "v1.5.0")
    before = updates(world)
    await world.until(lambda: updates(world)[0] == before[0] + 1, "the first Machine is updated")
    await world.clicks(CANCEL)

    assert world.labels() == {NEW}
    assert await state(world) is State.CANCELLED


async def test_a_restore_goes_on_after_a_restart(restoring_world: World) -> None:
    """The bot stops while it restores: the next one restores the rest, each Machine once."""
    world = restoring_world
    await world.has_release_without_migration()
    world.fault("crash_loop", target=f"sha-{SHA['heading']}")
    await starts(world, "v1.5.0")
    before = updates(world)
    await world.until(lambda: updates(world)[0] == before[0] + 2, "the first Machine is being restored")
    await world.restarts_after(lambda: None)

    assert world.labels() == {NEW}
    assert updates(world)[0] == before[0] + 2
    assert await state(world) is State.FAILED


async def test_an_image_that_does_not_boot_is_found_although_all_machines_sleep(world: World) -> None:
    """Staging sleeps; the new image crashes: the proof finds it, and the Machine sleeps again."""
    world.fault("crash_loop", target=ASLEEP, detail={"exit_code": 1})
    await world.types("/deploy staging main")

    assert "machine_crashed" in text_of(world.card())
    assert world.machines(STAGING)[0]["state"] == "stopped"


async def test_our_own_lease_of_before_the_restart_is_waited_out(world: World) -> None:
    """The bot dies holding the leases: the next one waits some seconds for them instead of giving up."""
    await starts(world)
    await world.until(lambda: updates(world) == [1, 0], "the first Machine is updated")
    held = {m["id"]: m["lease"]["description"] for m in world.machines()}

    def still_leased() -> None:
        for machine, description in held.items():
            world.fly.control.lease(machine, owner="flytower", seconds=10)
            world.fly.machine(machine).lease.description = description

    await world.restarts_after(still_leased)

    assert updates(world) == [1, 1]
    assert world.labels() == {NEW}


async def test_a_machine_that_vanishes_before_its_turn_is_named(world: World) -> None:
    """The second Machine is destroyed while the first is updated: gone, and the mix is told."""
    await starts(world)
    await world.until(lambda: updates(world) == [1, 0], "the first Machine is updated")
    world.fly.app(PRODUCTION).machines.pop(SJC)
    await world.settle()

    assert f"Machine {SJC} is gone" in text_of(world.card())


async def test_a_machine_that_is_destroyed_and_still_shown_is_gone(world: World) -> None:
    """Fly shows a destroyed Machine for a while: it counts as gone, and is not waited for."""
    await starts(world)
    await world.until(lambda: updates(world) == [1, 0], "the first Machine is updated")
    world.fly.machine(SJC).state = "destroyed"
    await world.settle()

    assert f"Machine {SJC} is gone" in text_of(world.card())


async def test_a_lease_that_ran_out_is_taken_anew(world: World) -> None:
    """Refreshes fail until the leases run out, and nobody else takes them: the rollout goes on under new ones."""
    world.fault("slow_boot", target=IAD, seconds=60, detail={"phase": "started"})
    await starts(world)
    await world.until(lambda: updates(world) == [1, 0], "the first Machine is updated")
    fault = world.fault("status", method="POST", path="/lease$", status=500)
    await world.simulators.clock.sleep(30)
    world.fly.faults.remove(fault.id)
    await world.until(lambda: updates(world) == [1, 1], "the second Machine is updated")
    await world.settle()

    assert world.labels() == {NEW}


async def test_a_sleeping_machine_is_restored_asleep(tmp_path: Path) -> None:
    """The proof fails and the policy restores: the sleeping Machine gets the old image without being booted."""
    async with make_world(tmp_path / "flytower.db", change=STAGING_RESTORES) as world:
        world.fault("crash_loop", target=f"sha-{SHA['heading']}", detail={"exit_code": 1})
        await world.types("/deploy staging main")

        (machine,) = world.machines(STAGING)
        assert (machine["label"], machine["state"]) == (NEW, "stopped")
        assert len(world.fly.calls.find("POST", f"/{ASLEEP}/start$")) == 1
        assert "stopped ☾ · on `sha-844d6008b85…`" in text_of(world.card())
        assert "The one Machine runs what ran before." in text_of(world.card())


async def test_a_machine_that_crashed_for_good_is_restored_running(restoring_world: World) -> None:
    """Fly stopped it after the new image crashed: the old image is started, not put there asleep."""
    world = restoring_world
    await world.has_release_without_migration()
    world.fly.machine(IAD).config["restart"] = {"policy": "no"}
    world.fault("crash_loop", target=f"sha-{SHA['heading']}")

    card = await deploys(world, "v1.5.0")

    assert "All 2 Machines run what ran before." in card
    assert [machine["state"] for machine in world.machines()] == ["started", "started"]


async def test_a_machine_that_vanishes_while_it_boots_is_named(world: World) -> None:
    """The first Machine is destroyed while it starts: gone, and the second is not touched."""
    world.fault("slow_boot", target=IAD, seconds=60, detail={"phase": "started"})
    await starts(world)
    await world.until(lambda: updates(world) == [1, 0], "the first Machine is updated")
    world.fly.app(PRODUCTION).machines.pop(IAD)
    await world.settle()

    assert f"Machine {IAD} is gone" in text_of(world.card())
    assert updates(world) == [0]


async def test_a_machine_that_vanishes_while_it_is_watched_is_named(world: World) -> None:
    """The first Machine is destroyed after it started: gone, and the second is not touched."""
    world.fault("unhealthy", target=IAD)
    await starts(world)
    await world.until(lambda: updates(world) == [1, 0] and world.machines()[0]["state"] == "started", "it is up")
    await world.until(lambda: len(_looks(world)) > 2, "it is being watched")
    world.fly.app(PRODUCTION).machines.pop(IAD)
    await world.settle()

    assert f"Machine {IAD} is gone" in text_of(world.card())


async def test_a_machine_that_is_destroyed_while_it_is_watched_is_named(world: World) -> None:
    """Fly goes on showing it as destroyed: gone, and not waited for until the limit."""
    world.fault("unhealthy", target=IAD)
    await starts(world)
    await world.until(lambda: updates(world) == [1, 0] and world.machines()[0]["state"] == "started", "it is up")
    await world.until(lambda: len(_looks(world)) > 2, "it is being watched")
    world.fly.machine(IAD).state = "destroyed"
    await world.settle()

    assert f"Machine {IAD} is gone" in text_of(world.card())


def _looks(world: World) -> list[object]:
    return list(world.fly.calls.find("GET", rf"/machines/{IAD}$"))


async def test_checks_without_a_result_are_not_called_healthy(world: World) -> None:
    """Fly shows no result of a configured check until the limit: unhealthy, and said why."""
    await starts(world)
    await world.until(lambda: updates(world) == [1, 0], "the first Machine is updated")
    shown = world.fly.machine(IAD)
    body = {
        "id": IAD,
        "state": "started",
        "region": "iad",
        "instance_id": shown.instance_id,
        "config": shown.config,
        "image_ref": shown.image_ref,
        "checks": [],
    }
    world.fault("status", method="GET", path=rf"/machines/{IAD}$", status=200, body=body)
    await world.settle()

    assert "1 of 1 checks have no result" in text_of(world.card())


async def test_a_create_that_never_reached_fly_is_sent_again(world: World) -> None:
    """The connection drops before Fly saw the create: nothing is found by the marker, one Machine is made."""
    world.fault("drop_before", method="POST", path=rf"/apps/{PRODUCTION}/machines$", times=1)

    assert "Ship receipt: 2 of 2" in await deploys(world)
    assert len(world.release_commands()) == 1


async def test_an_update_that_fly_could_not_take_for_a_while_goes_on(world: World) -> None:
    """Fly answers 503 to the first update for longer than the client tries: tried again, once done."""
    fault = world.fault("status", method="POST", path=rf"/machines/{IAD}$", status=503)
    await starts(world)
    await world.until(lambda: "does not answer" in text_of(world.card()), "the card says that Fly does not answer")
    world.fly.faults.remove(fault.id)
    await world.settle()

    assert updates(world) == [1, 1]


async def test_a_destroyed_release_machine_without_an_exit_event_is_a_failure(world: World) -> None:
    """Fly shows the ended Machine, but never how its command ended: unknown is not success."""
    await starts(world)
    await world.until(lambda: bool(world.release_commands()), "the release command runs")
    (job,) = [machine["id"] for machine in world.all_machines() if machine["id"] not in {IAD, SJC}]
    body = {"id": job, "state": "destroyed", "region": "iad", "instance_id": "x", "config": {}, "events": []}
    world.fault("status", method="GET", path=rf"/machines/{job}$", status=200, body=body)
    await world.settle()

    assert "without telling its exit code" in text_of(world.card())
    assert updates(world) == [0, 0]


async def test_a_release_command_that_logs_nothing_is_told_as_that(world: World) -> None:
    """No log line within the time that logs take: the thread says that there is none."""
    world.fault("release_command_fails", target=PRODUCTION, detail={"exit_code": 3})
    world.fault("status", path="/logs$", status=200, body={"data": [], "meta": {"next_token": ""}})

    assert "exited with 3" in await deploys(world)
    assert "(it logged nothing)" in "\n".join(text_of(m) for m in world.thread())


async def test_a_proof_that_was_under_way_goes_on_after_a_restart(world: World) -> None:
    """The bot stops while the sleeping Machine is booted for proof: it is not started twice, and sleeps again."""
    world.fault("slow_boot", target=ASLEEP, seconds=30, detail={"phase": "healthy"})
    await world.slack.command(user="U0ANA", channel="C0DEPLOYS", text="/deploy staging main")
    await world.until(lambda: world.machines(STAGING)[0]["state"] == "started", "the Machine is booted")
    await world.restarts_after(lambda: None)

    (machine,) = world.machines(STAGING)
    assert (machine["starts"], machine["state"]) == (1, "stopped")
    assert await state(world) is State.SUCCEEDED


async def test_resuming_what_runs_already_does_nothing(world: World) -> None:
    """Resume finds an operation that this process works on: it is not worked on twice."""
    await starts(world)
    await world.until(lambda: bool(world.release_commands()), "the release command runs")
    resumed = await world.bot.engine.resume()
    await world.settle()

    assert len(resumed) == 1
    assert len(world.release_commands()) == 1
    assert updates(world) == [1, 1]


async def test_stopping_the_bot_twice_at_once_leaves_the_operation_active(world: World) -> None:
    """A stop in the middle leaves the row active, so that the next start goes on with it."""
    await starts(world)
    await world.until(lambda: bool(world.release_commands()), "the release command runs")
    operation = (await world.operations())[-1]
    await asyncio.gather(world.bot.engine.stop(), world.bot.engine.stop())

    assert (await world.bot.store.operation(operation.id)).is_active
