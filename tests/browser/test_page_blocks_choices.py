"""Elements of a message, used with the keyboard alone, and what the app hears of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.block_kit import AMS, GALLERY, IAD, SJC, Json, Listening, listening, option, plain, posted
from tests.browser.windows import Sandbox

MAIN = option("main", "main")
DOWN, ENTER, SPACE = "ArrowDown", "Enter", "Space"
MENUS: dict[str, tuple[Sequence[str], str, Any]] = {
    "Region": ([DOWN, DOWN, ENTER], "selected_option", SJC),
    "Continent": ([*"ams", ENTER], "selected_option", AMS),
    "Person": ([*"cleo", ENTER], "selected_user", "U0CLEO"),
    "Conversation": ([*"gen", ENTER], "selected_conversation", "C0GENERAL"),
    "Channel": ([DOWN, ENTER], "selected_channel", "C0DEPLOYS"),
    "Regions": ([*"ams", ENTER], "selected_options", [IAD, AMS]),
    "People": ([*"bo", ENTER], "selected_users", ["U0BO"]),
    "Places": ([*"dep", ENTER], "selected_conversations", ["C0DEPLOYS"]),
    "Channels": ([DOWN, DOWN, ENTER], "selected_channels", ["C0GENERAL"]),
}


@pytest.fixture
async def app(quiet: Sandbox) -> AsyncIterator[Listening]:
    async with listening(quiet) as app:
        app.answer = {"options": [MAIN]}
        yield app


async def gallery(quiet: Sandbox) -> Page:
    await posted(quiet, *GALLERY)
    return await quiet.window()


async def press(page: Page, control: Locator, keys: Sequence[str]) -> None:
    await control.focus()
    for key in keys:
        await page.keyboard.press(key)


async def test_every_menu_is_chosen_from_with_the_keyboard(quiet: Sandbox, app: Listening) -> None:
    """The arrows and what is typed find the option, Enter takes it, and the app hears of it at once."""
    page = await gallery(quiet)

    actions = {}
    for name, (keys, _, _) in MENUS.items():
        await press(page, page.get_by_role("combobox", name=name, exact=True), keys)
        actions[name] = await app.hears_action()

    assert {name: actions[name][key] for name, (_, key, _) in MENUS.items()} == {
        name: expected for name, (_, _, expected) in MENUS.items()
    }
    assert all(action["placeholder"] == plain(name) for name, action in actions.items())


async def test_a_menu_that_searches_asks_the_app(quiet: Sandbox, app: Listening) -> None:
    """The app hears what is typed, its groups stand over their options, and one can be chosen, or several."""
    page = await gallery(quiet)
    app.answer = {"option_groups": [{"label": plain("Branches"), "options": [MAIN]}]}

    await press(page, page.get_by_role("combobox", name="Ref", exact=True), [*"ma"])
    asked = await app.hears()
    while asked["value"] != "ma":
        asked = await app.hears()
    await expect(page.get_by_role("group", name="Branches").get_by_role("option", name="main")).to_be_visible()
    await page.keyboard.press(ENTER)
    one = await app.hears_action()
    await press(page, page.get_by_role("combobox", name="Refs", exact=True), [*"ma"])
    await expect(page.get_by_role("option", name="main")).to_be_visible()
    await page.keyboard.press(ENTER)
    several = await app.hears_action()

    assert (asked["type"], asked["value"], asked["action_id"]) == ("block_suggestion", "ma", "ref")
    assert (one["selected_option"], several["selected_options"]) == (MAIN, [MAIN])


MOMENTS = {
    "Day": ("2026-12-24", "selected_date"),
    "Hour": ("17:45", "selected_time"),
    "Date and time": ("2026-12-24T17:45", "selected_date_time"),
}


async def test_dates_and_times_are_picked(quiet: Sandbox, app: Listening) -> None:
    """They reach the app in Slack's forms, and both together as Unix seconds."""
    page = await gallery(quiet)

    found = {}
    for name, (text, key) in MOMENTS.items():
        await page.get_by_label(name, exact=True).fill(text)
        await page.get_by_label(name, exact=True).blur()
        found[name] = (await app.hears_action())[key]

    seconds = await page.evaluate("new Date('2026-12-24T17:45').getTime() / 1000")
    assert found == {"Day": "2026-12-24", "Hour": "17:45", "Date and time": seconds}


async def test_boxes_and_circles_are_filled_with_the_keyboard(quiet: Sandbox, app: Listening) -> None:
    """Space ticks a box and fills a circle; the boxes of before stay ticked."""
    page = await gallery(quiet)
    box, circle = page.get_by_role("checkbox"), page.get_by_role("radio")

    await press(page, box.nth(0), [SPACE])
    first = await app.hears_action()
    await press(page, box.nth(2), [SPACE])
    second = await app.hears_action()
    await press(page, circle.nth(1), [SPACE])
    third = await app.hears_action()

    assert (first["selected_options"], second["selected_options"]) == ([IAD], [IAD, AMS])
    assert third["selected_option"] == SJC
    await expect(box.nth(0)).to_be_checked()


async def test_an_overflow_menu_is_used_with_the_keyboard(quiet: Sandbox, app: Listening) -> None:
    """It opens on Enter, the arrows move in it, and the focus comes back to its button."""
    page = await gallery(quiet)
    more = page.locator(".blocks").get_by_role("button", name="More", exact=True)

    await press(page, more, [ENTER, DOWN, ENTER])
    action = await app.hears_action()

    assert (action["type"], action["selected_option"]) == ("overflow", option("undo", "Roll back"))
    await expect(more).to_be_focused()


async def test_a_button_with_a_question_is_pressed_only_when_it_is_meant(quiet: Sandbox, app: Listening) -> None:
    """The app hears nothing of a question that is answered with no."""
    page = await gallery(quiet)
    stop, dialog = page.get_by_role("button", name="Stop", exact=True), page.get_by_role("dialog", name="Stop it?")

    await stop.click()
    await dialog.get_by_role("button", name="Go on").click()
    await stop.click()
    await dialog.get_by_role("button", name="Stop").click()
    action = await app.hears_action()

    assert (action["action_id"], len(app.received)) == ("stop", 1)


async def test_a_link_button_opens_its_page_and_tells_the_app(quiet: Sandbox, app: Listening) -> None:
    """It is a link for everybody, and a button for the app."""
    page = await gallery(quiet)
    logs = page.get_by_role("link", name="Logs")

    await logs.evaluate("(node) => { node.target = ''; node.href = '#user=U0ANA'; }")
    await logs.click()
    action = await app.hears_action()

    assert (action["action_id"], action["url"]) == ("logs", "https://example.com/logs")


async def test_enter_in_an_input_tells_the_app(quiet: Sandbox, app: Listening) -> None:
    """An input with `dispatch_action` is heard of on Enter; leaving it only keeps the text."""
    page = await gallery(quiet)
    reason = page.get_by_role("textbox", name="reason")

    await reason.fill("because")
    await reason.blur()
    await reason.press(ENTER)
    payload = await app.hears()

    assert payload["actions"][0]["value"] == "because"
    assert payload["state"]["values"]["reason"]["text"]["value"] == "because"


async def test_what_was_chosen_goes_with_the_next_press(quiet: Sandbox, app: Listening) -> None:
    """`state.values` has the person's choices; somebody else's are not among them."""
    page, his = await gallery(quiet), await quiet.window("#user=U0BO")

    await press(page, page.get_by_role("combobox", name="Region", exact=True), [DOWN, ENTER])
    await app.hears()
    await page.get_by_role("button", name="Deploy", exact=True).click()
    hers = await app.hears()
    await his.get_by_role("button", name="Deploy", exact=True).click()
    theirs = await app.hears()

    def regions(payload: Json) -> list[Any]:
        states = [block["region"] for block in payload["state"]["values"].values() if "region" in block]
        return [state["selected_option"] for state in states]

    assert (regions(hers), regions(theirs)) == ([IAD], [None])


async def test_a_choice_is_taken_back(quiet: Sandbox, app: Listening) -> None:
    """An emptied line means nothing is chosen, a removed chip one less."""
    page = await gallery(quiet)

    await page.get_by_role("combobox", name="Person").fill("")
    await page.keyboard.press(ENTER)
    nobody = await app.hears_action()
    await page.get_by_role("button", name="Remove Ashburn").click()
    nothing = await app.hears_action()

    assert (nobody["selected_user"], nothing["selected_options"]) == (None, [])


async def test_an_outdated_button_is_pressed_as_it_stood(quiet: Sandbox, app: Listening) -> None:
    """What the person meant when they were asked is what the app hears, with the card that they saw."""
    button = {"type": "button", "text": plain("Go"), "action_id": "go", "value": "1"}
    question = {key: plain(key) for key in ("title", "text", "confirm", "deny")}
    ts = await posted(quiet, {"type": "actions", "elements": [{**button, "confirm": question}]})
    page = await quiet.window()

    await page.get_by_role("button", name="Go", exact=True).click()
    await quiet.app_says("chat.update", ts=ts, text="Decided")
    await expect(page.get_by_text("Decided")).to_be_attached()
    await page.get_by_role("button", name="confirm").click()
    payload = await app.hears()

    assert (payload["message"]["text"], payload["actions"][0]["value"]) == ("card", "1")


async def test_the_focus_survives_an_edit_of_the_card(quiet: Sandbox, app: Listening) -> None:
    """A button that stays keeps it; where it goes away, the card has it."""
    button = {"type": "button", "text": plain("Go"), "action_id": "go", "value": "1"}
    ts = await posted(quiet, {"type": "actions", "elements": [button]})
    page = await quiet.window()
    go = page.get_by_role("button", name="Go", exact=True)

    await go.focus()
    blocks = [{"type": "header", "text": plain("Step 2")}, {"type": "actions", "elements": [{**button, "value": "2"}]}]
    await quiet.app_says("chat.update", ts=ts, text="two", blocks=blocks)
    await expect(page.get_by_role("heading", name="Step 2")).to_be_visible()
    await expect(go).to_be_focused()
    await quiet.app_says("chat.update", ts=ts, text="three", blocks=[{"type": "header", "text": plain("Done")}])
    await expect(page.get_by_role("heading", name="Done")).to_be_visible()

    await expect(page.locator(".blocks")).to_be_focused()
    assert app.received == []
