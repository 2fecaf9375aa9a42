"""`/deploy stats` from the command to what Slack shows."""

from __future__ import annotations

from typing import Any

from sandbox.faults import Fault
from tests.world import World

CHART = "data_visualization"


def newest(world: World) -> dict[str, Any]:
    """The newest message that only ana saw."""
    channel = next(each for each in world.slack.state()["channels"] if each["id"] == "C0DEPLOYS")
    found: dict[str, Any] = [m for m in channel["messages"] if m["is_ephemeral"]][-1]
    return found


async def test_figures_come_from_what_the_bot_did(world: World) -> None:
    """One deployment went live, with its commits; only who asked sees the answer, with a chart."""
    await world.types("/deploy staging main")

    await world.types("/deploy stats staging --days 7")

    shown = newest(world)
    assert "1 deployment went live, 1.0 a week" in shown["text"]
    assert "from 1 commit in 1 deployment" in shown["text"]
    assert "0%, 0 of 1 deployment" in shown["text"]
    assert [block["type"] for block in shown["blocks"]] == ["section", CHART, "context"]
    assert len(world.messages()) == 1


async def test_a_failure_on_the_machines_counts(world: World) -> None:
    """The rate and the outage that goes on are told."""
    world.fault("unhealthy", target="reify-studio-staging")
    await world.types("/deploy staging main")

    await world.types("/deploy stats staging")

    assert "100%, 1 of 1 deployment" in newest(world)["text"]
    assert "not restored since the newest failure" in newest(world)["text"]


async def test_every_environment_is_told_where_none_is_named(world: World) -> None:
    """Those without deployments say so, and have no chart."""
    await world.types("/deploy stats")

    shown = newest(world)
    assert shown["text"].count("deployed nothing here in the last 30 days") == 2
    assert CHART not in {block["type"] for block in shown["blocks"]}


async def test_where_slack_takes_no_chart_the_numbers_arrive(world: World) -> None:
    """`invalid_blocks`: the same message comes without the chart."""
    await world.types("/deploy staging main")
    refusal = {"ok": False, "error": "invalid_blocks"}
    world.slack.faults.add(Fault("status", path="^/response/", status=400, body=refusal, times=1))

    await world.types("/deploy stats staging")

    shown = newest(world)
    assert "1 deployment went live" in shown["text"]
    assert [block["type"] for block in shown["blocks"]] == ["section", "context"]


async def test_a_question_that_cannot_be_answered_is_explained(world: World) -> None:
    """A misspelt environment, days that are none, somebody who may not ask; and the help."""
    await world.types("/deploy stats produktion")
    await world.types("/deploy stats --days 0")
    await world.types("/deploy stats help")
    await world.types("/deploy stats", by="U0GUS")

    misspelt, days, usage = world.private()[-3:]
    assert "unknown_environment" in misspelt
    assert "production" in misspelt
    assert "from 1 to 365" in days
    assert "--days 90" in usage
    assert "not_a_member" in world.private("U0GUS")[-1]
