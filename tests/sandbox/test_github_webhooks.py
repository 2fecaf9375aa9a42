"""Webhooks on their way: what is sent, how it is signed, what the log keeps, what goes wrong."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs

import pytest

from sandbox.github.webhooks import signatures
from sandbox.kit import ControlError
from tests.sandbox.hook_receiver import SECRET, Hooked, hooked

GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
THREE_DAYS_S = 3 * 86_400


@pytest.fixture
async def stage() -> AsyncIterator[Hooked]:
    async with hooked() as made:
        yield made


async def push(stage: Hooked, title: str = "New") -> str:
    """A commit on main that starts nothing; its hash."""
    made = await stage.do("commit", title=title, author="ana")
    return str(made["sha"])


def heads(stage: Hooked) -> list[str]:
    """The titles of what was pushed, as it came."""
    return [each.payload["head_commit"]["message"] for each in stage.receiver.named("push")]


def test_the_signature_is_that_of_the_documentation() -> None:
    """The example of "Validating webhook deliveries"."""
    digest = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

    assert signatures(SECRET, b"Hello, World!")["X-Hub-Signature-256"] == f"sha256={digest}"


async def test_a_hook_is_pinged_first(stage: Hooked) -> None:
    """The ping names the hook with its events, and not its secret."""
    (ping,) = stage.receiver.received

    hook = ping.payload["hook"]
    assert (ping.event, ping.payload["hook_id"], hook["config"]["secret"]) == ("ping", hook["id"], "********")
    assert {"push", "pull_request", "deployment_status"} <= set(hook["events"])


async def test_a_delivery_says_what_it_is(stage: Hooked) -> None:
    """Event, GUID, hook and target stand in the headers, the signature is over the bytes."""
    await push(stage)
    await stage.logged(2)

    sent = stage.receiver.received[-1]
    assert (sent.event, sent.headers["content-type"]) == ("push", "application/json")
    assert GUID.fullmatch(sent.guid)
    assert sent.headers["user-agent"].startswith("GitHub-Hookshot/")
    assert sent.headers["x-github-hook-installation-target-type"] == "repository"
    assert sent.headers["x-github-hook-installation-target-id"] == "4711"
    assert sent.headers["x-github-hook-id"] == str(stage.log()[0].hook)
    assert sent.is_signed()
    assert sent.headers["x-hub-signature"].startswith("sha1=")


async def test_a_form_is_signed_as_it_is_sent() -> None:
    """With the content type `form` the JSON stands in `payload`, and the signature is over the form."""
    async with hooked(content_type="form") as stage:
        sent = stage.receiver.received[0]

    (text,) = parse_qs(sent.body.decode())["payload"]
    assert sent.headers["content-type"] == "application/x-www-form-urlencoded"
    assert (json.loads(text)["zen"] != "", sent.is_signed()) == (True, True)


async def test_without_a_secret_nothing_is_signed() -> None:
    """Neither signature is sent."""
    async with hooked(secret="") as stage:
        sent = stage.receiver.received[0]

    assert not {"x-hub-signature", "x-hub-signature-256"} & sent.headers.keys()


async def test_the_app_has_a_hook_of_its_own() -> None:
    """It names the App as its target and tells the installation."""
    async with hooked(**{"for": "app"}) as stage:
        await push(stage)
        await stage.logged(2)
        sent = stage.receiver.received[-1]

    assert sent.headers["x-github-hook-installation-target-type"] == "integration"
    assert sent.headers["x-github-hook-installation-target-id"] == "424242"
    assert sent.payload["installation"]["id"] == 515151


async def test_a_suspended_app_hears_of_that_alone() -> None:
    """Its suspension is told, then nothing until it is lifted."""
    async with hooked(**{"for": "app"}) as stage:
        await stage.do("suspend_installation")
        await push(stage)
        await stage.do("suspend_installation", suspended=False)
        await stage.logged(3)
        names = [each.name for each in stage.receiver.received]

    assert names == ["ping", "installation.suspend", "installation.unsuspend"]


async def test_a_hook_hears_what_it_subscribes_to() -> None:
    """Other events are not sent, and not logged."""
    async with hooked(events=["create"]) as stage:
        await stage.do("tag", name="v9", sha="main")
        await stage.logged(2)
        names = [each.name for each in stage.receiver.received]

    assert names == ["ping", "create"]


async def test_deliveries_come_in_order(stage: Hooked) -> None:
    """As things happened, however quickly."""
    titles = [f"Change {number}" for number in range(8)]
    for title in titles:
        await push(stage, title)
    await stage.logged(9)

    assert heads(stage) == titles


@pytest.mark.parametrize(
    ("status", "word"), [(200, "OK"), (202, "OK"), (404, "Not Found"), (500, "Internal Server Error")]
)
async def test_the_log_tells_request_and_answer(stage: Hooked, status: int, word: str) -> None:
    """Status `OK` only for an answer of success; the payload, both headers and the answer's text are kept."""
    stage.receiver.status = status
    await push(stage)

    item = (await stage.logged(2))[-1]

    assert (item.status_code, item.status, item.redelivery) == (status, word, False)
    assert (item.event, item.action, item.repository) == ("push", None, 4711)
    assert item.payload["ref"] == "refs/heads/main"
    assert item.request_headers["X-GitHub-Delivery"] == item.guid
    assert (item.response_headers["X-Heard"], item.response_payload) == ("yes", "heard")


async def test_nobody_waits_longer_than_ten_seconds(stage: Hooked) -> None:
    """A receiver that is silent counts as a failure after ten seconds, and the next delivery goes on."""
    stage.receiver.answers = False
    await push(stage, "First")
    first = (await stage.logged(2))[-1]
    stage.receiver.answers = True
    await push(stage, "Second")

    second = (await stage.logged(3))[-1]

    assert (first.status, first.status_code, round(first.duration)) == ("timed out", 504, 10)
    assert (second.status, heads(stage)) == ("OK", ["First", "Second"])


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/nobody", "http://[::1]:9/nobody"])
async def test_nobody_there_is_a_failure(stage: Hooked, url: str) -> None:
    """The log says that there was no connection; GitHub does not try again."""
    await stage.do("configure", webhook_url=url)
    await push(stage)

    item = (await stage.logged(3))[-1]
    await asyncio.sleep(600)

    assert (item.status, item.status_code) == ("failed to connect to host", 502)
    assert len(stage.log()) == 3


async def test_nothing_leaves_this_machine(stage: Hooked) -> None:
    """A hook that a client pointed at a stranger gets nothing; the log says so."""
    body = {"config": {"url": "https://hooks.example.com/github"}, "events": ["push"]}
    made = (await stage.http.post("/hooks", json=body)).json()

    item = next(each for each in await stage.logged(2) if each.hook == made["id"])

    assert (item.event, item.status, item.response_payload) == ("ping", "failed to connect to host", None)


async def test_the_control_api_configures_loopback_alone(stage: Hooked) -> None:
    """An address elsewhere, a strange owner and strange events are refused, and the hook stays as it was."""
    refused: list[dict[str, Any]] = [
        {"webhook_url": "https://hooks.example.com/"},
        {"webhook_url": stage.url, "for": "somebody"},
        {"webhook_url": stage.url, "events": ["nonsense"]},
    ]
    for body in refused:
        with pytest.raises(ControlError):
            await stage.do("configure", **body)
    await push(stage)

    assert (await stage.logged(2))[-1].status == "OK"


async def test_a_hook_is_taken_down(stage: Hooked) -> None:
    """With null nothing is delivered any more."""
    await stage.do("configure", webhook_url=None)
    await push(stage)
    await asyncio.sleep(60)

    assert [item.event for item in stage.log()] == ["ping"]


async def test_a_reset_keeps_the_hook(stage: Hooked) -> None:
    """The log is that of the new world, the address stays."""
    await stage.do("reset")
    await push(stage)

    (item,) = await stage.logged(1)

    assert (item.event, item.url) == ("push", stage.url)


async def test_a_redelivery_has_the_same_guid(stage: Hooked) -> None:
    """Another id, the same GUID and bytes, marked as a redelivery, signed anew."""
    await push(stage)
    first = (await stage.logged(2))[-1]

    await stage.do("redeliver", guid=first.guid)
    again = (await stage.logged(3))[-1]

    (one, other) = stage.receiver.named("push")
    assert (again.redelivery, again.guid, again.id != first.id) == (True, first.guid, True)
    assert (one.body, one.guid, other.is_signed()) == (other.body, other.guid, True)


async def test_what_was_never_delivered_cannot_be_repeated(stage: Hooked) -> None:
    """Refused with a reason."""
    with pytest.raises(ControlError, match="no such delivery"):
        await stage.do("redeliver", guid="nope")


async def test_people_see_what_was_delivered(stage: Hooked) -> None:
    """`deliveries` tells all, or those of an event, newest first."""
    await push(stage)
    await stage.logged(2)

    everything = (await stage.do("deliveries"))["deliveries"]
    pushes = (await stage.do("deliveries", event="push"))["deliveries"]

    assert [each["event"] for each in everything] == ["push", "ping"]
    assert [each["request"]["payload"]["after"] for each in pushes] == [everything[0]["request"]["payload"]["after"]]
    assert [hook["url"] for hook in stage.actions.github.state()["hooks"] if hook["of"] == "repository"] == [stage.url]


async def test_the_log_forgets_after_three_days(stage: Hooked) -> None:
    """Older deliveries are neither listed nor found."""
    stage.actions.github.clock.skip(THREE_DAYS_S + 60)
    await push(stage)

    await stage.logged(1)
    await stage.settled()

    assert [item.event for item in stage.log()] == ["push"]


@pytest.mark.parametrize(("detail", "logged"), [({}, ["failed to connect to host"]), ({"logged": False}, [])])
async def test_a_lost_delivery_never_arrives(stage: Hooked, detail: dict[str, bool], logged: list[str]) -> None:
    """The log tells the failure, or nothing where it was lost before."""
    stage.actions.fault("webhook_lost", target="push", times=1, detail=detail)
    await push(stage, "Lost")
    await push(stage, "Arrived")
    await stage.logged(2 + len(logged))

    assert heads(stage) == ["Arrived"]
    assert [item.status for item in stage.log()[1:]] == [*logged, "OK"]


async def test_a_lost_delivery_can_be_sent_again(stage: Hooked) -> None:
    """What the log has of it is what would have come."""
    stage.actions.fault("webhook_lost", target="push", times=1)
    await push(stage, "Lost")
    await stage.logged(2)

    await stage.do("redeliver")
    await stage.logged(3)

    assert heads(stage) == ["Lost"]


@pytest.mark.parametrize(("detail", "guids"), [({}, 1), ({"new_guid": True}, 2)])
async def test_a_doubled_delivery_comes_twice(stage: Hooked, detail: dict[str, bool], guids: int) -> None:
    """The same content, under the same GUID or, as in a replay, another."""
    stage.actions.fault("webhook_doubled", target="push", times=1, detail=detail)
    await push(stage)
    await stage.logged(3)

    (one, other) = stage.receiver.named("push")
    assert (one.body == other.body, len({one.guid, other.guid})) == (True, guids)


async def test_a_late_delivery_lets_others_pass(stage: Hooked) -> None:
    """It comes after its seconds, what happened later before it."""
    stage.actions.fault("webhook_late", target="push", times=1, seconds=120)
    started = stage.actions.github.clock.now()
    await push(stage, "Late")
    await push(stage, "Prompt")

    items = await stage.logged(3)

    assert heads(stage) == ["Prompt", "Late"]
    assert items[-1].delivered_at - started >= 120


async def test_a_delivery_is_overtaken(stage: Hooked) -> None:
    """Of two that follow each other the second comes first."""
    stage.actions.fault("webhook_reordered", target="push", times=1)
    await push(stage, "One")
    await push(stage, "Two")
    await push(stage, "Three")
    await stage.logged(4)

    assert heads(stage) == ["Two", "One", "Three"]


async def test_what_nothing_overtakes_comes_by_itself(stage: Hooked) -> None:
    """After a few seconds, where nothing else happens."""
    stage.actions.fault("webhook_reordered", target="push", times=1)
    await push(stage, "Alone")

    await stage.logged(2)

    assert heads(stage) == ["Alone"]


async def test_a_payload_over_the_cap_is_not_delivered(stage: Hooked) -> None:
    """Over 25 MB nothing is sent and nothing logged."""
    await stage.do("commit", title="x" * 26_000_000, author="ana")
    await push(stage, "Small")
    await stage.logged(2)

    assert heads(stage) == ["Small"]


async def test_stopping_ends_what_is_under_way(stage: Hooked) -> None:
    """A receiver that is silent does not keep the simulator, and nothing is sent afterwards."""
    stage.receiver.answers = False
    await push(stage)
    await stage.told("push")

    await stage.actions.github.webhooks.stop()

    assert [item.event for item in stage.log()] == ["ping"]
