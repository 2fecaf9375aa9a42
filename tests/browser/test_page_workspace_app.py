"""The app's own place: its Home tab and the direct messages with it."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser.windows import Sandbox

SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "*production* runs v1.4.1"}}


async def test_the_home_tab_shows_what_the_app_published(quiet: Sandbox) -> None:
    """Each person has their own; one without is told that there is none."""
    view = {"type": "home", "blocks": [SECTION]}
    await quiet.app_says("views.publish", channel=None, user_id="U0ANA", view=view)
    page = await quiet.window("#user=U0ANA")

    await page.locator(".sidebar-lists").get_by_role("button", name="Flytower").click()

    home = page.get_by_role("tabpanel", name="Home")
    await expect(home).to_contain_text("production runs v1.4.1")
    await page.get_by_role("button", name="bo @approvers").click()
    await expect(home).to_contain_text("No Home tab yet")


async def test_the_bot_draws_its_home_tab(live: Sandbox) -> None:
    """It hears that somebody opened it, and what it publishes is shown while one looks on."""
    page = await live.window("#user=U0ANA")

    await page.locator(".sidebar-lists").get_by_role("button", name="Flytower").click()

    home = page.get_by_role("tabpanel", name="Home")
    await expect(home.locator(".blocks")).to_be_visible()
    await expect(home).to_contain_text("production")


async def test_the_messages_tab_is_a_conversation_of_two(quiet: Sandbox) -> None:
    """What is written there is seen by nobody else."""
    page = await quiet.window("#user=U0ANA&channel=app&tab=home")
    await page.get_by_role("tab", name="Home").press("ArrowRight")
    line = page.get_by_role("textbox", name="Message Flytower")

    await line.fill("hello")
    await line.press("Enter")

    await expect(page.locator(".message", has_text="hello")).to_be_visible()
    await page.get_by_role("button", name="bo @approvers").click()
    await expect(page.get_by_role("heading", name="Flytower", exact=True).first).to_be_visible()
    await expect(page.locator(".message", has_text="hello")).to_have_count(0)


async def test_a_command_in_the_direct_message_is_answered_there(live: Sandbox) -> None:
    """The bot hears the command as in any channel."""
    page = await live.window("#user=U0ANA&channel=app&tab=messages")
    line = page.get_by_role("textbox", name="Message Flytower")

    await line.fill("/deploy help")
    await line.press("Enter")

    await expect(page.locator(".message.private")).to_contain_text("/deploy")
