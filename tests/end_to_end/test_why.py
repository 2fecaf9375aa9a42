"""`/deploy why`: what Ana reads after something went wrong."""

from __future__ import annotations

from sandbox.kit import serving
from tests.world import PRODUCTION, World

IAD, SJC = "148e2d1c6e9789", "9080e4f2c51387"
CONFIRM, CANCEL = "deployment_confirm", "deployment_cancel"


async def asked(world: World, what: str = "", *, by: str = "U0ANA") -> str:
    """The explanation as the asker reads it, acknowledgement included."""
    before = len(world.private(by))
    await world.types(f"/deploy why {what}".strip(), by=by)
    return "\n".join(world.private(by)[before:])


async def test_nothing_was_ever_done(world: World) -> None:
    """Before the first deployment there is nothing to explain."""
    assert "nothing to explain" in await asked(world)


async def test_a_refusal_is_explained_rule_by_rule(world: World) -> None:
    """What the plan said, what the code means, what lifts it, what to type then."""
    await world.types('/deploy staging main --reason "soon"')
    await world.types("/deploy staging main")

    told = await asked(world, "staging")

    assert "*reify-studio/staging* `main` (0c48c64): *refused*" in told
    assert "Nothing to do: 1 of 1 Machines run this image already. (`already_live`)" in told
    assert "Every Machine runs this image. What lifts it: Nothing to do." in told
    assert "To lift it: To restart the app use `fly apps restart`." in told
    assert "`/deploy reify-studio/staging main`" in told


async def test_a_failed_release_command_is_explained_with_its_last_lines(world: World) -> None:
    """The step, its exit, its log without what looks secret, and that no Machine was touched."""
    lines = ["** (Postgrex.Error) relation exists", "DATABASE_URL=ecto://u:secret@db/x"]
    world.fault("release_command_fails", target=PRODUCTION, detail={"exit_code": 1, "lines": lines})
    await world.types("/deploy production v1.4.2")
    await world.clicks(CONFIRM)

    told = await asked(world, "production")

    assert "*failed*" in told
    assert "(`release_command_failed`)" in told
    assert "It ended at the step: release command, on" in told
    assert "relation exists" in told
    assert "secret" not in told
    assert "All 2 Machines run what ran before." in told


async def test_an_unhealthy_machine_is_explained_with_what_fly_said(world: World) -> None:
    """Which Machine, what its check printed, where the Machines stand, how to go back."""
    world.fault("unhealthy", target=IAD)
    await world.types("/deploy production v1.4.2")
    await world.clicks(CONFIRM)

    told = await asked(world)

    assert "connect: connection refused" in told
    assert f"It ended at the step: update at Machine `{IAD}`" in told
    assert f"• sjc `{SJC}`  started" in told
    assert "*Mixed*: 1 of 2 Machines run the new image" in told
    assert "To go back: `/deploy production v1.4.1`" in told


async def test_what_succeeded_since_is_said(world: World) -> None:
    """A failure of yesterday is still explained, and that another deployment went live since."""
    fault = world.fault("unhealthy", target=IAD)
    await world.types("/deploy production v1.4.2")
    await world.clicks(CONFIRM)
    world.fly.faults.remove(fault.id)
    await world.types("/deploy production v1.4.1", by="U0BO")
    await world.clicks(CONFIRM, by="U0BO")

    told = await asked(world, "production")

    assert "*failed*" in told
    assert "Since then `v1.4.1` by <@U0BO> went live" in told


async def test_a_running_deployment_is_explained_by_its_step(world: World) -> None:
    """Nothing failed: what runs, at which step; and after a failure what holds the environment now."""
    world.fault("release_command_hangs", target=PRODUCTION)
    await world.types("/deploy production v1.4.2")
    await world.press(CONFIRM)
    await world.until(lambda: bool(world.release_commands()), "the release command runs")
    await world.slack.command(user="U0BO", channel="C0DEPLOYS", text="/deploy why")
    await world.until(lambda: "*running*" in "".join(world.private("U0BO")), "the explanation is there")
    await world.clicks(CANCEL)

    assert "… At the step: release command." in "".join(world.private("U0BO"))
    assert "<@U0ANA> asked to cancel it." in await asked(world)


async def test_a_dismissed_plan_is_no_failure(world: World) -> None:
    """Somebody wanted it so: the success before it stays the newest that there is to tell, and nothing to mend."""
    await world.types("/deploy production v1.4.2")
    await world.clicks(CANCEL)

    told = await asked(world, "production")

    assert "*cancelled*" in told
    assert "*To try again*" not in told


async def test_a_success_is_told_as_one(world: World) -> None:
    """Nothing failed: the last operation and its receipt, and no advice to try again."""
    await world.types("/deploy staging main")

    told = await asked(world, "staging")

    assert "*live*" in told
    assert "Ship receipt: 1 of 1 Machines on the image." in told
    assert "*To try again*" not in told


async def test_a_request_that_github_did_not_know_is_explained_without_a_plan(world: World) -> None:
    """No plan was ever made: the ref, the reason, what lifts it."""
    await world.types("/deploy production nonsense")

    told = await asked(world)

    assert "*reify-studio/production* `nonsense`: *refused*" in told
    assert "GitHub knows no tag, branch or commit of this name" in told


async def test_the_explanation_is_there_after_a_restart(world: World) -> None:
    """Another process on the same database explains the same failure."""
    world.fault("unhealthy", target=IAD)
    await world.types("/deploy production v1.4.2")
    await world.clicks(CONFIRM)
    await world.restarts_after(lambda: None)

    async with serving(world.bot.asgi) as url:
        world.slack.request_url = f"{url}/slack/events"
        told = await asked(world, "production")

    assert "machine_unhealthy" in told


async def test_guests_and_mistakes_are_answered(world: World) -> None:
    """A guest learns nothing; help has the usage; an unknown environment what was meant."""
    assert "not_a_member" in await asked(world, by="U0GUS")
    assert "/deploy why [ENVIRONMENT [REF]]" in await asked(world, "help")
    assert "Did you mean `staging`?" in await asked(world, "stagin")
