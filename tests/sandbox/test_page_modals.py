"""Modals at the page: seen by one person, filled in, searched, submitted and closed."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from sandbox.slack.view_methods import checked_view
from tests.sandbox.page_visit import ANA, DEPLOYS, FIXTURES, HOSTILE, Visit

page_stage, bot_stage, visit = FIXTURES
BO = "U0BO"
MENU, SEARCH = {"block_id": "where", "action_id": "menu"}, {"block_id": "what", "action_id": "search"}
REASON = {"block_id": "why", "action_id": "text"}


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def option(value: str) -> dict[str, Any]:
    return {"text": plain(value), "value": value}


def field(block_id: str, element: dict[str, Any], *, optional: bool = True) -> dict[str, Any]:
    label = plain(block_id)
    return {"type": "input", "block_id": block_id, "label": label, "element": element, "optional": optional}


GO = {"type": "button", "text": plain("Go"), "action_id": "go", "value": "7"}
BLOCKS = [
    field("where", {"type": "static_select", "action_id": "menu", "options": [option("a"), option("b")]}),
    field("what", {"type": "external_select", "action_id": "search", "min_query_length": 0}),
    field("why", {"type": "plain_text_input", "action_id": "text", "max_length": 20}),
    field("how", {"type": "checkboxes", "action_id": "boxes", "options": [option("x"), option("y")]}),
    {"type": "actions", "block_id": "row", "elements": [GO]},
]


def modal(title: str = "Deploy", blocks: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """A modal as an app sends it."""
    return {
        "type": "modal",
        "title": plain(title),
        "submit": plain("Next"),
        "blocks": BLOCKS if blocks is None else blocks,
    }


def opened(visit: Visit, view: dict[str, Any] | None = None) -> str:
    """Ana sees a modal; its id."""
    world = visit.simulators.slack.world
    view_id = world.views.open(ANA, checked_view(view or modal(), "modal")).id
    world.changed()
    return view_id


async def acts(visit: Visit, name: str, view_id: str, **body: Any) -> httpx.Response:
    """Ana does something with a modal."""
    return await visit.post(name, user=ANA, view_id=view_id, **body)


async def seen(visit: Visit, user: str = ANA) -> dict[str, Any] | None:
    """The modal that a person sees."""
    view: dict[str, Any] | None = await visit.item(f"slack/view/{user}")
    return view


async def test_a_modal_is_shown_to_its_person_only(visit: Visit) -> None:
    """The topmost of a stack, with its blocks, and nothing for anybody else."""
    opened(visit)
    visit.simulators.slack.world.views.push(ANA, checked_view(modal("Upper"), "modal"))
    visit.simulators.slack.world.changed()

    hers, his = await seen(visit), await seen(visit, BO)

    assert hers is not None
    assert (hers["title"]["text"], hers["submit"]["text"], len(hers["blocks"])) == ("Upper", "Next", len(BLOCKS))
    assert his is None


async def test_what_is_filled_in_reaches_the_app_on_submit(visit: Visit) -> None:
    """Menus, text and boxes wait in the modal, survive a reload of the page, and are sent together."""
    view_id = opened(visit)
    await acts(visit, "select", view_id, **MENU, value="b")
    await acts(visit, "select", view_id, **REASON, value=HOSTILE[:20])
    await acts(visit, "select", view_id, block_id="how", action_id="boxes", value=["x", "y"])
    waiting = await seen(visit)
    heard_before = len(visit.bot.received)

    answer = await acts(visit, "submit", view_id)

    values = visit.bot.payload["view"]["state"]["values"]
    assert waiting is not None
    assert (waiting["values"], heard_before, answer.json()["problem"]) == (values, 0, None)
    assert values["where"]["menu"]["selected_option"]["value"] == "b"
    assert values["why"]["text"]["value"] == HOSTILE[:20]
    assert [each["value"] for each in values["how"]["boxes"]["selected_options"]] == ["x", "y"]
    assert await seen(visit) is None


async def test_a_menu_that_searches_asks_the_app(visit: Visit) -> None:
    """The app hears what was typed and what is chosen so far; one of its options can be chosen, and taken back."""
    view_id = opened(visit)
    visit.bot.answer = {"options": [option("v1.4.2")]}
    await acts(visit, "select", view_id, **MENU, value="a")

    offered = await acts(visit, "suggest", view_id, **SEARCH, value="1.4")
    await acts(visit, "select", view_id, **SEARCH, value="v1.4.2")
    chosen = await seen(visit)
    await acts(visit, "select", view_id, **SEARCH, value=None)
    emptied = await seen(visit)

    asked = visit.bot.payload
    assert (asked["type"], asked["value"]) == ("block_suggestion", "1.4")
    assert asked["view"]["state"]["values"]["where"]["menu"]["selected_option"]["value"] == "a"
    assert offered.json() == {"options": [option("v1.4.2")], "option_groups": [], "problem": None}
    assert chosen is not None
    assert emptied is not None
    assert chosen["values"]["what"]["search"]["selected_option"] == option("v1.4.2")
    assert emptied["values"]["what"]["search"]["selected_option"] is None


@pytest.mark.parametrize(
    ("answer", "is_there", "problem"),
    [
        ({"options": [{"text": plain("x" * 76), "value": "v"}]}, True, "Slack would not take these options: "),
        (None, True, "Slack would not take these options: "),
        (None, False, "Nobody listens: is the bot running? (dispatch_failed)"),
    ],
)
async def test_options_that_do_not_come_are_a_problem(
    visit: Visit, answer: dict[str, Any] | None, is_there: bool, problem: str
) -> None:
    """The menu says why it has nothing to offer."""
    view_id = opened(visit)
    visit.bot.answer = answer
    if not is_there:
        visit.nobody_listens()

    offered = (await acts(visit, "suggest", view_id, **SEARCH, value="")).json()

    assert offered["options"] == []
    assert offered["problem"].startswith(problem)


async def test_errors_stand_beside_their_inputs(visit: Visit) -> None:
    """The modal stays with what was filled in; the errors are data, by the input's block id."""
    view_id = opened(visit)
    visit.bot.answer = {"response_action": "errors", "errors": {"why": HOSTILE}}
    await acts(visit, "select", view_id, **REASON, value="because")

    await acts(visit, "submit", view_id)

    view = await seen(visit)
    assert view is not None
    assert (view["id"], view["errors"]) == (view_id, {"why": HOSTILE})
    assert view["values"]["why"]["text"]["value"] == "because"


async def test_a_modal_changes_while_one_looks_at_it(visit: Visit) -> None:
    """The answer to the submission and a later update take its place, under the same id."""
    view_id = opened(visit)
    section = {"type": "section", "text": plain("…")}
    visit.bot.answer = {"response_action": "update", "view": modal("Waiting", [section])}
    await acts(visit, "submit", view_id)
    waiting, before = await seen(visit), (await visit.poll()).json()["revision"]

    await visit.app_says("views.update", view_id=view_id, view=modal("Plan", [section]))

    plan = await seen(visit)
    assert waiting is not None
    assert plan is not None
    assert [(view["id"], view["title"]["text"]) for view in (waiting, plan)] == [
        (view_id, "Waiting"),
        (view_id, "Plan"),
    ]
    assert (await visit.poll()).json()["revision"] != before


async def test_a_submission_that_nobody_answers_leaves_the_modal_open(visit: Visit) -> None:
    """What was filled in is not lost, and the person reads what is wrong."""
    view_id = opened(visit)
    visit.nobody_listens()

    answer = await acts(visit, "submit", view_id)

    view = await seen(visit)
    assert answer.json()["problem"] == "Nobody listens: is the bot running? (dispatch_failed)"
    assert view is not None
    assert view["trouble"] == "We had some trouble connecting. Try again? (dispatch_failed)"


async def test_a_closed_modal_is_gone(visit: Visit) -> None:
    """The app hears nothing of it, and a second press finds nothing to close."""
    view_id = opened(visit)

    await acts(visit, "close", view_id)
    again = await acts(visit, "close", view_id)

    assert (await seen(visit), visit.bot.received, again.status_code) == (None, [], 400)


async def test_a_button_in_a_modal_reaches_the_app(visit: Visit) -> None:
    """It names the modal instead of a message."""
    view_id = opened(visit)

    answer = await acts(visit, "click", view_id, action_id="go", block_id="row", value="7")

    assert answer.json()["problem"] is None
    assert visit.bot.payload["container"] == {"type": "view", "view_id": view_id}


@pytest.mark.parametrize(
    ("name", "body", "sentence"),
    [
        ("submit", {}, "inputs to fill in first: where"),
        ("submit", {"user": BO}, "U0BO has no open view"),
        ("close", {"view_id": "V1"}, "U0ANA has no open view V1"),
        ("select", {**MENU, "value": "c"}, "option 'c' is not offered"),
        ("select", {**SEARCH, "value": "v9"}, "option 'v9' is not offered"),
        ("select", {**REASON, "value": "x" * 21}, "21 characters; 0 to 20 fit"),
        ("select", {**MENU, "value": 1}, "`value` is neither a text nor a list of texts"),
        ("select", {**MENU, "value": [{}]}, "`value` is neither a text nor a list of texts"),
        ("select", {"action_id": "menu", "value": "a"}, "`block_id` is missing or not a text"),
        ("select", {**MENU, "value": "a", "view_id": None}, "`channel` is missing or not a text"),
        ("suggest", {**MENU, "value": ""}, "menu is no external menu"),
        ("click", {"action_id": "nothing"}, "no element with action_id 'nothing'"),
    ],
)
async def test_what_no_client_would_do_is_refused(visit: Visit, name: str, body: dict[str, Any], sentence: str) -> None:
    """400, a sentence that says what is wrong, and nothing reaches the app."""
    needed = [field("where", BLOCKS[0]["element"], optional=False), *BLOCKS[1:]]
    view_id = opened(visit, modal(blocks=needed))

    answer = await visit.post(name, **{"user": ANA, "view_id": view_id, **body})

    assert answer.status_code == 400
    assert sentence in answer.json()["error"]
    assert visit.bot.received == []


async def test_a_choice_in_a_message_reaches_the_app(visit: Visit) -> None:
    """It names the message; the page shows it to the person who made it."""
    blocks = [{"type": "actions", "block_id": "row", "elements": [BLOCKS[0]["element"]]}]
    ts = (await visit.app_says("chat.postMessage", text="card", blocks=blocks))["ts"]

    await visit.post("select", user=ANA, channel=DEPLOYS, ts=ts, version=0, block_id="row", action_id="menu", value="b")

    [message] = await visit.messages()
    assert visit.bot.payload["container"]["message_ts"] == ts
    assert visit.bot.payload["actions"][0]["selected_option"] == option("b")
    assert message["chosen"][ANA]["row"]["menu"]["selected_option"] == option("b")


async def test_the_cross_closes_the_whole_stack(visit: Visit) -> None:
    """The button closes the upper form only."""
    opened(visit)
    world = visit.simulators.slack.world
    upper = [world.views.push(ANA, checked_view(modal(title), "modal")).id for title in ("Second", "Third")]

    await acts(visit, "close", upper[1])
    below = await seen(visit)
    await acts(visit, "close", upper[0], all=True)

    assert below is not None
    assert (below["id"], await seen(visit)) == (upper[0], None)
