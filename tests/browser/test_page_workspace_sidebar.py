"""The sidebar: what each person sees of the workspace, what is unread, and whose hands the window has."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from sandbox.slack.world import Channel
from tests.browser.windows import NARROW, Sandbox


async def says(sandbox: Sandbox, user: str, text: str, channel: str = "general") -> None:
    await sandbox.slack.say(user=user, channel=channel, text=text)


@pytest.mark.parametrize(
    ("user", "names"),
    [
        ("U0BO", ["# deploys", "# general", "private incidents", "Flytower app"]),
        ("U0ANA", ["# deploys", "# general", "Flytower app"]),
        ("U0GUS", ["# deploys", "Flytower app"]),
        ("U0EVE", ["# deploys"]),
    ],
    ids=["member of a private channel", "member", "guest", "other workspace"],
)
async def test_everybody_sees_their_own_conversations(quiet: Sandbox, user: str, names: list[str]) -> None:
    """Private channels are for their members, guests see theirs, strangers what is shared with them."""
    world = quiet.slack.world
    world.channels["C0INC"] = Channel("C0INC", "incidents", "private", ["U0BO", "U0CLEO"])
    world.changed()

    page = await quiet.window(f"#user={user}")

    entries = page.locator(".sidebar-lists").get_by_role("button")
    await expect(entries).to_have_count(len(names))
    for number, name in enumerate(names):
        await expect(entries.nth(number)).to_have_accessible_name(name)


async def test_one_click_makes_the_window_anothers(quiet: Sandbox) -> None:
    """What is typed afterwards is that person's."""
    page = await quiet.window("#user=U0ANA")

    await page.get_by_role("button", name="cleo @approvers").click()
    await page.get_by_role("textbox", name="Message #deploys").fill("good morning")
    await page.keyboard.press("Enter")

    await expect(page.get_by_role("heading", name="You are cleo")).to_be_visible()
    message = page.locator(".message", has_text="good morning")
    await expect(message).to_contain_text("Cleo Marsh")


async def test_a_second_window_is_anothers(quiet: Sandbox) -> None:
    """The link beside a person opens a window of theirs on the same conversation, and this one stays as it is."""
    page = await quiet.window("#user=U0ANA&channel=C0GENERAL")

    async with page.expect_popup() as opening:
        await page.get_by_role("link", name="Second window as bo").click()
    second = await opening.value

    await expect(second.get_by_role("heading", name="You are bo")).to_be_visible()
    await expect(second.get_by_role("heading", name="# general")).to_be_visible()
    await expect(page.get_by_role("heading", name="You are ana")).to_be_visible()


async def test_what_is_unread_is_marked_for_each_person(quiet: Sandbox) -> None:
    """A dot for what was said, a number for what mentions the person or their group, nothing for the author."""
    await says(quiet, "cleo", "said before anybody came")
    page = await quiet.window("#user=U0ANA")

    await says(quiet, "cleo", "lunch?")
    await says(quiet, "cleo", "<!subteam^S0APPROVERS> please look")

    general = page.locator(".sidebar-lists").get_by_role("button", name="general")
    await expect(general).to_have_accessible_name("# general 2 unread")
    await page.get_by_role("button", name="bo @approvers").click()
    await expect(general).to_have_accessible_name("# general 1 message for you")
    await page.get_by_role("button", name="cleo @approvers").click()
    await expect(general).to_have_accessible_name("# general")


async def test_what_was_read_is_unread_no_more(quiet: Sandbox) -> None:
    """Opening the conversation takes the mark away, and a line says where the new begins."""
    await says(quiet, "cleo", "old")
    page = await quiet.window("#user=U0ANA")
    general = page.locator(".sidebar-lists").get_by_role("button", name="general")
    await says(quiet, "cleo", "<@U0ANA> fresh")
    await expect(general).to_have_accessible_name("# general 1 message for you")

    await general.click()

    await expect(general).to_have_accessible_name("# general")
    rows = page.locator(".messages > li")
    await expect(rows).to_contain_text(["Today", "old", "New", "fresh"])


async def test_a_direct_message_counts(quiet: Sandbox) -> None:
    """What the app writes to one person is marked with a number, for that person only."""
    page = await quiet.window("#user=U0ANA")

    await quiet.app_says("chat.postMessage", channel="U0ANA", text="your export")

    app = page.locator(".sidebar-lists").get_by_role("button", name="Flytower")
    await expect(app).to_have_accessible_name("Flytower app 1 message for you")
    await page.get_by_role("button", name="bo @approvers").click()
    await expect(app).to_have_accessible_name("Flytower app")


async def test_who_is_outside_looks_on_until_they_join(quiet: Sandbox) -> None:
    """The channel is marked, there is no line to type in, and joining brings it."""
    quiet.slack.world.channels["C0GENERAL"].members.remove("U0BO")
    page = await quiet.window("#user=U0BO&channel=C0GENERAL")
    line = page.get_by_role("textbox", name="Message #general")
    await expect(page.get_by_role("button", name="general not a member")).to_be_visible()
    await expect(line).to_have_count(0)

    await page.get_by_role("button", name="Join #general").click()

    await expect(line).to_be_visible()


async def test_a_narrow_window_shows_one_part_at_a_time(quiet: Sandbox) -> None:
    """Channels, chat and world take turns, and the button to the channels tells what is unread."""
    page = await quiet.window("#user=U0ANA", size=NARROW)
    parts = page.locator(".drawer-switch")
    await says(quiet, "cleo", "<@U0ANA> lunch?")
    await expect(parts.get_by_role("button", name="Channels 1 message for you")).to_be_visible()

    await parts.get_by_role("button", name="World").click()
    await expect(page.get_by_role("tablist", name="The world")).to_be_visible()
    await expect(page.locator("#text")).to_be_hidden()
    await parts.get_by_role("button", name="Channels").click()
    await page.get_by_role("button", name="general").click()

    await expect(page.get_by_role("heading", name="# general")).to_be_visible()
    await expect(page.locator("#text")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") == NARROW[0]
