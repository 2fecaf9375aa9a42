"""The watch after a success: what is trouble and what is not, how it is told, and the ways back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from bot.domain.operation import State
from sandbox.faults import Fault
from tests.world import CHANNEL, PRODUCTION, SHA, STAGING, UNCHECKED, World, replacing, text_of
from tests.world import world as make_world

CONFIRM, APPROVE = "deployment_confirm", "approval_approve"
ROLL_BACK, STOP = "watch_roll_back", "watch_stop_restore"
IAD, SJC = "148e2d1c6e9789", "9080e4f2c51387"
OLD, NEW = f"sha-{SHA['v1.4.1']}", f"sha-{SHA['v1.4.2']}"
NEWEST = f"sha-{SHA['heading']}"
WATCHED = replacing(("restore_on_trouble = false", "restore_on_trouble = true"))


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[World]:
    """A world whose production restores by itself, on v1.5.0 since a moment, with no migration in range."""
    async with make_world(tmp_path / "flytower.db", change=WATCHED) as made:
        await made.has_release_without_migration()
        await deploys(made, "v1.5.0")
        yield made


async def deploys(world: World, ref: str = "v1.4.2") -> None:
    """Ana deploys to production, and it succeeds."""
    await world.types(f"/deploy production {ref}")
    await world.clicks(CONFIRM)
    assert "live" in world.card()["text"]


async def passes(world: World, seconds: float) -> None:
    """Time goes by, and what it caused has come to rest."""
    await world.simulators.clock.sleep(seconds)
    await world.settle()


def sickens(world: World, machine: str = IAD, status: str = "critical", output: str = "") -> None:
    """The checks of a running Machine change."""
    world.fly.control.set_health(machine, status, output)


def crashes(world: World, machine: str = IAD, **how: Any) -> None:
    """A Machine's process ends, and again after each start."""
    world.fly.control.crash(machine, **how)


def looks(world: World, app: str = PRODUCTION) -> int:
    """How often the app's Machines were listed."""
    return len(world.fly.calls.find("GET", rf"/apps/{app}/machines$"))


async def states(world: World) -> list[State]:
    return [operation.state for operation in await world.operations()]


def captions(message: dict[str, Any]) -> list[str]:
    """The words on the buttons of a message."""
    rows = [block for block in message["blocks"] if block["type"] == "actions"]
    return [element["text"]["text"] for row in rows for element in row["elements"]]


async def test_a_quiet_window_ends_with_one_edit_of_the_card(world: World) -> None:
    """Ten minutes without trouble: no new message and no new reply; the card's last line says it."""
    await deploys(world)
    before = text_of(world.card())
    edits = len(world.slack.calls.find("POST", "/api/chat.update"))
    await passes(world, 630)

    assert "Watching the Machines until" in before
    assert "Watched 10 min, no trouble" in text_of(world.card())
    assert len(world.messages()) == len(world.thread()) == 1
    assert len(world.slack.calls.find("POST", "/api/chat.update")) == edits + 1


async def test_a_watched_app_costs_one_list_call_for_each_look_and_nothing_afterwards(unchecked: World) -> None:
    """Four looks a minute, each one request; when the window is over, Fly is not asked again."""
    world = unchecked
    await deploys(world)
    await passes(world, 20)
    calls, listed = len(world.fly.calls.all()), looks(world)
    await passes(world, 60)
    watched = len(world.fly.calls.all()) - calls, looks(world) - listed
    await passes(world, 600)
    calls = len(world.fly.calls.all())
    await passes(world, 600)

    assert watched == (4, 4)
    assert len(world.fly.calls.all()) == calls


async def test_a_flapping_check_is_no_trouble(world: World) -> None:
    """Checks that fail at one look and pass at the next are not worth waking anybody."""
    await deploys(world)
    for _ in range(8):
        sickens(world)
        await passes(world, 10)
        sickens(world, status="passing")
        await passes(world, 21)

    assert len(world.messages()) == 1


async def test_failing_checks_are_told_in_the_channel_and_so_is_that_they_pass_again(world: World) -> None:
    """Critical at two looks: one message that mentions who deployed; the same message says when all is well."""
    await deploys(world)
    sickens(world, output="502 <!channel> bad gateway")
    await passes(world, 40)
    told = world.card()
    sickens(world, status="passing")
    await passes(world, 60)

    said = text_of(told)
    assert "Trouble" in told["text"]
    assert "<@U0ANA>" in told["text"]
    assert "502 ‹!channel› bad gateway" in said
    assert IAD in said
    assert SJC not in said
    assert captions(told) == ["Roll back"]
    assert len(world.messages()) == 2
    assert world.card()["ts"] == told["ts"]
    assert "Well again" in world.card()["text"]
    assert "well again: see the message" in text_of(world.messages()[0])


async def test_a_crash_loop_is_told_once_with_the_end_of_its_log(world: World) -> None:
    """A Machine that dies again and again: one message, edited, with exit code and log, secrets taken out."""
    await deploys(world)
    crashes(world, exit_code=7, loops=True, line="boom: DATABASE_URL=ecto://u:hunter2@db/x")
    await passes(world, 120)

    said = text_of(world.card())
    assert len(world.messages()) == 2
    assert "crashed: exit code 7" in said
    assert "boom: DATABASE_URL" in said
    assert "hunter2" not in said


async def test_one_crash_from_which_a_machine_recovers_is_told_as_such(world: World) -> None:
    """Out of memory once, well half a minute later: told, and told to be over."""
    await deploys(world)
    crashes(world, exit_code=137, oom=True)
    await passes(world, 20)
    told = text_of(world.card())
    await passes(world, 60)

    assert "exit code 137, out of memory, 1 restart" in told
    assert "Well again" in world.card()["text"]


@pytest.mark.parametrize(
    ("happens", "words"),
    [
        (lambda world: world.fly.control.stop_machine(SJC), "was stopped"),
        (lambda world: world.fly.control.lifecycle.destroy(world.fly.control.machine(SJC)), "is gone"),
    ],
    ids=["stopped", "destroyed"],
)
async def test_a_warm_machine_that_is_not_there_is_trouble(
    world: World, happens: Callable[[World], object], words: str
) -> None:
    """Production never sleeps: a Machine that was stopped or destroyed behind the bot's back is told."""
    await deploys(world)
    happens(world)
    await passes(world, 40)

    assert words in text_of(world.card())


async def test_a_machine_that_falls_asleep_where_it_may_is_no_trouble(world: World) -> None:
    """Staging wakes for a visitor and is put to sleep again: nothing is said."""
    await world.types("/deploy staging main")
    await passes(world, 20)
    world.fly.control.visit(STAGING)
    await passes(world, 30)
    world.fly.control.stop_machine(world.machines(STAGING)[0]["id"])
    await passes(world, 600)

    assert len(world.messages()) == 1
    assert "no trouble" in text_of(world.card())


async def test_fly_not_answering_is_no_trouble(world: World) -> None:
    """Fly is silent for some looks: nothing is said, and what goes wrong afterwards is seen."""
    await deploys(world)
    fault = world.fault("status", path=rf"/apps/{PRODUCTION}/machines$", status=500)
    await passes(world, 120)
    silent = len(world.messages())
    world.fly.faults.remove(fault.id)
    sickens(world)
    await passes(world, 90)

    assert silent == 1
    assert "Trouble" in world.card()["text"]


async def test_a_window_in_which_fly_never_answered_is_not_called_quiet(world: World) -> None:
    """Nothing is said to be well that was not seen."""
    await deploys(world)
    world.fault("status", path=rf"/apps/{PRODUCTION}/machines$", status=500)
    await passes(world, 720)

    assert "Not watched" in text_of(world.card())


async def test_a_log_that_cannot_be_read_is_replaced_by_a_link(world: World) -> None:
    """A token without the right to logs: the message says so and where to look."""
    await deploys(world)
    world.fault("status", path=r"/logs", status=401)
    crashes(world, loops=True)
    await passes(world, 40)

    assert f"monitoring?instance={IAD}" in text_of(world.card())


async def test_slack_being_away_delays_the_message_and_does_not_double_it(world: World) -> None:
    """The trouble is told as soon as Slack takes messages again, once."""
    await deploys(world)
    fault = world.slack.faults.add(Fault("status", path=r"/api/chat\.postMessage", status=500))
    sickens(world)
    await passes(world, 60)
    world.slack.faults.remove(fault.id)
    await passes(world, 60)

    assert [message["text"].count("Trouble") for message in world.messages()] == [0, 1]


async def test_a_message_that_slack_refuses_is_not_sent_for_ever(world: World) -> None:
    """Slack refuses the message for good: nothing stops, and the watch ends."""
    await deploys(world)
    body = {"ok": False, "error": "invalid_blocks"}
    world.slack.faults.add(Fault("status", path=r"/api/chat\.postMessage", status=200, body=body))
    sickens(world)
    await passes(world, 700)
    posts = len(world.slack.calls.find("POST", r"/api/chat\.postMessage"))
    await passes(world, 300)

    assert "Trouble since" in text_of(world.card())
    assert len(world.slack.calls.find("POST", r"/api/chat\.postMessage")) == posts


async def test_trouble_that_lasts_is_left_with_its_button_when_the_window_is_over(unchecked: World) -> None:
    """The last word of the watch is that the trouble is not over; the button stays."""
    world = unchecked
    await deploys(world)
    crashes(world, loops=True)
    await passes(world, 700)

    assert "Still trouble" in world.card()["text"]
    assert captions(world.card()) == ["Roll back"]


async def test_roll_back_shows_a_plan_and_brings_the_old_image_back(world: World) -> None:
    """Anyone may press it: a contract of what comes back, approved by another, and both Machines run v1.4.1."""
    await deploys(world)
    crashes(world, loops=True)
    await passes(world, 40)
    await world.clicks(ROLL_BACK, by="U0BO")
    planned = text_of(world.card())
    still = world.labels()
    await world.clicks(APPROVE, by="U0CLEO")

    assert "v1.4.1" in planned
    assert still == {NEW}
    assert world.labels() == {OLD}
    assert len(world.release_commands()) == 1


async def test_a_double_click_on_roll_back_makes_one_plan(world: World) -> None:
    """Two clicks at once, and a third later: one request, and the later one is told that it waits."""
    await deploys(world)
    sickens(world)
    await passes(world, 40)
    trouble = world.card()
    await asyncio.gather(world.press(ROLL_BACK, card=trouble), world.press(ROLL_BACK, card=trouble))
    await world.settle()
    await world.clicks(ROLL_BACK, card=trouble)

    assert await states(world) == [State.SUCCEEDED, State.REQUESTED]
    assert "asked for that already" in world.private()[-1]


async def test_a_plan_to_roll_back_that_was_dismissed_can_be_asked_for_again(world: World) -> None:
    """Dismissed, then pressed again: a new plan."""
    await deploys(world)
    sickens(world)
    await passes(world, 40)
    trouble = world.card()
    await world.clicks(ROLL_BACK, card=trouble)
    await world.clicks("deployment_cancel")
    await world.clicks(ROLL_BACK, card=trouble)

    assert await states(world) == [State.SUCCEEDED, State.CANCELLED, State.REQUESTED]


async def test_a_guest_can_neither_roll_back_nor_stop(guarded: World) -> None:
    """Guests are refused, and the countdown goes on."""
    world = guarded
    crashes(world, loops=True)
    await passes(world, 25)
    for action in (ROLL_BACK, STOP):
        await world.clicks(action, by="U0GUS")

    assert [text.count("not_a_member") for text in world.private("U0GUS")] == [1, 1]
    assert "Restores" in world.card()["text"]


async def test_a_stale_roll_back_says_what_happened_since(world: World) -> None:
    """Bo deployed after the trouble: the button of the old message changes nothing and says so."""
    await deploys(world)
    sickens(world)
    await passes(world, 40)
    trouble = world.card()
    await world.types("/deploy production v1.4.0", by="U0BO")
    await world.clicks(CONFIRM, by="U0BO")
    # Ana's client still shows the message as it was.
    await world.slack.click(user="U0ANA", channel=CHANNEL, ts=trouble["ts"], action_id=ROLL_BACK, version=0)
    await world.settle()

    assert "a newer deployment, of `v1.4.0` by <@U0BO>: it succeeded" in world.private()[-1]
    assert world.labels() == {f"sha-{SHA['v1.4.0']}"}


async def test_a_newer_deployment_ends_the_watch(world: World) -> None:
    """What was trouble is superseded by the next deployment; its message says so and has no button."""
    await deploys(world)
    sickens(world)
    await passes(world, 40)
    await world.types("/deploy production v1.4.0")
    await world.clicks(CONFIRM)
    await passes(world, 30)

    deployed, trouble, _ = world.messages()
    assert "Superseded" in trouble["text"]
    assert captions(trouble) == []
    assert "see the message about it" in text_of(deployed)


async def test_a_release_from_outside_ends_the_watch_without_a_word(world: World) -> None:
    """CI deploys another image meanwhile: no trouble is told about Machines that are no longer ours."""
    await deploys(world)
    world.fly.control.push_image(app=PRODUCTION, label=NEWEST)
    await passes(world, 20)
    await world.fly.control.ci.deploy(PRODUCTION, NEWEST)
    sickens(world)
    await passes(world, 60)

    assert len(world.messages()) == 1
    assert "something newer took over" in text_of(world.card())


async def test_the_countdown_is_shown_and_brings_the_old_image_back(guarded: World) -> None:
    """Trouble, a minute's warning that counts, then the image from before, by the bot itself."""
    world = guarded
    crashes(world, loops=True)
    await passes(world, 20)
    warned = world.card()
    await passes(world, 30)
    later = world.messages()[-1]
    still = world.labels()
    await passes(world, 120)

    assert "Restores `v1.4.2`* at" in warned["text"]
    assert captions(warned) == ["Stop", "Roll back"]
    assert later["ts"] == warned["ts"]
    assert later["text"] != warned["text"]
    assert still == {NEWEST}
    assert world.labels() == {NEW}
    assert "flytower" in world.card()["text"]
    assert await states(world) == [State.SUCCEEDED, State.SUCCEEDED]


async def test_stop_stops_the_countdown_for_good(guarded: World) -> None:
    """Bo presses Stop: nothing is restored, the message says who stopped it, and a second Stop is told so."""
    world = guarded
    crashes(world, loops=True)
    await passes(world, 25)
    trouble = world.card()
    await asyncio.gather(world.press(STOP, by="U0BO", card=trouble), world.press(STOP, by="U0CLEO", card=trouble))
    await passes(world, 180)

    assert world.labels() == {NEWEST}
    assert "stopped the restore" in world.card()["text"]
    assert captions(world.card()) == ["Roll back"]
    assert len([text for user in ("U0BO", "U0CLEO") for text in world.private(user)]) == 1
    actions = [event["action"] for event in await world.bot.store.audit_events()]
    assert actions.count("watch.stop_restore") == 1


async def test_recovering_machines_call_the_countdown_off(guarded: World) -> None:
    """The checks pass again before the minute is over: nothing is restored."""
    world = guarded
    sickens(world)
    await passes(world, 40)
    warned = world.card()
    sickens(world, status="passing")
    await passes(world, 150)

    assert "Restores" in warned["text"]
    assert "Well again" in world.card()["text"]
    assert world.labels() == {NEWEST}


async def test_nothing_is_restored_by_itself_across_a_migration(tmp_path: Path) -> None:
    """A migration is in range: the message says why a person decides, and has the button alone."""
    async with make_world(tmp_path / "flytower.db", change=WATCHED) as world:
        await deploys(world)
        crashes(world, loops=True)
        await passes(world, 180)

        assert world.labels() == {NEW}
        assert "a migration is in range" in world.card()["text"]
        assert captions(world.card()) == ["Roll back"]


async def test_going_back_is_watched_and_never_restores(guarded: World) -> None:
    """After the bot went back the Machines fail again: it says so and does not play ping-pong."""
    world = guarded
    crashes(world, loops=True)
    await passes(world, 180)
    back = world.labels()
    crashes(world, loops=True)
    await passes(world, 180)

    assert back == world.labels() == {NEW}
    assert "itself a going back" in world.card()["text"]
    assert len(await world.operations()) == 2


@pytest.mark.parametrize("seconds", [0, 35, 65, 80])
async def test_a_restart_at_any_moment_of_the_countdown_restores_once(guarded: World, seconds: float) -> None:
    """The deadline is in the database: whenever the bot stops, it goes back once, and in the same message."""
    world = guarded
    crashes(world, loops=True)
    await passes(world, seconds)
    await world.restarts_after(lambda: None)
    await passes(world, 180)

    assert await states(world) == [State.SUCCEEDED, State.SUCCEEDED]
    assert world.labels() == {NEW}
    assert len([m for m in world.messages() if "Being restored" in m["text"]]) == 1
    assert len(world.messages()) == 3


async def test_a_countdown_that_ends_while_the_bot_is_away_is_over_at_its_return(guarded: World) -> None:
    """Stopped during the countdown, back after it, still in trouble: the bot restores at once."""
    world = guarded
    crashes(world, loops=True)
    await passes(world, 25)
    await world.bot.stop()
    await world.simulators.clock.sleep(120)
    world.bot = world.new_bot()
    await world.bot.start()
    await passes(world, 60)

    assert world.labels() == {NEW}


async def test_a_provider_that_is_away_delays_the_restore_and_does_not_lose_it(guarded: World) -> None:
    """GitHub and the registry are silent when the minute is over: it goes back when Fly can be asked."""
    world = guarded
    crashes(world, loops=True)
    await passes(world, 25)
    fault = world.fault("status", path=r"/lease$", status=500)
    await passes(world, 150)
    still = world.labels()
    world.fly.faults.remove(fault.id)
    await passes(world, 120)

    assert still == {NEWEST}
    assert world.labels() == {NEW}
    assert await states(world) == [State.SUCCEEDED, State.SUCCEEDED]


async def test_a_restore_that_may_not_be_is_said_and_left_to_people(guarded: World) -> None:
    """Somebody's flyctl holds a lease when the minute is over: the message says why nothing was restored."""
    world = guarded
    crashes(world, loops=True)
    await passes(world, 25)
    world.fly.control.lease(SJC, owner="bo@reify.example", seconds=900)
    await passes(world, 120)

    assert world.labels() == {NEWEST}
    assert "could not be restored" in world.card()["text"]
    assert "bo@reify.example" in world.card()["text"]
    assert captions(world.card()) == ["Roll back"]


async def test_killed_right_after_the_success_it_is_watched_all_the_same(world: World) -> None:
    """The bot stops before its first look; what went wrong meanwhile is told after the restart."""
    await deploys(world)
    await world.restarts_after(lambda: crashes(world, loops=True))
    await passes(world, 40)

    assert "crashed" in text_of(world.card())


async def test_a_bot_that_comes_back_after_the_window_says_that_nobody_watched(world: World) -> None:
    """Away for the whole window: the card does not claim a quiet one."""
    await deploys(world)
    await world.bot.stop()
    await world.simulators.clock.sleep(900)
    world.bot = world.new_bot()
    await world.bot.start()
    await passes(world, 20)

    assert "Not watched" in text_of(world.card())


async def test_without_a_window_nothing_is_watched(tmp_path: Path) -> None:
    """`policy.watch` of nothing: the card has no such line, and Fly is left alone."""
    unwatched = replacing(('watch = "10m" ', 'watch = "0s" '))
    async with make_world(tmp_path / "flytower.db", change=lambda text: UNCHECKED(unwatched(text))) as world:
        await deploys(world)
        calls = len(world.fly.calls.all())
        crashes(world, loops=True)
        await passes(world, 600)

        assert "atch" not in text_of(world.card())
        assert len(world.fly.calls.all()) == calls


async def test_a_defect_in_one_look_does_not_end_the_watch(world: World) -> None:
    """A row that this version cannot read breaks the looks; once it is mended they go on."""
    await deploys(world)
    await passes(world, 20)
    (facts,) = await world.bot.store.read(lambda db: [row["facts"] for row in db.query("SELECT facts FROM watch")])
    change = "UPDATE watch SET facts = ?"
    await world.bot.store.write(lambda db: db.conn.execute(change, ["{}"]).rowcount)
    with contextlib.suppress(AssertionError):
        await passes(world, 40)
    await world.bot.store.write(lambda db: db.conn.execute(change, [facts]).rowcount)
    crashes(world, loops=True)
    await passes(world, 60)

    assert "crashed" in text_of(world.card())
