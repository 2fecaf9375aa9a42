"""Deliveries sent once more, saved states and the way back to the start, at the page."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser.windows import Sandbox

ANA, DEPLOYS = "U0ANA", "C0DEPLOYS"
PANEL = "#panel=faults"
LONG_MS = 30_000


async def test_a_state_is_saved_and_loaded(quiet: Sandbox) -> None:
    """Under a name that is typed; loading asks first, and what came later is gone."""
    await quiet.slack.say(user=ANA, channel=DEPLOYS, text="before the save")
    page = await quiet.window(PANEL)
    await page.get_by_label("Save as").fill("friday")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.get_by_role("list", name="Saved states")).to_contain_text("friday")
    await quiet.slack.say(user=ANA, channel=DEPLOYS, text="after the save")
    talk = page.get_by_role("main")
    await expect(talk).to_contain_text("after the save")

    await page.get_by_role("button", name="Load friday").click()
    await page.get_by_role("dialog").get_by_role("button", name="Load").click()

    await expect(talk).not_to_contain_text("after the save")
    await expect(talk).to_contain_text("before the save")


async def test_a_name_that_cannot_be_a_file_is_refused_in_words(quiet: Sandbox) -> None:
    """The sentence stands beside the field, and nothing is written."""
    page = await quiet.window(PANEL)

    await page.get_by_label("Save as").fill("../../etc")
    await page.get_by_role("button", name="Save", exact=True).click()

    await expect(page.get_by_text("A name has 1 to 40 letters")).to_be_visible()
    assert not quiet.workbench.saves.exists()


async def test_the_way_back_to_the_start_asks_first(quiet: Sandbox) -> None:
    """Cancelled, everything stays; confirmed, the workspace is as at the beginning."""
    await quiet.slack.say(user=ANA, channel=DEPLOYS, text="something was said")
    page = await quiet.window(PANEL)
    talk = page.get_by_role("main")
    await page.get_by_role("button", name="Back to the start").click()
    await page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    await expect(talk).to_contain_text("something was said")

    await page.get_by_role("button", name="Back to the start").click()
    await page.get_by_role("dialog").get_by_role("button", name="Begin anew").click()

    await expect(talk).not_to_contain_text("something was said")


async def test_a_webhook_is_delivered_again(live: Sandbox) -> None:
    """The list shows event and answer; a redelivery is listed as one."""
    page = await live.window(PANEL)
    webhooks = page.get_by_role("list", name="Webhooks, newest first")
    await expect(webhooks).to_contain_text("ping", timeout=LONG_MS)

    await webhooks.get_by_role("button", name="Redeliver ping").first.click()

    await expect(webhooks).to_contain_text("again", timeout=LONG_MS)


async def test_the_last_slack_request_is_sent_again(live: Sandbox) -> None:
    """The bot hears the same command twice; where nothing was sent yet, a sentence says so."""
    page = await live.window(PANEL)
    again = page.get_by_role("button", name="The last Slack request again")
    await again.click()
    await expect(page.get_by_text("nothing was sent yet")).to_be_visible()
    await live.slack.command(user=ANA, channel=DEPLOYS, text="/deploy status")
    sent = live.slack.http.last

    await again.click()

    await expect(page.get_by_text("nothing was sent yet")).to_have_count(0)
    assert live.slack.http.last == sent
