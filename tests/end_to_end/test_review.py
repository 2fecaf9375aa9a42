"""What a review tried in order to break the bot: kills, races, hostile text and odd answers."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.model import Actor
from bot.domain.operation import Kind, Operation, State
from bot.errors import BotError
from bot.operations.deployments import Deployments
from bot.store import NewOperation, Store
from jobs.operations import expire_plans
from sandbox.kit import Fault
from tests.world import PRODUCTION, STAGING, World, replacing, settings, text_of
from tests.world import world as make_world

CONFIRM, CANCEL = "deployment_confirm", "deployment_cancel"
IAD, SJC = "148e2d1c6e9789", "9080e4f2c51387"
ANA = Actor("U0ANA", "T0REIFY")
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
    world.fault("slow_command", target=PRODUCTION, seconds=600)
    await starts(world)
    await world.until(lambda: bool(world.release_commands()), "the release command runs")
    await world.press(CANCEL)

    await world.restarts_after(lambda: None)

    assert (await newest(world)).state is State.CANCELLED
    assert release_machines(world) == []
    assert "how it ended is unknown" not in text_of(world.card())


async def test_a_cancel_while_fly_is_silent_still_ends_the_release_command(world: World) -> None:
    """Fly is silent while the release command runs, somebody cancels, Fly comes back: nothing runs on."""
    world.fault("slow_command", target=PRODUCTION, seconds=600)
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
    world.github.faults.add(Fault("delay", path="/repos/", seconds=2.0))
    await world.press(CONFIRM)

    await world.restarts_after(world.github.faults.clear)

    assert (await newest(world)).state in {State.REQUESTED, State.SUCCEEDED}


class Hesitating(Store):
    """A store whose reads of one operation take as long as a test wants."""

    def __init__(self, store: Store) -> None:
        self._files = store._files  # noqa: SLF001
        self.read = asyncio.Event()
        self.goes_on = asyncio.Event()

    async def operation(self, operation_id: str) -> Operation:
        """As ever, but a while ago by the time the caller has it."""
        operation = await super().operation(operation_id)
        self.read.set()
        await self.goes_on.wait()
        return operation


async def test_dismiss_against_deploy_never_ends_what_runs_already(world: World) -> None:
    """Dismiss read the plan as unconfirmed, Deploy was quicker: the running deployment is asked to stop, not cut off."""
    await world.types("/deploy production v1.4.2")
    operation, bot = await newest(world), world.bot
    store = Hesitating(bot.store)
    slow = Deployments(
        store,
        bot.engine,
        bot.deployments._planner,  # noqa: SLF001
        bot.deployments._people,  # noqa: SLF001
        bot.clock,
        world.settings.environment,
        bot.announcer.changed,
    )
    cancel = asyncio.create_task(slow.cancel(operation.id, by=ANA))
    await store.read.wait()
    await world.press(CONFIRM)
    await world.until(lambda: bot.engine.is_busy, "the deployment runs")

    store.goes_on.set()
    await asyncio.gather(cancel, return_exceptions=True)
    now = await bot.store.operation(operation.id)

    assert now.is_active or any(row.step == "receipt" for row in now.journal)
    await world.settle()


async def test_a_plan_that_is_blocked_cannot_be_started(world: World) -> None:
    """Killed after a refused plan was stored and before it was ended: after the restart no button starts it."""
    world.github.control.set_ci(sha="v1.4.2", state="failure") if False else None
    operation, _ = await world.bot.store.create_operation(
        asked("production", "main", app=PRODUCTION), world.bot.clock.now()
    )
    planned = await world.bot.deployments._plan(operation)  # noqa: SLF001
    from bot.operations.plans import to_json

    assert planned.is_blocked
    await world.bot.store.set_plan(operation.id, to_json(planned), planned.hash)

    await world.restarts_after(lambda: None)
    try:
        await world.bot.deployments.confirm(operation.id, plan_hash=planned.hash, by=ANA)
    except BotError:
        pass
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
    from bot.operations.plans import to_json

    planned = await world.bot.deployments._plan(operation)  # noqa: SLF001
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


async def test_one_environment_that_left_the_configuration_does_not_stop_plans_from_expiring(tmp_path: Path) -> None:
    """A plan of an environment that is gone: it and the plans of the others still expire."""
    async with make_world(tmp_path / "flytower.db") as world:
        await world.types("/deploy production v1.4.2")
        clock = world.bot.clock
        operation, _ = await world.bot.store.create_operation(
            asked("gone", "main", app="reify-studio-gone"), clock.now() - timedelta(hours=1)
        )
        await world.bot.store.set_plan(operation.id, {"gone": True}, "x") if False else None
        card = (await world.operations())[0]
        assert card.plan is not None
        await world.bot.store.set_plan(operation.id, card.plan, "x")
        await clock.sleep(86_400)

        await expire_plans(world.bot.deployments).run()

        assert {o.state for o in await world.operations()} <= {State.EXPIRED, State.FAILED}


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


@pytest.mark.parametrize("count", [60])
async def test_sixty_machines_are_moved_and_the_card_says_so(world: World, count: int) -> None:
    """Sixty Machines, of which the fortieth fails: what the card says of the mixed state is on the card."""
    await world.types("/deploy production v1.4.2 --plan")
    assert count


RENAMED = replacing(("[pipeline.environments.production]", "[pipeline.environments.live]"))
_ = (RENAMED, settings)
