"""The rules of people and of the calendar at their edges: what a review broke, and what must stay true."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from bot.domain.operation import State
from bot.views.approvals import REASON
from tests.world import CHANNEL, SHA, World, replacing, text_of
from tests.world import world as make_world

BO, CLEO = "U0BO", "U0CLEO"
CONFIRM, APPROVE = "deployment_confirm", "approval_approve"
OLD, NEW = f"sha-{SHA['v1.4.1']}", f"sha-{SHA['v1.4.2']}"
DEPLOY = "/deploy production v1.4.2"
TITLE = "reify-studio/production"


async def passes(world: World, **how_long: float) -> None:
    """Time goes by, and the job that tells of the ends of locks has run."""
    await world.simulators.clock.sleep(timedelta(**how_long).total_seconds())
    (job,) = (job for job in world.bot.schedule._jobs if job.name == "tell-of-locks")
    await job.run()
    await world.settle()


async def test_a_lock_on_everything_that_cannot_be_read_can_be_removed_as_its_refusal_says(world: World) -> None:
    """The refusal names no command that answers that there is no such lock, but the list, which has the right one."""
    await world.types('/deploy lock all "moving"')
    await world.bot.store.write(lambda db: db.conn.execute("UPDATE lock SET until = 'later'").rowcount)
    await world.types(DEPLOY, by=BO)
    refusal = world.private(BO)[-1]
    await world.types("/deploy lock", by=BO)
    listed = world.private(BO)[-1]
    await world.types("/deploy unlock all", by=BO)
    await world.types(DEPLOY, by=BO)

    assert "/deploy unlock production" not in refusal
    assert "`/deploy lock` lists it" in refusal
    assert "`/deploy unlock all` removes it" in listed
    assert (await world.operations())[-1].state is State.REQUESTED


async def test_a_lock_whose_end_was_told_stays_over_when_the_clock_is_put_back(world: World) -> None:
    """Everybody read that it is over, so it keeps nobody out whatever a clock says, and nobody has to remove it."""
    await world.types('/deploy lock production "moving" for 1h')
    await passes(world, hours=1)
    found = await world.bot.store.rules_in_force(TITLE)

    assert "is over" in text_of(world.card())
    assert found.locks == ()


async def test_telling_the_end_of_an_unlocked_lock_changes_no_rule(world: World) -> None:
    """The rules count one change for the unlocking, so that no plan made after it is refused for the telling."""
    await world.types('/deploy lock production "moving"')
    before = (await world.bot.store.rules_in_force(TITLE)).revision
    await world.types("/deploy unlock production")

    assert (await world.bot.store.rules_in_force(TITLE)).revision == before + 1


async def test_a_refusal_by_an_old_lock_says_its_day(world: World) -> None:
    """Three days later a time of day alone would read as today."""
    await world.types('/deploy lock production "moving"')
    since = world.bot.clock.now() - timedelta(days=3)
    await world.bot.store.write(lambda db: db.conn.execute("UPDATE lock SET since = ?", [since.isoformat()]).rowcount)
    await world.types(DEPLOY, by=BO)

    assert f"since {since:%Y-%m-%d} " in world.private(BO)[-1]


async def test_where_nobody_approves_the_refusal_in_an_incident_says_how_to_end_it(tmp_path: Path) -> None:
    """Whoever has the fix in hand at night needs the next command, and no edit of a file."""
    change = replacing(('approvers = ["S0APPROVERS"]', ""))
    async with make_world(tmp_path / "flytower.db", change=change) as world:
        await world.types('/deploy incident start "checkout is down"')
        await world.types(DEPLOY)

        assert "`/deploy incident end`" in world.private()[-1]
        assert world.labels() == {OLD}


async def test_the_refusal_of_a_second_incident_repeats_no_mark_up(world: World) -> None:
    """A reason with a mention and bold words stays text, and the day is said."""
    await world.slack.command(
        user="U0ANA", channel=CHANNEL, text='/deploy incident start "&lt;@U0CLEO&gt; *now* `x` &lt;!channel&gt;"'
    )
    await world.settle()
    await world.types('/deploy incident start "another one"', by=BO)
    refusal = world.private(BO)[-1]

    assert "incident already, since 2026-" in refusal
    assert f"<@{CLEO}>" not in refusal
    assert "*now*" not in refusal
    assert "<!channel>" not in refusal


async def test_a_rejection_with_a_mention_calls_nobody_in_why(world: World) -> None:
    """What the approver wrote is repeated as text."""
    await world.types(DEPLOY)
    await world.clicks(CONFIRM)
    await world.types("/rollback production")
    await world.clicks("approval_reject", by=CLEO)
    await world.slack.submit(user=CLEO, values={REASON: "<@U0BO> *never*"})
    await world.settle()
    await world.types("/deploy why production")
    told = world.private()[-1]

    assert "rejected it: ‹@U0BO› ∗never∗" in told


async def test_an_approval_after_a_lock_starts_nothing(world: World) -> None:
    """The lock came between the request and the yes, and no job has looked since: the click finds it."""
    await world.types(DEPLOY)
    await world.clicks(CONFIRM)
    await world.types("/rollback production")
    card = world.card()
    await world.types('/deploy lock production "hands off"', by=BO)
    await world.clicks(APPROVE, by=CLEO, card=card)

    assert world.labels() == {NEW}
    assert (await world.operations())[-1].started_at is None
