"""The app's Home tab: what people see there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.faults import Fault
from tests.world import PRODUCTION, World, replacing, text_of
from tests.world import world as make_world

APPROVED = replacing(("approve_deployments = false", "approve_deployments = true"))


@pytest.fixture
async def strict(tmp_path: Path) -> AsyncIterator[World]:
    """A world where every deployment to production needs an approval."""
    async with make_world(tmp_path / "flytower.db", change=APPROVED) as made:
        yield made


def tab(world: World, user: str = "U0ANA") -> str:
    """What stands in somebody's Home tab."""
    home = world.slack.state()["homes"].get(user)
    return text_of({"text": "", "blocks": home["blocks"], "attachments": []}) if home else ""


async def opens(world: World, *, by: str = "U0ANA", which: str = "home") -> None:
    await world.slack.open_home(user=by, tab=which)
    await world.settle()


async def presses(world: World, action: str, *, by: str = "U0ANA") -> dict[str, Any]:
    """Somebody presses a button of their Home tab."""
    view_id = world.slack.state()["homes"][by]["id"]
    pressed = await world.slack.click(user=by, view_id=view_id, action_id=action)
    await world.settle()
    return pressed


async def test_the_home_tab_shows_what_runs_where(world: World) -> None:
    """Every environment with its release, its Machines and how far production is behind, and that nothing was done."""
    await opens(world)

    told = tab(world)
    assert "`v1.4.1` (dd085a7) since" in told
    assert "5 commits and 3 days behind staging" in told
    assert "1 asleep" in told
    assert "Nothing yet." in told


async def test_the_home_tab_shows_what_was_done_last(world: World) -> None:
    """A deployment stands there after the tab's button was pressed, with who and how it ended."""
    await opens(world)
    await world.types("/deploy production v1.4.2")
    await world.clicks("deployment_confirm")

    await presses(world, "home_refresh")

    told = tab(world)
    assert "`v1.4.2` (844d600) “Better error pages”" in told
    assert "live" in told
    assert "by <@U0ANA>" in told
    assert "Nothing yet." not in told


async def test_the_tab_is_not_emptied_when_it_is_opened_again(world: World) -> None:
    """Who has seen it keeps seeing it until the new one is there."""
    await opens(world)
    await opens(world)

    calls = world.slack.calls.find("POST", "views.publish")
    assert len(calls) == 3


async def test_a_guest_reads_why_the_tab_shows_nothing(world: World) -> None:
    """The rule and who could help stand in the tab, and nothing of what runs; Fly is not even asked."""
    world.fly.calls.clear()

    await opens(world, by="U0GUS")

    assert "not_a_member" in tab(world, "U0GUS")
    assert PRODUCTION not in tab(world, "U0GUS")
    assert world.fly.calls.all() == []


async def test_the_messages_tab_publishes_nothing(world: World) -> None:
    """Whoever opens the direct message did not ask for the dashboard."""
    await opens(world, which="messages")

    assert tab(world) == ""


async def test_the_form_opens_from_the_home_tab_and_its_plan_deploys(world: World) -> None:
    """The button opens the form of a bare command, whose card then stands in the environment's channel."""
    await opens(world)

    await presses(world, "home_deploy")

    assert world.slack.state()["views"]["U0ANA"][-1]["callback_id"] == "deploy_ask"


async def test_slack_refusing_the_tab_changes_nothing(world: World) -> None:
    """An error of views.publish is logged; the next opening works."""
    world.slack.faults.add(Fault("status", path="views.publish"))
    await opens(world)
    world.slack.faults.clear()

    await opens(world)

    assert "What runs where" in tab(world)


async def test_what_somebody_may_approve_stands_first_in_their_tab(strict: World) -> None:
    """Bo is in the group: the plan waits for him, first of all; for Ana, who asked, it waits like any other."""
    await strict.types("/deploy production v1.4.2")

    await opens(strict, by="U0BO")
    await opens(strict)

    assert "Waiting for you" in tab(strict, "U0BO")
    assert tab(strict, "U0BO").index("Waiting for you") < tab(strict, "U0BO").index("What runs where")
    assert "*reify-studio/production*: a plan of `v1.4.2` by <@U0ANA> waits for an approval" in tab(strict, "U0BO")
    assert "Waiting for you" not in tab(strict)
    assert "a plan of `v1.4.2` by <@U0ANA> waits for an approval" in tab(strict)


async def test_a_group_that_cannot_be_read_claims_nothing(strict: World) -> None:
    """Slack does not say who is in it: the plan is shown as waiting, and nobody is told that it waits for them."""
    await strict.types("/deploy production v1.4.2")
    strict.slack.faults.add(Fault("status", path="usergroups", status=500))

    await opens(strict, by="U0BO")

    assert "Waiting for you" not in tab(strict, "U0BO")
    assert "waits for an approval" in tab(strict, "U0BO")


async def test_a_plan_without_an_approval_waits_for_its_requester_alone(world: World) -> None:
    """Nobody else is asked."""
    await world.types("/deploy production v1.4.2")

    await opens(world, by="U0BO")

    assert "Waiting for you" not in tab(world, "U0BO")
    assert "waits for its button" in tab(world, "U0BO")
