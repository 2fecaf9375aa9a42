"""The state of the simulated Slack: control sequences, revisions, actions over HTTP, no secrets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sandbox.slack_workspace import DEPLOYS, FIXTURES, Workspace, actions, button, modal, section

slack_stage, open_workspace, slack = FIXTURES

TEXTS = {
    "channel": ("<!channel> hi", [{"kind": "channel"}], ["channel"]),
    "here with label": ("<!here|here>", [{"kind": "here", "label": "here"}], ["here"]),
    "everyone": ("<!everyone>", [{"kind": "everyone"}], ["everyone"]),
    "group": ("<!subteam^S0APPROVERS>", [{"kind": "usergroup", "id": "S0APPROVERS"}], ["usergroup"]),
    "person": ("<@U0BO>", [{"kind": "user", "id": "U0BO"}], []),
    "channel link": ("<#C0DEPLOYS|other>", [{"kind": "channel_link", "id": "C0DEPLOYS", "label": "other"}], []),
    "lying link": (
        "<https://evil.example|login>",
        [{"kind": "link", "url": "https://evil.example", "label": "login"}],
        [],
    ),
    "date": ("<!date^1^{date}|then>", [{"kind": "date", "id": "1^{date}", "label": "then"}], []),
    "escaped": ("&lt;!channel&gt; &amp; x", [], []),
    "in backticks": ("`<!channel>`", [{"kind": "channel"}], ["channel"]),
    "no sequence": ("a < b > c <nothing>", [], []),
    "named": ("@channel", [], []),
}


def without(controls: list[dict[str, Any]], *keys: str) -> list[dict[str, Any]]:
    return [{key: value for key, value in control.items() if key not in keys} for control in controls]


@pytest.mark.parametrize(("text", "controls", "pings"), TEXTS.values(), ids=TEXTS)
async def test_control_sequences_are_found(slack: Workspace, text: str, controls: list[Any], pings: list[str]) -> None:
    """The state lists what a text does and whether it pings; the text itself is kept as sent."""
    message = slack.message(await slack.post(text=text))

    assert message["text"] == text
    assert without(message["controls"], "where", "raw") == controls
    assert message["pings"] == pings


PLACES = {
    "mrkdwn": ({"blocks": [section("<!here>")]}, "/blocks/0/text/text"),
    "field": ({"blocks": [{"type": "section", "fields": [section("<!here>")["text"]]}]}, "/blocks/0/fields/0/text"),
    "markdown": ({"blocks": [{"type": "markdown", "text": "<!here>"}]}, "/blocks/0/text"),
    "attachment": ({"attachments": [{"text": "<!here>"}]}, "/attachments/0/text"),
    "attachment field": ({"attachments": [{"fields": [{"value": "<!here>"}]}]}, "/attachments/0/fields/0"),
    "attachment block": ({"attachments": [{"blocks": [section("<!here>")]}]}, "/attachments/0/blocks/0/text/text"),
    "link_names": ({"text": "@here", "link_names": True}, "text"),
    "parse": ({"text": "@here", "parse": "full"}, "text"),
}


@pytest.mark.parametrize(("arguments", "where"), PLACES.values(), ids=PLACES)
async def test_control_sequences_are_found_everywhere(slack: Workspace, arguments: dict[str, Any], where: str) -> None:
    """Blocks, attachments and parsed names count like the text."""
    message = slack.message(await slack.post(**({"text": "plain"} | arguments)))

    assert [(control["kind"], control["where"]) for control in message["controls"]] == [("here", where)]


async def test_rich_text_says_whom_it_names(slack: Workspace) -> None:
    """Broadcasts, groups, people and links in rich text are control sequences too."""
    elements = [
        {"type": "broadcast", "range": "channel"},
        {"type": "usergroup", "usergroup_id": "S0APPROVERS"},
        {"type": "user", "user_id": "U0BO"},
        {"type": "link", "url": "https://reify.example", "text": "x"},
    ]
    block = {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": elements}]}

    message = slack.message(await slack.post(text="x", blocks=[block]))

    assert [control["kind"] for control in message["controls"]] == ["channel", "usergroup", "user", "link"]
    assert message["pings"] == ["channel", "usergroup"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"text": "<!channel>", "mrkdwn": False},
        {"text": "x", "blocks": [{"type": "header", "text": {"type": "plain_text", "text": "<!channel>"}}]},
        {"text": "x", "blocks": [actions(button(value="<!channel>"))]},
    ],
    ids=["mrkdwn off", "plain_text", "value"],
)
async def test_what_slack_does_not_parse_is_harmless(slack: Workspace, arguments: dict[str, Any]) -> None:
    """plain_text and values are shown as they are."""
    message = slack.message(await slack.post(**arguments))

    assert (message["controls"], message["pings"]) == ([], [])


async def test_views_list_their_control_sequences(slack: Workspace) -> None:
    """A modal can lie as well as a message."""
    typed = await slack.sim.command(user="ana", channel="deploys", text="/deploy")
    view = modal(section("<https://evil.example|login>"))

    await slack.call("views.open", trigger_id=typed["trigger_id"], view=view)

    [shown] = slack.sim.state()["views"]["U0ANA"]
    assert [control["kind"] for control in shown["controls"]] == ["link"]


async def test_a_page_learns_of_changes_cheaply(slack: Workspace) -> None:
    """Polling with the known revision is 204 until something happened."""
    first = (await slack.http.get("/_control/poll")).json()
    idle = await slack.http.get("/_control/poll", params={"since": first["revision"]})

    await slack.post()
    second = await slack.http.get("/_control/poll", params={"since": first["revision"]})

    assert idle.status_code == 204
    assert second.json()["revision"] > first["revision"]


async def test_the_state_holds_no_secret(slack: Workspace) -> None:
    """Tokens and the signing secret stay inside."""
    text = json.dumps(slack.sim.state())

    assert not [word for word in ("xoxb-", "xapp-", "signing-secret", "verification-token") if word in text]


async def test_the_state_shows_the_reference_world(slack: Workspace) -> None:
    """People, channels and groups of the seed."""
    state = slack.sim.state()

    assert state["team"]["id"] == "T0REIFY"
    assert {channel["name"]: len(channel["members"]) for channel in state["channels"]} == {"deploys": 5, "general": 3}
    assert state["usergroups"][0]["users"] == ["U0CLEO", "U0BO"]
    commands = [command["command"] for command in state["app"]["commands"]]
    assert commands == ["/deploy", "/rollback", "/review-apps", "/db", "/scale"]


async def test_actions_work_over_http_as_in_python(slack: Workspace) -> None:
    """POST /_control/do/<name> takes the keywords as JSON and answers the same result."""
    body = {"user": "ana", "channel": "deploys", "text": "/deploy staging main"}

    answer = await slack.http.post("/_control/do/command", json=body)

    assert answer.json()["result"]["http_status"] == 200
    assert slack.app.last["text"] == "staging main"


@pytest.mark.parametrize(
    ("action", "body", "status"),
    [("command", {"user": "ana"}, 400), ("click", {"user": "nobody", "action_id": "x"}, 400), ("dance", {}, 404)],
)
async def test_impossible_actions_are_refused(slack: Workspace, action: str, body: dict[str, Any], status: int) -> None:
    """Missing or wrong keywords are 400, unknown actions 404."""
    answer = await slack.http.post(f"/_control/do/{action}", json=body)

    assert answer.status_code == status


async def test_settings_change_while_running(slack: Workspace) -> None:
    """What is left out of configure stays."""
    changed = await slack.http.post("/_control/do/configure", json={"request_url": "http://127.0.0.1:9/"})

    assert changed.json()["result"] == {"request_url": "http://127.0.0.1:9/", "rate_limits": True, "socket_mode": False}


async def test_private_and_public_are_told_apart(slack: Workspace) -> None:
    """Each message says who sees it and where it came from."""
    await slack.post(text="public")
    await slack.call("chat.postEphemeral", channel=DEPLOYS, user="U0ANA", text="private")

    shown = [(message["source"], message["visible_to"]) for message in slack.messages()]
    assert shown == [("chat.postMessage", None), ("chat.postEphemeral", "U0ANA")]
