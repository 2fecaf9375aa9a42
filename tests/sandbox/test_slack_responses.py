"""response_urls of the simulated Slack: five times in 30 minutes, bound to a person and a channel."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.slack_workspace import DEPLOYS, FIXTURES, Workspace, actions, button, section

slack_stage, open_workspace, slack = FIXTURES


async def command_url(slack: Workspace, channel: str = "deploys") -> str:
    result = await slack.sim.command(user="ana", channel=channel, text="/deploy")
    return str(result["response_url"])


async def click_url(slack: Workspace, ts: str, user: str = "ana") -> str:
    result = await slack.sim.click(user=user, channel="deploys", ts=ts, action_id="go")
    return str(result["response_url"])


async def test_it_works_five_times(slack: Workspace) -> None:
    """The sixth use is used_url."""
    url = await command_url(slack)

    answers = [await slack.respond(url, text=f"{n}") for n in range(6)]

    assert [answer.status_code for answer in answers] == [200] * 5 + [404]
    assert answers[-1].json()["error"] == "used_url"


async def test_it_works_for_half_an_hour(slack: Workspace) -> None:
    """After 30 minutes it is expired_url; so is one that never was."""
    url = await command_url(slack)
    slack.clock.advance(30 * 60 + 1)

    expired = await slack.respond(url, text="x")
    unknown = await slack.respond("/response/none", text="x")

    assert (expired.status_code, expired.json()["error"], unknown.json()["error"]) == (
        404,
        "expired_url",
        "expired_url",
    )


async def test_it_speaks_to_its_person_in_its_channel(slack: Workspace) -> None:
    """Ephemeral by default, and without membership of the bot."""
    url = await command_url(slack, channel="general")

    await slack.respond(url, text="psst")
    await slack.respond(url, text="all", response_type="in_channel")

    messages = [(message["text"], message["visible_to"]) for message in slack.messages("C0GENERAL")]
    assert messages == [("psst", "U0ANA"), ("all", None)]


async def test_it_can_answer_in_a_thread(slack: Workspace) -> None:
    """thread_ts chooses the thread."""
    parent = await slack.post()
    url = await command_url(slack)

    await slack.respond(url, text="there", response_type="in_channel", thread_ts=parent)

    assert slack.messages()[-1]["thread_ts"] == parent


async def test_it_replaces_the_message_that_was_clicked(slack: Workspace) -> None:
    """replace_original edits in place and keeps the version before."""
    ts = await slack.post(text="approve?", blocks=[actions(button())])
    url = await click_url(slack, ts)

    await slack.respond(url, replace_original=True, text="approved", blocks=[section("approved")])

    message = slack.message(ts)
    assert (message["text"], message["earlier"][0]["text"]) == ("approved", "approve?")


async def test_it_is_the_way_to_edit_an_ephemeral_message(slack: Workspace) -> None:
    """What chat.update cannot do, the response_url of a click on it can."""
    slack.app.will_say({"text": "sure?", "blocks": [actions(button())]})
    asked = (await slack.sim.command(user="ana", channel="deploys", text="/deploy"))["ephemeral"]
    url = await click_url(slack, asked["ts"])

    await slack.respond(url, replace_original="true", text="done")

    assert slack.message(asked["ts"])["text"] == "done"


async def test_it_deletes_the_message_that_was_clicked(slack: Workspace) -> None:
    """delete_original stands alone."""
    ts = await slack.post(blocks=[actions(button())])
    url = await click_url(slack, ts)

    crowded = await slack.respond(url, delete_original=True, text="bye")
    alone = await slack.respond(url, delete_original=True)

    assert (crowded.status_code, alone.status_code) == (400, 200)
    assert slack.message(ts)["deleted"]


async def test_a_command_has_no_original(slack: Workspace) -> None:
    """replace_original on a command's response_url adds a message, since there is none to replace."""
    url = await command_url(slack)

    await slack.respond(url, text="one")
    await slack.respond(url, text="two", replace_original=True)

    assert [message["text"] for message in slack.messages()] == ["one", "two"]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, "no_text"),
        ({"blocks": [section("")]}, "invalid_blocks"),
        ({"text": "x", "thread_ts": "1234567890.123456"}, "thread_not_found"),
    ],
)
async def test_a_bad_body_is_refused_and_costs_no_use(slack: Workspace, body: dict[str, Any], error: str) -> None:
    """Content is checked as everywhere."""
    url = await command_url(slack)

    refused = await slack.respond(url, **body)
    rest = [(await slack.respond(url, text="x")).status_code for _ in range(5)]

    assert (refused.status_code, refused.json()["error"]) == (400, error)
    assert rest == [200] * 5


@pytest.mark.parametrize(
    ("content", "error"),
    [(b"{", "invalid_json"), (rb'{"text": "\ud83d"}', "invalid_json"), (b"[]", "json_not_object")],
)
async def test_only_a_json_object_is_understood(slack: Workspace, content: bytes, error: str) -> None:
    """Anything else is refused."""
    answer = await slack.http.post(await command_url(slack), content=content)

    assert (answer.status_code, answer.json()["error"]) == (400, error)


async def test_a_message_deleted_meanwhile_cannot_be_replaced(slack: Workspace) -> None:
    """The click's message may be gone when the answer comes."""
    ts = await slack.post(blocks=[actions(button())])
    url = await click_url(slack, ts)
    await slack.call("chat.delete", channel=DEPLOYS, ts=ts)

    answer = await slack.respond(url, replace_original=True, text="x")

    assert answer.json()["error"] == "message_not_found"
