"""Buttons and menus of the simulated Slack, in messages."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.responses import PlainTextResponse

from sandbox.faults import Fault
from sandbox.kit import ControlError
from tests.sandbox.slack_workspace import DEPLOYS, FIXTURES, Workspace, actions, button, option, section

slack_stage, open_workspace, slack = FIXTURES

MENU = {"type": "static_select", "action_id": "env", "options": [option("staging"), option("production")]}


async def posted(slack: Workspace, *elements: dict[str, Any]) -> str:
    return await slack.post(text="card", blocks=[actions(*(elements or [button()]), block_id="b")])


async def click(slack: Workspace, ts: str, user: str = "ana", **more: Any) -> dict[str, Any]:
    return await slack.sim.click(user=user, channel="deploys", ts=ts, **({"action_id": "go"} | more))


async def test_a_click_carries_everything_documented(slack: Workspace) -> None:
    """Who, where, what, with the message as it was seen."""
    ts = await posted(slack, button(style="primary"))

    result = await click(slack, ts)

    payload = slack.app.last
    assert slack.app.received[-1].is_signed()
    assert payload["type"] == "block_actions"
    assert payload["user"] == {"id": "U0ANA", "username": "ana", "name": "ana", "team_id": "T0REIFY"}
    assert payload["team"] == {"id": "T0REIFY", "domain": "reify"}
    assert payload["channel"] == {"id": DEPLOYS, "name": "deploys"}
    assert payload["container"] == {"type": "message", "message_ts": ts, "channel_id": DEPLOYS, "is_ephemeral": False}
    assert (payload["message"]["ts"], payload["message"]["text"]) == (ts, "card")
    assert (payload["trigger_id"], payload["response_url"]) == (result["trigger_id"], result["response_url"])
    [action] = payload["actions"]
    expected = {"type": "button", "action_id": "go", "block_id": "b", "value": "1", "style": "primary"}
    assert expected.items() <= action.items()


async def test_a_stranger_keeps_their_team(slack: Workspace) -> None:
    """`team` is where the app is installed, `user.team_id` says whose person it is."""
    await click(slack, await posted(slack), user="eve")

    assert (slack.app.last["team"]["id"], slack.app.last["user"]["team_id"]) == ("T0REIFY", "T0OTHER")


async def test_a_click_in_a_thread_names_the_thread(slack: Workspace) -> None:
    """The container of a reply has thread_ts."""
    parent = await slack.post()
    ts = await slack.post(thread_ts=parent, blocks=[actions(button())])

    await click(slack, ts)

    assert slack.app.last["container"]["thread_ts"] == parent


async def test_an_ephemeral_message_is_not_in_the_payload(slack: Workspace) -> None:
    """Only its container is, and only its reader can press its buttons."""
    answer = await slack.call("chat.postEphemeral", channel=DEPLOYS, user="U0ANA", text="x", blocks=[actions(button())])

    await click(slack, answer["message_ts"])

    assert slack.app.last["container"]["is_ephemeral"] is True
    assert "message" not in slack.app.last
    with pytest.raises(ControlError, match="does not see"):
        await click(slack, answer["message_ts"], user="bo")


@pytest.mark.parametrize("version", [0, -1])
async def test_an_old_version_stays_clickable(slack: Workspace, version: int) -> None:
    """A client that did not refresh sends the button that it still shows."""
    ts = await posted(slack)
    await slack.call("chat.update", channel=DEPLOYS, ts=ts, text="decided")

    await click(slack, ts, version=version)

    assert (slack.app.last["message"]["text"], slack.app.last["actions"][0]["value"]) == ("card", "1")
    with pytest.raises(ControlError, match="no element"):
        await click(slack, ts)


async def test_a_double_click_is_two_payloads_at_once(slack: Workspace) -> None:
    """Both come from the same version of the message, each with a trigger of its own."""
    ts = await posted(slack)

    results = await asyncio.gather(click(slack, ts), click(slack, ts))

    payloads = [received.fields for received in slack.app.received]
    assert len({result["trigger_id"] for result in results}) == 2
    assert payloads[0]["message"] == payloads[1]["message"]


async def test_the_value_tells_equal_buttons_apart(slack: Workspace) -> None:
    """One action_id in several blocks is chosen by value or by block."""
    blocks = [actions(button(value="1"), block_id="one"), actions(button(value="2"), block_id="two")]
    ts = await slack.post(blocks=blocks)

    await click(slack, ts, value="2")
    by_value = slack.app.last["actions"][0]["block_id"]
    await click(slack, ts, block_id="two")
    by_block = slack.app.last["actions"][0]["value"]

    assert (by_value, by_block) == ("two", "2")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"action_id": "stop"}, "no element"),
        ({"value": "7"}, "no element"),
        ({"ts": "1.000001"}, "no message"),
        ({"channel": "nowhere"}, "no channel"),
        ({"user": "nobody"}, "no user"),
        ({"version": 3}, "versions 0 to 0"),
        ({"action_id": "env"}, "use select"),
        ({"channel": None}, "needs its channel"),
    ],
)
async def test_nobody_clicks_what_is_not_there(slack: Workspace, change: dict[str, Any], words: str) -> None:
    """The action is refused and the app hears nothing."""
    ts = await posted(slack, button(), MENU)

    with pytest.raises(ControlError, match=words):
        await slack.sim.click(**({"user": "ana", "channel": "deploys", "ts": ts, "action_id": "go"} | change))

    assert slack.app.received == []


async def test_a_failed_click_shows_a_warning(slack: Workspace) -> None:
    """The person's client says that the app did not respond."""
    ts = await posted(slack)
    slack.app.answers.append(PlainTextResponse("", status_code=404))

    result = await click(slack, ts)

    [notice] = slack.sim.state()["notices"]
    assert (result["error"], result["http_status"]) == ("dispatch_failed", 404)
    assert (notice["user"], notice["place"], notice["action_id"]) == ("U0ANA", ts, "go")


async def test_a_lost_click_never_arrives(slack: Workspace) -> None:
    """With the fault `lost_interaction` for this action the person is told of a timeout."""
    slack.sim.faults.add(Fault(kind="lost_interaction", target="go", times=1))

    result = await click(slack, await posted(slack))

    assert (result["error"], slack.app.received) == ("operation_timeout", [])


SELECTIONS = {
    "menu": (MENU, "production", "selected_option", option("production")),
    "radio": ({**MENU, "type": "radio_buttons"}, "staging", "selected_option", option("staging")),
    "boxes": ({**MENU, "type": "checkboxes"}, ["staging"], "selected_options", [option("staging")]),
    "many": ({**MENU, "type": "multi_static_select"}, ["production"], "selected_options", [option("production")]),
    "overflow": ({**MENU, "type": "overflow"}, "staging", "selected_option", option("staging")),
    "user": ({"type": "users_select", "action_id": "env"}, "U0BO", "selected_user", "U0BO"),
    "channel": ({"type": "channels_select", "action_id": "env"}, DEPLOYS, "selected_channel", DEPLOYS),
    "date": ({"type": "datepicker", "action_id": "env"}, "2026-11-23", "selected_date", "2026-11-23"),
}


@pytest.mark.parametrize(("element", "value", "key", "expected"), SELECTIONS.values(), ids=SELECTIONS)
async def test_a_choice_has_the_form_of_its_element(
    slack: Workspace, element: dict[str, Any], value: Any, key: str, expected: Any
) -> None:
    """Each kind of element reports what was chosen under its own key."""
    ts = await posted(slack, element)

    await slack.sim.select(user="ana", channel="deploys", ts=ts, action_id="env", value=value)

    [action] = slack.app.last["actions"]
    assert (action["type"], action[key]) == (element["type"], expected)


async def test_a_choice_stays_chosen(slack: Workspace) -> None:
    """A later click in the message carries it in `state.values`."""
    ts = await posted(slack, MENU, button())
    await slack.sim.select(user="ana", channel="deploys", ts=ts, action_id="env", value="staging")

    await click(slack, ts)

    assert slack.app.last["state"]["values"]["b"]["env"]["selected_option"]["value"] == "staging"


@pytest.mark.parametrize(("element", "value"), [(MENU, "moon"), (button("env"), "1")], ids=["not offered", "button"])
async def test_nobody_chooses_what_is_not_offered(slack: Workspace, element: dict[str, Any], value: str) -> None:
    """A client offers only what the app sent."""
    ts = await posted(slack, element)

    with pytest.raises(ControlError):
        await slack.sim.select(user="ana", channel="deploys", ts=ts, action_id="env", value=value)


async def test_suggestions_come_from_the_app(slack: Workspace) -> None:
    """What the app offers for the typed text can then be chosen."""
    ts = await slack.post(blocks=[section(accessory={"type": "external_select", "action_id": "ref"})])
    where = {"user": "ana", "channel": "deploys", "ts": ts, "action_id": "ref"}
    slack.app.will_say({"options": [option("main"), option("maintenance")]})

    offered = await slack.sim.suggest(**where, value="mai")
    asked = slack.app.last
    await slack.sim.select(**where, value="main")

    assert (asked["type"], asked["value"], asked["action_id"]) == ("block_suggestion", "mai", "ref")
    assert [entry["value"] for entry in offered["options"]] == ["main", "maintenance"]
    assert slack.app.last["actions"][0]["selected_option"] == option("main")


async def test_a_short_query_is_not_sent(slack: Workspace) -> None:
    """Below min_query_length (3 unless said otherwise) the client does not ask."""
    ts = await posted(slack, {"type": "external_select", "action_id": "ref"})

    offered = await slack.sim.suggest(user="ana", channel="deploys", ts=ts, action_id="ref", value="ma")

    assert (offered["sent"], slack.app.received) == (False, [])


async def test_bad_suggestions_are_not_shown(slack: Workspace) -> None:
    """More than 100 options are refused, and the reason is reported."""
    ts = await posted(slack, {"type": "external_select", "action_id": "ref", "min_query_length": 0})
    slack.app.will_say({"options": [option(str(n)) for n in range(101)]})

    offered = await slack.sim.suggest(user="ana", channel="deploys", ts=ts, action_id="ref", value="")

    assert offered["options"] == []
    assert "no more than 100 items allowed" in offered["problems"][0]


async def test_only_external_menus_suggest(slack: Workspace) -> None:
    """A static menu has its options already."""
    ts = await posted(slack, MENU)

    with pytest.raises(ControlError, match="no external menu"):
        await slack.sim.suggest(user="ana", channel="deploys", ts=ts, action_id="env", value="sta")
