"""The keyboard stays in place when what had the focus goes away, and lists stay where one reads them."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.windows import NARROW, Sandbox

ANA, DEPLOYS = "U0ANA", "C0DEPLOYS"
IAD = "148e2d1c6e9789"


@pytest.mark.parametrize(
    ("panel", "button", "role", "place"),
    [
        ("github", "Close #12", "listitem", "Pull request 12"),
        ("github", "Merge #12", "listitem", "Pull request 12"),
        ("scenes", "Start the bot", "group", "The bot"),
    ],
)
async def test_the_focus_stays_beside_a_button_that_went_away(
    quiet: Sandbox, panel: str, button: str, role: str, place: str
) -> None:
    """A button whose deed is done leaves the focus to what it belonged to, and Tab goes on from there."""
    page = await quiet.window(f"#panel={panel}")
    await page.get_by_role("button", name=button, exact=True).focus()

    await page.keyboard.press("Enter")

    await expect(page.get_by_role(role, name=place, exact=True)).to_be_focused()  # type: ignore[arg-type]


async def test_the_focus_stays_in_the_list_when_a_message_is_dismissed(quiet: Sandbox) -> None:
    """The next key that is pressed scrolls the messages, as before."""
    await quiet.app_says("chat.postEphemeral", user=ANA, text="only for ana")
    page = await quiet.window()
    dismiss = page.get_by_role("button", name="Dismiss message")
    await dismiss.focus()

    await page.keyboard.press("Enter")

    await expect(dismiss).to_have_count(0)
    await expect(page.get_by_role("region", name="Messages of #deploys")).to_be_focused()


async def test_a_button_that_has_to_wait_keeps_the_focus(quiet: Sandbox) -> None:
    """While a Machine stops nothing can be pressed there, and then the same button starts it."""
    page = await quiet.window("#panel=fly")
    await page.get_by_role("button", name=f"Stop {IAD}").focus()

    await page.keyboard.press("Enter")

    start = page.get_by_role("button", name=f"Start {IAD}")
    await expect(start).to_be_enabled()
    await expect(start).to_be_focused()


async def test_a_drawer_that_closes_leaves_the_focus_in_the_conversation(quiet: Sandbox) -> None:
    """On a phone the list of channels goes away with the channel that was chosen in it."""
    page = await quiet.window(size=NARROW)
    await page.get_by_role("button", name="Channels").click()
    await page.locator(".sidebar-lists").get_by_role("button", name="general").focus()

    await page.keyboard.press("Enter")

    await expect(page.get_by_role("main")).to_be_focused()


@pytest.mark.parametrize("size", [(1280, 300), NARROW], ids=["low", "narrow"])
async def test_a_thread_opens_at_its_newest_reply(quiet: Sandbox, size: tuple[int, int]) -> None:
    """However long what it answers is; a reply that comes while one looks at the end is seen too."""
    parent = await quiet.app_says("chat.postMessage", text="a line\n" * 60)
    for number in range(3):
        await quiet.app_says("chat.postMessage", text=f"reply {number}", thread_ts=parent["ts"])
    page = await quiet.window(size=size)

    await page.get_by_role("button", name="3 replies").click()

    thread = page.get_by_role("complementary", name="Thread")
    await expect(thread.get_by_text("reply 2")).to_be_in_viewport()
    await quiet.app_says("chat.postMessage", text="one more\n" * 20 + "the end", thread_ts=parent["ts"])
    await expect(thread.get_by_text("the end")).to_be_in_viewport()


async def test_a_window_that_is_narrowed_stays_at_the_newest_message(quiet: Sandbox) -> None:
    """What takes more lines then grows upwards; whoever has scrolled up stays there."""
    for number in range(4):
        await quiet.slack.say(user=ANA, channel=DEPLOYS, text=f"message {number} {'with many words ' * 60}")
    page = await quiet.window()
    newest, oldest = page.get_by_text("message 3"), page.get_by_text("message 0")
    await expect(newest).to_be_in_viewport()

    await page.set_viewport_size({"width": 400, "height": 800})
    await expect(newest).to_be_in_viewport()
    await expect(page.get_by_role("button", name="Jump to latest")).to_have_count(0)
    await page.get_by_role("region", name="Messages of #deploys").press("Home")
    await expect(oldest).to_be_in_viewport()
    await page.set_viewport_size({"width": 1280, "height": 800})

    await expect(oldest).to_be_in_viewport()
