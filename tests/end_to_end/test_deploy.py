"""`/deploy` from the typed command to what Fly runs and what Slack shows."""

from __future__ import annotations

import asyncio

from bot.domain.operation import State
from tests.world import PRODUCTION, SHA, STAGING, World, text_of

CONFIRM, CANCEL = "deployment_confirm", "deployment_cancel"
NEW = f"sha-{SHA['v1.4.2']}"
OLD = f"sha-{SHA['v1.4.1']}"
IAD, SJC = "148e2d1c6e9789", "9080e4f2c51387"


async def test_a_confirmed_production_deployment_moves_both_machines_and_proves_it(world: World) -> None:
    """After the button both Machines run the image, the books say complete, the receipt says 2 of 2."""
    await world.types('/deploy production v1.4.2 --reason "pricing fix"')
    await world.clicks(CONFIRM)

    assert {NEW} == world.labels()
    assert [machine["updates"] for machine in world.machines()] == [1, 1]
    assert world.releases()[-1]["status"] == "complete"
    assert "Ship receipt: 2 of 2 Machines on the image." in text_of(world.card())
    assert "live in iad and sjc" in text_of(world.thread()[-1])


async def test_nothing_moves_before_the_button(world: World) -> None:
    """Production shows its plan and waits: what is running, what would change, and by whom."""
    await world.types("/deploy production v1.4.2")

    plan = text_of(world.card())
    assert {OLD} == world.labels()
    assert world.release_commands() == []
    assert "from `v1.4.1`" in plan
    assert "5 commits" in plan
    assert "20261120080000_add_plan_to_accounts.exs" in plan


async def test_the_release_command_ends_before_any_machine_is_touched(world: World) -> None:
    """The one release command runs on the new image and is over before the first update is sent."""
    await world.types("/deploy production v1.4.2")
    await world.clicks(CONFIRM)

    (command,) = world.release_commands()
    updates = world.fly.calls.find("POST", rf"/machines/({IAD}|{SJC})$")
    assert command["command"] == "/app/bin/migrate"
    assert NEW in command["image"]
    assert command["finished_at"] <= min(call["at"] for call in updates)


async def test_staging_needs_no_button_and_sleeps_on_with_a_proven_image(world: World) -> None:
    """A sleeping Machine gets the image without launching, is booted once to prove it, and sleeps again."""
    await world.types("/deploy staging main")

    (machine,) = world.machines(STAGING)
    assert (f"sha-{SHA['heading']}", "stopped") == (machine["label"], machine["state"])
    assert machine["starts"] == 1
    assert "Ship receipt: 1 of 1 Machines on the image." in text_of(world.card())


async def test_a_failing_release_command_touches_no_machine_and_shows_its_log(world: World) -> None:
    """Exit 1: both Machines stay as they were, the release is failed, the log tail is in the thread."""
    world.fault(
        "release_command_fails",
        target=PRODUCTION,
        detail={"exit_code": 1, "lines": ["** (Postgrex.Error) relation exists", "DATABASE_URL=ecto://u:secret@db/x"]},
    )
    await world.types("/deploy production v1.4.2")
    await world.clicks(CONFIRM)

    replies = "\n".join(text_of(message) for message in world.thread())
    assert {OLD} == world.labels()
    assert [machine["updates"] for machine in world.machines()] == [0, 0]
    assert world.releases()[-1]["status"] == "failed"
    assert "exited with 1" in text_of(world.card())
    assert "relation exists" in replies
    assert "secret" not in replies


async def test_an_unhealthy_first_machine_leaves_the_second_alone_and_the_mix_is_told(world: World) -> None:
    """The first Machine fails, the policy restores nothing: the card says which Machine runs which image."""
    world.fault("unhealthy", target=IAD)
    await world.types("/deploy production v1.4.2")
    await world.clicks(CONFIRM)

    card = text_of(world.card())
    assert {machine["id"]: machine["label"] for machine in world.machines()} == {IAD: NEW, SJC: OLD}
    assert "machine_unhealthy" in card
    assert "*Mixed*: 1 of 2 Machines run the new image" in card
    assert world.releases()[-1]["status"] == "failed"


async def test_an_unhealthy_second_machine_is_restored_where_the_policy_says_so(restoring_world: World) -> None:
    """Without a migration in range both Machines run the image from before again, and the card says so."""
    world = restoring_world
    await world.has_release_without_migration()
    world.fault("unhealthy", target=f"sha-{SHA['heading']}")
    await world.types("/deploy production v1.5.0")
    await world.clicks(CONFIRM)

    assert {NEW} == world.labels()
    assert "All 2 Machines run what ran before." in text_of(world.card())
    assert world.releases()[-1]["status"] == "failed"


async def test_nothing_is_restored_across_a_migration(restoring_world: World) -> None:
    """The policy restores, but a migration is in range: the Machines stay mixed, and a person is asked."""
    world = restoring_world
    world.fault("unhealthy", target=SJC)
    await world.types("/deploy production v1.4.2")
    await world.clicks(CONFIRM)

    card = text_of(world.card())
    assert {NEW} == world.labels()
    assert "a migration is in range" in card
    assert "/deploy production v1.4.1" in card


async def test_a_lease_of_somebody_else_refuses_the_plan_with_who_and_until_when(world: World) -> None:
    """While flyctl deploys, nothing is planned over it; the asker learns who holds it and until when."""
    world.fly.control.lease(IAD, owner="ci@tokens.fly.io", seconds=600)
    await world.types("/deploy production v1.4.2")

    answer = world.private()[-1]
    assert "ci@tokens.fly.io" in answer
    assert "until" in answer
    assert "lease_held" in answer
    assert {OLD} == world.labels()


async def test_a_lease_taken_after_the_plan_stops_the_deployment_before_anything_is_touched(world: World) -> None:
    """Between plan and button somebody started flyctl: no release command runs, no Machine moves."""
    await world.types("/deploy production v1.4.2")
    world.fly.control.lease(SJC, owner="bo@example.com", seconds=600)
    await world.clicks(CONFIRM)

    assert "bo@example.com" in world.private()[-1] + text_of(world.card())
    assert world.release_commands() == []
    assert {OLD} == world.labels()


async def test_the_same_request_twice_is_one_deployment(world: World) -> None:
    """A request that the network delivers twice has one operation and one card."""
    await world.types("/deploy staging main")
    await world.slack.resend()
    await world.settle()

    assert len(await world.operations()) == 1
    assert len(world.messages()) == 1


async def test_two_people_at_once_have_one_winner_and_the_other_is_told_who(world: World) -> None:
    """Two deployments to one app at the same moment: one runs, the second person reads whose."""
    await asyncio.gather(
        world.slack.command(user="U0ANA", channel="C0DEPLOYS", text="/deploy staging main"),
        world.slack.command(user="U0BO", channel="C0DEPLOYS", text="/deploy staging v1.4.1"),
    )
    await world.settle()

    operations = await world.operations()
    (winner,) = [o for o in operations if o.state is State.SUCCEEDED]
    (loser,) = [o for o in operations if o.state is State.FAILED]
    assert loser.reason == "operation_running"
    assert f"<@{winner.actor.user_id}>" in world.private(loser.actor.user_id)[-1]
    assert world.machines(STAGING)[0]["updates"] == 1


async def test_a_double_click_starts_one_deployment(world: World) -> None:
    """Two clicks on Deploy at once: one rollout, and the second click is told that it was decided."""
    await world.types("/deploy production v1.4.2")
    await asyncio.gather(world.press(CONFIRM), world.press(CONFIRM))
    await world.settle()

    assert len(world.release_commands()) == 1
    assert [machine["updates"] for machine in world.machines()] == [1, 1]
    assert len([text for text in world.private() if "decided already" in text]) == 1


async def test_a_create_whose_answer_is_lost_leads_to_one_release_machine(world: World) -> None:
    """The connection drops after Fly made the release command's Machine: it is found by its marker."""
    world.fault("drop_after", method="POST", path=rf"/apps/{PRODUCTION}/machines$", times=1)
    await world.types("/deploy production v1.4.2")
    await world.clicks(CONFIRM)

    assert len(world.release_commands()) == 1
    assert len(world.all_machines()) == 3
    assert "live" in text_of(world.card())


async def test_an_update_whose_answer_is_lost_is_not_sent_to_a_machine_twice(world: World) -> None:
    """The connection drops after Fly updated the first Machine: it is looked at, and not restarted again."""
    world.fault("drop_after", method="POST", path=rf"/machines/{IAD}$", times=1)
    await world.types("/deploy production v1.4.2")
    await world.clicks(CONFIRM)

    assert [machine["updates"] for machine in world.machines()] == [1, 1]
    assert "live" in text_of(world.card())


async def test_a_rate_limit_is_waited_out(world: World) -> None:
    """Fly answers 429 to a create and to an update: each happens once, a little later."""
    world.fault("status", method="POST", path=r"/machines$", status=429, times=1, headers={"Retry-After": "1"})
    world.fault("status", method="POST", path=rf"/machines/{SJC}$", status=429, times=1)
    await world.types("/deploy production v1.4.2")
    await world.clicks(CONFIRM)

    assert len(world.release_commands()) == 1
    assert [machine["updates"] for machine in world.machines()] == [1, 1]


async def test_a_lost_release_record_is_found_again(world: World) -> None:
    """The answer to the release record is lost: the books hold one release more, complete."""
    world.fault("drop_after", method="POST", path=r"/api/v1/releases$", times=1)
    await world.types("/deploy production v1.4.2")
    await world.clicks(CONFIRM)

    assert [release["version"] for release in world.releases()] == [38, 39, 40, 41, 42]
    assert world.releases()[-1]["status"] == "complete"


async def test_books_that_cannot_be_written_do_not_stop_a_deployment(world: World) -> None:
    """Fly's release API is down: the Machines move, and the card carries a warning."""
    world.fault("status", path=r"/api/v1/", status=500)
    await world.types("/deploy production v1.4.2")
    await world.clicks(CONFIRM)

    assert {NEW} == world.labels()
    assert "release record could not be written" in text_of(world.card())
    assert "live" in text_of(world.card())


async def test_cancel_during_the_release_command_leaves_the_machines_alone(world: World) -> None:
    """Cancel while the migration runs: it is stopped, no Machine moves, the release is interrupted."""
    world.fault("release_command_hangs", target=PRODUCTION)
    await world.types("/deploy production v1.4.2")
    await world.press(CONFIRM)
    await world.until(lambda: bool(world.release_commands()), "the release command runs")
    await world.clicks(CANCEL, by="U0BO")

    assert {OLD} == world.labels()
    assert "cancelled" in text_of(world.card())
    assert world.releases()[-1]["status"] == "interrupted"
    assert [m["state"] for m in world.all_machines() if m["id"] not in {IAD, SJC}] == ["destroyed"]


async def test_a_release_command_that_never_ends_is_stopped_at_its_limit(world: World) -> None:
    """After five minutes the command's Machine is destroyed, so that no migration runs on unseen."""
    world.fault("release_command_hangs", target=PRODUCTION)
    await world.types("/deploy production v1.4.2")
    await world.clicks(CONFIRM)

    assert "did not end within 300 s" in text_of(world.card())
    assert [m["state"] for m in world.all_machines() if m["id"] not in {IAD, SJC}] == ["destroyed"]
    assert {OLD} == world.labels()
