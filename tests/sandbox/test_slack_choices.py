"""What people choose and type in the simulated Slack, in messages, Home tabs and modals."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.kit import ControlError
from tests.sandbox.slack_workspace import (
    DEPLOYS,
    FIXTURES,
    Workspace,
    actions,
    button,
    modal,
    option,
    plain,
    section,
    text_input,
)

slack_stage, open_workspace, slack = FIXTURES

Json = dict[str, Any]
ANA: Json = {"user": "ana", "channel": "deploys", "action_id": "it"}
OPTIONS = [option("staging"), option("production")]
CONFIRM = {key: plain(key) for key in ("title", "text", "confirm", "deny")}


def element(kind: str, **more: Any) -> Json:
    return {"type": kind, "action_id": "it", **more}


async def chosen(slack: Workspace, it: Json, value: Any, **more: Any) -> Json:
    """Ana chooses in an element of a message; the payload."""
    ts = await slack.post(blocks=[actions(it, button(), block_id="b")])
    await slack.sim.select(**ANA, ts=ts, value=value, **more)
    return slack.app.last


KINDS = {
    "external": (element("external_select", initial_option=OPTIONS[0]), "staging", "selected_option", OPTIONS[0]),
    "conversation": (element("conversations_select"), "C0GENERAL", "selected_conversation", "C0GENERAL"),
    "users": (element("multi_users_select"), ["U0BO", "U0GUS"], "selected_users", ["U0BO", "U0GUS"]),
    "conversations": (element("multi_conversations_select"), [DEPLOYS], "selected_conversations", [DEPLOYS]),
    "channels": (element("multi_channels_select"), [DEPLOYS], "selected_channels", [DEPLOYS]),
    "time": (element("timepicker"), "09:30", "selected_time", "09:30"),
    "moment": (element("datetimepicker"), "1795460151", "selected_date_time", 1_795_460_151),
    "nothing": (element("static_select", options=OPTIONS), None, "selected_option", None),
    "none": (element("checkboxes", options=OPTIONS, initial_options=OPTIONS), [], "selected_options", []),
}


@pytest.mark.parametrize(("it", "value", "key", "expected"), KINDS.values(), ids=KINDS)
async def test_a_choice_is_in_the_action_and_in_the_state(
    slack: Workspace, it: Json, value: Any, key: str, expected: Any
) -> None:
    """The app finds it in `actions`, and among all values of the message."""
    payload = await chosen(slack, it, value)

    assert payload["actions"][0][key] == expected
    assert payload["state"]["values"]["b"]["it"] == {"type": it["type"], key: expected}


async def test_an_action_repeats_its_element(slack: Workspace) -> None:
    """What was preset, the placeholder and the question stand in it, as Slack sends them."""
    shown = {"initial_option": OPTIONS[0], "placeholder": plain("Where"), "confirm": CONFIRM}

    payload = await chosen(slack, element("static_select", options=OPTIONS, **shown), "production")

    [action] = payload["actions"]
    ids = {"action_id": "it", "block_id": "b", "action_ts": action["action_ts"]}
    assert action == {"type": "static_select", "selected_option": OPTIONS[1], **shown, **ids}


async def test_everybody_chooses_for_themselves(slack: Workspace) -> None:
    """What one person chose in a message is not what another one's click carries."""
    ts = await slack.post(blocks=[actions(element("static_select", options=OPTIONS), button(), block_id="b")])
    await slack.sim.select(**ANA, ts=ts, value="production")

    states = {}
    for user in ("ana", "bo"):
        await slack.sim.click(user=user, channel="deploys", ts=ts, action_id="go")
        states[user] = slack.app.last["state"]["values"]["b"]["it"]["selected_option"]

    assert states == {"ana": OPTIONS[1], "bo": None}


async def test_a_choice_in_a_home_tab_names_the_view(slack: Workspace) -> None:
    """There is no message and no response_url; the view has the new state."""
    block = section(accessory=element("static_select", options=OPTIONS), block_id="b")
    await slack.web.views_publish(user_id="U0ANA", view={"type": "home", "blocks": [block]})

    await slack.sim.select(user="ana", action_id="it", value="staging")

    payload = slack.app.last
    assert payload["view"]["state"]["values"]["b"]["it"]["selected_option"] == OPTIONS[0]
    assert not {"message", "response_url"} & payload.keys()


async def test_suggestions_keep_their_groups_and_what_was_chosen_before(slack: Workspace) -> None:
    """Options stand in the app's groups; in a menu of several the earlier choice can stay beside a new one."""
    ts = await slack.post(blocks=[actions(element("multi_external_select", min_query_length=0), block_id="b")])
    groups = [{"label": plain("Tags"), "options": [option("v1")]}, {"label": plain("Branches"), "options": OPTIONS}]
    slack.app.will_say({"option_groups": groups})
    offered = await slack.sim.suggest(**ANA, ts=ts, value="")
    await slack.sim.select(**ANA, ts=ts, value=["v1"])
    slack.app.will_say({"options": [option("main")]})
    await slack.sim.suggest(**ANA, ts=ts, value="m")

    await slack.sim.select(**ANA, ts=ts, value=["v1", "main"])

    assert offered["option_groups"] == groups
    assert [each["value"] for each in offered["options"]] == ["v1", "staging", "production"]
    assert slack.app.last["actions"][0]["selected_options"] == [option("v1"), option("main")]


REFUSED = {
    "too many": (element("multi_static_select", options=OPTIONS, max_selected_items=1), ["staging", "production"]),
    "nobody": (element("users_select"), "U0NOBODY"),
    "no channel": (element("channels_select"), "D0ANA"),
    "filtered": (element("conversations_select", filter={"include": ["im"]}), DEPLOYS),
    "no date": (element("datepicker"), "2026-02-30"),
    "no time": (element("timepicker"), "25:00"),
    "no moment": (element("datetimepicker"), "now"),
}


@pytest.mark.parametrize(("it", "value"), REFUSED.values(), ids=REFUSED)
async def test_what_no_client_offers_cannot_be_chosen(slack: Workspace, it: Json, value: Any) -> None:
    """The app hears nothing, and the choice of before stays."""
    with pytest.raises(ControlError):
        await chosen(slack, it, value)

    assert slack.app.received == []


async def test_a_direct_message_is_offered_to_its_person(slack: Workspace) -> None:
    """Nobody else can choose it, and an app may leave bots out."""
    slack.sim.world.open_im("U0ANA")
    everyone, nobots = (
        element("conversations_select"),
        element("conversations_select", filter={"exclude_bot_users": True}),
    )
    ts = await slack.post(blocks=[actions(everyone)])

    hers = await chosen(slack, everyone, "D0ANA")

    assert hers["actions"][0]["selected_conversation"] == "D0ANA"
    with pytest.raises(ControlError, match="not offered"):
        await slack.sim.select(user="bo", channel="deploys", ts=ts, action_id="it", value="D0ANA")
    with pytest.raises(ControlError, match="not offered"):
        await chosen(slack, nobots, "D0ANA")


NUMBER = {"is_decimal_allowed": False, "min_value": "1", "max_value": "9"}
TYPED = {
    "text": (element("plain_text_input", min_length=3), "because", "be"),
    "email": (element("email_text_input"), "ana@reify.example", "ana"),
    "url": (element("url_text_input"), "https://reify.example/a", "reify example"),
    "whole": (element("number_input", **NUMBER), "7", "7.5"),
    "small": (element("number_input", **NUMBER), "9", "10"),
    "number": (element("number_input", is_decimal_allowed=True), "-7.5", "seven"),
}


@pytest.mark.parametrize(("it", "good", "bad"), TYPED.values(), ids=TYPED)
async def test_typed_text_has_the_form_of_its_input(slack: Workspace, it: Json, good: str, bad: str) -> None:
    """What does not fit is refused with a sentence; what fits is sent on submit."""
    slack.sim.world.views.open("U0ANA", modal(text_input(block_id="b", element=it)))

    with pytest.raises(ControlError):
        await slack.sim.select(user="ana", action_id="it", value=bad)
    await slack.sim.submit(user="ana", values={"it": good})

    assert slack.app.last["view"]["state"]["values"]["b"]["it"] == {"type": it["type"], "value": good}


ENTER, CHARACTER = "on_enter_pressed", "on_character_entered"
DISPATCHED = [
    ({}, ENTER, True),
    ({}, CHARACTER, False),
    ({}, "", False),
    ({"trigger_actions_on": [CHARACTER]}, CHARACTER, True),
    ({"trigger_actions_on": [CHARACTER]}, ENTER, False),
]


@pytest.mark.parametrize(("config", "trigger", "is_sent"), DISPATCHED)
async def test_an_app_hears_of_typing_when_it_asked_for_it(
    slack: Workspace, config: Json, trigger: str, *, is_sent: bool
) -> None:
    """On Enter unless it asked for characters; the text itself is kept in any case."""
    it = element("plain_text_input", **({"dispatch_action_config": config} if config else {}))
    ts = await slack.post(blocks=[text_input(block_id="b", element=it, dispatch_action=True), actions(button())])

    await slack.sim.select(**ANA, ts=ts, value="so", trigger=trigger)
    heard = len(slack.app.received)
    await slack.sim.click(user="ana", channel="deploys", ts=ts, action_id="go")

    assert heard == int(is_sent)
    assert slack.app.last["state"]["values"]["b"]["it"]["value"] == "so"
