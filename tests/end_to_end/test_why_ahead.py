"""`/deploy why ENVIRONMENT REF`: what a deployment would meet before anybody tries it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot import sql
from bot.domain.operation import State
from sandbox.faults import Fault
from tests.world import World, replacing
from tests.world import world as make_world

APPROVED = replacing(("approve_deployments = false", "approve_deployments = true"))
FREEZE = """[[pipeline.environments.production.freezes]]
name = "always"
time_zone = "UTC"
dates = ["2000-01-01/2200-01-01"]

[pipeline.environments.staging]
"""
FROZEN = replacing(("[pipeline.environments.staging]\n", FREEZE))


@pytest.fixture
async def strict(tmp_path: Path) -> AsyncIterator[World]:
    """A world where the calendar keeps production closed and every deployment there needs an approval."""
    async with make_world(tmp_path / "flytower.db", change=lambda text: FROZEN(APPROVED(text))) as made:
        yield made


async def asked(world: World, what: str, *, by: str = "U0ANA") -> str:
    """The answer as the asker reads it, acknowledgement included."""
    before = len(world.private(by))
    await world.types(f"/deploy why {what}", by=by)
    return "\n".join(world.private(by)[before:])


async def locks(world: World, *, holder: str = "U0BO", until: timedelta = timedelta(hours=1)) -> None:
    """Somebody keeps production locked since just now."""
    now = world.bot.clock.now()
    row = {"scope": "reify-studio/production", "branch": "", "holder_id": holder, "holder_team": "T0REIFY"}
    times = {"since": now.isoformat(), "until": (now + until).isoformat()}
    await world.bot.store.write(lambda db: sql.insert(db, "lock", row | {"why": "database work"} | times))


async def test_nothing_in_the_way_is_said_and_nothing_is_done(world: World) -> None:
    """A plan that would ask for a confirmation; no operation, no card, no event."""
    told = await asked(world, "production v1.4.2")

    assert "✔ `v1.4.2` (844d600) to *reify-studio/production* now: *it would ask you to confirm its plan*" in told
    assert "In force" not in told
    assert world.messages() == []
    assert await world.bot.store.operations(*State) == []
    assert await world.bot.store.audit_events() == []


async def test_every_blocker_is_listed_at_once(world: World) -> None:
    """The image runs already and somebody locked: both codes, what they mean, who lifts them, buttons for the lock."""
    await locks(world)

    told = await asked(world, "production v1.4.1")

    assert "*it would be refused*" in told
    assert "(`locked`)" in told
    assert "(`already_live`)" in told
    assert "database work" in told
    assert "Its holder, by `/deploy unlock`" in told
    assert "Take over" in told


async def test_an_approval_that_would_be_needed_is_explained(strict: World) -> None:
    """Two causes, and the group whose yes it takes."""
    told = await asked(strict, "production v1.4.2")

    assert "*an approver would be asked*" in told
    assert "<!subteam^S0APPROVERS>" in told
    assert "Every deployment of `production` needs an approval." in told
    assert "`production` is frozen (always)" in told
    assert "❄ frozen (always) until" in told


async def test_without_a_ref_the_next_release_is_taken_and_the_last_failure_told(world: World) -> None:
    """Staging's branch, production's newest tag; below it what went wrong last."""
    await world.types("/deploy staging main")
    await world.types("/deploy staging main")

    staging, production = await asked(world, "staging"), await asked(world, "production")

    assert "`main` (0c48c64) to *reify-studio/staging* now: *it would be refused*" in staging
    assert "*reify-studio/staging* `main` (0c48c64): *refused*" in staging
    assert "`v1.4.2` (844d600) to *reify-studio/production* now" in production
    assert "nothing to explain" in production


async def test_without_github_the_rules_are_told_from_the_database(strict: World) -> None:
    """No plan can be made: why, and the lock and the freeze all the same."""
    await locks(strict)
    strict.github.faults.add(Fault("status", status=503))

    told = await asked(strict, "production v1.4.2")

    assert "cannot be told" in told
    assert "(`remote_unavailable`)" in told
    assert "database work" in told
    assert "frozen (always)" in told


async def test_a_ref_that_does_not_exist_is_a_reason_too(world: World) -> None:
    """With what was probably meant."""
    told = await asked(world, "staging mian")

    assert "(`unknown_ref`)" in told
    assert "No lock, no hold, no freeze, no incident." in told


async def test_where_there_is_no_tag_there_is_nothing_to_ask_about(world: World) -> None:
    """Production is released by tags, and all of them are gone."""
    world.github.faults.add(Fault("status", path="/tags", status=200, body=[]))

    assert "there is none yet" in await asked(world, "production")


async def test_a_lock_that_has_ended_is_not_told(world: World) -> None:
    """Nobody noticed the end, and nobody needs to."""
    await locks(world, until=timedelta(seconds=-1))

    told = await asked(world, "production v1.4.2")

    assert "database work" not in told
    assert "database work" not in "".join(world.private())


async def test_guests_and_too_many_words_are_refused(world: World) -> None:
    """A guest learns nothing; three words are one too many."""
    assert "not_a_member" in await asked(world, "production v1.4.2", by="U0GUS")
    assert "is too much" in await asked(world, "production v1.4.2 now")
