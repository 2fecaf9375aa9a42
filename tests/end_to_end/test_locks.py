"""Locks: who is kept out and who passes, how they end, and who hears of it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.model import Actor
from bot.domain.operation import State
from bot.locks import Locks
from sandbox.faults import Fault
from tests.world import CHANNEL, SHA, World, text_of

ANA, BO, CLEO = "U0ANA", "U0BO", "U0CLEO"
CONFIRM = "deployment_confirm"
OLD, NEW = f"sha-{SHA['v1.4.1']}", f"sha-{SHA['v1.4.2']}"
LOCK = '/deploy lock production "moving the database"'
DEPLOY = "/deploy production v1.4.2"


def direct(world: World, user: str) -> list[dict[str, Any]]:
    """What stands in a person's direct message with the app, oldest first."""
    channels = [each["id"] for each in world.slack.state()["channels"] if each.get("user") == user]
    return [message for channel in channels for message in world.messages(channel)]


def said(messages: list[dict[str, Any]]) -> str:
    """All that they say."""
    return "\n".join(map(text_of, messages))


def captions(message: dict[str, Any]) -> list[str]:
    """The words on the buttons of a message."""
    rows = [block for block in message["blocks"] if block["type"] == "actions"]
    return [element["text"]["text"] for row in rows for element in row["elements"]]


def refusal(world: World, user: str) -> dict[str, Any]:
    """The newest private message to somebody in the channel that has buttons."""
    seen = [m for m in world._all(CHANNEL) if m["is_ephemeral"] and user in str(m["visible_to"])]
    return next(m for m in reversed(seen) if m.get("blocks") and captions(m))


async def passes(world: World, **how_long: float) -> None:
    """Time goes by, and the job that tells of ends has run."""
    world.simulators.clock.skip(timedelta(**how_long).total_seconds())
    (job,) = (job for job in world.bot.schedule._jobs if job.name == "tell-of-locks")
    await job.run()
    await world.settle()


async def takes_over(world: World, card: dict[str, Any], *, by: str = BO, why: str = "the fix must go out") -> None:
    """Somebody presses Take over and gives the reason."""
    await world.clicks("lock_take_over", by=by, card=card)
    await world.slack.submit(user=by, values={"why": why})
    await world.settle()


async def test_a_lock_is_told_in_the_channel_and_keeps_others_out(world: World) -> None:
    """One message says by whom, why and until when; Bo is refused with three ways out, and nothing moved."""
    await world.types(f"{LOCK} for 2h")
    await world.types(DEPLOY, by=BO)

    (card,) = world.messages()
    assert card["text"].startswith("🔒 *reify-studio/production* is locked by <@U0ANA> until <!date^")
    assert "“moving the database”" in card["text"]
    assert "You keep *reify-studio/production* locked" in world.private()[-1]
    told = refusal(world, BO)
    assert "locked" in text_of(told)
    assert "moving the database" in text_of(told)
    assert captions(told)[:3] == ["Ask the holder", "Tell me when it is free", "Take over"]
    assert world.labels() == {OLD}


async def test_the_holder_deploys_behind_the_lock(world: World) -> None:
    """The plan reminds them of it, and the deployment goes through."""
    await world.types(LOCK)
    await world.types(DEPLOY)
    plan = text_of(world.card())
    await world.clicks(CONFIRM)

    assert "moving the database" in plan
    assert world.labels() == {NEW}


async def test_a_branch_passes_and_the_others_do_not(world: World) -> None:
    """`--branch main` lets Bo bring main to staging, and no tag."""
    await world.types('/deploy lock staging "only main" --branch main')
    await world.types("/deploy staging v1.4.1", by=BO)
    refused = [operation.state for operation in await world.operations()]
    await world.types("/deploy staging main", by=BO)

    assert refused == [State.FAILED]
    assert (await world.operations())[-1].state is State.SUCCEEDED


async def test_a_rollback_of_somebody_else_is_kept_out(world: World) -> None:
    """A lock is about everything that changes what runs."""
    await world.types(DEPLOY)
    await world.clicks(CONFIRM)
    await world.types(LOCK)
    await world.types("/rollback production previous", by=BO)

    assert "moving the database" in text_of(refusal(world, BO))
    assert world.labels() == {NEW}


async def test_a_lock_between_plan_and_click_stops_the_click(world: World) -> None:
    """Bo reads a plan, Ana locks, Bo presses Deploy: nothing starts."""
    await world.types(DEPLOY, by=BO)
    card = world.card()
    await world.types(LOCK)
    await world.clicks(CONFIRM, by=BO, card=card)

    assert world.labels() == {OLD}
    assert (await world.operations())[0].started_at is None


async def test_what_runs_goes_on(world: World) -> None:
    """Ana locks while Bo's deployment is at its release command: it ends as it would have."""
    await world.types(DEPLOY, by=BO)
    await world.press(CONFIRM, by=BO)
    await world.until(lambda: bool(world.release_commands()), "the release command runs")
    assert world.labels() == {OLD}
    await world.types(LOCK)

    assert world.labels() == {NEW}


async def test_of_two_people_who_lock_at_once_one_does(world: World) -> None:
    """One message in the channel; the other is told who was quicker, with the ways out."""
    commands = (world.slack.command(user=user, channel=CHANNEL, text=LOCK) for user in (ANA, BO))
    await asyncio.gather(*commands)
    await world.settle()

    (card,) = world.messages()
    winner, loser = (ANA, BO) if f"by <@{ANA}>" in card["text"] else (BO, ANA)
    assert f"<@{winner}> keeps reify-studio/production locked" in text_of(refusal(world, loser))


async def test_a_command_that_comes_twice_is_one_lock(world: World) -> None:
    """Slack lost the acknowledgement and sends the command again: one message, and no second answer of another kind."""
    world.slack.faults.add(Fault("retry", target="/deploy", times=1))
    await world.types(LOCK)

    assert len(world.messages()) == 1
    assert all("You keep" in answer for answer in world.private())


async def test_the_holder_changes_the_lock_in_place(world: World) -> None:
    """The command again with another end: the same message says the new one."""
    await world.types(f"{LOCK} for 2h")
    await world.types('/deploy lock production "still at it" for 4h')

    (card,) = world.messages()
    assert "still at it" in card["text"]
    assert "moving" not in text_of(card)
    assert "Your lock on *reify-studio/production* is changed" in world.private()[-1]


async def test_unlocking_edits_the_message_and_lets_others_in(world: World) -> None:
    """The message says who unlocked and how long it was locked; Bo's deployment gets its plan."""
    await world.types(LOCK)
    world.simulators.clock.skip(7200)
    await world.types("/deploy unlock production")

    (card,) = world.messages()
    assert card["text"] == "🔓 The lock on *reify-studio/production* is over: <@U0ANA> unlocked it."
    assert "for 2 hours: “moving the database”" in text_of(card)
    assert captions(card) == []
    await world.types(DEPLOY, by=BO)
    assert "Deploy" in str(captions(world.card()))


async def test_only_the_holder_unlocks(world: World) -> None:
    """By command or button, Bo is told whose it is and what he can do; the lock stays."""
    await world.types(LOCK)
    await world.types("/deploy unlock production", by=BO)
    by_command = text_of(refusal(world, BO))
    await world.clicks("lock_release", by=BO)

    assert "is <@U0ANA>'s: moving the database (`lock_not_yours`)" in by_command
    assert "`lock_not_yours`" in text_of(refusal(world, BO))
    assert captions(world.card()) == ["Unlock", "Ask the holder", "Tell me when it is free", "Take over"]


async def test_a_lock_ends_although_its_job_never_ran(world: World) -> None:
    """Two hours later Bo deploys: nothing but the clock had to notice."""
    await world.types(f"{LOCK} for 2h")
    world.simulators.clock.skip(7201)
    await world.types(DEPLOY, by=BO)
    await world.clicks(CONFIRM, by=BO)

    assert world.labels() == {NEW}


async def test_whoever_waits_hears_of_the_end_once(world: World) -> None:
    """With what he wanted, and a button to lock it for himself; nothing deploys by itself."""
    await world.types(f"{LOCK} for 2h")
    await world.types(DEPLOY, by=BO)
    for _ in range(2):
        await world.clicks("lock_watch", by=BO, card=refusal(world, BO))
    await passes(world, hours=2)
    await passes(world, hours=1)

    (told,) = direct(world, BO)
    assert "The lock on *reify-studio/production* is over: Its end has come." in told["text"]
    assert "`/deploy production v1.4.2`" in told["text"]
    assert captions(told) == ["Lock it for me"]
    assert "Its end has come" in world.messages()[0]["text"]
    assert world.labels() == {OLD}


async def test_the_one_who_waited_locks_with_one_click(world: World) -> None:
    """For an hour, with what he wanted as the reason; the second click changes nothing, and Cleo comes too late."""
    await world.types(LOCK)
    for user in (BO, CLEO):
        await world.clicks("lock_watch", by=user)
    await world.types("/deploy unlock production")
    bos, cleos = direct(world, BO)[0], direct(world, CLEO)[0]
    for _ in range(2):
        await world.clicks("lock_claim", by=BO, card=bos)
    await world.clicks("lock_claim", by=CLEO, card=cleos)

    assert "is locked by <@U0BO> until" in world.card()["text"]
    assert "“was waiting for it”" in world.card()["text"]
    assert len(world.messages()) == 2
    assert "<@U0BO> keeps reify-studio/production locked" in world.private(CLEO, cleos["channel"])[-1]


async def test_who_waits_hears_that_another_lock_is_there(world: World) -> None:
    """Ana unlocks production, and Cleo's lock on everything still keeps Bo out: no button that could not work."""
    await world.types('/deploy lock all "release day"', by=CLEO)
    await world.types(LOCK)
    await world.clicks("lock_watch", by=BO)
    await world.types("/deploy unlock production")

    (told,) = direct(world, BO)
    assert "is over" in told["text"]
    assert "*everything* was locked by <@U0CLEO>" in told["text"]
    assert captions(told) == ["Ask the holder", "Tell me when it is free", "Take over"]


async def test_taking_over_tells_the_holder(world: World) -> None:
    """Ana reads by whom and why in a direct message; the channel sees the old lock end and the new one."""
    await world.types(LOCK)
    await takes_over(world, world.card())

    (told,) = direct(world, ANA)
    old, new = world.messages()
    assert "<@U0BO> took over your lock on *reify-studio/production*: “the fix must go out”" in told["text"]
    assert "<@U0BO> took it over from <@U0ANA>." in old["text"]
    assert "is locked by <@U0BO>: “the fix must go out”" in new["text"]
    await world.types(DEPLOY)
    assert "the fix must go out" in text_of(refusal(world, ANA))


async def test_two_who_take_over_at_once_are_one(world: World) -> None:
    """Bo and Cleo have the form open: the second is told what happened, and Bo's lock stays."""
    await world.types(LOCK)
    card = world.card()
    for user in (BO, CLEO):
        await world.clicks("lock_take_over", by=user, card=card)
    for user in (BO, CLEO):
        await world.slack.submit(user=user, values={"why": f"{user} needs it"})
        await world.settle()

    assert len(world.messages()) == 2
    assert "is locked by <@U0BO>" in world.card()["text"]
    assert "<@U0BO> took it over from <@U0ANA>" in world.private(CLEO)[-1]
    assert len(direct(world, ANA)) == 1


async def test_the_form_wants_a_reason(world: World) -> None:
    """One of nothing but white space stands there with what is missing; the lock stays."""
    await world.types(LOCK)
    await world.clicks("lock_take_over", by=BO)
    result = await world.slack.submit(user=BO, values={"why": " \u200b "})

    assert not result["is_closed"]
    assert "Say why" in str(result)
    assert "<@U0ANA>" in world.card()["text"]


async def test_the_holder_is_asked_and_answers(world: World) -> None:
    """Ana reads who asks, keeps it, and Bo hears; the question is gone, and asking twice was one question."""
    await world.types(LOCK)
    await world.types(DEPLOY, by=BO)
    for _ in range(2):
        await world.clicks("lock_ask", by=BO, card=refusal(world, BO))
    (question,) = direct(world, ANA)
    await world.clicks("lock_keep", card=question)

    assert "<@U0BO> asks how long you need *reify-studio/production*" in question["text"]
    assert "`/deploy production v1.4.2`" in question["text"]
    assert captions(question) == ["Unlock", "Keep it"]
    (answered,) = direct(world, ANA)
    assert captions(answered) == []
    assert "<@U0BO> is told" in text_of(answered)
    assert "<@U0ANA> still needs *reify-studio/production*" in said(direct(world, BO))


async def test_the_holder_unlocks_when_asked(world: World) -> None:
    """One click in the direct message: Bo, who asked, hears once that it is free."""
    await world.types(LOCK)
    await world.clicks("lock_ask", by=BO)
    await world.clicks("lock_release", card=direct(world, ANA)[0])

    (told,) = direct(world, BO)
    assert "<@U0ANA> unlocked it" in told["text"]
    assert "unlocked it" in world.card()["text"]


async def test_what_slack_did_not_take_is_told_later(world: World) -> None:
    """Slack is down when Ana unlocks: message and direct message follow, each once."""
    await world.types(LOCK)
    await world.clicks("lock_watch", by=BO)
    fault = world.slack.faults.add(Fault("status", path="^/api/chat", status=503, body="down"))
    await world.types("/deploy unlock production")
    assert "is locked by" in world.card()["text"]
    world.slack.faults.remove(fault.id)
    await passes(world, minutes=1)
    await passes(world, minutes=1)

    assert "unlocked it" in world.card()["text"]
    assert len(direct(world, BO)) == 1


async def test_a_restart_forgets_nobody(world: World) -> None:
    """The lock's end comes while the bot is away: the next start tells Bo and edits the message."""
    await world.types(f"{LOCK} for 10m")
    await world.clicks("lock_watch", by=BO)
    await world.restarts_after(lambda: world.simulators.clock.skip(3600))

    assert "Its end has come" in said(direct(world, BO))
    assert "Its end has come" in world.card()["text"]


async def test_an_end_by_the_clock_is_on_ones_own(world: World) -> None:
    """Ana types 17:00 in São Paulo, which is 20:00 UTC."""
    await world.types(f"{LOCK} until 17:00")

    assert "20:00 UTC>" in world.card()["text"]


async def test_without_a_time_zone_the_clock_is_utc(world: World) -> None:
    """Slack does not tell Ana's, and the answer says so."""
    world.slack.world.users[ANA].tz = "Mars/Olympus"
    await world.types(f"{LOCK} until 17:00")

    assert "17:00 UTC>" in world.card()["text"]
    assert "your time was read as UTC" in world.private()[-1]


async def test_the_list_says_what_is_locked_and_what_to_do(world: World) -> None:
    """Each lock with its reader's buttons; without any, how to lock."""
    await world.types("/deploy lock", by=BO)
    await world.types(LOCK)
    await world.types('/deploy lock all "release day"', by=BO)
    await world.types("/deploy lock", by=BO)

    assert "Nothing is locked" in world.private(BO)[0]
    told = refusal(world, BO)
    assert captions(told) == ["Ask the holder", "Tell me when it is free", "Take over", "Unlock"]
    assert "*reify-studio/production* was locked by <@U0ANA>" in text_of(told)
    assert "*everything* was locked by <@U0BO>" in text_of(told)


async def test_a_lock_that_cannot_be_read_keeps_out_until_somebody_removes_it(world: World) -> None:
    """Nobody deploys, not even its holder; the list says how to remove it, which Bo does for all to see."""
    await world.types(LOCK)
    await world.bot.store.write(lambda db: db.conn.execute("UPDATE lock SET until = 'later'").rowcount)
    await world.types(DEPLOY)
    await world.types("/deploy lock")
    listed = world.private()[-1]
    await world.types("/deploy unlock production", by=BO)

    assert (await world.operations())[0].reason == "lock_unknown"
    assert "cannot be read" in listed
    assert "`/deploy unlock reify-studio/production` removes it" in listed
    assert "<@U0BO> removed a lock on *reify-studio/production* that could not be read" in world.card()["text"]
    await world.types(DEPLOY)
    assert (await world.operations())[-1].state is State.REQUESTED


@pytest.mark.parametrize("user", ["U0GUS", "U0EVE"])
@pytest.mark.parametrize("what", ["lock", 'lock production "x"', "unlock production"])
async def test_guests_and_strangers_neither_lock_nor_look(world: World, user: str, what: str) -> None:
    """They are told which rule says so; nothing is locked and nothing is said in the channel."""
    await world.types(f"/deploy {what}", by=user)

    assert "`not_a_member`" in world.private(user)[-1] or "`other_workspace`" in world.private(user)[-1]
    assert world.messages() == []


async def test_hostile_reasons_stay_text(world: World) -> None:
    """A reason mentions nobody, links nowhere and ends no formatting, in the channel and in a refusal."""
    await world.types('/deploy lock production "<!channel> *x* <https://evil.example|click>"')
    await world.types(DEPLOY, by=BO)

    for message in (world.card(), refusal(world, BO)):
        assert "<!channel>" not in text_of(message)
        assert "<https://evil" not in text_of(message)


async def test_a_take_over_that_nobody_could_tell_is_told_by_the_next_start(world: World) -> None:
    """The bot is killed right after the commit: Ana hears once, and both messages are true."""
    await world.types(LOCK)
    (lock,) = (await Locks(world.bot.store).standing()).locks
    await Locks(world.bot.store).take_over(lock.id, Actor(BO, "T0REIFY"), "the fix", world.bot.clock.now())
    before = len(world.messages())
    await world.restarts_after(lambda: None)
    await world.restarts_after(lambda: None)

    old, new = world.messages()
    assert (before, len(direct(world, ANA))) == (1, 1)
    assert "took it over" in old["text"]
    assert "is locked by <@U0BO>" in new["text"]


async def test_what_slack_refuses_is_not_tried_for_ever(world: World) -> None:
    """The bot may not speak in the channel nor to Bo: the lock holds all the same, and each is asked once."""
    body = {"ok": False, "error": "is_archived"}
    world.slack.faults.add(Fault("status", path=r"/api/chat\.postMessage", status=200, body=body))
    await world.types(LOCK)
    await world.types(DEPLOY, by=BO)
    await world.clicks("lock_watch", by=BO, card=refusal(world, BO))
    await world.types("/deploy unlock production")
    tried = len(world.slack.calls.find("POST", r"/api/chat\.postMessage"))
    await passes(world, minutes=1)

    assert "You unlocked" in world.private()[-1]
    assert world.messages() == []
    assert len(world.slack.calls.find("POST", r"/api/chat\.postMessage")) == tried


async def test_a_change_while_slack_is_slow_is_shown_too(world: World) -> None:
    """Ana changes her lock while its message is being posted: the message ends up with the newest words."""
    world.slack.faults.add(Fault("delay", path=r"/api/chat\.postMessage", seconds=3, times=1))
    await world.slack.command(user=ANA, channel=CHANNEL, text=LOCK)
    await world.simulators.clock.sleep(1)
    await world.types('/deploy lock production "still at it"')

    (card,) = world.messages()
    assert "still at it" in card["text"]


@pytest.mark.parametrize("what", ["lock help", "unlock help"])
async def test_help_shows_what_to_type(world: World, what: str) -> None:
    """For both commands, privately, and nothing is locked."""
    await world.types(f"/deploy {what}")

    assert "/deploy unlock ENVIRONMENT|all" in world.private()[-1]
    assert world.messages() == []
