"""Confirming, cancelling and expiring plans; what happens to a deployment around its rollout."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools

import pytest

from bot.domain.deployment import DeploymentRequest
from bot.domain.model import Actor
from bot.domain.operation import Event, Kind, Operation, State
from bot.errors import StaleAction
from bot.operations.engine import BOT
from bot.store import NewOperation
from jobs.operations import expire_plans
from sandbox.faults import Fault
from tests.world import CHANNEL, PRODUCTION, SHA, World, text_of

CONFIRM, CANCEL, RETRY = "deployment_confirm", "deployment_cancel", "deployment_retry"
ANA = Actor("U0ANA", "T0REIFY")
OLD = f"sha-{SHA['v1.4.1']}"


async def test_a_dismissed_plan_is_over(world: World) -> None:
    """Dismiss: the card says so, has no buttons, and the row is final."""
    await world.types("/deploy production v1.4.2")
    await world.clicks(CANCEL)

    (operation,) = await world.operations()
    assert operation.state is State.CANCELLED
    assert "cancelled" in world.card()["text"]
    assert [block for block in world.card()["blocks"] if block["type"] == "actions"] == []


async def test_cancelling_what_has_ended_says_how_it_ended(world: World) -> None:
    """Cancel on a card from before the end: told that it succeeded."""
    await world.types("/deploy staging main")
    (operation,) = await world.operations()
    await world.slack.command(user="U0ANA", channel=CHANNEL, text="/deploy help")
    running = next(v for v in range(9) if CANCEL in str(world.card()["earlier"][v]["blocks"]))
    await world.slack.click(user="U0BO", channel=CHANNEL, ts=world.card()["ts"], action_id=CANCEL, version=running)
    await world.settle()

    assert operation.state is State.SUCCEEDED
    assert "succeeded" in world.private("U0BO")[-1]


async def test_a_plan_that_nobody_confirms_expires(world: World) -> None:
    """After half an hour the plan is over: said on the card, and its button starts nothing."""
    await world.types("/deploy production v1.4.2")
    world.simulators.clock.skip(1801)
    await world.bot.schedule.tick(expire_plans(world.bot.requests))
    await world.settle()
    await world.slack.click(user="U0ANA", channel=CHANNEL, ts=world.card()["ts"], action_id=CONFIRM, version=0)
    await world.settle()

    assert "expired" in world.private()[-1]
    assert world.labels() == {OLD}


async def test_a_plan_that_became_impossible_is_ended_on_its_card(world: World) -> None:
    """Between plan and button somebody starts flyctl: nothing starts, the card says what speaks against it."""
    await world.types("/deploy production v1.4.2")
    world.fly.control.lease("148e2d1c6e9789", owner="bo@example.com", seconds=600)
    await world.clicks(CONFIRM)

    assert "lease_held" in text_of(world.card())
    assert "Nothing started: Machine 148e2d1c6e9789 is leased by bo@example.com" in world.private()[-1]
    assert world.release_commands() == []


async def test_an_image_that_vanished_makes_another_way(world: World) -> None:
    """Between plan and button the image is deleted: the card shows that CI would build it, and waits again."""
    await world.types("/deploy production v1.4.2")
    world.fly.control.delete_image(app=PRODUCTION, label=f"sha-{SHA['v1.4.2']}")
    await world.clicks(CONFIRM)

    assert "the way through CI changed" in world.private()[-1]
    assert "CI builds it" in text_of(world.card())
    assert world.release_commands() == []


async def test_a_moved_tag_is_shown_again(world: World) -> None:
    """The ref means another commit now: the button starts nothing, the card shows the new commit."""
    await world.types("/deploy staging main --plan")
    act = world.github.actions()
    await act["tag"]({"name": "v1.6.0", "sha": SHA["v1.4.2"]})
    await world.types("/deploy production v1.6.0")
    await act["delete_ref"]({"ref": "tags/v1.6.0"})
    await act["tag"]({"name": "v1.6.0", "sha": SHA["v1.4.0"]})
    await world.clicks(CONFIRM)

    assert "`v1.6.0` now means 282e3e8" in world.private()[-1].replace("\u200b", "")
    assert world.release_commands() == []


async def test_preparing_twice_plans_once(world: World) -> None:
    """A request whose plan is past is left as it is."""
    await world.types("/deploy staging main")
    (operation,) = await world.operations()

    again = await world.bot.requests.prepare(operation.id)

    assert again.state is State.SUCCEEDED
    assert len(world.release_commands("reify-studio-staging")) == 1


async def test_a_plan_within_its_time_does_not_expire(world: World) -> None:
    """The expiry job leaves a fresh plan alone."""
    await world.types("/deploy production v1.4.2")

    assert await world.bot.requests.expire() == []


async def test_the_button_of_an_older_plan_starts_nothing(world: World) -> None:
    """The plan was renewed since: the button of the first version is told so."""
    await world.types("/deploy production v1.4.2")
    await world.fly.control.ci.deploy(PRODUCTION, f"sha-{SHA['v1.4.0']}")
    await world.clicks(CONFIRM)
    await world.slack.click(user="U0ANA", channel=CHANNEL, ts=world.card()["ts"], action_id=CONFIRM, version=0)
    await world.settle()

    assert "older plan" in world.private()[-1]
    assert world.labels() == {f"sha-{SHA['v1.4.0']}"}


async def test_an_expiry_and_a_click_at_once_have_one_outcome(world: World) -> None:
    """The expiry job meets plans that are being decided: none is decided twice."""
    await world.types("/deploy production v1.4.2")
    world.simulators.clock.skip(1801)
    await asyncio.gather(world.bot.requests.expire(), world.bot.requests.expire())

    (operation,) = await world.operations()
    assert operation.state is State.EXPIRED


async def test_the_card_goes_to_the_configured_channel_where_the_bot_may_not_post(world: World) -> None:
    """Typed in a channel without the bot: the card appears in the pipeline's channel."""
    await world.types("/deploy production v1.4.2", channel="C0GENERAL")

    assert "waiting for confirmation" in world.card()["text"]
    assert world.messages("C0GENERAL") == []


async def test_a_deleted_card_is_posted_anew(world: World) -> None:
    """Somebody deleted the message: the deployment goes on in a new one."""
    await world.types("/deploy production v1.4.2")
    world.slack.faults.add(
        Fault("status", path="/api/chat.update", status=200, body={"ok": False, "error": "message_not_found"}, times=1)
    )
    await world.clicks(CONFIRM)

    assert len(world.messages()) == 2
    assert "live" in world.card()["text"]


async def test_slack_being_slow_or_limited_does_not_lose_the_end(world: World) -> None:
    """Slack answers 429, then 500, then nothing: the card still ends true and the end is told once."""
    for kind, status in (("status", 429), ("status", 500), ("drop_before", 0)):
        world.slack.faults.add(Fault(kind, path="/api/chat.", status=status, headers={"Retry-After": "1"}, times=2))
    await world.types("/deploy staging main")

    assert "live" in world.card()["text"]
    assert len(world.thread()) == 1


async def test_a_message_that_slack_refuses_stops_nothing(world: World) -> None:
    """Slack refuses the card for good: the deployment runs to its end all the same."""
    world.slack.faults.add(
        Fault("status", path="/api/chat.postMessage", status=200, body={"ok": False, "error": "invalid_blocks"})
    )
    await world.types("/deploy staging main")

    assert world.labels("reify-studio-staging") == {f"sha-{SHA['heading']}"}


class Unready:
    """A planner with a defect."""

    async def plan(self, *_: object, **__: object) -> None:
        raise RuntimeError("a defect")


def asked(environment: str, app: str) -> NewOperation:
    """A request as the command stores it."""
    return NewOperation(
        request_key=environment,
        kind=Kind.DEPLOYMENT,
        app=app,
        environment=environment,
        pipeline="reify-studio",
        actor=ANA,
        channel=CHANNEL,
        request={"environment": f"reify-studio/{environment}", "ref": "main", "why": ""},
    )


async def test_a_defect_while_planning_leaves_no_request_behind(world: World) -> None:
    """The person reads an incident id, and no later start deploys what they gave up on."""
    world.bot.requests._planners = dict.fromkeys(Kind, Unready())
    await world.types("/deploy staging main")

    (operation,) = await world.operations()
    assert (operation.state, operation.reason) == (State.FAILED, "internal")
    assert "Incident" in world.private()[-1]


async def test_a_request_that_was_only_stored_is_planned_by_the_next_start(world: World) -> None:
    """Acknowledged a moment before the bot stopped: the next start plans and deploys it."""
    await world.bot.store.create_operation(asked("staging", "reify-studio-staging"), world.bot.clock.now())
    await world.restarts_after(lambda: None)

    (operation,) = await world.operations()
    assert operation.state is State.SUCCEEDED
    assert world.labels("reify-studio-staging") == {f"sha-{SHA['heading']}"}


async def test_a_running_operation_of_a_forgotten_environment_ends_with_its_reason(world: World) -> None:
    """The environment left the configuration while the bot was down: failed, said why, and the app is free."""
    store, clock = world.bot.store, world.bot.clock
    operation, _ = await store.create_operation(asked("gone", "reify-studio-gone"), clock.now())
    await store.transition(operation.id, Event.START, by=ANA, at=clock.now())
    await world.bot.engine.resume()
    await world.settle()

    (operation,) = await world.operations()
    assert (operation.state, operation.reason) == (State.FAILED, "unknown_environment")


async def test_edits_are_at_most_one_in_two_seconds(world: World) -> None:
    """However many steps a deployment has, its message is edited every 2 s at most."""
    await world.types("/deploy production v1.4.2")
    await world.clicks(CONFIRM)

    edits = [call["at"] for call in world.slack.calls.find("POST", "/api/chat.update")]
    assert len(edits) > 3
    assert min(later - earlier for earlier, later in itertools.pairwise(edits)) >= 2.0


async def test_a_defect_of_ours_is_an_incident_and_frees_the_app(world: World) -> None:
    """A plan that this version cannot read: failed with an incident id, and the next deployment may run."""
    await world.types("/deploy production v1.4.2")
    (operation,) = await world.operations()
    await world.bot.store.set_plan(operation.id, {"unreadable": True}, "h")
    await world.bot.engine.start(operation.id, by=ANA, plan_hash="h")
    await world.bot.engine.settle()

    (operation,) = await world.operations()
    assert (operation.state, operation.reason) == (State.FAILED, "internal")
    assert await world.bot.store.active_operation(PRODUCTION) is None


async def requested(world: World, request: DeploymentRequest, *, by: Actor = ANA) -> Operation:
    """A request as a form or the bot itself makes it, planned."""
    operation, _ = await world.bot.deployments.request(request, by=by, channel=CHANNEL, key=repr(request))
    await world.bot.deploy.prepare(operation.id)
    await world.settle()
    return await world.bot.store.operation(operation.id)


async def test_a_plan_that_was_read_already_starts_at_once(world: World) -> None:
    """The form showed this very plan: no second button."""
    request = DeploymentRequest("production", "v1.4.2")
    seen = await world.bot.deployments.dry_run(request, by=ANA)

    operation = await requested(world, dataclasses.replace(request, seen_hash=seen.hash))

    assert operation.state is State.SUCCEEDED
    assert world.labels() == {f"sha-{SHA['v1.4.2']}"}


async def test_a_plan_that_changed_since_it_was_read_waits_for_the_button(world: World) -> None:
    """Even in staging, which asks for none: the card waits, and the person is told privately."""
    await world.slack.command(user="U0ANA", channel=CHANNEL, text="/deploy staging main --plan")
    request = DeploymentRequest("staging", "main", seen_hash="of another plan")
    operation, _ = await world.bot.deployments.request(request, by=ANA, channel=CHANNEL, key="k")

    said = await world.bot.deploy.prepare(operation.id)
    await world.settle()

    assert said is not None
    assert "the plan changed since you saw it" in said.text
    assert "waiting for confirmation" in world.card()["text"]


async def test_the_bot_itself_goes_back_without_a_button(world: World) -> None:
    """Trouble after a release, with the restore switched on: nobody has to press, nobody's membership is asked."""
    await world.types("/deploy production v1.4.2")
    await world.clicks(CONFIRM)
    (done,) = await world.operations()

    operation = await requested(world, DeploymentRequest("production", "", back_from=done.id), by=BOT)

    assert operation.state is State.SUCCEEDED
    assert world.labels() == {OLD}
    assert len(world.release_commands()) == 1


async def test_a_person_who_goes_back_reads_the_plan_first(world: World) -> None:
    """The same by a person: the card waits for somebody who approves, as a migration is in between."""
    await world.types("/deploy production v1.4.2")
    await world.clicks(CONFIRM)
    (done,) = await world.operations()

    operation = await requested(world, DeploymentRequest("production", "", back_from=done.id))
    await world.clicks("approval_approve", by="U0CLEO")

    assert operation.state is State.REQUESTED
    assert world.labels() == {OLD}


async def test_a_retry_does_what_is_missing(world: World) -> None:
    """The second Machine failed: Retry brings the rest, the release command ran once, whatever else waits."""
    world.fault("unhealthy", target="9080e4f2c51387")
    await world.types("/deploy production v1.4.2")
    await world.clicks(CONFIRM)
    failed = world.card()
    world.fly.faults.clear()
    await world.types("/deploy production v1.5.0 --on main", by="U0BO")
    await world.clicks(RETRY, card=failed)
    await world.clicks(CONFIRM)

    assert world.labels() == {f"sha-{SHA['v1.4.2']}"}
    assert len(world.release_commands()) == 1


async def test_a_second_retry_while_one_waits_is_told_so(world: World) -> None:
    """Retry pressed twice, at once or later: one new plan."""
    world.fault("unhealthy", target="9080e4f2c51387")
    await world.types("/deploy production v1.4.2")
    await world.clicks(CONFIRM)
    failed = world.card()
    await asyncio.gather(world.press(RETRY, card=failed), world.press(RETRY, card=failed))
    await world.settle()
    await world.simulators.clock.sleep(60)
    await world.clicks(RETRY, by="U0BO", card=failed)

    assert len(await world.operations()) == 2
    assert "asked for that already" in world.private("U0BO")[-1]


async def test_what_succeeded_is_not_tried_again(world: World) -> None:
    """A Retry that does not fit the state changes nothing."""
    await world.types("/deploy staging main")
    (operation,) = await world.operations()

    with pytest.raises(StaleAction, match="nothing to try again"):
        await world.bot.deployments.retry(operation.id, by=ANA, channel=CHANNEL)
