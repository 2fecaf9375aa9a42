"""The Retry button of a deployment that did not succeed: what is missing, once, and only while it fits."""

from __future__ import annotations

import asyncio

from bot.domain.operation import State
from tests.world import SHA, World, text_of

CONFIRM, RETRY = "deployment_confirm", "deployment_retry"
IAD = "148e2d1c6e9789"
NEW = f"sha-{SHA['v1.4.2']}"


async def fails(world: World) -> None:
    """Ana deploys v1.4.2 to production; the first Machine is unhealthy on it, this once."""
    fault = world.fault("unhealthy", target=IAD)
    await world.types("/deploy production v1.4.2")
    await world.clicks(CONFIRM)
    world.fly.faults.remove(fault.id)
    assert "failed" in world.card()["text"]


async def states(world: World) -> list[State]:
    return [operation.state for operation in await world.operations()]


async def test_retry_does_what_is_missing(world: World) -> None:
    """The first Machine failed; the second try makes both run the image and migrates no second time."""
    await fails(world)
    await world.clicks(RETRY)
    if (await states(world))[-1] is State.REQUESTED:
        await world.clicks(CONFIRM)

    assert await states(world) == [State.FAILED, State.SUCCEEDED]
    assert world.labels() == {NEW}
    assert len(world.release_commands()) == 1


async def test_two_clicks_on_retry_are_one_second_try(world: World) -> None:
    """At once or a moment later: one operation, and the other click is told that it was asked for."""
    await fails(world)
    card = world.card()
    await asyncio.gather(world.press(RETRY, card=card), world.press(RETRY, card=card))
    await world.settle()
    await world.clicks(RETRY, card=card)

    assert len(await world.operations()) == 2
    assert len([text for text in world.private() if "asked for that already" in text]) == 2


async def test_a_stale_retry_says_what_happened_since(world: World) -> None:
    """Bo deployed something else after the failure: nothing is tried again."""
    await fails(world)
    card = world.card()
    await world.types("/deploy production v1.4.0", by="U0BO")
    await world.clicks(CONFIRM, by="U0BO")
    await world.clicks(RETRY, card=card)

    assert "newer deployment, of `v1.4.0` by <@U0BO>" in world.private()[-1]
    assert world.labels() == {f"sha-{SHA['v1.4.0']}"}
    assert len(await world.operations()) == 2


async def test_a_guest_cannot_retry(world: World) -> None:
    """Refused with the rule, and nothing is stored."""
    await fails(world)
    await world.clicks(RETRY, by="U0GUS")

    assert "not_a_member" in world.private("U0GUS")[-1]
    assert len(await world.operations()) == 1


async def test_anyone_else_may_retry(world: World) -> None:
    """Ana has gone home; Bo tries again, in his own name."""
    await fails(world)
    await world.clicks(RETRY, by="U0BO")

    operations = await world.operations()
    assert operations[-1].actor.user_id == "U0BO"
    assert operations[-1].request["retry_of"] == operations[0].id
    assert "v1.4.2" in text_of(world.card())
