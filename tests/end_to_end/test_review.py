"""What a review tried in order to break the bot: kills, races, hostile text and odd answers."""

from __future__ import annotations

import asyncio
import contextlib
import json
from datetime import timedelta

import pytest

from bot.domain.model import Actor
from bot.domain.operation import Kind, Operation, State
from bot.errors import BotError
from bot.operations.plans import to_json
from bot.operations.requests import Requests
from bot.store import NewOperation, Store
from bot.views.deployments import card
from jobs.operations import expire_plans
from sandbox.faults import Fault
from tests.builders import NEW, OLD, failure, fleet, operation, plan, receipt, updated
from tests.world import PRODUCTION, SHA, STAGING, World, text_of

CONFIRM, CANCEL = "deployment_confirm", "deployment_cancel"
IAD, SJC = "148e2d1c6e9789", "9080e4f2c51387"
ANA = Actor("U0ANA", "T0REIFY")
# The commit "Show prices per month", which has an image and no tag of its own.
UNTAGGED = "d173a6406c34a0e47b68b0461307720e29ab631c"
POST = r"^/api/chat\.postMessage"


async def starts(world: World, ref: str = "v1.4.2") -> None:
    """Ana deploys to production and confirms; the deployment is under way."""
    await world.types(f"/deploy production {ref}")
    await world.press(CONFIRM)


def release_machines(world: World) -> list[dict[str, object]]:
    """The Machines of release commands that Fly still has."""
    serving = [machine["id"] for machine in world.machines()]
    return [m for m in world.all_machines() if m["id"] not in serving and m["state"] != "destroyed"]


async def newest(world: World) -> Operation:
    return (await world.operations())[-1]


def asked(environment: str, ref: str, *, app: str) -> NewOperation:
    """A request as the command stores it."""
    return NewOperation(
        request_key=f"{environment} {ref}",
        kind=Kind.DEPLOYMENT,
        app=app,
        environment=environment,
        pipeline="reify-studio",
        actor=ANA,
        channel="C0DEPLOYS",
        request={"environment": f"reify-studio/{environment}", "ref": ref, "why": ""},
    )


async def test_a_cancel_that_a_restart_interrupts_still_ends_the_release_command(world: World) -> None:
    """Cancel, and the bot stops before it heard it: after the restart no release command runs on unwatched."""
    world.fault("release_command_hangs", target=PRODUCTION)
    await starts(world)
    await world.until(lambda: bool(world.release_commands()), "the release command runs")
    await world.press(CANCEL)

    await world.restarts_after(lambda: None)

    assert (await newest(world)).state is State.CANCELLED
    assert release_machines(world) == []
    assert "how it ended is unknown" not in text_of(world.card())


async def test_a_cancel_while_fly_is_silent_still_ends_the_release_command(world: World) -> None:
    """Fly is silent while the release command runs, somebody cancels, Fly comes back: nothing runs on."""
    world.fault("release_command_hangs", target=PRODUCTION)
    await starts(world)
    await world.until(lambda: bool(world.release_commands()), "the release command runs")
    fault = world.fault("status", path="/v1/apps", status=503)
    await world.until(lambda: "does not answer" in text_of(world.card()), "the card says that Fly does not answer")
    await world.press(CANCEL)
    world.fly.faults.remove(fault.id)
    await world.settle()

    assert (await newest(world)).state is State.CANCELLED
    assert release_machines(world) == []


async def test_a_confirmation_that_is_under_way_when_the_bot_stops_is_not_a_failure(world: World) -> None:
    """Deploy is pressed and the bot stops at once: after the restart it was started or still can be, never failed."""
    await world.types("/deploy production v1.4.2")
    world.github.faults.add(Fault("delay", path="/repos/", seconds=0.5))
    await world.press(CONFIRM)

    await world.restarts_after(world.github.faults.clear)

    assert (await newest(world)).state in {State.REQUESTED, State.SUCCEEDED}


class Hesitating(Store):
    """A store whose reads of one operation take as long as a test wants."""

    def __init__(self, store: Store) -> None:
        self._files = store._files
        self.has_read = asyncio.Event()
        self.goes_on = asyncio.Event()

    async def operation(self, operation_id: str) -> Operation:
        """As ever, but a while ago by the time the caller has it."""
        operation = await super().operation(operation_id)
        self.has_read.set()
        await self.goes_on.wait()
        return operation


async def test_dismiss_against_deploy_never_ends_what_runs_already(world: World) -> None:
    """Dismiss saw a plan that waits, Deploy was quicker: what runs is asked to stop, and not cut off."""
    await world.types("/deploy production v1.4.2")
    operation, bot = await newest(world), world.bot
    store = Hesitating(bot.store)
    slow = Requests(
        store,
        bot.engine,
        bot.requests._planners,
        bot.requests._people,
        bot.clock,
        world.settings.environment,
        bot.announcer.changed,
    )
    cancel = asyncio.create_task(slow.cancel(operation.id, by=ANA))
    await store.has_read.wait()
    await world.press(CONFIRM)
    await world.until(lambda: bot.engine.is_busy, "the deployment runs")

    store.goes_on.set()
    await asyncio.gather(cancel, return_exceptions=True)
    now = await bot.store.operation(operation.id)

    assert now.is_active or any(row.step == "receipt" for row in now.journal)
    await world.settle()


async def test_a_plan_that_is_blocked_cannot_be_started(world: World) -> None:
    """Killed after a refused plan was stored and before it was ended: after the restart no button starts it."""
    operation, _ = await world.bot.store.create_operation(
        asked("production", "main", app=PRODUCTION), world.bot.clock.now()
    )
    planned = await world.bot.requests.fresh_plan(operation)
    assert planned.is_blocked
    await world.bot.store.set_plan(operation.id, to_json(planned), planned.hash)

    await world.restarts_after(lambda: None)
    with contextlib.suppress(BotError):
        await world.bot.requests.confirm(operation.id, plan_hash=planned.hash, by=ANA)
    await world.settle()

    assert (await newest(world)).started_at is None
    assert "deployment_confirm" not in json.dumps(world.messages())


async def test_a_request_of_the_day_before_yesterday_is_not_deployed_by_a_restart(world: World) -> None:
    """A request that was never planned (a crash, an incident) is ended after a while, not deployed days later."""
    then = world.bot.clock.now() - timedelta(days=2)
    await world.bot.store.create_operation(asked("staging", "main", app=STAGING), then)

    await world.restarts_after(lambda: None)

    assert (await newest(world)).state in {State.EXPIRED, State.FAILED}
    assert [machine["updates"] for machine in world.machines(STAGING)] == [0]


async def test_a_deployment_that_needs_no_confirmation_goes_on_after_a_kill_behind_its_plan(world: World) -> None:
    """Killed between the plan and the start: staging is deployed after the restart, nobody is asked to confirm."""
    store = world.bot.store
    operation, _ = await store.create_operation(asked("staging", "main", app=STAGING), world.bot.clock.now())
    planned = await world.bot.requests.fresh_plan(operation)
    await store.set_plan(operation.id, to_json(planned), planned.hash)

    await world.restarts_after(lambda: None)

    assert (await newest(world)).state is State.SUCCEEDED


async def test_the_output_of_a_health_check_pings_nobody(world: World) -> None:
    """An app's own words in a failed check stay text: no mention, no broadcast, no mark-up."""
    output = "<@U0BO> <!channel> *look* <https://evil.example|login>"
    world.fault("unhealthy", target=IAD, detail={"output": output})
    await starts(world)
    await world.settle()

    said = [*world.messages(), *world.thread()]
    assert "U0BO" in json.dumps(said)
    assert "<@U0BO>" not in "".join(text_of(message) for message in said)
    assert "*look*" not in text_of(world.card())


async def test_an_environment_that_left_the_configuration_does_not_stop_plans_from_expiring(world: World) -> None:
    """Two plans wait, the environment of one is no longer configured: both expire, none hinders the other."""
    clock, store = world.bot.clock, world.bot.store
    gone, _ = await store.create_operation(asked("gone", "main", app="reify-studio-gone"), clock.now())
    await world.types("/deploy production v1.4.2")
    planned = await newest(world)
    assert planned.plan is not None
    await store.set_plan(gone.id, planned.plan, planned.plan_hash)
    world.simulators.clock.skip(86_400)

    await expire_plans(world.bot.requests).run()

    assert {operation.state for operation in await world.operations()} == {State.EXPIRED}


async def test_a_card_that_slack_refuses_is_told_to_its_asker(world: World) -> None:
    """No channel takes the card: the asker hears that privately, since nothing else would tell them."""
    body = {"ok": False, "error": "not_in_channel"}
    world.slack.faults.add(Fault("status", path=POST, status=200, body=body))
    await world.types("/deploy production v1.4.2")

    assert any("not_in_channel" in said or "cannot post" in said for said in world.private())


async def test_a_slack_whose_answers_are_lost_is_not_flooded_with_cards(world: World) -> None:
    """Slack posts but its answers are lost for ten minutes: a few cards at most, not one every five seconds."""
    fault = world.slack.faults.add(Fault("drop_after", path=POST))
    await world.slack.command(user="U0ANA", channel="C0DEPLOYS", text="/deploy production v1.4.2")
    await world.bot.clock.sleep(600)
    cards = len(world.messages())
    world.slack.faults.remove(fault.id)
    await world.settle()

    assert cards <= 12


async def test_a_release_command_that_starts_after_a_long_pause_has_its_whole_time(world: World) -> None:
    """The bot died right before the start and is away for an hour: the command, started then, runs to its end."""
    world.fault("drop_before", method="POST", path=r"/start$")
    await starts(world)
    await world.until(lambda: bool(world.fly.calls.find("POST", r"/start$")), "the start was asked for")
    await world.bot.stop()
    world.fly.faults.clear()
    await world.bot.clock.sleep(3600)

    await world.restarts_after(lambda: None)

    assert (await newest(world)).state is State.SUCCEEDED
    assert [run["exit_code"] for run in world.release_commands()] == [0]


async def test_a_machine_that_gave_up_crashing_runs_again_after_the_restore(restoring_world: World) -> None:
    """The new image crashed until Fly gave up and the Machine lies stopped: restored, it is started again."""
    world = restoring_world
    await world.has_release_without_migration()
    world.fault("crash_loop", target=SJC, detail={"exit_code": 1}, times=1)
    await starts(world, "v1.5.0")
    await world.until(lambda: world.machines()[1]["updates"] > 1, "the second Machine is moved")
    await world.bot.stop()
    await world.bot.clock.sleep(1800)

    await world.restarts_after(lambda: None)

    assert world.labels() == {f"sha-{SHA['v1.4.2']}"}
    assert [machine["state"] for machine in world.machines()] == ["started", "started"]


async def test_the_name_of_a_tag_pings_nobody(world: World) -> None:
    """What runs is tagged `<!channel>`, which Git allows: no message broadcasts, also where it says how to go back."""
    await world.github.actions()["tag"]({"name": "<!channel>", "sha": UNTAGGED})
    await world.fly.control.ci.deploy(PRODUCTION, f"registry.fly.io/{PRODUCTION}:sha-{UNTAGGED}")
    world.fault("crash_loop", target=IAD, detail={"exit_code": 1})
    await starts(world)
    await world.settle()

    said = [*world.messages(), *world.thread()]
    assert "&lt;!channel&gt;" in text_of(world.card())
    assert "<!channel>" not in "".join(text_of(message) for message in said)


async def test_a_machine_that_lies_crashed_is_not_called_fine(restoring_world: World) -> None:
    """The restore could not start a Machine again: neither card nor reply says that all is as it was before."""
    world = restoring_world
    await world.has_release_without_migration()
    world.fault("crash_loop", target=SJC, detail={"exit_code": 1})
    await starts(world, "v1.5.0")
    await world.settle()

    for message in (world.card(), world.thread()[-1]):
        assert "All 2 Machines run what ran before" not in text_of(message)
        assert "could not be restored" in text_of(message)


def test_the_card_of_sixty_machines_names_the_one_that_failed() -> None:
    """Sixty Machines, the fortieth failed: the card names it, or does not say that its lines name it."""
    rows = {f"m{number}": NEW if number < 40 else OLD for number in range(1, 61)}
    journal = (*updated(*list(rows)[:39]), failure(), receipt(**rows))
    of = plan(machines=fleet(*["started"] * 60))

    said = text_of(vars(card(operation(*journal, of=of, state=State.FAILED, reason="machine_unhealthy"), of)))

    assert "`m40`" in said or "the lines above say which" not in said


async def test_a_crashing_machine_has_no_tick_on_the_card(world: World) -> None:
    """A Machine that crashes on the new image is on the image, and still no success: its line says so at a glance."""
    world.fault("crash_loop", target=IAD, detail={"exit_code": 1})
    await starts(world)
    await world.settle()

    line = next(line for line in text_of(world.card()).splitlines() if f"iad `{IAD}`" in line)
    assert not line.startswith("✔")


async def test_an_odd_list_of_tags_costs_the_tag_and_not_the_deployment(world: World) -> None:
    """GitHub answers `null` where its tags should be: that is no defect of ours, and no request is left lying."""
    world.github.faults.add(Fault("status", method="GET", path=r"/tags$", status=200, body="null"))
    await world.types("/deploy staging main")

    assert "Incident" not in world.private()[-1]
    assert (await newest(world)).is_final


async def test_two_plans_confirmed_at_once_make_one_deployment(world: World) -> None:
    """Ana and Cleo press Deploy on plans of their own at the same moment: one is deployed, the other hears of whom."""
    await world.types("/deploy production v1.4.2")
    await world.types("/deploy production v1.4.2", by="U0CLEO")
    first, second = world.messages()

    await asyncio.gather(world.press(CONFIRM, card=first), world.press(CONFIRM, by="U0CLEO", card=second))
    await world.settle()

    made = await world.operations()
    ends = [(operation.state.value, operation.reason) for operation in made]
    assert ("succeeded", "") in ends
    assert set(ends) & {("failed", "operation_running"), ("requested", "")}
    told = [*(text_of(message) for message in world.messages()), *world.private(), *world.private("U0CLEO")]
    assert any("is running since" in line for line in told)
    assert [machine["updates"] for machine in world.machines()] == [1, 1]
    assert len(world.release_commands()) == 1


async def test_a_double_click_on_dismiss_is_answered_with_what_happened(world: World) -> None:
    """Three clicks on Dismiss at once: the plan is withdrawn once, the others hear so in a sentence."""
    await world.types("/deploy production v1.4.2")

    await asyncio.gather(*(world.press(CANCEL, by=by) for by in ("U0ANA", "U0ANA", "U0BO")))
    await world.settle()

    assert (await newest(world)).state is State.CANCELLED
    said = [*world.private("U0ANA"), *world.private("U0BO")]
    assert "cannot cancel" not in "".join(said)
    assert sum("it was cancelled" in line for line in said) == 2


async def test_the_words_of_a_refusing_provider_stay_text_and_keep_our_token(world: World) -> None:
    """Fly quotes our token and mentions people in its refusal: neither reaches Slack."""
    said = {"error": "<!here> FlyV1 fm2_sandbox_production is bad, <@U0BO>"}
    world.fault("status", path="/v1/apps", status=401, body=said)
    await world.types("/deploy production v1.4.2")

    answer = world.private()[-1]
    assert "&lt;!here&gt;" in answer
    assert "<@U0BO>" not in answer
    assert "fm2_sandbox_production" not in answer


async def test_an_hour_without_slack_fills_no_log_and_tells_the_end_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Slack is down for an hour: the deployment goes on, the log stays short, one card and one reply come after it."""
    fault = world.slack.faults.add(Fault("status", path="^/api/chat", status=503, body="down"))
    await world.slack.command(user="U0ANA", channel="C0DEPLOYS", text="/deploy staging main")
    await world.bot.clock.sleep(3600)
    world.slack.faults.remove(fault.id)
    await world.settle()

    assert (len(world.messages()), len(world.thread())) == (1, 1)
    assert caplog.text.count("Slack did not answer") < 100
