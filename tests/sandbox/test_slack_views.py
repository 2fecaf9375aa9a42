"""Modals and Home tabs of the simulated Slack."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.responses import PlainTextResponse

from sandbox.kit import ControlError
from tests.sandbox.slack_workspace import (
    FIXTURES,
    OpenWorkspace,
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

HOME = {"type": "home", "blocks": [section("Home"), actions(button())]}
ENVIRONMENT = {
    "type": "input",
    "block_id": "where",
    "label": plain("Environment"),
    "element": {"type": "static_select", "action_id": "env", "options": [option("staging"), option("production")]},
}


async def trigger(slack: Workspace) -> str:
    result = await slack.sim.command(user="ana", channel="deploys", text="/deploy")
    return str(result["trigger_id"])


async def opened(slack: Workspace, *blocks: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = await slack.call("views.open", trigger_id=await trigger(slack), view=modal(*blocks, **more))
    assert answer["ok"], answer
    return answer["view"]


def stack(slack: Workspace) -> list[str]:
    return [view["id"] for view in slack.sim.state()["views"].get("U0ANA", [])]


async def test_a_trigger_opens_a_modal_for_its_person(slack: Workspace) -> None:
    """The view comes back with id, hash and ids for its blocks, and is on the person's screen."""
    answer = await slack.web.views_open(trigger_id=await trigger(slack), view=modal(private_metadata="7"))

    view = answer["view"]
    assert stack(slack) == [view["id"]]
    assert (view["private_metadata"], view["root_view_id"], view["previous_view_id"]) == ("7", view["id"], None)
    assert (view["hash"] != "", view["blocks"][0]["block_id"] != "") == (True, True)


async def test_a_trigger_is_good_for_three_seconds_and_one_use(slack: Workspace) -> None:
    """Late, used and invented triggers have errors of their own."""
    used, late = await trigger(slack), await trigger(slack)
    await slack.call("views.open", trigger_id=used, view=modal())
    slack.clock.advance(3.1)

    answers = [await slack.call("views.open", trigger_id=each, view=modal()) for each in (used, late, "1.2.abc")]

    errors = [answer["error"] for answer in answers]
    assert errors == ["exchanged_trigger_id", "expired_trigger_id", "invalid_trigger_id"]


async def test_a_fast_clock_leaves_an_app_its_real_second(open_workspace: OpenWorkspace) -> None:
    """At 50 times the speed, a trigger that is ten simulated seconds old is 0.2 real seconds old and works."""
    async with open_workspace(speed=50) as slack:
        old = await trigger(slack)
        slack.clock.advance(10)

        assert (await slack.call("views.open", trigger_id=old, view=modal()))["ok"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"view": modal(title=plain("x" * 25))}, "invalid_arguments"),
        ({"view": HOME}, "invalid_arguments"),
        ({"view": None}, "invalid_arguments"),
        ({"view": "{"}, "invalid_arguments"),
        ({"view": [1]}, "invalid_arguments"),
        ({"trigger_id": ""}, "invalid_arguments"),
        ({"view": modal(*[section("x" * 3_000)] * 90)}, "view_too_large"),
    ],
)
async def test_a_view_that_slack_refuses_is_refused(slack: Workspace, arguments: dict[str, Any], error: str) -> None:
    """A refused view leaves the trigger unused."""
    fresh = await trigger(slack)

    refused = await slack.call("views.open", **({"trigger_id": fresh, "view": modal()} | arguments))
    accepted = await slack.call("views.open", trigger_id=fresh, view=modal())

    assert (refused["error"], accepted["ok"]) == (error, True)


async def test_three_modals_fit_on_each_other(slack: Workspace) -> None:
    """A trigger from a modal pushes another; the fourth is refused; Close leads back."""
    await opened(slack, actions(button()))
    answers = []
    for _ in range(3):
        clicked = await slack.sim.click(user="ana", action_id="go")
        answers.append(await slack.call("views.push", trigger_id=clicked["trigger_id"], view=modal(actions(button()))))

    ids = stack(slack)
    await slack.sim.close_view(user="ana")

    assert [answer.get("error") for answer in answers] == [None, None, "push_limit_reached"]
    assert answers[1]["view"]["previous_view_id"] == ids[1]
    assert stack(slack) == ids[:2]


async def test_a_push_needs_a_modal_to_stand_on(slack: Workspace) -> None:
    """The trigger of a command cannot push."""
    answer = await slack.call("views.push", trigger_id=await trigger(slack), view=modal())

    assert answer["error"] == "not_found"


async def test_an_update_needs_the_current_hash(slack: Workspace) -> None:
    """A stale hash is a conflict; without a hash the update wins; the id stays."""
    view = await opened(slack)
    first = await slack.call("views.update", view_id=view["id"], hash=view["hash"], view=modal(section("two")))

    stale = await slack.call("views.update", view_id=view["id"], hash=view["hash"], view=modal(section("three")))
    blind = await slack.call("views.update", view_id=view["id"], view=modal(section("four")))

    assert (first["view"]["id"], stale["error"], blind["ok"]) == (view["id"], "hash_conflict", True)


async def test_views_are_found_by_the_apps_own_id(slack: Workspace) -> None:
    """external_id names a view and is unique."""
    await opened(slack, external_id="deploy-7")

    updated = await slack.call("views.update", external_id="deploy-7", view=modal(external_id="deploy-7"))
    twice = await slack.call("views.open", trigger_id=await trigger(slack), view=modal(external_id="deploy-7"))
    gone = await slack.call("views.update", external_id="deploy-8", view=modal())
    unnamed = await slack.call("views.update", view=modal())

    assert updated["ok"]
    assert [twice["error"], gone["error"], unnamed["error"]] == [
        "duplicate_external_id",
        "not_found",
        "invalid_arguments",
    ]


async def test_what_was_typed_survives_an_update(slack: Workspace) -> None:
    """Inputs that keep their ids keep their values; others forget them."""
    view = await opened(slack, text_input("why", dispatch_action=True), ENVIRONMENT)
    await slack.sim.select(user="ana", action_id="reason", value="fix")
    await slack.sim.select(user="ana", action_id="env", value="staging")

    answer = await slack.call("views.update", view_id=view["id"], view=modal(text_input("why"), text_input("new", "x")))

    values = answer["view"]["state"]["values"]
    assert values["why"]["reason"]["value"] == "fix"
    assert values["new"]["x"]["value"] is None
    assert "where" not in values


async def test_what_was_chosen_is_forgotten_with_its_input(slack: Workspace) -> None:
    """An input that was gone for a while comes back empty."""
    view = await opened(slack, ENVIRONMENT)
    await slack.sim.select(user="ana", action_id="env", value="staging")

    await slack.call("views.update", view_id=view["id"], view=modal())
    answer = await slack.call("views.update", view_id=view["id"], view=modal(ENVIRONMENT))

    assert answer["view"]["state"]["values"]["where"]["env"]["selected_option"] is None


async def test_an_input_waits_for_submit_unless_it_dispatches(slack: Workspace) -> None:
    """Only dispatch_action tells the app at once, with the view and its state."""
    await opened(slack, ENVIRONMENT, text_input("why", dispatch_action=True))

    quiet = await slack.sim.select(user="ana", action_id="env", value="staging")
    heard = len(slack.app.received)
    await slack.sim.select(user="ana", action_id="reason", value="fix")

    payload = slack.app.last
    assert (quiet["sent"], heard) == (False, 1)
    assert payload["container"]["type"] == "view"
    assert payload["view"]["state"]["values"]["where"]["env"]["selected_option"]["value"] == "staging"
    assert "response_url" not in payload


async def test_a_submission_carries_what_was_entered(slack: Workspace) -> None:
    """The payload has the view with its state; an empty answer closes it."""
    view = await opened(slack, text_input(), ENVIRONMENT, callback_id="deploy", private_metadata="7")

    result = await slack.sim.submit(user="ana", values={"reason": "fix", "where.env": "staging"})

    payload = slack.app.last
    values = payload["view"]["state"]["values"]
    assert (payload["type"], payload["view"]["callback_id"], payload["view"]["private_metadata"]) == (
        "view_submission",
        "deploy",
        "7",
    )
    assert values["why"]["reason"] == {"type": "plain_text_input", "value": "fix"}
    assert values["where"]["env"]["selected_option"] == option("staging")
    assert (result["response_action"], result["is_closed"], stack(slack)) == ("close", True, [])
    assert payload["view"]["id"] == view["id"]


async def test_a_client_does_not_submit_what_is_missing_or_too_long(slack: Workspace) -> None:
    """Required inputs and lengths are checked before the app is asked."""
    short = text_input()
    short["element"]["max_length"] = 5
    await opened(slack, short, text_input("also", "more", optional=True))

    with pytest.raises(ControlError, match="inputs to fill in first: why"):
        await slack.sim.submit(user="ana", values={"more": "x"})
    with pytest.raises(ControlError, match="0 to 5 fit"):
        await slack.sim.submit(user="ana", values={"reason": "too long"})

    assert len(slack.app.received) == 1


async def test_errors_keep_the_modal_open(slack: Workspace) -> None:
    """They stand beside their inputs until the next submission."""
    await opened(slack, text_input())
    slack.app.will_say({"response_action": "errors", "errors": {"why": "Say more."}})

    refused = await slack.sim.submit(user="ana", values={"reason": "x"})
    accepted = await slack.sim.submit(user="ana", values={"reason": "long enough"})

    assert (refused["errors"], refused["is_closed"]) == ({"why": "Say more."}, False)
    assert (accepted["errors"], accepted["is_closed"]) == ({}, True)


async def test_an_answer_can_update_push_or_clear(slack: Workspace) -> None:
    """response_action works on the stack without another call."""
    view = await opened(slack)
    slack.app.will_say({"response_action": "update", "view": modal(section("two"))})
    slack.app.will_say({"response_action": "push", "view": modal(section("three"))})
    slack.app.will_say({"response_action": "clear"})

    updated = await slack.sim.submit(user="ana")
    pushed = await slack.sim.submit(user="ana")
    cleared = await slack.sim.submit(user="ana")

    assert (updated["view"]["id"], updated["view"]["blocks"][0]["text"]["text"]) == (view["id"], "two")
    assert (pushed["view"]["previous_view_id"], cleared["view"]) == (view["id"], None)


@pytest.mark.parametrize(
    "answer",
    [
        {"response_action": "errors", "errors": {"nowhere": "x"}},
        {"response_action": "errors", "errors": {}},
        {"response_action": "update", "view": modal(section(""))},
        {"response_action": "explode"},
        PlainTextResponse("ok"),
        PlainTextResponse("", status_code=500),
    ],
    ids=["unknown block", "no errors", "bad view", "unknown action", "text", "status"],
)
async def test_an_answer_that_makes_no_sense_is_trouble(slack: Workspace, answer: Any) -> None:
    """The modal stays open and says that something went wrong."""
    await opened(slack, text_input())
    if isinstance(answer, dict):
        slack.app.will_say(answer)
    else:
        slack.app.answers.append(answer)

    result = await slack.sim.submit(user="ana", values={"reason": "x"})

    assert result["is_closed"] is False
    assert "We had some trouble connecting" in result["trouble"]


async def test_a_chosen_conversation_gives_a_response_url(slack: Workspace) -> None:
    """An input with response_url_enabled lets a modal answer in a channel."""
    element = {"type": "conversations_select", "action_id": "c", "response_url_enabled": True}
    await opened(slack, {"type": "input", "block_id": "to", "label": plain("Where"), "element": element})

    await slack.sim.submit(user="ana", values={"c": "C0GENERAL"})
    [entry] = slack.app.last["response_urls"]
    await slack.respond(entry["response_url"], text="hi", response_type="in_channel")

    assert (entry["block_id"], entry["channel_id"]) == ("to", "C0GENERAL")
    assert slack.messages("C0GENERAL")[-1]["text"] == "hi"


async def test_closing_is_told_to_who_asked(slack: Workspace) -> None:
    """view_closed comes with notify_on_close only; the cross clears the stack."""
    await opened(slack, actions(button()), notify_on_close=True, callback_id="root")
    clicked = await slack.sim.click(user="ana", action_id="go")
    await slack.call("views.push", trigger_id=clicked["trigger_id"], view=modal())
    before = len(slack.app.received)

    result = await slack.sim.close_view(user="ana", clear=True)

    told = [received.fields for received in slack.app.received[before:]]
    assert len(result["closed"]) == 2
    assert [(payload["type"], payload["view"]["callback_id"], payload["is_cleared"]) for payload in told] == [
        ("view_closed", "root", True)
    ]


async def test_a_view_belongs_to_its_person(slack: Workspace) -> None:
    """Nobody else can submit or close it."""
    view = await opened(slack)

    with pytest.raises(ControlError, match="no open view"):
        await slack.sim.submit(user="bo", view_id=view["id"])
    with pytest.raises(ControlError, match="no open view"):
        await slack.sim.close_view(user="bo")


async def test_the_home_tab_is_published_per_person(slack: Workspace) -> None:
    """A second publish replaces the first unless its hash is stale; buttons in it work."""
    first = await slack.web.views_publish(user_id="U0ANA", view=HOME)
    second = await slack.web.views_publish(user_id="U0ANA", view=HOME, hash=first["view"]["hash"])
    stale = await slack.call("views.publish", user_id="U0ANA", view=HOME, hash=first["view"]["hash"])
    await slack.sim.click(user="ana", action_id="go")

    assert (first["view"]["id"], stale["error"]) == (second["view"]["id"], "hash_conflict")
    assert slack.app.last["view"]["type"] == "home"
    assert list(slack.sim.state()["homes"]) == ["U0ANA"]
    with pytest.raises(ControlError, match="neither submitted nor closed"):
        await slack.sim.close_view(user="ana")


@pytest.mark.parametrize("user", ["U0NOBODY", "U0EVE"])
async def test_no_home_for_people_elsewhere(slack: Workspace, user: str) -> None:
    """A Home tab needs a user of this workspace."""
    assert (await slack.call("views.publish", user_id=user, view=HOME))["error"] == "user_not_found"


async def test_no_home_where_the_manifest_has_none(open_workspace: OpenWorkspace) -> None:
    """The Home tab can be switched off."""
    async with open_workspace(app={"home_tab_enabled": False}) as slack:
        assert (await slack.call("views.publish", user_id="U0ANA", view=HOME))["error"] == "not_enabled"
