"""Rate limits of the simulated Slack, on its own clock."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.slack_workspace import APP_TOKEN, BOT_TOKEN, DEPLOYS, FIXTURES, Workspace

slack_stage, open_workspace, slack = FIXTURES


@pytest.mark.parametrize(
    ("method", "token", "arguments", "per_minute"),
    [
        ("apps.connections.open", APP_TOKEN, {}, 10),
        ("usergroups.users.list", BOT_TOKEN, {"usergroup": "S0APPROVERS"}, 20),
        ("usergroups.list", BOT_TOKEN, {}, 20),
        ("users.list", BOT_TOKEN, {}, 20),
        ("conversations.info", BOT_TOKEN, {"channel": DEPLOYS}, 50),
        ("chat.update", BOT_TOKEN, {"channel": DEPLOYS, "ts": "1.000001", "text": "x"}, 50),
        ("users.info", BOT_TOKEN, {"user": "U0ANA"}, 100),
    ],
)
async def test_a_method_is_limited_by_its_tier(
    slack: Workspace, method: str, token: str, arguments: dict[str, Any], per_minute: int
) -> None:
    """Exactly the tier's calls go through in a minute; then come 429 and, a minute later, calls again."""
    answers = [await slack.call(method, token, **arguments) for _ in range(per_minute + 1)]
    slack.clock.advance(60)
    later = await slack.call(method, token, **arguments)

    limited = [answer.get("error") == "ratelimited" for answer in answers]
    assert limited == [False] * per_minute + [True]
    assert later.get("error") != "ratelimited"


async def test_posts_are_limited_per_channel(slack: Workspace) -> None:
    """A burst of five, then one per second, in each channel by itself."""
    for _ in range(5):
        await slack.post()

    headers = {"Authorization": f"Bearer {BOT_TOKEN}"}
    refused = await slack.http.post("/api/chat.postMessage", json={"channel": DEPLOYS, "text": "x"}, headers=headers)
    elsewhere = await slack.call("chat.postMessage", channel="U0ANA", text="x")
    slack.clock.advance(1)
    later = await slack.call("chat.postMessage", channel=DEPLOYS, text="x")

    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert refused.json() == {"ok": False, "error": "ratelimited"}
    assert (elsewhere["ok"], later["ok"]) == (True, True)


async def test_waiting_as_told_is_enough(slack: Workspace) -> None:
    """After Retry-After seconds the next call goes through."""
    for _ in range(20):
        await slack.call("users.list")
    headers = {"Authorization": f"Bearer {BOT_TOKEN}"}
    refused = await slack.http.get("/api/users.list", headers=headers)

    slack.clock.advance(int(refused.headers["retry-after"]))

    assert (await slack.call("users.list"))["ok"]


async def test_limits_can_be_switched_off(slack: Workspace) -> None:
    """Benchmarks post without waiting."""
    await slack.sim.configure(rate_limits=False)

    stamps = [await slack.post() for _ in range(12)]

    assert len(set(stamps)) == 12
