"""Threads in the side panel."""

from __future__ import annotations

from playwright.async_api import Locator, Page, expect

from tests.browser.windows import NARROW, Sandbox


def panel(page: Page) -> Locator:
    return page.get_by_role("complementary", name="Thread")


async def test_a_thread_opens_beside_its_message(quiet: Sandbox) -> None:
    """The line below the message says how many replies there are and leads to them, in order."""
    card = await quiet.app_says("chat.postMessage", text="Card")
    for text in ("first step", "second step"):
        await quiet.app_says("chat.postMessage", text=text, thread_ts=card["ts"])
    page = await quiet.window("#user=U0ANA")
    await expect(page.locator(".messages-pane .message")).to_have_count(1)

    await page.get_by_role("button", name="2 replies").click()

    await expect(panel(page).locator(".message .text")).to_have_text(["Card", "first step", "second step"])


async def test_a_reply_is_said_in_the_thread(quiet: Sandbox) -> None:
    """The focus is in its line at once; the channel counts the reply; Escape leads back to where one was."""
    await quiet.app_says("chat.postMessage", text="Card")
    page = await quiet.window("#user=U0ANA")
    opener = page.get_by_role("button", name="Reply in thread")
    await opener.focus()
    await page.keyboard.press("Enter")
    line = panel(page).get_by_role("textbox", name="Reply")
    await expect(line).to_be_focused()

    await page.keyboard.type("looks good")
    await page.keyboard.press("Enter")
    await expect(panel(page).locator(".message", has_text="looks good")).to_contain_text("Ana Lima")
    await expect(page.get_by_role("button", name="1 reply")).to_be_visible()
    await page.keyboard.press("Escape")

    await expect(panel(page)).to_have_count(0)
    await expect(opener).to_be_focused()


async def test_a_reply_can_stand_in_the_channel_too(quiet: Sandbox) -> None:
    """There it says that it is one, and leads to the thread."""
    await quiet.app_says("chat.postMessage", text="Card")
    page = await quiet.window("#user=U0ANA")
    await page.get_by_role("button", name="Reply in thread").click()
    await panel(page).get_by_role("checkbox", name="Also send to #deploys").check()

    await page.keyboard.press("Tab")
    await panel(page).get_by_role("textbox", name="Reply").fill("done")
    await page.keyboard.press("Enter")
    await panel(page).get_by_role("button", name="Close the thread").click()

    broadcast = page.locator(".messages-pane .message", has_text="done")
    await expect(broadcast).to_contain_text("replied to a thread")
    await broadcast.get_by_role("button", name="a thread").click()
    await expect(panel(page).locator(".message", has_text="done")).to_contain_text("also sent to the channel")


async def test_new_replies_are_counted_until_the_thread_is_open(quiet: Sandbox) -> None:
    """For who has not seen them; they do not mark the channel."""
    card = await quiet.app_says("chat.postMessage", text="Card")
    page = await quiet.window("#user=U0ANA")
    await quiet.app_says("chat.postMessage", text="end", thread_ts=card["ts"])

    opener = page.get_by_role("button", name="1 reply")
    await expect(opener).to_contain_text("1 new")
    await opener.click()

    await expect(opener).not_to_contain_text("new")


async def test_a_thread_takes_no_commands(quiet: Sandbox) -> None:
    """As in Slack; what was typed stays in the line."""
    await quiet.app_says("chat.postMessage", text="Card")
    page = await quiet.window("#user=U0ANA")
    await page.get_by_role("button", name="Reply in thread").click()
    line = panel(page).get_by_role("textbox", name="Reply")

    await line.fill("/deploy status")
    await page.keyboard.press("Enter")

    await expect(panel(page).get_by_role("alert")).to_contain_text("/deploy is not supported in threads")
    await expect(line).to_have_value("/deploy status")


async def test_a_thread_fills_a_narrow_window(quiet: Sandbox) -> None:
    """It takes the conversation's place, and closing it brings that back."""
    await quiet.app_says("chat.postMessage", text="Card")
    page = await quiet.window("#user=U0ANA", size=NARROW)
    await page.get_by_role("button", name="Reply in thread").click()
    await expect(page.locator(".messages-pane")).to_be_hidden()

    await panel(page).get_by_role("button", name="Close the thread").click()

    await expect(page.locator(".messages-pane")).to_be_visible()


async def test_a_thread_closes_with_its_conversation(quiet: Sandbox) -> None:
    """Another channel, another person: the panel is gone and the world is back in its place."""
    await quiet.app_says("chat.postMessage", text="Card")
    page = await quiet.window("#user=U0ANA")
    await page.get_by_role("button", name="Reply in thread").click()
    await expect(panel(page)).to_be_visible()

    await page.locator(".sidebar-lists").get_by_role("button", name="general").click()

    await expect(panel(page)).to_have_count(0)
    await expect(page.get_by_role("tablist", name="The world")).to_be_visible()
