"""The line to type in."""

from __future__ import annotations

from playwright.async_api import Locator, Page, expect

from sandbox.faults import Fault
from tests.browser.windows import NARROW, Sandbox


def line(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Message #deploys")


def status(page: Page) -> Locator:
    return page.get_by_role("form", name="Write a message").get_by_role("alert")


async def test_a_command_is_completed_from_the_manifest(quiet: Sandbox) -> None:
    """Typing narrows the list, arrows move in it, Tab takes one, and its usage is shown afterwards."""
    page = await quiet.window()
    await line(page).press_sequentially("/")
    options = page.get_by_role("listbox", name="Commands of Flytower").get_by_role("option")
    await expect(options).to_have_count(len(quiet.slack.world.app.commands))
    await line(page).press_sequentially("d")
    await expect(options).to_contain_text(["Deploy to an environment", "State of the databases"])

    await page.keyboard.press("ArrowDown")
    await expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    chosen = await options.nth(1).get_attribute("id")
    active = await line(page).get_attribute("aria-activedescendant")
    await page.keyboard.press("Tab")

    assert active == chosen
    await expect(line(page)).to_have_value("/db ")
    await expect(options).to_have_count(0)
    await expect(line(page)).to_have_accessible_description("/db status [environment]")


async def test_escape_closes_the_suggestions(quiet: Sandbox) -> None:
    """What was typed stays, and typing on brings them back."""
    page = await quiet.window()
    await line(page).press_sequentially("/dep")
    options = page.get_by_role("option")
    await expect(options).to_have_count(1)

    await page.keyboard.press("Escape")
    await expect(options).to_have_count(0)
    await expect(line(page)).to_have_value("/dep")
    await line(page).press_sequentially("l")

    await expect(options).to_have_count(1)


async def test_a_person_is_completed(quiet: Sandbox) -> None:
    """In the middle of a text too; the message mentions them."""
    page = await quiet.window("#user=U0ANA")
    await line(page).press_sequentially("ask @cl")

    await page.get_by_role("option", name="@cleo").click()
    await line(page).press_sequentially("first")
    await page.keyboard.press("Enter")

    await expect(page.locator(".message .mention")).to_have_text("@cleo")
    await expect(page.locator(".message .text")).to_have_text("ask @cleo first")


async def test_enter_sends_and_shift_enter_does_not(quiet: Sandbox) -> None:
    """A text of two lines is one message, and the line grows with it."""
    page = await quiet.window()
    before = await line(page).evaluate("line => line.offsetHeight")
    await line(page).press_sequentially("one")
    await page.keyboard.press("Shift+Enter")
    await line(page).press_sequentially("two")
    grown = await line(page).evaluate("line => line.offsetHeight")

    await page.keyboard.press("Enter")

    await expect(page.locator(".message .text")).to_have_text("one\ntwo", use_inner_text=True)
    await expect(line(page)).to_have_value("")
    assert grown > before


async def test_what_was_sent_comes_back_with_the_arrow(quiet: Sandbox) -> None:
    """The newest first, and past the newest the empty line."""
    page = await quiet.window()
    for text in ("first", "second"):
        await line(page).fill(text)
        await page.keyboard.press("Enter")
        await expect(page.locator(".message", has_text=text)).to_be_visible()
    seen = []

    for key in ("ArrowUp", "ArrowUp", "ArrowDown", "ArrowDown"):
        await page.keyboard.press(key)
        seen.append(await line(page).input_value())

    assert seen == ["second", "first", "second", ""]


async def test_what_was_begun_stays_where_it_was_begun(quiet: Sandbox) -> None:
    """Each conversation and person has a draft of its own."""
    page = await quiet.window("#user=U0ANA")
    await line(page).fill("half a thou")

    await page.locator(".sidebar-lists").get_by_role("button", name="general").click()
    await expect(page.get_by_role("textbox", name="Message #general")).to_have_value("")
    await page.locator(".sidebar-lists").get_by_role("button", name="deploys").click()

    await expect(line(page)).to_have_value("half a thou")


async def test_a_command_that_nobody_hears_is_told(quiet: Sandbox) -> None:
    """Slack's words in a private message, and what they mean here below the line."""
    page = await quiet.window()
    await line(page).fill("/deploy status")

    await page.keyboard.press("Enter")

    await expect(page.locator(".message.private")).to_contain_text('/deploy failed with the error "dispatch_failed"')
    await expect(status(page)).to_have_text("Nobody listens: is the bot running? (dispatch_failed)")
    await line(page).fill("hello")
    await page.keyboard.press("Enter")
    await expect(status(page)).to_have_text("")


async def test_a_command_that_is_answered_late_is_told(live: Sandbox) -> None:
    """operation_timeout, as Slack calls it."""
    live.slack.faults.add(Fault("slow_network", target="/deploy", seconds=600, times=1))
    page = await live.window()
    await line(page).fill("/deploy status")

    await page.keyboard.press("Enter")

    await expect(status(page)).to_contain_text("operation_timeout", timeout=20_000)
    await expect(page.locator(".message.private")).to_contain_text("operation_timeout")


async def test_an_unknown_command_is_told(quiet: Sandbox) -> None:
    """To the person alone."""
    page = await quiet.window()
    await line(page).fill("/launch")

    await page.keyboard.press("Enter")

    await expect(page.locator(".message.private")).to_contain_text("/launch is not a valid command.")


async def test_an_empty_channel_offers_examples(quiet: Sandbox) -> None:
    """A click writes one into the line, for the person to send."""
    page = await quiet.window(size=NARROW)

    await page.get_by_role("button", name="/deploy staging main").click()

    await expect(line(page)).to_have_value("/deploy staging main")
    await expect(line(page)).to_be_focused()


async def test_the_skip_link_leads_to_the_line(quiet: Sandbox) -> None:
    """By keyboard it comes first, and a reload does not lose who the window is."""
    page = await quiet.window("#user=U0BO")
    await page.keyboard.press("Tab")

    await page.keyboard.press("Enter")

    await expect(line(page)).to_be_focused()
    await expect(page.get_by_role("heading", name="You are bo")).to_be_visible()
