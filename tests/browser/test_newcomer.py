"""A newcomer's first minutes with the real bot: what is typed, filled in, pressed and opened in the browser."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.browser.windows import NARROW, Sandbox

CARD = "reify-studio → production"


async def types(page: Page, text: str) -> None:
    """Into the line to type in, as a person would, and sent."""
    line = page.get_by_role("textbox", name="Message #deploys")
    await line.press_sequentially(text)
    await line.press("Enter")


async def test_a_command_is_completed_and_answered(live: Sandbox) -> None:
    """Three letters and Tab are enough for the command; its hint says how it goes on; the answer is private."""
    page = await live.window()
    line = page.get_by_role("textbox", name="Message #deploys")

    await line.press_sequentially("/de")
    await expect(page.get_by_role("option", name="/deploy")).to_be_visible()
    await line.press("Tab")
    await line.press_sequentially("status")
    await line.press("Enter")

    answer = page.locator("li.message", has_text="behind staging")
    await expect(answer).to_contain_text("Only visible to you")


async def test_a_form_with_an_error_in_it_is_mended_and_deploys(live: Sandbox) -> None:
    """The error stands beside its field and keeps the form open; mended, its plan deploys, and a card stands there."""
    page = await live.window()
    await types(page, "/deploy")
    form = page.get_by_role("dialog", name="Deploy")
    await form.get_by_role("combobox", name="Environment").click()
    await form.get_by_role("option", name="staging").click()
    ref = form.get_by_role("combobox", name="Tag, branch or commit")

    await form.get_by_role("button", name="Show the plan").click()
    await expect(ref).to_have_attribute("aria-invalid", "true")
    await expect(ref).to_be_focused()
    await ref.fill("main")
    await form.get_by_role("option", name="main").first.click()
    await form.get_by_role("button", name="Show the plan").click()
    plan = page.get_by_role("dialog", name="Plan")
    await plan.get_by_role("button", name="Deploy to staging").click()

    await expect(plan).to_be_hidden()
    await expect(page.locator("li.message", has_text="reify-studio-staging").first).to_contain_text(
        "Ship receipt: 1 of 1"
    )


async def test_two_windows_are_two_people(live: Sandbox) -> None:
    """Only who asked may start it: Bo is told so in his, Ana starts it in hers, and both see the same card end."""
    ana, bo = await live.window("#user=U0ANA"), await live.window("#user=U0BO")
    await types(ana, "/deploy production v1.4.2")

    await bo.get_by_role("button", name="Deploy to production").click()
    await expect(bo.locator("li.message", has_text="not_the_requester")).to_contain_text("Only visible to you")
    await ana.get_by_role("button", name="Deploy to production").click()

    for page in (ana, bo):
        card = page.locator("li.message", has_text=CARD)
        await expect(card).to_contain_text("Ship receipt: 2 of 2")
    await ana.get_by_role("button", name="1 reply").click()
    await expect(ana.get_by_role("complementary", name="Thread")).to_contain_text("live")


async def test_the_home_tab_shows_what_runs_where(live: Sandbox) -> None:
    """A click on the app opens it; the bot publishes what runs where, and its button opens the form."""
    page = await live.window()

    await page.get_by_role("navigation").get_by_role("button", name="Flytower").click()
    await page.get_by_role("tab", name="Home").click()

    await expect(page.get_by_text("What runs where")).to_be_visible()
    await expect(page.get_by_text("behind staging")).to_be_visible()
    await page.get_by_role("button", name="Deploy…").click()
    await expect(page.get_by_role("dialog", name="Deploy")).to_be_visible()


async def test_a_phone_shows_the_same(live: Sandbox) -> None:
    """At 400 pixels a command, its answer and the world are within reach, and nothing is wider than the window."""
    page = await live.window(size=NARROW)
    await types(page, "/deploy status")
    await expect(page.locator("li.message", has_text="behind staging")).to_be_visible()

    await page.get_by_role("button", name="World").click()

    await expect(page.get_by_role("tab", name="Scenes")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= NARROW[0]
