"""Where a scaling is told of besides its card: status, history, GitHub; and where it is none of the business."""

from __future__ import annotations

from bot.domain.operation import State
from jobs.operations import expire_plans
from tests.operations.test_scaling import ANA
from tests.world import PRODUCTION, SHA, World, text_of


async def scaled_by_slack(world: World) -> None:
    """Ana asked for a Machine in fra, and Cleo approved it."""
    await world.types("/scale production fra=1")
    await world.clicks("approval_approve", by="U0CLEO")


async def answer(world: World, command: str) -> str:
    """Everything that the command newly shows to whoever typed it."""
    before = world.private()
    result = await world.types(command)
    return "\n".join([str(result), *(said for said in world.private() if said not in before)])


async def test_what_waits_for_an_approval_is_in_the_status(world: World) -> None:
    """With what is asked for and until when."""
    await world.types("/scale production fra=1")

    result = await world.types("/deploy status", by="U0CLEO")

    said = str(result) + "\n".join(world.private("U0CLEO"))
    assert "a scaling to `fra=1` by <@U0ANA> waits for an approval until" in said


async def test_what_waits_stands_in_the_home_tab_of_who_may_approve_it(world: World) -> None:
    """Not in that of whoever asked."""
    await world.types("/scale production fra=1", by="U0CLEO")
    for user in ("U0CLEO", "U0BO"):
        await world.slack.open_home(user=user, tab="home")
    await world.settle()

    homes = world.slack.state()["homes"]
    cleo, bo = (text_of({"blocks": homes[user]["blocks"]}) for user in ("U0CLEO", "U0BO"))
    assert "Waiting for you" in bo
    assert "a scaling to `fra=1` by <@U0CLEO>" in bo
    assert "Waiting for you" not in cleo


async def test_a_scaling_that_nobody_approves_expires(world: World) -> None:
    """The card says so, nobody can press it any more, and the audit keeps it."""
    await world.types("/scale production fra=1")
    (operation,) = await world.operations()
    assert operation.approval is not None
    await world.later((operation.approval.expires_at - operation.approval.requested_at).total_seconds() + 1)
    await expire_plans(world.bot.requests).run()
    await world.settle()

    assert "Nobody approved it until" in text_of(world.card())
    assert "Approve" not in [e["text"]["text"] for b in world.card()["blocks"] for e in b.get("elements", [])]
    assert len(world.machines()) == 2
    assert "scaling.expire" in [event["action"] for event in await world.bot.store.audit_events()]


async def test_a_scaling_is_in_the_history_and_no_release(world: World) -> None:
    """What is live is still the deployment, and why asks about deployments."""
    await scaled_by_slack(world)

    assert "`fra=1` · scaling" in await answer(world, "/deploy history production")
    assert "`fra=1`" not in (await answer(world, "/deploy status production")).partition("Machines")[0]
    assert "fra=1" not in await answer(world, "/deploy why production")
    assert "deployed nothing here" in await answer(world, "/deploy stats production")


async def test_github_hears_of_a_scaling(world: World) -> None:
    """A deployment of the task scale, on the commit that runs, and its success."""
    await scaled_by_slack(world)
    await world.simulators.clock.sleep(120)

    (operation,) = await world.operations()
    assert operation.state is State.SUCCEEDED
    repository = world.settings.environment("production").repository
    known = await world.bot.github.deployments(repository, sha=SHA["v1.4.1"], environment="production")
    (made,) = [each for each in known if each.operation == operation.id]
    assert made.task == "scale"
    assert "success" in await world.bot.github.deployment_states(repository, made.id)


async def test_a_rollback_after_a_scaling_is_of_the_deployment(world: World) -> None:
    """The scaling is no newer release, and goes on standing."""
    await world.fly.control.ci.deploy(PRODUCTION, f"registry.fly.io/{PRODUCTION}:sha-{SHA['v1.4.2']}")
    await scaled_by_slack(world)

    await world.types("/rollback production --plan", by=ANA.user_id)

    assert any(SHA["v1.4.1"][:7] in said or "v1.4.1" in said for said in world.private()[-1:])
    assert "fra=1" not in text_of({"text": world.private()[-1]})
