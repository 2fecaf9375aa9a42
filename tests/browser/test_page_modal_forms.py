"""Forms in the browser: filled in by keyboard, refused with errors, changed while one looks at them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, expect

from tests.browser.block_kit import (
    ANA,
    FIELDS,
    SJC,
    Json,
    Listening,
    element,
    field_of,
    listening,
    modal,
    mrkdwn,
    opened,
    option,
    plain,
    posted,
)
from tests.browser.windows import NARROW, Sandbox

WHY = field_of("Why", element("plain_text_input", "a"))
NOTES = field_of("Notes", element("plain_text_input", "a", multiline=True), optional=True)
MAIN = option("main", "main")


@pytest.fixture
async def app(quiet: Sandbox) -> AsyncIterator[Listening]:
    async with listening(quiet) as app:
        yield app


def values(payload: Json) -> Json:
    """What was filled in, by block."""
    return {block: state["a"] for block, state in payload["view"]["state"]["values"].items()}


async def changed(quiet: Sandbox, view_id: str, view: Json) -> None:
    """The app shows something else in the form."""
    assert (await quiet.app_says("views.update", view_id=view_id, view=view))["ok"]


async def test_a_form_is_filled_in_with_the_keyboard_alone(quiet: Sandbox, app: Listening) -> None:
    """From the first field, which has the focus, to the button; the app gets all of it at once."""
    opened(quiet, modal(*FIELDS[:3], FIELDS[4]))
    page = await quiet.window()
    keys = page.keyboard
    app.answer = {"options": [MAIN]}

    await page.get_by_role("combobox", name="Where").focus()
    for key in ("ArrowDown", "ArrowDown", "Enter", "Tab", "m"):
        await keys.press(key)
    await app.hears()
    await expect(page.get_by_role("option", name="main")).to_be_visible()
    app.answer = None
    for key in ("Enter", "Tab", *"because", "Tab", "ArrowDown", "Enter", "ArrowDown", "Enter", "Escape"):
        await keys.press(key)
    await page.get_by_role("button", name="Next").press("Enter")
    payload = await app.hears()

    found = values(payload)
    assert payload["type"] == "view_submission"
    assert (found["Where"]["selected_option"], found["What"]["selected_option"]) == (SJC, MAIN)
    assert found["Why"]["value"] == "because"
    assert [each["value"] for each in found["Many"]["selected_options"]] == ["iad", "sjc"]
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_what_is_missing_is_said_before_the_app_hears_of_it(quiet: Sandbox, app: Listening) -> None:
    """Each field says what it needs, the first one has the focus, and what is mended is not complained of."""
    opened(quiet, modal(*FIELDS))
    page = await quiet.window()
    where, why = page.get_by_role("combobox", name="Where"), page.get_by_role("textbox", name="Why")

    await page.get_by_role("textbox", name="Mail").fill("nobody")
    await page.get_by_role("button", name="Next").click()

    await expect(where).to_be_focused()
    await expect(where).to_have_accessible_description("Please complete this required field.")
    await expect(page.locator("[aria-invalid=true]")).to_have_count(4)
    await why.fill("because")
    await expect(page.locator("[aria-invalid=true]")).to_have_count(3)
    assert app.received == []


async def test_an_error_of_the_app_stands_beside_its_field(quiet: Sandbox, app: Listening) -> None:
    """The field has the focus and names its error; what was filled in stays; the second attempt closes the form."""
    opened(quiet, modal(NOTES, WHY))
    page = await quiet.window()
    why = page.get_by_role("textbox", name="Why")
    app.answer = {"response_action": "errors", "errors": {"Why": "That is <b>no</b> reason."}}

    await page.get_by_role("textbox", name="Notes").fill("kept")
    await why.fill("hm")
    await why.press("Enter")
    await app.hears()
    await expect(why).to_be_focused()
    await expect(why).to_have_attribute("aria-invalid", "true")
    await expect(why).to_have_accessible_description("That is <b>no</b> reason.")
    await expect(page.get_by_role("textbox", name="Notes")).to_have_value("kept")
    app.answer = None
    await why.fill("it is time")
    await why.press("Enter")
    payload = await app.hears()

    assert (values(payload)["Why"]["value"], values(payload)["Notes"]["value"]) == ("it is time", "kept")
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_what_is_typed_survives_a_change_of_the_form(quiet: Sandbox, app: Listening) -> None:
    """The app may change the form while somebody types: the text, the field and the focus stay."""
    view_id = opened(quiet, modal(WHY, NOTES))
    page = await quiet.window()
    why = page.get_by_role("textbox", name="Why")

    await why.fill("half a sent")
    await changed(quiet, view_id, modal({"type": "section", "text": mrkdwn("*New*")}, WHY, NOTES, title="Changed"))
    await expect(page.get_by_role("dialog", name="Changed")).to_be_visible()

    await expect(why).to_be_focused()
    await expect(why).to_have_value("half a sent")
    assert app.received == []


async def test_a_form_can_be_covered_by_another(quiet: Sandbox, app: Listening) -> None:
    """An answer may push a form on top; closing that shows the one below with what was filled in."""
    opened(quiet, modal(WHY))
    page = await quiet.window()
    why = page.get_by_role("textbox", name="Why")
    app.answer = {"response_action": "push", "view": modal(NOTES, title="Really?")}

    await why.fill("because")
    await why.press("Enter")
    upper = page.get_by_role("dialog", name="Really?")
    await expect(upper.get_by_role("textbox", name="Notes")).to_be_focused()
    await upper.press("Escape")
    await expect(page.get_by_role("dialog", name="Deploy")).to_be_visible()

    await expect(why).to_have_value("because")


async def test_a_form_that_nobody_answers_says_so(quiet: Sandbox) -> None:
    """What was filled in is not lost."""
    opened(quiet, modal(WHY))
    page = await quiet.window()

    await page.get_by_role("textbox", name="Why").fill("because")
    await page.get_by_role("button", name="Next").click()

    await expect(page.get_by_role("alert").filter(has_text="We had some trouble connecting")).to_be_visible()
    await expect(page.get_by_role("textbox", name="Why")).to_have_value("because")


async def test_the_button_is_busy_until_the_app_has_answered(quiet: Sandbox, app: Listening) -> None:
    """A second press sends nothing."""
    opened(quiet, modal(WHY))
    page = await quiet.window()
    gate = asyncio.Event()
    app.gate = gate

    await page.get_by_role("textbox", name="Why").fill("because")
    submit = page.get_by_role("button", name="Next")
    await submit.click()
    await expect(submit).to_have_attribute("aria-busy", "true")
    await submit.click()
    gate.set()
    await expect(page.get_by_role("dialog")).to_have_count(0)

    assert len(app.received) == 1


async def test_a_form_covers_the_conversation_but_not_the_world(quiet: Sandbox) -> None:
    """What lies below cannot be reached until the form is closed; the panels beside it can be used."""
    await posted(quiet, {"type": "header", "text": plain("Card")})
    page = await quiet.window()
    line = page.locator("#text")
    opened(quiet, modal(WHY))
    await expect(page.get_by_role("textbox", name="Why")).to_be_focused()

    await expect(page.locator(".conversation")).to_have_js_property("inert", value=True)
    await page.get_by_role("tab", name="Fly").click()
    await expect(page.get_by_role("tabpanel", name="Fly")).to_be_visible()
    await page.get_by_role("textbox", name="Why").press("Escape")

    await expect(page.locator(".conversation")).to_have_js_property("inert", value=False)
    await expect(line).to_be_focused()


async def test_a_form_belongs_to_its_person(quiet: Sandbox) -> None:
    """Another window, as another person, shows nothing of it."""
    opened(quiet, modal(WHY), ANA)

    hers, his = await quiet.window(), await quiet.window("#user=U0BO")

    await expect(hers.get_by_role("dialog", name="Deploy")).to_be_visible()
    await expect(his.get_by_role("dialog")).to_have_count(0)


async def fits(page: Page) -> bool:
    """Whether the form stands within the window, with its button in sight."""
    box = await page.get_by_role("button", name="Next").bounding_box()
    size = page.viewport_size
    return bool(
        box and size and box["x"] + box["width"] <= size["width"] and box["y"] + box["height"] <= size["height"]
    )


async def test_a_long_form_fits_a_telephone(quiet: Sandbox) -> None:
    """Its fields scroll, its buttons stay."""
    opened(quiet, modal(*FIELDS))
    page = await quiet.window(size=NARROW)
    await expect(page.get_by_role("dialog", name="Deploy")).to_be_visible()

    assert await fits(page)


async def test_a_form_comes_before_an_open_thread_in_a_narrow_window(quiet: Sandbox) -> None:
    """Whoever presses a button in a thread sees the form that it opens, and then the thread again."""
    ts = await posted(quiet, {"type": "header", "text": plain("Card")})
    await quiet.app_says("chat.postMessage", text="A reply", thread_ts=ts)
    page = await quiet.window(size=NARROW)
    await page.get_by_role("button", name="1 reply").click()
    reply = page.locator(".thread-panel").get_by_text("A reply")
    await expect(reply).to_be_visible()

    opened(quiet, modal(WHY))
    await expect(page.get_by_role("textbox", name="Why")).to_be_focused()
    await expect(reply).to_be_hidden()
    await page.keyboard.press("Escape")

    await expect(reply).to_be_visible()
