"""Messages in a conversation: who, when, what, and what other people's text cannot do."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.async_api import Locator, Page, expect

from sandbox.slack.messages import Content
from tests.browser.windows import NARROW, WIDE, Sandbox

HOSTILE = "<!channel> & </p><script>alert(1)</script><img src=x onerror=alert(2)> \u202egnp.exe\u2066 " + "w" * 3_000
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c4944415408d763f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)


def message(page: Page, text: str) -> Locator:
    return page.locator(".message", has_text=text)


def fill_up(sandbox: Sandbox, count: int) -> None:
    """So many messages of bo's in #deploys."""
    channel = sandbox.slack.world.channels["C0DEPLOYS"]
    for number in range(count):
        sandbox.slack.world.add_message(channel, "U0BO", Content(text=f"message {number:04}"), source="person")


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_hostile_text_is_text(quiet: Sandbox, size: tuple[int, int]) -> None:
    """Markup, broadcasts and marks that turn the direction are characters, and break no layout."""
    page = await quiet.window("#user=U0BO", size=size)
    await page.get_by_role("textbox", name="Message #deploys").fill(HOSTILE)

    await page.keyboard.press("Enter")

    text = message(page, "gnp.exe").locator(".text")
    await expect(text).to_have_text(HOSTILE.strip(), use_inner_text=False)
    assert await page.locator(".message script, .message img[src='x']").count() == 0
    assert await page.evaluate("document.documentElement.scrollWidth") == size[0]
    assert await page.locator(".messages-pane").evaluate("pane => pane.scrollWidth - pane.clientWidth") == 0


async def test_messages_of_one_author_stand_together(quiet: Sandbox) -> None:
    """The second within five minutes has no picture and name of its own; a screen reader still hears the name."""
    page = await quiet.window()
    for user, text in (("ana", "one"), ("ana", "two"), ("bo", "three")):
        await quiet.slack.say(user=user, channel="deploys", text=text)

    await expect(message(page, "three")).to_be_visible()

    names = page.locator(".message .byline strong")
    await expect(names).to_have_text(["Ana Lima", "Bo Chen"])
    await expect(message(page, "two")).to_contain_text("Ana Lima")


async def test_the_app_is_marked_and_its_edits_too(quiet: Sandbox) -> None:
    """APP beside its name; an edit stands in place and says that it is one; the time has its date."""
    page = await quiet.window()
    card = await quiet.app_says("chat.postMessage", text="Deploying")
    await expect(message(page, "Deploying")).to_be_visible()

    await quiet.app_says("chat.update", ts=card["ts"], text="Deployed to *production*")

    (shown,) = await page.locator(".message").all()
    await expect(shown).to_contain_text("APP")
    await expect(shown.locator("strong", has_text="production")).to_be_visible()
    await expect(shown).to_contain_text("(edited)")
    await expect(shown.locator("time").first).to_have_attribute("title", re.compile(r"\d{4}"))


async def test_a_deleted_message_vanishes(quiet: Sandbox) -> None:
    """As in Slack, without a trace."""
    page = await quiet.window()
    card = await quiet.app_says("chat.postMessage", text="Never mind")
    await expect(message(page, "Never mind")).to_be_visible()

    await quiet.app_says("chat.delete", ts=card["ts"])

    await expect(message(page, "Never mind")).to_have_count(0)


async def test_a_private_message_is_for_one_person_until_dismissed(quiet: Sandbox) -> None:
    """Only its person sees it, told so, and can put it away."""
    page = await quiet.window("#user=U0ANA")
    other = await quiet.window("#user=U0BO")
    await quiet.app_says("chat.postEphemeral", user="U0ANA", text="psst")
    await quiet.app_says("chat.postMessage", text="everybody")

    await expect(message(page, "psst")).to_contain_text("Only visible to you")
    await expect(message(other, "everybody")).to_be_visible()
    await expect(message(other, "psst")).to_have_count(0)
    await page.get_by_role("button", name="Dismiss message").click()

    await expect(message(page, "psst")).to_have_count(0)


async def test_a_reaction_is_added_and_taken_back(quiet: Sandbox) -> None:
    """From the menu by keyboard, and by a click on what stands there."""
    page = await quiet.window("#user=U0ANA")
    await quiet.slack.say(user="bo", channel="deploys", text="shipped")
    await page.get_by_role("button", name="Add a reaction").focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="tada").press("Enter")
    reaction = message(page, "shipped").get_by_role("button", name="tada: ana")
    await expect(reaction).to_have_attribute("aria-pressed", "true")

    await reaction.click()

    await expect(reaction).to_have_count(0)


async def test_files_are_saved_and_pictures_shown(quiet: Sandbox) -> None:
    """A link with name and size; a picture in its place, whatever else its name promises."""
    await shared(quiet, "history.csv", b"who,what\n")
    await shared(quiet, "chart.png", PIXEL)

    page = await quiet.window("#user=U0ANA&channel=app&tab=messages")

    link = page.get_by_role("link", name="history.csv")
    async with page.expect_download() as saving:
        await link.click()
    assert (await saving.value).suggested_filename == "history.csv"
    await expect(page.get_by_role("listitem").filter(has=link).last).to_contain_text("9 bytes")
    picture = page.get_by_role("img", name="chart.png")
    assert await picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 1


async def shared(sandbox: Sandbox, name: str, content: bytes) -> None:
    """The app sends Ana a file."""
    slack = sandbox.slack
    file = await sandbox.app_says("files.getUploadURLExternal", filename=name, length=len(content))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(slack.asgi()), base_url="http://slack") as client:
        await client.post(f"/upload/v1/{file['file_id']}", content=content)
    files = [{"id": file["file_id"], "title": name}]
    channel = slack.world.open_im("U0ANA").id
    await sandbox.app_says("files.completeUploadExternal", files=files, channel_id=channel)


async def test_a_click_that_nobody_answers_is_told_at_the_message(quiet: Sandbox) -> None:
    """Beside the button, to the person who pressed it."""
    go = {"type": "button", "text": {"type": "plain_text", "text": "Go"}, "action_id": "go"}
    await quiet.app_says("chat.postMessage", text="Card", blocks=[{"type": "actions", "elements": [go]}])
    page = await quiet.window("#user=U0ANA")

    await page.get_by_role("button", name="Go", exact=True).click()

    await expect(page.locator(".message").get_by_role("alert").first).to_contain_text("dispatch_failed")


async def test_a_thousand_messages_come_as_one_scrolls(quiet: Sandbox) -> None:
    """The newest first; earlier ones above what one looks at, which stays where it is; and a button back."""
    fill_up(quiet, 1_000)
    page = await quiet.window()
    await expect(message(page, "message 0999")).to_be_in_viewport()
    assert await page.locator(".message").count() == 100
    pane = page.locator(".messages-pane")

    await message(page, "message 0902").scroll_into_view_if_needed()
    await expect(message(page, "message 0850")).to_be_attached()
    await expect(message(page, "message 0902")).to_be_in_viewport()
    await pane.evaluate("pane => { pane.scrollTop = 0 }")
    await expect(message(page, "message 0750")).to_be_attached()
    await page.get_by_role("button", name="Jump to latest").click()

    await expect(message(page, "message 0999")).to_be_in_viewport()


async def test_a_link_to_a_message_leads_to_it(quiet: Sandbox) -> None:
    """Also from another conversation, to one that is not drawn yet."""
    fill_up(quiet, 300)
    ts = next(iter(quiet.slack.world.channels["C0DEPLOYS"].messages))
    permalink = (await quiet.app_says("chat.getPermalink", message_ts=ts))["permalink"]
    await quiet.app_says("chat.postMessage", channel="U0ANA", text=f"<{permalink}|the first one>")
    page = await quiet.window("#user=U0ANA&channel=app&tab=messages")

    await page.get_by_role("link", name="the first one").click()

    await expect(page.get_by_role("heading", name="# deploys")).to_be_visible()
    await expect(message(page, "message 0000")).to_be_in_viewport()


async def test_who_reads_what_is_old_is_not_carried_away(quiet: Sandbox) -> None:
    """New messages are counted on the button to the end; one's own lead there."""
    fill_up(quiet, 150)
    page = await quiet.window("#user=U0ANA")
    early = message(page, "message 0080")
    await early.scroll_into_view_if_needed()

    await quiet.slack.say(user="cleo", channel="deploys", text="news")

    await expect(page.get_by_role("button", name="1 new")).to_be_visible()
    await expect(early).to_be_in_viewport()
    await page.get_by_role("textbox", name="Message #deploys").fill("mine")
    await page.keyboard.press("Enter")
    await expect(message(page, "mine")).to_be_in_viewport()


async def test_a_screen_reader_hears_news_once(quiet: Sandbox) -> None:
    """A new message is said complete; an edit of it is not."""
    await quiet.app_says("chat.postMessage", text="before")
    page = await quiet.window("#user=U0ANA")
    log = page.get_by_role("log", name="New messages")
    card = await quiet.app_says("chat.postMessage", text="Deploying *v1.4.2*")
    await expect(log).to_have_text("Flytower: Deploying v1.4.2")

    await quiet.app_says("chat.update", ts=card["ts"], text="Half done")
    await quiet.app_says("chat.postMessage", text="Deployed")

    await expect(log.locator("> div")).to_have_text(["Flytower: Deploying v1.4.2", "Flytower: Deployed"])
