"""The page and its sandbox apart from each other: many windows, a restart, a clock that goes back."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, Page, expect

from sandbox.kit import serving
from sandbox.page import Page as PageServer
from tests.browser.windows import Sandbox

ANA, BO, DEPLOYS = "U0ANA", "U0BO", "C0DEPLOYS"
# As many windows as a browser has connections to one server.
WINDOWS = 6
FOREVER_S = 3600.0
SLOW_FRAMES = """
    const later = setTimeout;
    window.setTimeout = (act, ms) => later(act, (ms ?? 0) + 5000);
    window.requestAnimationFrame = (act) => later(act, 5000);
"""
LOST = "The sandbox does not answer. Is it still running?"


@contextlib.asynccontextmanager
async def one_browser(sandbox: Sandbox) -> AsyncIterator[BrowserContext]:
    """A profile whose windows share their connections; what its console says is left alone."""
    context = await sandbox.browser.new_context(locale="en-GB", reduced_motion="reduce")
    try:
        yield context
    finally:
        await context.close()


async def opened(context: BrowserContext, url: str) -> Page:
    page = await context.new_page()
    await page.goto(f"{url}/#user={ANA}")
    await page.locator(".frame").wait_for()
    return page


async def test_what_a_person_does_never_waits_for_news(quiet: Sandbox) -> None:
    """However many windows of a browser wait for news, what is typed in one of them arrives."""
    patient = PageServer(quiet.workbench, longest_wait_s=FOREVER_S)
    async with serving(patient.asgi()) as url, one_browser(quiet) as context:
        # Whoever intercepts requests switches the browser's cache off, which would let one window wait for all.
        await context.route("**/api/poll*", lambda route: route.continue_())
        pages = [await opened(context, url) for _ in range(WINDOWS)]

        for number in (0, WINDOWS - 1):
            line = pages[number].get_by_role("textbox", name="Message #deploys")
            await line.fill(f"said in window {number}")
            await line.press("Enter")

            await expect(pages[number].get_by_role("main")).to_contain_text(f"said in window {number}")


async def test_news_that_come_before_the_first_frame_are_shown(quiet: Sandbox) -> None:
    """On a slow machine the server answers before the browser has drawn anything."""
    async with one_browser(quiet) as context:
        await context.add_init_script(SLOW_FRAMES)

        page = await context.new_page()
        await page.goto(quiet.url)

        await expect(page.locator(".frame")).to_be_visible()


async def test_the_page_finds_a_sandbox_that_was_started_again(quiet: Sandbox) -> None:
    """While nobody answers it says so and keeps what is typed; afterwards it shows what there is now."""
    async with one_browser(quiet) as context:
        async with serving(PageServer(quiet.workbench).asgi()) as url:
            page = await opened(context, url)
        line = page.get_by_role("textbox", name="Message #deploys")
        await expect(page.locator(".lost")).to_have_text(LOST)
        await line.fill("is anybody there?")
        await line.press("Enter")
        await expect(page.locator(".compose-status")).to_have_text(LOST)
        await expect(line).to_have_value("is anybody there?")
        await quiet.slack.say(user=BO, channel=DEPLOYS, text="said meanwhile")

        async with serving(PageServer(quiet.workbench).asgi(), port=urlsplit(url).port or 0):
            await expect(page.get_by_role("main")).to_contain_text("said meanwhile")
            await expect(page.locator(".lost")).to_have_count(0)
            await line.press("Enter")

            await expect(page.get_by_role("main").get_by_role("list")).to_contain_text(["is anybody there?"])


async def test_what_comes_after_the_clock_went_back_is_unread(quiet: Sandbox) -> None:
    """Loading a saved state turns the clock back: a message of then is new, though one of later was read before."""
    await quiet.workbench.save("before")
    await quiet.workbench.skip(24 * 3600)
    await quiet.slack.say(user=BO, channel="C0GENERAL", text="read a day later")
    page = await quiet.window(f"#user={ANA}&channel=C0GENERAL")
    talk, channels = page.get_by_role("main"), page.locator(".sidebar-lists")
    await expect(talk).to_contain_text("read a day later")
    await quiet.workbench.load_saved("before")
    await expect(talk).not_to_contain_text("read a day later")
    await channels.get_by_role("button", name="deploys").click()

    await quiet.slack.say(user=BO, channel="C0GENERAL", text="a message of today")

    general = channels.get_by_role("button", name="general")
    await expect(general).to_have_accessible_name("# general 1 unread")


async def test_an_address_that_names_nobody_opens_as_somebody(quiet: Sandbox) -> None:
    """Nonsense in the address is as if it had been left out, and another address is followed at once."""
    page = await quiet.window("#user=%3Cimg%3E&channel=nowhere&panel=constructor")
    await expect(page.get_by_role("heading", name="You are ana")).to_be_visible()
    await expect(page.get_by_role("tab", name="Scenes")).to_have_attribute("aria-selected", "true")

    await page.evaluate("location.hash = 'user=U0BO&panel=fly'")

    await expect(page.get_by_role("heading", name="You are bo")).to_be_visible()
    await expect(page.get_by_role("tab", name="Fly")).to_have_attribute("aria-selected", "true")


async def test_the_line_stays_as_it_is_when_the_direct_message_is_opened(quiet: Sandbox) -> None:
    """What is being typed to the app stays in the line when its first message comes, and can be sent before that."""
    page = await quiet.window()
    await page.route("**/api/home", lambda route: route.fulfill(json={"outcome": "ok", "problem": None}))
    await page.locator(".sidebar-lists").get_by_role("button", name="Flytower").click()
    await page.get_by_role("tab", name="Messages").click()
    line = page.get_by_role("textbox", name="Message Flytower")
    await line.fill("sent before it was opened")

    await line.press("Enter")
    await expect(page.locator(".message")).to_contain_text("sent before it was opened")
    await page.get_by_role("button", name="bo @approvers").click()
    await line.fill("half a sent")
    await quiet.app_says("chat.postMessage", channel=BO, text="the app was first")

    await expect(page.locator(".message")).to_contain_text("the app was first")
    await expect(line).to_have_value("half a sent")
