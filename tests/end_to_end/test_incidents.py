"""An incident from the first word to the last review: what passes, what does not, and who hears of it."""

from __future__ import annotations

from typing import Any

from bot.domain.operation import Kind, State
from tests.world import SHA, STAGING, World, text_of

CONFIRM, DISMISS, APPROVE = "deployment_confirm", "deployment_cancel", "approval_approve"
REVIEWED = "incident_reviewed"
OLD, NEW = f"sha-{SHA['v1.4.1']}", f"sha-{SHA['v1.4.2']}"
START = '/deploy incident start "checkout is down"'


async def declares(world: World, by: str = "U0ANA") -> None:
    await world.types(START, by=by)


async def deploys(world: World) -> None:
    """Ana deploys v1.4.2 to production, which brings a migration: going back from there is red."""
    await world.types("/deploy production v1.4.2")
    await world.clicks(CONFIRM)
    assert world.labels() == {NEW}


async def rolls_back(world: World) -> dict[str, Any]:
    """Ana rolls production back and confirms by herself; the card."""
    await world.types("/rollback production")
    card = world.card()
    await world.clicks(CONFIRM, card=card)
    return card


def buttons(message: dict[str, Any]) -> list[str]:
    """The buttons of a message by their actions."""
    rows = [block["elements"] for block in message["blocks"] if block["type"] == "actions"]
    return [element["action_id"] for row in rows for element in row]


def incident_message(world: World, words: str) -> dict[str, Any]:
    """The one message of the channel with these words."""
    (found,) = [message for message in world.messages() if words in text_of(message)]
    return found


async def test_a_red_rollback_passes_in_an_incident_and_is_reviewed_afterwards(world: World) -> None:
    """Nobody approves it, everybody hears of it, and at the end somebody else looks at it: in the same message."""
    await deploys(world)
    await declares(world)
    await rolls_back(world)
    back = world.labels()
    await world.types("/deploy incident end", by="U0BO")
    end = incident_message(world, "Incident 1 is over")
    await world.clicks(REVIEWED, by="U0BO", card=end)
    await world.slack.submit(user="U0BO", values={"note": "right call"})
    await world.settle()

    assert back == {OLD}
    assert "*INCIDENT 1* declared by <@U0ANA>: “checkout is down”" in text_of(incident_message(world, "*INCIDENT 1*"))
    assert "1 rollback passed without an approval, 1 not reviewed yet" in text_of(end)
    seen = incident_message(world, "Incident 1 is over")
    assert seen["ts"] == end["ts"]
    assert "✔ reviewed by <@U0BO>" in text_of(seen)
    assert "right call" in text_of(seen)
    assert buttons(seen) == []


async def test_without_an_incident_the_same_rollback_waits(world: World) -> None:
    """The end of the incident closes the lane again: red needs an approver."""
    await deploys(world)
    await declares(world)
    await world.types("/deploy incident end")
    await world.types("/rollback production")

    assert buttons(world.card())[0] == APPROVE
    assert "Nothing passed without an approval." in text_of(incident_message(world, "Incident 1 is over"))


async def test_a_plan_from_within_the_incident_is_worth_nothing_after_it(world: World) -> None:
    """The card was shown while no approval was needed, and the button is pressed when one is: nothing starts."""
    await deploys(world)
    await declares(world)
    await world.types("/rollback production")
    card = world.card()
    await world.types("/deploy incident end")
    await world.clicks(CONFIRM, card=card)

    assert world.labels() == {NEW}
    assert [operation.state for operation in await world.operations() if operation.kind is Kind.ROLLBACK] == [
        State.REQUESTED
    ]


async def test_a_deployment_needs_an_approval_while_an_incident_goes_on(world: World) -> None:
    """Production waits for a second person, with the reason on the card; after the end it is as before."""
    await declares(world)
    await world.types("/deploy production v1.4.2")
    during = world.card()
    await world.types("/deploy incident end")
    await world.clicks(DISMISS, card=during)
    await world.types("/deploy production v1.4.2")

    assert buttons(during)[0] == APPROVE
    assert "There is an incident" in text_of(during)
    assert world.labels() == {OLD}
    assert buttons(world.card())[0] == CONFIRM


async def test_where_there_is_no_rollback_an_incident_changes_nothing(world: World) -> None:
    """Staging only goes forward: a fix is tried out there first."""
    await declares(world)
    await world.types("/deploy staging main")

    assert world.labels(STAGING) == {f"sha-{SHA['heading']}"}


async def test_an_incident_survives_the_bot(world: World) -> None:
    """After a restart it goes on, nobody is told twice, and another one is refused."""
    await declares(world)
    await world.restarts_after(lambda: None)
    await world.types('/deploy incident start "something else"', by="U0BO")

    incident_message(world, "*INCIDENT 1*")
    assert "by <@U0ANA>: checkout is down" in world.private("U0BO")[-1]
